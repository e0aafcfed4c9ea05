//! Versions of characters in the port.

use crate::{
    EventData, Query, Scope,
    entity::{entity, narrowest},
};
use character_domain::{CharacterId, CharacterVersion, CharacterVersionId, Violations};
use serde::{Deserialize, Serialize};

entity!(CharacterVersion, CharacterVersionId, CharacterVersionQuery, |row| [
    ("character_id", Some(row.character_id.0)),
    ("parent_id", row.parent_id.map(Into::into))
], event EventData::CharacterVersionRecorded);

/// Which versions a list holds. Every field given narrows it; the default is every live one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CharacterVersionQuery {
    /// Only those of this character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_id: Option<CharacterId>,
    /// Only those that grew out of this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<CharacterVersionId>,
    /// Soft-deleted ones too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_deleted: bool,
}

impl Query<CharacterVersion> for CharacterVersionQuery {
    fn everything() -> Self {
        Self { include_deleted: true, ..Self::default() }
    }
    fn matches(&self, row: &CharacterVersion) -> bool {
        self.character_id.is_none_or(|id| id == row.character_id)
            && (self.parent_id.is_none() || self.parent_id == row.parent_id)
            && (self.include_deleted || !row.meta.is_deleted())
    }
    fn check(&self) -> Violations {
        Violations::default()
    }
    fn scope(&self) -> Scope {
        narrowest([("parent_id", self.parent_id.map(Into::into)), ("character_id", self.character_id.map(Into::into))])
    }
}
