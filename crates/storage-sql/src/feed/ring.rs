//! The last entries of the log, so that followers that keep up are answered from memory.

use crate::{
    log::{Entry, LogPage, MAX_BATCH_BYTES},
    place::{Place, Share},
};
use character_storage_port::{Epoch, LogBatch, LogCursor};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};
use tokio::time::Instant;

/// The maximum number of entries that are kept.
const MAX_ENTRIES: usize = 10_000;
/// The maximum length of their texts together.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// The maximum number of cursors that are recognised.
const MAX_CURSORS: usize = 20_000;

/// Entries have positions, counted from the start of the ring; a cursor stands in front of one.
#[derive(Debug)]
pub(super) struct Ring {
    pub(super) epoch: Epoch,
    share: Share,
    /// Behind everything that was read.
    pub(super) newest: Place,
    /// There was nothing behind `newest` at this moment or later.
    pub(super) heard: Instant,
    /// There is something behind `newest`.
    pub(super) is_behind: bool,
    /// The position of the first entry that is kept.
    first: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
    steps: VecDeque<Step>,
    positions: HashMap<Arc<str>, u64>,
    /// The cursors in the order in which they were made.
    cursors: VecDeque<Arc<str>>,
}

/// Entries that were read together.
#[derive(Debug)]
struct Step {
    start: u64,
    from: Place,
    to: Place,
}

impl Ring {
    pub(super) fn new(page: &LogPage, heard: Instant) -> Self {
        let newest = page.head();
        let mut ring = Self {
            epoch: page.epoch,
            share: page.share,
            newest: newest.clone(),
            heard,
            is_behind: false,
            first: 0,
            entries: VecDeque::new(),
            bytes: 0,
            steps: VecDeque::new(),
            positions: HashMap::new(),
            cursors: VecDeque::new(),
        };
        ring.know(&newest, 0);
        ring
    }

    /// Adds what was read behind `newest`.
    pub(super) fn extend(&mut self, page: LogPage, heard: Instant) {
        let next = page.next(&self.newest);
        let start = self.end();
        self.is_behind = page.more;
        if !page.more {
            self.heard = heard;
        }
        if !page.entries.is_empty() {
            self.steps.push_back(Step { start, from: self.newest.clone(), to: next.clone() });
            self.bytes += page.entries.iter().map(|entry| entry.bytes).sum::<usize>();
            self.entries.extend(page.entries);
        }
        if next != self.newest {
            self.know(&next, self.end());
            self.newest = next;
        }
        self.forget();
    }

    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    fn know(&mut self, place: &Place, position: u64) {
        let key: Arc<str> = place.to_string().into();
        if self.positions.insert(Arc::clone(&key), position).is_none() {
            self.cursors.push_back(key);
        }
    }

    fn forget(&mut self) {
        // The last step is kept, however large it is.
        while (self.entries.len() > MAX_ENTRIES || self.bytes > MAX_BYTES) && self.steps.len() > 1 {
            self.steps.pop_front();
            let start = self.steps.front().map_or(self.end(), |step| step.start);
            while self.first < start {
                self.bytes -= self.entries.pop_front().map_or(0, |entry| entry.bytes);
                self.first += 1;
            }
        }
        while self.cursors.len() > MAX_CURSORS
            || self.cursors.front().is_some_and(|key| self.positions.get(key).is_some_and(|at| *at < self.first))
        {
            let Some(key) = self.cursors.pop_front() else { return };
            self.positions.remove(&key);
        }
    }

    /// What lies behind the place, or `None` when the ring does not know it.
    pub(super) fn batch(&mut self, place: &str, limit: usize) -> Option<LogBatch> {
        let position = *self.positions.get(place)?;
        let skipped = usize::try_from(position.checked_sub(self.first)?).ok()?;
        let mut bytes = 0_usize;
        let max_bytes = usize::try_from(MAX_BATCH_BYTES).unwrap_or(usize::MAX);
        let fits = |entry: &&Entry| {
            let had_room = bytes <= max_bytes;
            bytes = bytes.saturating_add(entry.bytes);
            had_room
        };
        let taken: Vec<&Entry> = self.entries.iter().skip(skipped).take(limit).take_while(fits).collect();
        let to = position + taken.len() as u64;
        let commits = taken.iter().map(|entry| Arc::clone(&entry.commit)).collect();
        let next = match taken.last() {
            Some(last) if to < self.end() => self.behind(to, last),
            _ => self.newest.clone(),
        };
        self.know(&next, to);
        Some(batch(self.epoch, commits, &next, self.is_behind || to < self.end()))
    }

    /// The place in front of the entry at `to`, behind `last`.
    fn behind(&self, to: u64, last: &Entry) -> Place {
        let number = self.steps.partition_point(|step| step.start < to).saturating_sub(1);
        let Some(step) = self.steps.get(number) else { return self.newest.clone() };
        match self.steps.get(number + 1) {
            Some(next) if next.start == to => step.to.clone(),
            _ => step.from.cut(&step.to.ticks, last.spot, self.share).with_witness(Some(last.witness())),
        }
    }
}

pub(super) fn batch(
    epoch: Epoch,
    commits: Vec<Arc<character_storage_port::LoggedCommit>>,
    next: &Place,
    more: bool,
) -> LogBatch {
    let (settled, ceiling) = (next.settled(), next.ceiling());
    LogBatch { commits, next: LogCursor::new(epoch, next), settled, ceiling, more }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests;
