//! Writers that race, and a follower that must be told each of their commits once, in the order of the revisions.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use super::{character, create, event};
use character_domain::{Character, Revision};
use character_storage_port::{
    Change, Commit, Expect, Log, LogCursor, LoggedCommit, Result, Tick, Transaction, TransactionId,
};
use character_storage_sql::SqlStorage;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

/// What a follower has received.
#[derive(Default)]
pub(crate) struct Told {
    seen: HashSet<TransactionId>,
    revisions: HashMap<Uuid, Revision>,
    /// The numbers of the events of each subject.
    events: HashMap<Uuid, u64>,
    settled: Tick,
}

impl Told {
    fn take(&mut self, commit: &LoggedCommit, settled_before: Tick) {
        assert!(self.seen.insert(commit.transaction), "{commit:?} is told twice");
        assert!(commit.tick >= settled_before, "{commit:?} is told late: {settled_before} was settled");
        for change in commit.rows.iter().flatten() {
            let last = self.revisions.insert(change.id, change.revision);
            assert!(last.is_none_or(|last| last < change.revision), "after revision {last:?}: {commit:?}");
        }
        for event in &commit.events {
            *self.events.entry(event.subject.0).or_default() += 1;
        }
    }

    /// Follows until everything of `wanted` was received.
    pub(crate) async fn follow(
        &mut self,
        storage: &SqlStorage,
        mut after: LogCursor,
        wanted: impl Fn() -> Option<HashSet<TransactionId>>,
    ) -> LogCursor {
        loop {
            let wanted = wanted();
            // Small batches are cut in the middle of what was read together.
            let batch = match storage.follow(&after, 7, Duration::from_millis(50)).await {
                Ok(batch) => batch,
                Err(error) if error.is_outage() => continue,
                Err(error) => panic!("{error:?}"),
            };
            for commit in &batch.commits {
                self.take(commit, self.settled);
                assert!(commit.tick < batch.ceiling, "{commit:?} is above the ceiling {}", batch.ceiling);
            }
            assert!(batch.settled >= self.settled, "settled goes back");
            (self.settled, after) = (batch.settled, batch.next);
            if batch.commits.is_empty()
                && let Some(wanted) = wanted
            {
                let missed: Vec<_> = wanted.difference(&self.seen).collect();
                let invented: Vec<_> = self.seen.difference(&wanted).collect();
                assert!(missed.is_empty() && invented.is_empty(), "missed {missed:?}, invented {invented:?}");
                return after;
            }
        }
    }
}

/// Runs `writers`, each with this number of commits to a few rows; returns their transactions.
pub(crate) async fn race(storage: &SqlStorage, writers: usize, commits: usize) -> HashSet<TransactionId> {
    let rows: Arc<Vec<Character>> = Arc::new((0..6).map(|_| character("Contended")).collect());
    let mut done: HashSet<TransactionId> = HashSet::new();
    for row in rows.iter() {
        // A refused transaction leaves no trace, so that another one can create the row.
        let created = loop {
            let transaction = create(row);
            let id = transaction.id;
            if settled(storage, transaction).await {
                break id;
            }
        };
        done.insert(created);
    }
    let number = Arc::new(AtomicUsize::new(0));
    let tasks = (0..writers).map(|writer| {
        let (storage, rows, number) = (storage.clone(), Arc::clone(&rows), Arc::clone(&number));
        tokio::spawn(async move {
            let mut done = Vec::new();
            for round in 0..commits {
                let row = &rows[(writer + round) % rows.len()];
                let number = number.fetch_add(1, Ordering::Relaxed);
                let mut transaction = Transaction::new()
                    .with(Change::Replace { entity: row.clone(), expect: Expect::Any })
                    .with_event(event(row.id, number));
                if round % 5 == 0 {
                    let new = character("New");
                    transaction = transaction.with(Change::Create(new.clone()));
                    let changed = Transaction::new().with(Change::Replace { entity: new, expect: Expect::Any });
                    let id = transaction.id;
                    if settled(&storage, transaction).await {
                        done.push(id);
                        let id = changed.id;
                        if settled(&storage, changed).await {
                            done.push(id);
                        }
                    }
                } else {
                    let id = transaction.id;
                    if settled(&storage, transaction).await {
                        done.push(id);
                    }
                }
            }
            done
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        done.extend(task.await.unwrap());
    }
    done
}

/// Commits, and repeats that until the outcome is known; `false`: it was refused.
async fn settled(storage: &SqlStorage, transaction: Transaction) -> bool {
    loop {
        let outcome: Result<_> = storage.commit(transaction.clone()).await;
        match outcome {
            Ok(_) => return true,
            Err(error) if error.is_outage() => tokio::task::yield_now().await,
            Err(_) => return false,
        }
    }
}
