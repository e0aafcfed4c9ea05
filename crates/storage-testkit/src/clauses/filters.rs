//! Filters of the kinds that characters have: exactly what `Query::matches` says, odd values included.

use crate::{
    kinds::{Sample, listed, matching, must_commit, put, twin, with},
    sample::at,
};
use character_domain::{
    Campaign, CampaignEvent, Character, CharacterId, EventImpact, InventoryItem, InventoryItemId, JournalEntry,
    JournalEntryId, NpcRelationship, Quest, QuestImportance, QuestStatus, text::normalized,
};
use character_storage_port::{
    CampaignEventQuery, CampaignQuery, Change, CharacterQuery, ErrorKind, EventImpactQuery, Expect, InventoryItemQuery,
    JournalEntryQuery, NpcRelationshipQuery, PageRequest, QuestQuery, StoragePort, TagFilter,
};
use std::sync::Arc;

/// Texts that some database, pattern or encoding could take for one another.
const ODD: [&str; 30] = [
    "session",
    "Session",
    "SESSION",
    "session ",
    " session",
    "sessions",
    "sess",
    "s%",
    "%",
    "_ession",
    "_",
    "'",
    "''",
    "\"",
    "\"session\"",
    "\\",
    "\\\\",
    "\\%",
    "[\"session\"]",
    "[session]",
    "{session}",
    "a b",
    "a+b",
    "a%20b",
    "a&b=c",
    "caf\u{e9}",
    "cafe\u{301}",
    "stra\u{df}e",
    "strasse",
    "\u{1f409}",
];

async fn holds<E: Sample>(storage: &Arc<dyn StoragePort>, rows: &[E], query: &E::Query) {
    assert_eq!(listed::<E>(storage, query).await, matching(rows, query), "the list for {query:?}");
}

fn tagged(character: CharacterId, number: usize, tags: &[&str]) -> JournalEntry {
    let moment = at(i64::try_from(number).unwrap_or_default());
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    JournalEntry { tags, ..JournalEntry::new(character, format!("Entry {number}"), moment) }
}

fn with_tags(tags: &[&str]) -> JournalEntryQuery {
    JournalEntryQuery { tags: TagFilter(tags.iter().map(|tag| (*tag).to_owned()).collect()), ..Default::default() }
}

/// The filter by tags holds the entries that have all of them, in whatever order, and not those that have some.
pub async fn the_filter_by_tags_asks_for_all_of_them(storage: Arc<dyn StoragePort>) {
    let character = CharacterId::new();
    let given: [&[&str]; 7] =
        [&[], &["keep"], &["dragon"], &["keep", "dragon"], &["dragon", "gold", "keep"], &["gold"], &["keepdragon"]];
    let rows: Vec<_> = (0..).zip(given).map(|(number, tags)| tagged(character, number, tags)).collect();
    put(&storage, &rows).await;
    let asked: [&[&str]; 6] =
        [&[], &["keep"], &["keep", "dragon"], &["dragon", "keep"], &["keep", "gold", "dragon"], &["keep", "silver"]];
    for tags in asked {
        holds(&storage, &rows, &with_tags(tags)).await;
        let of_character = JournalEntryQuery { character_id: Some(character), ..with_tags(tags) };
        holds(&storage, &rows, &of_character).await;
        let of_nobody = JournalEntryQuery { character_id: Some(CharacterId::new()), ..with_tags(tags) };
        holds(&storage, &rows, &of_nobody).await;
    }
}

/// Tags are compared without white space at their ends and in normalization form C, and otherwise exactly: no case
/// folding, patterns or parts of a tag.
pub async fn tags_are_compared_by_their_normalized_form(storage: Arc<dyn StoragePort>) {
    let character = CharacterId::new();
    let mut rows: Vec<_> = ODD.iter().enumerate().map(|(place, tag)| tagged(character, place, &[tag])).collect();
    // A row has no tag twice, in whichever form.
    let distinct: Vec<&str> = ODD
        .into_iter()
        .filter(|tag| ODD.iter().find(|other| normalized(other) == normalized(tag)) == Some(tag))
        .collect();
    rows.push(tagged(character, 100, &distinct));
    put(&storage, &rows).await;
    let of_same_tag =
        [(" session", 3), ("session", 3), ("caf\u{e9}", 2), ("cafe\u{301} ", 2), ("Session", 1), ("sess", 1)];
    for (tag, entries) in of_same_tag {
        // And the row with one form of each.
        assert_eq!(listed::<JournalEntry>(&storage, &with_tags(&[tag])).await.len(), entries + 1, "{tag:?}");
    }
    for (place, tag) in ODD.iter().enumerate() {
        holds(&storage, &rows, &with_tags(&[tag])).await;
        let next = ODD.get(place + 1).unwrap_or(&ODD[0]);
        if normalized(tag) == normalized(next) {
            continue;
        }
        holds(&storage, &rows, &with_tags(&[tag, next])).await;
    }
    holds(&storage, &rows, &with_tags(&distinct)).await;
}

