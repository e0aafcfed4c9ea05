//! Both tiers, and how a value is read through them.

use crate::{
    CacheMetrics, CacheOptions, Key, Lock, Lookup, SharedTier,
    cacheable::Cacheable,
    change_table::{ChangeTable, Mark},
    frame::{Frame, framed, unframed},
    key::Subject,
    local::{Entry, Load, Loaded, Local, PendingLoad, Stored, Value},
    weight::{weigh, written},
};
use character_domain::json;
use character_storage_port::{ErrorKind, Read, Result, Source, StaleReason, StorageError, Tier, required_position};
use std::{
    future::Future,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use tokio::time::Instant;
use tracing::{Instrument, debug_span};

/// The pause before the next look-up of a value that another process loads.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Checks whether a value is plausible for a read. The shared tier is not trusted to return what was stored.
pub(crate) trait Check<V>: Fn(&V) -> bool + Send + Sync + 'static {}

impl<V, C: Fn(&V) -> bool + Send + Sync + 'static> Check<V> for C {}

/// What the shared tier returned for a load.
enum Found<V> {
    /// A value, and how old it is.
    Current(V, Duration),
    /// No value, and this process loads it.
    Nothing(Put),
}

/// Whether a loaded value goes to the shared tier.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Put {
    /// Yes, and releases the lock.
    Locked,
    /// Another process loads the same value, or the tier is not used.
    No,
}

/// Both tiers, and how a value is read through them.
#[derive(Debug)]
pub(crate) struct Tiers {
    pub(crate) local: Arc<Local>,
    pub(crate) table: Arc<ChangeTable>,
    pub(crate) shared: Option<Arc<dyn SharedTier>>,
    pub(crate) options: CacheOptions,
    pub(crate) metrics: CacheMetrics,
    /// The log is closed soon, and needs no reader any more.
    pub(crate) is_ending: AtomicBool,
}

impl Tiers {
    /// A current value, from the nearest tier that has one, or from `origin`; concurrent readers of one key share one load.
    /// A value of the shared tier counts only if it `is_ours`.
    pub(crate) async fn read<V, F, Fut>(
        self: &Arc<Self>,
        key: &Key,
        subject: Subject,
        operation: &'static str,
        is_ours: impl Check<V>,
        origin: F,
    ) -> Result<Read<Arc<V>>>
    where
        V: Cacheable,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Read<V>>> + Send,
    {
        // A hit waits for nothing, so a busy reader would otherwise never let go of its thread, and commits and
        // loads need one.
        tokio::task::coop::consume_budget().await;
        // Unheard, this process may not know that the log began anew, so that positions mean something else.
        let has_reached = |least| self.table.is_trusted(Instant::now()) && self.table.has_reached(least);
        if required_position().is_some_and(|least| !has_reached(least)) {
            return self.read_past(key, subject, origin).await;
        }
        let hit = |stored: Stored| {
            self.metrics.hit(Tier::Local);
            (Arc::clone(&stored.value), Source::Cache { tier: stored.tier, age: stored.age() })
        };
        let (value, source) = match self.local.current(key) {
            Some(stored) => hit(Stored { tier: Tier::Local, ..stored }),
            None => match self.local.enter(key, self.table.mark(&subject)) {
                Entry::Hit(stored) => hit(Stored { tier: Tier::Local, ..stored }),
                Entry::Follow(pending) => {
                    self.metrics.miss(Tier::Local);
                    loaded(pending, operation).await?
                }
                Entry::Lead(load, sender, pending) => {
                    self.metrics.miss(Tier::Local);
                    let tiers = Arc::clone(self);
                    // A task of its own: a caller who goes away must not take the load from those who wait for it.
                    let loading = async move {
                        let _loading = tiers.metrics.load();
                        let loaded = tiers.load(&load, &is_ours, origin).await;
                        // First out of the way, then told: a find after this answer begins anew.
                        drop(load);
                        sender.send_replace(Some(loaded));
                    };
                    let span = debug_span!("cache.load", operation);
                    tokio::spawn(loading.instrument(span).in_current_span());
                    loaded(pending, operation).await?
                }
            },
        };
        match value.downcast::<V>() {
            Ok(value) => Ok(Read { value, source }),
            Err(_) => Err(StorageError::new(ErrorKind::Corrupt, operation)),
        }
    }

