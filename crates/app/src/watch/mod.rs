//! Reads the files of settings, secrets and certificates again while the process runs, and applies what changed.
//!
//! The contents are compared, twice a second, on a thread of its own. Notifications of the system would have to follow the
//! swaps of `..data` that Kubernetes makes, and are lost on some file systems; reading a dozen small files costs nothing.

mod metrics;
mod plan;
mod uses;

pub(crate) use plan::WatchPlan;
pub(crate) use uses::itself;

use metrics::WatchMetrics;
use plan::Watched;
use std::{
    io,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// How often the files are read. A change counts when two reads in a row have found it, so that a half-written file is not
/// used: within a second, as a rule.
const EVERY: Duration = Duration::from_millis(500);

/// The thread that watches. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watch(mpsc::Sender<()>);

impl Watch {
    fn start(mut watched: Vec<Watched>, metrics: WatchMetrics) -> io::Result<Self> {
        let (sender, orders) = mpsc::channel();
        thread::Builder::new().name("files".to_owned()).spawn(move || {
            loop {
                match orders.recv_timeout(EVERY) {
                    Ok(()) => read_now(&mut watched, &metrics),
                    Err(RecvTimeoutError::Timeout) => {
                        for file in &mut watched {
                            let _ = file.poll(&metrics);
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Self(sender))
    }

    /// Reads every file now, and logs what changed. Returns at once.
    pub(crate) fn read_now(&self) {
        // The thread lives as long as the sender.
        let _ = self.0.send(());
    }
}

fn read_now(watched: &mut [Watched], metrics: &WatchMetrics) {
    let mut has_changed = false;
    for file in watched.iter_mut() {
        has_changed |= file.read_now(metrics);
    }
    if !has_changed {
        tracing::info!(
            files = watched.len(),
            "SIGHUP: no file of a setting changed; a value of the environment itself changes with a restart only"
        );
    }
}

#[cfg(test)]
mod tests;
