//! The journal: what happened, what was won, what is still to do, and who was met.

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

/// Most tags of one entry.
pub const MAX_TAGS: usize = 100;

/// An entry of a character's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Identity; never changes.
    pub id: JournalEntryId,
    /// Whose journal it is in.
    pub character_id: CharacterId,
    /// `session`, `milestone`, `note`, `downtime`, ….
    pub entry_type: String,
    /// When it happened.
    pub timestamp: Timestamp,
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
    /// Whether it still counts.
    pub is_active: bool,
    /// Everything else.
    pub data: Document,
    /// Revision and times.
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

    /// Every rule this entry breaks by itself.
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

/// Experience that was won.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExperienceEntry {
    /// Identity; never changes.
    pub id: ExperienceEntryId,
    /// Who won it.
    pub character_id: CharacterId,
    /// The journal entry that tells of it.
    pub journal_entry_id: JournalEntryId,
    /// How much.
    pub amount: i64,
    /// `combat`, `story`, ….
    pub source: String,
    /// What for.
    pub reason: String,
    /// When.
    pub timestamp: Timestamp,
    /// The session, in the words of whoever counts sessions.
    pub session_id: Option<Uuid>,
    /// Everything else.
    pub data: Document,
    /// Revision and times.
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

    /// Every rule this entry breaks by itself.
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

/// How a quest stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestStatus {
    /// Under way.
    #[default]
    Active,
    /// Done.
    Completed,
    /// Lost.
    Failed,
    /// Given up.
    Abandoned,
}

/// How much a quest matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestImportance {
    /// Hardly.
    Low,
    /// As most do.
    #[default]
    Normal,
    /// Much.
    High,
    /// Everything hangs on it.
    Critical,
}

/// A quest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quest {
    /// Identity; never changes.
    pub id: QuestId,
    /// Whose it is.
    pub character_id: CharacterId,
    /// The journal entry that tells of it.
    pub journal_entry_id: JournalEntryId,
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
    /// Revision and times.
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

    /// Every rule this quest breaks by itself.
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

/// What a character is to somebody else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NpcRelationship {
    /// Identity; never changes.
    pub id: NpcRelationshipId,
    /// Whose it is.
    pub character_id: CharacterId,
    /// The journal entry that tells of it.
    pub journal_entry_id: JournalEntryId,
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
    /// Revision and times.
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

    /// Every rule this relationship breaks by itself.
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
