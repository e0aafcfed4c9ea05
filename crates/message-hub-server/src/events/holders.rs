//! Which server over one hub makes the deliveries of a subscription: one at a time holds it, by a record that it renews.
//!
//! A record is replaced only by a writer that knows the one before it. No clock is compared with that of another machine: the holder
//! counts from before it writes, and another server from when it first sees a record that then stays unchanged, or from when it has
//! replaced one that was renewed.

mod keep;

use super::{
    holding::Holding,
    known::{KnownRecord, LAPSE, Verdict},
    sessions::Sessions,
    unavailable,
};
use crate::config::is_peer;
use character_message_hub::{HolderRecords, HubError, Result, SUBSCRIBE, ServiceName, SubscriptionName};
use prometheus_client::metrics::gauge::Gauge;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, sleep},
};
use uuid::Uuid;

/// How long a server holds a subscription after it has begun to write the record.
const TERM: Duration = Duration::from_secs(5);
/// The pause after a renewal that has failed.
const AGAIN: Duration = Duration::from_millis(250);

/// Where the deliveries of a subscription are made.
#[derive(Debug)]
pub(super) enum Place {
    /// Here, as long as the subscription is held. `None`: there are no other servers.
    Here(Option<Arc<Holding>>),
    /// At this server.
    At(ServiceName),
}

/// The sender of a request for deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Client,
    /// Another server, which takes this one for the holder, by the id of what it passes on.
    Server(Uuid),
}

/// The last holding of a subscription by this server.
#[derive(Clone, Debug)]
struct Kept {
    holding: Arc<Holding>,
    /// Closed when the record is not written for it any more.
    writes: watch::Receiver<()>,
}

impl Kept {
    fn is_held(&self) -> bool {
        !self.holding.has_ended()
    }

    fn is_written(&self) -> bool {
        self.writes.has_changed().is_ok()
    }

    async fn is_left(&mut self) {
        while self.writes.changed().await.is_ok() {}
    }
}

/// What is known of one subscription.
#[derive(Debug, Default)]
struct Known {
    kept: Option<Kept>,
    record: KnownRecord,
}

#[derive(Debug, Default)]
struct Entry {
    known: Mutex<Known>,
    /// One request reads and writes the record; the others wait, and share its failure and the time of that.
    asking: tokio::sync::Mutex<Option<(Instant, HubError)>>,
}

/// The subscriptions that this server holds, and what it knows of the others. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Holders {
    own: ServiceName,
    records: Arc<dyn HolderRecords>,
    sessions: Sessions,
    /// Which outlives the threads of requests.
    runtime: Handle,
    held: Gauge,
    entries: Arc<Mutex<HashMap<SubscriptionName, Arc<Entry>>>>,
    has_left: Arc<AtomicBool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change of the values behind these locks is complete before anything can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ends() -> HubError {
    unavailable(SUBSCRIBE, "this process of the hub ends")
}

impl Entry {
    /// The holding of this server, or another holder whose record was read lately.
    fn place(&self, now: Instant) -> Option<Place> {
        let known = lock(&self.known);
        if let Some(Kept { holding, .. }) = known.kept.as_ref().filter(|kept| kept.is_held()) {
            holding.use_at(now);
            return Some(Place::Here(Some(Arc::clone(holding))));
        }
        known.record.other(now).cloned().map(Place::At)
    }
}

impl Holders {
    /// Of the server `own`. Needs a Tokio runtime.
    pub(crate) fn new(own: ServiceName, records: Arc<dyn HolderRecords>, sessions: Sessions, held: Gauge) -> Self {
        let (entries, has_left) = Default::default();
        Self { own, records, sessions, runtime: Handle::current(), held, entries, has_left }
    }

    /// The subscriptions that this server holds.
    pub(crate) fn held(&self) -> Vec<SubscriptionName> {
        let mut held: Vec<_> =
            self.kept().into_iter().filter(|(_, kept)| kept.is_held()).map(|(name, _)| name).collect();
        held.sort();
        held
    }

    fn kept(&self) -> Vec<(SubscriptionName, Kept)> {
        let entries = lock(&self.entries);
        entries.iter().filter_map(|(name, entry)| Some((name.clone(), lock(&entry.known).kept.clone()?))).collect()
    }

    fn entry(&self, name: &SubscriptionName) -> Arc<Entry> {
        Arc::clone(lock(&self.entries).entry(name.clone()).or_default())
    }

