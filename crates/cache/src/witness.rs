//! The note about the log in the shared tier: positions from which a starting process can follow the log, and the last
//! known commit, which a restored database lacks.

use crate::{Lookup, SharedTier};
use bytes::Bytes;
use character_domain::json;
use character_storage_port::{LogCursor, Tick};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// The name of the note.
const NAME: &str = "witness";
/// The time between two stored positions.
const APART: Duration = Duration::from_secs(600);
/// The maximum number of positions: about an hour.
const MOST: usize = 7;

/// How long a starting process waits for the shared tier.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(10);

/// The shared tier does not respond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unknown;

/// A position in the log, and what is known there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    pub(crate) cursor: LogCursor,
    /// Every commit before the position has a smaller tick.
    pub(crate) ceiling: Tick,
    /// Seconds since 1970, by the clock of the process that stored it.
    at: u64,
}

/// The note: positions of one epoch, oldest first. The last one is about a second old.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Witness {
    checkpoints: Vec<Checkpoint>,
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Witness {
    /// The note of the processes. An unreadable note counts as absent.
    ///
    /// # Errors
    /// When the tier does not respond, so that the note is unknown.
    pub(crate) async fn read(tier: &dyn SharedTier) -> Result<Option<Self>, Unknown> {
        match tier.get(NAME).await {
            Lookup::Found(bytes) => Ok(Self::parsed(&bytes)),
            Lookup::Absent | Lookup::Rejected => Ok(None),
            Lookup::Down => Err(Unknown),
        }
    }

    /// The same for a starting process, whose tier may not be connected yet.
    pub(crate) async fn read_soon(tier: &dyn SharedTier) -> Result<Option<Self>, Unknown> {
        let end = Instant::now() + PATIENCE;
        loop {
            let noted = Self::read(tier).await;
            if noted.is_ok() || Instant::now() >= end {
                return noted;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn parsed(bytes: &[u8]) -> Option<Self> {
        let witness: Self = json::parse(bytes).ok()?;
        let epoch = witness.checkpoints.last()?.cursor.epoch();
        let is_plausible = witness.checkpoints.len() <= MOST
            && witness.checkpoints.iter().all(|checkpoint| checkpoint.cursor.epoch() == epoch);
        is_plausible.then_some(witness)
    }

    /// The latest position.
    pub(crate) fn last(&self) -> Option<&Checkpoint> {
        self.checkpoints.last()
    }

    /// The positions, oldest first.
    pub(crate) fn oldest_first(&self) -> impl Iterator<Item = &Checkpoint> {
        self.checkpoints.iter()
    }

    /// Adds a position, or moves the last one while the one before it is recent.
    pub(crate) fn note(&mut self, cursor: LogCursor, ceiling: Tick) {
        if self.last().is_some_and(|last| last.cursor.epoch() != cursor.epoch()) {
            self.checkpoints.clear();
        }
        let at = seconds_now();
        let is_young = |checkpoint: &Checkpoint| at < checkpoint.at.saturating_add(APART.as_secs());
        if let [.., before, _] = self.checkpoints.as_slice()
            && is_young(before)
        {
            self.checkpoints.pop();
        }
        self.checkpoints.push(Checkpoint { cursor, ceiling, at });
        if self.checkpoints.len() > MOST {
            self.checkpoints.remove(0);
        }
    }

    /// Stores the note for the other processes.
    pub(crate) async fn write(&self, tier: &dyn SharedTier) {
        if let Ok(text) = serde_json::to_vec(self) {
            // A tier that does not take it has said so.
            let _ = tier.put(NAME, Bytes::from(text)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemorySharedTier;
    use character_storage_port::Epoch;

    #[tokio::test]
    async fn a_note_holds_an_hour_of_places_of_one_epoch() {
        let (epoch, mut witness) = (Epoch::new(), Witness::default());
        for place in 0..100_u64 {
            witness.note(LogCursor::new(epoch, &place), Tick(place));
            // As if eleven minutes had gone by.
            witness.checkpoints.iter_mut().for_each(|checkpoint| checkpoint.at -= 660);
        }
        assert_eq!((witness.checkpoints.len(), witness.last().unwrap().ceiling), (MOST, Tick(99)));
        for place in 100..110_u64 {
            witness.note(LogCursor::new(epoch, &place), Tick(place));
        }
        let ceilings: Vec<_> = witness.oldest_first().map(|checkpoint| checkpoint.ceiling.0).collect();
        assert_eq!(ceilings, [95, 96, 97, 98, 99, 100, 109]);
        let tier = MemorySharedTier::new();
        witness.write(&tier).await;
        assert_eq!(Witness::read(&tier).await, Ok(Some(witness.clone())));
        witness.note(LogCursor::new(Epoch::new(), &1), Tick(1));
        assert_eq!(witness.checkpoints.len(), 1);
    }
}
