//! The table of inventory items.

use crate::{
    derived::{NAME, NAME_FOLDED},
    table::table,
};
use character_domain::InventoryItem;

table!(
    InventoryItem: character_id, root_id, theme, name, item_type, quantity, equipped, attunement, container, notes, data;
    derived NAME;
    |query, filter| {
        filter.equals("character_id", query.character_id.as_ref())?;
        filter.equals("root_id", query.root_id.as_ref())?;
        filter.equals("container", query.container.as_ref())?;
        filter.contains(NAME_FOLDED, query.name.as_ref());
        filter.only_if(query.equipped_only, "equipped");
        filter.only_if(!query.include_deleted, "deleted_at IS NULL");
    }
);