    /// Where the deliveries of a subscription are made. This server takes it when no server holds it and a client asks.
    ///
    /// # Errors
    /// `Unavailable`: this server is not the holder that another one takes it for, or ends. As [`HolderRecords::replace`].
    pub(super) async fn place(&self, name: &SubscriptionName, origin: Origin) -> Result<Place> {
        let entry = self.entry(name);
        match (entry.place(Instant::now()), origin) {
            (Some(Place::At(_)) | None, Origin::Server(_)) => {
                Err(unavailable(SUBSCRIBE, "this process of the hub does not hold the subscription"))
            }
            (Some(place), _) => Ok(place),
            (None, Origin::Client) => self.ask(name, &entry).await,
        }
    }

    /// Reads the record at the next request, unless that was done since `begun`, when the holder that it named was asked in vain.
    pub(super) fn doubt(&self, name: &SubscriptionName, begun: Instant) {
        lock(&self.entry(name).known).record.doubt(begun);
    }

    /// Notes whether a holder has answered a request: it has, unless there is this error.
    pub(super) fn heard(&self, name: &SubscriptionName, holder: &ServiceName, error: Option<&HubError>) {
        lock(&self.entry(name).known).record.heard(holder, error, Instant::now());
    }

    async fn ask(&self, name: &SubscriptionName, entry: &Entry) -> Result<Place> {
        let asked = Instant::now();
        let mut failure = entry.asking.lock().await;
        if let Some((_, error)) = failure.as_ref().filter(|(at, _)| asked < *at) {
            return Err(error.clone());
        }
        let place = self.take(name, entry).await;
        *failure = place.as_ref().err().map(|error| (Instant::now(), error.clone()));
        place
    }

    async fn take(&self, name: &SubscriptionName, entry: &Entry) -> Result<Place> {
        const ATTEMPTS: usize = 3;
        for _ in 0..ATTEMPTS {
            if let Some(place) = entry.place(Instant::now()) {
                return Ok(place);
            }
            let kept = lock(&entry.known).kept.clone();
            if let Some(mut ending) = kept {
                // Its release must not end the next one.
                ending.is_left().await;
            }
            // When it cannot be read, it is perhaps this server that is cut off, and not the holder that is silent.
            let record = self.records.read(name).await.inspect_err(|_| lock(&entry.known).record.cannot_be_read())?;
            let revision = record.as_ref().map_or(0, |record| record.revision);
            let holder = record.and_then(|record| record.holder);
            // A record that names anything else is replaced: a poll must not go to another service.
            let other = holder.filter(|holder| is_peer(holder.as_str()) && *holder != self.own);
            let verdict = lock(&entry.known).record.see(revision, other, Instant::now());
            if let Verdict::At(other) = verdict {
                return Ok(Place::At(other));
            }
            if self.has_left.load(Ordering::Acquire) {
                return Err(ends());
            }
            let begun = Instant::now();
            if let Some(revision) = self.records.replace(name, revision, Some(&self.own)).await? {
                let mut from = begun;
                if lock(&entry.known).record.has_replaced() {
                    tracing::warn!(subscription = %name, "the process that makes the deliveries does not answer, or its record is gone; this one takes its place");
                    from = Instant::now() + LAPSE;
                }
                self.begin(name, entry, revision, Holding::new(from, begun + TERM)).await?;
                if let Some(place) = entry.place(Instant::now()) {
                    return Ok(place);
                }
            }
        }
        Err(unavailable(SUBSCRIBE, "other processes of the hub take the subscription at the same time"))
    }

    /// Holds a subscription whose record names this server.
    async fn begin(&self, name: &SubscriptionName, entry: &Entry, revision: u64, holding: Holding) -> Result<()> {
        self.make_room();
        let holding = Arc::new(holding);
        let (writing, writes) = watch::channel(());
        {
            let mut known = lock(&entry.known);
            // `leave` comes before or sees the holding.
            if !self.has_left.load(Ordering::Acquire) {
                tracing::info!(subscription = %name, "this process makes the deliveries of the subscription");
                let (holders, name, held) = (self.clone(), name.clone(), Arc::clone(&holding));
                self.runtime.spawn(async move {
                    let _writing = writing;
                    holders.keep(&name, &held, revision).await;
                });
                known.kept = Some(Kept { holding, writes });
                return Ok(());
            }
        }
        if holding.has_begun() {
            self.release(name, revision).await;
        }
        Err(ends())
    }

    /// Waits before the next request to a holder that does not answer.
    pub(super) async fn pause() {
        sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests;
