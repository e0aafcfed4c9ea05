//! The journal: entries, experience entries, quests and relationships.

use crate::{
    CharacterId, Document, ExperienceEntryId, JournalEntryId, Meta, NpcRelationshipId, QuestId, Timestamp, Violations,
    check,
    document::{ListLimits, check_list},
    text,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;
use uuid::Uuid;

/// Longest type of an entry, in Unicode scalar values.
pub const MAX_ENTRY_TYPE: usize = check::MAX_WORD;

/// Longest tag, in Unicode scalar values.
pub const MAX_TAG: usize = check::MAX_WORD;

/// Longest type of a relationship, in Unicode scalar values.
pub const MAX_RELATIONSHIP_TYPE: usize = check::MAX_WORD;

/// Maximum number of tags of one entry.
pub const MAX_TAGS: usize = 100;

/// An entry of a character's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The unique id; never changes.
    pub id: JournalEntryId,
    /// The character.
    pub character_id: CharacterId,
    /// The type in free text, such as `session`, `milestone`, `note` or `downtime`.
    pub entry_type: String,
    /// When it happened.
    pub timestamp: Timestamp,
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
    /// The revision, and when it was created, changed and deleted.
    pub meta: Meta,
}

impl JournalEntry {
    /// A live note of `character`, without text.
    #[must_use]
    pub fn new(character: CharacterId, title: impl Into<String>, at: Timestamp) -> Self {
        Self {
            id: JournalEntryId::new(),
            character_id: character,
            entry_type: "note".to_owned(),
            timestamp: at,
            title: title.into(),
            content: String::new(),
            tags: Vec::new(),
            session_number: None,
            session_date: None,
            dm_name: None,
            session_summary: None,
            is_active: true,
            data: Document::default(),
            meta: Meta::created(at),
        }
    }

    /// Every rule that this entry breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::short(&mut violations, "entry_type", &self.entry_type, MAX_ENTRY_TYPE);
        check::short(&mut violations, "title", &self.title, check::MAX_NAME);
        check::text(&mut violations, "content", &self.content);
        if self.tags.len() > MAX_TAGS {
            violations.push("tags", format!("must not be more than {MAX_TAGS}"));
        }
        let mut seen = HashSet::new();
        for (index, tag) in self.tags.iter().enumerate() {
            let field = format!("tags[{index}]");
            check::short(&mut violations, &field, tag, MAX_TAG);
            if tag.contains(',') {
                violations.push(field.clone(), "must not contain a comma");
            }
            if !seen.insert(text::normalized(tag)) {
                violations.push(field, "must not be given twice");
            }
        }
        if self.session_number.is_some_and(|number| number < 0) {
            violations.push("session_number", "must not be negative");
        }
        check::maybe_short(&mut violations, "dm_name", self.dm_name.as_ref(), check::MAX_NAME);
        check::maybe_text(&mut violations, "session_summary", self.session_summary.as_ref());
        self.data.check("data", &mut violations);
        violations
    }
}

/// A record of experience that was won.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExperienceEntry {
    /// The unique id; never changes.
    pub id: ExperienceEntryId,
    /// The character that won it.
    pub character_id: CharacterId,
    /// The id of the journal entry about it.
    pub journal_entry_id: JournalEntryId,
    /// The amount of experience.
    pub amount: i64,
    /// The source in free text, such as `combat` or `story`.
    pub source: String,
    /// The reason in free text.
    pub reason: String,
    /// When it was won.
    pub timestamp: Timestamp,
    /// The id of the session, as the client counts sessions.
    pub session_id: Option<Uuid>,
    /// Any other data, as a JSON object.
    pub data: Document,
    /// The revision, and when it was created, changed and deleted.
    pub meta: Meta,
}

impl ExperienceEntry {
    /// A live entry under `journal_entry`, for a story.
    #[must_use]
    pub fn new(character: CharacterId, journal_entry: JournalEntryId, amount: i64, at: Timestamp) -> Self {
        Self {
            id: ExperienceEntryId::new(),
            character_id: character,
            journal_entry_id: journal_entry,
            amount,
            source: "story".to_owned(),
            reason: String::new(),
            timestamp: at,
            session_id: None,
            data: Document::default(),
            meta: Meta::created(at),
        }
    }

