//! The signals that a service handles.

use crate::watch::Watch;
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that a service handles.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    user: (Signal, Signal),
}

/// A signal that ends the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
}

impl Stop {
    /// The name of the signal.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }
}

impl Signals {
    /// Handles them from now on. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the system does not let the process handle them.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user: (signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?),
        })
    }

    /// Waits for a signal that ends the service. SIGHUP reads changed files again; SIGUSR1 and SIGUSR2 are ignored, with a
    /// line in the log for each. Cancel safe.
    pub(crate) async fn stop(&mut self, watch: &Watch) -> Stop {
        loop {
            let ignored = tokio::select! {
                _ = self.terminate.recv() => return Stop::Terminate,
                _ = self.interrupt.recv() => return Stop::Interrupt,
                _ = self.hang_up.recv() => {
                    watch.read_now();
                    continue;
                }
                _ = self.user.0.recv() => "SIGUSR1",
                _ = self.user.1.recv() => "SIGUSR2",
            };
            tracing::info!(signal = ignored, "the signal is ignored");
        }
    }
}

/// From now on SIGHUP, SIGUSR1 and SIGUSR2 do not end the process, also while it starts. Needs a Tokio runtime.
///
/// # Errors
/// When the system does not let the process handle them.
pub(crate) fn outlive() -> io::Result<()> {
    for kind in [SignalKind::hangup(), SignalKind::user_defined1(), SignalKind::user_defined2()] {
        // A handler stays when the stream of its signals is gone.
        drop(signal(kind)?);
    }
    Ok(())
}
