//! The journal in the port.

use crate::{
    EventData, Query, Scope,
    entity::{entity, narrowest, too_long},
};
use character_domain::{
    CharacterId, ExperienceEntry, JournalEntry, JournalEntryId, NpcRelationship, Quest, QuestImportance, QuestStatus,
    Violations,
    journal::{MAX_ENTRY_TYPE, MAX_RELATIONSHIP_TYPE, MAX_TAG, MAX_TAGS},
    text,
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

entity!(JournalEntry, JournalEntryId, JournalEntryQuery, |row| [(
    "character_id",
    Some(row.character_id.0)
)], event EventData::CharacterJournalUpdated);

/// Which journal entries a list holds. Every field given narrows it; the default is every live one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JournalEntryQuery {
    /// Only those of this character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_id: Option<CharacterId>,
    /// Only those of this type, compared exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_type: Option<String>,
    /// Only those of this session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_number: Option<i64>,
    /// Only those with all of these tags.
    #[serde(skip_serializing_if = "TagFilter::is_empty")]
    pub tags: TagFilter,
    /// Soft-deleted ones too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_deleted: bool,
}

impl Query<JournalEntry> for JournalEntryQuery {
    fn everything() -> Self {
        Self { include_deleted: true, ..Self::default() }
    }
    fn matches(&self, row: &JournalEntry) -> bool {
        self.character_id.is_none_or(|id| id == row.character_id)
            && self.entry_type.as_ref().is_none_or(|it| *it == row.entry_type)
            && (self.session_number.is_none() || self.session_number == row.session_number)
            && self.tags.matches(&row.tags)
            && (self.include_deleted || !row.meta.is_deleted())
    }
    fn check(&self) -> Violations {
        let mut violations = too_long([("entry_type", self.entry_type.as_ref(), MAX_ENTRY_TYPE)]);
        violations.append(self.tags.check());
        violations
    }
    fn scope(&self) -> Scope {
        narrowest([("character_id", self.character_id.map(Into::into))])
    }
}

entity!(ExperienceEntry, ExperienceEntryId, ExperienceEntryQuery, |row| [
    ("character_id", Some(row.character_id.0)),
    ("journal_entry_id", Some(row.journal_entry_id.0))
], event EventData::CharacterJournalUpdated);

/// Which entries of experience a list holds. Every field given narrows it; the default is every live one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExperienceEntryQuery {
    /// Only those of this character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_id: Option<CharacterId>,
    /// Only those under this journal entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal_entry_id: Option<JournalEntryId>,
    /// Soft-deleted ones too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_deleted: bool,
}

impl Query<ExperienceEntry> for ExperienceEntryQuery {
    fn everything() -> Self {
        Self { include_deleted: true, ..Self::default() }
    }
    fn matches(&self, row: &ExperienceEntry) -> bool {
        self.character_id.is_none_or(|id| id == row.character_id)
            && self.journal_entry_id.is_none_or(|id| id == row.journal_entry_id)
            && (self.include_deleted || !row.meta.is_deleted())
    }
    fn check(&self) -> Violations {
        Violations::default()
    }
    fn scope(&self) -> Scope {
        narrowest([
            ("journal_entry_id", self.journal_entry_id.map(Into::into)),
            ("character_id", self.character_id.map(Into::into)),
        ])
    }
}

entity!(Quest, QuestId, QuestQuery, |row| [
    ("character_id", Some(row.character_id.0)),
    ("journal_entry_id", Some(row.journal_entry_id.0))
], event EventData::CharacterJournalUpdated);

/// Which quests a list holds. Every field given narrows it; the default is every live one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuestQuery {
    /// Only those of this character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_id: Option<CharacterId>,
    /// Only those under this journal entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal_entry_id: Option<JournalEntryId>,
    /// Only those that stand so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<QuestStatus>,
    /// Only those of this importance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub importance: Option<QuestImportance>,
    /// Soft-deleted ones too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_deleted: bool,
}

