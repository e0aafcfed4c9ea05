//! The bodies of requests and responses.

use crate::MetaBody;
use character_domain::{Attunement, InventoryItem, Members};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// An item, or several pieces of the same item.
#[derive(Debug, Serialize, ToSchema)]
pub struct InventoryItemBody {
    /// The unique id; never changes.
    pub id: Uuid,
    /// The id of the character that owns it.
    pub character_id: Uuid,
    /// The id of the item that this one was before the first change of theme.
    pub root_id: Option<Uuid>,
    /// The theme: the setting that it belongs to.
    pub theme: String,
    /// The name of the item.
    pub name: String,
    /// The type in free text, such as `weapon`, `armor` or `container`.
    pub item_type: String,
    /// The number of pieces.
    pub quantity: i64,
    /// Whether the character wears or holds it.
    pub equipped: bool,
    /// The attunement to its character: `none`, `attuning`, `attuned` or `broken`.
    pub attunement: Attunement,
    /// The id of the container that it is in; `null` for none.
    pub container: Option<Uuid>,
    /// Notes in free text.
    pub notes: Option<String>,
    /// Any other data, as a JSON object.
    #[schema(value_type = Object)]
    pub data: Members,
    /// The revision, and when it was created, changed and deleted.
    #[serde(flatten)]
    pub meta: MetaBody,
}

impl From<InventoryItem> for InventoryItemBody {
    fn from(item: InventoryItem) -> Self {
        Self {
            id: item.id.0,
            character_id: item.character_id.0,
            root_id: item.root_id.map(Into::into),
            theme: item.theme,
            name: item.name,
            item_type: item.item_type,
            quantity: item.quantity,
            equipped: item.equipped,
            attunement: item.attunement,
            container: item.container.map(Into::into),
            notes: item.notes,
            data: item.data.0,
            meta: item.meta.into(),
        }
    }
}

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
