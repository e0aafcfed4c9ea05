//! The rules that take more than one item to judge.

use super::InventoryItem;
use crate::{InventoryItemId, Refusal};
use std::collections::HashMap;

/// At most so many items are attuned to one character.
pub const MAX_ATTUNED: usize = 3;

/// The live items of one character.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    items: HashMap<InventoryItemId, InventoryItem>,
}

impl Inventory {
    /// These items; soft-deleted ones are left out.
    #[must_use]
    pub fn new(items: impl IntoIterator<Item = InventoryItem>) -> Self {
        let live = items.into_iter().filter(|item| !item.meta.is_deleted());
        Self { items: live.map(|item| (item.id, item)).collect() }
    }

    /// The live item with this id.
    #[must_use]
    pub fn get(&self, id: InventoryItemId) -> Option<&InventoryItem> {
        self.items.get(&id)
    }

    /// Puts `next` in the place of the item with its id, or adds it, when the rules allow the state that results.
    ///
    /// What was wrong before and is not made worse is let be: a bag that is too full may be emptied.
    ///
    /// # Errors
    /// The first rule broken; the inventory stays as it was.
    pub fn put(&mut self, next: InventoryItem) -> Result<(), Refusal> {
        let id = next.id;
        let before = self.items.insert(id, next);
        let judged = self.judge(id, before.as_ref());
        if judged.is_err() {
            match before {
                Some(before) => self.items.insert(id, before),
                None => self.items.remove(&id),
            };
        }
        judged
    }

    /// Takes an item out, and gives what lay in it, which now lies where the item lay.
    pub fn remove(&mut self, id: InventoryItemId) -> Vec<InventoryItem> {
        let Some(gone) = self.items.remove(&id) else { return Vec::new() };
        let mut moved = Vec::new();
        for item in self.items.values_mut().filter(|item| item.container == Some(id)) {
            item.container = gone.container;
            moved.push(item.clone());
        }
        moved.sort_by_key(|item| item.id);
        moved
    }

    /// What the character carries, in pounds.
    #[must_use]
    pub fn weight(&self) -> f64 {
        let is_carried = |item: &&InventoryItem| item.container.is_none_or(|id| !self.items.contains_key(&id));
        total(self.items.values().filter(is_carried).map(|item| self.gross(item, 0)))
    }

    /// What lies in a container, in pounds, whatever it weighs on the outside.
    #[must_use]
    pub fn contents_weight(&self, id: InventoryItemId) -> f64 {
        self.contents(id, 0)
    }

    fn contents(&self, id: InventoryItemId, depth: usize) -> f64 {
        let inside = self.items.values().filter(|item| item.container == Some(id));
        total(inside.map(|item| self.gross(item, depth + 1)))
    }

