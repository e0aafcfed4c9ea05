//! `/api/v2/characters/{id}/inventory`.

mod acts;
mod currency;
mod input;
mod items;
mod weight;

pub use acts::{GiveRequest, GivenBody, ItemRestoredBody, LoosenedBody, MoveRequest};
pub use currency::{GiveCoinsRequest, PurseBody, PurseChange};
pub use items::BulkItemsRequest;
pub use weight::{ContainerLoadBody, LoadBody};

pub(crate) use acts::*;
pub(crate) use currency::*;
pub(crate) use weight::*;

use crate::{NewBody, RowBody, character::of_character, resource::Operations};
use character_domain::InventoryItem;
use character_http_kit::{Endpoint, Endpoints};

/// An item.
pub type InventoryItemBody = RowBody<InventoryItem>;
/// A new item.
pub type NewInventoryItemBody = NewBody<InventoryItem>;

/// The items as plain rows; their restore is not plain.
pub(crate) fn rows(operations: &mut impl Operations) {
    operations.rows::<InventoryItem>();
    operations.bulk::<InventoryItem>();
}

/// The paths of inventory.
pub(crate) fn register(endpoints: &mut Endpoints) {
    rows(endpoints);
    of_character!("/inventory/weight").get(weight).register(endpoints);
    of_character!("/inventory/currency").get(currency).post(change_currency).register(endpoints);
    of_character!("/inventory/currency/give").post(give_coins).register(endpoints);
    of_character!("/inventory/{item}/restore").post(restore).register(endpoints);
    of_character!("/inventory/{item}/give").post(give).register(endpoints);
    of_character!("/inventory/{item}/equip").post(equip).register(endpoints);
    of_character!("/inventory/{item}/unequip").post(unequip).register(endpoints);
    of_character!("/inventory/{item}/move").post(move_to).register(endpoints);
    of_character!("/inventory/{item}/attune").post(attune).register(endpoints);
    of_character!("/inventory/{item}/unattune").post(unattune).register(endpoints);
}
