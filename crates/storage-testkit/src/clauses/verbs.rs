//! The everyday verbs of `StorageExt` over this storage.

use crate::sample::{at, character, found, live, logged_events, of_user, party, with_data};
use character_domain::{Character, CharacterId, Revision, UserId};
use character_storage_port::{
    CHARACTER_CREATED, CHARACTER_DELETED, CHARACTER_RESTORED, CHARACTER_UPDATED, CharacterQuery, Commit, Committed,
    Deleted, ErrorKind, Expect, MemoryStorage, PageRequest, StorageExt, StoragePort, Store, Transaction,
};
use serde_json::json;
use std::{slice, sync::Arc};

/// `create_character` returns what is stored.
pub async fn the_verb_create_gives_back_what_is_stored(storage: Arc<dyn StoragePort>) {
    let mut row = with_data(character(), &json!({ "level": 1 }));
    row.meta.revision = Revision(33);
    let created = storage.create_character(row.clone()).await.expect("a new row is allowed");
    assert_eq!(created.meta.revision, Revision::FIRST);
    assert_eq!(live(&storage, row.id).await, Some(created));
    let again = storage.create_character(row).await.expect_err("the row exists");
    assert_eq!(again.kind(), &ErrorKind::AlreadyExists);
}

/// `get_character` gives the live row, and `NotFound` for one that is absent or soft-deleted.
pub async fn the_verb_get_gives_live_rows_only(storage: Arc<dyn StoragePort>) {
    let row = storage.create_character(character()).await.expect("a new row is allowed");
    assert_eq!(storage.get_character(row.id).await.expect("the row is live").value, row);
    storage.delete_character(row.id, Expect::Any).await.expect("the row is live");
    for id in [row.id, CharacterId::new()] {
        let error = storage.get_character(id).await.expect_err("there is no live row");
        assert_eq!(error.kind(), &ErrorKind::NotFound);
    }
}

/// `list_characters` gives a page of what the query says.
pub async fn the_verb_list_gives_a_page(storage: Arc<dyn StoragePort>) {
    let rows = storage.bulk_create_characters(party(3)).await.expect("new rows are allowed");
    let page = storage.list_characters(&of_user(rows[0].user_id), PageRequest::default()).await;
    let mut listed = page.expect("a list is answered").value.items.into_vec();
    listed.reverse();
    assert_eq!(listed, rows);
}

/// `update_character` returns what is stored, stamped later than it was, and `Conflict` to a late writer.
pub async fn the_verb_update_gives_back_what_is_stored(storage: Arc<dyn StoragePort>) {
    let row = storage.create_character(character()).await.expect("a new row is allowed");
    let renamed = Character { name: "Renamed".to_owned(), ..row.clone() };
    let expect = Expect::Revision(row.meta.revision);
    let updated = storage.update_character(renamed.clone(), expect).await.expect("no other call wrote it");
    assert_eq!((updated.name.as_str(), updated.meta.revision), ("Renamed", Revision(2)));
    assert!(updated.meta.updated_at > row.meta.updated_at && updated.meta.created_at == row.meta.created_at);
    assert_eq!(live(&storage, row.id).await, Some(updated));
    let late = storage.update_character(renamed, expect).await.expect_err("it was changed since");
    assert_eq!(late.kind(), &ErrorKind::Conflict { expected: Revision(1), actual: Revision(2) });
}

/// `delete_character` and `restore_character` return revision and times as stored.
pub async fn the_verbs_delete_and_restore_give_back_what_is_stored(storage: Arc<dyn StoragePort>) {
    let row = storage.create_character(character()).await.expect("a new row is allowed");
    let deleted = storage.delete_character(row.id, Expect::Revision(Revision(1))).await.expect("it is at revision 1");
    assert!(deleted.is_deleted());
    assert_eq!(found(&storage, row.id).await.map(|row| row.meta), Some(deleted));
    let restored = storage.restore_character(row.id, Expect::Revision(Revision(2))).await.expect("it is at revision 2");
    assert!(!restored.is_deleted());
    assert_eq!(live(&storage, row.id).await.map(|row| row.meta), Some(restored));
}

