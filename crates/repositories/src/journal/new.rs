//! The fields of new journal entries and records.

use character_domain::{
    CharacterId, Document, ExperienceEntry, ExperienceEntryId, JournalEntry, JournalEntryId, Meta, NpcRelationship,
    NpcRelationshipId, Quest, QuestId, QuestImportance, QuestStatus, Timestamp,
};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// The fields of a journal entry that its writer chooses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewJournalEntry {
    /// The id; `None`: a new one.
    pub id: Option<JournalEntryId>,
    /// The type in free text, such as `session`, `milestone`, `note` or `downtime`.
    pub entry_type: String,
    /// When it happened; `None`: now.
    pub timestamp: Option<Timestamp>,
    /// The title.
    pub title: String,
    /// The text.
    pub content: String,
    /// Tags to find it by, without commas.
    pub tags: Vec<String>,
    /// The number of the session that it is about.
    pub session_number: Option<i64>,
    /// When that session was played.
    pub session_date: Option<Timestamp>,
    /// The name of the user who led that session.
    pub dm_name: Option<String>,
    /// A summary of that session.
    pub session_summary: Option<String>,
    /// Whether the entry is active.
    pub is_active: bool,
    /// Any other data, as a JSON object.
    pub data: Document,
}

impl NewJournalEntry {
    /// A note of the current time, without text.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            id: None,
            entry_type: "note".to_owned(),
            timestamp: None,
            title: title.into(),
            content: String::new(),
            tags: Vec::new(),
            session_number: None,
            session_date: None,
            dm_name: None,
            session_summary: None,
            is_active: true,
            data: Document::default(),
        }
    }

    pub(crate) fn into_entry(self, of: CharacterId, at: Timestamp) -> JournalEntry {
        JournalEntry {
            id: self.id.unwrap_or_else(JournalEntryId::new),
            character_id: of,
            entry_type: self.entry_type,
            timestamp: self.timestamp.unwrap_or(at),
            title: self.title,
            content: self.content,
            tags: self.tags,
            session_number: self.session_number,
            session_date: self.session_date,
            dm_name: self.dm_name,
            session_summary: self.session_summary,
            is_active: self.is_active,
            data: self.data,
            meta: Meta::created(at),
        }
    }
}

/// The fields of an experience entry that its writer chooses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewExperienceEntry {
    /// The id; `None`: a new one.
    pub id: Option<ExperienceEntryId>,
    /// The amount of experience.
    pub amount: i64,
    /// The source in free text, such as `combat` or `story`.
    pub source: String,
    /// The reason in free text.
    pub reason: String,
    /// When it happened; `None`: now.
    pub timestamp: Option<Timestamp>,
    /// The id of the session, as the client counts sessions.
    pub session_id: Option<Uuid>,
    /// Any other data, as a JSON object.
    pub data: Document,
}

impl NewExperienceEntry {
    /// This amount, with source `story`, now.
    #[must_use]
    pub fn new(amount: i64) -> Self {
        Self {
            id: None,
            amount,
            source: "story".to_owned(),
            reason: String::new(),
            timestamp: None,
            session_id: None,
            data: Document::default(),
        }
    }

    pub(crate) fn into_row(self, entry: JournalEntryId, of: CharacterId, at: Timestamp) -> ExperienceEntry {
        ExperienceEntry {
            id: self.id.unwrap_or_else(ExperienceEntryId::new),
            character_id: of,
            journal_entry_id: entry,
            amount: self.amount,
            source: self.source,
            reason: self.reason,
            timestamp: self.timestamp.unwrap_or(at),
            session_id: self.session_id,
            data: self.data,
            meta: Meta::created(at),
        }
    }
}

/// The fields of a quest that its writer chooses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewQuest {
    /// The id; `None`: a new one.
    pub id: Option<QuestId>,
    /// The name or title.
    pub title: String,
    /// The task, in free text.
    pub description: String,
    /// The status.
    pub status: QuestStatus,
    /// The importance.
    pub importance: QuestImportance,
    /// The name of the one who assigned the quest.
    pub assigned_by: Option<String>,
    /// The rewards.
    pub rewards: Document,
    /// The steps, oldest first, each any JSON value.
    pub progress: Vec<Value>,
    /// Any other data, as a JSON object.
    pub data: Document,
}

impl NewQuest {
    /// An active quest of normal importance.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            id: None,
            title: title.into(),
            description: String::new(),
            status: QuestStatus::Active,
            importance: QuestImportance::Normal,
            assigned_by: None,
            rewards: Document::default(),
            progress: Vec::new(),
            data: Document::default(),
        }
    }

    pub(crate) fn into_row(self, entry: JournalEntryId, of: CharacterId, at: Timestamp) -> Quest {
        Quest {
            id: self.id.unwrap_or_else(QuestId::new),
            character_id: of,
            journal_entry_id: entry,
            title: self.title,
            description: self.description,
            status: self.status,
            importance: self.importance,
            assigned_by: self.assigned_by,
            rewards: self.rewards,
            progress: self.progress,
            data: self.data,
            meta: Meta::created(at),
        }
    }
}

/// The fields of a relationship that its writer chooses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewNpcRelationship {
    /// The id; `None`: a new one.
    pub id: Option<NpcRelationshipId>,
    /// The id of the NPC, when it has one.
    pub npc_id: Option<Uuid>,
    /// The name of the NPC.
    pub npc_name: String,
    /// The type in free text, such as `friend` or `rival`.
    pub relationship_type: String,
    /// The standing, -100 to 100.
    pub standing: i64,
    /// Notes in free text.
    pub notes: Option<String>,
    /// When they last met.
    pub last_interaction: Option<Timestamp>,
    /// Any other data, as a JSON object.
    pub data: Document,
}

impl NewNpcRelationship {
    /// A neutral acquaintance.
    #[must_use]
    pub fn new(npc_name: impl Into<String>) -> Self {
        Self {
            id: None,
            npc_id: None,
            npc_name: npc_name.into(),
            relationship_type: "acquaintance".to_owned(),
            standing: 0,
            notes: None,
            last_interaction: None,
            data: Document::default(),
        }
    }

    pub(crate) fn into_row(self, entry: JournalEntryId, of: CharacterId, at: Timestamp) -> NpcRelationship {
        NpcRelationship {
            id: self.id.unwrap_or_else(NpcRelationshipId::new),
            character_id: of,
            journal_entry_id: entry,
            npc_id: self.npc_id,
            npc_name: self.npc_name,
            relationship_type: self.relationship_type,
            standing: self.standing,
            notes: self.notes,
            last_interaction: self.last_interaction,
            data: self.data,
            meta: Meta::created(at),
        }
    }
}
