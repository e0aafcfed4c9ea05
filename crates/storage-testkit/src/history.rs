//! Twelve writers at once with followers beside them: what was committed, and what each follower received.

use crate::{
    kinds::{SomeRow, one_of_each},
    sample::{beginning, character, deletion, event, moves_on, revision},
};
use character_domain::{Character, CharacterId};
use character_storage_port::{
    Change, Committed, DomainEvent, EntityKind, Expect, LogBatch, LogCursor, LoggedCommit, Result, StoragePort, Tick,
    Transaction, TransactionId,
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::oneshot;
use uuid::Uuid;

const WRITERS: usize = 12;
const ROUNDS: usize = 4;
/// The limits of the followers from the beginning, with the longest wait of each.
const FOLLOWERS: [(usize, Duration); 4] = [
    (1, Duration::from_millis(200)),
    (2, Duration::ZERO),
    (7, Duration::from_secs(20)),
    (1000, Duration::from_millis(1)),
];
/// How many commits are acknowledged before each follower from the head begins.
const LATER_FOLLOWERS: [(usize, usize); 3] = [(10, 1), (40, 7), (70, 1000)];

/// The transactions of one test, as the callers know them.
#[derive(Debug, Default)]
struct Ledger {
    begun: HashSet<TransactionId>,
    committed: HashMap<TransactionId, (Committed, Vec<DomainEvent>)>,
}

/// What one follower received.
#[derive(Debug)]
struct Followed {
    /// Whether it began with the oldest commit.
    is_from_the_beginning: bool,
    /// The transactions that were begun when it got its first cursor. It need not receive them.
    begun_before: HashSet<TransactionId>,
    /// Its batches, in order.
    batches: Vec<LogBatch>,
}

impl Followed {
    /// Every commit that it received, in order.
    fn commits(&self) -> impl Iterator<Item = &Arc<LoggedCommit>> {
        self.batches.iter().flat_map(|batch| &batch.commits)
    }
}

/// What was committed while several tasks wrote, and what the followers received.
#[derive(Debug)]
pub(crate) struct History {
    committed: HashMap<TransactionId, (Committed, Vec<DomainEvent>)>,
    /// The followers.
    followers: Vec<Followed>,
}

impl History {
    /// Lets twelve writers change shared rows of every kind and rows of their own, by `commit` and by `commit_each`, with
    /// repeats, refusals and empty transactions between, while followers read the log.
    pub(crate) async fn of(storage: &Arc<dyn StoragePort>) -> Self {
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let last = TransactionId::new();
        let shared = Arc::new(one_of_each(Uuid::new_v4));
        let subjects: [CharacterId; 3] = std::array::from_fn(|_| CharacterId::new());
        let mut followers = Vec::new();
        for (limit, wait) in FOLLOWERS {
            let (storage, cursor) = (Arc::clone(storage), beginning(&**storage).await);
            followers.push(tokio::spawn(async move {
                let batches = follow_until(&storage, cursor, limit, wait, last).await;
                Followed { is_from_the_beginning: true, begun_before: HashSet::new(), batches }
            }));
        }
        let mut beginnings = Vec::new();
        for (after, limit) in LATER_FOLLOWERS {
            let (storage, ledger) = (Arc::clone(storage), Arc::clone(&ledger));
            let (begins, beginning) = oneshot::channel();
            beginnings.push(beginning);
            followers.push(tokio::spawn(async move {
                while lock(&ledger).committed.len() < after {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                let cursor = storage.head().await.expect("the head is answered");
                let begun_before = lock(&ledger).begun.clone();
                // The other end is gone only when this test has failed already.
                let _ = begins.send(());
                let batches = follow_until(&storage, cursor, limit, Duration::from_secs(5), last).await;
                Followed { is_from_the_beginning: false, begun_before, batches }
            }));
        }
        let creation =
            Transaction { writes: shared.iter().map(|row| row.create.clone()).collect(), ..Transaction::new() };
        commit(storage, &ledger, creation).await.expect("the rows are new and valid");
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                tokio::spawn(write(writer, Arc::clone(storage), Arc::clone(&ledger), Arc::clone(&shared), subjects))
            })
            .collect();
        for writer in writers {
            writer.await.expect("every writer ends");
        }
        for beginning in beginnings {
            // A follower that begins behind the last commit would wait for it forever. One that has failed is awaited below.
            let _ = beginning.await;
        }
        commit(storage, &ledger, Transaction { id: last, ..Transaction::new() }).await.expect("it is empty");
        let mut received = Vec::new();
        for follower in followers {
            received.push(follower.await.expect("every follower ends"));
        }
        let committed = std::mem::take(&mut lock(&ledger).committed);
        Self { committed, followers: received }
    }

    /// Panics unless each follower received every commit that began behind its first cursor exactly once and as it was
    /// acknowledged, and nothing else.
    pub(crate) fn is_complete(&self) {
        for follower in &self.followers {
            let mut received = HashSet::new();
            for commit in follower.commits() {
                assert!(received.insert(commit.transaction), "a commit was received twice: {commit:?}");
                let known = self.committed.get(&commit.transaction);
                let (committed, events) = known.unwrap_or_else(|| panic!("it was never acknowledged: {commit:?}"));
                let expected = (committed.tick, Some(&committed.changes), events);
                assert_eq!((commit.tick, commit.rows.as_ref(), &commit.events), expected);
            }
            let missing =
                self.committed.keys().filter(|id| !received.contains(id) && !follower.begun_before.contains(id));
            assert_eq!(missing.collect::<Vec<_>>(), Vec::<&TransactionId>::new(), "these commits were not received");
        }
    }

    /// Panics unless each follower received the changes of each row in the order of its revisions, without a gap and with
    /// ticks that never fall.
    pub(crate) fn is_in_the_order_of_revisions(&self) {
        for follower in &self.followers {
            let mut last: HashMap<(EntityKind, Uuid), (u64, Tick)> = HashMap::new();
            for commit in follower.commits() {
                for change in commit.rows.iter().flatten() {
                    let at = (change.revision.0, commit.tick);
                    match last.insert((change.kind, change.id), at) {
                        Some((revision, tick)) => {
                            assert!(at.0 == revision + 1 && at.1 >= tick, "{change:?} after {revision} of tick {tick}");
                        }
                        None if follower.is_from_the_beginning => assert_eq!(at.0, 1, "{change:?} came first"),
                        None => {}
                    }
                }
            }
        }
    }

    /// Panics unless all followers received the events of each subject in one order.
    pub(crate) fn has_one_order_of_events(&self) {
        let by_subject = |follower: &Followed| {
            let mut events: HashMap<CharacterId, Vec<DomainEvent>> = HashMap::new();
            for event in follower.commits().flat_map(|commit| &commit.events) {
                events.entry(event.subject).or_default().push(event.clone());
            }
            events
        };
        let first = by_subject(&self.followers[0]);
        for follower in &self.followers[1..] {
            for (subject, received) in by_subject(follower) {
                let expected: Vec<_> =
                    first[&subject].iter().filter(|event| received.contains(event)).cloned().collect();
                assert!(received == expected, "two followers received the events of {subject} in different orders");
            }
        }
    }

    /// Panics when `settled` falls, or is above the tick of a commit that is received later.
    pub(crate) fn settled_is_right(&self) {
        for follower in &self.followers {
            let mut settled = Tick::default();
            for batch in &follower.batches {
                for commit in &batch.commits {
                    assert!(commit.tick >= settled, "settled was {settled} before {commit:?}");
                }
                assert!(batch.settled >= settled, "settled went from {settled} back to {}", batch.settled);
                settled = batch.settled;
            }
        }
    }

    /// Panics when a commit is received whose tick is not below the ceiling of its batch and of those behind it.
    pub(crate) fn ceiling_is_right(&self) {
        for follower in &self.followers {
            let mut highest = Tick::default();
            for batch in &follower.batches {
                highest = batch.commits.iter().map(|commit| commit.tick).chain([highest]).max().unwrap_or(highest);
                assert!(highest < batch.ceiling, "tick {highest} under a ceiling of {}", batch.ceiling);
            }
        }
    }
}

