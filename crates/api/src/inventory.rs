//! `/api/v2/characters/{id}/inventory`.

mod acts;
mod bulk;
mod currency;
mod dto;
mod handlers;
mod input;
mod weight;

pub use acts::{GiveRequest, GivenBody, ItemRestoredBody, LoosenedBody, MoveRequest};
pub use bulk::BulkItemsRequest;
pub use currency::{GiveCoinsRequest, PurseBody};
pub use dto::{InventoryItemBody, InventoryItemPatch, NewInventoryItemBody};
pub use weight::{ContainerLoadBody, LoadBody};

pub(crate) use acts::*;
pub(crate) use bulk::*;
pub(crate) use currency::*;
pub(crate) use handlers::*;
pub(crate) use weight::*;

use crate::character::of_character;
use character_http_kit::{Endpoint, Endpoints};

/// The paths of inventory.
pub(crate) fn register(endpoints: &mut Endpoints) {
    of_character!("/inventory").get(list).post(create).register(endpoints);
    of_character!("/inventory/bulk").post(create_bulk).register(endpoints);
    of_character!("/inventory/weight").get(weight).register(endpoints);
    of_character!("/inventory/currency").get(currency).post(change_currency).register(endpoints);
    of_character!("/inventory/currency/give").post(give_coins).register(endpoints);
    of_character!("/inventory/{item}").get(get).patch(patch).delete(delete).register(endpoints);
    of_character!("/inventory/{item}/restore").post(restore).register(endpoints);
    of_character!("/inventory/{item}/give").post(give).register(endpoints);
    of_character!("/inventory/{item}/equip").post(equip).register(endpoints);
    of_character!("/inventory/{item}/unequip").post(unequip).register(endpoints);
    of_character!("/inventory/{item}/move").post(move_to).register(endpoints);
    of_character!("/inventory/{item}/attune").post(attune).register(endpoints);
    of_character!("/inventory/{item}/unattune").post(unattune).register(endpoints);
}
