//! Data of events about the inventory.

use super::RowChanged;
use crate::{CharacterId, InventoryItemId, inventory::Purse};
use serde::Serialize;

/// Items changed; the word of `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// Rows of items.
    InventoryItem,
}

/// Coins changed; the word of `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CurrencyKind {
    /// The coins on the sheet.
    Currency,
}

/// What happened to items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ItemOperation {
    /// They were created.
    Create,
    /// They were soft-deleted.
    Delete,
    /// They were restored.
    Restore,
    /// Their fields changed.
    Updated,
    /// The character wears or holds them now.
    Equipped,
    /// The character no longer wears or holds them.
    Unequipped,
    /// They were put into a container or taken out of one.
    Moved,
    /// The character is attuned to them now.
    Attuned,
    /// The attunement ended.
    Unattuned,
}

/// The side of a transfer between two characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TransferDirection {
    /// The character gave it to the other one.
    Given,
    /// The character received it from the other one.
    Received,
}

/// Items of a character changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ItemsChanged {
    /// The character that owns the items.
    pub character_id: CharacterId,
    /// Always `inventory_item`.
    pub kind: ItemKind,
    /// The items.
    pub ids: Vec<InventoryItemId>,
    /// What happened to the items.
    pub change: ItemOperation,
}

/// The coins of a character changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CoinsChanged {
    /// The character that owns the coins.
    pub character_id: CharacterId,
    /// Always `currency`.
    pub kind: CurrencyKind,
    /// The added coins of each kind (`cp`, `sp`, `ep`, `gp`, `pp`); negative numbers were taken away.
    pub change: Purse,
}

/// Items went from one character to another. Each of the two has an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ItemsTransferred {
    /// The character of this event.
    pub character_id: CharacterId,
    /// Whether this character gave or received them.
    pub change: TransferDirection,
    /// The other character.
    pub other_character_id: CharacterId,
    /// Always `inventory_item`.
    pub kind: ItemKind,
    /// The items, as their receiver has them.
    pub ids: Vec<InventoryItemId>,
}

/// Coins went from one character to another. Each of the two has an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CoinsTransferred {
    /// The character of this event.
    pub character_id: CharacterId,
    /// Whether this character gave or received them.
    pub change: TransferDirection,
    /// The other character.
    pub other_character_id: CharacterId,
    /// Always `currency`.
    pub kind: CurrencyKind,
    /// The number of coins of each kind (`cp`, `sp`, `ep`, `gp`, `pp`), at least 0.
    pub coins: Purse,
}

/// The inventory of a character changed: one row, several items, the coins, or a transfer of either.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum InventoryChanged {
    /// One row changed by itself, as an import stores it.
    Row(RowChanged),
    /// Items changed.
    Items(ItemsChanged),
    /// Coins changed.
    Coins(CoinsChanged),
    /// Items went from one character to another.
    ItemsTransferred(ItemsTransferred),
    /// Coins went from one character to another.
    CoinsTransferred(CoinsTransferred),
}
