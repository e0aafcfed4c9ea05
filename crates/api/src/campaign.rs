//! `/api/v2/characters/{id}/campaign`, `…/events` and `…/impacts`, and `/api/v2/campaigns`.

mod campaigns;
mod dto;
mod events;
mod impacts;
mod input;
mod membership;
mod row;

pub use dto::{CampaignEventBody, EventImpactBody, JoinRequest, NewCampaignEventBody};
pub use row::{CampaignBody, NewCampaignBody};

pub(crate) use campaigns::*;
pub(crate) use events::*;
pub(crate) use impacts::*;
pub(crate) use membership::*;

use crate::{character::of_character, resource::Operations};
use character_domain::Campaign;
use character_http_kit::{Endpoint, Endpoints};

/// The campaigns as plain rows.
pub(crate) fn rows(operations: &mut impl Operations) {
    operations.rows::<Campaign>();
    operations.restore::<Campaign>();
}

/// The paths of campaigns.
pub(crate) fn register(endpoints: &mut Endpoints) {
    rows(endpoints);
    Endpoint::at("/api/v2/campaigns/{campaign}/characters").get(characters).register(endpoints);
    of_character!("/campaign").put(join).delete(leave).register(endpoints);
    of_character!("/events").get(list_events).post(create_event).register(endpoints);
    of_character!("/events/{event}").get(get_event).register(endpoints);
    of_character!("/events/{event}/apply").post(apply).register(endpoints);
    of_character!("/events/{event}/revert").post(revert).register(endpoints);
    of_character!("/events/{event}/impacts").get(impacts_of_event).register(endpoints);
    of_character!("/impacts").get(impacts).register(endpoints);
}
