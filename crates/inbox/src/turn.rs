//! Whose turn it is: of several processes with one subscription, one receives at a time.

use character_error_reporter::redacted;
use character_storage_port::{ConsumerName, Consumers, HolderId, LeaseToken, Log, Result, StorageError};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// How long the lease is valid; it is prolonged after a third of it.
const LEASE: Duration = Duration::from_secs(30);
/// How long before the end of the lease this process stops to receive.
const HEADROOM: Duration = Duration::from_secs(5);
/// The longest pause between two attempts to get the lease.
const PAUSE: Duration = Duration::from_secs(1);
/// Maximum time to release the lease.
const RELEASE_WITHIN: Duration = Duration::from_secs(2);

/// What a [`Turn`] needs of a storage.
pub trait LeaseSource: Log + Consumers {}

impl<S: Log + Consumers + ?Sized> LeaseSource for S {}

/// The lease of a consumer of the log, which decides which process receives.
///
/// Some hubs keep the order of a subject only while one subscriber of a name is connected. The consumer reads nothing: it is moved
/// to the head of the log whenever the lease is prolonged, so that the log keeps no commit for it.
pub struct Turn {
    storage: Arc<dyn LeaseSource>,
    consumer: ConsumerName,
    holder: HolderId,
    held: Option<(LeaseToken, Instant)>,
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("consumer", &self.consumer).field("held", &self.held).finish_non_exhaustive()
    }
}

impl Turn {
    /// The lease of this consumer, such as `inbox-character-service`. All processes with the subscription name the same.
    #[must_use]
    pub fn new(storage: impl LeaseSource + 'static, consumer: ConsumerName) -> Self {
        Self { storage: Arc::new(storage), consumer, holder: HolderId::new(), held: None }
    }

    /// Asks for the lease once. Returns whether this process has it now.
    async fn ask(&mut self) -> Result<bool> {
        let asked = Instant::now();
        let Some(leased) = self.storage.lease(&self.consumer, self.holder, LEASE).await? else {
            self.held = None;
            return Ok(false);
        };
        self.held = Some((leased.token.clone(), asked + LEASE - HEADROOM));
        let head = self.storage.head().await?;
        self.storage.advance(&leased.token, &head).await?;
        Ok(true)
    }

    /// Whether the lease holds by the clock of this process.
    fn holds(&self) -> bool {
        self.held.as_ref().is_some_and(|(_, until)| Instant::now() < *until)
    }

    /// Waits until this process has the lease. `waiting` is called when another one has it.
    pub(crate) async fn wait(&mut self, mut waiting: impl FnMut(Option<&StorageError>)) {
        loop {
            match self.ask().await {
                Ok(true) => return,
                // The lease was granted, and moving its consumer can wait.
                Err(_) if self.holds() => return,
                Ok(false) => waiting(None),
                Err(error) => waiting(Some(&error)),
            }
            sleep(PAUSE.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
        }
    }

    /// Keeps the lease. Returns when it is lost.
    pub(crate) async fn keep(&mut self) {
        let mut pause = LEASE / 3;
        loop {
            sleep(pause).await;
            let asked = match &self.held {
                Some((_, until)) => tokio::time::timeout_at(*until, self.ask()).await,
                None => return,
            };
            pause = match asked {
                Ok(Ok(true)) => LEASE / 3,
                Ok(Ok(false)) | Err(_) => return,
                Ok(Err(_)) if !self.holds() => return,
                Ok(Err(_)) => PAUSE,
            };
        }
    }

    /// Releases the lease, so that another process need not wait for its end.
    pub(crate) async fn release(&mut self) {
        let Some((token, _)) = self.held.take() else { return };
        match timeout(RELEASE_WITHIN, self.storage.release(&token)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = %redacted(&error), "the lease of the inbox was not released; it ends by itself")
            }
            Err(_) => tracing::warn!("the lease of the inbox was not released in time; it ends by itself"),
        }
    }
}
