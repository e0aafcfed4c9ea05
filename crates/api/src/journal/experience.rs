//! An experience entry in requests and responses.

use super::{READ_ONLY, Record, check, rewritten, words};
use crate::{
    fields::Fields,
    query::Parameters,
    resource::{Filter, INCLUDE_DELETED, Paths, Resource, Words, paths},
};
use character_domain::{CharacterId, ExperienceEntry, JournalEntryId, Violations};
use character_repositories::NewExperienceEntry;
use character_storage_port::ExperienceEntryQuery;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

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

impl Resource for ExperienceEntry {
    type Parent = (CharacterId, JournalEntryId);
    type New = NewExperienceEntry;
    type NewBody = NewExperienceEntryBody;
    type PatchBody = ExperienceEntryPatch;

    const PATHS: Paths = paths!("/api/v2/characters/{id}/journal/{entry}/experience", "experience");
    const READ_ONLY: &'static [&'static str] = &READ_ONLY;
    const FILTERS: &'static [Filter] = &[INCLUDE_DELETED];

    fn words() -> Words {
        let words = words("ExperienceEntry", "listExperienceEntries", "experience entry");
        let note = " It is a record and adds no experience; `POST …/progress/experience` does.";
        Words { create: words.create + note, ..words }
    }

    fn query(parameters: &mut Parameters) -> ExperienceEntryQuery {
        let include_deleted = parameters.flag("include_deleted");
        ExperienceEntryQuery { include_deleted, ..ExperienceEntryQuery::default() }
    }

    fn read(fields: &mut Fields) -> NewExperienceEntry {
        let amount = fields.number("amount");
        let plain = NewExperienceEntry::new(fields.require("amount", amount).unwrap_or_default());
        NewExperienceEntry {
            id: fields.id("id"),
            source: fields.text("source").unwrap_or(plain.source),
            reason: fields.text("reason").unwrap_or_default(),
            timestamp: fields.time("timestamp"),
            session_id: fields.id("session_id"),
            data: fields.document("data").unwrap_or_default(),
            amount: plain.amount,
        }
    }

    fn check_new(new: NewExperienceEntry) -> Violations {
        check::<Self>(new)
    }

    fn rewritten(&self, fields: &mut Fields) -> Self {
        let new = Self::read(fields);
        fields.require("timestamp", new.timestamp);
        rewritten(self, new)
    }
}

impl Record for ExperienceEntry {}
