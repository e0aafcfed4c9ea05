//! The weights of a whole inventory, computed once: exact, and independent of the order of its items.

use super::{Inventory, rules};
use crate::{InventoryItemId, Refusal, number};
use rust_decimal::Decimal;
use std::collections::HashMap;

type Pounds = Result<Decimal, Refusal>;

/// The weights of a whole inventory, in pounds.
#[derive(Clone, Debug)]
pub struct Loads {
    carried: Pounds,
    contents: HashMap<InventoryItemId, Pounds>,
}

impl Loads {
    /// The weight that the character carries.
    ///
    /// # Errors
    /// `unreadable-member` when the weight of an item cannot be read, `weight-not-exact` when the sum has more digits
    /// than a decimal holds, `container-cycle` when stored containers lie in each other.
    pub fn carried(&self) -> Pounds {
        self.carried.clone()
    }

    /// The weight of the contents of an item, also of a magical one. 0 for an item that the inventory does not have.
    ///
    /// # Errors
    /// As [`carried`](Self::carried).
    pub fn contents(&self, id: InventoryItemId) -> Pounds {
        self.contents.get(&id).cloned().unwrap_or(Ok(Decimal::ZERO))
    }

    pub(super) fn of(inventory: &Inventory) -> Self {
        let mut contents: HashMap<_, Pounds> = inventory.ids().map(|id| (id, Ok(Decimal::ZERO))).collect();
        let mut waiting: HashMap<InventoryItemId, usize> = HashMap::new();
        for held in inventory.held() {
            if let Some(container) = inventory.container_of(held) {
                *waiting.entry(container).or_default() += 1;
            }
        }
        // From what holds nothing upwards; a loop instead of recursion, because rows may be nested without limit.
        let mut ready: Vec<_> = inventory.held().filter(|held| !waiting.contains_key(&held.item.id)).collect();
        let mut carried: Pounds = Ok(Decimal::ZERO);
        let mut weighed = 0;
        while let Some(held) = ready.pop() {
            weighed += 1;
            let gross = match &held.properties {
                Ok(it) if it.passes_weight_on() => {
                    plus(Ok(it.total_weight), contents.get(&held.item.id).cloned().unwrap_or(Ok(Decimal::ZERO)))
                }
                Ok(it) => Ok(it.total_weight),
                Err(refusal) => Err(refusal.clone()),
            };
            let Some(container) = inventory.container_of(held) else {
                carried = plus(carried, gross);
                continue;
            };
            if let Some(inside) = contents.get_mut(&container) {
                *inside = plus(inside.clone(), gross);
            }
            if let Some(left) = waiting.get_mut(&container) {
                *left -= 1;
                if *left == 0 {
                    waiting.remove(&container);
                    ready.extend(inventory.find(container));
                }
            }
        }
        if weighed < inventory.len() {
            carried = Err(rules::cycle());
            for id in waiting.into_keys() {
                contents.insert(id, Err(rules::cycle()));
            }
        }
        Self { carried, contents }
    }
}

fn plus(one: Pounds, other: Pounds) -> Pounds {
    let (one, other) = (one?, other?);
    let too_long = || Refusal::new(rules::WEIGHT_NOT_EXACT, "the sum of the weights has more than 28 digits");
    number::sum(one, other).ok_or_else(too_long)
}
