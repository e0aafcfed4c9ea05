//! What goes over the wire.

use crate::MetaBody;
use character_domain::{CampaignEvent, EventImpact, ImpactType, Members, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// The campaign to take part in.
#[derive(Debug, ToSchema)]
pub struct JoinRequest {
    /// Which.
    pub campaign_id: Uuid,
}

/// Something that a campaign does to a character, once it is applied.
#[derive(Debug, Serialize, ToSchema)]
pub struct CampaignEventBody {
    /// Identity; never changes.
    pub id: Uuid,
    /// To whom.
    pub character_id: Uuid,
    /// The journal entry that tells of it.
    pub journal_entry_id: Option<Uuid>,
    /// `combat`, `training`, `death`, ….
    pub event_type: String,
    /// The particulars: `ability`, `damage_type`, `reason`, ….
    #[schema(value_type = Object)]
    pub event_data: Members,
    /// What it changes: `hit_points`, `experience`, `ability_score`, `other`.
    #[schema(value_type = String)]
    pub impact_type: ImpactType,
    /// By how much, up or down.
    pub impact_magnitude: i64,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// Whether it has its effect on the sheet.
    pub applied: bool,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub applied_at: Option<Timestamp>,
    /// Everything else.
    #[schema(value_type = Object)]
    pub data: Members,
    /// Revision and times.
    #[serde(flatten)]
    pub meta: MetaBody,
}

impl From<CampaignEvent> for CampaignEventBody {
    fn from(event: CampaignEvent) -> Self {
        Self {
            id: event.id.0,
            character_id: event.character_id.0,
            journal_entry_id: event.journal_entry_id.map(Into::into),
            event_type: event.event_type,
            event_data: event.event_data.0,
            impact_type: event.impact_type,
            impact_magnitude: event.impact_magnitude,
            timestamp: event.timestamp,
            applied: event.applied,
            applied_at: event.applied_at,
            data: event.data.0,
            meta: event.meta.into(),
        }
    }
}

/// An event to be. Unknown fields are refused; `null` is as good as absent.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "event_type": "training", "impact_type": "ability_score", "impact_magnitude": 1,
    "event_data": { "ability": "strength", "reason": "A winter with the smiths" },
}))]
pub struct NewCampaignEventBody {
    /// Chosen by the client, or by the service when absent.
    pub id: Option<Uuid>,
    /// The entry of the character's journal that tells of it.
    pub journal_entry_id: Option<Uuid>,
    /// `combat`, `training`, `death`, ….
    #[schema(default = "campaign_event", min_length = 1, max_length = 64)]
    pub event_type: Option<String>,
    /// The particulars. An impact on an ability score must name the `ability`.
    #[schema(value_type = Option<Object>)]
    pub event_data: Option<Map<String, Value>>,
    /// What it changes: `hit_points` (a loss ends at 0, a gain at the maximum), `experience` (and with it the level),
    /// `ability_score` (a loss ends at 1, a gain at 30), `other` (nothing: it is recorded). A number that is beyond these
    /// bounds already is not brought back into them.
    pub impact_type: String,
    /// By how much, up or down. May be absent only when the impact is `other`.
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000)]
    pub impact_magnitude: Option<i64>,
    /// When it happened. Now when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub timestamp: Option<Timestamp>,
    /// Everything else.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// What an event did to a sheet.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventImpactBody {
    /// Identity; never changes.
    pub id: Uuid,
    /// Which event.
    pub event_id: Uuid,
    /// To whose sheet.
    pub character_id: Uuid,
    /// What it changed: `hit_points`, `experience`, `ability_score`, `other`.
    #[schema(value_type = String)]
    pub impact_type: ImpactType,
    /// By how much it was to change it: `amount`, or `ability` and `adjustment`.
    #[schema(value_type = Object)]
    pub impact_data: Members,
    /// Whether it took place.
    pub applied: bool,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub applied_at: Option<Timestamp>,
    /// The part of the sheet it changed, as that was before.
    #[schema(value_type = Object)]
    pub reversion_data: Members,
    /// Whether it was undone.
    pub is_reverted: bool,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub reverted_at: Option<Timestamp>,
    /// What somebody wrote down about it.
    pub notes: Option<String>,
    /// Everything else.
    #[schema(value_type = Object)]
    pub data: Members,
    /// Revision and times.
    #[serde(flatten)]
    pub meta: MetaBody,
}

impl From<EventImpact> for EventImpactBody {
    fn from(impact: EventImpact) -> Self {
        Self {
            id: impact.id.0,
            event_id: impact.event_id.0,
            character_id: impact.character_id.0,
            impact_type: impact.impact_type,
            impact_data: impact.impact_data.0,
            applied: impact.applied,
            applied_at: impact.applied_at,
            reversion_data: impact.reversion_data.0,
            is_reverted: impact.is_reverted,
            reverted_at: impact.reverted_at,
            notes: impact.notes,
            data: impact.data.0,
            meta: impact.meta.into(),
        }
    }
}
