//! Invariant 5: what each change does to revision, times and deletion.

use crate::sample::{
    at, character, create, deletion, found, list, live, must, of_user, party, refused, replacement, restoration,
    revision,
};
use character_domain::{Character, CharacterId, Meta, Revision, Timestamp};
use character_storage_port::{Change, CharacterQuery, ErrorKind, Expect, StoragePort};
use std::{slice, sync::Arc};

async fn meta(storage: &Arc<dyn StoragePort>, id: CharacterId) -> Meta {
    found(storage, id).await.expect("the row exists").meta
}

/// A created row is at revision 1, whatever the writer put there.
pub async fn a_creation_starts_at_revision_one(storage: Arc<dyn StoragePort>) {
    let mut row = character();
    row.meta.revision = Revision(41);
    let committed = must(&storage, Change::Create(row.clone())).await;
    assert_eq!(committed.written[0].revision, Revision(1));
    assert_eq!(meta(&storage, row.id).await.revision, Revision(1));
}

/// A creation keeps the times it is given.
pub async fn a_creation_keeps_the_times_given(storage: Arc<dyn StoragePort>) {
    let mut row = character();
    row.meta.updated_at = at(90);
    let committed = must(&storage, Change::Create(row.clone())).await;
    assert_eq!(committed.written, [row.meta]);
    assert_eq!(meta(&storage, row.id).await, row.meta);
}

/// A row may be created soft-deleted, as an import needs it, and be restored.
pub async fn a_row_may_be_created_soft_deleted(storage: Arc<dyn StoragePort>) {
    let mut row = character();
    row.meta.deleted_at = Some(at(5));
    create(&storage, slice::from_ref(&row)).await;
    assert_eq!(live(&storage, row.id).await, None);
    assert_eq!(found(&storage, row.id).await, Some(row.clone()));
    must(&storage, restoration(row.id, revision(1))).await;
    assert!(live(&storage, row.id).await.is_some());
}

/// Times keep their microseconds, long ago and far ahead.
pub async fn times_keep_their_microseconds(storage: Arc<dyn StoragePort>) {
    let times = [
        "0001-01-01T00:00:00Z",
        "1815-12-10T12:00:00.000001Z",
        "1969-12-31T23:59:59.999999Z",
        "2026-02-28T23:59:59.123456Z",
        "2038-01-19T03:14:08Z",
        "9999-12-30T22:00:00.500000Z",
        "9999-12-31T23:59:59.999999Z",
    ];
    let mut rows = party(times.len());
    for (row, time) in rows.iter_mut().zip(times) {
        row.meta = Meta::created(time.parse::<Timestamp>().expect("a time"));
    }
    create(&storage, &rows).await;
    let mut held = crate::sample::walk(&storage, &of_user(rows[0].user_id), 1).await;
    held.reverse();
    assert_eq!(held, rows);
}

/// A creation of a live row is `AlreadyExists` and leaves the row as it is.
pub async fn a_creation_of_a_live_row_already_exists(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    let other = Character { name: "Other".to_owned(), ..row.clone() };
    assert_eq!(refused(&storage, Change::Create(other)).await.kind(), &ErrorKind::AlreadyExists);
    assert_eq!(found(&storage, row.id).await, Some(row));
}

/// A creation of a soft-deleted row is `AlreadyExists` and leaves it deleted.
pub async fn a_creation_of_a_deleted_row_already_exists(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    must(&storage, deletion(row.id, Expect::Any)).await;
    assert_eq!(refused(&storage, Change::Create(row.clone())).await.kind(), &ErrorKind::AlreadyExists);
    assert_eq!(live(&storage, row.id).await, None);
}

/// A replacement raises the revision, keeps `created_at` and takes over `updated_at`, even an earlier one.
pub async fn a_replacement_keeps_created_at_and_takes_updated_at(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    for (number, updated) in [(2, at(70)), (3, at(-70))] {
        let mut next = row.clone();
        next.meta.created_at = at(99);
        next.meta.updated_at = updated;
        let committed = must(&storage, replacement(&next, revision(number - 1))).await;
        let expected = Meta { revision: Revision(number), updated_at: updated, ..row.meta };
        assert_eq!(committed.written, [expected]);
        assert_eq!(meta(&storage, row.id).await, expected);
    }
}

/// A replacement reads `meta.updated_at` and nothing else in `meta`.
pub async fn a_replacement_ignores_the_rest_of_meta(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    let mut next = row.clone();
    next.meta.deleted_at = Some(at(1));
    next.meta.revision = Revision(80);
    must(&storage, replacement(&next, Expect::Any)).await;
    let held = live(&storage, row.id).await.expect("a replacement does not delete");
    assert_eq!(held.meta, Meta { revision: Revision(2), ..row.meta });
}

/// A replacement changes every field, also back to nothing.
pub async fn a_replacement_changes_every_field(storage: Arc<dyn StoragePort>) {
    let mut full = crate::sample::with_data(character(), &serde_json::json!({ "a": 1, "b": { "c": 2 } }));
    full.parent_id = Some(CharacterId::new());
    full.campaign_id = Some(character_domain::CampaignId::new());
    create(&storage, slice::from_ref(&full)).await;
    let mut bare = Character { id: full.id, is_active: false, theme: "bare".to_owned(), ..character() };
    must(&storage, replacement(&bare, revision(1))).await;
    bare.meta.revision = Revision(2);
    assert_eq!(found(&storage, full.id).await, Some(bare));
    must(&storage, replacement(&full, revision(2))).await;
    full.meta.revision = Revision(3);
    assert_eq!(found(&storage, full.id).await, Some(full));
}

