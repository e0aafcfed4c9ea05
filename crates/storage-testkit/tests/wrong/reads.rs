//! Storages that read wrongly: between two commits, far behind the newest rows, or after a batch; and that keep too few parked
//! events.

use crate::{PATIENCE, reads::ReadMistake as M};
use async_trait::async_trait;
use character_storage_port::{
    Commit, Committed, ConsumerName, ConsumerState, Consumers, Cursor, Deleted, DomainEvent, Entity, EntityKind,
    EventId, HolderId, LeaseToken, Leased, LogCursor, MemoryStorage, Page, PageBuilder, PageRequest, ParkedEvent,
    Query, Read, Result, Snapshot, SnapshotStream, Start, StoragePort, Store, Transaction, delegate_port,
};
use futures_util::StreamExt;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// What is wrong with the reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadMistake {
    None,
    // Between two commits.
    ReadsListsRowByRow,
    ReadsListsOfQuestsRowByRow,
    ReadsDeletionsApart,
    // Far behind the newest rows.
    FiltersTheNewestRowsOnly,
    FiltersTheNewestQuestsOnly,
    ClampsOffsets,
    ClampsOffsetsOfImpacts,
    IgnoresOffsetsOfOrdersByName,
    EndsLongLists,
    EndsListsByNameEarly,
    CutsSnapshots,
    CutsSnapshotsOfVersions,
    // After a batch.
    ForgetsNothingAfterBatches,
    ForgetsTheFirstRowOfABatchOnly,
    ForgetsListsOfBatchesNever,
    // At the same time.
    SharesFindsOfOneId,
    SharesListsOfOneOwner,
    // Parked events.
    ListsFewParkedEvents,
    MarksFewParkedEvents,
    ReplaysFewParkedEvents,
}

fn patience(_: ReadMistake) -> Duration {
    PATIENCE
}

#[derive(Debug)]
struct WrongReads {
    mistake: ReadMistake,
    inner: MemoryStorage,
    cache: Mutex<Cache>,
    /// Reads in flight, by what the mistaken adapter tells them apart by.
    under_way: Mutex<HashMap<String, Arc<OnceCell<Value>>>>,
}

/// Answers by kind, as JSON.
#[derive(Debug, Default)]
struct Cache {
    rows: HashMap<(EntityKind, Uuid, Deleted), Value>,
    lists: HashMap<(EntityKind, String, PageRequest), Value>,
}

fn storage(mistake: ReadMistake) -> Arc<dyn StoragePort> {
    Arc::new(WrongReads { mistake, inner: MemoryStorage::new(), cache: Mutex::default(), under_way: Mutex::default() })
}

delegate_port!(Log, Probe for [] WrongReads, storage => storage.inner);

impl WrongReads {
    fn has(&self, mistake: ReadMistake) -> bool {
        self.mistake == mistake
    }

    fn caches(&self) -> bool {
        matches!(
            self.mistake,
            M::ForgetsNothingAfterBatches | M::ForgetsTheFirstRowOfABatchOnly | M::ForgetsListsOfBatchesNever
        )
    }

    /// How many rows of the kind are read when a list is filtered.
    fn window<E: Entity>(&self) -> Option<usize> {
        match self.mistake {
            M::FiltersTheNewestRowsOnly => Some(1_500),
            M::FiltersTheNewestQuestsOnly if E::KIND == EntityKind::Quest => Some(1_500),
            _ => None,
        }
    }

    async fn every_row<E: Entity>(&self, query: &E::Query) -> Result<Vec<E>> {
        let (mut rows, mut request) = (Vec::new(), PageRequest::first(character_storage_port::Limit::MAX));
        loop {
            let Page { items, next, .. } = Store::<E>::list(&self.inner, query, request.clone()).await?.value;
            rows.extend(items);
            let Some(cursor) = next else { return Ok(rows) };
            request = request.after(cursor);
        }
    }