    /// Reads from the storage itself, because the caller has seen a commit that this process has not received.
    async fn read_past<V, F, Fut>(&self, key: &Key, subject: Subject, origin: F) -> Result<Read<Arc<V>>>
    where
        V: Cacheable,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Read<V>>>,
    {
        let mark = self.table.mark(&subject);
        let Read { value, source } = origin().await?;
        let value = Arc::new(value);
        if source == Source::Origin {
            let weight = weigh(value.as_ref());
            self.keep(key, mark, &value, weight, (Duration::ZERO, Tier::Local));
        }
        Ok(Read { value, source })
    }

    /// The name of a value in the shared tier. It contains the epoch, so values of another epoch are never found.
    pub(crate) fn shared_name(&self, key: &Key) -> Option<String> {
        self.table.epoch().map(|epoch| format!("{epoch}:{key}"))
    }

    async fn load<V, F, Fut>(&self, load: &Load, is_ours: &impl Check<V>, origin: F) -> Loaded
    where
        V: Cacheable,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Read<V>>>,
    {
        let shared = self.shared.as_ref().zip(self.shared_name(&load.key));
        let shared = shared.as_ref().map(|(tier, name)| (tier.as_ref(), name.as_str()));
        let trusted = self.table.is_trusted(Instant::now());
        let mut put = Put::No;
        if let Some((tier, name)) = shared.filter(|_| trusted) {
            match self.look_up(tier, name, load.mark, is_ours).instrument(debug_span!("cache.shared")).await {
                Found::Current(value, age) => {
                    self.metrics.hit(Tier::Shared);
                    let (weight, value) = (weigh(&value), Arc::new(value));
                    self.keep(&load.key, load.mark, &value, weight, (age, Tier::Shared));
                    return Ok((value, Source::Cache { tier: Tier::Shared, age }));
                }
                Found::Nothing(next) => {
                    self.metrics.miss(Tier::Shared);
                    put = next;
                }
            }
        }
        // Before the load: whatever was told until here is part of the value.
        let as_of = self.table.settled();
        let read = match origin().await {
            Ok(read) => read,
            Err(error) => {
                if let Some((tier, name)) = shared {
                    if put == Put::Locked {
                        tier.unlock(name).await;
                    }
                    if error.is_outage() && self.local.known(&load.key).is_none() {
                        self.recall(tier, name, load, is_ours).await;
                    }
                }
                return Err(error);
            }
        };
        let age = match read.source {
            Source::Origin => Duration::ZERO,
            Source::Cache { age, .. } => age,
            // No value to be taken for current, here or in another process.
            Source::Stale { .. } => return Ok((Arc::new(read.value), read.source)),
        };
        let (weight, value) = match shared.filter(|_| put == Put::Locked) {
            Some((tier, name)) => {
                // A value of another cache is as old as that says, not as this process has heard.
                let shareable = age.is_zero() && read.value.is_shared();
                let (bytes, weight) = if shareable { written(&read.value) } else { (None, weigh(&read.value)) };
                match bytes {
                    Some(json) if tier.put(name, framed(name, as_of, &json)).await => self.metrics.fill(Tier::Shared),
                    Some(_) => self.metrics.refused(Tier::Shared),
                    None => tier.unlock(name).await,
                }
                (weight, Arc::new(read.value))
            }
            None => (weigh(&read.value), Arc::new(read.value)),
        };
        self.keep(&load.key, load.mark, &value, weight, (age, Tier::Local));
        Ok((value, read.source))
    }

