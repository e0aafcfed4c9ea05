//! Rows of every kind by number, and every list that can be asked for. Every sixth row is of the first owner, half of
//! those are deleted, and a sixtieth of all suits each filter.

use character_domain::{
    Campaign, CampaignEvent, Character, CharacterProgress, CharacterVersion, EventImpact, ExperienceEntry, ImpactType,
    InventoryItem, JournalEntry, Meta, NpcRelationship, Quest, QuestImportance, QuestStatus, Timestamp,
    campaign::Effect,
};
use character_storage_port::{
    CampaignEventQuery, CampaignQuery, CharacterProgressQuery, CharacterQuery, CharacterVersionQuery, Entity,
    EventImpactQuery, ExperienceEntryQuery, InventoryItemQuery, JournalEntryQuery, NpcRelationshipQuery, Order,
    QuestQuery, TagFilter,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// What the filters ask for; all rows of this number belong to the first owner and are live.
pub(crate) const WANTED: usize = 6;

/// A kind of row that is made by number and listed in every way.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind of row here: it does not implement `Listed`",
    note = "implement it in crates/storage-sql/tests/support/lists.rs: step 6a of docs/adding-an-aggregate.md"
)]
pub(crate) trait Listed: Entity {
    /// The row of this number.
    fn numbered(number: usize) -> Self;
    /// Every combination of filters that is worth a look, each without deleted rows.
    fn queries() -> Vec<Self::Query>;
}

/// The lists of a kind: each filter without and with deleted rows.
pub(crate) fn queries<E: Listed>() -> Vec<E::Query> {
    let with_deleted = |query: &E::Query| {
        let mut text = serde_json::to_value(query).unwrap_or_default();
        text["include_deleted"] = json!(true);
        serde_json::from_value(text).unwrap_or_default()
    };
    E::queries().iter().flat_map(|query| [query.clone(), with_deleted(query)]).collect()
}

/// The filters of a list, as text.
pub(crate) fn described<E: Entity>(query: &E::Query) -> String {
    format!("{} {}", E::LIST, serde_json::to_value(query).unwrap_or_default())
}

/// When the row of this number was created.
pub(crate) fn time(number: usize) -> Timestamp {
    let second = i64::try_from(number).unwrap_or_default();
    Timestamp::from_second(1_700_000_000 + second).unwrap_or_default()
}

fn id<T: From<Uuid>>(number: usize) -> T {
    Uuid::from_u128(0xC0FF_EE00 << 64 | number as u128).into()
}

/// Every sixth row is the first owner's.
fn owner<T: From<Uuid>>(number: usize) -> T {
    id(if number.is_multiple_of(6) { 0 } else { 1 + number % 37 })
}

fn meta(number: usize) -> Meta {
    Meta { deleted_at: number.is_multiple_of(4).then(|| time(number)), ..Meta::created(time(number)) }
}

fn part(number: usize) -> usize {
    number % 60
}

fn word(number: usize) -> String {
    format!("word {}", part(number))
}

fn document(number: usize) -> Value {
    json!({ "number": number, "text": "ü\u{1f409} \"quoted\"", "deep": [[{ "x": 0.1 }], u64::MAX, null] })
}

fn with<E: Entity>(entity: &E, fields: Value) -> E {
    let mut text = serde_json::to_value(entity).unwrap_or_default();
    if let (Some(row), Value::Object(fields)) = (text.as_object_mut(), fields) {
        row.extend(fields);
    }
    match serde_json::from_value(text) {
        Ok(entity) => entity,
        Err(error) => panic!("a row of this kind: {error}"),
    }
}