    async fn page<E: Entity>(&self, query: &E::Query, mut request: PageRequest) -> Result<Page<E>> {
        if let Start::Offset(rows) = &mut request.start {
            match self.mistake {
                M::ClampsOffsets => *rows = (*rows).min(1_000),
                M::ClampsOffsetsOfImpacts if E::KIND == EntityKind::EventImpact => *rows = (*rows).min(1_000),
                M::IgnoresOffsetsOfOrdersByName if !query.order().is_default() => *rows = 0,
                _ => {}
            }
        }
        if let Some(window) = self.window::<E>() {
            let everything = crate::rows::edited(&E::Query::default(), |query| {
                query.insert("include_deleted".to_owned(), json!(true));
                if query.contains_key("active_only") {
                    query.insert("active_only".to_owned(), json!(false));
                }
            });
            let rows: Vec<E> = self.every_row(&everything).await?;
            let is_filtered = rows.iter().any(|row| !query.matches(row));
            let window = if is_filtered { window } else { rows.len() };
            let mut rows: Vec<E> = rows.into_iter().take(window).filter(|row| query.matches(row)).collect();
            let place = |row: &E| Cursor::of(row, query.order());
            rows.sort_by(|one, other| place(one).compare(&place(other)));
            let from = match &request.start {
                Start::First => 0,
                Start::Offset(rows) => *rows as usize,
                Start::After(cursor) => rows.partition_point(|row| place(row).compare(cursor).is_le()),
            };
            let mut page = PageBuilder::new(query, request.limit);
            let _full = rows.into_iter().skip(from).all(|row| page.push(row));
            return Ok(page.finish());
        }
        let mut page: Page<E> = Store::<E>::list(&self.inner, query, request).await?.value;
        let row_by_row = match self.mistake {
            M::ReadsListsRowByRow => true,
            M::ReadsListsOfQuestsRowByRow => E::KIND == EntityKind::Quest,
            _ => false,
        };
        if row_by_row {
            let mut rows = page.items.into_vec();
            for row in &mut rows {
                tokio::time::sleep(Duration::from_micros(200)).await;
                if let Some(current) = Store::<E>::find(&self.inner, row.id(), Deleted::Include).await?.value {
                    *row = current;
                }
            }
            rows.retain(|row| query.matches(row));
            page.items = rows.into();
        }
        if self.has(M::ReadsDeletionsApart) {
            let mut kept = Vec::new();
            for row in page.items {
                tokio::time::sleep(Duration::from_micros(200)).await;
                let live = Store::<E>::find(&self.inner, row.id(), Deleted::Exclude).await?.value;
                if live.is_some() || row.meta().is_deleted() {
                    kept.push(row);
                }
            }
            page.items = kept.into();
        }
        let ends = match self.mistake {
            M::EndsLongLists => true,
            M::EndsListsByNameEarly => !query.order().is_default(),
            _ => false,
        };
        if ends && let Some(cursor) = &page.next {
            let before = self.every_row::<E>(query).await?;
            let place = |row: &E| Cursor::of(row, query.order());
            let passed = before.iter().position(|row| place(row) == *cursor).unwrap_or_default();
            page.next = page.next.filter(|_| passed < 3_900);
        }
        Ok(page)
    }

    /// The answer of a read, which reads of the same key take, too, that come while it is in flight.
    async fn shared<T: Serialize + DeserializeOwned>(&self, key: String, read: impl Future<Output = T>) -> Option<T> {
        let cell = Arc::clone(self.under_way.lock().unwrap().entry(key.clone()).or_default());
        let answer = cell
            .get_or_init(async || {
                tokio::time::sleep(Duration::from_millis(1)).await;
                json!(read.await)
            })
            .await;
        self.under_way.lock().unwrap().remove(&key);
        serde_json::from_value(answer.clone()).ok()
    }

