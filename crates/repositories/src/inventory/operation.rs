//! The name of each act on items, and the event that reports it.

use crate::unit_of_work::UnitOfWork;
use character_domain::{
    InventoryItem,
    event::{InventoryChanged, ItemKind, ItemOperation, ItemsChanged},
};
use character_storage_port::EventData;

/// The name of the act that creates items in the record of versions.
pub(crate) const CREATED: &str = "inventory.created";

/// The name of an act on items in the record of versions.
pub(super) fn act(operation: ItemOperation) -> &'static str {
    match operation {
        ItemOperation::Create => CREATED,
        ItemOperation::Delete => "inventory.deleted",
        ItemOperation::Restore => "inventory.restored",
        ItemOperation::Updated => "inventory.updated",
        ItemOperation::Equipped => "inventory.equipped",
        ItemOperation::Unequipped => "inventory.unequipped",
        ItemOperation::Moved => "inventory.moved",
        ItemOperation::Attuned => "inventory.attuned",
        ItemOperation::Unattuned => "inventory.unattuned",
    }
}

/// One event for all items of the act.
pub(crate) fn report(work: &mut UnitOfWork, change: ItemOperation, items: &[InventoryItem]) {
    let ids = items.iter().map(|item| item.id).collect();
    let data = ItemsChanged { character_id: work.after.id, kind: ItemKind::InventoryItem, ids, change };
    work.changes.event(work.after.id, &EventData::CharacterInventoryChanged(InventoryChanged::Items(data)));
}
