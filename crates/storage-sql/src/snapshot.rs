//! Snapshots: what is read of each kind of row, and how it reaches the reader.

use crate::{
    table::{Table, column_names},
    value::{Row, Unreadable, Value},
};
use character_storage_port::{
    EntityKind, ErrorKind, Result, SNAPSHOT, SnapshotItem, SnapshotStream, StorageError, UnreadableInSnapshot,
    every_kind,
};
use futures_util::stream;
use std::time::Duration;
use tokio::sync::mpsc;
use uuid::Uuid;

/// How long an item waits for its reader before the snapshot is given up: an open one keeps the database from tidying
/// up behind all later changes.
const STALLED: Duration = Duration::from_secs(60);
/// Number of items that are read ahead. A row may hold a megabyte.
const AHEAD: usize = 16;

/// How the rows of one kind are read.
pub(crate) struct KindReader {
    kind: EntityKind,
    /// Selects every row in the order of the snapshot, its id in the first column.
    pub(crate) sql: String,
    read: fn(Row) -> Result<character_storage_port::StoredRow, Unreadable>,
}

/// A reader for each kind of row, in the order of the snapshot.
pub(crate) fn readers() -> Vec<KindReader> {
    every_kind!(Row => KindReader::of::<Row>()).into()
}

impl KindReader {
    fn of<E: Table>() -> Self {
        let names = column_names::<E>();
        let table = E::KIND.collection();
        Self {
            kind: E::KIND,
            sql: format!("SELECT {names} FROM {table} ORDER BY id"),
            read: |mut row| {
                let (id, meta) = (row.read::<Uuid>()?, row.read_meta()?);
                E::read(id, meta, &mut row).map(E::into_row)
            },
        }
    }

    /// The item of one row, given its values or why they cannot be read.
    pub(crate) fn item(&self, values: Vec<Result<Value, Unreadable>>) -> SnapshotItem {
        let id = match values.first() {
            Some(Ok(Value::Uuid(id))) => Some(*id),
            _ => None,
        };
        let row = values.into_iter().collect::<Result<Vec<_>, _>>().map(Row::new);
        match row.and_then(self.read) {
            Ok(row) => SnapshotItem::Row(row),
            Err(Unreadable(problem)) => SnapshotItem::Unreadable(UnreadableInSnapshot { kind: self.kind, id, problem }),
        }
    }
}

/// Where the task that reads the database leaves the items; the last message is an error, or `None` when the snapshot is
/// whole.
pub(crate) struct Sink(mpsc::Sender<Option<Result<SnapshotItem>>>);

/// The snapshot is not read any more.
pub(crate) struct Abandoned;

/// A sink and the stream of what is put into it.
pub(crate) fn channel() -> (Sink, SnapshotStream) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let items = stream::unfold(Some(receiver), |receiver| async move {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Some(Ok(item))) => Some((Ok(item), Some(receiver))),
            Some(Some(Err(error))) => Some((Err(error), None)),
            Some(None) => None,
            // The task ended without a word: a reader that waited too long, or a panic.
            None => Some((Err(cut_off()), None)),
        }
    });
    (Sink(sender), Box::pin(items))
}

fn cut_off() -> StorageError {
    StorageError::new(ErrorKind::Unavailable { retry_after: None }, SNAPSHOT)
        .with_detail("the snapshot was cut off before its end")
}

impl Sink {
    /// Hands an item to the reader, once there is room.
    pub(crate) async fn put(&self, item: SnapshotItem) -> Result<(), Abandoned> {
        self.0.send_timeout(Some(Ok(item)), STALLED).await.map_err(|_| Abandoned)
    }

    /// Says how the snapshot ended.
    pub(crate) async fn end(self, outcome: Result<()>) {
        let last = outcome.err().map(Err);
        // Nobody is left to be told when the reader is gone.
        let _ = self.0.send_timeout(last, STALLED).await;
    }
}