    /// The cached answers are forgotten, as far as the mistaken adapter thinks of it.
    fn forget(&self, transactions: &[Transaction], is_batch: bool) {
        let mut cache = self.cache.lock().unwrap();
        if is_batch && self.has(M::ForgetsNothingAfterBatches) {
            return;
        }
        if is_batch && self.has(M::ForgetsTheFirstRowOfABatchOnly) {
            let first = transactions.iter().flat_map(|transaction| &transaction.writes).next();
            if let Some((kind, id)) = first.map(character_storage_port::Write::row) {
                cache.rows.retain(|(of, row, _), _| (*of, *row) != (kind, id));
            }
        } else {
            cache.rows.clear();
        }
        if !is_batch || !self.has(M::ForgetsListsOfBatchesNever) {
            cache.lists.clear();
        }
    }
}

#[async_trait]
impl<E: Entity> Store<E> for WrongReads {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        let key = (E::KIND, id.into(), deleted);
        if let Some(cached) = self.cache.lock().unwrap().rows.get(&key) {
            return Ok(Read::origin(serde_json::from_value(cached.clone()).unwrap()));
        }
        if self.has(M::SharesFindsOfOneId) {
            let find = async { Store::<E>::find(&self.inner, id, deleted).await.unwrap().value };
            return Ok(Read::origin(self.shared(id.into().to_string(), find).await.flatten()));
        }
        let found = Store::<E>::find(&self.inner, id, deleted).await?;
        if self.caches() {
            self.cache.lock().unwrap().rows.insert(key, json!(found.value));
        }
        Ok(found)
    }

    async fn list(&self, query: &E::Query, request: PageRequest) -> Result<Read<Page<E>>> {
        let key = (E::KIND, json!(query).to_string(), request.clone());
        if let Some(cached) = self.cache.lock().unwrap().lists.get(&key) {
            return Ok(Read::origin(serde_json::from_value(cached.clone()).unwrap()));
        }
        if self.has(M::SharesListsOfOneOwner) {
            let list = async { self.page::<E>(query, request).await.unwrap() };
            return Ok(Read::origin(self.shared(key.1, list).await.unwrap()));
        }
        let page = self.page::<E>(query, request).await?;
        if self.caches() {
            self.cache.lock().unwrap().lists.insert(key, json!(page));
        }
        Ok(Read::origin(page))
    }
}

#[async_trait]
impl Commit for WrongReads {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        let outcome = self.inner.commit(transaction.clone()).await;
        self.forget(&[transaction], false);
        outcome
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let outcomes = self.inner.commit_each(transactions.clone()).await;
        self.forget(&transactions, true);
        outcomes
    }
}

#[async_trait]
impl Snapshot for WrongReads {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        let all = self.inner.snapshot().await?;
        Ok(match self.mistake {
            M::CutsSnapshots => all.take(10_000).boxed(),
            M::CutsSnapshotsOfVersions => {
                let mut versions = 0;
                let is_kept = move |item: &Result<character_storage_port::SnapshotItem>| {
                    use character_storage_port::{SnapshotItem, StoredRow};
                    versions += usize::from(matches!(item, Ok(SnapshotItem::Row(StoredRow::CharacterVersion(_)))));
                    std::future::ready(versions <= 1_000)
                };
                all.take_while(is_kept).boxed()
            }
            _ => all,
        })
    }
}

#[async_trait]
impl Consumers for WrongReads {
    async fn lease(&self, consumer: &ConsumerName, holder: HolderId, lease: Duration) -> Result<Option<Leased>> {
        let mut leased = self.inner.lease(consumer, holder, lease).await?;
        if let Some(leased) = leased.as_mut().filter(|_| self.has(M::ReplaysFewParkedEvents)) {
            leased.replays.truncate(500);
        }
        Ok(leased)
    }

    async fn advance(&self, token: &LeaseToken, to: &LogCursor) -> Result<()> {
        self.inner.advance(token, to).await
    }

    async fn release(&self, token: &LeaseToken) -> Result<()> {
        self.inner.release(token).await
    }

    async fn park(&self, token: &LeaseToken, event: &DomainEvent, reason: &str) -> Result<()> {
        self.inner.park(token, event, reason).await
    }

    async fn parked(&self, consumer: &ConsumerName, after: Option<EventId>, limit: usize) -> Result<Vec<ParkedEvent>> {
        let mut parked = self.inner.parked(consumer, after, limit).await?;
        if self.has(M::ListsFewParkedEvents) {
            parked.truncate(999);
        }
        Ok(parked)
    }

