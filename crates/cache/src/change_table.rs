//! The change table: for each subject, by its hash, the number of its changes and the tick of the last one.

use crate::key::Subject;
use character_storage_port::{Committed, Epoch, LoggedCommit, RowChange, Scope, Tick, TransactionId};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

const NEVER: u64 = 0;
/// The number of slots in a part of a table, 24 KiB.
const PART: usize = 1024;

#[derive(Debug, Default)]
struct Slot {
    /// Incremented by each change of a subject in this slot.
    count: AtomicU64,
    /// The highest tick of such a change.
    last: AtomicU64,
    /// A part of the hash of the subject that changed last, to count collisions.
    tag: AtomicU32,
}

/// The slots of a table, in parts. A part is made when one of its slots is needed for the first time, so that a process at rest has
/// none of them.
#[derive(Debug)]
struct Slots {
    /// A power of two.
    count: usize,
    parts: Box<[OnceLock<Box<[Slot]>>]>,
}

impl Slots {
    fn new(count: usize) -> Self {
        Self { count, parts: (0..count.div_ceil(PART)).map(|_| OnceLock::new()).collect() }
    }

    #[expect(clippy::indexing_slicing, reason = "the index is less than the count")]
    fn at(&self, index: usize) -> &Slot {
        let make = || (0..PART.min(self.count)).map(|_| Slot::default()).collect();
        &self.parts[index / PART].get_or_init(make)[index % PART]
    }

    /// All that differ from a new one, and some that do not.
    fn used(&self) -> impl Iterator<Item = &Slot> {
        self.parts.iter().filter_map(OnceLock::get).flatten()
    }
}

/// How often everything was invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u64);

/// The count of a subject at one moment. A value that was loaded after that moment is valid while the count is the
/// same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    slot: usize,
    generation: u64,
    count: u64,
}

/// The state of the log in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The epoch of the log; `None` before the first read.
    pub epoch: Option<Epoch>,
    /// The tick below which every commit was received.
    pub settled: Tick,
    /// The time since the log was last read; `None`: never in this epoch.
    pub age: Option<Duration>,
    /// Whether cached values count as current.
    pub trusted: bool,
    /// The number of changes whose slot was used by another subject.
    pub collisions: u64,
}

/// The table. Readers take no lock.
#[derive(Debug)]
pub(crate) struct ChangeTable {
    slots: Slots,
    hasher: RandomState,
    /// Incremented when everything that was loaded before is invalidated.
    generation: AtomicU64,
    /// A shared value with a smaller `as_of` may lack changes that this process never received.
    floor: AtomicU64,
    /// This process receives every change with this tick or a greater one. Below `floor` while no shared value is
    /// valid.
    told_from: AtomicU64,
    settled: AtomicU64,
    began: Instant,
    trust: Duration,
    /// When the last successful read of the log was sent: nanoseconds since `began`, or [`NEVER`].
    heard: AtomicU64,
    epoch: RwLock<Option<Epoch>>,
    collisions: AtomicU64,
    /// Commits of this process that were applied at their acknowledgement and that the log has yet to return. Every
    /// change of a slot holds this lock.
    own: Mutex<HashMap<TransactionId, Tick>>,
}

impl ChangeTable {
    pub(crate) fn new(slots: usize, trust: Duration) -> Self {
        Self {
            slots: Slots::new(slots.next_power_of_two()),
            hasher: RandomState::new(),
            generation: AtomicU64::new(0),
            floor: AtomicU64::new(u64::MAX),
            told_from: AtomicU64::new(u64::MAX),
            settled: AtomicU64::new(0),
            began: Instant::now(),
            trust,
            heard: AtomicU64::new(NEVER),
            epoch: RwLock::default(),
            collisions: AtomicU64::new(0),
            own: Mutex::default(),
        }
    }

