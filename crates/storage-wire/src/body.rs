//! The bodies of requests and responses.

use crate::Problem;
use character_storage_port::{
    Committed, Cursor, Page, Rows, SnapshotItem, StoredRow, Transaction, UnreadableInSnapshot, UnreadableRow,
};
use serde::{Deserialize, Serialize};

/// A page of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListBody<E> {
    /// The readable rows, in the order of the list.
    pub items: Rows<E>,
    /// Where the next page starts; `null` at the end.
    pub next_cursor: Option<Cursor>,
    /// The rows of this page that cannot be read; absent when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableRow>,
}

impl<E> From<Page<E>> for ListBody<E> {
    fn from(page: Page<E>) -> Self {
        Self { items: page.items, next_cursor: page.next, unreadable: page.unreadable }
    }
}

impl<E> From<ListBody<E>> for Page<E> {
    fn from(body: ListBody<E>) -> Self {
        Self { items: body.items, next: body.next_cursor, unreadable: body.unreadable }
    }
}

/// Independent transactions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchBody {
    /// At most [`MAX_TRANSACTIONS`](character_storage_port::MAX_TRANSACTIONS).
    pub transactions: Vec<Transaction>,
}

/// The outcomes of independent transactions. A client reads them with [`CommittedBody`](crate::CommittedBody).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomesBody<C = Committed> {
    /// One for each transaction, in the same order.
    pub outcomes: Vec<TransactionOutcome<C>>,
}

/// The outcome of one transaction: `{"committed": …}` or `{"problem": …}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "what an outcome holds is about as large as a problem")]
pub enum TransactionOutcome<C = Committed> {
    /// It was committed, now or before.
    Committed(C),
    /// It failed.
    Problem(Problem),
}

/// One line of a snapshot: `{"row": {"character": …}}`, `{"unreadable": …}`, and as the last line `{"end": …}` or
/// `{"problem": …}`. A snapshot without an `end` is incomplete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotLine {
    /// A row.
    Row(StoredRow),
    /// A row that cannot be read.
    Unreadable(UnreadableInSnapshot),
    /// Why the rest is missing.
    Problem(Problem),
    /// The snapshot is complete.
    End(SnapshotEnd),
}

impl From<SnapshotItem> for SnapshotLine {
    fn from(item: SnapshotItem) -> Self {
        match item {
            SnapshotItem::Row(row) => Self::Row(row),
            SnapshotItem::Unreadable(row) => Self::Unreadable(row),
        }
    }
}

/// The last line of a complete snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotEnd {
    /// Number of lines before this one.
    pub items: u64,
}