/// A filter by tags follows a change of the tags at once.
pub async fn reads_by_tag_follow_a_change(storage: Arc<dyn StoragePort>) {
    let row = tagged(CharacterId::new(), 0, &["keep", "dragon"]);
    put(&storage, std::slice::from_ref(&row)).await;
    holds(&storage, std::slice::from_ref(&row), &with_tags(&["dragon"])).await;
    let changed = with(&row, |row| row.tags = vec!["keep".to_owned(), "gold".to_owned()]);
    let committed = must_commit(&storage, Change::Replace { entity: changed.clone(), expect: Expect::Any }).await;
    let changed = [with(&changed, |row| row.meta = committed.written[0])];
    for tag in ["keep", "dragon", "gold"] {
        holds(&storage, &changed, &with_tags(&[tag])).await;
    }
}

/// Types of journal entries are compared exactly.
pub async fn entry_types_are_compared_exactly(storage: Arc<dyn StoragePort>) {
    let character = CharacterId::new();
    let entry =
        |kind: &&str| JournalEntry { entry_type: (*kind).to_owned(), ..JournalEntry::new(character, "x", at(0)) };
    let rows: Vec<_> = ODD.iter().map(entry).collect();
    put(&storage, &rows).await;
    for row in &rows {
        let query = JournalEntryQuery { entry_type: Some(row.entry_type.clone()), ..Default::default() };
        holds(&storage, &rows, &query).await;
        holds(&storage, &rows, &JournalEntryQuery { character_id: Some(character), ..query }).await;
    }
    let nothing = JournalEntryQuery { entry_type: Some(String::new()), ..Default::default() };
    assert_eq!(listed::<JournalEntry>(&storage, &nothing).await, []);
}

/// Types of relationships are compared exactly.
pub async fn relationship_types_are_compared_exactly(storage: Arc<dyn StoragePort>) {
    let (character, entry) = (CharacterId::new(), JournalEntryId::new());
    let relationship = |kind: &&str| NpcRelationship {
        relationship_type: (*kind).to_owned(),
        ..NpcRelationship::new(character, entry, "Vex", at(0))
    };
    let rows: Vec<_> = ODD.iter().map(relationship).collect();
    put(&storage, &rows).await;
    for row in &rows {
        let query =
            NpcRelationshipQuery { relationship_type: Some(row.relationship_type.clone()), ..Default::default() };
        holds(&storage, &rows, &query).await;
        holds(&storage, &rows, &NpcRelationshipQuery { journal_entry_id: Some(entry), ..query }).await;
    }
}

/// The filter by session holds the entries of that session; an entry of none is in no session.
pub async fn the_filter_by_session_holds_the_entries_of_it(storage: Arc<dyn StoragePort>) {
    let numbers = [None, Some(0), Some(1), Some(10), Some(1 << 53), Some((1 << 53) + 1), Some(i64::MAX)];
    let rows: Vec<_> = numbers
        .iter()
        .map(|number| JournalEntry { session_number: *number, ..JournalEntry::new(CharacterId::new(), "x", at(0)) })
        .collect();
    put(&storage, &rows).await;
    for session_number in numbers.into_iter().chain([Some(-1), Some(2)]) {
        holds(&storage, &rows, &JournalEntryQuery { session_number, ..Default::default() }).await;
    }
}

