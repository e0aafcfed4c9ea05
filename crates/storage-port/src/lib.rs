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
//! // A writer that still holds the first revision gets a conflict.
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
//! from; [`Source::Stale`] means that the storage is unreachable and this is its last known value.
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
//! 4. Begin `list` with [`check_list`], `count` with [`check_count`], `commit_each` with [`check_batch`] and `follow` with
//!    [`check_follow`].
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
//! `examples/adapter.rs` is a whole adapter, small enough to read: it keeps every row as JSON text in a map.
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
//! Semantic versioning. [`ErrorKind`] is `#[non_exhaustive]`. A new kind of row is a breaking change: [`EntityKind`],
//! [`Write`] and [`StoredRow`] are matched without a wildcard, so that an adapter that forgets a kind does not compile.
//! The crate `character-domain`, `async_trait`, `BoxStream`, `Instant`, `RawValue` and `Uuid` are part of the public interface and
//! re-exported. A new clause in the contract
//! writes down what was meant before and is not a breaking change; a changed clause is. The suite has the version
//! of the port it belongs to. The minimum Rust version is that of the workspace and changes in minor releases only.
#![doc = ""]
#![doc = include_str!("../CONTRACT.md")]
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// Writes the methods of the port in an adapter.
pub use async_trait::async_trait;
/// The stream of pages and of a snapshot.
pub use futures_util::stream::BoxStream;
/// The text of a [`KeptAnswer`].
pub use serde_json::value::RawValue;
/// The clock of [`caller_deadline`].
pub use tokio::time::Instant;
/// The bits of every id.
pub use uuid::Uuid;

pub use character_domain::event::{
    CHARACTER_CAMPAIGN_EVENT_CHANGED, CHARACTER_CAMPAIGN_JOINED, CHARACTER_CAMPAIGN_LEFT, CHARACTER_CREATED,
    CHARACTER_DELETED, CHARACTER_EVENT_APPLIED, CHARACTER_EVENT_REVERTED, CHARACTER_EXPERIENCE_GAINED,
    CHARACTER_INVENTORY_CHANGED, CHARACTER_JOURNAL_UPDATED, CHARACTER_LEVELED_UP, CHARACTER_PROGRESS_UPDATED,
    CHARACTER_RESTORED, CHARACTER_THEME_CHANGED, CHARACTER_UPDATED, CHARACTER_VERSION_RECORDED, DomainEvent, EventData,
    EventId, EventType, RowChanged, RowOperation,
};
pub use character_domain::{self, Character, CharacterId, Meta, Revision, Timestamp, UserId, now};

mod campaign;
mod change;
mod character;
mod connection;
mod consumers;
mod deadline;
mod delegate;
mod entity;
mod error;
mod ext;
mod homes;
mod inventory;
mod journal;
mod kept_answer;
mod kinds;
mod log;
mod memory;
mod order;
mod page;
mod port;
mod position;
mod progress;
mod read;
mod rows;
mod snapshot;
mod transaction;
mod version;

pub use campaign::{CampaignEventQuery, CampaignQuery, EventImpactQuery};
pub use change::{Change, ChangeKind, Expect, MAX_REVISION};
pub use character::CharacterQuery;
pub use connection::connection_failure;
pub use consumers::{
    ADVANCE, CONSUMERS, ConsumerName, ConsumerState, Consumers, DISCARD, HolderId, InvalidConsumerName, LEASE,
    LeaseToken, Leased, MAX_LEASE, MAX_PARK_REASON, MAX_PARKED, PARK, PARKED, ParkedEvent, RELEASE, UNPARK,
    check_parked, check_parked_ids, kept_reason,
};
pub use deadline::{caller_deadline, within_deadline};
pub use entity::{Entity, Owned, Query, Scope};
pub use error::{Applied, ErrorKind, Result, Retry, StorageError};
pub use ext::{StorageExt, row_event};
pub use homes::{Homes, max_homes, runtime_of_one_thread};
pub use inventory::InventoryItemQuery;
pub use journal::{ExperienceEntryQuery, JournalEntryQuery, NpcRelationshipQuery, QuestQuery, TagFilter};
pub use kept_answer::KeptAnswer;
pub use kinds::{EntityKind, StoragePort, StoredRow, Write};
pub use log::{
    Epoch, FOLLOW, HEAD, InvalidLogCursor, InvalidScope, Log, LogBatch, LogCursor, LoggedCommit, MAX_FOLLOW_WAIT,
    MAX_FOLLOWED, OWNER_FIELDS, RowChange, Tick, changed_fields, check_follow,
};
pub use memory::{MemoryStorage, check_batch};
pub use order::{Cursor, Direction, InvalidCursor, InvalidOrder, Order, OrderBy, SortKey};
pub use page::{
    InvalidLimit, Limit, MAX_PAGE_BYTES, Page, PageBuilder, PageRequest, Start, UnreadableRow, check_count, check_list,
};
pub use port::{Commit, Deleted, OPERATIONS, POLLED, PROBE, Probe, Store};
pub use position::{at_least, note_position, required_position};
pub use progress::CharacterProgressQuery;
pub use read::{Read, Source, StaleReason, Tier};
pub use rows::Rows;
pub use snapshot::{SNAPSHOT, Snapshot, SnapshotItem, SnapshotStream, UnreadableInSnapshot};
pub use transaction::{
    COMMIT, Committed, Fingerprint, MAX_ANSWER_ENVELOPE, MAX_EVENTS, MAX_TRANSACTIONS, MAX_WRITES, Transaction,
    TransactionId,
};
pub use version::CharacterVersionQuery;
