//! What holds for a row of whatever kind: the suite runs each clause once for each kind.

use crate::{
    kinds::{
        Sample, alive, at_revision, combinations, each_filter, held, listed, matching, must_commit, must_refuse, page,
        put, twin, varied, with,
    },
    sample::{at, limit, revision},
};
use character_domain::{Meta, Revision};
use character_storage_port::{
    Change, Cursor, Entity, ErrorKind, Expect, Page, PageRequest, Query, Rows, StoragePort, Transaction,
};
use std::sync::Arc;

/// Every field of a row comes back as it was given, full or bare, created or replaced, and so in lists.
pub async fn every_field_of_a_row_comes_back<E: Sample>(storage: Arc<dyn StoragePort>) {
    let storage = &storage;
    let full = E::full();
    let bare = twin(&full.bare());
    put(storage, &[full.clone(), bare.clone()]).await;
    let (changed, emptied) = (full.changed(), full.bare());
    for (number, row) in (1..).zip([full, changed, emptied]) {
        if number > 1 {
            must_commit(storage, Change::Replace { entity: row.clone(), expect: revision(number - 1) }).await;
        }
        let row = at_revision(&row, number);
        let both = [row.clone(), bare.clone()];
        for (row, id) in both.iter().zip([row.id(), bare.id()]) {
            assert_eq!(held(storage, id).await.as_ref(), Some(row));
        }
        let everything = E::every_live();
        assert_eq!(listed::<E>(storage, &everything).await, matching(&both, &everything));
    }
}

/// Creation, replacement, deletion and restoration of a row give each its revision and times, and its answer says them.
pub async fn a_row_has_revisions_times_and_an_end<E: Sample>(storage: Arc<dyn StoragePort>) {
    let storage = &storage;
    let row = E::full();
    let id = row.id();
    let told = with(&row, |row| {
        let (updated_at, created_at) = (at(20), at(0));
        *row.meta_mut() = Meta { revision: Revision(33), created_at, updated_at, deleted_at: None };
    });
    let mut expected = Meta { revision: Revision(1), ..*told.meta() };
    assert_eq!(must_commit(storage, Change::Create(told)).await.written, [expected], "the creation");

    let changed = with(&row.changed(), |row| {
        // Whatever a writer says of the creation and the deletion is not looked at.
        let (created_at, updated_at) = (at(99), at(-5));
        *row.meta_mut() = Meta { revision: Revision(77), created_at, updated_at, deleted_at: Some(at(1)) };
    });
    expected = Meta { revision: Revision(2), updated_at: at(-5), ..expected };
    let change = Change::Replace { entity: changed.clone(), expect: revision(1) };
    assert_eq!(must_commit(storage, change).await.written, [expected], "the replacement");
    let mut row = with(&changed, |row| *row.meta_mut() = expected);
    assert_eq!(alive(storage, id).await.as_ref(), Some(&row));

    for round in 1..=2 {
        let deletion = Change::<E>::Delete { id, expect: revision(2 * round), at: at(30) };
        expected = Meta { revision: Revision(2 * round + 1), updated_at: at(30), deleted_at: Some(at(30)), ..expected };
        assert_eq!(must_commit(storage, deletion).await.written, [expected], "the deletion");
        *row.meta_mut() = expected;
        assert_eq!((alive::<E>(storage, id).await, held(storage, id).await.as_ref()), (None, Some(&row)));

        let restoration = Change::<E>::Restore { id, expect: revision(2 * round + 1), at: at(40) };
        expected = Meta { revision: Revision(2 * round + 2), updated_at: at(40), deleted_at: None, ..expected };
        assert_eq!(must_commit(storage, restoration).await.written, [expected], "the restoration");
        *row.meta_mut() = expected;
        assert_eq!(alive(storage, id).await.as_ref(), Some(&row));
    }

    let dead = with(&twin(&row.bare()), |row| row.meta_mut().deleted_at = Some(at(60)));
    must_commit(storage, Change::Create(dead.clone())).await;
    assert_eq!(alive::<E>(storage, dead.id()).await, None, "a row may be created soft-deleted");
    assert_eq!(held(storage, dead.id()).await, Some(at_revision(&dead, 1)));
}

/// A change of a row that is absent, deleted, live, of another revision or breaks a rule is refused by the right name and changes
/// nothing.
pub async fn a_refused_change_of_a_row_says_why_and_changes_nothing<E: Sample>(storage: Arc<dyn StoragePort>) {
    let storage = &storage;
    let row = E::full();
    let id = row.id();
    let create = || Change::Create(row.clone());
    let replace = |expect| Change::Replace { entity: row.changed(), expect };
    let delete = |expect| Change::<E>::Delete { id, expect, at: at(30) };
    let restore = |expect| Change::<E>::Restore { id, expect, at: at(30) };
    let is_refused = async |change: Change<E>, kind: ErrorKind| {
        let error = must_refuse(storage, change.clone()).await;
        assert_eq!((error.kind(), error.entity()), (&kind, Some((E::KIND, id.into()))), "{change:?}");
    };
    let conflict = |actual| ErrorKind::Conflict { expected: Revision(9), actual: Revision(actual) };

    for expect in [Expect::Any, revision(1)] {
        for change in [replace(expect), delete(expect), restore(expect)] {
            is_refused(change, ErrorKind::NotFound).await;
        }
    }
    for (field, fault) in E::faults() {
        is_invalid(storage, Change::Create(with(&row, |row| fault(row, ()))), field).await;
    }
    assert_eq!(held::<E>(storage, id).await, None);

    must_commit(storage, create()).await;
    is_refused(create(), ErrorKind::AlreadyExists).await;
    is_refused(restore(revision(1)), ErrorKind::AlreadyExists).await;
    for change in [replace(revision(9)), delete(revision(9)), restore(revision(9))] {
        is_refused(change, conflict(1)).await;
    }
    for (field, fault) in E::faults() {
        let entity = with(&row, |row| fault(row, ()));
        is_invalid(storage, Change::Replace { entity, expect: Expect::Any }, field).await;
    }
    assert_eq!(alive(storage, id).await.as_ref(), Some(&row), "a refused change was applied");

    must_commit(storage, delete(revision(1))).await;
    let deleted = held::<E>(storage, id).await;
    is_refused(create(), ErrorKind::AlreadyExists).await;
    for change in [replace(Expect::Any), delete(revision(2))] {
        is_refused(change, ErrorKind::NotFound).await;
    }
    for change in [replace(revision(9)), delete(revision(9)), restore(revision(9))] {
        is_refused(change, conflict(2)).await;
    }
    assert_eq!(held(storage, id).await, deleted, "a refused change was applied");
}

