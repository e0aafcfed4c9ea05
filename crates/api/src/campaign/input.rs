//! From JSON objects to what the repository takes, with every fault found.

use crate::{
    fields::Fields,
    object::Object,
    writable::{Examples, Notes, Writable, unstated},
};
use character_domain::{CampaignEvent, CampaignId, CharacterId, ImpactType, Violations, now};
use character_repositories::NewCampaignEvent;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// What a client may not choose: that is for applying and reverting.
const READ_ONLY: [&str; 3] = ["character_id", "applied", "applied_at"];
const IMPACTS: &str = "must be hit_points, experience, ability_score or other";

impl Writable for CampaignEvent {
    const NOTES: Notes = &[
        ("event_data", "An impact on an ability score must name the `ability`."),
        ("impact_magnitude", "Required unless the impact is `other`."),
        ("timestamp", "Default: now."),
    ];

    fn called() -> &'static str {
        "event"
    }

    fn examples() -> Examples {
        let new = json!({
            "event_type": "training", "impact_type": "ability_score", "impact_magnitude": 1,
            "event_data": { "ability": "strength", "reason": "A winter with the smiths" },
        });
        // An event does not change but by being applied and reverted.
        Examples { new, patch: Value::Null }
    }

    fn unstated() -> (Map<String, Value>, Violations) {
        let (mut new, faults) = unstated(read_event);
        // Most events must state it.
        new.insert("impact_magnitude".to_owned(), Value::Null);
        (new, faults)
    }
}

/// An event to be.
pub(crate) fn event(members: Object) -> Result<NewCampaignEvent, Violations> {
    let mut fields = Fields::of(members);
    fields.refuse(&READ_ONLY, "is read-only");
    let new = read_event(&mut fields);
    fields.finish(new, |new| new.into_event(CharacterId(Uuid::nil()), now()).check())
}

/// The fields of an event. A placeholder stands in for one that cannot be read, so that all faults are reported at once.
fn read_event(fields: &mut Fields) -> NewCampaignEvent {
    let impact_type = fields.word("impact_type", IMPACTS);
    let impact_type = fields.require("impact_type", impact_type).unwrap_or(ImpactType::Other);
    let magnitude = fields.number("impact_magnitude");
    if impact_type != ImpactType::Other {
        fields.require("impact_magnitude", magnitude);
    }
    let plain = NewCampaignEvent::new(impact_type, magnitude.unwrap_or_default());
    NewCampaignEvent {
        id: fields.id("id"),
        journal_entry_id: fields.id("journal_entry_id"),
        event_type: fields.text("event_type").unwrap_or(plain.event_type),
        event_data: fields.document("event_data").unwrap_or_default(),
        timestamp: fields.time("timestamp"),
        data: fields.document("data").unwrap_or_default(),
        impact_type,
        impact_magnitude: plain.impact_magnitude,
    }
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
