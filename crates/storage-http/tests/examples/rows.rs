//! One row of every kind as it travels, and a list of it with every filter there is.

use character_domain::{
    Campaign, CampaignEvent, Character, CharacterProgress, CharacterVersion, EventImpact, ExperienceEntry,
    InventoryItem, JournalEntry, NpcRelationship, Quest, QuestImportance, QuestStatus,
};
use character_storage_port::{
    CampaignEventQuery, CampaignQuery, CharacterProgressQuery, CharacterQuery, CharacterVersionQuery, Entity,
    EventImpactQuery, ExperienceEntryQuery, InventoryItemQuery, JournalEntryQuery, NpcRelationshipQuery, Order,
    QuestQuery, TagFilter,
};
use serde_json::{Value, json};

/// The id of every row here.
pub(crate) const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const CHARACTER: &str = "01890a5d-ac96-774b-bcce-b302099a0001";
const USER: &str = "01890a5d-ac96-774b-bcce-b302099a0002";
const CAMPAIGN: &str = "01890a5d-ac96-774b-bcce-b302099a0003";
const ENTRY: &str = "01890a5d-ac96-774b-bcce-b302099a0004";
const OTHER: &str = "01890a5d-ac96-774b-bcce-b302099a0005";
const THEN: &str = "2026-01-01T20:00:00.000000Z";

/// Revision and times of a row.
pub(crate) fn meta(revision: u64) -> Value {
    json!({
        "revision": revision,
        "created_at": "2026-01-02T03:04:05.678901Z",
        "updated_at": "2026-01-02T03:04:05.678901Z",
        "deleted_at": null,
    })
}

