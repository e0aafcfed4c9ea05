//! From arguments and environment to an exit status, the same for both binaries.

use crate::{
    config::{ConfigError, LogConfig},
    telemetry,
};
use std::{error::Error, fmt::Write as _, io::Write as _, process::ExitCode};

/// What a command ends with.
pub(crate) type Outcome = Result<ExitCode, Box<dyn Error + Send + Sync>>;

/// Status of a wrong configuration or command line.
const MISCONFIGURED: u8 = 2;

/// Starts logging and runs `command` on a runtime of its own.
pub(crate) fn run<C>(
    config: Result<C, ConfigError>,
    log: impl Fn(&C) -> &LogConfig,
    command: impl AsyncFnOnce(C) -> Outcome,
) -> ExitCode {
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            report(&error);
            return ExitCode::from(MISCONFIGURED);
        }
    };
    if let Err(error) = telemetry::start(log(&config), std::io::stderr) {
        report(&error);
        return ExitCode::from(MISCONFIGURED);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            report(&error);
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(command(config)) {
        Ok(code) => code,
        Err(error) => {
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// One line: the error and what caused it.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

fn report(error: &(dyn Error + 'static)) {
    // Nothing is left to be told when even the standard error output is gone.
    let _ = writeln!(std::io::stderr(), "{}", chain(error));
}

/// Prints a line on the standard output.
pub(crate) fn say(line: impl AsRef<str>) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{}", line.as_ref())
}
