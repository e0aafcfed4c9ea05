//! Progress in the port.

use crate::{
    EventData, Query, Scope,
    entity::{entity, narrowest},
};
use character_domain::{CharacterId, CharacterProgress, Violations, event::ProgressUpdated};
use serde::{Deserialize, Serialize};

entity!(
    CharacterProgress,
    CharacterProgressId,
    CharacterProgressQuery,
    |row| [("character_id", Some(row.character_id.0))],
    event | row | EventData::CharacterProgressUpdated(ProgressUpdated::Row(row))
);

/// Which progress a list holds. Every field given narrows it; the default is every live one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CharacterProgressQuery {
    /// Only those of this character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_id: Option<CharacterId>,
    /// Soft-deleted ones too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_deleted: bool,
}

impl Query<CharacterProgress> for CharacterProgressQuery {
    fn everything() -> Self {
        Self { include_deleted: true, ..Self::default() }
    }
    fn matches(&self, row: &CharacterProgress) -> bool {
        self.character_id.is_none_or(|id| id == row.character_id) && (self.include_deleted || !row.meta.is_deleted())
    }
    fn check(&self) -> Violations {
        Violations::default()
    }
    fn scope(&self) -> Scope {
        narrowest([("character_id", self.character_id.map(Into::into))])
    }
}