    async fn unpark(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        let ids = if self.has(M::MarksFewParkedEvents) { &ids[..ids.len().min(500)] } else { ids };
        self.inner.unpark(consumer, ids).await
    }

    async fn discard(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        self.inner.discard(consumer, ids).await
    }

    async fn consumers(&self) -> Result<Vec<ConsumerState>> {
        self.inner.consumers().await
    }
}

caught! {
    storage;
    a_storage_that_reads_lists_row_by_row_is_caught: ReadsListsRowByRow breaks
        "a_list_never_shows_half_a_change";
    a_storage_that_reads_lists_of_quests_row_by_row_is_caught: ReadsListsOfQuestsRowByRow breaks
        "a_list_never_shows_half_a_change";
    a_storage_that_reads_deletions_apart_is_caught: ReadsDeletionsApart breaks
        "a_list_never_shows_half_a_change";
    a_storage_that_filters_the_newest_rows_only_is_caught: FiltersTheNewestRowsOnly breaks
        "a_filter_reaches_the_oldest_of_thousands_of_rows", "lists_and_snapshots_of_many_rows_are_complete";
    a_storage_that_filters_the_newest_quests_only_is_caught: FiltersTheNewestQuestsOnly breaks
        "lists_and_snapshots_of_many_rows_are_complete";
    a_storage_that_clamps_offsets_is_caught: ClampsOffsets breaks
        "a_list_of_thousands_of_rows_is_reached_by_offset_and_cursor";
    a_storage_that_clamps_offsets_of_impacts_is_caught: ClampsOffsetsOfImpacts breaks
        "lists_and_snapshots_of_many_rows_are_complete";
    a_storage_that_ignores_offsets_of_orders_by_name_is_caught: IgnoresOffsetsOfOrdersByName breaks
        "a_list_of_thousands_of_rows_is_reached_by_offset_and_cursor";
    a_storage_that_ends_long_lists_is_caught: EndsLongLists breaks
        "a_list_of_thousands_of_rows_is_reached_by_offset_and_cursor";
    a_storage_that_ends_lists_by_name_early_is_caught: EndsListsByNameEarly breaks
        "a_list_of_thousands_of_rows_is_reached_by_offset_and_cursor";
    a_storage_that_cuts_snapshots_is_caught: CutsSnapshots breaks
        "lists_and_snapshots_of_many_rows_are_complete";
    a_storage_that_cuts_snapshots_of_versions_is_caught: CutsSnapshotsOfVersions breaks
        "lists_and_snapshots_of_many_rows_are_complete";
    a_cache_that_forgets_nothing_after_batches_is_caught: ForgetsNothingAfterBatches breaks
        "reads_follow_batches_of_every_kind", "reads_follow_a_batch";
    a_cache_that_forgets_the_first_row_of_a_batch_only_is_caught: ForgetsTheFirstRowOfABatchOnly breaks
        "finds_follow_every_row_of_a_batch";
    a_cache_that_never_forgets_lists_after_batches_is_caught: ForgetsListsOfBatchesNever breaks
        "reads_follow_batches_of_every_kind";
    a_storage_that_shares_finds_of_one_id_is_caught: SharesFindsOfOneId breaks
        "concurrent_reads_get_their_own_answers";
    a_storage_that_shares_lists_of_one_owner_is_caught: SharesListsOfOneOwner breaks
        "concurrent_reads_get_their_own_answers";
    a_storage_that_lists_few_parked_events_is_caught: ListsFewParkedEvents breaks
        "the_most_parked_events_are_listed_marked_and_discarded";
    a_storage_that_marks_few_parked_events_is_caught: MarksFewParkedEvents breaks
        "the_most_parked_events_are_listed_marked_and_discarded";
    a_storage_that_replays_few_parked_events_is_caught: ReplaysFewParkedEvents breaks
        "the_most_parked_events_are_listed_marked_and_discarded";
}