impl Query<Quest> for QuestQuery {
    fn everything() -> Self {
        Self { include_deleted: true, ..Self::default() }
    }
    fn matches(&self, row: &Quest) -> bool {
        self.character_id.is_none_or(|id| id == row.character_id)
            && self.journal_entry_id.is_none_or(|id| id == row.journal_entry_id)
            && self.status.is_none_or(|id| id == row.status)
            && self.importance.is_none_or(|id| id == row.importance)
            && (self.include_deleted || !row.meta.is_deleted())
    }
    fn check(&self) -> Violations {
        Violations::default()
    }
    fn scope(&self) -> Scope {
        narrowest([
            ("journal_entry_id", self.journal_entry_id.map(Into::into)),
            ("character_id", self.character_id.map(Into::into)),
        ])
    }
}

entity!(NpcRelationship, NpcRelationshipId, NpcRelationshipQuery, |row| [
    ("character_id", Some(row.character_id.0)),
    ("journal_entry_id", Some(row.journal_entry_id.0))
], event EventData::CharacterJournalUpdated);

/// Which relationships a list holds. Every field given narrows it; the default is every live one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NpcRelationshipQuery {
    /// Only those of this character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_id: Option<CharacterId>,
    /// Only those under this journal entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal_entry_id: Option<JournalEntryId>,
    /// Only those of this type, compared exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relationship_type: Option<String>,
    /// Soft-deleted ones too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_deleted: bool,
}

impl Query<NpcRelationship> for NpcRelationshipQuery {
    fn everything() -> Self {
        Self { include_deleted: true, ..Self::default() }
    }
    fn matches(&self, row: &NpcRelationship) -> bool {
        self.character_id.is_none_or(|id| id == row.character_id)
            && self.journal_entry_id.is_none_or(|id| id == row.journal_entry_id)
            && self.relationship_type.as_ref().is_none_or(|it| *it == row.relationship_type)
            && (self.include_deleted || !row.meta.is_deleted())
    }
    fn check(&self) -> Violations {
        too_long([("relationship_type", self.relationship_type.as_ref(), MAX_RELATIONSHIP_TYPE)])
    }
    fn scope(&self) -> Scope {
        narrowest([
            ("journal_entry_id", self.journal_entry_id.map(Into::into)),
            ("character_id", self.character_id.map(Into::into)),
        ])
    }
}

/// Tags that must all be there, compared as [`text::normalized`] does. As text they are joined by commas, which no tag may hold. No row has
/// an empty tag or one with a comma; a request for such a tag would ask for something else once it is text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct TagFilter(pub Vec<String>);

impl TagFilter {
    /// Whether it lets everything pass.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules that the tags of an entry obey as well: their number, their length, and that no two are equal.
    fn check(&self) -> Violations {
        let mut violations = Violations::default();
        if self.0.len() > MAX_TAGS {
            violations.push("tags", format!("must not be more than {MAX_TAGS}"));
        }
        if self.0.iter().any(|tag| tag.chars().nth(MAX_TAG).is_some()) {
            violations.push("tags", format!("must not be longer than {MAX_TAG} characters each"));
        }
        let distinct: HashSet<String> = self.0.iter().map(|tag| text::normalized(tag)).collect();
        if distinct.len() < self.0.len() {
            violations.push("tags", "must not be given twice");
        }
        violations
    }

    fn matches(&self, tags: &[String]) -> bool {
        if self.is_empty() {
            return true;
        }
        let tags: Vec<String> = tags.iter().map(|tag| text::normalized(tag)).collect();
        self.0.iter().all(|wanted| tags.contains(&text::normalized(wanted)))
    }
}

impl From<String> for TagFilter {
    fn from(text: String) -> Self {
        Self(text.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect())
    }
}

impl From<TagFilter> for String {
    fn from(tags: TagFilter) -> Self {
        tags.0.join(",")
    }
}
