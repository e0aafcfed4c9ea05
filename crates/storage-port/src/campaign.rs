//! Campaigns, their events and what those did in the port.

use crate::{
    EventData, Query, Scope,
    entity::{entity, narrowest, too_long},
};
use character_domain::{
    Campaign, CampaignEvent, CampaignEventId, CharacterId, EventImpact, UserId, Violations, campaign::MAX_THEME,
};
use serde::{Deserialize, Serialize};

entity!(Campaign, CampaignId, CampaignQuery, |row| [("dm_user_id", row.dm_user_id.map(Into::into))], reported by |_, _, _| None);

/// Which campaigns a list holds. Every field given narrows it; the default is every live one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CampaignQuery {
    /// Only those that this user leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dm_user_id: Option<UserId>,
    /// Only those of this theme, compared exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
    /// Soft-deleted ones too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_deleted: bool,
}

impl Query<Campaign> for CampaignQuery {
    fn everything() -> Self {
        Self { include_deleted: true, ..Self::default() }
    }
    fn matches(&self, row: &Campaign) -> bool {
        (self.dm_user_id.is_none() || self.dm_user_id == row.dm_user_id)
            && self.theme.as_ref().is_none_or(|theme| *theme == row.theme)
            && (self.include_deleted || !row.meta.is_deleted())
    }
    fn check(&self) -> Violations {
        too_long([("theme", self.theme.as_ref(), MAX_THEME)])
    }
    fn scope(&self) -> Scope {
        narrowest([("dm_user_id", self.dm_user_id.map(Into::into))])
    }
}

entity!(CampaignEvent, CampaignEventId, CampaignEventQuery, |row| [(
    "character_id",
    Some(row.character_id.0)
)], event EventData::CharacterCampaignEventChanged);

/// Which events a list holds. Every field given narrows it; the default is every live one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CampaignEventQuery {
    /// Only those of this character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_id: Option<CharacterId>,
    /// Only those that have their effect.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub applied_only: bool,
    /// Soft-deleted ones too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_deleted: bool,
}

impl Query<CampaignEvent> for CampaignEventQuery {
    fn everything() -> Self {
        Self { include_deleted: true, ..Self::default() }
    }
    fn matches(&self, row: &CampaignEvent) -> bool {
        self.character_id.is_none_or(|id| id == row.character_id)
            && (!self.applied_only || row.applied)
            && (self.include_deleted || !row.meta.is_deleted())
    }
    fn check(&self) -> Violations {
        Violations::default()
    }
    fn scope(&self) -> Scope {
        narrowest([("character_id", self.character_id.map(Into::into))])
    }
}

entity!(EventImpact, EventImpactId, EventImpactQuery, |row| [
    ("character_id", Some(row.character_id.0)),
    ("event_id", Some(row.event_id.0))
], event EventData::CharacterCampaignEventChanged);

/// Which impacts a list holds. Every field given narrows it; the default is every live one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventImpactQuery {
    /// Only those of this character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_id: Option<CharacterId>,
    /// Only those of this event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<CampaignEventId>,
    /// Only those that took place and were not undone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub applied_only: bool,
    /// Only those that were undone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reverted_only: bool,
    /// Soft-deleted ones too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_deleted: bool,
}

impl Query<EventImpact> for EventImpactQuery {
    fn everything() -> Self {
        Self { include_deleted: true, ..Self::default() }
    }
    fn matches(&self, row: &EventImpact) -> bool {
        self.character_id.is_none_or(|id| id == row.character_id)
            && self.event_id.is_none_or(|id| id == row.event_id)
            && (!self.applied_only || (row.applied && !row.is_reverted))
            && (!self.reverted_only || row.is_reverted)
            && (self.include_deleted || !row.meta.is_deleted())
    }
    fn check(&self) -> Violations {
        Violations::default()
    }
    fn scope(&self) -> Scope {
        narrowest([("event_id", self.event_id.map(Into::into)), ("character_id", self.character_id.map(Into::into))])
    }
}