/// A kind of row by example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind of row here: it does not implement `Example`",
    note = "implement it in crates/storage-http/tests/examples/rows.rs: step 7a of docs/adding-an-aggregate.md"
)]
pub(crate) trait Example: Entity {
    /// What one is called, in writes and in errors.
    const NAME: &'static str;
    /// Where they are.
    const PATH: &'static str;
    /// A live row.
    fn row() -> Value;
    /// A list with every filter.
    fn query() -> Self::Query;
    /// The same, as parameters.
    fn parameters() -> Vec<(&'static str, String)>;
    /// The parameters of a list without a filter.
    fn default_parameters() -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Another row.
    fn row_with_id(id: &str) -> Value {
        let mut row = Self::row();
        row["id"] = json!(id);
        row
    }
}

fn parameters<const N: usize>(given: [(&'static str, &str); N]) -> Vec<(&'static str, String)> {
    given.into_iter().chain([("include_deleted", "true")]).map(|(name, value)| (name, value.to_owned())).collect()
}

fn id<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

impl Example for Character {
    const NAME: &'static str = "character";
    const PATH: &'static str = "/storage/v1/characters";
    fn row() -> Value {
        json!({
            "id": ID,
            "parent_id": null,
            "theme": "traditional",
            "name": "Torormir",
            "user_id": USER,
            "campaign_id": CAMPAIGN,
            "data": { "hit_points": { "current": 9, "maximum": 12 }, "spells": ["light"] },
            "is_active": true,
            "meta": meta(3),
        })
    }
    fn query() -> CharacterQuery {
        CharacterQuery {
            user_id: id(USER),
            campaign_id: id(CAMPAIGN),
            parent_id: id(OTHER),
            theme: Some("steam & punk".into()),
            name: Some("TOR & mir".into()),
            active_only: false,
            include_deleted: true,
            order: Order::default(),
        }
    }
    fn parameters() -> Vec<(&'static str, String)> {
        parameters([
            ("user_id", USER),
            ("campaign_id", CAMPAIGN),
            ("parent_id", OTHER),
            ("theme", "steam & punk"),
            ("name", "TOR & mir"),
            ("active_only", "false"),
        ])
    }
    fn default_parameters() -> Vec<(&'static str, String)> {
        vec![("active_only", "true".to_owned())]
    }
}

impl Example for Campaign {
    const NAME: &'static str = "campaign";
    const PATH: &'static str = "/storage/v1/campaigns";
    fn row() -> Value {
        json!({
            "id": ID,
            "name": "The Dale",
            "theme": "traditional",
            "dm_user_id": USER,
            "dm_name": "Ulla",
            "data": { "house_rules": ["flanking"] },
            "meta": meta(3),
        })
    }
    fn query() -> CampaignQuery {
        CampaignQuery { dm_user_id: id(USER), theme: Some("steam & punk".to_owned()), include_deleted: true }
    }
    fn parameters() -> Vec<(&'static str, String)> {
        parameters([("dm_user_id", USER), ("theme", "steam & punk")])
    }
}

impl Example for InventoryItem {
    const NAME: &'static str = "inventory_item";
    const PATH: &'static str = "/storage/v1/inventory_items";
    fn row() -> Value {
        json!({
            "id": ID,
            "character_id": CHARACTER,
            "root_id": null,
            "theme": "traditional",
            "name": "Rope of climbing",
            "item_type": "wondrous",
            "quantity": 1,
            "equipped": false,
            "attunement": "attuning",
            "container": OTHER,
            "notes": null,
            "data": { "weight": 3, "requires_attunement": true },
            "meta": meta(3),
        })
    }
    fn query() -> InventoryItemQuery {
        InventoryItemQuery {
            character_id: id(CHARACTER),
            root_id: id(OTHER),
            container: id(ENTRY),
            name: Some("rope, 50%".to_owned()),
            equipped_only: true,
            include_deleted: true,
            order: Order::default(),
        }
    }
    fn parameters() -> Vec<(&'static str, String)> {
        parameters([
            ("character_id", CHARACTER),
            ("root_id", OTHER),
            ("container", ENTRY),
            ("name", "rope, 50%"),
            ("equipped_only", "true"),
        ])
    }
}

impl Example for JournalEntry {
    const NAME: &'static str = "journal_entry";
    const PATH: &'static str = "/storage/v1/journal_entries";
    fn row() -> Value {
        json!({
            "id": ID,
            "character_id": CHARACTER,
            "entry_type": "session",
            "timestamp": THEN,
            "title": "Into the well",
            "content": "We went down.\nIt was deep.",
            "tags": ["well", "Ulfgar's debt"],
            "session_number": 7,
            "session_date": THEN,
            "dm_name": "Ulla",
            "session_summary": null,
            "is_active": true,
            "data": {},
            "meta": meta(3),
        })
    }
    fn query() -> JournalEntryQuery {
        JournalEntryQuery {
            character_id: id(CHARACTER),
            entry_type: Some("session".into()),
            session_number: Some(7),
            tags: TagFilter(vec!["well".into(), "Ulfgar's debt".into()]),
            include_deleted: true,
        }
    }
    fn parameters() -> Vec<(&'static str, String)> {
        parameters([
            ("character_id", CHARACTER),
            ("entry_type", "session"),
            ("session_number", "7"),
            ("tags", "well,Ulfgar's debt"),
        ])
    }
}

impl Example for ExperienceEntry {
    const NAME: &'static str = "experience_entry";
    const PATH: &'static str = "/storage/v1/experience_entries";
    fn row() -> Value {
        json!({
            "id": ID,
            "character_id": CHARACTER,
            "journal_entry_id": ENTRY,
            "amount": 450,
            "source": "combat",
            "reason": "The thing in the well",
            "timestamp": THEN,
            "session_id": null,
            "data": {},
            "meta": meta(3),
        })
    }
    fn query() -> ExperienceEntryQuery {
        ExperienceEntryQuery { character_id: id(CHARACTER), journal_entry_id: id(ENTRY), include_deleted: true }
    }
    fn parameters() -> Vec<(&'static str, String)> {
        parameters([("character_id", CHARACTER), ("journal_entry_id", ENTRY)])
    }
}

impl Example for Quest {
    const NAME: &'static str = "quest";
    const PATH: &'static str = "/storage/v1/quests";
    fn row() -> Value {
        json!({
            "id": ID,
            "character_id": CHARACTER,
            "journal_entry_id": ENTRY,
            "title": "Find the bottom",
            "description": "",
            "status": "active",
            "importance": "critical",
            "assigned_by": "Ulfgar",
            "rewards": { "gold": 50 },
            "progress": [{ "step": "went down" }, "saw light"],
            "data": {},
            "meta": meta(3),
        })
    }
    fn query() -> QuestQuery {
        QuestQuery {
            character_id: id(CHARACTER),
            journal_entry_id: id(ENTRY),
            status: Some(QuestStatus::Abandoned),
            importance: Some(QuestImportance::Low),
            include_deleted: true,
        }
    }
    fn parameters() -> Vec<(&'static str, String)> {
        parameters([
            ("character_id", CHARACTER),
            ("journal_entry_id", ENTRY),
            ("status", "abandoned"),
            ("importance", "low"),
        ])
    }
}

impl Example for NpcRelationship {
    const NAME: &'static str = "npc_relationship";
    const PATH: &'static str = "/storage/v1/npc_relationships";
    fn row() -> Value {
        json!({
            "id": ID,
            "character_id": CHARACTER,
            "journal_entry_id": ENTRY,
            "npc_id": null,
            "npc_name": "Ulfgar",
            "relationship_type": "rival",
            "standing": -20,
            "notes": "Owes us a rope.",
            "last_interaction": THEN,
            "data": {},
            "meta": meta(3),
        })
    }
    fn query() -> NpcRelationshipQuery {
        NpcRelationshipQuery {
            character_id: id(CHARACTER),
            journal_entry_id: id(ENTRY),
            relationship_type: Some("rival".into()),
            include_deleted: true,
        }
    }
    fn parameters() -> Vec<(&'static str, String)> {
        parameters([("character_id", CHARACTER), ("journal_entry_id", ENTRY), ("relationship_type", "rival")])
    }
}

impl Example for CampaignEvent {
    const NAME: &'static str = "campaign_event";
    const PATH: &'static str = "/storage/v1/campaign_events";
    fn row() -> Value {
        json!({
            "id": ID,
            "character_id": CHARACTER,
            "journal_entry_id": null,
            "event_type": "training",
            "event_data": { "ability": "strength" },
            "impact_type": "ability_score",
            "impact_magnitude": 1,
            "timestamp": THEN,
            "applied": false,
            "applied_at": null,
            "data": {},
            "meta": meta(3),
        })
    }
    fn query() -> CampaignEventQuery {
        CampaignEventQuery { character_id: id(CHARACTER), applied_only: true, include_deleted: true }
    }
    fn parameters() -> Vec<(&'static str, String)> {
        parameters([("character_id", CHARACTER), ("applied_only", "true")])
    }
}

impl Example for EventImpact {
    const NAME: &'static str = "event_impact";
    const PATH: &'static str = "/storage/v1/event_impacts";
    fn row() -> Value {
        json!({
            "id": ID,
            "event_id": OTHER,
            "character_id": CHARACTER,
            "impact_type": "hit_points",
            "impact_data": { "amount": -3 },
            "applied": true,
            "applied_at": THEN,
            "reversion_data": { "hit_points": { "current": 12, "maximum": 12 } },
            "is_reverted": false,
            "reverted_at": null,
            "notes": null,
            "data": {},
            "meta": meta(3),
        })
    }
    fn query() -> EventImpactQuery {
        EventImpactQuery {
            character_id: id(CHARACTER),
            event_id: id(OTHER),
            applied_only: true,
            reverted_only: true,
            include_deleted: true,
        }
    }
    fn parameters() -> Vec<(&'static str, String)> {
        parameters([
            ("character_id", CHARACTER),
            ("event_id", OTHER),
            ("applied_only", "true"),
            ("reverted_only", "true"),
        ])
    }
}

impl Example for CharacterProgress {
    const NAME: &'static str = "character_progress";
    const PATH: &'static str = "/storage/v1/character_progress";
    fn row() -> Value {
        json!({
            "id": ID,
            "character_id": CHARACTER,
            "experience_points": 950,
            "current_level": 3,
            "previous_level": 2,
            "level_updated_at": THEN,
            "milestones": [{ "title": "The bottom of the well" }],
            "achievements": [],
            "data": {},
            "meta": meta(3),
        })
    }
    fn query() -> CharacterProgressQuery {
        CharacterProgressQuery { character_id: id(CHARACTER), include_deleted: true }
    }
    fn parameters() -> Vec<(&'static str, String)> {
        parameters([("character_id", CHARACTER)])
    }
}

impl Example for CharacterVersion {
    const NAME: &'static str = "character_version";
    const PATH: &'static str = "/storage/v1/character_versions";
    fn row() -> Value {
        json!({
            "id": ID,
            "character_id": CHARACTER,
            "parent_id": OTHER,
            "restored_from": null,
            "author": "Ulla",
            "reason": "inventory.equipped",
            "label": "before the well",
            "state": Character::row_with_id(CHARACTER),
            "changes": [{ "op": "replace", "path": "/data/hit_points/current", "value": 9 }],
            "related": [{ "kind": "inventory_item", "id": ENTRY, "change": "replace" }],
            "meta": meta(3),
        })
    }
    fn query() -> CharacterVersionQuery {
        CharacterVersionQuery { character_id: id(CHARACTER), parent_id: id(OTHER), include_deleted: true }
    }
    fn parameters() -> Vec<(&'static str, String)> {
        parameters([("character_id", CHARACTER), ("parent_id", OTHER)])
    }
}
