//! The storage port of the Character Service: what a place that keeps characters must do, in types and words.
//!
//! It is not an object mapper, not a query language and not a client of any particular storage. Reads are typed
//! queries; every change is a transaction; the rest is left to adapters and wrappers.
//!
//! ```
//! use character_domain::{Character, UserId, now};
//! use character_storage_port::{ErrorKind, Expect, MemoryStorage, StorageExt, StoragePort};
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let storage: Arc<dyn StoragePort> = Arc::new(MemoryStorage::new());
//! let hero = storage.create_character(Character::new(UserId::new(), "Torormir", now())).await?;
//! let renamed = Character { name: "Torormir the Grey".into(), ..hero.clone() };
//! let renamed = storage.update_character(renamed, Expect::Revision(hero.meta.revision)).await?;
//! assert_eq!(renamed.meta.revision.0, 2);
//! // Somebody who still holds the first revision has lost the race, and is told so.
//! let late = storage.update_character(hero.clone(), Expect::Revision(hero.meta.revision)).await.unwrap_err();
//! assert!(matches!(late.kind(), ErrorKind::Conflict { actual, .. } if *actual == renamed.meta.revision));
//! # Ok(())
//! # }
//! ```
//!
//! # For callers
//!
//! Hold `Arc<dyn StoragePort>` and use [`StorageExt`] for everyday work. Build a [`Transaction`] when several rows
//! change together, when events belong to the change, or when a request may be repeated: give it an id of your own
//! ([`TransactionId::from_key`]) and repeat it as often as you like.
//!
//! Not found is an answer, not an error: [`Store::find`] gives `None`. Each answer is a [`Read`] that says where it came
//! from; [`Source::Stale`] means that the storage is out of reach and this was its last word.
//!
//! A failed call is a [`StorageError`]. `match` on [`kind`](StorageError::kind) for what to do,
//! ask [`retry`](StorageError::retry) whether a repeat can help, and
//! [`certainly_not_applied`](StorageError::certainly_not_applied) whether a write may have happened all the same. When
//! it says [`Retry::Exhausted`], retries were made below: do not multiply them.
//!
//! Every method is cancel safe: dropping the future leaves nothing behind. A dropped commit is applied whole or not
//! at all; repeat it with the same id to learn which.
//!
//! # For implementors
//!
//! 1. Implement [`Store`] for each entity (one generic `impl<E: Entity> Store<E>` serves all), [`Commit`], [`Log`], [`Consumers`],
//!    [`Snapshot`] and [`Probe`], and `Debug` without secrets.
//!    [`StoragePort`] then follows by itself.
//! 2. Begin `commit` with [`Transaction::check`]; then look for the id; then judge each write by the table in
//!    [`Commit::commit`]; then apply all of it, its entry of the log included, at once. [`for_write!`] gives you the typed
//!    [`Change`] inside a [`Write`].
//! 3. [`Query::matches`] defines a filter and [`Query::order`] the order; answer the same from your indexes. Fill a page
//!    with a [`PageBuilder`], which also keeps it within [`MAX_PAGE_BYTES`]. A row that you cannot read is reported in
//!    [`Page::unreadable`] and does not fail the list.
//! 4. Begin `list` with [`check_list`], `commit_each` with [`check_batch`] and `follow` with [`check_follow`].
//! 5. Say for every failure whether the write was certainly not applied.
//! 6. Run the suite. In `Cargo.toml`:
//!
//!    ```toml
//!    [dev-dependencies]
//!    character-storage-testkit = { path = "…/crates/storage-testkit" }
//!    ```
//!
//!    and in `tests/conformance.rs`, one test for each clause of the contract below:
//!
//!    ```text
//!    struct Mine;
//!    impl character_storage_testkit::Harness for Mine {
//!        type Guard = ();
//!        async fn fresh() -> ((), Arc<dyn StoragePort>) { ((), Arc::new(MyStorage::new())) }
//!    }
//!    character_storage_testkit::storage_conformance!(mine, Mine);
//!    ```
//!
//!    An adapter that keeps what it acknowledged when it is closed implements `DurableHarness` too, which opens it again, and
//!    is judged by `storage_durability!(durable, Mine)`.
//!
//! A whole adapter, small enough to read: it keeps every row as JSON text in a map. It leaves consumers and
//! snapshots out, and says so; the suite would find that, too.
//!
//! ```
//! use async_trait::async_trait;
//! use character_domain::{Character, Meta, Revision, json};
//! use character_storage_port::*;
//! use std::{collections::{BTreeMap, HashMap}, sync::{Arc, Mutex}, time::Duration};
//! use tokio::sync::Notify;
//! use uuid::Uuid;
//!
//! #[derive(Debug)]
//! struct TextStorage {
//!     state: Mutex<State>,
//!     epoch: Epoch,
//!     committed: Notify,
//! }
//!
//! #[derive(Debug, Default, Clone)]
//! struct State {
//!     rows: BTreeMap<(EntityKind, Uuid), String>,
//!     transactions: HashMap<TransactionId, (Fingerprint, Committed)>,
//!     log: Vec<Arc<LoggedCommit>>,
//! }
//!
//! impl State {
//!     fn read<E: Entity>(&self, id: Uuid) -> Result<Option<E>> {
//!         let unreadable = |error| StorageError::new(ErrorKind::Corrupt, E::FIND).with_source(error);
//!         self.rows.get(&(E::KIND, id)).map(|text| json::parse(text.as_bytes()).map_err(unreadable)).transpose()
//!     }
//!
//!     fn write<E: Entity>(&mut self, mut row: E, meta: Meta) -> Meta {
//!         let Meta { revision, created_at, updated_at, deleted_at } = meta;
//!         let meta = Meta { revision, created_at, updated_at, deleted_at };
//!         *row.meta_mut() = meta;
//!         self.rows.insert((E::KIND, row.id().into()), serde_json::json!(row).to_string());
//!         meta
//!     }
//!
//!     /// What the change did, and the new times of the row.
//!     fn told<E: Entity>(&mut self, change: Change<E>) -> Result<(RowChange, Meta)> {
//!         let (kind, id) = (E::KIND, change.id().into());
//!         let before = self.read::<E>(id)?.as_ref().map(E::owners).unwrap_or_default();
//!         let meta = self.apply(change)?;
//!         let after = self.read::<E>(id)?.as_ref().map(E::owners).unwrap_or_default();
//!         Ok((RowChange { kind, id, revision: meta.revision, before, after }, meta))
//!     }
//!
//!     fn apply<E: Entity>(&mut self, change: Change<E>) -> Result<Meta> {
//!         let refuse = |kind| Err(StorageError::new(kind, COMMIT).with_entity(E::KIND, change.id()));
//!         let (change, current) = match (change.clone(), self.read::<E>(change.id().into())?) {
//!             (Change::Create(row), None) => {
//!                 let meta = Meta { revision: Revision::FIRST, ..*row.meta() };
//!                 return Ok(self.write(row, meta));
//!             }
//!             (Change::Import(row), None) => {
//!                 let meta = *row.meta();
//!                 return Ok(self.write(row, meta));
//!             }
//!             (Change::Create(_) | Change::Import(_), Some(_)) => return refuse(ErrorKind::AlreadyExists),
//!             (_, None) => return refuse(ErrorKind::NotFound),
//!             (change, Some(current)) => (change, current),
//!         };
//!         let actual = current.meta().revision;
//!         match change.expect() {
//!             Some(Expect::Revision(expected)) if expected != actual => {
//!                 return refuse(ErrorKind::Conflict { expected, actual });
//!             }
//!             _ => {}
//!         }
//!         let meta = Meta { revision: actual.next(), ..*current.meta() };
//!         match (change, current.meta().is_deleted()) {
//!             (Change::Replace { entity, .. }, false) => {
//!                 let meta = Meta { updated_at: entity.meta().updated_at, ..meta };
//!                 Ok(self.write(entity, meta))
//!             }
//!             (Change::Delete { at, .. }, false) => Ok(self.write(current, Meta { updated_at: at, deleted_at: Some(at), ..meta })),
//!             (Change::Restore { at, .. }, true) => Ok(self.write(current, Meta { updated_at: at, deleted_at: None, ..meta })),
//!             (Change::Revive { entity, .. }, true) => {
//!                 let meta = Meta { updated_at: entity.meta().updated_at, deleted_at: None, ..meta };
//!                 Ok(self.write(entity, meta))
//!             }
//!             (Change::Restore { .. } | Change::Revive { .. }, false) => refuse(ErrorKind::AlreadyExists),
//!             (_, _) => refuse(ErrorKind::NotFound),
//!         }
//!     }
//! }
//!
//! #[async_trait]
//! impl<E: Entity> Store<E> for TextStorage {
//!     async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
//!         let found: Option<E> = self.state.lock().unwrap().read(id.into())?;
//!         Ok(Read::origin(found.filter(|row| deleted == Deleted::Include || !row.meta().is_deleted())))
//!     }
//!
//!     async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
//!         check_list::<E>(query, &page)?;
//!         let state = self.state.lock().unwrap().clone();
//!         let ids = state.rows.keys().filter(|(kind, _)| *kind == E::KIND);
//!         let rows: Result<Vec<Option<E>>> = ids.map(|(_, id)| state.read(*id)).collect();
//!         let mut rows: Vec<E> = rows?.into_iter().flatten().filter(|row| query.matches(row)).collect();
//!         let place = |row: &E| Cursor::of(row, query.order());
//!         rows.sort_by(|one, other| place(one).compare(&place(other)));
//!         let from = match &page.start {
//!             Start::First => 0,
//!             Start::Offset(rows) => *rows as usize,
//!             Start::After(cursor) => rows.partition_point(|row| place(row).compare(cursor).is_le()),
//!         };
//!         let mut answer = PageBuilder::new(query, page.limit);
//!         for row in rows.into_iter().skip(from) {
//!             if !answer.push(row) {
//!                 break;
//!             }
//!         }
//!         Ok(Read::origin(answer.finish()))
//!     }
//! }
//!
//! #[async_trait]
//! impl Commit for TextStorage {
//!     async fn commit(&self, transaction: Transaction) -> Result<Committed> {
//!         transaction.check()?;
//!         let fingerprint = transaction.fingerprint();
//!         let mut state = self.state.lock().unwrap();
//!         match state.transactions.get(&transaction.id) {
//!             Some((first, committed)) if *first == fingerprint => return Ok(committed.clone()),
//!             Some(_) => return Err(StorageError::new(ErrorKind::TransactionReused, COMMIT)),
//!             None => {}
//!         }
//!         // All or nothing: work on a copy, and put it in place when every write has been judged.
//!         let mut next = state.clone();
//!         let (mut changes, mut written) = (Vec::new(), Vec::new());
//!         for write in transaction.writes {
//!             let (change, meta) = for_write!(write, change => next.told(change))?;
//!             changes.push(change);
//!             written.push(meta);
//!         }
//!         // With one lock around every commit, a number is a tick. Where commits overlap, it is not: see `Log`.
//!         let Transaction { id, events, answer, traceparent, .. } = transaction;
//!         let (tick, committed_at) = (Tick(next.log.len() as u64 + 1), character_domain::now());
//!         let committed = Committed { id, tick, written, changes: changes.clone(), answer };
//!         let entry = LoggedCommit { tick, transaction: id, committed_at, rows: Some(changes), events, traceparent };
//!         next.log.push(Arc::new(entry));
//!         next.transactions.insert(id, (fingerprint, committed.clone()));
//!         *state = next;
//!         self.committed.notify_waiters();
//!         Ok(committed)
//!     }
//!
//!     async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
//!         if let Err(error) = check_batch(&transactions) {
//!             return transactions.iter().map(|_| Err(error.clone())).collect();
//!         }
//!         let mut outcomes = Vec::new();
//!         for transaction in transactions {
//!             outcomes.push(self.commit(transaction).await);
//!         }
//!         outcomes
//!     }
//! }
//!
//! #[async_trait]
//! impl Log for TextStorage {
//!     async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
//!         check_follow(limit)?;
//!         let gone = || StorageError::new(ErrorKind::Gone, FOLLOW);
//!         let told: usize = after.place().parse().map_err(|_| gone())?;
//!         let deadline = tokio::time::Instant::now() + wait.min(MAX_FOLLOW_WAIT);
//!         loop {
//!             // Enabled before the log is read, so that no commit falls between.
//!             let mut committed = std::pin::pin!(self.committed.notified());
//!             committed.as_mut().enable();
//!             let log = self.state.lock().unwrap().log.clone();
//!             if after.epoch() != self.epoch || told > log.len() {
//!                 return Err(gone());
//!             }
//!             let commits: Vec<_> = log.iter().skip(told).take(limit).cloned().collect();
//!             let told = told + commits.len();
//!             let batch = LogBatch {
//!                 next: LogCursor::new(self.epoch, &told),
//!                 settled: Tick(told as u64 + 1),
//!                 ceiling: Tick(told as u64 + 1),
//!                 more: told < log.len(),
//!                 commits,
//!             };
//!             if !batch.commits.is_empty() || tokio::time::timeout_at(deadline, committed).await.is_err() {
//!                 return Ok(batch);
//!             }
//!         }
//!     }
//!
//!     async fn head(&self) -> Result<LogCursor> {
//!         Ok(LogCursor::new(self.epoch, &self.state.lock().unwrap().log.len()))
//!     }
//! }
//!
//! // Every method of the consumers fails as `Unsupported` here.
//! #[async_trait]
//! impl Consumers for TextStorage {
//! #     async fn lease(&self, _: &ConsumerName, _: HolderId, _: Duration) -> Result<Option<Leased>> { Err(StorageError::new(ErrorKind::Unsupported, LEASE)) }
//! #     async fn advance(&self, _: &LeaseToken, _: &LogCursor) -> Result<()> { Err(StorageError::new(ErrorKind::Unsupported, ADVANCE)) }
//! #     async fn release(&self, _: &LeaseToken) -> Result<()> { Err(StorageError::new(ErrorKind::Unsupported, RELEASE)) }
//! #     async fn park(&self, _: &LeaseToken, _: &DomainEvent, _: &str) -> Result<()> { Err(StorageError::new(ErrorKind::Unsupported, PARK)) }
//! #     async fn parked(&self, _: &ConsumerName, _: Option<EventId>, _: usize) -> Result<Vec<ParkedEvent>> { Err(StorageError::new(ErrorKind::Unsupported, PARKED)) }
//! #     async fn unpark(&self, _: &ConsumerName, _: &[EventId]) -> Result<u64> { Err(StorageError::new(ErrorKind::Unsupported, UNPARK)) }
//! #     async fn discard(&self, _: &ConsumerName, _: &[EventId]) -> Result<u64> { Err(StorageError::new(ErrorKind::Unsupported, DISCARD)) }
//! #     async fn consumers(&self) -> Result<Vec<ConsumerState>> { Err(StorageError::new(ErrorKind::Unsupported, CONSUMERS)) }
//! }
//!
//! #[async_trait]
//! impl Snapshot for TextStorage {
//!     async fn snapshot(&self) -> Result<SnapshotStream> {
//!         Err(StorageError::new(ErrorKind::Unsupported, SNAPSHOT))
//!     }
//! }
//!
//! #[async_trait]
//! impl Probe for TextStorage {
//!     async fn probe(&self) -> Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! let (state, epoch, committed) = (Mutex::default(), Epoch::new(), Notify::new());
//! let storage: Box<dyn StoragePort> = Box::new(TextStorage { state, epoch, committed });
//! let user = character_domain::UserId::new();
//! let hero = storage.create_character(Character::new(user, "Torormir", character_domain::now())).await?;
//! storage.delete_character(hero.id, Expect::Any).await?;
//! assert_eq!(storage.restore_character(hero.id, Expect::Any).await?.revision, Revision(3));
//! assert_eq!(storage.get_character(hero.id).await?.value.name, "Torormir");
//! # Ok(())
//! # }
//! ```
//!
//! # For wrapper authors
//!
//! Implement every method, also those that you only pass on, and let the compiler watch over it: put
//! `#[deny(clippy::missing_trait_methods)]` on each implementation, so that a method added later cannot bypass you. Run
//! the suite over the wrapper as over an adapter. A wrapper that caches passes on [`Source`]; one that repeats calls may
//! repeat commits, by the same id, and finds.
//!
//! # Stability
//!
//! Semantic versioning. [`ErrorKind`], [`EntityKind`] and [`Write`] are `#[non_exhaustive]`. A new clause in the contract
//! writes down what was meant before and is not a breaking change; a changed clause is. The suite has the version
//! of the port it belongs to. The minimum Rust version is that of the workspace and changes in minor releases only.
#![doc = ""]
#![doc = include_str!("../CONTRACT.md")]
#![warn(missing_debug_implementations)]

