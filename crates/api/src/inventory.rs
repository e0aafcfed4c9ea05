//! `/api/v2/characters/{id}/inventory`.

mod acts;
mod bulk;
mod currency;
mod dto;
mod handlers;
mod input;
mod weight;

pub use acts::MoveRequest;
pub use bulk::BulkItemsRequest;
pub use currency::PurseBody;
pub use dto::{InventoryItemBody, InventoryItemPatch, NewInventoryItemBody};
pub use weight::{ContainerLoadBody, LoadBody};

pub(crate) use acts::*;
pub(crate) use bulk::*;
pub(crate) use currency::*;
pub(crate) use handlers::*;
pub(crate) use weight::*;

use crate::endpoint::Endpoint;
use actix_web::web::ServiceConfig;

/// The paths of inventory. Those with a fixed last part come before `{item}`.
pub(crate) fn configure(config: &mut ServiceConfig) {
    let at = |path: &str| Endpoint::at(&format!("/api/v2/characters/{{id}}/inventory{path}"));
    at("").get(list).post(create).register(config);
    at("/bulk").post(create_bulk).register(config);
    at("/weight").get(weight).register(config);
    at("/currency").get(currency).post(change_currency).register(config);
    at("/{item}").get(get).patch(patch).delete(delete).register(config);
    at("/{item}/restore").post(restore).register(config);
    at("/{item}/equip").post(equip).register(config);
    at("/{item}/unequip").post(unequip).register(config);
    at("/{item}/move").post(move_to).register(config);
    at("/{item}/attune").post(attune).register(config);
    at("/{item}/unattune").post(unattune).register(config);
}
