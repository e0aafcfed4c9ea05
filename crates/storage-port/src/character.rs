//! Characters in the port.

use crate::{
    Query, Scope,
    entity::{entity, narrowest},
};
use character_domain::{CampaignId, Character, CharacterId, UserId};
use serde::{Deserialize, Serialize};

entity!(Character, CharacterId, CharacterQuery, "character", |row| vec![
    ("user_id", Some(row.user_id.0)),
    ("campaign_id", row.campaign_id.map(Into::into)),
    ("parent_id", row.parent_id.map(Into::into)),
]);

/// Which characters a list holds. Every field given narrows it; the default is every live character.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CharacterQuery {
    /// Only those of this user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Only those in this campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<CampaignId>,
    /// Only those that grew out of this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<CharacterId>,
    /// Only those of this theme, compared exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
    /// Only those with `is_active`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub active_only: bool,
    /// Soft-deleted ones too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_deleted: bool,
}

impl Query<Character> for CharacterQuery {
    fn matches(&self, character: &Character) -> bool {
        self.user_id.is_none_or(|id| id == character.user_id)
            && (self.campaign_id.is_none() || self.campaign_id == character.campaign_id)
            && (self.parent_id.is_none() || self.parent_id == character.parent_id)
            && self.theme.as_ref().is_none_or(|theme| *theme == character.theme)
            && (!self.active_only || character.is_active)
            && (self.include_deleted || !character.meta.is_deleted())
    }
    fn scope(&self) -> Scope {
        narrowest([
            ("user_id", self.user_id.map(Into::into)),
            ("campaign_id", self.campaign_id.map(Into::into)),
            ("parent_id", self.parent_id.map(Into::into)),
        ])
    }
}
