//! Every order in which loads, writes, news and an eviction can take their steps on one key, in two processes.
//!
//! Lesson 53: the interleavings are written down, and checked one by one.

use super::{
    gates::{Fate, GatedLog, GatedOrigin, Passage},
    mutants::{Mistake, MistakenLog, MistakenTier, Restorable},
    name, names, of_user, renamed, torormir,
};
use character_cache::{CacheMetrics, CacheOptions, Cached, SharedTier};
use character_domain::Character;
use character_storage_port::{
    Change, Commit, Committed, Deleted, Expect, MemoryStorage, Result, StorageExt, StoragePort, Store, Tick,
    Transaction, at_least,
};
use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};
use tokio::task::JoinHandle;

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    A,
    B,
}

/// The participants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Begins; reads at the origin; the answer arrives.
    Load(Process),
    /// Is applied; is acknowledged.
    Write(Process),
    /// Is applied; its answer is lost.
    Lost(Process),
    /// The log is asked; its answer arrives.
    News(Process),
    /// The shared tier forgets everything.
    Evict,
}

use Part::{Evict, Load, Lost, News, Write};
use Process::{A, B};

const PARTS: [Part; 9] = [Load(A), Load(B), Write(A), Write(B), Lost(A), Lost(B), News(A), News(B), Evict];

impl Part {
    fn steps(self) -> usize {
        match self {
            Evict => 1,
            Write(_) | Lost(_) | News(_) => 2,
            Load(_) => 3,
        }
    }

    fn is_write(self) -> bool {
        matches!(self, Write(_) | Lost(_))
    }

    fn in_the_other_process(self) -> Self {
        let other = |process| if process == A { B } else { A };
        match self {
            Load(process) => Load(other(process)),
            Write(process) => Write(other(process)),
            Lost(process) => Lost(other(process)),
            News(process) => News(other(process)),
            Evict => Evict,
        }
    }
}

fn index(part: Part) -> usize {
    PARTS.iter().position(|other| *other == part).expect("every part is listed")
}

/// Every cast of one to three of which one at least writes. Of two that differ in the names of the processes, one, when the
/// processes are alike.
fn casts(sharing: Sharing) -> Vec<Vec<Part>> {
    let mut casts = Vec::new();
    for (first, one) in PARTS.into_iter().enumerate() {
        casts.push(vec![one]);
        for (second, two) in PARTS.into_iter().enumerate().skip(first) {
            casts.push(vec![one, two]);
            casts.extend(PARTS[second..].iter().map(|three| vec![one, two, *three]));
        }
    }
    let is_first = |cast: &Vec<Part>| {
        let indices = |parts: &mut dyn Iterator<Item = Part>| {
            let mut indices: Vec<_> = parts.map(index).collect();
            indices.sort_unstable();
            indices
        };
        let ours = indices(&mut cast.iter().copied());
        ours <= indices(&mut cast.iter().map(|part| part.in_the_other_process()))
    };
    let are_alike = sharing != Sharing::TierOfOne;
    casts.retain(|cast| cast.iter().any(|part| part.is_write()) && (!are_alike || is_first(cast)));
    casts
}

/// Every order of the steps of a cast, as whose turn it is. Of parts that are the same, the first is always ahead.
fn orders(cast: &[Part]) -> Vec<Vec<usize>> {
    fn extend(cast: &[Part], left: &mut [usize], order: &mut Vec<usize>, orders: &mut Vec<Vec<usize>>) {
        if left.iter().all(|steps| *steps == 0) {
            return orders.push(order.clone());
        }
        for part in 0..left.len() {
            let is_ahead = part > 0 && cast[part] == cast[part - 1] && left[part] <= left[part - 1];
            if left[part] > 0 && !is_ahead {
                left[part] -= 1;
                order.push(part);
                extend(cast, left, order, orders);
                order.pop();
                left[part] += 1;
            }
        }
    }
    let mut orders = Vec::new();
    let mut left: Vec<_> = cast.iter().map(|part| part.steps()).collect();
    extend(cast, &mut left, &mut Vec::new(), &mut orders);
    orders
}

/// What the processes have beside the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    Nothing,
    Tier,
    /// A tier, and no memory of their own.
    TierAlone,
    /// The first has a tier, and the second has none.
    TierOfOne,
}

struct Side {
    cache: Cached,
    origin: GatedOrigin,
    log: GatedLog,
}

impl Side {
    /// Hears the whole log.
    async fn hear(&self) {
        for _ in 0..2 {
            self.log.questions.last(Passage::go);
            rest().await;
            self.log.questions.take().map(|mut question| question.arrive(Fate::Arrives));
            rest().await;
        }
    }

