//! The logging of a service.

use super::{
    Environment, OtlpSettings, ProcessEnvironment, Variable, log_filter, otlp,
    variables::{Reader, number},
};
use secrecy::SecretString;

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Readable text, for a terminal.
    Human,
}

/// The logging of each service.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// The format of lines.
    pub format: LogFormat,
    /// The filter of lines, such as `info` or `warn,character_cache=debug`.
    pub filter: String,
    /// Maximum number of warnings and errors that say the same in a minute. Further ones are logged as one number.
    pub repeats_per_minute: u32,
    /// The collector that receives traces and metrics; `None`: nothing is sent.
    pub otlp: Option<OtlpSettings>,
}

impl LogConfig {
    /// The headers for the collector, to be removed from logs and reports.
    pub(super) fn secrets(&self) -> impl Iterator<Item = SecretString> + '_ {
        self.otlp.iter().flat_map(|otlp| otlp.client.headers.values())
    }
}

impl LogFormat {
    /// The format that the environment of the process names, for what is reported before the configuration is read.
    pub(crate) fn of_process() -> Self {
        let given = ProcessEnvironment.get(LOG_FORMAT.name);
        if given.is_some_and(|given| given == "json") { Self::Json } else { Self::Human }
    }
}

pub(crate) const LOG_FORMAT: Variable = Variable::new("LOG_FORMAT", "format of log lines: json or human", "human");
pub(crate) const LOG_LEVEL: Variable = Variable::new(
    "LOG_LEVEL",
    "log filter: error, warn, info, debug, trace or off, or target=level pairs, separated by commas",
    // The client of NATS has a line for each attempt to connect; ours for the first that fails is enough.
    "info,async_nats=warn",
)
.changing();
pub(crate) const LOG_REPEATS_PER_MINUTE: Variable = Variable::new(
    "LOG_REPEATS_PER_MINUTE",
    "maximum number of warnings that say the same in a minute; further ones are logged as one number",
    "5",
);

pub(super) fn log_config(reader: &mut Reader<'_>, service: &'static str) -> Option<LogConfig> {
    let format = reader.read(&LOG_FORMAT, |text| match text {
        "json" => Ok(LogFormat::Json),
        "human" => Ok(LogFormat::Human),
        _ => Err("must be json or human".to_owned()),
    });
    let filter = reader.read(&LOG_LEVEL, log_filter);
    let repeats = reader.read(&LOG_REPEATS_PER_MINUTE, number(1, 1_000_000));
    let otlp = otlp::otlp_settings(reader, service);
    Some(LogConfig { format: format?, filter: filter?, repeats_per_minute: u32::try_from(repeats?).ok()?, otlp: otlp? })
}
