//! Invariant 7 for lists of many more rows than a page holds.

use crate::{
    clauses::snapshots::row,
    kinds::{Sample, page, put, twin, walked, with},
    sample::{at, limit},
};
use character_domain::{Character, InventoryItem};
use character_storage_port::{
    Direction, Entity, MAX_WRITES, Order, OrderBy, PageRequest, Query, StoragePort, StoredRow, every_kind,
};
use futures_util::TryStreamExt;
use std::sync::{Arc, Mutex};

/// How many rows of each kind there are where all kinds are filled.
const OF_EACH_KIND: usize = 1_510;
/// How many of the rows are unlike the others. They are the oldest.
const UNLIKE: usize = 3;

/// The oldest rows, which are found by their filters alone, and this number of others that are newer. They are in the order of
/// their creation.
fn many<E: Sample>(count: usize) -> Vec<E> {
    let (like, unlike) = (E::full(), E::full().changed());
    let row = |place: usize| {
        with(&twin(if place < UNLIKE { &unlike } else { &like }), |row| {
            row.meta_mut().created_at = at(i64::try_from(place).unwrap_or_default());
        })
    };
    (0..count).map(row).collect()
}

/// Each filter that the oldest rows pass and no other.
fn filters<E: Sample>(rows: &[E]) -> Vec<E::Query> {
    let is_narrow = |query: &E::Query| rows.iter().filter(|row| query.matches(row)).count() == UNLIKE;
    let narrowed =
        E::filters().into_iter().map(|filter| with(&E::every_live(), |query| (filter.narrow)(query, &rows[0])));
    narrowed.filter(is_narrow).collect()
}

async fn finds_the_oldest<E: Sample>(storage: &dyn StoragePort, rows: &[E]) {
    let filters = filters(rows);
    assert!(!filters.is_empty(), "no filter tells the oldest {} from the others", E::KIND);
    let newest_first: Vec<E> = rows[..UNLIKE].iter().rev().cloned().collect();
    for (query, size) in filters.iter().zip([2].into_iter().chain(std::iter::repeat(1000))) {
        assert!(walked::<E>(storage, query, size).await == newest_first, "the oldest rows by {query:?}");
    }
}

/// The offsets that storages get wrong: about the limits of a page and its default, and at the end of the list.
async fn offsets_are_reached<E: Sample>(storage: &dyn StoragePort, query: &E::Query, expected: &[E]) {
    let count = expected.len();
    for offset in [101, 1001, 1501, 4097, count - 4, count - 3] {
        let Some(rest) = expected.get(offset..) else { continue };
        let request = PageRequest::first(limit(4)).offset(u32::try_from(offset).unwrap_or(u32::MAX));
        let page = page::<E>(storage, query, request).await;
        assert!(page.items == rest[..rest.len().min(4)], "the rows behind {offset} others of {query:?}");
        assert_eq!(page.next.is_some(), rest.len() > 4, "whether there are more rows behind {offset} others");
    }
}

/// A transaction of `MAX_WRITES` rows commits, and a filter finds the oldest of them behind thousands of others, whichever
/// field it asks for.
pub async fn a_filter_reaches_the_oldest_of_thousands_of_rows(storage: Arc<dyn StoragePort>) {
    let rows = many::<Character>(MAX_WRITES);
    put(&*storage, &rows).await;
    finds_the_oldest(&*storage, &rows).await;
}

/// A list of thousands of rows is complete in every order and in both directions: offsets count as far as it goes, and its pages
/// join to the whole.
pub async fn a_list_of_thousands_of_rows_is_reached_by_offset_and_cursor(storage: Arc<dyn StoragePort>) {
    let mut rows = many::<InventoryItem>(MAX_WRITES);
    for (place, row) in rows.iter_mut().enumerate() {
        // A hundred rows of each name.
        row.name = format!("Item {:02}", place % 50);
    }
    put(&*storage, &rows).await;
    let everything = InventoryItem::every_live();
    rows.reverse();
    offsets_are_reached(&*storage, &everything, &rows).await;
    assert!(walked::<InventoryItem>(&*storage, &everything, 1000).await == rows, "the whole list in its pages");
    let by_name = with(&everything, |query| query.order = Order { by: OrderBy::Name, direction: Direction::Ascending });
    let sorted = crate::kinds::matching(&rows, &by_name);
    offsets_are_reached(&*storage, &by_name, &sorted).await;
    assert!(walked::<InventoryItem>(&*storage, &by_name, 999).await == sorted, "the whole list by name");
}

async fn is_long<E: Sample>(storage: &dyn StoragePort, all: &Mutex<Vec<StoredRow>>) {
    let mut rows: Vec<E> = many(OF_EACH_KIND);
    put(storage, &rows).await;
    finds_the_oldest(storage, &rows).await;
    rows.reverse();
    offsets_are_reached(storage, &E::every_live(), &rows).await;
    rows.sort_by_key(|row| row.id().into());
    all.lock().expect("no panic holds it").extend(rows.into_iter().map(Entity::into_row));
}

/// Filters, offsets and a snapshot reach every one of many rows of every kind: more than a page holds, and more than fit into
/// one.
pub async fn lists_and_snapshots_of_many_rows_are_complete(storage: Arc<dyn StoragePort>) {
    let all = Mutex::default();
    every_kind!(Row => is_long::<Row>(&*storage, &all).await);
    let items: Vec<_> = storage.snapshot().await.expect("a snapshot begins").try_collect().await.expect("it ends");
    let held: Vec<StoredRow> = items.into_iter().map(row).collect();
    let all = all.into_inner().expect("no panic held it");
    assert_eq!(held.len(), all.len(), "rows of the snapshot");
    assert!(held == all, "the snapshot differs from the rows that were created");
}
