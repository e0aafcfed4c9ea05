//! From JSON objects to what the repository takes, with every fault found.

use crate::{fields::Fields, object::Object};
use character_domain::{CampaignId, CharacterId, ImpactType, Violations, now};
use character_repositories::NewCampaignEvent;
use uuid::Uuid;

/// What a client may not choose: that is for applying and reverting.
const READ_ONLY: [&str; 3] = ["character_id", "applied", "applied_at"];
const IMPACTS: &str = "must be hit_points, experience, ability_score or other";

/// An event to be. A placeholder stands in for a field that cannot be read, so that all faults are reported at once.
pub(crate) fn event(members: Object) -> Result<NewCampaignEvent, Violations> {
    let mut fields = Fields::of(members);
    fields.refuse(&READ_ONLY, "is read-only");
    let impact_type = fields.word("impact_type", IMPACTS);
    let impact_type = fields.require("impact_type", impact_type).unwrap_or(ImpactType::Other);
    let magnitude = fields.number("impact_magnitude");
    if impact_type != ImpactType::Other {
        fields.require("impact_magnitude", magnitude);
    }
    let plain = NewCampaignEvent::new(impact_type, magnitude.unwrap_or_default());
    let new = NewCampaignEvent {
        id: fields.id("id"),
        journal_entry_id: fields.id("journal_entry_id"),
        event_type: fields.text("event_type").unwrap_or(plain.event_type),
        event_data: fields.document("event_data").unwrap_or_default(),
        timestamp: fields.time("timestamp"),
        data: fields.document("data").unwrap_or_default(),
        impact_type,
        impact_magnitude: plain.impact_magnitude,
    };
    fields.finish(new, |new| new.into_event(CharacterId(Uuid::nil()), now()).check())
}

/// The campaign that the character joins.
pub(crate) fn campaign(members: Object) -> Result<CampaignId, Violations> {
    let mut fields = Fields::of(members);
    let campaign = fields.id("campaign_id");
    let campaign = fields.require("campaign_id", campaign);
    fields.refuse_the_rest();
    let faults = fields.faults;
    match campaign {
        Some(campaign) if faults.is_empty() => Ok(campaign),
        _ => Err(faults),
    }
}
