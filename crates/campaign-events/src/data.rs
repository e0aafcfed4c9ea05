//! The data of each event, and how they are read.

use character_domain::{CampaignId, CharacterId, Document, ImpactType, Timestamp, UserId};
use character_message_hub::CloudEvent;
use serde::{Deserialize, de::DeserializeOwned};

/// The data of `campaign.renamed`. Unknown members are ignored, so that a producer may add some.
#[derive(Debug, Deserialize)]
pub(crate) struct Renamed {
    pub(crate) campaign_id: CampaignId,
    pub(crate) name: String,
}

/// The data of `campaign.game_master_changed`.
#[derive(Debug, Deserialize)]
pub(crate) struct GameMasterChanged {
    pub(crate) campaign_id: CampaignId,
    /// `null`: none. It must be present.
    #[serde(deserialize_with = "Option::deserialize")]
    pub(crate) dm_user_id: Option<UserId>,
    pub(crate) dm_name: Option<String>,
}

/// The data of `campaign.event`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Happened {
    pub(crate) campaign_id: CampaignId,
    /// The members that it affects. Absent: every member.
    pub(crate) character_ids: Option<Vec<CharacterId>>,
    #[serde(default = "default_type")]
    pub(crate) event_type: String,
    #[serde(default)]
    pub(crate) event_data: Document,
    pub(crate) impact_type: ImpactType,
    pub(crate) impact_magnitude: i64,
    pub(crate) timestamp: Option<Timestamp>,
}

fn default_type() -> String {
    "campaign_event".to_owned()
}

/// Reads the data of an event, or says which member is wrong.
pub(crate) fn read<T: DeserializeOwned>(event: &CloudEvent) -> Result<T, String> {
    let data = event.json().ok_or("data: must be a JSON object")?;
    serde_path_to_error::deserialize(data).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "data".to_owned() } else { format!("data.{path}") };
        format!("{field}: {}", error.inner())
    })
}
