use crate::{
    CacheMetrics, CacheOptions, Key, LastKnown, Lookup, SharedTier,
    local::{Entry, Flight, Landing, Loaded, Local, Stored, Value},
    weight::{weigh, written},
};
use character_domain::json;
use character_storage_port::{Entity, ErrorKind, Page, Read, Result, Source, StaleReason, StorageError, Tier};
use serde::{Serialize, de::DeserializeOwned};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::time::Instant;
use tracing::Instrument;

/// How long to wait before asking again for what another process loads.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// What can be cached.
pub(crate) trait Cacheable: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// How deep the objects of its rows are nested in its JSON, the outermost counted as 1.
    const ROW_DEPTH: usize;
    /// How long it counts as current.
    fn fresh(&self, options: &CacheOptions) -> Duration;
    /// Whether it may be put in the shared tier.
    fn is_shared(&self) -> bool;
    /// Whether it may be served while the storage is out of reach.
    fn outlives_an_outage(&self) -> bool;
}

impl<E: Entity> Cacheable for Option<E> {
    const ROW_DEPTH: usize = 1;
    fn fresh(&self, options: &CacheOptions) -> Duration {
        if self.is_some() { options.fresh } else { options.absent }
    }
    fn is_shared(&self) -> bool {
        self.is_some()
    }
    fn outlives_an_outage(&self) -> bool {
        self.as_ref().is_some_and(|row| !row.meta().is_deleted())
    }
}

impl<E: Entity> Cacheable for Page<E> {
    const ROW_DEPTH: usize = 3;
    // A row that cannot be read is for an operator to mend, and readers must see the mended row at once.
    fn fresh(&self, options: &CacheOptions) -> Duration {
        if self.unreadable.is_empty() { options.fresh } else { Duration::ZERO }
    }
    fn is_shared(&self) -> bool {
        self.unreadable.is_empty()
    }
    fn outlives_an_outage(&self) -> bool {
        self.unreadable.is_empty() && !self.items.iter().any(|row| row.meta().is_deleted())
    }
}

/// Whether a value can be what the storage has for a read. The shared tier is not trusted to hold what was put there.
pub(crate) trait Check<V>: Fn(&V) -> bool + Send + Sync + 'static {}

impl<V, C: Fn(&V) -> bool + Send + Sync + 'static> Check<V> for C {}

/// Both tiers, and how a value is read through them.
#[derive(Debug)]
pub(crate) struct Tiers {
    pub(crate) local: Arc<Local>,
    pub(crate) shared: Option<Arc<dyn SharedTier>>,
    pub(crate) options: CacheOptions,
    pub(crate) metrics: CacheMetrics,
}

impl Tiers {
    /// A current value, from the nearest tier that has one, or from `origin`; concurrent readers of one key share
    /// one load. Without `shared`, the shared tier is not asked. A value of the shared tier counts only if it `is_ours`.
    pub(crate) async fn read<V, F, Fut>(
        self: &Arc<Self>,
        key: &Key,
        operation: &'static str,
        shared: bool,
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
        let hit = |stored: Stored| {
            self.metrics.hit(Tier::Local);
            (Arc::clone(&stored.value), Source::Cache { tier: Tier::Local, age: stored.age() })
        };
        let (value, source) = match self.local.fresh(key) {
            Some(stored) => hit(stored),
            None => match self.local.enter(key) {
                Entry::Hit(stored) => hit(stored),
                Entry::Follow(landing) => {
                    self.metrics.miss(Tier::Local);
                    landed(landing, operation).await?
                }
                Entry::Lead(flight, sender, landing) => {
                    self.metrics.miss(Tier::Local);
                    let tiers = Arc::clone(self);
                    // A task of its own: a caller who goes away must not take the load from those who wait for it.
                    let load = async move {
                        let _loading = tiers.metrics.load();
                        let loaded = tiers.load(&flight, shared, &is_ours, origin).await;
                        // First out of the way, then told: a find after this answer begins anew.
                        drop(flight);
                        sender.send_replace(Some(loaded));
                    };
                    tokio::spawn(load.in_current_span());
                    landed(landing, operation).await?
                }
            },
        };
        match value.downcast::<V>() {
            Ok(value) => Ok(Read { value, source }),
            Err(_) => Err(StorageError::new(ErrorKind::Corrupt, operation)),
        }
    }

    /// Looks into the shared tier. While another process loads the key its load is awaited, within a bound.
    pub(crate) async fn look_up(&self, shared: &Arc<dyn SharedTier>, key: &Key, fresh: Duration) -> Lookup {
        let until = Instant::now() + self.options.follow;
        let mut pause = FIRST_PAUSE;
        loop {
            match shared.get_or_lease(key, fresh).await {
                Lookup::Loading { last } if Instant::now() >= until => return Lookup::Busy { last },
                Lookup::Loading { .. } => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Lookup::Rejected => {
                    self.metrics.rejected(Tier::Shared);
                    return Lookup::Busy { last: None };
                }
                found => return found,
            }
        }
    }

    /// Removes a value of the shared tier that cannot be ours. What is read meanwhile is not kept.
    pub(crate) async fn reject(&self, key: &Key) {
        self.metrics.rejected(Tier::Shared);
        if let Some(shared) = &self.shared {
            shared.remove(std::slice::from_ref(key)).await;
        }
    }

