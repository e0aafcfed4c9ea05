//! Items of an inventory.

use super::{Filter, Place, Sample, by, document, store, verbs};
use crate::sample::at;
use character_domain::{
    Attunement, CharacterId, Document, InventoryItem, InventoryItemId, Timestamp, inventory::MAX_QUANTITY,
};

impl Sample for InventoryItem {
    store!();
    verbs!(of every change);

    fn full() -> Self {
        Self {
            root_id: Some(InventoryItemId::new()),
            theme: "steampunk".to_owned(),
            item_type: "weapon".to_owned(),
            quantity: 3,
            equipped: true,
            attunement: Attunement::Attuned,
            container: Some(InventoryItemId::new()),
            notes: Some("Found in the keep.\nGlows.".to_owned()),
            data: document("item"),
            ..Self::new(CharacterId::new(), "Moonblade", at(0))
        }
    }
    fn changed(&self) -> Self {
        Self {
            id: self.id,
            character_id: CharacterId::new(),
            root_id: Some(InventoryItemId::new()),
            theme: "dark_fantasy".to_owned(),
            name: "Sunblade".to_owned(),
            item_type: "armor".to_owned(),
            quantity: 0,
            equipped: false,
            attunement: Attunement::Broken,
            container: Some(InventoryItemId::new()),
            notes: Some(String::new()),
            data: document("another"),
            meta: self.meta,
        }
    }
    fn bare(&self) -> Self {
        Self { id: self.id, meta: self.meta, ..Self::new(self.character_id, "x", at(0)) }
    }
    fn faults() -> Vec<Place<Self, ()>> {
        vec![
            ("name", |row, ()| row.name = "x".repeat(256)),
            ("name", |row, ()| row.name = "\u{3164}".to_owned()),
            ("theme", |row, ()| row.theme = " ".to_owned()),
            ("item_type", |row, ()| row.item_type = "x".repeat(65)),
            ("quantity", |row, ()| row.quantity = -1),
            ("quantity", |row, ()| row.quantity = MAX_QUANTITY + 1),
            ("root_id", |row, ()| row.root_id = Some(row.id)),
            ("container", |row, ()| row.container = Some(row.id)),
            ("notes", |row, ()| row.notes = Some("\0".to_owned())),
            ("data.weight", |row, ()| drop(row.data.0.insert("weight".to_owned(), (-1).into()))),
        ]
    }
    fn filters() -> Vec<Filter<Self>> {
        vec![
            Filter {
                narrow: |query, row| query.character_id = Some(row.character_id),
                take: |row, other| row.character_id = other.character_id,
            },
            by!(root_id),
            by!(container),
            Filter {
                narrow: |query, row| query.name = Some(row.name.to_uppercase()),
                take: |row, other| row.name = other.name.clone(),
            },
            Filter { narrow: |query, _| query.equipped_only = true, take: |row, other| row.equipped = other.equipped },
        ]
    }
    fn documents() -> Vec<Place<Self, Document>> {
        vec![("data", |row, data| row.data = data)]
    }
    fn texts() -> Vec<Place<Self, String>> {
        vec![
            ("theme", |row, text| row.theme = text),
            ("name", |row, text| row.name = text),
            ("item_type", |row, text| row.item_type = text),
            ("notes", |row, text| row.notes = Some(text)),
        ]
    }
    fn times() -> Vec<Place<Self, Timestamp>> {
        Vec::new()
    }
}
