//! What goes over the wire.

use crate::MetaBody;
use character_domain::{Attunement, InventoryItem, Members};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// An item, or several of the same.
#[derive(Debug, Serialize, ToSchema)]
pub struct InventoryItemBody {
    /// Identity; never changes.
    pub id: Uuid,
    /// Whose it is.
    pub character_id: Uuid,
    /// The item this one was at first, before its character changed theme.
    pub root_id: Option<Uuid>,
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
    /// The tie to its character: `none`, `attuning`, `attuned`, `broken`.
    #[schema(value_type = String)]
    pub attunement: Attunement,
    /// The item it lies in.
    pub container: Option<Uuid>,
    /// What somebody wrote down about it.
    pub notes: Option<String>,
    /// Everything else.
    #[schema(value_type = Object)]
    pub data: Members,
    /// Revision and times.
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

/// An item to be. Unknown fields are refused; `null` is as good as absent.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "name": "Backpack", "item_type": "container", "data": { "weight": 5, "capacity": 30 } }))]
pub struct NewInventoryItemBody {
    /// Chosen by the client, or by the service when absent.
    pub id: Option<Uuid>,
    /// The setting it belongs to. That of the character when absent.
    #[schema(min_length = 1, max_length = 64)]
    pub theme: Option<String>,
    /// What it is called.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// `weapon`, `armor`, `container`, ….
    #[schema(default = "other", min_length = 1, max_length = 64)]
    pub item_type: Option<String>,
    /// How many.
    #[schema(default = 1, minimum = 0, maximum = 1_000_000_000)]
    pub quantity: Option<i64>,
    /// Whether it is worn or held.
    #[schema(default = false)]
    pub equipped: Option<bool>,
    /// `none`, `attuning`, `attuned`, `broken`.
    #[schema(default = "none")]
    pub attunement: Option<String>,
    /// The item it lies in, which must be a container of the same character.
    pub container: Option<Uuid>,
    /// What somebody wrote down about it.
    pub notes: Option<String>,
    /// Everything else. The rules read `weight` (pounds, of one piece), `capacity` (pounds; makes it a container),
    /// `requires_attunement` and `is_magical` (what lies in it weighs nothing outside).
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// What is to change of an item (RFC 7396): absent members stay, `null` removes or goes back to the default.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "quantity": 3, "data": { "weight": 4.5 } }))]
pub struct InventoryItemPatch {
    /// The setting it belongs to.
    #[schema(nullable = false)]
    pub theme: Option<String>,
    /// What it is called.
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// `weapon`, `armor`, `container`, ….
    pub item_type: Option<String>,
    /// How many.
    pub quantity: Option<i64>,
    /// Whether it is worn or held.
    pub equipped: Option<bool>,
    /// `none`, `attuning`, `attuned`, `broken`.
    pub attunement: Option<String>,
    /// The item it lies in.
    pub container: Option<Uuid>,
    /// What somebody wrote down about it.
    pub notes: Option<String>,
    /// Merged member by member.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}