    async fn load<V, F, Fut>(&self, flight: &Flight, ask_shared: bool, is_ours: &impl Check<V>, origin: F) -> Loaded
    where
        V: Cacheable,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Read<V>>>,
    {
        let key = &flight.key;
        let mut lookup = match &self.shared {
            Some(shared) if ask_shared => self.look_up(shared, key, self.options.fresh).await,
            _ => Lookup::Down,
        };
        if let Lookup::Hit { value, age } = &lookup {
            match json::parse::<V>(value).ok().filter(is_ours) {
                Some(parsed) => {
                    self.metrics.hit(Tier::Shared);
                    let age = *age;
                    let weight = weigh(&parsed);
                    let value: Value = self.keep(flight, parsed, weight, age, Tier::Shared, true);
                    return Ok((value, Source::Cache { tier: Tier::Shared, age }));
                }
                // Written by another version of this service, or by somebody else.
                None => {
                    self.reject(key).await;
                    lookup = Lookup::Busy { last: None };
                }
            }
        }
        if self.shared.is_some() {
            self.metrics.miss(Tier::Shared);
        }
        let read = match origin().await {
            Ok(read) => read,
            Err(error) => {
                if let (Lookup::Leased { lease, .. }, Some(shared)) = (&lookup, &self.shared) {
                    // Nobody else is to wait for this load, nor to go without the tier once the storage is back.
                    shared.release(key, *lease).await;
                }
                if let Lookup::Leased { last: Some(last), .. } | Lookup::Busy { last: Some(last) } = lookup {
                    self.keep_last_known(flight, &last, is_ours);
                }
                return Err(error);
            }
        };
        let (age, current) = match read.source {
            Source::Origin => (Duration::ZERO, true),
            Source::Cache { age, .. } => (age, true),
            Source::Stale { age, .. } => (age, false),
        };
        let mut weight = None;
        let current = match (lookup, &self.shared) {
            (Lookup::Leased { lease, .. }, Some(shared)) => {
                // Not from another cache: the shared tier would take it for as new as the moment it lands.
                let shareable = current && age.is_zero() && read.value.is_shared();
                let bytes = if shareable {
                    let (bytes, written) = written(&read.value);
                    weight = Some(written);
                    bytes
                } else {
                    None
                };
                let landed = shared.fill(key, lease, bytes).await;
                if landed {
                    self.metrics.fill(Tier::Shared);
                } else {
                    self.metrics.refused(Tier::Shared);
                }
                current && landed
            }
            // Another process is writing: by the time its news arrives this value may be kept already.
            (Lookup::Busy { .. } | Lookup::Loading { .. } | Lookup::Rejected, _) => false,
            _ => current,
        };
        let weight = weight.unwrap_or_else(|| weigh(&read.value));
        Ok((self.keep(flight, read.value, weight, age, Tier::Local, current), read.source))
    }

    fn keep<V: Cacheable>(
        &self,
        flight: &Flight,
        value: V,
        weight: u32,
        age: Duration,
        tier: Tier,
        current: bool,
    ) -> Value {
        let fresh = value.fresh(&self.options);
        let value: Value = Arc::new(value);
        let now = Instant::now();
        flight.land(Stored {
            value: Arc::clone(&value),
            at: now.checked_sub(age).unwrap_or(now),
            fresh: if current { fresh } else { Duration::ZERO },
            weight,
            tier,
            epoch: flight.epoch,
        });
        value
    }

    fn keep_last_known<V: Cacheable>(&self, flight: &Flight, last: &LastKnown, is_ours: &impl Check<V>) {
        if self.local.peek(&flight.key).is_none()
            && let Some(value) = json::parse::<V>(&last.value).ok().filter(is_ours)
        {
            let weight = weigh(&value);
            self.keep(flight, value, weight, last.age, Tier::Shared, false);
        }
    }

    /// The last known value instead of an error that says that the storage is out of reach.
    pub(crate) fn last_known<V: Cacheable>(&self, key: &Key, error: &StorageError) -> Option<Read<Arc<V>>> {
        let reason = match error.kind() {
            _ if !error.is_outage() => return None,
            ErrorKind::CircuitOpen { .. } => StaleReason::CircuitOpen,
            ErrorKind::Timeout => StaleReason::Timeout,
            _ => StaleReason::Unavailable,
        };
        let stored = self.local.peek(key)?;
        let (age, tier) = (stored.age(), stored.tier);
        let value = stored.value.downcast::<V>().ok()?;
        if age > self.options.stale_max || !value.outlives_an_outage() {
            return None;
        }
        self.metrics.stale(tier);
        Some(Read { value, source: Source::Stale { tier, age, reason } })
    }
}

pub(crate) async fn landed(mut landing: Landing, operation: &'static str) -> Loaded {
    let loaded = match landing.wait_for(Option::is_some).await {
        Ok(loaded) => loaded.clone(),
        Err(_) => None,
    };
    // The loading task has ended without an answer: the runtime is shutting down, or it panicked.
    loaded.unwrap_or_else(|| Err(StorageError::unavailable(operation)))
}