    /// An item with what lies in it. `depth` ends the walk through stored rows that lie in each other.
    fn gross(&self, item: &InventoryItem, depth: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "quantities are far below 2^52")]
        let own = item.weight() * item.quantity as f64;
        if item.capacity().is_none() || item.is_magical_container() || depth > self.items.len() {
            own
        } else {
            own + self.contents(item.id, depth)
        }
    }

    fn judge(&self, id: InventoryItemId, before: Option<&InventoryItem>) -> Result<(), Refusal> {
        let Some(item) = self.items.get(&id) else { return Ok(()) };
        self.judge_place(item, before)?;
        if item.equipped && item.container.is_some() {
            return Err(Refusal::new("equipped-in-container", "an equipped item cannot lie in a container"));
        }
        let newly_attuned = item.attunement.counts() && !before.is_some_and(|before| before.attunement.counts());
        if newly_attuned {
            if !item.requires_attunement() {
                let reason = format!("{} does not require attunement", item.name);
                return Err(Refusal::new("attunement-not-required", reason));
            }
            if self.items.values().filter(|item| item.attunement.counts()).count() > MAX_ATTUNED {
                let reason = format!("at most {MAX_ATTUNED} items can be attuned at once");
                return Err(Refusal::new("too-many-attuned", reason));
            }
        }
        let holds_something = || self.items.values().any(|inner| inner.container == Some(id));
        if item.capacity().is_none() && before.is_some_and(|before| before.capacity().is_some()) && holds_something() {
            return Err(Refusal::new("container-not-empty", "something lies in it, so it must stay a container"));
        }
        Ok(())
    }

    fn judge_place(&self, item: &InventoryItem, before: Option<&InventoryItem>) -> Result<(), Refusal> {
        if let Some(container) = item.container
            && before.is_none_or(|before| before.container != item.container)
        {
            match self.items.get(&container) {
                _ if container == item.id => return Err(cycle()),
                None => return Err(Refusal::new("no-such-container", "the character has no such item")),
                Some(container) if container.capacity().is_none() => {
                    let reason = format!("{} is not a container", container.name);
                    return Err(Refusal::new("not-a-container", reason));
                }
                Some(_) => {}
            }
        }
        let mut earlier = self.clone();
        match before {
            Some(before) => earlier.items.insert(item.id, before.clone()),
            None => earlier.items.remove(&item.id),
        };
        // From the item itself, whose own capacity may have changed, up to what lies nowhere.
        let mut next = Some(item.id);
        for _ in 0..=self.items.len() {
            let Some(holder) = next.and_then(|id| self.items.get(&id)) else { return Ok(()) };
            let inside = self.contents_weight(holder.id);
            let was_inside = earlier.contents_weight(holder.id);
            let capacity = holder.capacity().unwrap_or(f64::INFINITY);
            let earlier_capacity = earlier.get(holder.id).and_then(InventoryItem::capacity).unwrap_or(f64::INFINITY);
            if inside > capacity && (inside > was_inside || capacity < earlier_capacity) {
                let reason = format!("{} holds {capacity} pounds, and there would be {inside} in it", holder.name);
                return Err(Refusal::new("container-full", reason));
            }
            next = holder.container;
        }
        Err(cycle())
    }
}

/// The sum, which for nothing is 0: that of the standard library is -0, and is shown so.
fn total(pounds: impl Iterator<Item = f64>) -> f64 {
    pounds.fold(0.0, |total, pounds| total + pounds)
}