/// The filters by status and importance hold the quests that stand and matter so, in every combination.
pub async fn the_filters_by_status_and_importance_hold_such_quests(storage: Arc<dyn StoragePort>) {
    use QuestImportance::{Critical, High, Low, Normal};
    use QuestStatus::{Abandoned, Active, Completed, Failed};
    let (character, entry) = (CharacterId::new(), JournalEntryId::new());
    let mut rows = Vec::new();
    for status in [Active, Completed, Failed, Abandoned] {
        for importance in [Low, Normal, High, Critical] {
            rows.push(Quest { status, importance, ..Quest::new(character, entry, "x", at(0)) });
        }
    }
    put(&storage, &rows).await;
    for status in [None, Some(Active), Some(Completed), Some(Failed), Some(Abandoned)] {
        for importance in [None, Some(Low), Some(Normal), Some(High), Some(Critical)] {
            holds(&storage, &rows, &QuestQuery { status, importance, ..Default::default() }).await;
        }
    }
}

/// The filter by container holds what lies in it, not what lies in what lies in it.
pub async fn the_filter_by_container_holds_what_lies_in_it(storage: Arc<dyn StoragePort>) {
    let item = |number: i64, container: Option<InventoryItemId>| InventoryItem {
        container,
        ..InventoryItem::new(CharacterId::new(), "x", at(number))
    };
    let chest = item(0, None);
    let bag = item(1, Some(chest.id));
    let rows = [chest.clone(), bag.clone(), item(2, Some(bag.id)), item(3, Some(chest.id)), item(4, None)];
    put(&storage, &rows).await;
    for row in &rows {
        holds(&storage, &rows, &InventoryItemQuery { container: Some(row.id), ..Default::default() }).await;
    }
}

/// The filter by equipment holds what is worn or held, whatever else is asked for.
pub async fn the_filter_by_equipment_holds_what_is_worn(storage: Arc<dyn StoragePort>) {
    let template = InventoryItem::full();
    let rows: Vec<_> =
        [true, false, true].into_iter().map(|equipped| InventoryItem { equipped, ..twin(&template) }).collect();
    put(&storage, &rows).await;
    for equipped_only in [true, false] {
        let all = InventoryItemQuery { equipped_only, ..Default::default() };
        holds(&storage, &rows, &InventoryItemQuery { root_id: template.root_id, ..all.clone() }).await;
        holds(&storage, &rows, &InventoryItemQuery { container: template.container, ..all.clone() }).await;
        holds(&storage, &rows, &all).await;
    }
}

/// The filter by root holds what an item has become; the item itself is not its own root.
pub async fn the_filter_by_root_holds_what_an_item_became(storage: Arc<dyn StoragePort>) {
    let root = InventoryItem::new(CharacterId::new(), "Moonblade", at(0));
    let grown =
        |number| InventoryItem { root_id: Some(root.id), ..InventoryItem::new(CharacterId::new(), "x", at(number)) };
    let rows = [root.clone(), grown(1), grown(2)];
    put(&storage, &rows).await;
    for row in &rows {
        holds(&storage, &rows, &InventoryItemQuery { root_id: Some(row.id), ..Default::default() }).await;
    }
}

/// The filter by parent holds the characters that grew out of one, and the other filters narrow it.
pub async fn the_filter_by_parent_holds_what_grew_out_of_it(storage: Arc<dyn StoragePort>) {
    let rows = crate::kinds::varied::<Character>();
    put(&storage, &rows).await;
    for query in crate::kinds::combinations(&rows[0]) {
        holds(&storage, &rows, &query).await;
    }
    let query = CharacterQuery { parent_id: Some(rows[0].id), ..CharacterQuery::live() };
    assert_eq!(listed::<Character>(&storage, &query).await, [], "a character is not its own parent");
}

/// The filter by application holds the events that have their effect.
pub async fn the_filter_by_application_holds_events_with_effect(storage: Arc<dyn StoragePort>) {
    let template = CampaignEvent::full();
    let rows: Vec<_> =
        [true, false, true].into_iter().map(|applied| CampaignEvent { applied, ..twin(&template) }).collect();
    put(&storage, &rows).await;
    for character_id in [None, Some(template.character_id)] {
        for applied_only in [true, false] {
            holds(&storage, &rows, &CampaignEventQuery { character_id, applied_only, ..Default::default() }).await;
        }
    }
}