    /// Reads from the shared tier. While another process loads the value, it waits within a bound.
    async fn look_up<V: Cacheable>(
        &self,
        tier: &dyn SharedTier,
        name: &str,
        mark: Mark,
        is_ours: &impl Check<V>,
    ) -> Found<V> {
        let until = Instant::now() + self.options.follow;
        let (mut pause, mut first) = (FIRST_PAUSE, None);
        let (mut has_waited, mut has_lock) = (false, false);
        loop {
            let Ok(frame) = self.look(tier, name).await else { return Found::Nothing(Put::No) };
            let as_of = frame.as_ref().map(|frame| frame.as_of);
            if let Some(frame) = frame
                && self.table.is_current(mark, frame.as_of)
                && frame.age < self.options.fresh
            {
                match json::parse::<V>(&frame.json).ok().filter(is_ours) {
                    Some(value) => {
                        if has_lock {
                            tier.unlock(name).await;
                        }
                        return Found::Current(value, frame.age);
                    }
                    None => self.reject(tier, name).await,
                }
            }
            if has_lock {
                return Found::Nothing(Put::Locked);
            }
            // What the other process has put meanwhile may lack a change that it has not heard of yet.
            if as_of.is_some() && *first.get_or_insert(as_of) != as_of {
                return Found::Nothing(Put::No);
            }
            match tier.lock(name).await {
                // The other process may have put its value after the look above and before it gave up the lock.
                Lock::Taken if has_waited => has_lock = true,
                Lock::Taken => return Found::Nothing(Put::Locked),
                Lock::Busy if Instant::now() < until => {
                    has_waited = true;
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Lock::Busy | Lock::Down => return Found::Nothing(Put::No),
            }
        }
    }

    async fn look(&self, tier: &dyn SharedTier, name: &str) -> Result<Option<Frame>, Down> {
        match tier.get(name).await {
            Lookup::Found(bytes) => match unframed(name, &bytes) {
                Some(frame) => Ok(Some(frame)),
                None => {
                    self.reject(tier, name).await;
                    Ok(None)
                }
            },
            Lookup::Absent => Ok(None),
            Lookup::Rejected => {
                self.metrics.rejected(Tier::Shared);
                Ok(None)
            }
            Lookup::Down => Err(Down),
        }
    }

    /// Removes a value of the shared tier that cannot be ours.
    async fn reject(&self, tier: &dyn SharedTier, name: &str) {
        self.metrics.rejected(Tier::Shared);
        tier.remove(&[name.to_owned()]).await;
    }

    /// Uses a value of the shared tier as the last known value, while the storage is unreachable. It contains every
    /// change that this process has received, so a row that is known to be deleted is not served.
    async fn recall<V: Cacheable>(&self, tier: &dyn SharedTier, name: &str, load: &Load, is_ours: &impl Check<V>) {
        let Ok(Some(frame)) = self.look(tier, name).await else { return };
        if !self.table.is_current(load.mark, frame.as_of) {
            return;
        }
        let Some(value) = json::parse::<V>(&frame.json).ok().filter(is_ours) else { return };
        let (at, weight) = (ago(frame.age), weigh(&value));
        let (fresh, tier, mark) = (Duration::ZERO, Tier::Shared, load.mark);
        self.local.keep(&load.key, Stored { value: Arc::new(value), at, fresh, weight, tier, mark });
    }

    pub(crate) fn keep<V: Cacheable>(
        &self,
        key: &Key,
        mark: Mark,
        value: &Arc<V>,
        weight: u32,
        (age, tier): (Duration, Tier),
    ) {
        let (at, fresh) = (ago(age), value.fresh(&self.options));
        let value: Value = Arc::<V>::clone(value);
        self.local.keep(key, Stored { value, at, fresh, weight, tier, mark });
    }

    /// The last known value instead of the error that the storage is unreachable. It contains every change that the log has
    /// returned in the epoch that this process knows, so a caller that has seen a later commit is not answered with it.
    pub(crate) fn last_known<V: Cacheable>(&self, key: &Key, error: &StorageError) -> Option<Read<Arc<V>>> {
        let reason = match error.kind() {
            _ if !error.is_outage() => return None,
            ErrorKind::CircuitOpen { .. } => StaleReason::CircuitOpen,
            ErrorKind::Timeout => StaleReason::Timeout,
            _ => StaleReason::Unavailable,
        };
        if required_position().is_some_and(|least| !self.table.has_reached(least)) {
            return None;
        }
        let stored = self.local.known(key)?;
        let (age, tier) = (stored.age(), stored.tier);
        let value = stored.value.downcast::<V>().ok()?;
        if age > self.options.stale_max || !value.outlives_an_outage() {
            return None;
        }
        self.metrics.stale(tier);
        Some(Read { value, source: Source::Stale { tier, age, reason } })
    }
}

/// The shared tier does not respond.
struct Down;

fn ago(age: Duration) -> Instant {
    let now = Instant::now();
    now.checked_sub(age).unwrap_or(now)
}

async fn loaded(mut pending: PendingLoad, operation: &'static str) -> Loaded {
    let loaded = match pending.wait_for(Option::is_some).await {
        Ok(loaded) => loaded.clone(),
        Err(_) => None,
    };
    // The loading task has ended without an answer: the runtime is shutting down, or it panicked.
    loaded.unwrap_or_else(|| Err(StorageError::unavailable(operation)))
}
