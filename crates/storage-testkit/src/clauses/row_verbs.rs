//! The verbs of `StorageExt` for each kind that has them.

use crate::{
    kinds::{Sample, alive, held, listed, matching, twin, with},
    sample::{logged_events, revision},
};
use character_domain::{InventoryItem, Quest, Revision};
use character_storage_port::{ChangeKind, ErrorKind, Owned, StorageExt, StoragePort, Store, every_kind, row_event};
use serde_json::json;
use std::sync::Arc;

/// What all verbs of one kind promise.
pub(crate) async fn keep_their_word<E: Sample + Owned>(storage: &Arc<dyn StoragePort>)
where
    dyn StoragePort: Store<E>,
{
    let told_before = logged_events(storage).await.len();
    let row = E::full();
    let id = row.id();
    let created = storage.create(row.clone()).await.expect("the row is new");
    assert_eq!((&created, alive(storage, id).await.as_ref()), (&row, Some(&row)));
    let again = storage.create(row.clone()).await.expect_err("the row exists");
    assert_eq!(again.kind(), &ErrorKind::AlreadyExists);

    let wanted = changed_in_place(&row);
    let updated = storage.update(wanted.clone(), revision(1)).await.expect("it is at revision 1");
    assert!(updated.meta().updated_at > row.meta().updated_at, "an update is stamped with the time of it");
    let expected = with(&wanted, |row| *row.meta_mut() = *updated.meta());
    assert_eq!((&updated, alive(storage, id).await.as_ref()), (&expected, Some(&expected)));
    let late = storage.update(wanted, revision(1)).await.expect_err("it was changed since");
    assert_eq!(late.kind(), &ErrorKind::Conflict { expected: Revision(1), actual: Revision(2) });

    let deleted = storage.delete(&row, revision(2)).await.expect("it is at revision 2");
    assert!(deleted.is_deleted());
    assert_eq!(held::<E>(storage, id).await.map(|row| *row.meta()), Some(deleted));
    for id in [id, twin(&row).id()] {
        let absent = storage.get::<E>(id).await.expect_err("there is no such live row");
        assert_eq!((absent.kind(), absent.entity()), (&ErrorKind::NotFound, Some((E::KIND, id.into()))));
    }
    let restored = storage.restore(&row, revision(3)).await.expect("it is at revision 3");
    assert_eq!(*storage.get::<E>(id).await.expect("it is live").value.meta(), restored);

    let more = vec![twin(&row), twin(&row)];
    let half = vec![more[0].clone(), row.clone()];
    storage.bulk_create(half).await.expect_err("one of them exists");
    assert_eq!(held::<E>(storage, more[0].id()).await, None, "half of the rows were created");
    assert_eq!(storage.bulk_create(more.clone()).await.expect("they are new"), more);
    assert_eq!(storage.bulk_create::<E>(Vec::new()).await.expect("nothing is allowed"), []);

    let all: Vec<_> = more.iter().cloned().chain(alive(storage, id).await).collect();
    assert_eq!(listed::<E>(storage, &E::every_live()).await, matching(&all, &E::every_live()));

    let changes = [
        (id, "create"),
        (id, "replace"),
        (id, "delete"),
        (id, "restore"),
        (more[0].id(), "create"),
        (more[1].id(), "create"),
    ];
    tells_of(storage, told_before, &row, &changes).await;
}

/// Another state of the row under the same character.
fn changed_in_place<E: Sample + Owned>(row: &E) -> E {
    let mut changed = serde_json::to_value(row.changed()).expect("a row can be written");
    changed["character_id"] = json!(row.character_id());
    serde_json::from_value(changed).expect("a row can be read")
}

/// Fails unless these are all the events behind the first `told_before`, in this order.
async fn tells_of<E: Owned>(storage: &Arc<dyn StoragePort>, told_before: usize, row: &E, changes: &[(E::Id, &str)]) {
    let of = row.character_id();
    let told = logged_events(storage).await.split_off(told_before);
    let event_type = row_event::<E>(of, row.id(), ChangeKind::Create, row.meta().created_at).event_type;
    assert!(told.iter().all(|event| event.subject == of && event.event_type == event_type), "{told:?}");
    let told: Vec<_> = told.into_iter().map(|event| event.data).collect();
    let expected: Vec<_> = changes
        .iter()
        .map(|(id, change)| json!({ "character_id": of, "kind": E::KIND.as_str(), "id": id, "change": change }))
        .collect();
    assert_eq!(told, expected);
}

/// The verbs for rows of each kind that has them return what is stored, refuse by the right name, create all or none, and bring
/// their events in order.
pub async fn the_verbs_of_rows_keep_their_word(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => Row::judge_verbs(&storage).await);
}

/// Events of verbs for several kinds are returned in the order of the changes, as they have one subject.
pub async fn events_of_several_kinds_keep_one_order(storage: Arc<dyn StoragePort>) {
    let item = InventoryItem::full();
    let quest = Quest { character_id: item.character_id, ..Quest::full() };
    for _ in 0..4 {
        storage.create(twin(&item)).await.expect("the row is new");
        storage.create(twin(&quest)).await.expect("the row is new");
    }
    let told = logged_events(&storage).await;
    let told: Vec<_> = told.iter().filter_map(|event| event.data["kind"].as_str()).collect();
    assert_eq!(told, ["inventory_item", "quest"].repeat(4));
}
