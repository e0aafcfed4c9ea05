//! An experience entry in requests and responses.

use super::READ_ONLY;
use crate::{MetaBody, fields::Fields, merge::Writable};
use character_domain::{ExperienceEntry, Members, Timestamp, Violations};
use character_repositories::NewExperienceEntry;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// A record of experience that was won. The record itself adds none.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExperienceEntryBody {
    /// The unique id; never changes.
    pub id: Uuid,
    /// The id of the character that won it.
    pub character_id: Uuid,
    /// The id of the journal entry that it belongs to.
    pub journal_entry_id: Uuid,
    /// The amount of experience.
    pub amount: i64,
    /// The source in free text, such as `combat` or `story`.
    pub source: String,
    /// The reason in free text.
    pub reason: String,
    /// When it was won.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// The id of the session, as the client counts sessions.
    pub session_id: Option<Uuid>,
    /// Any other data, as a JSON object.
    #[schema(value_type = Object)]
    pub data: Members,
    /// The revision, and when it was created, changed and deleted.
    #[serde(flatten)]
    pub meta: MetaBody,
}

impl From<ExperienceEntry> for ExperienceEntryBody {
    fn from(entry: ExperienceEntry) -> Self {
        Self {
            id: entry.id.0,
            character_id: entry.character_id.0,
            journal_entry_id: entry.journal_entry_id.0,
            amount: entry.amount,
            source: entry.source,
            reason: entry.reason,
            timestamp: entry.timestamp,
            session_id: entry.session_id,
            data: entry.data.0,
            meta: entry.meta.into(),
        }
    }
}

/// A new experience entry. Unknown fields are rejected; `null` means the same as an absent field.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "amount": 300, "source": "combat", "reason": "Two swarms of ravens" }))]
pub struct NewExperienceEntryBody {
    /// Default: a new UUID of version 7.
    pub id: Option<Uuid>,
    /// The amount of experience.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub amount: i64,
    /// The source in free text, such as `combat` or `story`.
    #[schema(default = "story", min_length = 1, max_length = 64)]
    pub source: Option<String>,
    /// The reason in free text.
    #[schema(default = "", max_length = 100_000)]
    pub reason: Option<String>,
    /// When it happened. Default: now.
    #[schema(format = DateTime)]
    pub timestamp: Option<String>,
    /// The id of the session, as the client counts sessions.
    pub session_id: Option<Uuid>,
    /// Any other data, as a JSON object.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// Changes of an experience entry (RFC 7396): absent fields stay, `null` removes a value or restores its default.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "amount": 350 }))]
pub struct ExperienceEntryPatch {
    /// The amount of experience.
    #[schema(nullable = false)]
    pub amount: Option<i64>,
    /// The source in free text, such as `combat` or `story`.
    pub source: Option<String>,
    /// The reason in free text.
    pub reason: Option<String>,
    /// When it was won.
    #[schema(nullable = false, format = DateTime)]
    pub timestamp: Option<String>,
    /// The id of the session, as the client counts sessions.
    pub session_id: Option<Uuid>,
    /// Merged into the stored object, member by member.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// An entry to be. A placeholder stands in for a field that cannot be read, so that all faults are reported at once.
pub(super) fn new(members: Map<String, Value>) -> Result<NewExperienceEntry, Violations> {
    let mut fields = Fields::of(members);
    fields.refuse(&READ_ONLY, "is read-only");
    let amount = fields.number("amount");
    let plain = NewExperienceEntry::new(fields.require("amount", amount).unwrap_or_default());
    let new = NewExperienceEntry {
        id: fields.id("id"),
        source: fields.text("source").unwrap_or(plain.source),
        reason: fields.text("reason").unwrap_or_default(),
        timestamp: fields.time("timestamp"),
        session_id: fields.id("session_id"),
        data: fields.document("data").unwrap_or_default(),
        amount: plain.amount,
    };
    fields.refuse_the_rest();
    fields.faults.into_result().map(|()| new)
}

impl Writable for ExperienceEntry {
    fn as_written(&self) -> Map<String, Value> {
        let written = json!({
            "amount": self.amount,
            "source": self.source,
            "reason": self.reason,
            "timestamp": self.timestamp,
            "session_id": self.session_id,
            "data": self.data,
        });
        if let Value::Object(members) = written { members } else { Map::new() }
    }

    fn rewritten(&self, fields: &mut Fields) -> Self {
        let plain = NewExperienceEntry::new(0);
        let (amount, timestamp) = (fields.number("amount"), fields.time("timestamp"));
        Self {
            amount: fields.require("amount", amount).unwrap_or(self.amount),
            source: fields.text("source").unwrap_or(plain.source),
            reason: fields.text("reason").unwrap_or_default(),
            timestamp: fields.require("timestamp", timestamp).unwrap_or(self.timestamp),
            session_id: fields.id("session_id"),
            data: fields.document("data").unwrap_or_default(),
            ..self.clone()
        }
    }
}
