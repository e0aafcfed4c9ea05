//! The everyday verbs of `StorageExt` for each kind that has them.

use crate::{
    kinds::{Sample, alive, held, matching, twin},
    sample::{logged_events, revision},
};
use character_domain::{
    CampaignEvent, CharacterProgress, EventImpact, ExperienceEntry, InventoryItem, JournalEntry, NpcRelationship,
    Quest, Revision,
};
use character_storage_port::{
    CampaignEventQuery, CharacterProgressQuery, Entity, ErrorKind, EventImpactQuery, ExperienceEntryQuery,
    InventoryItemQuery, JournalEntryQuery, NpcRelationshipQuery, Owned, PageRequest, Query, QuestQuery, StorageExt,
    StoragePort,
};
use serde_json::json;
use std::sync::Arc;

/// What all verbs of one kind promise.
macro_rules! verbs {
    ($(
        $(#[$doc:meta])+
        pub async fn $clause:ident = $entity:ident, $query:ident:
            $get:ident, $list:ident, $create:ident, $update:ident, $delete:ident, $restore:ident, $bulk:ident;
    )+) => { $(
        $(#[$doc])+
        pub async fn $clause(storage: Arc<dyn StoragePort>) {
            let row = $entity::full();
            let (of, id) = (row.character_id(), row.id());
            let created = storage.$create(row.clone()).await.expect("the row is new");
            assert_eq!((&created, alive(&storage, id).await.as_ref()), (&row, Some(&row)));
            let again = storage.$create(row.clone()).await.expect_err("the row exists");
            assert_eq!(again.kind(), &ErrorKind::AlreadyExists);

            let wanted = $entity { character_id: of, ..row.changed() };
            let updated = storage.$update(wanted.clone(), revision(1)).await.expect("it is at revision 1");
            assert!(updated.meta.updated_at > row.meta.updated_at, "an update is stamped with the time of it");
            let mut expected = wanted.clone();
            expected.meta = updated.meta;
            assert_eq!((&updated, alive(&storage, id).await.as_ref()), (&expected, Some(&expected)));
            let late = storage.$update(wanted, revision(1)).await.expect_err("it was changed since");
            assert_eq!(late.kind(), &ErrorKind::Conflict { expected: Revision(1), actual: Revision(2) });

            let deleted = storage.$delete(of, id, revision(2)).await.expect("it is at revision 2");
            assert!(deleted.is_deleted());
            assert_eq!(held::<$entity>(&storage, id).await.map(|row| row.meta), Some(deleted));
            for id in [id, twin(&row).id] {
                let absent = storage.$get(id).await.expect_err("there is no such live row");
                assert_eq!((absent.kind(), absent.entity()), (&ErrorKind::NotFound, Some(($entity::KIND, id.0))));
            }
            let restored = storage.$restore(of, id, revision(3)).await.expect("it is at revision 3");
            assert_eq!(storage.$get(id).await.expect("it is live").value.meta, restored);

            let more = vec![twin(&row), twin(&row)];
            storage.$bulk(vec![more[0].clone(), row.clone()]).await.expect_err("one of them exists");
            assert_eq!(held::<$entity>(&storage, more[0].id).await, None, "half of the rows were created");
            assert_eq!(storage.$bulk(more.clone()).await.expect("they are new"), more);
            assert_eq!(storage.$bulk(Vec::new()).await.expect("nothing is allowed"), []);
            let query = $query { character_id: Some(of), ..Default::default() };
            let page = storage.$list(&query, PageRequest::default()).await.expect("a list is answered").value;
            let all: Vec<_> = more.iter().cloned().chain(alive(&storage, id).await).collect();
            assert!(all.iter().all(|row| query.matches(row)));
            assert_eq!((page.items, page.next), (matching(&all, &query), None));

            tells_of::<$entity>(
                &storage,
                &row,
                &[(id, "create"), (id, "replace"), (id, "delete"), (id, "restore"), (more[0].id, "create"), (more[1].id, "create")],
            )
            .await;
        }
    )+ };
}

/// Fails unless these are all the events there are, in this order.
async fn tells_of<E: Owned>(storage: &Arc<dyn StoragePort>, row: &E, changes: &[(E::Id, &str)]) {
    let of = row.character_id();
    let told = logged_events(storage).await;
    assert!(told.iter().all(|event| event.subject == of && event.event_type == E::EVENT), "{told:?}");
    let told: Vec<_> = told.into_iter().map(|event| event.data).collect();
    let expected: Vec<_> = changes
        .iter()
        .map(|(id, change)| json!({ "character_id": of, "kind": E::KIND.as_str(), "id": id, "change": change }))
        .collect();
    assert_eq!(told, expected);
}

verbs! {
    /// The verbs for items of an inventory give back what is stored, refuse by the right name, create all or none, and bring their events in order.
    pub async fn the_verbs_of_items_of_an_inventory_keep_their_word = InventoryItem, InventoryItemQuery:
        get_inventory_item, list_inventory_items, create_inventory_item, update_inventory_item, delete_inventory_item, restore_inventory_item, bulk_create_inventory_items;
    /// The verbs for journal entries give back what is stored, refuse by the right name, create all or none, and bring their events in order.
    pub async fn the_verbs_of_journal_entries_keep_their_word = JournalEntry, JournalEntryQuery:
        get_journal_entry, list_journal_entries, create_journal_entry, update_journal_entry, delete_journal_entry, restore_journal_entry, bulk_create_journal_entries;
    /// The verbs for entries of experience give back what is stored, refuse by the right name, create all or none, and bring their events in order.
    pub async fn the_verbs_of_experience_entries_keep_their_word = ExperienceEntry, ExperienceEntryQuery:
        get_experience_entry, list_experience_entries, create_experience_entry, update_experience_entry, delete_experience_entry, restore_experience_entry, bulk_create_experience_entries;
    /// The verbs for quests give back what is stored, refuse by the right name, create all or none, and bring their events in order.
    pub async fn the_verbs_of_quests_keep_their_word = Quest, QuestQuery:
        get_quest, list_quests, create_quest, update_quest, delete_quest, restore_quest, bulk_create_quests;
    /// The verbs for relationships give back what is stored, refuse by the right name, create all or none, and bring their events in order.
    pub async fn the_verbs_of_npc_relationships_keep_their_word = NpcRelationship, NpcRelationshipQuery:
        get_npc_relationship, list_npc_relationships, create_npc_relationship, update_npc_relationship, delete_npc_relationship, restore_npc_relationship, bulk_create_npc_relationships;
    /// The verbs for events of campaigns give back what is stored, refuse by the right name, create all or none, and bring their events in order.
    pub async fn the_verbs_of_campaign_events_keep_their_word = CampaignEvent, CampaignEventQuery:
        get_campaign_event, list_campaign_events, create_campaign_event, update_campaign_event, delete_campaign_event, restore_campaign_event, bulk_create_campaign_events;
    /// The verbs for impacts give back what is stored, refuse by the right name, create all or none, and bring their events in order.
    pub async fn the_verbs_of_event_impacts_keep_their_word = EventImpact, EventImpactQuery:
        get_event_impact, list_event_impacts, create_event_impact, update_event_impact, delete_event_impact, restore_event_impact, bulk_create_event_impacts;
    /// The verbs for progress give back what is stored, refuse by the right name, create all or none, and bring their events in order.
    pub async fn the_verbs_of_character_progress_keep_their_word = CharacterProgress, CharacterProgressQuery:
        get_character_progress, list_all_character_progress, create_character_progress, update_character_progress, delete_character_progress, restore_character_progress, bulk_create_all_character_progress;
}

/// Events of verbs for several kinds are told in the order of the changes, as they have one subject.
pub async fn events_of_several_kinds_keep_one_order(storage: Arc<dyn StoragePort>) {
    let item = InventoryItem::full();
    let quest = Quest { character_id: item.character_id, ..Quest::full() };
    for _ in 0..4 {
        storage.create_inventory_item(twin(&item)).await.expect("the row is new");
        storage.create_quest(twin(&quest)).await.expect("the row is new");
    }
    let told = logged_events(&storage).await;
    let told: Vec<_> = told.iter().filter_map(|event| event.data["kind"].as_str()).collect();
    assert_eq!(told, ["inventory_item", "quest"].repeat(4));
}
