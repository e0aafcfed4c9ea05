//! The task that sends failures to a Sentry.

use crate::{Dsn, envelope::envelope};
use character_error_reporter::{ErrorReporter, Failure};
use jiff::Timestamp;
use reqwest::{Client, header, redirect};
use secrecy::ExposeSecret;
use std::{
    fmt,
    time::{Duration, Instant},
};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        watch,
    },
    task::JoinHandle,
};

/// Maximum number of queued reports; further ones are dropped.
const QUEUE: usize = 64;
/// How long one report may take to be delivered.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to pause after a Sentry demanded a pause without a length.
const PEACE: Duration = Duration::from_secs(60);
/// The longest pause.
const LONGEST_PEACE: Duration = Duration::from_secs(3600);

/// Reports failures to a Sentry, from a separate task: callers never wait, and a report that cannot be delivered at the
/// first attempt is dropped, because the log contains it anyway. Ends when it is dropped.
#[derive(Debug)]
pub struct Sentry {
    queue: mpsc::Sender<Failure>,
    dsn: watch::Sender<Dsn>,
    task: JoinHandle<()>,
}

/// The HTTP client cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client can be made for Sentry")]
pub struct ConnectError(#[source] reqwest::Error);

impl Sentry {
    /// Reports to the Sentry of `dsn`; `release` is the version of the service. Does not connect yet. Requires a Tokio
    /// runtime.
    ///
    /// # Errors
    /// [`ConnectError`] when the TLS set-up cannot be used.
    pub fn connect(dsn: &Dsn, release: &str) -> Result<Self, ConnectError> {
        let client = Client::builder().timeout(PATIENCE).redirect(redirect::Policy::none()).build();
        let (dsn, used) = watch::channel(dsn.clone());
        let sender = Sender { client: client.map_err(ConnectError)?, dsn: used, release: release.to_owned() };
        let (queue, waiting) = mpsc::channel(QUEUE);
        Ok(Self { queue, dsn, task: tokio::spawn(sender.send_all(waiting)) })
    }

    /// The next report goes to the Sentry of `dsn`.
    pub fn redirect(&self, dsn: Dsn) {
        self.dsn.send_replace(dsn);
    }
}

impl Drop for Sentry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ErrorReporter for Sentry {
    fn report(&self, failure: &Failure) {
        if let Err(TrySendError::Full(_) | TrySendError::Closed(_)) = self.queue.try_send(failure.clone()) {
            tracing::debug!("a report was dropped: too many reports wait for Sentry");
        }
    }
}

struct Sender {
    client: Client,
    dsn: watch::Receiver<Dsn>,
    release: String,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("release", &self.release).finish_non_exhaustive()
    }
}

impl Sender {
    async fn send_all(mut self, mut waiting: mpsc::Receiver<Failure>) {
        let (mut silent_until, mut works) = (None::<Instant>, true);
        while let Some(failure) = waiting.recv().await {
            // It fails when the reporter was dropped, and then this task ends.
            if self.dsn.has_changed().unwrap_or(false) {
                silent_until = None;
            }
            let dsn = self.dsn.borrow_and_update().clone();
            if silent_until.is_some_and(|end| Instant::now() < end) {
                continue;
            }
            let outcome = self.send(&dsn, &failure).await;
            silent_until = outcome.as_ref().err().and_then(|lost| lost.peace).map(|peace| Instant::now() + peace);
            // Said once, not once a report.
            match &outcome {
                Err(lost) if works => tracing::warn!(reason = lost.reason, "Sentry does not accept reports"),
                Ok(()) if !works => tracing::info!("Sentry accepts reports again"),
                _ => {}
            }
            works = outcome.is_ok();
        }
    }

    async fn send(&self, dsn: &Dsn, failure: &Failure) -> Result<(), Lost> {
        let authentication = format!(
            "Sentry sentry_version=7, sentry_client=character-service/{}, sentry_key={}",
            self.release,
            dsn.key.expose_secret()
        );
        let request = self
            .client
            .post(dsn.endpoint.clone())
            .header("x-sentry-auth", authentication)
            .header(header::CONTENT_TYPE, "application/x-sentry-envelope")
            .body(envelope(failure, &self.release, Timestamp::now()));
        let answer = request.send().await.map_err(|_| Lost { reason: "it cannot be reached", peace: None })?;
        match answer.status().as_u16() {
            200..300 => Ok(()),
            429 => {
                let asked = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
                let asked = asked.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
                let peace = asked.unwrap_or(PEACE).min(LONGEST_PEACE);
                Err(Lost { reason: "it asked for fewer", peace: Some(peace) })
            }
            401 | 403 => Err(Lost { reason: "it does not accept the key of the DSN", peace: None }),
            _ => Err(Lost { reason: "it refused the report", peace: None }),
        }
    }
}

/// A report that was not delivered.
struct Lost {
    reason: &'static str,
    peace: Option<Duration>,
}
