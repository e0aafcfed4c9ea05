//! Every kind of row, for the clauses that judge all of them alike.

mod campaigns;
mod characters;
mod inventory;
mod journal;
mod progress;
mod some_row;

use crate::sample::at;
use character_domain::{Document, Revision, Timestamp};
use character_storage_port::{
    Change, Committed, Cursor, Deleted, Entity, Limit, Page, PageRequest, Query, StorageError, StoragePort, Store,
    Transaction,
};
use futures_util::future::BoxFuture;
use serde_json::json;
pub use some_row::{SomeRow, one_of_each};
use std::sync::Arc;
use uuid::Uuid;

/// One filter of a query.
#[derive(Debug)]
pub struct Filter<E: Entity> {
    /// Makes the query ask for rows that are like this one.
    pub narrow: fn(&mut E::Query, &E),
    /// Gives the row what another has in the field that is asked for.
    pub take: fn(&mut E, &E),
}

/// A place in a row that a clause fills with something of its own.
pub type Place<E, T> = (&'static str, fn(&mut E, T));

/// What the clauses need to know of a kind of row. A new kind implements it and is in
/// [`for_each_kind!`](character_storage_port::for_each_kind).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind of row here: it does not implement `Sample`",
    note = "implement it in crates/storage-testkit/src/kinds: step 5 of docs/adding-an-aggregate.md"
)]
pub trait Sample: Entity {
    /// The storage, as far as it is about this kind.
    fn store(storage: &dyn StoragePort) -> &dyn Store<Self>;
    /// A live, valid row that says something in every field, under owners of its own, created at [`at`]`(0)`.
    fn full() -> Self;
    /// The same row with something else in every field.
    fn changed(&self) -> Self;
    /// The same row with nothing in each field that may be empty.
    fn bare(&self) -> Self;
    /// Gives the row another identity.
    fn set_id(&mut self, id: Uuid);
    /// Ways to break a rule in one field of [`full`](Sample::full), beside those of the places below.
    fn faults() -> Vec<Place<Self, ()>>;
    /// The filters of the query, but for `include_deleted`.
    fn filters() -> Vec<Filter<Self>>;
    /// The query for every live row of this kind.
    fn every_live() -> Self::Query {
        Self::Query::default()
    }
    /// Makes the query ask for soft-deleted rows too.
    fn include_deleted(query: &mut Self::Query);
    /// Free documents.
    fn documents() -> Vec<Place<Self, Document>>;
    /// Free texts, of any length that a line has.
    fn texts() -> Vec<Place<Self, String>>;
    /// Points in time, beside those of `meta`.
    fn times() -> Vec<Place<Self, Timestamp>>;
    /// Judges the verbs of [`StorageExt`](character_storage_port::StorageExt) for this kind. The macro `verbs!` writes it.
    fn judge_verbs(storage: &Arc<dyn StoragePort>) -> BoxFuture<'_, ()>;
}

/// The same row after `change`.
#[must_use]
pub fn with<E: Clone>(row: &E, change: impl FnOnce(&mut E)) -> E {
    let mut row = row.clone();
    change(&mut row);
    row
}

/// Another row that differs in its identity only.
#[must_use]
pub fn twin<E: Sample>(row: &E) -> E {
    with(row, |row| row.set_id(Uuid::new_v4()))
}

/// The row as the storage must hold it at this revision.
#[must_use]
pub fn at_revision<E: Entity>(row: &E, revision: u64) -> E {
    with(row, |row| row.meta_mut().revision = Revision(revision))
}

/// Each filter by itself, asking for rows like this one, and none.
#[must_use]
pub fn each_filter<E: Sample>(row: &E) -> Vec<E::Query> {
    let mut queries = vec![E::every_live()];
    for filter in E::filters() {
        queries.push(with(&E::every_live(), |query| (filter.narrow)(query, row)));
    }
    queries
}

/// Every combination of filters that asks for rows like this one, with and without soft-deleted rows.
#[must_use]
pub fn combinations<E: Sample>(row: &E) -> Vec<E::Query> {
    let filters = E::filters();
    let mut queries = Vec::new();
    for bits in 0..1_usize << filters.len() {
        let mut query = E::every_live();
        for (place, filter) in filters.iter().enumerate() {
            if bits >> place & 1 == 1 {
                (filter.narrow)(&mut query, row);
            }
        }
        queries.push(query.clone());
        E::include_deleted(&mut query);
        queries.push(query);
    }
    queries
}