impl Listed for Character {
    fn numbered(number: usize) -> Self {
        let fields = json!({
            "id": id::<Uuid>(number),
            "parent_id": id::<Uuid>(10_000 + part(number)),
            "campaign_id": id::<Uuid>(part(number)),
            "theme": word(number),
            "data": document(number),
            "is_active": part(number) == WANTED,
            "meta": meta(number),
        });
        with(&Character::new(owner(number), word(number), time(number)), fields)
    }
    fn queries() -> Vec<CharacterQuery> {
        let all = CharacterQuery::live();
        let mine = CharacterQuery { user_id: Some(id(0)), ..all.clone() };
        let of_campaign = CharacterQuery { campaign_id: Some(id(WANTED)), ..all.clone() };
        let of_theme = CharacterQuery { theme: Some(word(WANTED)), ..all.clone() };
        let ordered = [all.clone(), mine.clone(), of_campaign, of_theme].into_iter().flat_map(|query| {
            Order::ALL.iter().copied().skip(1).map(move |order| CharacterQuery { order, ..query.clone() })
        });
        let mut queries = vec![
            CharacterQuery { campaign_id: Some(id(WANTED)), ..all.clone() },
            CharacterQuery { parent_id: Some(id(10_000 + WANTED)), ..all.clone() },
            CharacterQuery { theme: Some(word(WANTED)), ..all.clone() },
            CharacterQuery { theme: Some(word(WANTED)), ..mine.clone() },
            CharacterQuery { active_only: true, ..mine.clone() },
            CharacterQuery { campaign_id: Some(id(WANTED)), ..mine.clone() },
            CharacterQuery { name: Some("ORD 6".to_owned()), ..mine.clone() },
            CharacterQuery {
                campaign_id: Some(id(WANTED)),
                parent_id: Some(id(10_000 + WANTED)),
                theme: Some(word(WANTED)),
                active_only: true,
                ..mine.clone()
            },
            mine,
            all,
        ];
        queries.extend(ordered);
        queries
    }
}

impl Listed for Campaign {
    fn numbered(number: usize) -> Self {
        let fields = json!({
            "id": id::<Uuid>(number),
            "dm_user_id": id::<Uuid>(part(number)),
            "theme": word(number),
            "dm_name": word(number),
            "data": document(number),
            "meta": meta(number),
        });
        with(&Campaign::new(word(number), time(number)), fields)
    }
    fn queries() -> Vec<CampaignQuery> {
        let all = CampaignQuery::default();
        vec![
            CampaignQuery { dm_user_id: Some(id(WANTED)), ..all.clone() },
            CampaignQuery { theme: Some(word(WANTED)), ..all.clone() },
            CampaignQuery { dm_user_id: Some(id(WANTED)), theme: Some(word(WANTED)), ..all.clone() },
            all,
        ]
    }
}

impl Listed for InventoryItem {
    fn numbered(number: usize) -> Self {
        let fields = json!({
            "id": id::<Uuid>(number),
            "root_id": id::<Uuid>(10_000 + part(number)),
            "container": id::<Uuid>(20_000 + part(number)),
            "quantity": number,
            "equipped": part(number) == WANTED,
            "attunement": (["none", "attuning", "attuned", "broken"][number % 4]),
            "notes": word(number),
            "data": document(number),
            "meta": meta(number),
        });
        with(&InventoryItem::new(owner(number), word(number), time(number)), fields)
    }
    fn queries() -> Vec<InventoryItemQuery> {
        let all = InventoryItemQuery::default();
        let mine = InventoryItemQuery { character_id: Some(id(0)), ..all.clone() };
        let ordered = [all.clone(), mine.clone()].into_iter().flat_map(|query| {
            Order::ALL.iter().copied().skip(1).map(move |order| InventoryItemQuery { order, ..query.clone() })
        });
        let mut queries = vec![
            InventoryItemQuery { root_id: Some(id(10_000 + WANTED)), ..all.clone() },
            InventoryItemQuery { container: Some(id(20_000 + WANTED)), ..all.clone() },
            InventoryItemQuery { root_id: Some(id(10_000 + WANTED)), ..mine.clone() },
            InventoryItemQuery { container: Some(id(20_000 + WANTED)), ..mine.clone() },
            InventoryItemQuery { equipped_only: true, ..mine.clone() },
            InventoryItemQuery { name: Some("ORD 6".to_owned()), ..mine.clone() },
            InventoryItemQuery { container: Some(id(20_000 + WANTED)), equipped_only: true, ..mine.clone() },
            mine,
            all,
        ];
        queries.extend(ordered);
        queries
    }
}

