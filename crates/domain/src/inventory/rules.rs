//! The rules over several items, checked on the result of a change.

use super::{Capacity, Inventory, Loads, items::Held};
use crate::{InventoryItemId, Refusal};
use rust_decimal::Decimal;
use std::cell::OnceCell;

/// Maximum number of items that are attuned to one character.
pub const MAX_ATTUNED: usize = 3;

pub(super) const ATTUNEMENT_NOT_REQUIRED: &str = "attunement-not-required";
pub(super) const CONTAINER_CYCLE: &str = "container-cycle";
pub(super) const CONTAINER_FULL: &str = "container-full";
pub(super) const EQUIPPED_IN_CONTAINER: &str = "equipped-in-container";
pub(super) const NO_SUCH_CONTAINER: &str = "no-such-container";
pub(super) const NOT_A_CONTAINER: &str = "not-a-container";
pub(super) const NOTHING_THERE: &str = "nothing-there";
pub(super) const TOO_MANY_ATTUNED: &str = "too-many-attuned";
pub(super) const WEIGHT_NOT_EXACT: &str = "weight-not-exact";

/// One item that breaks a rule, or all items together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryFault {
    /// The item; `None` when it is all of them together.
    pub item: Option<InventoryItemId>,
    /// The rule, and how it is broken.
    pub refusal: Refusal,
}

/// A change of some items: the inventory before and after.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) before: &'a Inventory,
    pub(super) after: &'a Inventory,
}

impl Change<'_> {
    /// Checks the items of a change on its result. A rule that was broken before and is not broken further is ignored.
    pub(super) fn judge(&self, changed: &[InventoryItemId]) -> Result<(), Refusal> {
        for held in changed.iter().filter_map(|id| self.after.find(*id)) {
            self.judge_item(held)?;
        }
        self.judge_loads(changed)
    }

    fn judge_item(&self, held: &Held) -> Result<(), Refusal> {
        held.properties.as_ref().map_err(Clone::clone)?;
        let (item, before) = (&held.item, self.before.find(held.item.id));
        // The rule is the one of the whole inventory, so that the two cannot differ.
        let was_broken = |broken: fn(&Held) -> Option<Refusal>| before.is_some_and(|before| broken(before).is_some());
        if before.is_none_or(|before| before.item.container != item.container)
            && let Some(refusal) = place(self.after, held)
        {
            return Err(refusal);
        }
        for broken in [equipped_in_container, attunement_not_required] {
            if let Some(refusal) = broken(held)
                && !was_broken(broken)
            {
                return Err(refusal);
            }
        }
        let newly_attuned = item.attunement.counts() && !before.is_some_and(|before| before.item.attunement.counts());
        if newly_attuned && self.after.held().filter(|held| held.item.attunement.counts()).count() > MAX_ATTUNED {
            return Err(too_many_attuned());
        }
        // The last piece of what is equipped may be used up.
        let newly_equipped = item.equipped && !before.is_some_and(|before| before.item.equipped);
        if newly_equipped && item.quantity == 0 {
            return Err(Refusal::new(NOTHING_THERE, "the quantity of the item is 0; it must be at least 1"));
        }
        let was_container = before.is_some_and(Held::is_container);
        let holds_something = || self.after.held().any(|inner| inner.item.container == Some(item.id));
        if was_container && !held.is_container() && holds_something() {
            return Err(Refusal::new("container-not-empty", "the item is not empty, so it must stay a container"));
        }
        Ok(())
    }

    /// Checks the containers of the changed items, and the items themselves as containers.
    pub(super) fn judge_loads(&self, changed: &[InventoryItemId]) -> Result<(), Refusal> {
        let weighs_differently =
            |held: &&Held| self.before.find(held.item.id).is_none_or(|before| !before.weighs_as(held));
        let moved: Vec<_> = changed.iter().filter_map(|id| self.after.find(*id)).filter(weighs_differently).collect();
        if moved.is_empty() {
            return Ok(());
        }
        let (loads, earlier) = (self.after.loads(), OnceCell::new());
        let earlier = || earlier.get_or_init(|| self.before.loads());
        for held in moved {
            let mut next = Some(held);
            for _ in 0..=self.after.len() {
                let Some(holder) = next else { break };
                self.judge_load(holder, &loads, earlier)?;
                next = self.after.container_of(holder).and_then(|id| self.after.find(id));
            }
            if next.is_some() {
                return Err(cycle());
            }
        }
        match loads.carried() {
            // A sum that can be answered stays one.
            Err(refusal) if earlier().carried().is_ok() => Err(refusal),
            _ => Ok(()),
        }
    }

    fn judge_load<'a>(&self, holder: &Held, loads: &Loads, earlier: impl Fn() -> &'a Loads) -> Result<(), Refusal> {
        let Some(Capacity::Pounds(capacity)) = holder.properties.as_ref().map_err(Clone::clone)?.capacity else {
            return Ok(());
        };
        let inside = loads.contents(holder.item.id)?;
        if inside <= capacity {
            return Ok(());
        }
        let capacity_before = self.before.find(holder.item.id).and_then(Held::capacity).and_then(Capacity::pounds);
        let inside_before = earlier().contents(holder.item.id);
        let no_worse = capacity_before.is_some_and(|before| before <= capacity)
            && inside_before.is_ok_and(|before| inside <= before);
        if no_worse { Ok(()) } else { Err(full(holder, capacity, inside)) }
    }
}