/// `bulk_create_characters` stores all or none.
pub async fn the_verb_bulk_create_is_all_or_nothing(storage: Arc<dyn StoragePort>) {
    let rows = party(5);
    storage.create_character(rows[4].clone()).await.expect("a new row is allowed");
    storage.bulk_create_characters(rows.clone()).await.expect_err("one of them exists");
    assert_eq!(found(&storage, rows[0].id).await, None);
    let created = storage.bulk_create_characters(rows[..4].to_vec()).await.expect("these are new");
    assert_eq!(created, rows[..4]);
    assert_eq!(storage.bulk_create_characters(Vec::new()).await.expect("nothing is allowed"), []);
}

/// Each verb that changes a row brings its event, in order.
pub async fn the_verbs_bring_their_events(storage: Arc<dyn StoragePort>) {
    let row = storage.create_character(character()).await.expect("a new row is allowed");
    storage.update_character(row.clone(), Expect::Any).await.expect("the row is live");
    storage.delete_character(row.id, Expect::Any).await.expect("the row is live");
    storage.restore_character(row.id, Expect::Any).await.expect("the row is deleted");
    storage.delete_character(CharacterId::new(), Expect::Any).await.expect_err("there is no such row");
    let told = logged_events(&storage).await;
    let types: Vec<_> = told.iter().map(|event| event.event_type.as_ref()).collect();
    assert_eq!(types, [CHARACTER_CREATED, CHARACTER_UPDATED, CHARACTER_DELETED, CHARACTER_RESTORED]);
    assert!(told.iter().all(|event| event.subject == row.id));
}

/// A long history of changes, sensible and not, has the same outcomes as over the reference adapter.
///
/// Lesson 8: every storage has the same semantics of a conflict.
pub async fn a_long_history_agrees_with_the_reference(storage: Arc<dyn StoragePort>) {
    let reference = MemoryStorage::new();
    let users = [UserId::new(), UserId::new()];
    let rows: Vec<_> = party(6);
    // A linear congruential generator with a fixed seed: the same history in every run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    for step in 0..120_u64 {
        let mut transaction = Transaction::new();
        for _ in 0..=below(3) {
            let moment = at(i64::try_from(step).unwrap_or_default());
            let mut row = rows[usize::try_from(below(6)).unwrap_or_default()].clone();
            row.user_id = users[usize::try_from(below(2)).unwrap_or_default()];
            row.is_active = below(2) == 0;
            row.name = if below(20) == 0 { String::new() } else { format!("Step {step}") };
            row.meta.updated_at = moment;
            let expect = if below(2) == 0 { Expect::Any } else { Expect::Revision(Revision(1 + below(6))) };
            transaction = transaction.with(match below(5) {
                0 => character_storage_port::Change::Create(row),
                1 | 2 => character_storage_port::Change::Replace { entity: row, expect },
                3 => character_storage_port::Change::Delete { id: row.id, expect, at: moment },
                _ => character_storage_port::Change::Restore { id: row.id, expect, at: moment },
            });
        }
        let expected = reference.commit(transaction.clone()).await;
        let outcome = storage.commit(transaction.clone()).await;
        match (&outcome, &expected) {
            (Ok(outcome), Ok(expected)) => {
                // Each storage counts in its own way.
                let expected = Committed { tick: outcome.tick, ..expected.clone() };
                assert_eq!(*outcome, expected, "step {step}: {transaction:?}");
            }
            (Err(error), Err(expected)) => assert_eq!(error.kind(), expected.kind(), "step {step}: {transaction:?}"),
            _ => panic!("step {step}: {outcome:?} instead of {expected:?} for {transaction:?}"),
        }
    }
    for row in slice::from_ref(&rows).iter().flatten() {
        let expected = Store::<Character>::find(&reference, row.id, Deleted::Include).await.expect("it answers").value;
        assert_eq!(found(&storage, row.id).await, expected);
    }
    for user in users {
        let query = CharacterQuery { user_id: Some(user), ..CharacterQuery::live() };
        let expected = reference.list_characters(&query, PageRequest::default()).await.expect("it answers").value;
        let listed = storage.list_characters(&query, PageRequest::default()).await.expect("a list is answered").value;
        assert_eq!(listed, expected);
    }
}
