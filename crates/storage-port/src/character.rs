//! Characters in the port.

use crate::{Change, Entity, EntityKind, Query, Scope, Write};
use character_domain::{CampaignId, Character, CharacterId, Meta, UserId, Violations};
use serde::{Deserialize, Serialize};

impl Entity for Character {
    type Id = CharacterId;
    type Query = CharacterQuery;
    const KIND: EntityKind = EntityKind::Character;
    const FIND: &'static str = "character.find";
    const LIST: &'static str = "character.list";

    fn id(&self) -> CharacterId {
        self.id
    }
    fn meta(&self) -> &Meta {
        &self.meta
    }
    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }
    fn check(&self) -> Violations {
        self.check()
    }
    fn scopes(&self) -> Vec<Scope> {
        let mut scopes = vec![Scope::All, Scope::Owner("user_id", self.user_id.0)];
        scopes.extend(self.campaign_id.map(|id| Scope::Owner("campaign_id", id.0)));
        scopes
    }
    fn write(change: Change<Self>) -> Write {
        Write::Character(change)
    }
}

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
            && self.theme.as_ref().is_none_or(|theme| *theme == character.theme)
            && (!self.active_only || character.is_active)
            && (self.include_deleted || !character.meta.is_deleted())
    }
    fn scope(&self) -> Scope {
        match (self.user_id, self.campaign_id) {
            (Some(id), _) => Scope::Owner("user_id", id.0),
            (None, Some(id)) => Scope::Owner("campaign_id", id.0),
            (None, None) => Scope::All,
        }
    }
}