impl Inventory {
    /// Every rule that the inventory breaks as a whole, item by item in the order of their ids. Empty for every
    /// inventory that was only changed by [`put`](Self::put), [`remove`](Self::remove) and [`restore`](Self::restore).
    #[must_use]
    pub fn faults(&self) -> Vec<InventoryFault> {
        let loads = self.loads();
        let (mut faults, mut attuned) = (Vec::new(), 0);
        for held in self.held() {
            let mut found = |refusal| faults.push(InventoryFault { item: Some(held.item.id), refusal });
            if let Err(refusal) = &held.properties {
                found(refusal.clone());
            }
            [place(self, held), equipped_in_container(held), attunement_not_required(held)]
                .into_iter()
                .flatten()
                .for_each(&mut found);
            attuned += usize::from(held.item.attunement.counts());
            if held.item.attunement.counts() && attuned > MAX_ATTUNED {
                found(too_many_attuned());
            }
            match (loads.contents(held.item.id), held.capacity()) {
                (Err(refusal), _) if refusal.rule.as_ref() == CONTAINER_CYCLE => found(refusal),
                (Ok(inside), Some(Capacity::Pounds(capacity))) if inside > capacity => {
                    found(full(held, capacity, inside));
                }
                _ => {}
            }
        }
        if let (Err(refusal), true) = (loads.carried(), faults.is_empty()) {
            faults.push(InventoryFault { item: None, refusal });
        }
        faults
    }
}

/// The fault of the container that an item names.
fn place(inventory: &Inventory, held: &Held) -> Option<Refusal> {
    let container = held.item.container?;
    if container == held.item.id {
        return Some(cycle());
    }
    let Some(holder) = inventory.find(container) else {
        return Some(Refusal::new(NO_SUCH_CONTAINER, "the character has no such item"));
    };
    match &holder.properties {
        Err(refusal) => Some(refusal.clone()),
        Ok(properties) if properties.capacity.is_none() => {
            Some(Refusal::new(NOT_A_CONTAINER, format!("{} is not a container", holder.item.name)))
        }
        Ok(_) => None,
    }
}

fn equipped_in_container(held: &Held) -> Option<Refusal> {
    let broken = held.item.equipped && held.item.container.is_some();
    broken.then(|| Refusal::new(EQUIPPED_IN_CONTAINER, "an equipped item cannot be in a container"))
}

fn attunement_not_required(held: &Held) -> Option<Refusal> {
    let required = held.properties.as_ref().map_or(true, |properties| properties.requires_attunement);
    let broken = held.item.attunement.counts() && !required;
    broken.then(|| Refusal::new(ATTUNEMENT_NOT_REQUIRED, format!("{} does not require attunement", held.item.name)))
}

fn too_many_attuned() -> Refusal {
    Refusal::new(TOO_MANY_ATTUNED, format!("at most {MAX_ATTUNED} items can be attuned at once"))
}

fn full(holder: &Held, capacity: Decimal, inside: Decimal) -> Refusal {
    let reason = format!("{} holds at most {capacity} pounds, and would hold {inside}", holder.item.name);
    Refusal::new(CONTAINER_FULL, reason)
}

pub(super) fn cycle() -> Refusal {
    Refusal::new(CONTAINER_CYCLE, "a container cannot be in itself, directly or through other containers")
}
