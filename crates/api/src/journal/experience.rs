//! An entry of experience on the wire, both ways.

use super::READ_ONLY;
use crate::{MetaBody, fields::Fields, merge::Writable};
use character_domain::{ExperienceEntry, Members, Timestamp, Violations};
use character_repositories::NewExperienceEntry;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// The record of experience that was won. It adds none.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExperienceEntryBody {
    /// Identity; never changes.
    pub id: Uuid,
    /// Who won it.
    pub character_id: Uuid,
    /// The journal entry that tells of it.
    pub journal_entry_id: Uuid,
    /// How much.
    pub amount: i64,
    /// `combat`, `story`, ….
    pub source: String,
    /// What for.
    pub reason: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// The session, in the words of whoever counts sessions.
    pub session_id: Option<Uuid>,
    /// Everything else.
    #[schema(value_type = Object)]
    pub data: Members,
    /// Revision and times.
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

/// An entry of experience to be. Unknown fields are refused; `null` is as good as absent.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "amount": 300, "source": "combat", "reason": "Two swarms of ravens" }))]
pub struct NewExperienceEntryBody {
    /// Chosen by the client, or by the service when absent.
    pub id: Option<Uuid>,
    /// How much.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub amount: i64,
    /// `combat`, `story`, ….
    #[schema(default = "story", min_length = 1, max_length = 64)]
    pub source: Option<String>,
    /// What for.
    #[schema(default = "", max_length = 100_000)]
    pub reason: Option<String>,
    /// When. Now when absent.
    #[schema(format = DateTime)]
    pub timestamp: Option<String>,
    /// The session, in the words of whoever counts sessions.
    pub session_id: Option<Uuid>,
    /// Everything else.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// What is to change of an entry of experience (RFC 7396): absent members stay, `null` removes or goes back to the
/// default.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "amount": 350 }))]
pub struct ExperienceEntryPatch {
    /// How much.
    #[schema(nullable = false)]
    pub amount: Option<i64>,
    /// `combat`, `story`, ….
    pub source: Option<String>,
    /// What for.
    pub reason: Option<String>,
    /// When.
    #[schema(nullable = false, format = DateTime)]
    pub timestamp: Option<String>,
    /// The session, in the words of whoever counts sessions.
    pub session_id: Option<Uuid>,
    /// Merged member by member.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// An entry to be. A field that cannot be read is stood in for, so that all faults are told at once.
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
