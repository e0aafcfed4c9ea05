//! An entry on the wire, both ways.

use crate::{MetaBody, fields::Fields, merge::Writable};
use character_domain::{JournalEntry, Members, Timestamp, Violations};
use character_repositories::NewJournalEntry;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a client may not choose.
pub(super) const READ_ONLY: [&str; 1] = ["character_id"];

/// A journal entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct JournalEntryBody {
    /// The unique id; never changes.
    pub id: Uuid,
    /// The id of the character.
    pub character_id: Uuid,
    /// The type in free text, such as `session`, `milestone`, `note` or `downtime`.
    pub entry_type: String,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// The title.
    pub title: String,
    /// The text.
    pub content: String,
    /// Tags to find it by.
    pub tags: Vec<String>,
    /// The number of the session that it is about.
    pub session_number: Option<i64>,
    /// When that session was played.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub session_date: Option<Timestamp>,
    /// The name of the user who led that session.
    pub dm_name: Option<String>,
    /// A summary of that session.
    pub session_summary: Option<String>,
    /// Whether the entry is active.
    pub is_active: bool,
    /// Any other data, as a JSON object.
    #[schema(value_type = Object)]
    pub data: Members,
    /// The revision, and when it was created, changed and deleted.
    #[serde(flatten)]
    pub meta: MetaBody,
}

impl From<JournalEntry> for JournalEntryBody {
    fn from(entry: JournalEntry) -> Self {
        Self {
            id: entry.id.0,
            character_id: entry.character_id.0,
            entry_type: entry.entry_type,
            timestamp: entry.timestamp,
            title: entry.title,
            content: entry.content,
            tags: entry.tags,
            session_number: entry.session_number,
            session_date: entry.session_date,
            dm_name: entry.dm_name,
            session_summary: entry.session_summary,
            is_active: entry.is_active,
            data: entry.data.0,
            meta: entry.meta.into(),
        }
    }
}

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
    /// Tags to find it by: without commas, without repetition.
    #[schema(max_items = 100)]
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

/// An entry to be. A placeholder stands in for a field that cannot be read, so that all faults are reported at once.
pub(super) fn new(members: Map<String, Value>) -> Result<NewJournalEntry, Violations> {
    let mut fields = Fields::of(members);
    fields.refuse(&READ_ONLY, "is read-only");
    let title = fields.text("title");
    let plain = NewJournalEntry::new(fields.require("title", title).unwrap_or_else(|| "untitled".to_owned()));
    let new = NewJournalEntry {
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
    };
    fields.refuse_the_rest();
    fields.faults.into_result().map(|()| new)
}

impl Writable for JournalEntry {
    fn as_written(&self) -> Map<String, Value> {
        let written = json!({
            "entry_type": self.entry_type,
            "timestamp": self.timestamp,
            "title": self.title,
            "content": self.content,
            "tags": self.tags,
            "session_number": self.session_number,
            "session_date": self.session_date,
            "dm_name": self.dm_name,
            "session_summary": self.session_summary,
            "is_active": self.is_active,
            "data": self.data,
        });
        if let Value::Object(members) = written { members } else { Map::new() }
    }

    fn rewritten(&self, fields: &mut Fields) -> Self {
        let plain = NewJournalEntry::new("");
        let (timestamp, title) = (fields.time("timestamp"), fields.text("title"));
        Self {
            entry_type: fields.text("entry_type").unwrap_or(plain.entry_type),
            timestamp: fields.require("timestamp", timestamp).unwrap_or(self.timestamp),
            title: fields.require("title", title).unwrap_or_else(|| self.title.clone()),
            content: fields.text("content").unwrap_or_default(),
            tags: fields.texts("tags").unwrap_or_default(),
            session_number: fields.number("session_number"),
            session_date: fields.time("session_date"),
            dm_name: fields.text("dm_name"),
            session_summary: fields.text("session_summary"),
            is_active: fields.flag("is_active").unwrap_or(plain.is_active),
            data: fields.document("data").unwrap_or_default(),
            ..self.clone()
        }
    }
}
