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

/// An entry of a journal.
#[derive(Debug, Serialize, ToSchema)]
pub struct JournalEntryBody {
    /// Identity; never changes.
    pub id: Uuid,
    /// Whose journal it is in.
    pub character_id: Uuid,
    /// `session`, `milestone`, `note`, `downtime`, ….
    pub entry_type: String,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// Its title.
    pub title: String,
    /// Its text.
    pub content: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The number of the session it tells of.
    pub session_number: Option<i64>,
    /// When that session was played.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub session_date: Option<Timestamp>,
    /// Who led that session.
    pub dm_name: Option<String>,
    /// What that session was about.
    pub session_summary: Option<String>,
    /// Whether it counts.
    pub is_active: bool,
    /// Everything else.
    #[schema(value_type = Object)]
    pub data: Members,
    /// Revision and times.
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

/// An entry to be. Unknown fields are refused; `null` is as good as absent.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "entry_type": "session", "title": "Session 1: Thistledown", "content": "We rescued the bell of Saint Orra.",
    "tags": ["travel", "npc"], "session_number": 1,
}))]
pub struct NewJournalEntryBody {
    /// Chosen by the client, or by the service when absent.
    pub id: Option<Uuid>,
    /// `session`, `milestone`, `note`, `downtime`, ….
    #[schema(default = "note", min_length = 1, max_length = 64)]
    pub entry_type: Option<String>,
    /// When it happened. Now when absent.
    #[schema(format = DateTime)]
    pub timestamp: Option<String>,
    /// Its title.
    #[schema(min_length = 1, max_length = 255)]
    pub title: String,
    /// Its text.
    #[schema(default = "", max_length = 100_000)]
    pub content: Option<String>,
    /// Words to find it by: no commas in them, none twice.
    #[schema(max_items = 100)]
    pub tags: Option<Vec<String>>,
    /// The number of the session it tells of.
    #[schema(minimum = 0)]
    pub session_number: Option<i64>,
    /// When that session was played.
    #[schema(format = DateTime)]
    pub session_date: Option<String>,
    /// Who led that session.
    #[schema(min_length = 1, max_length = 255)]
    pub dm_name: Option<String>,
    /// What that session was about.
    pub session_summary: Option<String>,
    /// Whether it counts.
    #[schema(default = true)]
    pub is_active: Option<bool>,
    /// Everything else.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// What is to change of an entry (RFC 7396): absent members stay, `null` removes or goes back to the default.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "tags": ["travel"], "session_summary": null }))]
pub struct JournalEntryPatch {
    /// `session`, `milestone`, `note`, `downtime`, ….
    pub entry_type: Option<String>,
    /// When it happened.
    #[schema(nullable = false, format = DateTime)]
    pub timestamp: Option<String>,
    /// Its title.
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// Its text.
    pub content: Option<String>,
    /// Words to find it by; all of them anew.
    pub tags: Option<Vec<String>>,
    /// The number of the session it tells of.
    pub session_number: Option<i64>,
    /// When that session was played.
    #[schema(format = DateTime)]
    pub session_date: Option<String>,
    /// Who led that session.
    pub dm_name: Option<String>,
    /// What that session was about.
    pub session_summary: Option<String>,
    /// Whether it counts.
    pub is_active: Option<bool>,
    /// Merged member by member.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// An entry to be. A field that cannot be read is stood in for, so that all faults are told at once.
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
