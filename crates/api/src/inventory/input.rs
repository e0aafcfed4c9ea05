//! Items as a plain resource: their paths and words, and how requests about them are read.

use crate::{
    fields::Fields,
    query::Parameters,
    resource::{Filter, INCLUDE_DELETED, Paths, Resource, Words, flag, paths, text, uuid},
    writable::{Examples, Notes},
};
use character_domain::{Character, CharacterId, InventoryItem, UserId, Violations, now};
use character_repositories::NewItem;
use character_storage_port::InventoryItemQuery;
use serde_json::json;
use uuid::Uuid;

const ATTUNEMENTS: &str = "must be none, attuning, attuned or broken";

impl Resource for InventoryItem {
    type Parent = CharacterId;
    type New = NewItem;

    const PATHS: Paths = paths!("/api/v2/characters/{id}/inventory", "item");
    const READ_ONLY: &'static [&'static str] = &["character_id", "root_id"];
    const FILTERS: &'static [Filter] = &[
        ("equipped_only", flag, "Whether to list only items that are worn or held. Default: false."),
        ("container", uuid, "Only items in this container."),
        INCLUDE_DELETED,
        ("name", text, "Only rows whose name contains this text. Case and Unicode normalization make no difference."),
        (
            "order",
            text,
            "The order of the list: `created_at`, `updated_at` or `name`; a leading `-` reverses it. Default: \
             `-created_at`, the newest first.",
        ),
    ];

    const SELECTABLE: &'static [&'static str] = &[
        "id",
        "character_id",
        "root_id",
        "theme",
        "name",
        "item_type",
        "quantity",
        "equipped",
        "attunement",
        "container",
        "notes",
        "data",
        "revision",
        "created_at",
        "updated_at",
        "deleted_at",
    ];
    const NOTES: Notes =
        &[("theme", "Default: that of the character."), ("container", "It must be a container of the same character.")];

    fn examples() -> Examples {
        Examples {
            new: json!({ "name": "Backpack", "item_type": "container", "data": { "weight": 5, "capacity": 30 } }),
            patch: json!({ "quantity": 3, "data": { "weight": 4.5 } }),
        }
    }

    fn words() -> Words {
        let list = "Lists the items of a character, newest first.".to_owned();
        let words = Words::of("inventory", "InventoryItem", "an", "item", ("listInventory", list));
        Words {
            patch: words.patch + " The result must keep the rules.",
            delete: words.delete + " Its contents move to the container that it was in, if any.",
            ..words
        }
    }

    fn query(parameters: &mut Parameters) -> InventoryItemQuery {
        InventoryItemQuery {
            equipped_only: parameters.flag("equipped_only"),
            container: parameters.id("container"),
            name: parameters.text("name"),
            include_deleted: parameters.flag("include_deleted"),
            order: parameters.order(),
            ..InventoryItemQuery::default()
        }
    }

    fn read(fields: &mut Fields) -> NewItem {
        let name = fields.text("name");
        let plain = NewItem::new(fields.require("name", name).unwrap_or_else(|| "unnamed".to_owned()));
        NewItem {
            id: fields.id("id"),
            theme: fields.text("theme"),
            item_type: fields.text("item_type").unwrap_or(plain.item_type),
            quantity: fields.number("quantity").unwrap_or(plain.quantity),
            equipped: fields.flag("equipped").unwrap_or_default(),
            attunement: fields.word("attunement", ATTUNEMENTS).unwrap_or_default(),
            container: fields.id("container"),
            notes: fields.text("notes"),
            data: fields.document("data").unwrap_or_default(),
            name: plain.name,
        }
    }

    fn check_new(new: NewItem) -> Violations {
        let owner = Character::new(UserId(Uuid::nil()), "owner", now());
        new.into_item(&owner, now()).check()
    }

    fn rewritten(&self, fields: &mut Fields) -> Self {
        let theme = fields.text("theme");
        let theme = fields.require("theme", theme).unwrap_or_default();
        let NewItem { name, item_type, quantity, equipped, attunement, container, notes, data, .. } =
            Self::read(fields);
        Self { theme, name, item_type, quantity, equipped, attunement, container, notes, data, ..self.clone() }
    }
}
