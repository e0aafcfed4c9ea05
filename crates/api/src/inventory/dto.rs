//! The bodies of requests and responses.

use crate::RowBody;
use character_domain::{Attunement, InventoryItem};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// An item.
pub type InventoryItemBody = RowBody<InventoryItem>;

/// A new item. Unknown fields are rejected; `null` means the same as an absent field.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "name": "Backpack", "item_type": "container", "data": { "weight": 5, "capacity": 30 } }))]
pub struct NewInventoryItemBody {
    /// Default: a new UUID of version 7.
    pub id: Option<Uuid>,
    /// The theme: the setting that it belongs to. Default: that of the character.
    #[schema(min_length = 1, max_length = 64)]
    pub theme: Option<String>,
    /// The name of the item.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// The type in free text, such as `weapon`, `armor` or `container`.
    #[schema(default = "other", min_length = 1, max_length = 64)]
    pub item_type: Option<String>,
    /// The number of pieces.
    #[schema(default = 1, minimum = 0, maximum = 1_000_000_000)]
    pub quantity: Option<i64>,
    /// Whether the character wears or holds it.
    #[schema(default = false)]
    pub equipped: Option<bool>,
    /// The attunement to its character: `none`, `attuning`, `attuned` or `broken`.
    #[schema(default = "none")]
    pub attunement: Option<Attunement>,
    /// The id of the container that it is in: a container of the same character.
    pub container: Option<Uuid>,
    /// Notes in free text.
    #[schema(max_length = 100_000)]
    pub notes: Option<String>,
    /// Any other data, as a JSON object. The rules read `weight` (pounds per piece), `capacity` (pounds; makes the item
    /// a container), `requires_attunement` and `is_magical` (the contents add no weight).
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// Changes of an item (RFC 7396): absent fields stay, `null` removes a value or restores its default.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "quantity": 3, "data": { "weight": 4.5 } }))]
pub struct InventoryItemPatch {
    /// The theme: the setting that it belongs to.
    #[schema(nullable = false)]
    pub theme: Option<String>,
    /// The name of the item.
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// The type in free text, such as `weapon`, `armor` or `container`.
    pub item_type: Option<String>,
    /// The number of pieces.
    pub quantity: Option<i64>,
    /// Whether the character wears or holds it.
    pub equipped: Option<bool>,
    /// The attunement to its character: `none`, `attuning`, `attuned` or `broken`.
    pub attunement: Option<Attunement>,
    /// The id of the container that it is in; `null` for none.
    pub container: Option<Uuid>,
    /// Notes in free text.
    pub notes: Option<String>,
    /// Merged into the stored object, member by member.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}
