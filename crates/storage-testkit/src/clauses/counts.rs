//! Invariant 7 for counts: the number of rows of a list, on all its pages.

use crate::kinds::{Sample, combinations, matching, must_commit, put, twin, varied, with};
use character_domain::{Character, Quest};
use character_storage_port::{
    Change, CharacterQuery, ErrorKind, Expect, MAX_WRITES, Order, Query, QuestQuery, StoragePort, Store, Transaction,
    every_kind,
};
use std::sync::Arc;

async fn count<E: Sample>(storage: &dyn StoragePort, query: &E::Query) -> u64 {
    E::store(storage).count(query).await.expect("a count is answered")
}

async fn counts_what_matches<E: Sample>(storage: &dyn StoragePort, rows: &[E], query: &E::Query) {
    let expected = matching(rows, query).len() as u64;
    assert_eq!(count::<E>(storage, query).await, expected, "the number of rows for {query:?}");
}

async fn counts_by_every_filter<E: Sample>(storage: &dyn StoragePort) {
    assert_eq!(count::<E>(storage, &E::Query::everything()).await, 0, "{} before the first", E::KIND);
    let rows = varied::<E>();
    put(storage, &rows).await;
    for query in combinations(&rows[0]) {
        counts_what_matches(storage, &rows, &query).await;
    }
    counts_what_matches(storage, &rows, &E::Query::everything()).await;
}

/// The number of rows is that of the whole list, for every kind and each combination of filters, with and without soft-deleted
/// rows.
pub async fn a_count_is_the_length_of_the_list_by_every_filter(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => counts_by_every_filter::<Row>(&*storage).await);
}

async fn follows<E: Sample>(storage: &dyn StoragePort) {
    let before = E::full();
    let id = before.id();
    let expect = Expect::Any;
    let after = with(&before.changed(), |row| row.meta_mut().created_at = before.meta().created_at);
    let all = E::every_live();
    let with_deleted = with(&all, |query| E::include_deleted(query));
    let at = crate::sample::at(500);
    let is_left = |query: &E::Query| query.matches(&before) && !query.matches(&after);
    let left = combinations(&before).into_iter().rev().find(is_left);
    let (first, stays) = (left.as_ref().unwrap_or(&all), u64::from(left.is_none()));
    // Those of the list that the replacement leaves, of every list, and of every list with deleted rows.
    let counted = async |expected: (u64, u64, u64)| {
        let found = (
            count::<E>(storage, first).await,
            count::<E>(storage, &all).await,
            count::<E>(storage, &with_deleted).await,
        );
        assert_eq!(found, expected, "{}: {first:?}", E::KIND);
    };
    counted((0, 0, 0)).await;
    must_commit(storage, Change::Create(before.clone())).await;
    counted((1, 1, 1)).await;
    must_commit(storage, Change::Replace { entity: after.clone(), expect }).await;
    counted((stays, 1, 1)).await;
    must_commit(storage, Change::<E>::Delete { id, expect, at }).await;
    counted((0, 0, 1)).await;
    must_commit(storage, Change::<E>::Restore { id, expect, at }).await;
    counted((stays, 1, 1)).await;
    let batch = [twin(&before), twin(&before)].map(|row| Transaction::new().with(Change::Create(row)));
    for outcome in storage.commit_each(batch.into()).await {
        outcome.expect("the row is new");
    }
    counted((2 + stays, 3, 3)).await;
}

/// The number of rows follows each change at once: a creation, one that moves the row to another list, a deletion, a
/// restoration, and a batch, of rows of every kind.
pub async fn a_count_follows_every_change(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => follows::<Row>(&*storage).await);
}

/// The number of rows is not limited by what fits into a page.
pub async fn a_count_is_not_limited_by_a_page(storage: Arc<dyn StoragePort>) {
    let row = Quest::full();
    let rows: Vec<Quest> = (0..MAX_WRITES.min(2_345)).map(|_| twin(&row)).collect();
    assert!(rows.len() > 2_000, "as many as tell a count of several pages");
    put(&*storage, &rows).await;
    let of_character = QuestQuery { character_id: Some(row.character_id), ..QuestQuery::default() };
    for query in [QuestQuery::default(), of_character] {
        assert_eq!(count::<Quest>(&*storage, &query).await, rows.len() as u64, "{query:?}");
    }
}

/// The number of rows for a filter that no row can match is 0, and that for a filter which is larger than its field is
/// `Invalid`.
pub async fn a_count_checks_its_filters(storage: Arc<dyn StoragePort>) {
    put(&*storage, &[Character::full()]).await;
    let named = |name: &str| CharacterQuery { name: Some(name.to_owned()), ..CharacterQuery::live() };
    assert_eq!(count::<Character>(&*storage, &named("\0")).await, 0);
    let error = Store::<Character>::count(&*storage, &named(&"x".repeat(256))).await.expect_err("no name is as long");
    let ErrorKind::Invalid(violations) = error.kind() else { panic!("{error}") };
    assert_eq!(violations.iter().map(|violation| violation.field.as_str()).collect::<Vec<_>>(), ["name"]);
}

/// The number of rows is the same in every order of the list.
pub async fn a_count_is_the_same_in_every_order(storage: Arc<dyn StoragePort>) {
    let rows = varied::<Character>();
    put(&*storage, &rows).await;
    for &order in Order::ALL {
        counts_what_matches(&*storage, &rows, &CharacterQuery { order, ..CharacterQuery::live() }).await;
    }
}