impl Listed for JournalEntry {
    fn numbered(number: usize) -> Self {
        let fields = json!({
            "id": id::<Uuid>(number),
            "entry_type": word(number),
            "content": word(number),
            "tags": [word(number), if part(number) == WANTED { "Wanted" } else { "wanted" }, "\"'%\\"],
            "session_number": part(number),
            "session_date": time(number),
            "dm_name": word(number),
            "session_summary": word(number),
            "is_active": number.is_multiple_of(3),
            "data": document(number),
            "meta": meta(number),
        });
        with(&JournalEntry::new(owner(number), word(number), time(number)), fields)
    }
    fn queries() -> Vec<JournalEntryQuery> {
        let all = JournalEntryQuery::default();
        let mine = JournalEntryQuery { character_id: Some(id(0)), ..all.clone() };
        let tags = |tags: &[&str]| TagFilter(tags.iter().map(|tag| (*tag).to_owned()).collect());
        vec![
            JournalEntryQuery { entry_type: Some(word(WANTED)), ..mine.clone() },
            JournalEntryQuery { session_number: Some(6), ..mine.clone() },
            JournalEntryQuery { entry_type: Some(word(WANTED)), session_number: Some(6), ..mine.clone() },
            JournalEntryQuery { tags: tags(&["Wanted"]), ..mine.clone() },
            JournalEntryQuery { tags: tags(&["\"'%\\", "Wanted"]), ..mine.clone() },
            JournalEntryQuery { tags: tags(&["wanted", "WANTED"]), ..mine.clone() },
            JournalEntryQuery { tags: tags(&["Wanted", "\0"]), ..mine.clone() },
            JournalEntryQuery { tags: tags(&["Wanted"]), session_number: Some(6), ..mine.clone() },
            mine,
            all,
        ]
    }
}

impl Listed for ExperienceEntry {
    fn numbered(number: usize) -> Self {
        let fields = json!({
            "id": id::<Uuid>(number),
            "session_id": id::<Uuid>(part(number)),
            "reason": word(number),
            "data": document(number),
            "meta": meta(number),
        });
        with(&ExperienceEntry::new(owner(number), id(part(number)), 7, time(number)), fields)
    }
    fn queries() -> Vec<ExperienceEntryQuery> {
        let all = ExperienceEntryQuery::default();
        let mine = ExperienceEntryQuery { character_id: Some(id(0)), ..all.clone() };
        vec![
            ExperienceEntryQuery { journal_entry_id: Some(id(WANTED)), ..all.clone() },
            ExperienceEntryQuery { journal_entry_id: Some(id(WANTED)), ..mine.clone() },
            mine,
            all,
        ]
    }
}

impl Listed for Quest {
    fn numbered(number: usize) -> Self {
        let status = match part(number) {
            WANTED => QuestStatus::Completed,
            18 => QuestStatus::Failed,
            _ => QuestStatus::Active,
        };
        let importance = match part(number) {
            WANTED => QuestImportance::Critical,
            18 => QuestImportance::Low,
            _ => QuestImportance::High,
        };
        let fields = json!({
            "id": id::<Uuid>(number),
            "description": word(number),
            "status": status,
            "importance": importance,
            "assigned_by": word(number),
            "rewards": document(number),
            "progress": [document(number), 1.5, "step", null],
            "data": document(number),
            "meta": meta(number),
        });
        with(&Quest::new(owner(number), id(part(number)), word(number), time(number)), fields)
    }
    fn queries() -> Vec<QuestQuery> {
        let all = QuestQuery::default();
        let mine = QuestQuery { character_id: Some(id(0)), ..all.clone() };
        let (status, importance) = (Some(QuestStatus::Completed), Some(QuestImportance::Critical));
        vec![
            QuestQuery { journal_entry_id: Some(id(WANTED)), ..all.clone() },
            QuestQuery { journal_entry_id: Some(id(WANTED)), status, ..mine.clone() },
            QuestQuery { status, ..mine.clone() },
            QuestQuery { importance, ..mine.clone() },
            QuestQuery { status, importance, ..mine.clone() },
            mine,
            all,
        ]
    }
}

impl Listed for NpcRelationship {
    fn numbered(number: usize) -> Self {
        let fields = json!({
            "id": id::<Uuid>(number),
            "npc_id": id::<Uuid>(part(number)),
            "relationship_type": word(number),
            "standing": -5,
            "notes": word(number),
            "last_interaction": time(number),
            "data": document(number),
            "meta": meta(number),
        });
        with(&NpcRelationship::new(owner(number), id(part(number)), word(number), time(number)), fields)
    }
    fn queries() -> Vec<NpcRelationshipQuery> {
        let all = NpcRelationshipQuery::default();
        let mine = NpcRelationshipQuery { character_id: Some(id(0)), ..all.clone() };
        vec![
            NpcRelationshipQuery { journal_entry_id: Some(id(WANTED)), ..all.clone() },
            NpcRelationshipQuery { journal_entry_id: Some(id(WANTED)), ..mine.clone() },
            NpcRelationshipQuery { relationship_type: Some(word(WANTED)), ..mine.clone() },
            mine,
            all,
        ]
    }
}

