//! Inventory: what a character owns, where it is, and what may be done with it.

mod carrying;
mod items;
mod loads;
mod properties;
mod purse;
mod rules;
#[cfg(test)]
mod tests;

pub use carrying::carrying_capacity;
pub use items::{Inventory, Restored};
pub use loads::Loads;
pub use properties::{Capacity, ItemProperties, MAX_POUNDS};
pub use purse::{COINS, MAX_COINS, Purse};
pub use rules::{Fault, MAX_ATTUNED};

use crate::{CharacterId, Document, InventoryItemId, Meta, Timestamp, Violations, check};
use serde::{Deserialize, Serialize};

/// Longest name of an item, in Unicode scalar values.
pub const MAX_NAME: usize = check::MAX_NAME;
/// Most pieces in one row.
pub const MAX_QUANTITY: i64 = 1_000_000_000;

/// The tie between a character and a magic item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attunement {
    /// There is none.
    #[default]
    None,
    /// It is being made; it counts as made.
    Attuning,
    /// It is made.
    Attuned,
    /// It was made and broke.
    Broken,
}

impl Attunement {
    /// Whether it takes one of the [`MAX_ATTUNED`] places.
    #[must_use]
    pub fn counts(self) -> bool {
        matches!(self, Self::Attuning | Self::Attuned)
    }
}

/// An item, or several of the same.
///
/// The rules read these members of `data`: `weight` (pounds, of one piece), `capacity` (pounds; makes it a
/// container), `requires_attunement`, `is_magical` (contents of a magical container do not weigh on who carries it).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InventoryItem {
    /// Identity; never changes.
    pub id: InventoryItemId,
    /// Whose it is.
    pub character_id: CharacterId,
    /// The item this one was at first, before its character changed theme.
    pub root_id: Option<InventoryItemId>,
    /// The setting it belongs to.
    pub theme: String,
    /// What it is called.
    pub name: String,
    /// `weapon`, `armor`, `container`, ….
    pub item_type: String,
    /// How many.
    pub quantity: i64,
    /// Whether it is worn or held.
    pub equipped: bool,
    /// The tie to its character.
    pub attunement: Attunement,
    /// The item it lies in.
    pub container: Option<InventoryItemId>,
    /// What somebody wrote down about it.
    pub notes: Option<String>,
    /// Everything else.
    pub data: Document,
    /// Revision and times.
    pub meta: Meta,
}

impl InventoryItem {
    /// One live item of `character`, carried, with nothing special about it.
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

    /// Every rule this item breaks by itself.
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
