//! A right storage with one mistake in front of it.

use crate::{
    mistake::Mistake::{self, self as M},
    rows::{is_shallow, misunderstood, paged, passes, spoiled, taken_in},
};
use async_trait::async_trait;
use character_domain::{JournalEntry, Revision, Timestamp, Violations};
use character_storage_port::{
    Applied, Change, Commit, Committed, Deleted, Entity, EntityKind, ErrorKind, Expect, Fingerprint, Log, LogBatch,
    LogCursor, MemoryStorage, Page, PageRequest, Probe, Query, Read, Result, Scope, Snapshot, SnapshotItem,
    SnapshotStream, StorageError, StoragePort, Store, StoredRow, Transaction, TransactionId, Write, check_batch,
    check_list, delegate_port, for_row, for_write,
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

#[derive(Debug)]
pub(crate) struct Wrong {
    mistake: Mistake,
    inner: MemoryStorage,
    permits: Semaphore,
    commits: Arc<AtomicUsize>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kind_of: HashMap<Uuid, EntityKind>,
    created_at: HashMap<(EntityKind, Uuid), Timestamp>,
    refused: HashMap<TransactionId, StorageError>,
    rows: HashMap<(EntityKind, Uuid, Deleted), Value>,
    lists: HashMap<(EntityKind, String, PageRequest), (Scope, Value)>,
}

impl Wrong {
    pub(crate) fn storage(mistake: Mistake) -> Arc<dyn StoragePort> {
        let (inner, permits) = (MemoryStorage::new(), Semaphore::new(8));
        Arc::new(Self { mistake, inner, permits, commits: Arc::default(), state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn has(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }

    /// Does the work of the call, under a permit that a dropped call does not return.
    async fn under_permit<T>(&self, call: impl Future<Output = T>) -> T {
        if !self.has(M::LosesPermitsWhenDropped) {
            return call.await;
        }
        self.permits.acquire().await.unwrap().forget();
        tokio::task::yield_now().await;
        let answer = call.await;
        self.permits.add_permits(1);
        answer
    }

    /// The row as it is answered, or nothing where another kind took its place.
    fn answered<E: Entity>(&self, row: &E) -> Option<E> {
        let id: Uuid = row.id().into();
        let state = self.state();
        if self.has(M::MixesUpKindsWithOneId) && state.kind_of.get(&id) != Some(&E::KIND) {
            return None;
        }
        let mut row = spoiled(self.mistake, row);
        if let Some(created_at) = state.created_at.get(&(E::KIND, id)) {
            row.meta_mut().created_at = *created_at;
        }
        Some(row)
    }

    async fn every_row<E: Entity>(&self, query: &E::Query) -> Result<Vec<E>> {
        let (mut rows, mut request) = (Vec::new(), PageRequest::default());
        loop {
            let Page { items, next, .. } = Store::<E>::list(&self.inner, query, request.clone()).await?.value;
            rows.extend(items);
            let Some(cursor) = next else { return Ok(rows) };
            request = request.after(cursor);
        }
    }

    fn taken_in<E: Entity>(&self, change: Change<E>) -> Write {
        let (mistake, any) = (self.mistake, self.has(M::IgnoresTheExpectedRevision));
        let expected = |expect| if any { Expect::Any } else { expect };
        E::write(match change {
            Change::Create(row) => Change::Create(taken_in(mistake, row)),
            Change::Import(row) if self.has(M::ImportsAtRevisionOne) => Change::Create(row),
            Change::Import(row) => Change::Import(taken_in(mistake, row)),
            Change::Replace { entity, expect } => {
                Change::Replace { entity: taken_in(mistake, entity), expect: expected(expect) }
            }
            Change::Delete { id, expect, at } => Change::Delete { id, expect: expected(expect), at },
            Change::Restore { id, expect, at } => Change::Restore { id, expect: expected(expect), at },
            Change::Revive { entity, expect } if self.mistake == M::RevivesUnchanged => {
                Change::Restore { id: entity.id(), expect, at: entity.meta().updated_at }
            }
            Change::Revive { entity, expect } => Change::Revive { entity, expect: expected(expect) },
        })
    }

    async fn apply(&self, mut transaction: Transaction) -> Result<Committed> {
        let (given, id) = (transaction.fingerprint(), transaction.id);
        match self.mistake {
            M::IgnoresTheExpectedRevision => transaction.fingerprint = Some(given),
            M::AppliesARepeatedCommitTwice => transaction.id = TransactionId::new(),
            M::TakesAnotherRequestUnderAUsedId => transaction.fingerprint = Some(Fingerprint::of(b"always the same")),
            M::TellsRequestsApartByIdsAlone => {
                let ids: Vec<Uuid> = transaction.writes.iter().map(|write| write.row().1).collect();
                transaction.fingerprint = Some(Fingerprint::of(json!(ids).to_string().as_bytes()));
            }
            M::ForgetsTheAnswer => transaction.answer = None,
            M::TakesNullForNoAnswer => transaction.answer = transaction.answer.filter(|it| it.text().get() != "null"),
            M::ForgetsDeepAnswers => transaction.answer = transaction.answer.filter(is_shallow),
            M::LosesAnEvent => drop(transaction.events.pop()),
            M::ForgetsEventsOfRows => transaction.events.retain(|event| event.data.get("kind").is_none()),
            _ => {}
        }
        transaction.writes =
            transaction.writes.into_iter().map(|write| for_write!(write, change => self.taken_in(change))).collect();
        match self.mistake {
            M::AppliesTheFirstWriteOfARefusedTransaction => {
                let first = transaction.writes.first().cloned();
                let outcome = self.inner.commit(transaction).await;
                if let (Err(_), Some(first)) = (&outcome, first) {
                    drop(self.inner.commit(Transaction { writes: vec![first], ..Transaction::new() }).await);
                }
                outcome
            }
            M::CommitsWritesOneByOne => {
                transaction.check()?;
                let Transaction { writes, events, answer, .. } = transaction;
                let (mut written, mut changes) = (Vec::new(), Vec::new());
                for write in writes {
                    let one = Transaction { writes: vec![write], ..Transaction::new() };
                    let committed = self.inner.commit(one).await?;
                    written.extend(committed.written);
                    changes.extend(committed.changes);
                }
                let tick = self.inner.commit(Transaction { events, ..Transaction::new() }).await?.tick;
                Ok(Committed { id, tick, written, changes, answer })
            }
            M::ForgetsWritesOfAnotherKind => {
                let writes = transaction.writes.len();
                let kind = transaction.writes.first().map(|write| write.row().0);
                transaction.writes.retain(|write| Some(write.row().0) == kind);
                let mut committed = self.inner.commit(transaction).await?;
                let last = committed.written.last().copied();
                committed.written.extend(std::iter::repeat_n(last, writes - committed.written.len()).flatten());
                Ok(committed)
            }
            M::JudgesTheLastWriteFirst => {
                transaction.check()?;
                transaction.writes.reverse();
                let mut committed = self.inner.commit(transaction).await?;
                committed.written.reverse();
                Ok(committed)
            }
            M::ImportsOverRows => match self.inner.commit(transaction.clone()).await {
                Err(error) if *error.kind() == ErrorKind::AlreadyExists => {
                    let over = |write| for_write!(write, change => overwriting(change));
                    transaction.writes = transaction.writes.into_iter().map(over).collect();
                    self.inner.commit(transaction).await
                }
                outcome => outcome,
            },
            M::SendsEventsTooEarly => {
                let events = std::mem::take(&mut transaction.events);
                self.inner.commit(Transaction { events, ..Transaction::new() }).await?;
                self.inner.commit(transaction).await
            }
            M::ChecksReferences => {
                for write in &transaction.writes {
                    if let Write::Quest(Change::Create(quest)) = write {
                        let entry: Read<Option<JournalEntry>> =
                            self.inner.find(quest.journal_entry_id, Deleted::Exclude).await?;
                        let absent = || Violations::one("journal_entry_id", "is not there");
                        entry.value.ok_or_else(|| StorageError::invalid(absent(), "commit"))?;
                    }
                }
                self.inner.commit(transaction).await
            }
            M::RemembersRefusals => {
                if let Some(error) = self.state().refused.get(&id) {
                    return Err(error.clone());
                }
                let outcome = self.inner.commit(transaction).await;
                if let Err(error) = &outcome {
                    self.state().refused.insert(id, error.clone());
                }
                outcome
            }
            _ => self.inner.commit(transaction).await,
        }
    }

    fn answered_outcome(&self, outcome: Result<Committed>) -> Result<Committed> {
        match (self.mistake, outcome) {
            (M::GivesOutcomesInTheWrongOrder, Ok(mut committed)) => {
                committed.written.reverse();
                Ok(committed)
            }
            (M::CallsAnExistingRowAConflict, Err(error)) if *error.kind() == ErrorKind::AlreadyExists => {
                let kind = ErrorKind::Conflict { expected: Revision(0), actual: Revision(1) };
                Err(StorageError::new(kind, error.operation()))
            }
            (M::NeverKnowsTheOutcome, Err(error)) => Err(error.with_applied(Applied::Unknown)),
            (M::NamesNoRow, Err(error)) => Err(StorageError::new(error.kind().clone(), error.operation())),
            (_, outcome) => outcome,
        }
    }

    fn remember<E: Entity>(&self, change: &Change<E>) {
        let mut state = self.state();
        state.kind_of.insert(change.id().into(), E::KIND);
        if let Change::Replace { entity, .. } = change
            && self.has(M::OverwritesCreatedAt)
        {
            state.created_at.insert((E::KIND, entity.id().into()), entity.meta().created_at);
        }
        let scopes = change.entity().map(Entity::scopes);
        // The lists that the new state is in are forgotten; those that only the old one was in are not.
        state.lists.retain(|(kind, ..), (scope, _)| {
            *kind != E::KIND || scopes.as_ref().is_some_and(|scopes| !scopes.contains(scope))
        });
    }
}

#[async_trait]
impl<E: Entity> Store<E> for Wrong {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        let key = (E::KIND, id.into(), deleted);
        if let Some(cached) = self.state().rows.get(&key) {
            return Ok(Read::origin(serde_json::from_value(cached.clone()).unwrap()));
        }
        let asked = match self.mistake {
            M::ServesDeletedRows => Deleted::Include,
            M::IgnoresRequestsForDeletedRows => Deleted::Exclude,
            _ => deleted,
        };
        let found: Option<E> = self.under_permit(self.inner.find(id, asked)).await?.value;
        let found = found.and_then(|row| self.answered(&row));
        if self.has(M::AnswersFromACacheForEver) || (self.has(M::RemembersAbsence) && found.is_none()) {
            self.state().rows.insert(key, json!(found));
        }
        Ok(Read::origin(found))
    }

    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        if !self.has(M::TakesACursorOfAnotherOrder) && !self.has(M::IgnoresTheOrder) {
            check_list::<E>(query, &page)?;
        }
        let key = (E::KIND, json!(query).to_string(), page.clone());
        if let Some((_, cached)) = self.state().lists.get(&key) {
            return Ok(Read::origin(serde_json::from_value(cached.clone()).unwrap()));
        }
        if self.has(M::FailsOnOddFilters) && json!(query).to_string().contains("\\u0000") {
            return Err(StorageError::new(ErrorKind::Corrupt, E::LIST));
        }
        let rows: Vec<E> = self.under_permit(self.every_row(&misunderstood::<E>(self.mistake, query))).await?;
        let rows = rows.iter().filter(|row| passes(self.mistake, query, *row)).filter_map(|row| self.answered(row));
        let answer = paged(self.mistake, query, rows.collect(), page);
        if self.has(M::ForgetsTheListThatWasLeft) {
            self.state().lists.insert(key, (query.scope(), json!(answer)));
        }
        Ok(Read::origin(answer))
    }
}

#[async_trait]
impl Commit for Wrong {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        let writes = transaction.writes.clone();
        let outcome = self.under_permit(self.apply(transaction)).await;
        self.commits.fetch_add(1, Ordering::SeqCst);
        if outcome.is_ok() {
            for write in &writes {
                for_write!(write, change => self.remember(change));
            }
        }
        self.answered_outcome(outcome)
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if let Err(error) = check_batch(&transactions) {
            return transactions.iter().map(|_| Err(error.clone())).collect();
        }
        let mut outcomes: Vec<Result<Committed>> = Vec::new();
        for transaction in transactions {
            let refused = outcomes.iter().find_map(|outcome| outcome.as_ref().err().cloned());
            outcomes.push(match refused {
                Some(error) if self.has(M::StopsABatchAtTheFirstRefusal) => Err(error),
                _ => self.commit(transaction).await,
            });
        }
        outcomes
    }
}

#[async_trait]
impl Log for Wrong {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        let mut batch = self.under_permit(self.inner.follow(after, limit, wait)).await?;
        if self.has(M::GivesEventsInTheWrongOrder) {
            batch.commits.reverse();
        }
        Ok(batch)
    }

    async fn head(&self) -> Result<LogCursor> {
        self.under_permit(self.inner.head()).await
    }
}