impl Listed for CampaignEvent {
    fn numbered(number: usize) -> Self {
        let fields = json!({
            "id": id::<Uuid>(number),
            "journal_entry_id": id::<Uuid>(part(number)),
            "event_type": word(number),
            "event_data": document(number),
            "applied": part(number) == WANTED,
            "applied_at": time(number),
            "data": document(number),
            "meta": meta(number),
        });
        with(&CampaignEvent::new(owner(number), ImpactType::HitPoints, -3, time(number)), fields)
    }
    fn queries() -> Vec<CampaignEventQuery> {
        let all = CampaignEventQuery::default();
        let mine = CampaignEventQuery { character_id: Some(id(0)), ..all.clone() };
        vec![CampaignEventQuery { applied_only: true, ..mine.clone() }, mine, all]
    }
}

impl Listed for EventImpact {
    fn numbered(number: usize) -> Self {
        let event = CampaignEvent::new(owner(number), ImpactType::Experience, 5, time(number));
        let fields = json!({
            "id": id::<Uuid>(number),
            "event_id": id::<Uuid>(part(number)),
            "impact_data": document(number),
            "applied": ([WANTED, 18].contains(&part(number))),
            "reversion_data": document(number),
            "is_reverted": part(number) == 18,
            "reverted_at": time(number),
            "notes": word(number),
            "data": document(number),
            "meta": meta(number),
        });
        with(&EventImpact::of(&event, &Effect::default(), time(number)), fields)
    }
    fn queries() -> Vec<EventImpactQuery> {
        let all = EventImpactQuery::default();
        let mine = EventImpactQuery { character_id: Some(id(0)), ..all.clone() };
        vec![
            EventImpactQuery { event_id: Some(id(WANTED)), ..all.clone() },
            EventImpactQuery { event_id: Some(id(WANTED)), applied_only: true, ..mine.clone() },
            EventImpactQuery { applied_only: true, ..mine.clone() },
            EventImpactQuery { reverted_only: true, ..mine.clone() },
            mine,
            all,
        ]
    }
}

impl Listed for CharacterProgress {
    fn numbered(number: usize) -> Self {
        let fields = json!({
            "id": id::<Uuid>(number),
            "level_updated_at": time(number),
            "milestones": [document(number)],
            "achievements": [document(number), 1],
            "data": document(number),
            "meta": meta(number),
        });
        with(&CharacterProgress::new(id(number), 950, 3, time(number)), fields)
    }
    fn queries() -> Vec<CharacterProgressQuery> {
        let all = CharacterProgressQuery::default();
        vec![CharacterProgressQuery { character_id: Some(id(WANTED)), ..all.clone() }, all]
    }
}

impl Listed for CharacterVersion {
    fn numbered(number: usize) -> Self {
        let mut state = Character::numbered(number);
        state.id = owner(number);
        let fields = json!({
            "id": id::<Uuid>(number),
            "parent_id": id::<Uuid>(part(number)),
            "restored_from": id::<Uuid>(part(number)),
            "author": word(number),
            "label": word(number),
            "changes": [{ "op": "replace", "path": "/name", "value": document(number) }],
            "related": [{ "kind": "quest", "id": id::<Uuid>(number), "change": "create" }],
            "meta": meta(number),
        });
        with(&CharacterVersion::of(None, state, word(number), time(number)), fields)
    }
    fn queries() -> Vec<CharacterVersionQuery> {
        let all = CharacterVersionQuery::default();
        let mine = CharacterVersionQuery { character_id: Some(id(0)), ..all.clone() };
        vec![
            CharacterVersionQuery { parent_id: Some(id(WANTED)), ..all.clone() },
            CharacterVersionQuery { parent_id: Some(id(WANTED)), ..mine.clone() },
            mine,
            all,
        ]
    }
}
