//! `/api/v2/characters`.

mod bulk;
mod dto;
mod handlers;
mod input;

pub use dto::{
    BulkCreatedBody, BulkItemBody, BulkOutcomeBody, BulkRequest, CharacterBody, CharacterPatch, NewCharacterBody,
};

pub(crate) use bulk::*;
pub(crate) use dto::SELECTABLE;
pub(crate) use handlers::*;

use character_http_kit::{Endpoint, Endpoints};

/// Where the collection is.
pub(crate) const PATH: &str = "/api/v2/characters";

/// The endpoint at this path under that of a character.
macro_rules! of_character {
    ($path:literal) => {
        Endpoint::at(concat!("/api/v2/characters/{id}", $path))
    };
}
pub(crate) use of_character;

/// The paths of characters.
pub(crate) fn register(endpoints: &mut Endpoints) {
    Endpoint::at(PATH).get(list).post(create).register(endpoints);
    Endpoint::at("/api/v2/characters/bulk").post(create_bulk).register(endpoints);
    of_character!("").get(get).put(replace).patch(patch).delete(delete).register(endpoints);
    of_character!("/restore").post(restore).register(endpoints);
}
