//! A journal entry in requests and responses.

use crate::{
    fields::Fields,
    query::Parameters,
    resource::{Filter, INCLUDE_DELETED, Paths, Resource, Words, number, paths, text},
};
use character_domain::{CharacterId, JournalEntry, Violations, now};
use character_repositories::NewJournalEntry;
use character_storage_port::{JournalEntryQuery, TagFilter};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// A tag of a journal entry: visible characters without a comma.
#[derive(Debug, ToSchema)]
#[schema(min_length = 1, max_length = 64, pattern = r"^[^,]*[^,\s][^,]*$", example = "travel")]
pub struct Tag(#[expect(dead_code, reason = "describes a text")] String);

/// A new journal entry. Unknown fields are rejected; `null` means the same as an absent field.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "entry_type": "session", "title": "Session 1: Thistledown", "content": "We rescued the bell of Saint Orra.",
    "tags": ["travel", "npc"], "session_number": 1,
}))]
pub struct NewJournalEntryBody {
    /// Default: a new UUID of version 7.
    pub id: Option<Uuid>,
    /// The type in free text, such as `session`, `milestone`, `note` or `downtime`.
    #[schema(default = "note", min_length = 1, max_length = 64)]
    pub entry_type: Option<String>,
    /// When it happened. Default: now.
    #[schema(format = DateTime)]
    pub timestamp: Option<String>,
    /// The title.
    #[schema(min_length = 1, max_length = 255)]
    pub title: String,
    /// The text.
    #[schema(default = "", max_length = 100_000)]
    pub content: Option<String>,
    /// Tags to find it by: without commas, without repetition, at most 64 characters each.
    #[schema(max_items = 100, value_type = Option<Vec<Tag>>)]
    pub tags: Option<Vec<String>>,
    /// The number of the session that it is about.
    #[schema(minimum = 0)]
    pub session_number: Option<i64>,
    /// When that session was played.
    #[schema(format = DateTime)]
    pub session_date: Option<String>,
    /// The name of the user who led that session.
    #[schema(min_length = 1, max_length = 255)]
    pub dm_name: Option<String>,
    /// A summary of that session.
    #[schema(max_length = 100_000)]
    pub session_summary: Option<String>,
    /// Whether the entry is active.
    #[schema(default = true)]
    pub is_active: Option<bool>,
    /// Any other data, as a JSON object.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// Changes of a journal entry (RFC 7396): absent fields stay, `null` removes a value or restores its default.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "tags": ["travel"], "session_summary": null }))]
pub struct JournalEntryPatch {
    /// The type in free text, such as `session`, `milestone`, `note` or `downtime`.
    pub entry_type: Option<String>,
    /// When it happened.
    #[schema(nullable = false, format = DateTime)]
    pub timestamp: Option<String>,
    /// The title.
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// The text.
    pub content: Option<String>,
    /// Tags to find it by. They replace all stored tags.
    #[schema(value_type = Option<Vec<Tag>>)]
    pub tags: Option<Vec<String>>,
    /// The number of the session that it is about.
    pub session_number: Option<i64>,
    /// When that session was played.
    #[schema(format = DateTime)]
    pub session_date: Option<String>,
    /// The name of the user who led that session.
    pub dm_name: Option<String>,
    /// A summary of that session.
    pub session_summary: Option<String>,
    /// Whether the entry is active.
    pub is_active: Option<bool>,
    /// Merged into the stored object, member by member.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

impl Resource for JournalEntry {
    type Parent = CharacterId;
    type New = NewJournalEntry;
    type NewBody = NewJournalEntryBody;
    type PatchBody = JournalEntryPatch;

    const PATHS: Paths = paths!("/api/v2/characters/{id}/journal", "entry");
    const READ_ONLY: &'static [&'static str] = &["character_id"];
    const FILTERS: &'static [Filter] = &[
        ("entry_type", text, "Only rows of this type, compared exactly."),
        ("session_number", number, "Only entries of the session with this number."),
        ("tags", text, "Only entries that have all of these tags, separated by commas."),
        INCLUDE_DELETED,
    ];

    fn words() -> Words {
        let list = "Lists the entries of the journal, newest first.".to_owned();
        let words = Words::of("journal", "JournalEntry", "a", "journal entry", ("listJournal", list));
        let note = " Until it is restored, the records under it appear only in the lists of the whole\njournal.";
        Words { row: "entry", delete: words.delete + note, restored: "The entry after the change".to_owned(), ..words }
    }

    fn query(parameters: &mut Parameters) -> JournalEntryQuery {
        JournalEntryQuery {
            entry_type: parameters.text("entry_type"),
            session_number: parameters.number("session_number"),
            tags: parameters.text("tags").map(TagFilter::from).unwrap_or_default(),
            include_deleted: parameters.flag("include_deleted"),
            ..JournalEntryQuery::default()
        }
    }

    fn read(fields: &mut Fields) -> NewJournalEntry {
        let title = fields.text("title");
        let plain = NewJournalEntry::new(fields.require("title", title).unwrap_or_else(|| "untitled".to_owned()));
        NewJournalEntry {
            id: fields.id("id"),
            entry_type: fields.text("entry_type").unwrap_or(plain.entry_type),
            timestamp: fields.time("timestamp"),
            content: fields.text("content").unwrap_or_default(),
            tags: fields.texts("tags").unwrap_or_default(),
            session_number: fields.number("session_number"),
            session_date: fields.time("session_date"),
            dm_name: fields.text("dm_name"),
            session_summary: fields.text("session_summary"),
            is_active: fields.flag("is_active").unwrap_or(plain.is_active),
            data: fields.document("data").unwrap_or_default(),
            title: plain.title,
        }
    }

    fn check_new(new: NewJournalEntry) -> Violations {
        new.into_entry(CharacterId(Uuid::nil()), now()).check()
    }

    fn rewritten(&self, fields: &mut Fields) -> Self {
        let timestamp = fields.time("timestamp");
        let timestamp = fields.require("timestamp", timestamp).unwrap_or(self.timestamp);
        Self { id: self.id, meta: self.meta, ..Self::read(fields).into_entry(self.character_id, timestamp) }
    }
}
