//! From JSON objects to what the repository takes, with every fault found.

use crate::{fields::Fields, merge::Writable};
use character_domain::{Attunement, InventoryItem, Violations};
use character_repositories::NewItem;
use serde_json::{Map, Value, json};

/// What a client may not choose.
pub(crate) const READ_ONLY: [&str; 2] = ["character_id", "root_id"];
const ATTUNEMENTS: &str = "must be none, attuning, attuned or broken";

/// An item to be. A placeholder stands in for a field that cannot be read, so that all faults are reported at once.
pub(crate) fn new(members: Map<String, Value>) -> Result<NewItem, Violations> {
    let mut fields = Fields::of(members);
    fields.refuse(&READ_ONLY, "is read-only");
    let name = fields.text("name");
    let plain = NewItem::new(fields.require("name", name).unwrap_or_else(|| "unnamed".to_owned()));
    let new = NewItem {
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
    };
    fields.refuse_the_rest();
    fields.faults.into_result().map(|()| new)
}

impl Writable for InventoryItem {
    fn as_written(&self) -> Map<String, Value> {
        let written = json!({
            "theme": self.theme,
            "name": self.name,
            "item_type": self.item_type,
            "quantity": self.quantity,
            "equipped": self.equipped,
            "attunement": self.attunement,
            "container": self.container,
            "notes": self.notes,
            "data": self.data,
        });
        if let Value::Object(members) = written { members } else { Map::new() }
    }

    fn rewritten(&self, fields: &mut Fields) -> Self {
        let plain = NewItem::new("");
        let (theme, name) = (fields.text("theme"), fields.text("name"));
        Self {
            theme: fields.require("theme", theme).unwrap_or_else(|| self.theme.clone()),
            name: fields.require("name", name).unwrap_or_else(|| self.name.clone()),
            item_type: fields.text("item_type").unwrap_or(plain.item_type),
            quantity: fields.number("quantity").unwrap_or(plain.quantity),
            equipped: fields.flag("equipped").unwrap_or_default(),
            attunement: fields.word::<Attunement>("attunement", ATTUNEMENTS).unwrap_or_default(),
            container: fields.id("container"),
            notes: fields.text("notes"),
            data: fields.document("data").unwrap_or_default(),
            ..self.clone()
        }
    }
}
