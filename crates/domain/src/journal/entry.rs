//! Journal entries.

use crate::{CharacterId, Document, JournalEntryId, Meta, Timestamp, Violations, check, text};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Longest type of an entry, in Unicode scalar values.
pub const MAX_ENTRY_TYPE: usize = check::MAX_WORD;

/// Longest tag, in Unicode scalar values.
pub const MAX_TAG: usize = check::MAX_WORD;

/// Maximum number of tags of one entry.
pub const MAX_TAGS: usize = 100;

/// A journal entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JournalEntry {
    /// The unique id; never changes.
    pub id: JournalEntryId,
    /// The id of the character.
    pub character_id: CharacterId,
    /// The type in free text, such as `session`, `milestone`, `note` or `downtime`.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub entry_type: String,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The title.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255))]
    pub title: String,
    /// The text.
    #[cfg_attr(feature = "schema", schema(max_length = 100_000))]
    pub content: String,
    /// Tags to find it by.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Tag>, max_items = 100))]
    pub tags: Vec<String>,
    /// The number of the session that it is about.
    #[cfg_attr(feature = "schema", schema(minimum = 0))]
    pub session_number: Option<i64>,
    /// When that session was played.
    pub session_date: Option<Timestamp>,
    /// The name of the user who led that session.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255))]
    pub dm_name: Option<String>,
    /// A summary of that session.
    #[cfg_attr(feature = "schema", schema(max_length = 100_000))]
    pub session_summary: Option<String>,
    /// Whether the entry is active.
    pub is_active: bool,
    /// Any other data, as a JSON object.
    pub data: Document,
    /// The revision, and when it was created, changed and deleted.
    pub meta: Meta,
}

/// A tag of a journal entry: visible characters without a comma.
#[cfg(feature = "schema")]
#[derive(utoipa::ToSchema)]
#[schema(min_length = 1, max_length = 64, pattern = r"^[^,]*[^,\s][^,]*$", example = "travel")]
struct Tag(#[expect(dead_code, reason = "describes a text")] String);

impl JournalEntry {
    /// A live note of `character`, without text.
    #[must_use]
    pub fn new(character: CharacterId, title: impl Into<String>, at: Timestamp) -> Self {
        NewJournalEntry::new(title).into_entry(character, at)
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

    /// The entry of this character that is created at this time.
    #[must_use]
    pub fn into_entry(self, of: CharacterId, at: Timestamp) -> JournalEntry {
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