    /// Every rule that this entry breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        if !(0..=crate::progress::MAX_EXPERIENCE).contains(&self.amount) {
            violations.push("amount", format!("must be from 0 to {}", crate::progress::MAX_EXPERIENCE));
        }
        check::short(&mut violations, "source", &self.source, check::MAX_WORD);
        check::text(&mut violations, "reason", &self.reason);
        self.data.check("data", &mut violations);
        violations
    }
}

/// The status of a quest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestStatus {
    /// It is in progress.
    #[default]
    Active,
    /// It was completed.
    Completed,
    /// It failed.
    Failed,
    /// The character abandoned it.
    Abandoned,
}

/// The importance of a quest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestImportance {
    /// Lower than most.
    Low,
    /// Normal; the default.
    #[default]
    Normal,
    /// Higher than most.
    High,
    /// The highest importance.
    Critical,
}

/// A quest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quest {
    /// The unique id; never changes.
    pub id: QuestId,
    /// The character that owns it.
    pub character_id: CharacterId,
    /// The id of the journal entry about it.
    pub journal_entry_id: JournalEntryId,
    /// The title.
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
    /// The revision, and when it was created, changed and deleted.
    pub meta: Meta,
}

impl Quest {
    /// A live, active quest under `journal_entry`.
    #[must_use]
    pub fn new(character: CharacterId, journal_entry: JournalEntryId, title: impl Into<String>, at: Timestamp) -> Self {
        Self {
            id: QuestId::new(),
            character_id: character,
            journal_entry_id: journal_entry,
            title: title.into(),
            description: String::new(),
            status: QuestStatus::Active,
            importance: QuestImportance::Normal,
            assigned_by: None,
            rewards: Document::default(),
            progress: Vec::new(),
            data: Document::default(),
            meta: Meta::created(at),
        }
    }

    /// Every rule that this quest breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::short(&mut violations, "title", &self.title, check::MAX_NAME);
        check::text(&mut violations, "description", &self.description);
        check::maybe_short(&mut violations, "assigned_by", self.assigned_by.as_ref(), check::MAX_NAME);
        self.rewards.check("rewards", &mut violations);
        if self.progress.len() > check::MAX_ENTRIES {
            violations.push("progress", format!("must not be more than {}", check::MAX_ENTRIES));
        }
        check_list("progress", &self.progress, ListLimits::DOCUMENT, &mut violations);
        self.data.check("data", &mut violations);
        violations
    }
}

/// A relationship of a character to a non-player character (NPC).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NpcRelationship {
    /// The unique id; never changes.
    pub id: NpcRelationshipId,
    /// The character that owns it.
    pub character_id: CharacterId,
    /// The id of the journal entry about it.
    pub journal_entry_id: JournalEntryId,
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
    /// The revision, and when it was created, changed and deleted.
    pub meta: Meta,
}

/// The best standing; the worst is its negative.
pub const MAX_STANDING: i64 = 100;

impl NpcRelationship {
    /// A live, neutral acquaintance under `journal_entry`.
    #[must_use]
    pub fn new(
        character: CharacterId,
        journal_entry: JournalEntryId,
        npc_name: impl Into<String>,
        at: Timestamp,
    ) -> Self {
        Self {
            id: NpcRelationshipId::new(),
            character_id: character,
            journal_entry_id: journal_entry,
            npc_id: None,
            npc_name: npc_name.into(),
            relationship_type: "acquaintance".to_owned(),
            standing: 0,
            notes: None,
            last_interaction: None,
            data: Document::default(),
            meta: Meta::created(at),
        }
    }

    /// Every rule that this relationship breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::short(&mut violations, "npc_name", &self.npc_name, check::MAX_NAME);
        check::short(&mut violations, "relationship_type", &self.relationship_type, MAX_RELATIONSHIP_TYPE);
        if self.standing.abs() > MAX_STANDING {
            violations.push("standing", format!("must be from -{MAX_STANDING} to {MAX_STANDING}"));
        }
        check::maybe_text(&mut violations, "notes", self.notes.as_ref());
        self.data.check("data", &mut violations);
        violations
    }
}