/// The filters of impacts hold those that took place and were not undone, those that were undone, or neither.
pub async fn the_filters_by_effect_hold_such_impacts(storage: Arc<dyn StoragePort>) {
    let template = EventImpact::full();
    let states = [(true, true), (true, false), (false, true), (false, false)];
    let rows = states.map(|(applied, is_reverted)| EventImpact { applied, is_reverted, ..twin(&template) });
    put(&storage, &rows).await;
    for (applied_only, reverted_only) in states {
        for event_id in [None, Some(template.event_id)] {
            let query = EventImpactQuery { event_id, applied_only, reverted_only, ..Default::default() };
            holds(&storage, &rows, &query).await;
        }
    }
}

/// A filter by something that no row can hold, such as a text with U+0000 in it, gives an empty list and no error.
pub async fn a_filter_that_no_row_can_match_gives_an_empty_list(storage: Arc<dyn StoragePort>) {
    put(&storage, &[JournalEntry::full()]).await;
    put(&storage, &[NpcRelationship::full()]).await;
    put(&storage, &[Character::full()]).await;
    for text in ["\0", "session\0", "", &"x".repeat(64)] {
        let given = Some(text.to_owned());
        holds::<JournalEntry>(&storage, &[], &JournalEntryQuery { entry_type: given.clone(), ..Default::default() })
            .await;
        holds::<NpcRelationship>(
            &storage,
            &[],
            &NpcRelationshipQuery { relationship_type: given.clone(), ..Default::default() },
        )
        .await;
        holds::<Character>(&storage, &[], &CharacterQuery { theme: given, ..CharacterQuery::live() }).await;
        if !text.is_empty() {
            holds::<JournalEntry>(&storage, &[], &with_tags(&["keep", text])).await;
        }
    }
    for number in [i64::MIN, -1] {
        holds::<JournalEntry>(&storage, &[], &JournalEntryQuery { session_number: Some(number), ..Default::default() })
            .await;
    }
}

/// A filter may be as large as the field that it is compared with. A larger one is `Invalid`, and the violation names it;
/// so is one by more tags than an entry may have, or by one tag twice.
pub async fn a_filter_that_is_larger_than_its_field_is_invalid(storage: Arc<dyn StoragePort>) {
    let text = |length: usize| Some("\u{1f409}".repeat(length));
    let characters = |theme, name| CharacterQuery { theme, name, ..CharacterQuery::live() };
    bounds::<Character>(&storage, "theme", &characters(text(64), None), &characters(text(65), None)).await;
    bounds::<Character>(&storage, "name", &characters(None, text(255)), &characters(None, text(22_000))).await;
    let campaigns = |theme| CampaignQuery { theme, ..CampaignQuery::default() };
    bounds::<Campaign>(&storage, "theme", &campaigns(text(64)), &campaigns(text(65))).await;
    let items = |name| InventoryItemQuery { name, ..InventoryItemQuery::default() };
    bounds::<InventoryItem>(&storage, "name", &items(text(255)), &items(text(256))).await;
    let entries = |entry_type| JournalEntryQuery { entry_type, ..JournalEntryQuery::default() };
    bounds::<JournalEntry>(&storage, "entry_type", &entries(text(64)), &entries(text(65))).await;
    let relationships = |relationship_type| NpcRelationshipQuery { relationship_type, ..Default::default() };
    let (fitting, larger) = (relationships(text(64)), relationships(text(65)));
    bounds::<NpcRelationship>(&storage, "relationship_type", &fitting, &larger).await;
    let tags = |tags: Vec<String>| JournalEntryQuery { tags: TagFilter(tags), ..JournalEntryQuery::default() };
    let many = |count: u32| (0..count).map(|number| format!("{number:064}")).collect::<Vec<_>>();
    for larger in [many(101), vec!["x".repeat(65)], vec!["x".to_owned(); 2], vec!["x".to_owned(); 16_000]] {
        bounds::<JournalEntry>(&storage, "tags", &tags(many(100)), &tags(larger)).await;
    }
}

/// The list of the one query is answered, and that of the other is refused for this filter.
async fn bounds<E: Sample>(storage: &Arc<dyn StoragePort>, filter: &str, fitting: &E::Query, larger: &E::Query) {
    assert_eq!(listed::<E>(storage, fitting).await, [], "{filter} of {}", E::KIND);
    let error = E::store(&**storage).list(larger, PageRequest::default()).await.expect_err("the filter is too large");
    let ErrorKind::Invalid(violations) = error.kind() else { panic!("{filter} of {}: {error}", E::KIND) };
    assert!(violations.iter().all(|violation| violation.field == filter), "{error}");
}