fn lock(ledger: &Mutex<Ledger>) -> std::sync::MutexGuard<'_, Ledger> {
    ledger.lock().expect("no task panics while it holds the ledger")
}

/// Follows the log until it has received this transaction and nothing is behind it. Each cursor passes through its text.
async fn follow_until(
    storage: &Arc<dyn StoragePort>,
    mut cursor: LogCursor,
    limit: usize,
    wait: Duration,
    last: TransactionId,
) -> Vec<LogBatch> {
    let (mut batches, mut is_last_received) = (Vec::new(), false);
    loop {
        let batch = storage.follow(&cursor, limit, wait).await.expect("the cursor is good");
        assert!(batch.commits.len() <= limit, "a batch of {} commits for a limit of {limit}", batch.commits.len());
        moves_on(&cursor, &batch);
        cursor = batch.next.to_string().parse().expect("a cursor survives its text");
        is_last_received |= batch.commits.iter().any(|commit| commit.transaction == last);
        let is_at_the_end = is_last_received && !batch.more;
        if batch.commits.is_empty() && wait < Duration::from_millis(2) {
            // A follower that does not wait must leave the processor to the writers.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        batches.push(batch);
        if is_at_the_end {
            // What a batch without commits says counts too.
            let empty = storage.follow(&cursor, limit, Duration::ZERO).await.expect("the cursor is good");
            assert!(empty.commits.is_empty(), "{empty:?} behind the last commit");
            batches.push(empty);
            return batches;
        }
    }
}

async fn commit(storage: &Arc<dyn StoragePort>, ledger: &Mutex<Ledger>, transaction: Transaction) -> Result<Committed> {
    let events = transaction.events.clone();
    lock(ledger).begun.insert(transaction.id);
    let outcome = storage.commit(transaction).await;
    if let Ok(committed) = &outcome {
        lock(ledger).committed.insert(committed.id, (committed.clone(), events));
    }
    outcome
}

/// One writer. Its transactions touch two shared rows, a row of its own, and subjects that all writers share.
async fn write(
    writer: usize,
    storage: Arc<dyn StoragePort>,
    ledger: Arc<Mutex<Ledger>>,
    shared: Arc<Vec<SomeRow>>,
    subjects: [CharacterId; 3],
) {
    let own = character();
    let replace_own = || Change::Replace { entity: own.clone(), expect: Expect::Any };
    let create = Transaction::new().with(Change::Create(own.clone())).with_event(event(own.id, 0));
    commit(&storage, &ledger, create).await.expect("the row is new");
    for round in 0..ROUNDS {
        let number = (writer * ROUNDS + round) as u64;
        let (one, other) =
            (&shared[(writer + round) % shared.len()], &shared[(writer * 5 + round * 3 + 1) % shared.len()]);
        let mut both = Transaction::new().with(replace_own()).with_event(event(subjects[round % 3], number));
        both.writes.push(one.replace.clone());
        if one.id != other.id {
            both.writes.push(other.replace.clone());
        }
        both.events.push(event(own.id, number));
        tokio::task::yield_now().await;
        let first = commit(&storage, &ledger, both.clone()).await.expect("no revision was expected");
        if round % 2 == 0 {
            let repeat = storage.commit(both).await.expect("a repeat is answered");
            assert_eq!(repeat, first);
        }
        let refused =
            Transaction::new().with(deletion(own.id, revision(1 << 40))).with_event(event(subjects[0], number));
        let invalid = Transaction::new().with(Change::Create(Character { name: String::new(), ..character() }));
        commit(&storage, &ledger, refused.clone()).await.expect_err("the row is at another revision");
        if round % 2 == 1 {
            let alone = Transaction::new().with_event(event(subjects[(round + 1) % 3], number));
            let mut again = Transaction::new().with(replace_own());
            again.writes.push(other.replace.clone());
            let batch = vec![Transaction::new(), refused, alone, invalid.with_event(event(own.id, 99)), again];
            let events: Vec<_> = batch.iter().map(|transaction| transaction.events.clone()).collect();
            lock(&ledger).begun.extend(batch.iter().map(|transaction| transaction.id));
            let outcomes = storage.commit_each(batch).await;
            let are_committed: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
            assert_eq!(are_committed, [true, false, true, false, true]);
            for (committed, events) in
                outcomes.into_iter().zip(events).filter_map(|(it, events)| Some((it.ok()?, events)))
            {
                lock(&ledger).committed.insert(committed.id, (committed, events));
            }
        }
    }
}
