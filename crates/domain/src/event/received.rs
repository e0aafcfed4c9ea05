//! Data of the events that this service receives from the service of campaigns.

use crate::{
    CampaignId, CharacterId, Document, ImpactType, Timestamp, UserId, Violations,
    campaign::{MAX_NAME, check_event},
    check, number,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

/// A campaign has another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CampaignRenamed {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The new name, 1 to 255 characters, one of them visible.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255))]
    pub name: String,
}

impl CampaignRenamed {
    /// Every rule that the event breaks, whatever campaign it is about.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::short(&mut violations, "name", &self.name, MAX_NAME);
        violations
    }
}

/// Another user leads a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CampaignGameMasterChanged {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The user who leads it now; `null` when there is none. It must be present.
    #[serde(deserialize_with = "Option::deserialize")]
    #[cfg_attr(feature = "schema", schema(required))]
    pub dm_user_id: Option<UserId>,
    /// The name of that user, 1 to 255 characters, one of them visible. `null` or absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255))]
    pub dm_name: Option<String>,
}

impl CampaignGameMasterChanged {
    /// Every rule that the event breaks, whatever campaign it is about.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::maybe_short(&mut violations, "dm_name", self.dm_name.as_ref(), MAX_NAME);
        violations
    }
}

/// Something happened in a campaign that affects its characters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CampaignEventReported {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The affected characters of the campaign. `null` or absent: every live one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub character_ids: Option<Vec<CharacterId>>,
    /// The type in free text, such as `combat` or `death`, 1 to 64 characters, one of them visible. Default: `campaign_event`.
    #[serde(default = "default_event_type")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub event_type: String,
    /// Details, such as `reason`. The impact `ability_score` requires `ability`, 1 to 64 characters. Default: an empty object.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub event_data: Document,
    /// What it changes.
    pub impact_type: ImpactType,
    /// The amount of the change; negative for a loss.
    #[serde(deserialize_with = "whole")]
    #[cfg_attr(feature = "schema", schema(minimum = -1_000_000_000, maximum = 1_000_000_000))]
    pub impact_magnitude: i64,
    /// When it happened. `null` or absent: the time of the event itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub timestamp: Option<Timestamp>,
}

impl CampaignEventReported {
    /// Every rule that the event breaks, whatever characters it affects.
    #[must_use]
    pub fn check(&self) -> Violations {
        check_event(&self.event_type, &self.event_data, self.impact_type, self.impact_magnitude)
    }
}

/// A whole number, also when it is written as `10.0`.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    number::whole(&value).ok_or_else(|| D::Error::custom("must be a whole number of at most 64 bits"))
}

fn default_event_type() -> String {
    "campaign_event".to_owned()
}
