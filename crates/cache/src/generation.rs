use crate::{
    Key, Lookup,
    local::{Entry, Flight, Loaded, Stored, Value},
    rule::Rule,
    tiers::{Tiers, landed},
};
use bytes::Bytes;
use character_storage_port::{Source, Tier};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

/// How many generations are looked through for a last known list.
const REMEMBERED: usize = 4;

/// What the keys of lists hold, so that lists are forgotten by forgetting their generation. Random, hence never
/// used twice, also when it was evicted meanwhile.
#[derive(Debug)]
struct Generation {
    id: Uuid,
    /// Those before it that were left because of a write that may not have been applied, newest first: their lists
    /// are the last known ones.
    before: Vec<Uuid>,
    /// Whether the shared tier may hold lists of it that are current. Not so for one remembered from before an outage
    /// of the shared tier: others may have moved on.
    confirmed: bool,
}

impl Tiers {
    /// The generation that `key` is at, and whether the shared tier may be asked for its lists. When it cannot be kept, because a write is under way, a fresh one: what is
    /// filed under it is never found again.
    pub(crate) async fn generation(self: &Arc<Self>, key: Key) -> (Uuid, bool) {
        let loaded = match self.local.enter(&key) {
            Entry::Hit(stored) => Ok((stored.value, Source::Origin)),
            Entry::Follow(landing) => landed(landing, "cache.generation").await,
            Entry::Lead(flight, sender, landing) => {
                let tiers = Arc::clone(self);
                let load = async move {
                    let loaded = tiers.next_generation(&flight).await;
                    drop(flight);
                    sender.send_replace(Some(loaded));
                };
                tokio::spawn(load.in_current_span());
                landed(landing, "cache.generation").await
            }
        };
        let generation = loaded.ok().and_then(|(value, _)| value.downcast::<Generation>().ok());
        generation.map_or_else(|| (Uuid::new_v4(), true), |generation| (generation.id, generation.confirmed))
    }

    /// The generations whose lists are the last known ones, newest first.
    pub(crate) fn known_generations(&self, key: &Key) -> Vec<Uuid> {
        let known = self.local.peek(key).and_then(|stored| stored.value.downcast::<Generation>().ok());
        known.map_or_else(Vec::new, |known| std::iter::once(known.id).chain(known.before.iter().copied()).collect())
    }

    async fn next_generation(&self, flight: &Flight) -> Loaded {
        let key = &flight.key;
        let known = self.known_generations(key);
        let fresh = if self.local.keeps(Rule::GenerationsNeverRepeat) {
            Uuid::new_v4()
        } else {
            // A counter, which starts again when it was forgotten.
            Uuid::from_u128(known.first().map_or(1, |last| last.as_u128() + 1))
        };
        let lookup = match &self.shared {
            Some(shared) => self.look_up(shared, key, self.options.stale_max).await,
            None => Lookup::Down,
        };
        let mut confirmed = true;
        let (id, keep) = match (lookup, &self.shared) {
            (Lookup::Hit { value, .. }, _) => match Uuid::from_slice(&value) {
                Ok(id) => (id, true),
                Err(_) => {
                    self.reject(key).await;
                    (fresh, false)
                }
            },
            (Lookup::Leased { lease, .. }, Some(shared)) => {
                (fresh, shared.fill(key, lease, Some(Bytes::copy_from_slice(fresh.as_bytes()))).await)
            }
            (Lookup::Busy { .. } | Lookup::Loading { .. } | Lookup::Rejected, _) => (fresh, false),
            // Nothing counts as current now, so the lists kept under the old one cannot be taken for current.
            _ if !self.local.is_trusted(Instant::now()) => {
                confirmed = false;
                (known.first().copied().unwrap_or(fresh), true)
            }
            _ => (fresh, true),
        };
        let before = known.into_iter().filter(|before| *before != id).take(REMEMBERED).collect();
        let value: Value = Arc::new(Generation { id, before, confirmed });
        // While a write is under way the old generation is kept: it leads to the last known lists.
        if keep && !flight.is_held() {
            flight.land(Stored {
                value: Arc::clone(&value),
                at: Instant::now(),
                fresh: Duration::MAX,
                weight: 512,
                tier: Tier::Local,
                epoch: flight.epoch,
            });
        }
        Ok((value, Source::Origin))
    }
}
