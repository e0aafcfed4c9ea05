//! `/api/v2/characters/{id}/progress`.

mod dto;
mod handlers;
mod input;

pub use dto::{AttainmentBody, AwardRequest, AwardedBody, NewAttainmentBody, ProgressBody};

pub(crate) use handlers::*;

use crate::character::of_character;
use character_http_kit::{Endpoint, Endpoints};

/// The paths of progress.
pub(crate) fn register(endpoints: &mut Endpoints) {
    of_character!("/progress").get(get).register(endpoints);
    of_character!("/progress/experience").post(award).register(endpoints);
    of_character!("/progress/milestones").post(add_milestone).register(endpoints);
    of_character!("/progress/achievements").post(add_achievement).register(endpoints);
}
