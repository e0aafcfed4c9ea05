//! The bodies of requests and responses.

use crate::{NewBody, RowBody};
use character_domain::{CampaignEvent, EventImpact};
use utoipa::ToSchema;
use uuid::Uuid;

/// The campaign that the character joins.
#[derive(Debug, ToSchema)]
pub struct JoinRequest {
    /// The id of the campaign.
    pub campaign_id: Uuid,
}

/// An event of a campaign.
pub type CampaignEventBody = RowBody<CampaignEvent>;
/// A new event.
pub type NewCampaignEventBody = NewBody<CampaignEvent>;

/// An impact of an event.
pub type EventImpactBody = RowBody<EventImpact>;
