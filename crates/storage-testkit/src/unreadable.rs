//! Rows that cannot be read, for adapters whose rows can be spoiled from outside.
//!
//! A storage does not make such rows, so the suite cannot. A test of an adapter spoils some by its own means, such as SQL,
//! and lets [`are_reported`] judge the lists.

use crate::{
    kinds::page,
    sample::{at, limit},
};
use character_domain::{Character, UserId};
use character_storage_port::{
    Change, CharacterQuery, Deleted, Entity, ErrorKind, Order, Page, PageRequest, StoragePort, Store, Transaction,
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Creates seven characters of one user, has some of them spoiled, and judges every list of them.
///
/// `spoil` makes the row with this id unreadable, without changing `name_folded` or the owner.
///
/// # Panics
/// When a list fails, hides a readable or an unreadable row, counts them wrongly (also by `count`), or continues at the wrong place; or when
/// a find of an unreadable row is not `Corrupt`.
pub async fn are_reported(storage: &dyn StoragePort, spoil: impl AsyncFn(Uuid)) {
    let user = UserId::new();
    let rows: Vec<_> = (0..7).map(|number| Character::new(user, format!("Member {number}"), at(number))).collect();
    let create = rows.iter().fold(Transaction::new(), |all, row| all.with(Change::Create(row.clone())));
    storage.commit(create).await.expect("the rows are new and valid");
    for unreadable in [vec![3], vec![2, 3, 6], vec![0, 1, 2, 3, 6], (0..7).collect()] {
        for number in &unreadable {
            spoil(rows[*number].id.0).await;
        }
        for &order in Order::ALL {
            let mut expected: Vec<_> = (0..7).collect();
            if order.as_str().starts_with('-') {
                expected.reverse();
            }
            let query = CharacterQuery { user_id: Some(user), order, ..CharacterQuery::default() };
            for size in 1..=8 {
                let request = PageRequest::first(limit(size));
                is_whole(storage, &query, request.clone(), &rows, &unreadable, &expected).await;
                is_whole(storage, &query, request.offset(3), &rows, &unreadable, &expected[3..]).await;
            }
        }
        let all = CharacterQuery { user_id: Some(user), ..CharacterQuery::default() };
        let count = Store::<Character>::count(storage, &all).await.expect("a count is answered");
        assert_eq!(count, 7, "unreadable rows count");
        for (number, row) in rows.iter().enumerate() {
            let found = Store::<Character>::find(storage, row.id, Deleted::Include).await;
            if unreadable.contains(&number) {
                let error = found.expect_err("the row is unreadable");
                let about = (error.kind(), error.entity());
                assert_eq!(about, (&ErrorKind::Corrupt, Some((Character::KIND, row.id.0))));
            } else {
                assert_eq!(found.expect("the row is readable").value.as_ref(), Some(row));
            }
        }
    }
}

/// Reads the list from this page on, and compares it with the rows of these numbers.
async fn is_whole(
    storage: &dyn StoragePort,
    query: &CharacterQuery,
    mut request: PageRequest,
    rows: &[Character],
    unreadable: &[usize],
    mut expected: &[usize],
) {
    let size = request.limit.get() as usize;
    loop {
        let page: Page<Character> = page(storage, query, request.clone()).await;
        let count = page.items.len() + page.unreadable.len();
        assert_eq!(count, expected.len().min(size), "a page of {size} rows of {query:?}");
        let positions: BTreeSet<_> = page.unreadable.iter().map(|row| row.position).collect();
        assert_eq!(positions.len(), page.unreadable.len(), "two rows have one position");
        let (mut items, mut spoiled) = (page.items.into_iter(), page.unreadable.into_iter());
        let (here, rest) = expected.split_at(count);
        for (position, number) in here.iter().enumerate() {
            let row = &rows[*number];
            if unreadable.contains(number) {
                let told = spoiled.next().expect("an unreadable row is reported");
                assert_eq!((told.position, told.id), (position, row.id.0), "in the list for {query:?}");
                assert!(!told.problem.is_empty());
            } else {
                assert!(!positions.contains(&position), "position {position} of the list for {query:?}");
                assert_eq!(items.next().as_ref(), Some(row), "in the list for {query:?}");
            }
        }
        assert_eq!(page.next.is_some(), !rest.is_empty(), "whether rows follow in the list for {query:?}");
        let Some(cursor) = page.next else { return };
        (request, expected) = (request.after(cursor), rest);
    }
}
