//! Signals that operators send by habit and that would end the process.

use tokio::signal::unix::{SignalKind, signal};

/// Ignores `SIGUSR1` and `SIGUSR2`, with a line in the log for each. Needs a Tokio runtime.
///
/// # Errors
/// When the system does not let the process handle them.
pub(crate) fn ignore_user_signals() -> std::io::Result<()> {
    for (kind, name) in [(SignalKind::user_defined1(), "SIGUSR1"), (SignalKind::user_defined2(), "SIGUSR2")] {
        let mut signals = signal(kind)?;
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                tracing::info!(signal = name, "the signal is ignored");
            }
        });
    }
    Ok(())
}
