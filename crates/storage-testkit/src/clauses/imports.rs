//! Rows that are written exactly as they were elsewhere.

use crate::{
    kinds::{Sample, alive, at_revision, held, listed, matching, must_commit, must_refuse, twin, with},
    sample::{at, revision},
};
use character_domain::{Character, Meta, Revision, Timestamp};
use character_storage_port::{Change, ErrorKind, Expect, MAX_REVISION, StoragePort, every_kind};
use std::sync::Arc;

/// The row at revision 7, changed at `at(20)`.
fn elsewhere<E: Sample>(row: &E, deleted_at: Option<Timestamp>) -> E {
    with(row, |row| {
        *row.meta_mut() = Meta { revision: Revision(7), created_at: at(0), updated_at: at(20), deleted_at };
    })
}

async fn keeps_everything<E: Sample>(storage: &Arc<dyn StoragePort>) {
    let rows = [
        elsewhere(&E::full(), None),
        elsewhere(&twin(&E::full()), Some(at(30))),
        elsewhere(&twin(&E::full().bare()), None),
    ];
    for row in &rows {
        let committed = must_commit(storage, Change::Import(row.clone())).await;
        assert_eq!(committed.written, [*row.meta()]);
        assert_eq!(held(storage, row.id()).await.as_ref(), Some(row));
    }
    assert_eq!(alive::<E>(storage, rows[1].id()).await, None, "an imported row may be deleted");
    let mut everything = E::Query::default();
    E::include_deleted(&mut everything);
    assert_eq!(listed::<E>(storage, &everything).await, matching(&rows, &everything));
}

/// An imported row of any kind has the revision, the times and the deletion that it is given, and its outcome says so.
pub async fn an_import_keeps_revision_times_and_deletion(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => keeps_everything::<Row>(&storage).await);
}

async fn is_not_written_over<E: Sample>(storage: &Arc<dyn StoragePort>) {
    let (live, dead) = (E::full(), with(&twin(&E::full()), |row| row.meta_mut().deleted_at = Some(at(9))));
    for row in [live, dead] {
        must_commit(storage, Change::Create(row.clone())).await;
        let error = must_refuse(storage, Change::Import(elsewhere(&row.changed(), None))).await;
        let named = Some((E::KIND, row.id().into()));
        assert_eq!((error.kind(), error.entity()), (&ErrorKind::AlreadyExists, named));
        assert_eq!(held(storage, row.id()).await, Some(at_revision(&row, 1)));
    }
}

/// An import of a row that is there, live or soft-deleted, is `AlreadyExists` and changes nothing.
pub async fn an_import_of_a_row_that_is_there_already_exists(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => is_not_written_over::<Row>(&storage).await);
}

async fn counts_on<E: Sample>(storage: &Arc<dyn StoragePort>) {
    let row = elsewhere(&E::full(), None);
    let id = row.id();
    must_commit(storage, Change::Import(row.clone())).await;
    let replace = |expected| Change::Replace { entity: row.changed(), expect: revision(expected) };
    let error = must_refuse(storage, replace(1)).await;
    assert_eq!(error.kind(), &ErrorKind::Conflict { expected: Revision(1), actual: Revision(7) });
    assert_eq!(must_commit(storage, replace(7)).await.written[0].revision, Revision(8));
    let deletion = Change::<E>::Delete { id, expect: revision(8), at: at(40) };
    assert_eq!(must_commit(storage, deletion).await.written[0].revision, Revision(9));
    let dead = elsewhere(&twin(&row), Some(at(30)));
    must_commit(storage, Change::Import(dead.clone())).await;
    let restoration = Change::<E>::Restore { id: dead.id(), expect: revision(7), at: at(50) };
    let restored = Meta { revision: Revision(8), updated_at: at(50), deleted_at: None, ..*dead.meta() };
    assert_eq!(must_commit(storage, restoration).await.written, [restored]);
}

/// A row of any kind counts on from the revision at which it was imported.
pub async fn an_imported_row_counts_on_from_its_revision(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => counts_on::<Row>(&storage).await);
}

/// An import at revision 0 or above `MAX_REVISION` is `Invalid`, and one at `MAX_REVISION` can be changed further.
pub async fn an_import_at_a_revision_that_no_row_has_is_invalid(storage: Arc<dyn StoragePort>) {
    let row = Character::full();
    for wrong in [0, MAX_REVISION.0 + 1, u64::MAX] {
        let error = must_refuse(&storage, Change::Import(at_revision(&row, wrong))).await;
        let ErrorKind::Invalid(violations) = error.kind() else { panic!("{error}") };
        assert_eq!(violations[0].field, "writes[0].meta.revision");
    }
    must_commit(&storage, Change::Import(at_revision(&row, MAX_REVISION.0))).await;
    let replacement = Change::Replace { entity: row.changed(), expect: Expect::Revision(MAX_REVISION) };
    assert_eq!(must_commit(&storage, replacement).await.written[0].revision, MAX_REVISION.next());
    assert_eq!(held::<Character>(&storage, row.id).await.map(|row| row.meta.revision), Some(MAX_REVISION.next()));
}

async fn keeps_the_rules<E: Sample>(storage: &Arc<dyn StoragePort>) {
    for (field, fault) in E::faults() {
        let row = with(&elsewhere(&E::full(), None), |row| fault(row, ()));
        let error = must_refuse(storage, Change::Import(row.clone())).await;
        let ErrorKind::Invalid(violations) = error.kind() else { panic!("{error}") };
        assert_eq!(violations[0].field, format!("writes[0].{field}"));
        assert_eq!(held::<E>(storage, row.id()).await, None);
    }
}

/// An import of a row that breaks a rule of its kind is `Invalid`, as a creation is.
pub async fn an_import_that_breaks_a_rule_is_invalid(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => keeps_the_rules::<Row>(&storage).await);
}

async fn is_read<E: Sample>(storage: &Arc<dyn StoragePort>) {
    let row = elsewhere(&E::full(), None);
    let everything = E::Query::default();
    assert_eq!((alive::<E>(storage, row.id()).await, listed::<E>(storage, &everything).await), (None, Vec::new()));
    must_commit(storage, Change::Import(row.clone())).await;
    assert_eq!(alive(storage, row.id()).await.as_ref(), Some(&row));
    assert_eq!(listed::<E>(storage, &everything).await, [row]);
}

/// Finds and lists of each kind show an imported row from its commit on.
pub async fn reads_follow_an_import(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => is_read::<Row>(&storage).await);
}
