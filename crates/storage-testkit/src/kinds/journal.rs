//! Entries of a journal and what they tell of.

use super::{Filter, Place, Sample, by, document, store, verbs};
use crate::sample::at;
use character_domain::{
    CharacterId, Document, ExperienceEntry, JournalEntry, JournalEntryId, NpcRelationship, Quest, QuestImportance,
    QuestStatus, Timestamp, journal::MAX_TAGS, progress::MAX_EXPERIENCE,
};
use character_storage_port::TagFilter;
use serde_json::json;
use uuid::Uuid;

impl Sample for JournalEntry {
    store!();
    verbs!(of every change);

    fn full() -> Self {
        Self {
            entry_type: "session".to_owned(),
            timestamp: at(11),
            content: "We went in.\n\tWe came out.".to_owned(),
            tags: vec!["keep".to_owned(), "dragon".to_owned()],
            session_number: Some(7),
            session_date: Some(at(12)),
            dm_name: Some("Ada".to_owned()),
            session_summary: Some("All is well.".to_owned()),
            data: document("entry"),
            ..Self::new(CharacterId::new(), "Into the keep", at(0))
        }
    }
    fn changed(&self) -> Self {
        Self {
            id: self.id,
            character_id: CharacterId::new(),
            entry_type: "downtime".to_owned(),
            timestamp: at(-11),
            title: "Out of the keep".to_owned(),
            content: "We rest.".to_owned(),
            tags: vec!["rest".to_owned()],
            session_number: Some(8),
            session_date: Some(at(-12)),
            dm_name: Some("Grace".to_owned()),
            session_summary: Some(String::new()),
            is_active: false,
            data: document("another"),
            meta: self.meta,
        }
    }
    fn bare(&self) -> Self {
        Self { id: self.id, meta: self.meta, ..Self::new(self.character_id, "x", at(0)) }
    }
    fn faults() -> Vec<Place<Self, ()>> {
        vec![
            ("title", |row, ()| row.title = String::new()),
            ("entry_type", |row, ()| row.entry_type = "x".repeat(65)),
            ("content", |row, ()| row.content = "a\0".to_owned()),
            ("content", |row, ()| row.content = "x".repeat(100_001)),
            ("tags", |row, ()| row.tags = (0..=MAX_TAGS).map(|number| number.to_string()).collect()),
            ("tags[1]", |row, ()| row.tags = vec!["a".to_owned(), "b,c".to_owned()]),
            ("tags[1]", |row, ()| row.tags = vec!["a".to_owned(), "a".to_owned()]),
            ("session_number", |row, ()| row.session_number = Some(-1)),
            ("dm_name", |row, ()| row.dm_name = Some(String::new())),
            ("session_summary", |row, ()| row.session_summary = Some("\0".to_owned())),
        ]
    }
    fn filters() -> Vec<Filter<Self>> {
        vec![
            by!(character_id),
            by!(entry_type),
            by!(session_number),
            Filter {
                narrow: |query, row| query.tags = TagFilter(row.tags.clone()),
                take: |row, other| row.tags.clone_from(&other.tags),
            },
        ]
    }
    fn documents() -> Vec<Place<Self, Document>> {
        vec![("data", |row, data| row.data = data)]
    }
    fn texts() -> Vec<Place<Self, String>> {
        vec![
            ("entry_type", |row, text| row.entry_type = text),
            ("title", |row, text| row.title = text),
            ("content", |row, text| row.content = text),
            ("tags", |row, text| row.tags = vec![text.clone() + "x", text]),
            ("dm_name", |row, text| row.dm_name = Some(text)),
            ("session_summary", |row, text| row.session_summary = Some(text)),
        ]
    }
    fn times() -> Vec<Place<Self, Timestamp>> {
        vec![
            ("timestamp", |row, time| row.timestamp = time),
            ("session_date", |row, time| row.session_date = Some(time)),
        ]
    }
}

impl Sample for ExperienceEntry {
    store!();
    verbs!(of every change);

    fn full() -> Self {
        Self {
            source: "combat".to_owned(),
            reason: "The dragon.".to_owned(),
            timestamp: at(11),
            session_id: Some(Uuid::new_v4()),
            data: document("experience"),
            ..Self::new(CharacterId::new(), JournalEntryId::new(), 350, at(0))
        }
    }
    fn changed(&self) -> Self {
        Self {
            id: self.id,
            character_id: CharacterId::new(),
            journal_entry_id: JournalEntryId::new(),
            amount: 0,
            source: "roleplay".to_owned(),
            reason: String::new(),
            timestamp: at(-11),
            session_id: Some(Uuid::new_v4()),
            data: document("another"),
            meta: self.meta,
        }
    }
    fn bare(&self) -> Self {
        Self { id: self.id, meta: self.meta, ..Self::new(self.character_id, self.journal_entry_id, 0, at(0)) }
    }
    fn faults() -> Vec<Place<Self, ()>> {
        vec![
            ("amount", |row, ()| row.amount = -1),
            ("amount", |row, ()| row.amount = MAX_EXPERIENCE + 1),
            ("source", |row, ()| row.source = String::new()),
            ("reason", |row, ()| row.reason = "\0".to_owned()),
        ]
    }
    fn filters() -> Vec<Filter<Self>> {
        vec![by!(character_id), by!(journal_entry_id)]
    }
    fn documents() -> Vec<Place<Self, Document>> {
        vec![("data", |row, data| row.data = data)]
    }
    fn texts() -> Vec<Place<Self, String>> {
        vec![("source", |row, text| row.source = text), ("reason", |row, text| row.reason = text)]
    }
    fn times() -> Vec<Place<Self, Timestamp>> {
        vec![("timestamp", |row, time| row.timestamp = time)]
    }
}

