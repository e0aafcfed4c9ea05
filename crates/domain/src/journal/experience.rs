//! Experience entries under a journal entry.

use crate::{
    CharacterId, Document, ExperienceEntryId, JournalEntryId, Meta, Timestamp, Violations, check,
    progress::MAX_EXPERIENCE,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A record of experience that was won. The record itself adds none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ExperienceEntry {
    /// The unique id; never changes.
    pub id: ExperienceEntryId,
    /// The id of the character that won it.
    pub character_id: CharacterId,
    /// The id of the journal entry that it belongs to.
    pub journal_entry_id: JournalEntryId,
    /// The amount of experience.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 1_000_000_000_000_i64))]
    pub amount: i64,
    /// The source in free text, such as `combat` or `story`.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub source: String,
    /// The reason in free text.
    #[cfg_attr(feature = "schema", schema(max_length = 100_000))]
    pub reason: String,
    /// When it was won.
    pub timestamp: Timestamp,
    /// The id of the session, as the client counts sessions.
    pub session_id: Option<Uuid>,
    /// Any other data, as a JSON object.
    pub data: Document,
    /// The revision, and when it was created, changed and deleted.
    pub meta: Meta,
}

impl ExperienceEntry {
    /// A live entry under `journal_entry`, for a story.
    #[must_use]
    pub fn new(character: CharacterId, journal_entry: JournalEntryId, amount: i64, at: Timestamp) -> Self {
        NewExperienceEntry::new(amount).into_row(journal_entry, character, at)
    }

    /// Every rule that this entry breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        if !(0..=MAX_EXPERIENCE).contains(&self.amount) {
            violations.push("amount", format!("must be from 0 to {}", MAX_EXPERIENCE));
        }
        check::short(&mut violations, "source", &self.source, check::MAX_WORD);
        check::text(&mut violations, "reason", &self.reason);
        self.data.check("data", &mut violations);
        violations
    }
}

/// The fields of an experience entry that its writer chooses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewExperienceEntry {
    /// The id; `None`: a new one.
    pub id: Option<ExperienceEntryId>,
    /// The amount of experience.
    pub amount: i64,
    /// The source in free text, such as `combat` or `story`.
    pub source: String,
    /// The reason in free text.
    pub reason: String,
    /// When it happened; `None`: now.
    pub timestamp: Option<Timestamp>,
    /// The id of the session, as the client counts sessions.
    pub session_id: Option<Uuid>,
    /// Any other data, as a JSON object.
    pub data: Document,
}

impl NewExperienceEntry {
    /// This amount, with source `story`, now.
    #[must_use]
    pub fn new(amount: i64) -> Self {
        Self {
            id: None,
            amount,
            source: "story".to_owned(),
            reason: String::new(),
            timestamp: None,
            session_id: None,
            data: Document::default(),
        }
    }

    /// The experience entry of this character that is created under this entry at this time.
    #[must_use]
    pub fn into_row(self, entry: JournalEntryId, of: CharacterId, at: Timestamp) -> ExperienceEntry {
        ExperienceEntry {
            id: self.id.unwrap_or_else(ExperienceEntryId::new),
            character_id: of,
            journal_entry_id: entry,
            amount: self.amount,
            source: self.source,
            reason: self.reason,
            timestamp: self.timestamp.unwrap_or(at),
            session_id: self.session_id,
            data: self.data,
            meta: Meta::created(at),
        }
    }
}
