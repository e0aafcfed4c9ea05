//! The storage port of the Character Service: what a place that keeps characters must do, in types and words.
#![warn(missing_debug_implementations)]

mod character;
mod entity;
mod error;
mod event;
mod ext;
mod memory;
mod page;
mod port;
mod read;
mod transaction;

pub use character::CharacterQuery;
pub use entity::{Entity, EntityKind, Query, Scope};
pub use error::{Applied, ErrorKind, Result, Retry, StorageError};
pub use event::{
    CHARACTER_CREATED, CHARACTER_DELETED, CHARACTER_RESTORED, CHARACTER_UPDATED, DomainEvent, EventId, OutboxEvent,
};
pub use ext::{StorageExt, character_event, get};
pub use memory::{MemoryStorage, check_batch, check_claim};
pub use page::{Cursor, InvalidCursor, Limit, Page, PageRequest, Start};
pub use port::{Commit, Deleted, Outbox, Probe, StoragePort, Store};
pub use read::{Read, Source, StaleReason, Tier};
pub use transaction::{
    COMMIT, Change, Committed, Expect, Fingerprint, MAX_EVENTS, MAX_TRANSACTIONS, MAX_WRITES, Transaction,
    TransactionId, Write,
};
