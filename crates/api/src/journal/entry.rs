//! A journal entry in requests and responses.

use crate::{
    fields::Fields,
    query::Parameters,
    resource::{Filter, INCLUDE_DELETED, Paths, Resource, Words, number, paths, text},
    writable::{Examples, Notes},
};
use character_domain::{CharacterId, JournalEntry, Violations, now};
use character_repositories::NewJournalEntry;
use character_storage_port::{JournalEntryQuery, TagFilter};
use serde_json::json;
use uuid::Uuid;

impl Resource for JournalEntry {
    type Parent = CharacterId;
    type New = NewJournalEntry;

    const PATHS: Paths = paths!("/api/v2/characters/{id}/journal", "entry");
    const READ_ONLY: &'static [&'static str] = &["character_id"];
    const FILTERS: &'static [Filter] = &[
        ("entry_type", text, "Only rows of this type, compared exactly."),
        ("session_number", number, "Only entries of the session with this number."),
        ("tags", text, "Only entries that have all of these tags, separated by commas."),
        INCLUDE_DELETED,
    ];
    const NOTES: Notes =
        &[("timestamp", "Default: now."), ("tags", "Without commas, without repetition, at most 64 characters each.")];

    fn examples() -> Examples {
        Examples {
            new: json!({
                "entry_type": "session", "title": "Session 1: Thistledown", "content": "We rescued the bell of Saint Orra.",
                "tags": ["travel", "npc"], "session_number": 1,
            }),
            patch: json!({ "tags": ["travel"], "session_summary": null }),
        }
    }

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
