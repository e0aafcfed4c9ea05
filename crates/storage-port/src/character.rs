//! Characters in the port.

use crate::{
    ChangeKind, DomainEvent, EventData, Order, Query, Scope,
    entity::{entity, name_contains, narrowest, too_long},
};
use character_domain::{
    CampaignId, Character, CharacterId, Timestamp, UserId, Violations,
    character::{MAX_NAME, MAX_THEME},
    event::{CharacterExistence, CharacterReference, CharacterUpdated},
};
use serde::{Deserialize, Serialize};

entity!(
    Character,
    CharacterId,
    CharacterQuery,
    |row| [
        ("user_id", Some(row.user_id.0)),
        ("campaign_id", row.campaign_id.map(Into::into)),
        ("parent_id", row.parent_id.map(Into::into)),
    ],
    ordered by name,
    reported by |character, change, at| Some(event(character, change, at)),
);

fn event(character: &Character, change: ChangeKind, at: Timestamp) -> DomainEvent {
    match change {
        ChangeKind::Create => DomainEvent::created(character),
        ChangeKind::Replace => {
            let data = EventData::CharacterUpdated(CharacterUpdated::of(character));
            DomainEvent::of(character.id, character.meta.updated_at, &data)
        }
        ChangeKind::Delete => existence_event(EventData::CharacterDeleted, character.id, at),
        ChangeKind::Restore => existence_event(EventData::CharacterRestored, character.id, at),
    }
}

/// The event of a deletion or a restoration, for which no more than the id need be known.
pub(crate) fn existence_event(
    data: fn(CharacterExistence) -> EventData,
    id: CharacterId,
    at: Timestamp,
) -> DomainEvent {
    let reference = CharacterExistence::Reference(CharacterReference { character_id: id });
    DomainEvent::of(id, at, &data(reference))
}

/// Which characters a list holds, and in which order. Every field given narrows it; the default is every live character
/// that is in play. [`CharacterQuery::live`] holds those that are not in play too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// Only those whose name contains this text, both in the form of
    /// [`text::folded`](character_domain::text::folded). An empty text narrows nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only those with `is_active`. Default: true. Always written, because it was false in an earlier release.
    pub active_only: bool,
    /// Soft-deleted ones too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_deleted: bool,
    /// The order of the list. Default: newest first.
    #[serde(skip_serializing_if = "Order::is_default")]
    pub order: Order,
}

impl Default for CharacterQuery {
    fn default() -> Self {
        Self { active_only: true, ..Self::live() }
    }
}

impl CharacterQuery {
    /// Every live character, whether or not it is in play, newest first.
    #[must_use]
    pub fn live() -> Self {
        Self {
            user_id: None,
            campaign_id: None,
            parent_id: None,
            theme: None,
            name: None,
            active_only: false,
            include_deleted: false,
            order: Order::NEWEST_FIRST,
        }
    }
}

impl Query<Character> for CharacterQuery {
    fn everything() -> Self {
        Self { include_deleted: true, ..Self::live() }
    }
    fn matches(&self, character: &Character) -> bool {
        self.user_id.is_none_or(|id| id == character.user_id)
            && (self.campaign_id.is_none() || self.campaign_id == character.campaign_id)
            && (self.parent_id.is_none() || self.parent_id == character.parent_id)
            && self.theme.as_ref().is_none_or(|theme| *theme == character.theme)
            && name_contains(&character.name, self.name.as_ref())
            && (!self.active_only || character.is_active)
            && (self.include_deleted || !character.meta.is_deleted())
    }
    fn check(&self) -> Violations {
        too_long([("theme", self.theme.as_ref(), MAX_THEME), ("name", self.name.as_ref(), MAX_NAME)])
    }
    fn scope(&self) -> Scope {
        narrowest([
            ("user_id", self.user_id.map(Into::into)),
            ("campaign_id", self.campaign_id.map(Into::into)),
            ("parent_id", self.parent_id.map(Into::into)),
        ])
    }
    fn order(&self) -> Order {
        self.order
    }
}
