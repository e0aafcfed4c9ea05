//! `/api/v2/characters/{id}/progress`.

mod dto;
mod handlers;
mod input;

pub use dto::{AttainmentBody, AwardRequest, AwardedBody, NewAttainmentBody, ProgressBody};

pub(crate) use handlers::*;

use crate::endpoint::Endpoint;
use actix_web::web::ServiceConfig;

/// The paths of progress.
pub(crate) fn configure(config: &mut ServiceConfig) {
    let at = |path: &str| Endpoint::at(&format!("/api/v2/characters/{{id}}/progress{path}"));
    at("").get(get).register(config);
    at("/experience").post(award).register(config);
    at("/milestones").post(add_milestone).register(config);
    at("/achievements").post(add_achievement).register(config);
}