fn cycle() -> Refusal {
    Refusal::new("container-cycle", "a container cannot lie in itself, directly or through others")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CharacterId, inventory::Attunement};
    use serde_json::json;

    fn item(character: CharacterId, name: &str, data: serde_json::Value) -> InventoryItem {
        let data = crate::Document::from(data.as_object().cloned().unwrap_or_default());
        InventoryItem { data, ..InventoryItem::new(character, name, crate::now()) }
    }

    fn inside(item: InventoryItem, container: &InventoryItem) -> InventoryItem {
        InventoryItem { container: Some(container.id), ..item }
    }

    fn rule(result: Result<(), Refusal>) -> String {
        result.err().map_or_else(String::new, |refusal| refusal.rule.into_owned())
    }

    #[test]
    fn a_container_cannot_hold_itself_directly_or_through_others() {
        let of = CharacterId::new();
        let [a, b, c] = ["a", "b", "c"].map(|name| item(of, name, json!({ "capacity": 100 })));
        let b = inside(b, &a);
        let c = inside(c, &b);
        let mut inventory = Inventory::new([a.clone(), b.clone(), c.clone()]);
        assert_eq!(rule(inventory.put(inside(a.clone(), &a))), "container-cycle");
        assert_eq!(rule(inventory.put(inside(a.clone(), &c))), "container-cycle");
        assert_eq!(inventory.get(a.id), Some(&a), "a refused act changes nothing");
    }

    #[test]
    fn a_container_must_be_there_and_be_one() {
        let of = CharacterId::new();
        let (sword, absent) = (item(of, "sword", json!({})), item(of, "absent", json!({ "capacity": 5 })));
        let mut inventory = Inventory::new([sword.clone()]);
        assert_eq!(rule(inventory.put(inside(item(of, "x", json!({})), &sword))), "not-a-container");
        assert_eq!(rule(inventory.put(inside(item(of, "x", json!({})), &absent))), "no-such-container");
    }

    #[test]
    fn what_is_too_heavy_does_not_go_in_and_a_bag_that_is_too_full_may_be_emptied() {
        let of = CharacterId::new();
        let chest = item(of, "chest", json!({ "capacity": 20, "weight": 10 }));
        let bag = inside(item(of, "bag", json!({ "capacity": 10, "weight": 1 })), &chest);
        let full = inside(item(of, "lead", json!({ "weight": 8 })), &bag);
        let mut inventory = Inventory::new([chest.clone(), bag.clone(), full.clone()]);
        assert_eq!(rule(inventory.put(inside(item(of, "x", json!({ "weight": 3 })), &bag))), "container-full");
        assert_eq!(rule(inventory.put(inside(item(of, "x", json!({ "weight": 12 })), &chest))), "container-full");
        assert_eq!(rule(inventory.put(inside(item(of, "x", json!({ "weight": 2 })), &bag))), "");
        assert!((inventory.weight() - 21.0).abs() < 1e-9);
        let mut crammed = Inventory::new([chest, bag.clone(), InventoryItem { quantity: 5, ..full.clone() }]);
        assert_eq!(rule(crammed.put(InventoryItem { quantity: 6, ..full.clone() })), "container-full");
        assert_eq!(rule(crammed.put(InventoryItem { quantity: 4, ..full })), "");
        let smaller = item(of, "bag", json!({ "capacity": 1 }));
        assert_eq!(rule(crammed.put(InventoryItem { data: smaller.data, ..bag })), "container-full");
    }

    #[test]
    fn nothing_weighs_nothing_and_not_less() {
        let bag = item(CharacterId::new(), "bag", json!({ "capacity": 5 }));
        let inventory = Inventory::new([bag.clone()]);
        assert_eq!(inventory.contents_weight(bag.id).to_string(), "0");
        assert_eq!(Inventory::default().weight().to_string(), "0");
    }

    #[test]
    fn what_lies_in_a_magical_container_weighs_nothing_outside() {
        let of = CharacterId::new();
        let bag = item(of, "bag of holding", json!({ "capacity": 500, "weight": 5, "is_magical": true }));
        let anvil = inside(item(of, "anvil", json!({ "weight": 300 })), &bag);
        let inventory = Inventory::new([bag.clone(), anvil]);
        assert!((inventory.weight() - 5.0).abs() < 1e-9);
        assert!((inventory.contents_weight(bag.id) - 300.0).abs() < 1e-9);
    }

    #[test]
    fn a_fourth_attuned_item_and_one_that_needs_none_are_refused() {
        let of = CharacterId::new();
        let attuned = |name| InventoryItem {
            attunement: Attunement::Attuned,
            ..item(of, name, json!({ "requires_attunement": true }))
        };
        let mut inventory = Inventory::new([attuned("a"), attuned("b")]);
        assert_eq!(rule(inventory.put(attuned("c"))), "");
        assert_eq!(rule(inventory.put(attuned("d"))), "too-many-attuned");
        let plain = InventoryItem { attunement: Attunement::Attuning, ..item(of, "plain", json!({})) };
        assert_eq!(rule(inventory.put(plain)), "attunement-not-required");
    }

    #[test]
    fn an_equipped_item_does_not_lie_in_a_container() {
        let of = CharacterId::new();
        let bag = item(of, "bag", json!({ "capacity": 10 }));
        let mut inventory = Inventory::new([bag.clone()]);
        let sword = InventoryItem { equipped: true, ..inside(item(of, "sword", json!({})), &bag) };
        assert_eq!(rule(inventory.put(sword)), "equipped-in-container");
    }

    #[test]
    fn what_lay_in_a_removed_container_lies_where_that_lay() {
        let of = CharacterId::new();
        let chest = item(of, "chest", json!({ "capacity": 50 }));
        let bag = inside(item(of, "bag", json!({ "capacity": 10 })), &chest);
        let coin = inside(item(of, "coin", json!({})), &bag);
        let mut inventory = Inventory::new([chest.clone(), bag.clone(), coin.clone()]);
        let moved = inventory.remove(bag.id);
        assert_eq!(moved, [InventoryItem { container: Some(chest.id), ..coin }]);
    }
}
