//! An experience entry in requests and responses.

use super::{READ_ONLY, Record, check, rewritten, words};
use crate::{
    fields::Fields,
    query::Parameters,
    resource::{Filter, INCLUDE_DELETED, Paths, Resource, Words, paths},
    writable::{Examples, Notes},
};
use character_domain::{CharacterId, ExperienceEntry, JournalEntryId, Violations};
use character_repositories::NewExperienceEntry;
use character_storage_port::ExperienceEntryQuery;
use serde_json::json;

impl Resource for ExperienceEntry {
    type Parent = (CharacterId, JournalEntryId);
    type New = NewExperienceEntry;

    const PATHS: Paths = paths!("/api/v2/characters/{id}/journal/{entry}/experience", "experience");
    const READ_ONLY: &'static [&'static str] = &READ_ONLY;
    const FILTERS: &'static [Filter] = &[INCLUDE_DELETED];
    const NOTES: Notes = &[("timestamp", "Default: now.")];

    fn examples() -> Examples {
        Examples {
            new: json!({ "amount": 300, "source": "combat", "reason": "Two swarms of ravens" }),
            patch: json!({ "amount": 350 }),
        }
    }

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
