//! From arguments and environment to an exit status, the same for both binaries.

use crate::{
    config::{ConfigError, LogConfig, LogFormat},
    log_queue::LogQueue,
    otlp,
    repetitions::{Due, Repetitions},
    telemetry,
};
use character_error_reporter::{Redactor, redacted};
use secrecy::SecretString;
use std::{
    backtrace::Backtrace, error::Error, hint::black_box, io::Write as _, panic, process::ExitCode, sync::Arc, thread,
    time::Duration,
};

/// What a command ends with.
pub(crate) type CommandResult = Result<ExitCode, Box<dyn Error + Send + Sync>>;

/// Status of a wrong configuration or command line.
const MISCONFIGURED: u8 = 2;

/// How long the process waits at its end for the reader of its log.
const LAST_LINES: Duration = Duration::from_secs(2);

/// How often the lines that were repeated too often are summarized.
const SUMMARIZE_EVERY: Duration = Duration::from_secs(10);

/// How long after the start free memory is returned to the kernel for the first time, and how often it is from then on.
const RETURN_MEMORY_AFTER: Duration = Duration::from_secs(2);
const RETURN_MEMORY_EVERY: Duration = Duration::from_secs(10);

/// Reads the configuration, starts logging, from which it keeps the secrets out, and runs `command` on a runtime of its own.
pub(crate) fn run<C>(
    read: impl FnOnce() -> Result<C, ConfigError>,
    log: impl Fn(&C) -> &LogConfig,
    secrets: impl Fn(&C) -> Vec<SecretString>,
    command: impl AsyncFnOnce(C, LogQueue) -> CommandResult,
) -> ExitCode {
    // Before anything large is allocated: what is in huge pages already stays there.
    let small_pages = use_small_pages();
    let config = read();
    let format = config.as_ref().map_or_else(|_| LogFormat::of_process(), |config| log(config).format);
    let repeats = config.as_ref().map_or(u32::MAX, |config| log(config).repeats_per_minute);
    let lines = match LogQueue::start(format, Arc::new(Repetitions::new(repeats)), std::io::stderr()) {
        Ok(lines) => lines,
        Err(error) => {
            // Without the thread of the queue there is only the direct way, and no reason to report a second failure.
            let _ = writeln!(std::io::stderr(), "the thread that writes the log cannot start: {}", redacted(&error));
            return ExitCode::FAILURE;
        }
    };
    let report = |message: &str| match format {
        LogFormat::Human => lines.push(format!("{message}\n").as_bytes()),
        LogFormat::Json => lines.push(failure(message).as_bytes()),
    };
    let code = match config {
        Err(error) => {
            match format {
                LogFormat::Human => report(&error.to_string()),
                LogFormat::Json => error.0.iter().for_each(|fault| report(fault)),
            }
            ExitCode::from(MISCONFIGURED)
        }
        Ok(config) => logged(config, log, secrets, command, &lines, small_pages).unwrap_or_else(|error| {
            report(&redacted(error.as_ref()).to_string());
            ExitCode::FAILURE
        }),
    };
    lines.flush(LAST_LINES);
    code
}

/// Keeps the kernel from using huge pages where it does so unasked. The allocator spreads what it holds over its space, so
/// that a process with a few megabytes would touch huge pages of 32, and the kernel would clear them at the start.
fn use_small_pages() -> std::io::Result<()> {
    Ok(rustix::thread::disable_transparent_huge_pages(true)?)
}

/// What ended the process, as a line of JSON like all others.
fn failure(message: &str) -> String {
    let line = serde_json::json!({
        "timestamp": jiff::Timestamp::now().to_string(), "level": "ERROR", "message": message, "target": module_path!(),
    });
    format!("{line}\n")
}

fn logged<C>(
    config: C,
    log: impl Fn(&C) -> &LogConfig,
    secrets: impl Fn(&C) -> Vec<SecretString>,
    command: impl AsyncFnOnce(C, LogQueue) -> CommandResult,
    lines: &LogQueue,
    small_pages: std::io::Result<()>,
) -> CommandResult {
    Redactor::new(secrets(&config)).install();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (repetitions, otlp) = (lines.repetitions(), log(&config).otlp.as_ref());
    let provider = otlp::provider(otlp, runtime.handle())?;
    telemetry::start_with(log(&config), lines.clone(), &repetitions, &provider)?;
    if let Err(error) = small_pages {
        tracing::debug!(error = %redacted(&error), "the kernel may use huge pages, with which the process takes more memory");
    }
    // The hook of the standard library writes to the standard error output itself, and waits for its reader.
    panic::set_hook(Box::new(|panic| tracing::error!(%panic, backtrace = %Backtrace::capture(), "a thread panicked")));
    let summarized = Arc::clone(&repetitions);
    runtime.spawn(async move {
        let mut ticks = tokio::time::interval(SUMMARIZE_EVERY);
        loop {
            ticks.tick().await;
            summarized.summarize(Due::Over);
        }
    });
    runtime.spawn(return_free_memory());
    let outcome = runtime.block_on(command(config, lines.clone()));
    // The runtime carries the last request to the collector.
    otlp::finish(&provider);
    repetitions.summarize(Due::All);
    outcome
}

/// Makes the allocator return memory to the kernel. mimalloc does so when a thread ends, with memory that has been free for a second;
/// in a process at rest no thread ends, and it would keep all that its start, or its busiest minute, needed.
async fn return_free_memory() {
    let first = tokio::time::Instant::now() + RETURN_MEMORY_AFTER;
    let mut ticks = tokio::time::interval_at(first, RETURN_MEMORY_EVERY);
    loop {
        ticks.tick().await;
        // One that allocates takes part in what the allocator does when it ends.
        let spawned = thread::Builder::new().name("memory".to_owned()).spawn(|| drop(black_box(Box::new(0_u8))));
        if let Err(error) = spawned {
            tracing::debug!(error = %redacted(&error), "no thread can be started; free memory is not returned to the kernel");
        }
    }
}

/// Prints a line on the standard output. What files or other services have put into it moves no cursor and turns no text
/// round: such characters are shown as escapes.
pub(crate) fn say(line: impl AsRef<str>) -> std::io::Result<()> {
    print_document(&visible(line.as_ref()))
}

/// Prints a text of our own, of several lines, unchanged.
pub(crate) fn print_document(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{text}")
}

fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || TURNING.contains(&c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// Characters that end a line or change the direction in which a terminal shows what follows.
const TURNING: [char; 14] = [
    '\u{61c}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}',
    '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn nothing_that_is_printed_steers_the_terminal() {
        assert_eq!(
            visible("name: \u{1b}[2J\r\u{7}\u{9b}x\u{202e}\n"),
            "name: \\u{1b}[2J\\u{d}\\u{7}\\u{9b}x\\u{202e}\\u{a}"
        );
        assert_eq!(visible("Torormír the Grey, 龍: at line 3"), "Torormír the Grey, 龍: at line 3");
        let every = (0..=0x10_ffff).filter_map(char::from_u32).collect::<String>();
        assert!(!visible(&every).chars().any(|c| c.is_control() || super::TURNING.contains(&c)));
    }
}