    fn own(&self) -> MutexGuard<'_, HashMap<TransactionId, Tick>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, subject: &Subject) -> (usize, u32) {
        let hash = self.hasher.hash_one(subject);
        // The number of slots is a power of two.
        (hash as usize & (self.slots.count - 1), (hash >> 32) as u32 | 1)
    }

    /// The count of a subject now.
    pub(crate) fn mark(&self, subject: &Subject) -> Mark {
        let (slot, _) = self.slot(subject);
        self.mark_of(slot)
    }

    fn mark_of(&self, slot: usize) -> Mark {
        let generation = self.generation.load(Ordering::SeqCst);
        Mark { slot, generation, count: self.slots.at(slot).count.load(Ordering::SeqCst) }
    }

    /// Whether the subject has not changed since this count.
    pub(crate) fn holds(&self, mark: Mark) -> bool {
        self.mark_of(mark.slot) == mark
    }

    /// Whether the log was read recently enough.
    pub(crate) fn is_trusted(&self, now: Instant) -> bool {
        self.age(now).is_some_and(|age| age < self.trust)
    }

    /// Whether an unchanged value that was read at `since` is as current as a cached value must be.
    pub(crate) fn covers(&self, since: Instant, now: Instant) -> bool {
        self.is_trusted(now) || now.saturating_duration_since(since) < self.trust
    }

    fn age(&self, now: Instant) -> Option<Duration> {
        match self.heard.load(Ordering::SeqCst) {
            NEVER => None,
            heard => Some(now.saturating_duration_since(self.began).saturating_sub(Duration::from_nanos(heard))),
        }
    }

    /// The tick below which every commit was received: values that are loaded from now on contain them.
    pub(crate) fn settled(&self) -> Tick {
        Tick(self.settled.load(Ordering::SeqCst))
    }

    /// Whether a value contains every change of the subject: it was loaded when every commit before `as_of` had been
    /// received, this process follows the log since before that, and the last known change has a smaller tick.
    pub(crate) fn is_current(&self, mark: Mark, as_of: Tick) -> bool {
        let is_behind_all = as_of.0 >= self.floor.load(Ordering::SeqCst)
            && self.slots.at(mark.slot).last.load(Ordering::SeqCst) < as_of.0;
        // The generation last: it moves before what was told is forgotten.
        is_behind_all && self.generation().0 == mark.generation
    }

    /// Whether the log has returned the commit with this tick, which the caller may have seen, and all with smaller ticks. That this
    /// process committed with the same tick says nothing: a storage may give one tick to the commits of several processes.
    pub(crate) fn has_reached(&self, tick: Tick) -> bool {
        tick < self.settled()
    }

    pub(crate) fn epoch(&self) -> Option<Epoch> {
        *self.epoch.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn heard(&self) -> Heard {
        let now = Instant::now();
        Heard {
            epoch: self.epoch(),
            settled: self.settled(),
            age: self.age(now),
            trusted: self.is_trusted(now),
            collisions: self.collisions.load(Ordering::Relaxed),
        }
    }

    /// Invalidates everything that was loaded so far; nothing counts as current until the log is read. Later loads
    /// contain every change that the log no longer returns.
    pub(crate) fn begin(&self) {
        let mut own = self.own();
        own.clear();
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.heard.store(NEVER, Ordering::SeqCst);
        self.floor.store(u64::MAX, Ordering::SeqCst);
        self.told_from.store(u64::MAX, Ordering::SeqCst);
        self.settled.store(0, Ordering::SeqCst);
        for slot in self.slots.used() {
            slot.last.store(0, Ordering::SeqCst);
        }
    }

    /// Invalidates everything that was loaded so far. Known changes stay known: a commit of this process may have been
    /// acknowledged after the next batch was requested.
    pub(crate) fn begin_to_listen(&self) {
        self.own().clear();
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// The log starts here: every change with a tick of at least `told_from` will be received, and shared values are
    /// valid from `floor` on.
    pub(crate) fn listen(&self, epoch: Epoch, floor: Tick, told_from: Tick) {
        *self.epoch.write().unwrap_or_else(PoisonError::into_inner) = Some(epoch);
        self.floor.store(floor.0, Ordering::SeqCst);
        self.told_from.store(told_from.0, Ordering::SeqCst);
    }

    /// Applies a batch of the log. Returns the number of new commits.
    pub(crate) fn tell<'a>(&self, commits: impl Iterator<Item = &'a LoggedCommit>, settled: Tick) -> u64 {
        let mut own = self.own();
        let mut news = 0;
        for commit in commits {
            // Applied at its acknowledgement. What was loaded since contains it.
            if own.remove(&commit.transaction).is_some() {
                continue;
            }
            news += 1;
            self.touch_rows(commit);
        }
        self.settled.fetch_max(settled.0, Ordering::SeqCst);
        own.retain(|_, tick| *tick >= settled);
        news
    }

    /// Applies a batch that another reader of the log received. The follower receives the same commits, now or later.
    pub(crate) fn overhear<'a>(&self, commits: impl Iterator<Item = &'a LoggedCommit>) {
        let _changing = self.own();
        commits.for_each(|commit| self.touch_rows(commit));
    }

    fn touch_rows(&self, commit: &LoggedCommit) {
        match &commit.rows {
            Some(rows) => rows.iter().for_each(|row| self.touch(row, commit.tick)),
            None => self.forget_everything(commit.tick),
        }
    }

    /// The response to a read that was sent at `asked` contained everything.
    pub(crate) fn hear(&self, asked: Instant) {
        let nanoseconds = asked.saturating_duration_since(self.began).as_nanos();
        self.heard.store(u64::try_from(nanoseconds).unwrap_or(u64::MAX).max(1), Ordering::SeqCst);
    }

    /// How often everything was invalidated.
    pub(crate) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::SeqCst))
    }

    /// Applies a commit of this process, which was sent in the generation `since`. Returns a mark for each row whose state
    /// after the commit is its newest as far as this process knows.
    pub(crate) fn tell_own(&self, since: Generation, committed: &Committed) -> Vec<Option<Mark>> {
        let Committed { id, tick, changes, .. } = committed;
        let mut own = self.own();
        // An answer that was on its way while the log began anew may be of a storage that is gone: its tick says nothing.
        let is_of_now = since == self.generation();
        let slot_of = |row: &RowChange| self.slot(&Subject::Row(row.kind, row.id)).0;
        // A repeat returns an old tick; what came before this process listened was never told.
        let is_recent = is_of_now && tick.0 >= self.told_from.load(Ordering::SeqCst);
        let newest = |row: &RowChange| is_recent && self.slots.at(slot_of(row)).last.load(Ordering::SeqCst) <= tick.0;
        let newest: Vec<bool> = changes.iter().map(newest).collect();
        // No shared value that this process could have met so far counts, whichever epoch it is of.
        let touched = if is_of_now { *tick } else { self.settled().max(*tick) };
        changes.iter().for_each(|row| self.touch(row, touched));
        if is_of_now && *tick >= self.settled() {
            own.insert(*id, *tick);
        }
        let marks = changes.iter().zip(newest).map(|(row, newest)| newest.then(|| self.mark_of(slot_of(row))));
        marks.collect()
    }

    /// Drops the values of these subjects, because the storage returned another state or an operator demands it.
    pub(crate) fn disprove(&self, subjects: impl Iterator<Item = Subject>) {
        let _changing = self.own();
        subjects.for_each(|subject| self.touch_subject(&subject, self.settled()));
    }

    /// Any row may have changed in the commit with this tick.
    fn forget_everything(&self, tick: Tick) {
        let next = tick.0.saturating_add(1);
        self.floor.fetch_max(next, Ordering::SeqCst);
        self.told_from.fetch_max(next, Ordering::SeqCst);
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Invalidates everything, on demand of an operator.
    pub(crate) fn drop_everything(&self) {
        let _changing = self.own();
        self.forget_everything(self.settled());
    }

    fn touch(&self, row: &RowChange, tick: Tick) {
        self.touch_subject(&Subject::Row(row.kind, row.id), tick);
        for scope in std::iter::once(Scope::All).chain(row.owners()) {
            self.touch_subject(&Subject::Lists(row.kind, scope), tick);
        }
    }

    fn touch_subject(&self, subject: &Subject, tick: Tick) {
        let (index, tag) = self.slot(subject);
        let slot = self.slots.at(index);
        slot.last.fetch_max(tick.0, Ordering::SeqCst);
        slot.count.fetch_add(1, Ordering::SeqCst);
        let before = slot.tag.swap(tag, Ordering::Relaxed);
        if before != 0 && before != tag {
            self.collisions.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