delegate_port!(Consumers for [] Wrong, storage => storage.inner);

/// The change, as one that takes the place of a row.
fn overwriting<E: Entity>(change: Change<E>) -> Write {
    E::write(match change {
        Change::Import(entity) => Change::Replace { entity, expect: Expect::Any },
        other => other,
    })
}

#[async_trait]
impl Snapshot for Wrong {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        let mistake = self.mistake;
        if mistake == M::ReadsSnapshotsAsTheyAreAskedFor {
            let (inner, commits) = (self.inner.clone(), Arc::clone(&self.commits));
            return Ok(Box::pin(stream::unfold(0, move |place| {
                let (inner, commits) = (inner.clone(), Arc::clone(&commits));
                async move {
                    // Others are given time to write.
                    let before = commits.load(Ordering::SeqCst);
                    for _ in 0..place * 1_000 {
                        if commits.load(Ordering::SeqCst) > before {
                            break;
                        }
                        tokio::task::yield_now().await;
                    }
                    Some((inner.snapshot().await.unwrap().skip(place).next().await?, place + 1))
                }
            })));
        }
        let mut items: Vec<_> = self.under_permit(self.inner.snapshot()).await?.collect().await;
        if mistake == M::EndsSnapshotsTooEarly {
            items.pop();
        }
        let passes = move |item: &Result<SnapshotItem>| match item {
            Ok(SnapshotItem::Row(row)) if mistake == M::LeavesDeletedRowsOutOfSnapshots => {
                for_row!(row, row => !row.meta.is_deleted())
            }
            Ok(SnapshotItem::Row(row)) if mistake == M::LeavesVersionsOutOfSnapshots => {
                !matches!(row, StoredRow::CharacterVersion(_))
            }
            _ => true,
        };
        Ok(Box::pin(stream::iter(items.into_iter().filter(passes))))
    }
}

#[async_trait]
impl Probe for Wrong {
    async fn probe(&self) -> Result<()> {
        self.under_permit(self.inner.probe()).await
    }
}
