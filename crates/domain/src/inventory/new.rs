//! The fields of a new item.

use super::{Attunement, InventoryItem};
use crate::{Character, Document, InventoryItemId, Meta, Timestamp};
use serde::Serialize;

/// The fields of an item that its writer chooses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewItem {
    /// The id; `None`: a new one.
    pub id: Option<InventoryItemId>,
    /// The setting it belongs to; that of its character when `None`.
    pub theme: Option<String>,
    /// The name or title.
    pub name: String,
    /// The type in free text, such as `weapon`, `armor` or `container`.
    pub item_type: String,
    /// The number of pieces.
    pub quantity: i64,
    /// Whether the character wears or holds it.
    pub equipped: bool,
    /// The attunement to its character.
    pub attunement: Attunement,
    /// The container that it is in.
    pub container: Option<InventoryItemId>,
    /// Notes in free text.
    pub notes: Option<String>,
    /// Everything else, and what the rules read: `weight`, `capacity`, `requires_attunement`, `is_magical`.
    pub data: Document,
}

impl NewItem {
    /// One item with default values.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            id: None,
            theme: None,
            name: name.into(),
            item_type: "other".to_owned(),
            quantity: 1,
            equipped: false,
            attunement: Attunement::None,
            container: None,
            notes: None,
            data: Document::default(),
        }
    }

    /// The item of this character that is created at this time.
    #[must_use]
    pub fn into_item(self, character: &Character, at: Timestamp) -> InventoryItem {
        InventoryItem {
            id: self.id.unwrap_or_else(InventoryItemId::new),
            character_id: character.id,
            root_id: None,
            theme: self.theme.unwrap_or_else(|| character.theme.clone()),
            name: self.name,
            item_type: self.item_type,
            quantity: self.quantity,
            equipped: self.equipped,
            attunement: self.attunement,
            container: self.container,
            notes: self.notes,
            data: self.data,
            meta: Meta::created(at),
        }
    }
}
