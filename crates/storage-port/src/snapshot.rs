//! Reads of everything as it is at one moment.

use crate::{EntityKind, Result, StoredRow};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The operation name of a snapshot.
pub const SNAPSHOT: &str = "snapshot";

/// A row that is stored and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableInSnapshot {
    /// Its kind.
    pub kind: EntityKind,
    /// Its id; `None` when that is what cannot be read.
    pub id: Option<Uuid>,
    /// What is wrong with it, as a sentence fragment for an operator.
    pub problem: String,
}

/// One item of a snapshot.
#[expect(clippy::large_enum_variant, reason = "nearly every item is a row, and a box would be an allocation for each")]
#[derive(Clone, Debug, PartialEq)]
pub enum SnapshotItem {
    /// A row, live or soft-deleted.
    Row(StoredRow),
    /// A row that cannot be read. The snapshot continues behind it.
    Unreadable(UnreadableInSnapshot),
}

/// The items of a snapshot. It is complete when it ends without an error; behind an error nothing more comes.
pub type SnapshotStream = BoxStream<'static, Result<SnapshotItem>>;

/// Reads of everything as it is at one moment.
#[async_trait]
pub trait Snapshot: Send + Sync {
    /// Every row of every kind, soft-deleted rows and versions included, as it is at one moment between the call and
    /// its return, whatever is committed while the stream is read. Kinds come in the order of [`EntityKind::ALL`], the
    /// rows of a kind by id, ascending (compared as 16 unsigned bytes).
    ///
    /// A row that cannot be read is an item of its own and does not end the stream. Memory stays bounded however many
    /// rows there are, except in storages that keep them in memory anyway. There is no limit to the whole duration, only to the wait for the next item, on both sides: a storage
    /// may end a stream that no client reads from, with an error. Dropping the stream ends the snapshot.
    ///
    /// # Errors
    /// As [`Store::find`](crate::Store::find), of the call and of each item. An error of an item ends the stream, and what
    /// came before it is not a whole snapshot.
    async fn snapshot(&self) -> Result<SnapshotStream>;
}