async fn is_invalid<E: Entity>(storage: &Arc<dyn StoragePort>, change: Change<E>, field: &str) {
    let error = must_refuse(storage, change).await;
    let ErrorKind::Invalid(violations) = error.kind() else { panic!("{field}: {error}") };
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, [format!("writes[0].{field}")]);
}

/// Finds and the lists by each filter follow each change of a row at once.
pub async fn reads_follow_a_row<E: Sample>(storage: Arc<dyn StoragePort>) {
    let storage = &storage;
    let before = E::full();
    let (after, neighbour) = (before.changed(), twin(&before));
    let id = before.id();
    let mut queries = each_filter(&before);
    queries.extend(each_filter(&after));
    let agrees = async |current: Option<&E>, moment: &str| {
        let live: Vec<E> = current.into_iter().chain([&neighbour]).cloned().collect();
        // Twice, so that a cache is warm before the next change.
        for _ in 0..2 {
            assert_eq!(alive(storage, id).await.as_ref(), current, "{moment}");
            for query in &queries {
                assert_eq!(
                    listed::<E>(storage, query).await,
                    matching(&live, query),
                    "{moment}: the list for {query:?}"
                );
            }
        }
    };
    put(storage, std::slice::from_ref(&neighbour)).await;
    agrees(None, "before it was created").await;
    must_commit(storage, Change::Create(before.clone())).await;
    agrees(Some(&before), "when it was created").await;
    must_commit(storage, Change::Replace { entity: after.clone(), expect: Expect::Any }).await;
    agrees(Some(&at_revision(&after, 2)), "when every field was changed").await;
    must_commit(storage, Change::<E>::Delete { id, expect: Expect::Any, at: at(30) }).await;
    agrees(None, "when it was deleted").await;
    must_commit(storage, Change::<E>::Restore { id, expect: Expect::Any, at: at(0) }).await;
    agrees(Some(&at_revision(&after, 4)), "when it was restored").await;
    let back = Transaction::new().with(Change::Replace { entity: before.clone(), expect: revision(4) });
    for outcome in storage.commit_each(vec![back, Transaction::new()]).await {
        outcome.expect("no other call writes");
    }
    agrees(Some(&at_revision(&before, 5)), "when it was changed back in a batch").await;
}

/// Lists of rows hold what each combination of filters says, in order, and pages of them miss and repeat nothing.
pub async fn lists_of_rows_hold_what_matches<E: Sample>(storage: Arc<dyn StoragePort>) {
    let storage = &storage;
    let rows = varied::<E>();
    put(storage, &rows).await;
    for query in combinations(&rows[0]) {
        assert_eq!(listed::<E>(storage, &query).await, matching(&rows, &query), "the list for {query:?}");
    }
    // The narrowest list by one filter, and that of everything, in pages of each kind.
    let mut queries = each_filter(&rows[0]);
    queries.iter_mut().for_each(E::include_deleted);
    for query in queries {
        goes_through_in_pages(storage, &query, &matching(&rows, &query)).await;
    }
    for query in each_filter(&E::full()).iter().skip(1).filter(|query| !rows.iter().any(|row| query.matches(row))) {
        let Page { items, next, .. } = page::<E>(storage, query, PageRequest::default()).await;
        assert_eq!((items, next), (Rows::default(), None), "a list of nothing: {query:?}");
    }
}

async fn goes_through_in_pages<E: Sample>(storage: &Arc<dyn StoragePort>, query: &E::Query, expected: &[E]) {
    let size = expected.len().div_ceil(2).saturating_sub(1).max(1);
    let first = PageRequest::first(limit(u32::try_from(size).unwrap_or(1)));
    let (mut request, mut from) = (first.clone(), 0);
    // One page more than there can be, so that a storage that gives a cursor for ever fails and does not hang.
    for _ in 0..=expected.len() {
        let to = expected.len().min(from + size);
        let wanted = &expected[from..to];
        let Page { items, next, .. } = page::<E>(storage, query, request).await;
        assert_eq!(items, wanted, "rows {from} to {to} of the list for {query:?}");
        let last = wanted.last().filter(|_| to < expected.len());
        let place = last.map(|row| Cursor::of(row, query.order()));
        assert_eq!(next, place, "what is behind row {to} of the list for {query:?}");
        let by_offset = page::<E>(storage, query, first.clone().offset(u32::try_from(from).unwrap_or(u32::MAX))).await;
        assert_eq!((by_offset.items.as_slice(), by_offset.next), (wanted, next.clone()), "by offset: {query:?}");
        let Some(cursor) = next else { return };
        (request, from) = (first.clone().after(cursor), to);
    }
    panic!("the list for {query:?} does not end");
}
