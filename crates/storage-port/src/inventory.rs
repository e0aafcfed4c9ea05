//! Inventory items in the port.

use crate::{
    EventData, Order, Query, Scope,
    entity::{entity, name_contains, narrowest, too_long},
};
use character_domain::{
    CharacterId, InventoryItem, InventoryItemId, Violations, event::InventoryChanged, inventory::MAX_NAME,
};
use serde::{Deserialize, Serialize};

entity!(
    InventoryItem,
    InventoryItemId,
    InventoryItemQuery,
    |row| [
        ("character_id", Some(row.character_id.0)),
        ("root_id", row.root_id.map(Into::into)),
        ("container", row.container.map(Into::into))
    ],
    ordered by name,
    event |row| EventData::CharacterInventoryChanged(InventoryChanged::Row(row)),
);

/// Which inventory items a list holds, and in which order. Every field given narrows it; the default is every live one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InventoryItemQuery {
    /// Only those of this character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_id: Option<CharacterId>,
    /// Only those that were this item at first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_id: Option<InventoryItemId>,
    /// Only those that lie in this one, not those that lie in what lies in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<InventoryItemId>,
    /// Only those whose name contains this text, both in the form of
    /// [`text::folded`](character_domain::text::folded). An empty text narrows nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only those that are worn or held.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub equipped_only: bool,
    /// Soft-deleted ones too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_deleted: bool,
    /// The order of the list. Default: newest first.
    #[serde(skip_serializing_if = "Order::is_default")]
    pub order: Order,
}

impl Query<InventoryItem> for InventoryItemQuery {
    fn everything() -> Self {
        Self { include_deleted: true, ..Self::default() }
    }
    fn matches(&self, row: &InventoryItem) -> bool {
        self.character_id.is_none_or(|id| id == row.character_id)
            && (self.root_id.is_none() || self.root_id == row.root_id)
            && (self.container.is_none() || self.container == row.container)
            && name_contains(&row.name, self.name.as_ref())
            && (!self.equipped_only || row.equipped)
            && (self.include_deleted || !row.meta.is_deleted())
    }
    fn check(&self) -> Violations {
        too_long([("name", self.name.as_ref(), MAX_NAME)])
    }
    fn scope(&self) -> Scope {
        narrowest([
            ("character_id", self.character_id.map(Into::into)),
            ("root_id", self.root_id.map(Into::into)),
            ("container", self.container.map(Into::into)),
        ])
    }
    fn order(&self) -> Order {
        self.order
    }
}
