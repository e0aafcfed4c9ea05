//! `/api/v2/characters`.

mod bulk;
mod dto;
mod handlers;
mod input;

pub use dto::{
    BulkCreatedBody, BulkItemBody, BulkOutcomeBody, BulkRequest, CharacterBody, CharacterPageBody, CharacterPatch,
    NewCharacterBody,
};

pub(crate) use bulk::*;
pub(crate) use handlers::*;

use crate::endpoint::Endpoint;
use actix_web::web::ServiceConfig;

/// Where the collection is.
pub(crate) const PATH: &str = "/api/v2/characters";

/// The paths of characters. The bulk comes before the single one: `bulk` is not an id.
pub(crate) fn configure(config: &mut ServiceConfig) {
    Endpoint::at(PATH).get(list).post(create).register(config);
    Endpoint::at("/api/v2/characters/bulk").post(create_bulk).register(config);
    Endpoint::at("/api/v2/characters/{id}").get(get).put(replace).patch(patch).delete(delete).register(config);
    Endpoint::at("/api/v2/characters/{id}/restore").post(restore).register(config);
}
