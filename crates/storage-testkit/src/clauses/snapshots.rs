//! Everything as it is at one moment.

use crate::{
    kinds::{Sample, at_revision, must_commit, put, varied, with},
    sample::{at, party, replacement},
};
use character_domain::{Character, InventoryItem};
use character_storage_port::{
    Change, Entity, Expect, MemoryStorage, Snapshot, SnapshotItem, StoragePort, StoredRow, Transaction, every_kind,
    for_row,
};
use futures_util::{StreamExt, TryStreamExt};
use std::sync::{Arc, Mutex};

pub(crate) fn row(item: SnapshotItem) -> StoredRow {
    match item {
        SnapshotItem::Row(row) => row,
        SnapshotItem::Unreadable(row) => panic!("a row cannot be read: {row:?}"),
    }
}

pub(crate) async fn snapshot<S: Snapshot + ?Sized>(storage: &S) -> Vec<StoredRow> {
    let items: Vec<_> = storage.snapshot().await.expect("a snapshot begins").try_collect().await.expect("it ends");
    items.into_iter().map(row).collect()
}

/// Stores rows of a kind that are like each other and unlike, some deleted, and adds them to `all` in their order.
pub(crate) async fn fill<E: Sample>(storage: &Arc<dyn StoragePort>, all: &Mutex<Vec<StoredRow>>) {
    let mut rows: Vec<E> = varied();
    put(storage.as_ref(), &rows).await;
    rows.sort_by_key(|row| row.id().into());
    all.lock().expect("no panic holds it").extend(rows.iter().map(|row| at_revision(row, 1).into_row()));
}

/// A snapshot holds every row of every kind, soft-deleted ones and versions included, by kind and id.
pub async fn a_snapshot_holds_every_row_of_every_kind(storage: Arc<dyn StoragePort>) {
    let all = Mutex::default();
    every_kind!(Row => fill::<Row>(&storage, &all).await);
    assert_eq!(snapshot(&storage).await, all.into_inner().expect("no panic held it"));
}

/// A snapshot of an empty storage ends at once, without an error.
pub async fn a_snapshot_of_nothing_is_empty(storage: Arc<dyn StoragePort>) {
    assert_eq!(snapshot(&storage).await, []);
}

/// What is committed after a snapshot was begun is not in it, however late it is read.
pub async fn a_snapshot_shows_the_moment_at_which_it_was_begun(storage: Arc<dyn StoragePort>) {
    let rows = party(40);
    put(storage.as_ref(), &rows[..30]).await;
    let before = snapshot(&storage).await;
    let mut begun = storage.snapshot().await.expect("a snapshot begins");
    must_commit(storage.as_ref(), replacement(&with(&rows[3], |row| row.name = "Later".into()), Expect::Any)).await;
    put(storage.as_ref(), &rows[30..35]).await;
    let mut read = vec![row(begun.next().await.expect("there are rows").expect("the row is read"))];
    let deletion = Change::<Character>::Delete { id: rows[4].id, expect: Expect::Any, at: at(90) };
    must_commit(storage.as_ref(), deletion).await;
    put(storage.as_ref(), &rows[35..]).await;
    put(storage.as_ref(), &[InventoryItem::full()]).await;
    read.extend(begun.try_collect::<Vec<_>>().await.expect("it ends").into_iter().map(row));
    assert_eq!(read, before);
    assert_eq!(snapshot(&storage).await.len(), 41);
}

/// Of rows that each transaction changes together, a snapshot shows the same state, while others write.
pub async fn a_snapshot_is_of_one_moment_while_others_write(storage: Arc<dyn StoragePort>) {
    let (character, item) = (Character::full(), InventoryItem::full());
    let both = Transaction::new().with(Change::Create(character.clone())).with(Change::Create(item.clone()));
    storage.commit(both).await.expect("the rows are new");
    // Some storages take many snapshots during one round of changes, others take less than one.
    let (mut rounds, mut taken) = (0, 0);
    while rounds < 40 && taken < 100 {
        rounds += 1;
        let writer = tokio::spawn({
            let (storage, character, item) = (Arc::clone(&storage), character.clone(), item.clone());
            async move {
                for _ in 0..20 {
                    let change = Transaction::new()
                        .with(Change::Replace { entity: character.clone(), expect: Expect::Any })
                        .with(Change::Replace { entity: item.clone(), expect: Expect::Any });
                    storage.commit(change).await.expect("no other call writes");
                    tokio::task::yield_now().await;
                }
            }
        });
        while !writer.is_finished() {
            let rows = snapshot(&storage).await;
            let revisions: Vec<u64> = rows.iter().map(|row| for_row!(row, row => row.meta.revision.0)).collect();
            assert_eq!(revisions.len(), 2);
            assert_eq!(revisions[0], revisions[1], "the snapshot shows half a transaction");
            taken += 1;
            tokio::task::yield_now().await;
        }
        writer.await.expect("the writer ends");
    }
}

/// Rows that are imported from a snapshot of another storage make the same snapshot.
pub async fn a_snapshot_that_is_imported_is_the_same_again(storage: Arc<dyn StoragePort>) {
    let source: Arc<dyn StoragePort> = Arc::new(MemoryStorage::new());
    let all = Mutex::default();
    every_kind!(Row => fill::<Row>(&source, &all).await);
    let mut imported = Vec::new();
    for stored in snapshot(&source).await {
        for_row!(stored, row => {
            let row = at_revision(&row, 12);
            imported.push(row.clone().into_row());
            must_commit(storage.as_ref(), Change::Import(row)).await;
        });
    }
    let taken = snapshot(&storage).await;
    let again = MemoryStorage::new();
    for stored in taken.clone() {
        for_row!(stored, row => must_commit(&again, Change::Import(row)).await);
    }
    assert_eq!((&taken, &snapshot(&again).await), (&imported, &imported));
}

/// A snapshot that is dropped before its end delays no other call.
pub async fn a_dropped_snapshot_holds_up_nobody(storage: Arc<dyn StoragePort>) {
    let rows = party(60);
    put(storage.as_ref(), &rows[..40]).await;
    for row in &rows[40..] {
        let mut begun = storage.snapshot().await.expect("a snapshot begins");
        if row.meta.created_at.as_microsecond() % 2 == 0 {
            begun.next().await.expect("there are rows").expect("the row is read");
        }
        drop(begun);
        put(storage.as_ref(), std::slice::from_ref(row)).await;
    }
    assert_eq!(snapshot(&storage).await.len(), 60);
}
