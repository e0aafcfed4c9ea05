//! Data of events about the character itself.

use crate::{CampaignId, Character, CharacterId, CharacterVersionId, UserId};
use serde::Serialize;
use std::borrow::Cow;
use uuid::Uuid;

/// The character after the change, without its sheet.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CharacterSummary {
    /// The character.
    pub character_id: CharacterId,
    /// The user who plays it.
    pub user_id: UserId,
    /// The campaign that the character takes part in; `null` when there is none.
    #[cfg_attr(feature = "schema", schema(required))]
    pub campaign_id: Option<CampaignId>,
    /// The name or title, 1 to 200 characters.
    pub name: String,
    /// The setting it is played in, such as `traditional`; 1 to 64 characters.
    pub theme: String,
    /// Whether the character is in play.
    pub is_active: bool,
}

impl CharacterSummary {
    /// The summary of this character.
    #[must_use]
    pub fn of(character: &Character) -> Self {
        Self {
            character_id: character.id,
            user_id: character.user_id,
            campaign_id: character.campaign_id,
            name: character.name.clone(),
            theme: character.theme.clone(),
            is_active: character.is_active,
        }
    }
}

/// A character changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CharacterUpdated {
    /// The character after the change.
    #[serde(flatten)]
    pub character: CharacterSummary,
    /// The names of the fields that changed. Absent when the character was replaced as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub changed: Option<Vec<Cow<'static, str>>>,
    /// The version whose state was restored. Absent for any other change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub restored_from: Option<CharacterVersionId>,
}

impl CharacterUpdated {
    /// The change of a character as a whole.
    #[must_use]
    pub fn of(character: &Character) -> Self {
        Self { character: CharacterSummary::of(character), changed: None, restored_from: None }
    }
}

/// The id of a character, where the writer of the change knew no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CharacterReference {
    /// The character.
    pub character_id: CharacterId,
}

/// A character was soft-deleted or restored.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum CharacterExistence {
    /// The whole summary.
    Summary(CharacterSummary),
    /// The id alone.
    Reference(CharacterReference),
}

/// A character continued in another theme, as a new character.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ThemeChanged {
    /// The character that was continued. It stays unchanged.
    pub character_id: CharacterId,
    /// The character that continues it.
    pub new_character_id: CharacterId,
    /// The theme of the continued character.
    pub old_theme: String,
    /// The theme of the new character.
    pub new_theme: String,
    /// The chapter of the campaign in which it happened; `null` when the change named none.
    #[cfg_attr(feature = "schema", schema(required))]
    pub chapter_id: Option<Uuid>,
    /// The number of items of the new character.
    #[cfg_attr(feature = "schema", schema(minimum = 0))]
    pub items: usize,
}