/// Rows for which each combination of filters that asks for rows like the first holds other ones.
#[must_use]
pub fn varied<E: Sample>() -> Vec<E> {
    let like = E::full();
    let unlike = like.changed();
    let filters = E::filters();
    let mut rows = Vec::new();
    for bits in 0..2_usize << filters.len() {
        let mut row = if bits == 0 { like.clone() } else { twin(&like) };
        for (place, filter) in filters.iter().enumerate() {
            if bits >> place & 1 == 1 {
                (filter.take)(&mut row, &unlike);
            }
        }
        row.meta_mut().created_at = at(i64::try_from(bits % 5).unwrap_or_default());
        row.meta_mut().deleted_at = (bits >> filters.len() & 1 == 1).then(|| at(50));
        rows.push(row);
    }
    rows.push(twin(&like.bare()));
    rows
}

/// Those rows that belong in the list, in its order.
#[must_use]
pub fn matching<E: Entity>(rows: &[E], query: &E::Query) -> Vec<E> {
    let mut rows: Vec<E> = rows.iter().filter(|row| query.matches(row)).cloned().collect();
    let place = |row: &E| Cursor::of(row, query.order());
    rows.sort_by(|one, other| place(one).compare(&place(other)));
    rows
}

/// The row, live or soft-deleted.
pub async fn held<E: Sample>(storage: &dyn StoragePort, id: E::Id) -> Option<E> {
    E::store(storage).find(id, Deleted::Include).await.expect("a find is answered").value
}

/// The row, if it is live.
pub async fn alive<E: Sample>(storage: &dyn StoragePort, id: E::Id) -> Option<E> {
    E::store(storage).find(id, Deleted::Exclude).await.expect("a find is answered").value
}

/// One page of the list.
pub async fn page<E: Sample>(storage: &dyn StoragePort, query: &E::Query, request: PageRequest) -> Page<E> {
    E::store(storage).list(query, request).await.expect("a list is answered").value
}

/// The first page of the list, which must have no next one.
pub async fn listed<E: Sample>(storage: &dyn StoragePort, query: &E::Query) -> Vec<E> {
    let page = page(storage, query, PageRequest::first(Limit::MAX)).await;
    assert_eq!((page.next, page.unreadable), (None, Vec::new()), "the list for {query:?}");
    page.items.into_vec()
}

/// Every row of the list, read in pages of at most `limit` rows.
pub async fn walked<E: Sample>(storage: &dyn StoragePort, query: &E::Query, limit: u32) -> Vec<E> {
    let mut request = PageRequest::first(Limit::new(limit).expect("a limit from 1 to 1000"));
    let mut rows = Vec::new();
    // A storage that returns a cursor without end must fail the clause and not hang it.
    for _ in 0..5_000 {
        let page = page(storage, query, request.clone()).await;
        assert!(page.items.len() <= limit as usize, "a page of {} rows for a limit of {limit}", page.items.len());
        assert_eq!(page.unreadable, [], "the list for {query:?}");
        rows.extend(page.items);
        let Some(cursor) = page.next else { return rows };
        request = request.after(cursor);
    }
    panic!("the list does not end");
}

/// Commits one change in a transaction of its own, which must succeed.
pub async fn must_commit<E: Entity>(storage: &dyn StoragePort, change: Change<E>) -> Committed {
    storage.commit(Transaction::new().with(change)).await.expect("the change is allowed")
}

/// Commits one change in a transaction of its own, which must be refused.
pub async fn must_refuse<E: Entity>(storage: &dyn StoragePort, change: Change<E>) -> StorageError {
    let error = storage.commit(Transaction::new().with(change)).await.expect_err("the change must be refused");
    assert!(error.certainly_not_applied(), "{error}");
    error
}

