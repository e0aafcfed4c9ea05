//! The fields of a new campaign and of a new event.

use super::{Campaign, CampaignEvent, ImpactType};
use crate::{
    CampaignEventId, CampaignId, CharacterId, Document, JournalEntryId, Timestamp, UserId, character::DEFAULT_THEME,
};
use serde::Serialize;

/// The fields of a campaign that its writer chooses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewCampaign {
    /// The id; `None`: a new one.
    pub id: Option<CampaignId>,
    /// Its name, 1 to 255 characters ([`MAX_NAME`](super::MAX_NAME)).
    pub name: String,
    /// The theme: the setting that it is played in.
    pub theme: String,
    /// The user who leads it.
    pub dm_user_id: Option<UserId>,
    /// The name of the user who leads it.
    pub dm_name: Option<String>,
    /// Any other data, as a JSON object.
    pub data: Document,
}

impl NewCampaign {
    /// A campaign of the default theme without a leader.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            id: None,
            name: name.into(),
            theme: DEFAULT_THEME.to_owned(),
            dm_user_id: None,
            dm_name: None,
            data: Document::default(),
        }
    }

    /// The campaign that is created at this time.
    #[must_use]
    pub fn into_campaign(self, at: Timestamp) -> Campaign {
        Campaign {
            id: self.id.unwrap_or_else(CampaignId::new),
            theme: self.theme,
            dm_user_id: self.dm_user_id,
            dm_name: self.dm_name,
            data: self.data,
            ..Campaign::new(self.name, at)
        }
    }
}

/// The fields of an event that its writer chooses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewCampaignEvent {
    /// The id; `None`: a new one.
    pub id: Option<CampaignEventId>,
    /// The id of the entry about it in the journal of the character.
    pub journal_entry_id: Option<JournalEntryId>,
    /// The type in free text, such as `combat`, `training` or `death`.
    pub event_type: String,
    /// Details, such as `ability`, `damage_type` or `reason`.
    pub event_data: Document,
    /// What it changes.
    pub impact_type: ImpactType,
    /// The amount of the change; negative for a loss.
    pub impact_magnitude: i64,
    /// When it happened; `None`: now.
    pub timestamp: Option<Timestamp>,
    /// Any other data, as a JSON object.
    pub data: Document,
}

impl NewCampaignEvent {
    /// An event with this impact and otherwise default values.
    #[must_use]
    pub fn new(impact_type: ImpactType, impact_magnitude: i64) -> Self {
        Self {
            id: None,
            journal_entry_id: None,
            event_type: "campaign_event".to_owned(),
            event_data: Document::default(),
            impact_type,
            impact_magnitude,
            timestamp: None,
            data: Document::default(),
        }
    }

    /// The event of this character that is created at this time.
    #[must_use]
    pub fn into_event(self, of: CharacterId, at: Timestamp) -> CampaignEvent {
        CampaignEvent {
            id: self.id.unwrap_or_else(CampaignEventId::new),
            journal_entry_id: self.journal_entry_id,
            event_type: self.event_type,
            event_data: self.event_data,
            timestamp: self.timestamp.unwrap_or(at),
            data: self.data,
            ..CampaignEvent::new(of, self.impact_type, self.impact_magnitude, at)
        }
    }
}
