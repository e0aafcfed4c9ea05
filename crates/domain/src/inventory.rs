//! Inventory: what a character owns, where it is, and what may be done with it.

mod rules;

pub use rules::{Inventory, MAX_ATTUNED};

use crate::{CharacterId, Document, InventoryItemId, Meta, Timestamp, Violations, check};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
        check::short(&mut violations, "name", &self.name, check::MAX_NAME);
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
        for member in ["weight", "capacity"] {
            match self.data.0.get(member) {
                None | Some(Value::Null) => {}
                Some(value) if value.as_f64().is_some_and(|pounds| (0.0..=1e9).contains(&pounds)) => {}
                Some(_) => violations.push(format!("data.{member}"), "must be a number from 0 to 1000000000"),
            }
        }
        for member in ["requires_attunement", "is_magical"] {
            if !matches!(self.data.0.get(member), None | Some(Value::Null | Value::Bool(_))) {
                violations.push(format!("data.{member}"), "must be true or false");
            }
        }
        self.data.check("data", &mut violations);
        violations
    }

    /// What one piece weighs, in pounds. 0 when nobody said.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.data.0.get("weight").and_then(Value::as_f64).unwrap_or(0.0)
    }

    /// How much it holds, in pounds; `None` for what is no container.
    #[must_use]
    pub fn capacity(&self) -> Option<f64> {
        let capacity = self.data.0.get("capacity").and_then(Value::as_f64);
        // A container that says nothing of a limit has none.
        capacity.or_else(|| (self.item_type == "container").then_some(f64::INFINITY))
    }

    /// Whether it works only for who is attuned to it.
    #[must_use]
    pub fn requires_attunement(&self) -> bool {
        self.flag("requires_attunement")
    }

    /// Whether what lies in it weighs nothing on the outside.
    #[must_use]
    pub fn is_magical_container(&self) -> bool {
        self.capacity().is_some() && self.flag("is_magical")
    }

    fn flag(&self, member: &str) -> bool {
        self.data.0.get(member).and_then(Value::as_bool).unwrap_or(false)
    }
}