impl Sample for Quest {
    store!();
    verbs!(of every change);

    fn full() -> Self {
        Self {
            description: "Find it.\nBring it back.".to_owned(),
            status: QuestStatus::Completed,
            importance: QuestImportance::Critical,
            assigned_by: Some("The queen".to_owned()),
            rewards: document("rewards"),
            progress: vec![json!({ "step": 1, "done": true }), json!("a word"), json!(null), json!([])],
            data: document("quest"),
            ..Self::new(CharacterId::new(), JournalEntryId::new(), "The lost crown", at(0))
        }
    }
    fn changed(&self) -> Self {
        Self {
            id: self.id,
            character_id: CharacterId::new(),
            journal_entry_id: JournalEntryId::new(),
            title: "The found crown".to_owned(),
            description: String::new(),
            status: QuestStatus::Abandoned,
            importance: QuestImportance::Low,
            assigned_by: Some("The king".to_owned()),
            rewards: Document::default(),
            progress: vec![json!(1)],
            data: document("another"),
            meta: self.meta,
        }
    }
    fn bare(&self) -> Self {
        Self { id: self.id, meta: self.meta, ..Self::new(self.character_id, self.journal_entry_id, "x", at(0)) }
    }
    fn faults() -> Vec<Place<Self, ()>> {
        vec![
            ("title", |row, ()| row.title = " ".to_owned()),
            ("description", |row, ()| row.description = "\0".to_owned()),
            ("assigned_by", |row, ()| row.assigned_by = Some("x".repeat(256))),
            ("progress", |row, ()| row.progress = vec![json!(0); 10_001]),
            ("progress[1]", |row, ()| row.progress = vec![json!(0), json!("\0")]),
        ]
    }
    fn filters() -> Vec<Filter<Self>> {
        vec![by!(character_id), by!(journal_entry_id), by!(status), by!(importance)]
    }
    fn documents() -> Vec<Place<Self, Document>> {
        vec![("rewards", |row, data| row.rewards = data), ("data", |row, data| row.data = data)]
    }
    fn texts() -> Vec<Place<Self, String>> {
        vec![
            ("title", |row, text| row.title = text),
            ("description", |row, text| row.description = text),
            ("assigned_by", |row, text| row.assigned_by = Some(text)),
        ]
    }
    fn times() -> Vec<Place<Self, Timestamp>> {
        Vec::new()
    }
}

impl Sample for NpcRelationship {
    store!();
    verbs!(of every change);

    fn full() -> Self {
        Self {
            npc_id: Some(Uuid::new_v4()),
            relationship_type: "rival".to_owned(),
            standing: -40,
            notes: Some("Owes us a horse.".to_owned()),
            last_interaction: Some(at(11)),
            data: document("relationship"),
            ..Self::new(CharacterId::new(), JournalEntryId::new(), "Vex", at(0))
        }
    }
    fn changed(&self) -> Self {
        Self {
            id: self.id,
            character_id: CharacterId::new(),
            journal_entry_id: JournalEntryId::new(),
            npc_id: Some(Uuid::new_v4()),
            npc_name: "Vax".to_owned(),
            relationship_type: "friend".to_owned(),
            standing: 100,
            notes: Some(String::new()),
            last_interaction: Some(at(-11)),
            data: document("another"),
            meta: self.meta,
        }
    }
    fn bare(&self) -> Self {
        Self { id: self.id, meta: self.meta, ..Self::new(self.character_id, self.journal_entry_id, "x", at(0)) }
    }
    fn faults() -> Vec<Place<Self, ()>> {
        vec![
            ("npc_name", |row, ()| row.npc_name = String::new()),
            ("relationship_type", |row, ()| row.relationship_type = "x".repeat(65)),
            ("standing", |row, ()| row.standing = 101),
            ("standing", |row, ()| row.standing = -101),
            ("notes", |row, ()| row.notes = Some("\0".to_owned())),
        ]
    }
    fn filters() -> Vec<Filter<Self>> {
        vec![by!(character_id), by!(journal_entry_id), by!(relationship_type)]
    }
    fn documents() -> Vec<Place<Self, Document>> {
        vec![("data", |row, data| row.data = data)]
    }
    fn texts() -> Vec<Place<Self, String>> {
        vec![
            ("npc_name", |row, text| row.npc_name = text),
            ("relationship_type", |row, text| row.relationship_type = text),
            ("notes", |row, text| row.notes = Some(text)),
        ]
    }
    fn times() -> Vec<Place<Self, Timestamp>> {
        vec![("last_interaction", |row, time| row.last_interaction = Some(time))]
    }
}
