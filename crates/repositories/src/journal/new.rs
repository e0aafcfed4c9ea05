//! What a caller says of what is to be in a journal.

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
    /// Its id; a fresh one when `None`.
    pub id: Option<JournalEntryId>,
    /// `session`, `milestone`, `note`, `downtime`, ….
    pub entry_type: String,
    /// When it happened; now when `None`.
    pub timestamp: Option<Timestamp>,
    /// Its title.
    pub title: String,
    /// Its text.
    pub content: String,
    /// Words to find it by; no commas in them.
    pub tags: Vec<String>,
    /// The number of the session it tells of.
    pub session_number: Option<i64>,
    /// When that session was played.
    pub session_date: Option<Timestamp>,
    /// Who led that session.
    pub dm_name: Option<String>,
    /// What that session was about.
    pub session_summary: Option<String>,
    /// Whether it counts.
    pub is_active: bool,
    /// Everything else.
    pub data: Document,
}

impl NewJournalEntry {
    /// A note of now, without text.
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
    /// Its id; a fresh one when `None`.
    pub id: Option<ExperienceEntryId>,
    /// How much was won.
    pub amount: i64,
    /// `combat`, `story`, ….
    pub source: String,
    /// What for.
    pub reason: String,
    /// When; now when `None`.
    pub timestamp: Option<Timestamp>,
    /// The session, in the words of whoever counts sessions.
    pub session_id: Option<Uuid>,
    /// Everything else.
    pub data: Document,
}

impl NewExperienceEntry {
    /// So much, for a story, now.
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
    /// Its id; a fresh one when `None`.
    pub id: Option<QuestId>,
    /// What it is called.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// How it stands.
    pub status: QuestStatus,
    /// How much it matters.
    pub importance: QuestImportance,
    /// Who gave it.
    pub assigned_by: Option<String>,
    /// What there is to win.
    pub rewards: Document,
    /// The steps, oldest first: any JSON.
    pub progress: Vec<Value>,
    /// Everything else.
    pub data: Document,
}

impl NewQuest {
    /// An active quest that matters as most do.
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
    /// Its id; a fresh one when `None`.
    pub id: Option<NpcRelationshipId>,
    /// The other one, where somebody keeps a register of them.
    pub npc_id: Option<Uuid>,
    /// What the other one is called.
    pub npc_name: String,
    /// `friend`, `rival`, ….
    pub relationship_type: String,
    /// How they stand: -100 to 100.
    pub standing: i64,
    /// What somebody wrote down about it.
    pub notes: Option<String>,
    /// When they last met.
    pub last_interaction: Option<Timestamp>,
    /// Everything else.
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
