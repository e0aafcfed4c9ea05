//! `/api/v2/characters/{id}/campaign`, `…/events` and `…/impacts`, and `/api/v2/campaigns`.

mod dto;
mod events;
mod impacts;
mod input;
mod membership;

pub use dto::{CampaignEventBody, EventImpactBody, JoinRequest, NewCampaignEventBody};

pub(crate) use events::*;
pub(crate) use impacts::*;
pub(crate) use membership::*;

use crate::endpoint::Endpoint;
use actix_web::web::ServiceConfig;

/// The paths of campaigns.
pub(crate) fn configure(config: &mut ServiceConfig) {
    let at = |path: &str| Endpoint::at(&format!("/api/v2/characters/{{id}}/{path}"));
    Endpoint::at("/api/v2/campaigns/{campaign}/characters").get(characters).register(config);
    at("campaign").put(join).delete(leave).register(config);
    at("events").get(list_events).post(create_event).register(config);
    at("events/{event}").get(get_event).register(config);
    at("events/{event}/apply").post(apply).register(config);
    at("events/{event}/revert").post(revert).register(config);
    at("events/{event}/impacts").get(impacts_of_event).register(config);
    at("impacts").get(impacts).register(config);
}