/// Creates these rows in one transaction.
pub async fn put<E: Entity>(storage: &dyn StoragePort, rows: &[E]) {
    let transaction = rows.iter().fold(Transaction::new(), |all, row| all.with(Change::Create(row.clone())));
    storage.commit(transaction).await.expect("the rows are new and valid");
}

/// A document that says something.
pub(crate) fn document(text: &str) -> Document {
    Document::from(
        json!({ text: [1, 2.5, null, true], "nested": { "text": text } }).as_object().cloned().unwrap_or_default(),
    )
}

macro_rules! store {
    () => {
        fn store(storage: &dyn character_storage_port::StoragePort) -> &dyn character_storage_port::Store<Self> {
            storage
        }
        fn set_id(&mut self, id: uuid::Uuid) {
            self.id = id.into();
        }
        fn include_deleted(query: &mut Self::Query) {
            query.include_deleted = true;
        }
    };
}
use store;

/// What the suite judges of the verbs of a kind: `of every change` of one that is [`Owned`](character_storage_port::Owned),
/// `elsewhere` for others.
macro_rules! verbs {
    (of every change) => {
        fn judge_verbs(
            storage: &std::sync::Arc<dyn character_storage_port::StoragePort>,
        ) -> futures_util::future::BoxFuture<'_, ()> {
            Box::pin(crate::clauses::row_verbs::keep_their_word::<Self>(storage))
        }
    };
    (elsewhere) => {
        fn judge_verbs(
            _: &std::sync::Arc<dyn character_storage_port::StoragePort>,
        ) -> futures_util::future::BoxFuture<'_, ()> {
            Box::pin(std::future::ready(()))
        }
    };
}
use verbs;

/// A filter that a query takes from a field of the row of the same name.
macro_rules! by {
    ($field:ident) => {
        crate::kinds::Filter {
            narrow: |query, row| query.$field = row.$field.clone().into(),
            take: |row, other| row.$field = other.$field.clone(),
        }
    };
}
use by;

#[cfg(test)]
mod tests {
    use super::*;
    use character_storage_port::{EntityKind, every_kind};
    use serde_json::Value;

    async fn differs_in_every_field<E: Sample>() {
        let (full, changed) = (E::full(), E::full().changed());
        assert!(full.check().is_empty() && changed.check().is_empty() && full.bare().check().is_empty());
        let (full, changed) = (json!(full), json!(changed));
        for (name, value) in full.as_object().unwrap() {
            assert_ne!(*value, Value::Null, "{} says nothing in {name}", E::KIND);
            assert!(name == "meta" || *value != changed[name], "{} does not change {name}", E::KIND);
        }
    }

    async fn is_broken_by_each_fault<E: Sample>() {
        assert!(!E::faults().is_empty());
        for (field, fault) in E::faults() {
            let fields: Vec<_> =
                with(&E::full(), |row| fault(row, ())).check().into_iter().map(|violation| violation.field).collect();
            assert_eq!(fields, [field], "{}", E::KIND);
        }
    }

    async fn is_told_apart_by_each_filter<E: Sample>() {
        let rows = varied::<E>();
        for query in each_filter(&rows[0]).iter().skip(1) {
            let (narrowed, all) = (matching(&rows, query).len(), matching(&rows, &E::every_live()).len());
            assert!(0 < narrowed && narrowed < all, "{}: {query:?}", E::KIND);
        }
    }

    async fn is_named<E: Sample>(kinds: &std::sync::Mutex<Vec<EntityKind>>) {
        kinds.lock().unwrap().push(E::KIND);
    }

    #[tokio::test]
    async fn no_kind_is_left_out() {
        let kinds = std::sync::Mutex::default();
        every_kind!(Row => is_named::<Row>(&kinds).await);
        assert_eq!(*kinds.lock().unwrap(), EntityKind::ALL);
        let kinds: Vec<_> = one_of_each(Uuid::new_v4).into_iter().map(|row| row.kind).collect();
        assert_eq!(kinds, EntityKind::ALL);
    }

    #[tokio::test]
    async fn the_samples_are_what_they_say() {
        every_kind!(Row => differs_in_every_field::<Row>().await);
        every_kind!(Row => is_broken_by_each_fault::<Row>().await);
        every_kind!(Row => is_told_apart_by_each_filter::<Row>().await);
    }
}
