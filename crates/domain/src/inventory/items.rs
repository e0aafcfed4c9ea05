//! The live items of one character, and the ways to change them that keep the rules.

use super::{
    Attunement, Capacity, InventoryItem, ItemProperties, Loads,
    rules::{self, Change},
};
use crate::{InventoryItemId, Meta, Refusal};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// An item, with the members that the rules read.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) item: InventoryItem,
    pub(super) properties: Result<ItemProperties, Refusal>,
}

impl Held {
    fn of(item: InventoryItem) -> Self {
        Self { properties: item.properties(), item }
    }

    pub(super) fn capacity(&self) -> Option<Capacity> {
        self.properties.as_ref().ok().and_then(|properties| properties.capacity)
    }

    pub(super) fn is_container(&self) -> bool {
        self.capacity().is_some()
    }

    /// Whether both have the same weight, capacity and container, so that no sum of weights changes.
    pub(super) fn weighs_as(&self, other: &Self) -> bool {
        let pulls = |held: &Self| {
            let properties = held.properties.as_ref().ok();
            properties.map(|it| (it.total_weight, it.capacity, it.passes_weight_on(), held.item.container))
        };
        pulls(self).is_some() && pulls(self) == pulls(other)
    }
}

/// A restored item.
#[derive(Clone, Debug, PartialEq)]
pub struct Restored {
    /// The item after the restore.
    pub item: InventoryItem,
    /// The rules that prevented a full restore: those that took it out of its container, unequipped it or ended its
    /// attunement. Empty for a full restore.
    pub loosened: Vec<Refusal>,
}

/// The live items of one character. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    items: BTreeMap<InventoryItemId, Arc<Held>>,
}

impl Inventory {
    /// These items; soft-deleted ones are left out.
    #[must_use]
    pub fn new(items: impl IntoIterator<Item = InventoryItem>) -> Self {
        let live = items.into_iter().filter(|item| !item.meta.is_deleted());
        Self { items: live.map(|item| (item.id, Arc::new(Held::of(item)))).collect() }
    }

    /// The live item with this id.
    #[must_use]
    pub fn get(&self, id: InventoryItemId) -> Option<&InventoryItem> {
        self.find(id).map(|held| &held.item)
    }

    /// Puts `next` in the place of the item with its id, or adds it, when the rules allow the state that results.
    ///
    /// A rule that was broken before and is not broken further is ignored: an overfull bag may be emptied.
    ///
    /// # Errors
    /// The first rule broken; the inventory is unchanged.
    pub fn put(&mut self, next: InventoryItem) -> Result<(), Refusal> {
        self.put_all([next])
    }

    /// Puts several items at once, as [`put`](Self::put) does one. Only the resulting state is checked, so the order
    /// does not matter.
    ///
    /// # Errors
    /// The first rule broken; the inventory is unchanged.
    pub fn put_all(&mut self, next: impl IntoIterator<Item = InventoryItem>) -> Result<(), Refusal> {
        let (mut after, mut changed) = (self.clone(), Vec::new());
        for item in next {
            changed.push(item.id);
            after.insert(item);
        }
        Change { before: self, after: &after }.judge(&changed)?;
        *self = after;
        Ok(())
    }

    /// Removes an item, and returns its contents, which move to where the item was.
    ///
    /// # Errors
    /// `container-full` when the contents of a magical container do not fit where it lay; the inventory is unchanged.
    pub fn remove(&mut self, id: InventoryItemId) -> Result<Vec<InventoryItem>, Refusal> {
        let mut after = self.clone();
        let Some(gone) = after.items.remove(&id) else { return Ok(Vec::new()) };
        let place = after.container_of(&gone);
        let inside = after.items.values().filter(|held| held.item.container == Some(id));
        let moved: Vec<_> = inside.map(|held| InventoryItem { container: place, ..held.item.clone() }).collect();
        let ids: Vec<_> = moved.iter().map(|item| item.id).collect();
        moved.iter().cloned().for_each(|item| after.insert(item));
        // The contents of any other container weighed on what held it already.
        if gone.properties.as_ref().is_ok_and(|it| !it.passes_weight_on()) {
            Change { before: self, after: &after }.judge_loads(&ids)?;
        }
        *self = after;
        Ok(moved)
    }

    /// Restores a soft-deleted item: in its container, equipped and with its attunement where the rules still allow that,
    /// otherwise in no container and not equipped, or not attuned.
    ///
    /// # Errors
    /// The first rule that is still broken; the inventory is unchanged.
    pub fn restore(&mut self, deleted: InventoryItem) -> Result<Restored, Refusal> {
        let mut item = InventoryItem { meta: Meta { deleted_at: None, ..deleted.meta }, ..deleted };
        let mut loosened = Vec::new();
        while let Err(refusal) = self.put(item.clone()) {
            match refusal.rule.as_ref() {
                rules::ATTUNEMENT_NOT_REQUIRED | rules::TOO_MANY_ATTUNED if item.attunement.counts() => {
                    item.attunement = Attunement::None;
                }
                rules::NOTHING_THERE if item.equipped => item.equipped = false,
                _ if item.container.is_some() => (item.container, item.equipped) = (None, false),
                _ => return Err(refusal),
            }
            loosened.push(refusal);
        }
        Ok(Restored { item, loosened })
    }

    /// The contents of this item, direct and indirect, in the order of ids.
    #[must_use]
    pub fn contents(&self, id: InventoryItemId) -> Vec<InventoryItem> {
        let mut inside = BTreeSet::from([id]);
        // Each round finds what lies one level deeper.
        loop {
            let before = inside.len();
            let deeper = self.items.values().filter(|held| held.item.container.is_some_and(|id| inside.contains(&id)));
            let found: Vec<_> = deeper.map(|held| held.item.id).collect();
            inside.extend(found);
            if inside.len() == before {
                break;
            }
        }
        inside.remove(&id);
        inside.iter().filter_map(|id| self.get(*id).cloned()).collect()
    }

    /// The weights of all items.
    #[must_use]
    pub fn loads(&self) -> Loads {
        Loads::of(self)
    }

    fn insert(&mut self, item: InventoryItem) {
        self.items.insert(item.id, Arc::new(Held::of(item)));
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = InventoryItemId> {
        self.items.keys().copied()
    }

    pub(super) fn held(&self) -> impl Iterator<Item = &Held> {
        self.items.values().map(AsRef::as_ref)
    }

    pub(super) fn find(&self, id: InventoryItemId) -> Option<&Held> {
        self.items.get(&id).map(AsRef::as_ref)
    }

    /// The live item that contains an item.
    pub(super) fn container_of(&self, held: &Held) -> Option<InventoryItemId> {
        held.item.container.filter(|id| self.items.contains_key(id))
    }
}
