//! The traits that make up the port.

use crate::{
    ADVANCE, COMMIT, CONSUMERS, Committed, Consumers, DISCARD, Entity, FOLLOW, HEAD, LEASE, Limit, Log, PARK, PARKED,
    Page, PageRequest, RELEASE, Read, Result, SNAPSHOT, Snapshot, Transaction, UNPARK, check_count, delegate_port,
};
use async_trait::async_trait;

/// The operation name of a probe.
pub const PROBE: &str = "probe";

/// The operations that a process calls all the time, whether anything happens or not.
pub const POLLED: &[&str] = &[FOLLOW, LEASE, PROBE];

/// The names of all operations that are not about one kind of row; those are
/// [`EntityKind::operations`](crate::EntityKind::operations).
pub const OPERATIONS: &[&str] =
    &[COMMIT, FOLLOW, HEAD, SNAPSHOT, PROBE, LEASE, ADVANCE, RELEASE, PARK, PARKED, UNPARK, DISCARD, CONSUMERS];

/// Whether soft-deleted rows are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Deleted {
    /// Leave them out.
    #[default]
    Exclude,
    /// Answer them like any other row.
    Include,
}

/// Reads of one kind of row.
///
/// # Cancel safety
/// Every method may be dropped at any point; nothing is left behind.
#[async_trait]
pub trait Store<E: Entity>: Send + Sync {
    /// The row with this id, or `None` when there is none, or when it is soft-deleted and `deleted` excludes those.
    ///
    /// # Errors
    /// `Unavailable`, `CircuitOpen`, `Timeout`, `RateLimited`: later perhaps. `Unauthorized`, `Forbidden`: never
    /// as it is. `Corrupt`: the row or the answer cannot be read. An absent row is **not** an error.
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>>;

    /// One page of the rows that match `query`, in the [order](crate::Query::order) of the query. Unless a query asks for
    /// another order, that is newest first: `created_at` descending, then `id` descending (compared as 16 unsigned
    /// bytes).
    ///
    /// A page holds at most `limit` rows and, behind its first row, at most
    /// [`MAX_PAGE_BYTES`](crate::MAX_PAGE_BYTES); it ends early only when the next row would exceed that. `next` is set
    /// if and only if there are more rows behind the page: read on by `next`, and do not take a short page for the last.
    /// A query that no row can match, such as one for a text with U+0000 in it, has an empty list.
    ///
    /// A stored row that cannot be read is in [`unreadable`](Page::unreadable) and does not hide the others. It has its
    /// place in the list and counts for the limit, and `next` continues behind it.
    ///
    /// # Errors
    /// As [`find`](Store::find), but for unreadable rows. `Invalid`: the cursor belongs to another order.
    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>>;

    /// The number of rows in the whole list of `query`: on all its pages together, unreadable rows included. The order of
    /// the query makes no difference.
    ///
    /// It is as new as the last acknowledged commit and comes from the storage itself, never from a cache. It may cost as
    /// much as reading the list: a database reads each row that matches.
    ///
    /// The default reads the list page by page, so that every storage can count. A storage that can count without reading
    /// documents overrides it, and a wrapper passes it on.
    ///
    /// # Errors
    /// As [`list`](Store::list).
    async fn count(&self, query: &E::Query) -> Result<u64> {
        check_count::<E>(query)?;
        let (mut count, mut request) = (0, PageRequest::first(Limit::MAX));
        loop {
            let page = self.list(query, request.clone()).await?.value;
            count += u64::try_from(page.items.len() + page.unreadable.len()).unwrap_or(u64::MAX);
            match page.next {
                Some(cursor) => request = request.after(cursor),
                None => return Ok(count),
            }
        }
    }
}

/// Changes of rows, by transactions.
#[async_trait]
pub trait Commit: Send + Sync {
    /// All of the transaction or none of it, events included.
    ///
    /// The checks, in this order: [`Transaction::check`]; whether the id was committed before (same
    /// fingerprint: the first answer again; another: `TransactionReused`); then each write, of which the first that is
    /// refused decides the error, and is named by it:
    ///
    /// | change | row absent | row at another revision than expected | row live | row soft-deleted |
    /// |---|---|---|---|---|
    /// | create | revision 1 | – | `AlreadyExists` | `AlreadyExists` |
    /// | import | revision as given | – | `AlreadyExists` | `AlreadyExists` |
    /// | replace, delete | `NotFound` | `Conflict` | revision + 1 | `NotFound` |
    /// | restore | `NotFound` | `Conflict` | `AlreadyExists` | revision + 1 |
    ///
    /// The revision is checked before the deletion, so a writer that lost against a delete gets `Conflict`.
    /// A refused transaction leaves no trace: the same id may be sent again and is judged again. Rows are judged by
    /// themselves: a row may name rows that are not there, and rows of two kinds may have one id.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `AlreadyExists`, `TransactionReused`, `Invalid`: certainly not applied. Others:
    /// ask [`certainly_not_applied`](crate::StorageError::certainly_not_applied).
    ///
    /// # Idempotency
    /// Safe to repeat with the same id, for as long as its entry of the [log](crate::Log) is kept: 24 hours at least.
    ///
    /// # Cancel safety
    /// The transaction is applied whole or not at all; which of both is unknown to who dropped the call.
    async fn commit(&self, transaction: Transaction) -> Result<Committed>;

    /// Independent transactions, at most [`MAX_TRANSACTIONS`](crate::MAX_TRANSACTIONS), one outcome each, in the
    /// order given. A refused one does not touch the others. More than the maximum: each is `Invalid`.
    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>>;
}

/// Whether the storage can be reached and takes writes.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Goes all the way to where the data is, past every cache, and changes no row.
    ///
    /// # Errors
    /// As [`Store::find`]. Also when the data can be read and a write would fail, because a disk is full or a database is
    /// read-only.
    async fn probe(&self) -> Result<()>;
}

macro_rules! forward {
    ($($pointer:ty),+) => { $(
        delegate_port!(Store for [S: Store<E> + ?Sized] $pointer, it => **it);
        delegate_port!(Commit for [S: Commit + ?Sized] $pointer, it => **it);
        delegate_port!(Log for [S: Log + ?Sized] $pointer, it => **it);
        delegate_port!(Consumers for [S: Consumers + ?Sized] $pointer, it => **it);
        delegate_port!(Snapshot for [S: Snapshot + ?Sized] $pointer, it => **it);
        delegate_port!(Probe for [S: Probe + ?Sized] $pointer, it => **it);
    )+ };
}
forward!(std::sync::Arc<S>, Box<S>);