    fn open(&self, open: bool) {
        self.origin.reads.open(open);
        self.origin.commits.open(open);
    }

    async fn revision(&self, row: &Character) -> u64 {
        let found = Store::<Character>::find(&self.cache, row.id, Deleted::Include).await.expect("memory is up");
        found.value.map_or(0, |row| row.meta.revision.0)
    }
}

/// Until no task can continue. One thread runs all tasks in turn, and no step wakes more than a few of them one after the other.
async fn rest() {
    let mut turns = 8;
    // Not `yield_now`, which looks for input and output each time.
    poll_fn(|context| {
        turns -= 1;
        context.waker().wake_by_ref();
        if turns == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Whether a play reads the list that the row is in, too.
fn lists(number: usize) -> bool {
    number.is_multiple_of(4)
}

/// How many orders are played on one stage.
const PLAYS: usize = 50;

/// Two processes over one storage.
pub(crate) struct Stage {
    storage: MemoryStorage,
    tier: Restorable,
    sides: [Side; 2],
}

/// One part of a play.
#[derive(Default)]
struct Progress {
    steps: usize,
    passage: Option<Passage>,
    load: Option<(u64, Process, JoinHandle<u64>)>,
    write: Option<JoinHandle<Result<Committed>>>,
}

impl Stage {
    pub(crate) async fn new(sharing: Sharing, mistake: Option<Mistake>) -> Self {
        let (storage, tier) = (MemoryStorage::new(), Restorable::default());
        let mut sides = Vec::new();
        for process in [A, B] {
            let origin = GatedOrigin::over(&storage);
            let log = GatedLog::over(&storage);
            let options = CacheOptions {
                // Time is no part of this.
                trust: Duration::from_secs(1 << 30),
                fresh: Duration::from_secs(1 << 30),
                follow: Duration::ZERO,
                slots: 1 << 12,
                max_bytes: if sharing == Sharing::TierAlone { 0 } else { 1 << 20 },
                ..CacheOptions::default()
            };
            let ours = MistakenTier::over(&tier, mistake);
            let is_shared = match sharing {
                Sharing::Nothing => false,
                Sharing::Tier | Sharing::TierAlone => true,
                Sharing::TierOfOne => process == A,
            };
            let shared = is_shared.then(|| Arc::new(ours.clone()) as Arc<dyn SharedTier>);
            let inner: Arc<dyn StoragePort> = Arc::new(origin.port.clone());
            let heard = Arc::new(MistakenLog::passing(log.log.clone(), mistake));
            let (cache, follower) =
                Cached::new(inner, heard, options, shared, CacheMetrics::default()).expect("the options are right");
            ours.belongs_to(&cache);
            tokio::spawn(follower.run());
            let side = Side { cache, origin, log };
            while !side.cache.heard().trusted {
                side.hear().await;
            }
            sides.push(side);
        }
        let Ok(sides) = sides.try_into() else { unreachable!("two were made") };
        Self { storage, tier, sides }
    }

    fn side(&self, process: Process) -> &Side {
        &self.sides[process as usize]
    }

    /// Plays one order on a row of its own; answers what went wrong.
    async fn play(&self, cast: &[Part], order: &[usize], number: usize) -> Result<(), String> {
        let row = self.storage.create_character(torormir()).await.expect("memory takes it");
        for (side, is_filled) in self.sides.iter().zip([number.is_multiple_of(2), number % 8 < 4]) {
            side.hear().await;
            side.open(true);
            if is_filled {
                name(&side.cache, &row).await;
                if lists(number) {
                    names(&side.cache, &of_user(&row)).await;
                }
            }
            side.open(false);
        }
        let (mut acknowledged, mut last) = ([1, 1], Tick(0));
        let mut parts: Vec<Progress> = cast.iter().map(|_| Progress::default()).collect();
        for (turn, part) in order.iter().enumerate() {
            let progress = &mut parts[*part];
            self.step(cast[*part], progress, &row, turn, (&mut acknowledged, &mut last)).await;
            progress.steps += 1;
        }
        for (floor, process, load) in parts.into_iter().filter_map(|part| part.load) {
            let found = load.await.expect("a load does not panic");
            if found < floor {
                return Err(format!("{process:?} found {found} after it had acknowledged {floor}"));
            }
        }
        self.sides.iter().for_each(|side| side.open(true));
        let result = self.check(&row, acknowledged, last, number).await;
        self.sides.iter().for_each(|side| side.open(false));
        result
    }

    async fn step(
        &self,
        part: Part,
        progress: &mut Progress,
        row: &Character,
        turn: usize,
        (acknowledged, last): (&mut [u64; 2], &mut Tick),
    ) {
        match (part, progress.steps) {
            (Load(process), 0) => {
                let (cache, id) = (self.side(process).cache.clone(), row.id);
                let load = tokio::spawn(async move {
                    let found = Store::<Character>::find(&cache, id, Deleted::Include).await;
                    found.expect("memory is up").value.map_or(0, |row| row.meta.revision.0)
                });
                progress.load = Some((acknowledged[process as usize], process, load));
                rest().await;
                // None: it was answered by a tier, or waits for the load of another.
                progress.passage = self.side(process).origin.reads.take();
            }
            (Write(process) | Lost(process), 0) => {
                let side = self.side(process);
                let (cache, entity) = (side.cache.clone(), renamed(row, &format!("Turn {turn}")));
                let change = Change::Replace { entity, expect: Expect::Any };
                progress.write = Some(tokio::spawn(async move { cache.commit(Transaction::new().with(change)).await }));
                rest().await;
                progress.passage = side.origin.commits.take();
                progress.passage.as_mut().map(Passage::go);
            }
            (News(process), 0) => drop(self.side(process).log.questions.last(Passage::go)),
            (News(process), _) => {
                let questions = &self.side(process).log.questions;
                if questions.last(|question| question.arrive(Fate::Arrives)) == Some(true) {
                    questions.take();
                    rest().await;
                }
            }
            (Evict, _) => self.tier.clear().await,
            (Load(_), 1) => drop(progress.passage.as_mut().map(Passage::go)),
            (Load(_), _) => drop(progress.passage.as_mut().map(|passage| passage.arrive(Fate::Arrives))),
            (Lost(_), _) => drop(progress.passage.as_mut().map(|passage| passage.arrive(Fate::IsLost))),
            (Write(process), _) => {
                progress.passage.as_mut().map(|passage| passage.arrive(Fate::Arrives));
                if let Some(write) = progress.write.take() {
                    let committed = write.await.expect("a write does not panic").expect("memory takes it");
                    let floor = &mut acknowledged[process as usize];
                    *floor = committed.written[0].revision.0.max(*floor);
                    *last = committed.tick.max(*last);
                }
            }
        }
        rest().await;
    }

    async fn check(&self, row: &Character, acknowledged: [u64; 2], last: Tick, number: usize) -> Result<(), String> {
        // Whether anybody reads before the news makes a difference afterwards.
        if number.is_multiple_of(3) {
            for (side, floor) in self.sides.iter().zip(acknowledged) {
                let found = side.revision(row).await;
                if found < floor {
                    return Err(format!("{found} is current in the process that has acknowledged {floor}"));
                }
            }
        }
        if number % 3 == 1 && last > Tick(0) {
            let floor = acknowledged[0].max(acknowledged[1]);
            for side in &self.sides {
                let (found, _) = at_least(Some(last), side.revision(row)).await;
                if found < floor {
                    return Err(format!("{found} is found with the position of {floor}"));
                }
            }
        }
        for side in &self.sides {
            side.hear().await;
        }
        let truth = self.storage.get_character(row.id).await.expect("memory is up").value;
        for _ in 0..2 {
            for side in &self.sides {
                let found = side.revision(row).await;
                if found != truth.meta.revision.0 {
                    return Err(format!("{found} stays instead of {truth:?}"));
                }
                if lists(number) {
                    let listed = names(&side.cache, &of_user(row)).await;
                    if listed != [truth.name.as_str()] {
                        return Err(format!("a list of {listed:?} stays instead of {truth:?}"));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Plays every `share`-th order of every cast; answers how many there are, and the first that went wrong.
pub(crate) async fn explore(sharing: Sharing, mistake: Option<Mistake>, share: usize) -> (usize, Option<String>) {
    // In a task, so that it takes turns with the others.
    tokio::spawn(play_all(sharing, mistake, share)).await.expect("no play panics")
}

async fn play_all(sharing: Sharing, mistake: Option<Mistake>, share: usize) -> (usize, Option<String>) {
    let mut stage = Stage::new(sharing, mistake).await;
    let (mut count, first) = (0, rand::random_range(0..share));
    for cast in casts(sharing) {
        for order in orders(&cast) {
            count += 1;
            if count % share != first {
                continue;
            }
            // Who has what in memory changes from one to the next.
            let number = count / share;
            if number.is_multiple_of(PLAYS) {
                // A list of the memory looks at every row there is.
                stage = Stage::new(sharing, mistake).await;
            }
            if let Err(wrong) = stage.play(&cast, &order, number).await {
                return (count, Some(format!("{cast:?} in the order {order:?}: {wrong}")));
            }
        }
    }
    (count, None)
}