#[doc(hidden)]
pub use async_trait::async_trait as __async_trait;

mod campaign;
mod character;
mod connection;
mod consumers;
mod delegate;
mod entity;
mod error;
mod event;
mod ext;
mod inventory;
mod journal;
mod kept_answer;
mod log;
mod memory;
mod order;
mod page;
mod port;
mod position;
mod progress;
mod read;
mod snapshot;
mod transaction;
mod version;

pub use campaign::{CampaignEventQuery, CampaignQuery, EventImpactQuery};
pub use character::CharacterQuery;
pub use connection::connection_failure;
pub use consumers::{
    ADVANCE, CONSUMERS, ConsumerName, ConsumerState, Consumers, DISCARD, HolderId, InvalidConsumerName, LEASE,
    LeaseToken, Leased, MAX_LEASE, MAX_PARK_REASON, MAX_PARKED, PARK, PARKED, ParkedEvent, RELEASE, UNPARK,
    check_parked, check_parked_ids, kept_reason,
};
pub use entity::{Entity, EntityKind, Owned, Query, Scope};
pub use error::{Applied, ErrorKind, Result, Retry, StorageError};
pub use event::{
    CHARACTER_CAMPAIGN_EVENT_CHANGED, CHARACTER_CAMPAIGN_JOINED, CHARACTER_CAMPAIGN_LEFT, CHARACTER_CREATED,
    CHARACTER_DELETED, CHARACTER_EVENT_APPLIED, CHARACTER_EVENT_REVERTED, CHARACTER_EXPERIENCE_GAINED,
    CHARACTER_INVENTORY_CHANGED, CHARACTER_JOURNAL_UPDATED, CHARACTER_LEVELED_UP, CHARACTER_PROGRESS_UPDATED,
    CHARACTER_RESTORED, CHARACTER_THEME_CHANGED, CHARACTER_UPDATED, CHARACTER_VERSION_RECORDED, DomainEvent, EventId,
};
pub use ext::{StorageExt, character_event, get, row_event};
pub use inventory::InventoryItemQuery;
pub use journal::{ExperienceEntryQuery, JournalEntryQuery, NpcRelationshipQuery, QuestQuery, TagFilter};
pub use kept_answer::KeptAnswer;
pub use log::{
    Epoch, FOLLOW, HEAD, InvalidLogCursor, InvalidScope, Log, LogBatch, LogCursor, LoggedCommit, MAX_FOLLOW_WAIT,
    MAX_FOLLOWED, OWNER_FIELDS, RowChange, Tick, check_follow,
};
pub use memory::{MemoryStorage, check_batch};
pub use order::{Cursor, Direction, InvalidCursor, InvalidOrder, Order, OrderBy, SortKey};
pub use page::{Limit, MAX_PAGE_BYTES, Page, PageBuilder, PageRequest, Start, UnreadableRow, check_list};
pub use port::{Commit, Deleted, Probe, StoragePort, Store};
pub use position::{at_least, note_position, required_position};
pub use progress::CharacterProgressQuery;
pub use read::{Read, Source, StaleReason, Tier};
pub use snapshot::{SNAPSHOT, Snapshot, SnapshotItem, SnapshotStream, StoredRow, UnreadableInSnapshot};
pub use transaction::{
    COMMIT, Change, Committed, Expect, Fingerprint, MAX_ANSWER_ENVELOPE, MAX_EVENTS, MAX_REVISION, MAX_TRANSACTIONS,
    MAX_WRITES, Transaction, TransactionId, Write,
};
pub use version::CharacterVersionQuery;