/// Replacing, deleting and restoring a row that never was is `NotFound`.
pub async fn a_change_of_an_absent_row_is_not_found(storage: Arc<dyn StoragePort>) {
    let row = character();
    for expect in [Expect::Any, revision(1)] {
        for change in [replacement(&row, expect), deletion(row.id, expect), restoration(row.id, expect)] {
            assert_eq!(refused(&storage, change).await.kind(), &ErrorKind::NotFound);
        }
    }
    assert_eq!(found(&storage, row.id).await, None);
}

/// Replacing and deleting a soft-deleted row is `NotFound`.
pub async fn a_change_of_a_deleted_row_is_not_found(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    must(&storage, deletion(row.id, revision(1))).await;
    let before = found(&storage, row.id).await;
    for expect in [Expect::Any, revision(2)] {
        for change in [replacement(&row, expect), deletion(row.id, expect)] {
            assert_eq!(refused(&storage, change).await.kind(), &ErrorKind::NotFound);
        }
    }
    assert_eq!(found(&storage, row.id).await, before);
}

/// Restoring a live row is `AlreadyExists`.
pub async fn a_restoration_of_a_live_row_already_exists(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    for expect in [Expect::Any, revision(1)] {
        assert_eq!(refused(&storage, restoration(row.id, expect)).await.kind(), &ErrorKind::AlreadyExists);
    }
    assert_eq!(found(&storage, row.id).await, Some(row));
}

/// A deletion raises the revision, sets `deleted_at` and `updated_at`, and keeps everything else.
pub async fn a_deletion_sets_the_times_and_keeps_the_rest(storage: Arc<dyn StoragePort>) {
    let row = crate::sample::with_data(character(), &serde_json::json!({ "hit_points": 12 }));
    create(&storage, slice::from_ref(&row)).await;
    let committed = must(&storage, deletion(row.id, revision(1))).await;
    let expected = Meta { revision: Revision(2), updated_at: at(500), deleted_at: Some(at(500)), ..row.meta };
    assert_eq!(committed.written, [expected]);
    assert_eq!(found(&storage, row.id).await, Some(Character { meta: expected, ..row }));
}

/// A restoration raises the revision, clears `deleted_at`, sets `updated_at`, and keeps everything else.
pub async fn a_restoration_clears_the_deletion_and_keeps_the_rest(storage: Arc<dyn StoragePort>) {
    let row = crate::sample::with_data(character(), &serde_json::json!({ "hit_points": 12 }));
    create(&storage, slice::from_ref(&row)).await;
    must(&storage, deletion(row.id, revision(1))).await;
    let committed = must(&storage, restoration(row.id, revision(2))).await;
    let expected = Meta { revision: Revision(3), updated_at: at(600), ..row.meta };
    assert_eq!(committed.written, [expected]);
    assert_eq!(live(&storage, row.id).await, Some(Character { meta: expected, ..row }));
}

/// A restoration may bring another state: of a deleted row alone, at the revision that it expects, and found in its lists.
pub async fn a_restoration_may_bring_another_state(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    let mut other = crate::sample::with_data(row.clone(), &serde_json::json!({ "hit_points": 3 }));
    other.name = "Another".to_owned();
    other.user_id = character_domain::UserId::new();
    other.meta.updated_at = at(700);
    let revive = |expect| Change::Revive { entity: other.clone(), expect };
    assert_eq!(*refused(&*storage, revive(Expect::Any)).await.kind(), ErrorKind::AlreadyExists, "the row is live");
    must(&storage, deletion(row.id, revision(1))).await;
    let late = ErrorKind::Conflict { expected: Revision(1), actual: Revision(2) };
    assert_eq!(*refused(&*storage, revive(revision(1))).await.kind(), late);
    let committed = must(&storage, revive(revision(2))).await;
    let expected = Meta { revision: Revision(3), updated_at: at(700), ..row.meta };
    assert_eq!(committed.written, [expected]);
    let revived = Character { meta: expected, ..other.clone() };
    assert_eq!(live(&storage, row.id).await, Some(revived.clone()));
    assert_eq!(list(&*storage, &of_user(other.user_id)).await, [revived]);
    assert_eq!(list(&*storage, &of_user(row.user_id)).await, []);
    let absent = Change::Revive { entity: character(), expect: Expect::Any };
    assert_eq!(*refused(&*storage, absent).await.kind(), ErrorKind::NotFound);
}

/// A row can be deleted and restored again and again.
pub async fn a_row_can_be_deleted_and_restored_again_and_again(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    for round in 0..3 {
        must(&storage, deletion(row.id, revision(1 + 2 * round))).await;
        must(&storage, restoration(row.id, revision(2 + 2 * round))).await;
    }
    assert_eq!(live(&storage, row.id).await.map(|row| row.meta.revision), Some(Revision(7)));
}

/// A find leaves a soft-deleted row out unless it is asked for.
pub async fn a_find_leaves_deleted_rows_out_unless_asked(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    must(&storage, deletion(row.id, Expect::Any)).await;
    assert_eq!(live(&storage, row.id).await, None);
    assert_eq!(found(&storage, row.id).await.map(|row| row.id), Some(row.id));
}

/// A list leaves soft-deleted rows out unless they are asked for.
pub async fn a_list_leaves_deleted_rows_out_unless_asked(storage: Arc<dyn StoragePort>) {
    let rows = party(4);
    create(&storage, &rows).await;
    for row in &rows[1..3] {
        must(&storage, deletion(row.id, Expect::Any)).await;
    }
    let asked = of_user(rows[0].user_id);
    let unasked = CharacterQuery { include_deleted: false, ..asked.clone() };
    assert_eq!(crate::sample::names(&list(&storage, &unasked).await), ["Member 3", "Member 0"]);
    assert_eq!(list(&storage, &asked).await.len(), 4);
}
