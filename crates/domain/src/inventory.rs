//! Inventory: the items of a character, where they are, and the rules about them.

mod carrying;
mod items;
mod loads;
mod new;
mod properties;
mod purse;
mod rules;
#[cfg(test)]
mod tests;

pub use carrying::carrying_capacity;
pub use items::{Inventory, Restored};
pub use loads::Loads;
pub use new::NewItem;
pub use properties::{Capacity, ItemProperties, MAX_POUNDS};
pub use purse::{COINS, MAX_COINS, Purse};
pub use rules::{InventoryFault, MAX_ATTUNED};

use crate::{CharacterId, Document, InventoryItemId, Meta, Timestamp, Violations, check};
use serde::{Deserialize, Serialize};

/// Longest name of an item, in Unicode scalar values.
pub const MAX_NAME: usize = check::MAX_NAME;
/// Maximum number of pieces in one row.
pub const MAX_QUANTITY: i64 = 1_000_000_000;

/// The attunement of a magic item to its character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Attunement {
    /// Not attuned.
    #[default]
    None,
    /// Attunement has begun; it counts as attuned.
    Attuning,
    /// It works for the character.
    Attuned,
    /// The attunement was broken.
    Broken,
}

impl Attunement {
    /// Whether it takes one of the [`MAX_ATTUNED`] places.
    #[must_use]
    pub fn counts(self) -> bool {
        matches!(self, Self::Attuning | Self::Attuned)
    }
}

/// An item, or several pieces of the same item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct InventoryItem {
    /// The unique id; never changes.
    pub id: InventoryItemId,
    /// The id of the character that owns it.
    pub character_id: CharacterId,
    /// The id of the item that this one was before the first change of theme.
    pub root_id: Option<InventoryItemId>,
    /// The theme: the setting that it belongs to.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub theme: String,
    /// The name of the item.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255))]
    pub name: String,
    /// The type in free text, such as `weapon`, `armor` or `container`.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub item_type: String,
    /// The number of pieces.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 1_000_000_000))]
    pub quantity: i64,
    /// Whether the character wears or holds it.
    pub equipped: bool,
    /// The attunement to its character: `none`, `attuning`, `attuned` or `broken`.
    pub attunement: Attunement,
    /// The id of the container that it is in; `null` for none.
    pub container: Option<InventoryItemId>,
    /// Notes in free text.
    #[cfg_attr(feature = "schema", schema(max_length = 100_000))]
    pub notes: Option<String>,
    /// Any other data, as a JSON object. The rules read `weight` (pounds per piece), `capacity` (pounds; makes the item
    /// a container), `requires_attunement` and `is_magical` (the contents add no weight).
    pub data: Document,
    /// The revision, and when it was created, changed and deleted.
    pub meta: Meta,
}

impl InventoryItem {
    /// One live item of `character`, with default values.
    #[must_use]
    pub fn new(character: CharacterId, name: impl Into<String>, at: Timestamp) -> Self {
        Self {
            id: InventoryItemId::new(),
            character_id: character,
            root_id: None,
            theme: crate::character::DEFAULT_THEME.to_owned(),
            name: name.into(),
            item_type: "other".to_owned(),
            quantity: 1,
            equipped: false,
            attunement: Attunement::None,
            container: None,
            notes: None,
            data: Document::default(),
            meta: Meta::created(at),
        }
    }

    /// Every rule that this item breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::short(&mut violations, "theme", &self.theme, check::MAX_WORD);
        check::short(&mut violations, "name", &self.name, MAX_NAME);
        check::short(&mut violations, "item_type", &self.item_type, check::MAX_WORD);
        if !(0..=MAX_QUANTITY).contains(&self.quantity) {
            violations.push("quantity", format!("must be from 0 to {MAX_QUANTITY}"));
        }
        if self.root_id == Some(self.id) {
            violations.push("root_id", "must not be the item itself");
        }
        if self.container == Some(self.id) {
            violations.push("container", "must not be the item itself");
        }
        check::maybe_text(&mut violations, "notes", self.notes.as_ref());
        self.check_properties(&mut violations);
        self.data.check("data", &mut violations);
        violations
    }
}
