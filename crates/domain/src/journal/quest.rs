//! Quests under a journal entry.

use crate::{
    CharacterId, Document, JournalEntryId, Meta, QuestId, Timestamp, Violations, check,
    document::{ListLimits, check_list},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The status of a quest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Quest {
    /// The unique id; never changes.
    pub id: QuestId,
    /// The id of the character.
    pub character_id: CharacterId,
    /// The id of the journal entry that it belongs to.
    pub journal_entry_id: JournalEntryId,
    /// The title of the quest.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255))]
    pub title: String,
    /// The task, in free text.
    #[cfg_attr(feature = "schema", schema(max_length = 100_000))]
    pub description: String,
    /// The status: `active`, `completed`, `failed` or `abandoned`.
    pub status: QuestStatus,
    /// The importance: `low`, `normal`, `high` or `critical`.
    pub importance: QuestImportance,
    /// The name of the one who assigned the quest.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255))]
    pub assigned_by: Option<String>,
    /// The rewards, as a JSON object.
    pub rewards: Document,
    /// The steps, oldest first, each any JSON value.
    #[cfg_attr(feature = "schema", schema(max_items = 10_000))]
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
        NewQuest::new(title).into_row(journal_entry, character, at)
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

    /// The quest of this character that is created under this entry at this time.
    #[must_use]
    pub fn into_row(self, entry: JournalEntryId, of: CharacterId, at: Timestamp) -> Quest {
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
