//! The members of an item's `data` that the rules read.

use super::InventoryItem;
use crate::{
    Refusal,
    member::{Member, Unreadable},
    number,
};
use rust_decimal::Decimal;

/// Heaviest piece and largest capacity, in pounds.
pub const MAX_POUNDS: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);

/// How much a container holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// At most this number of pounds.
    Pounds(Decimal),
    /// A container without a limit.
    Unlimited,
}

impl Capacity {
    /// Whether this number of pounds fits.
    #[must_use]
    pub fn fits(self, pounds: Decimal) -> bool {
        match self {
            Self::Pounds(most) => pounds <= most,
            Self::Unlimited => true,
        }
    }

    /// The limit, in pounds.
    #[must_use]
    pub fn pounds(self) -> Option<Decimal> {
        match self {
            Self::Pounds(most) => Some(most),
            Self::Unlimited => None,
        }
    }
}

/// The members of an item's `data` that the rules read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemProperties {
    /// `weight`: of one piece, in pounds. Default: 0.
    pub weight: Decimal,
    /// `weight` times quantity, in pounds.
    pub total_weight: Decimal,
    /// `capacity`; `None` for an item that is no container.
    pub capacity: Option<Capacity>,
    /// `is_magical`: the contents of such a container add no weight outside. Default: false.
    pub is_magical: bool,
    /// `requires_attunement`: it works only for a character that is attuned to it. Default: false.
    pub requires_attunement: bool,
}

impl ItemProperties {
    /// Whether its contents add weight outside.
    #[must_use]
    pub fn passes_weight_on(&self) -> bool {
        self.capacity.is_some() && !self.is_magical
    }
}

impl InventoryItem {
    /// The members of its `data` that the rules read.
    ///
    /// # Errors
    /// `unreadable-member`, which an item that passes [`check`](Self::check) never causes.
    pub fn properties(&self) -> Result<ItemProperties, Refusal> {
        let member = |name: &str| Member::of(&self.data, "data", name);
        let weight = member("weight").decimal(MAX_POUNDS)?.unwrap_or(Decimal::ZERO);
        let total_weight = number::product(weight, self.quantity).ok_or_else(|| {
            let reason = format!("data.weight has too many digits to be multiplied by the quantity, {}", self.quantity);
            Refusal::new(crate::member::UNREADABLE, reason)
        })?;
        let capacity = member("capacity").decimal(MAX_POUNDS)?.map(Capacity::Pounds);
        Ok(ItemProperties {
            weight,
            total_weight,
            capacity: capacity.or_else(|| (self.item_type == "container").then_some(Capacity::Unlimited)),
            is_magical: member("is_magical").flag()?.unwrap_or(false),
            requires_attunement: member("requires_attunement").flag()?.unwrap_or(false),
        })
    }

    /// Adds every member of its `data` that the rules cannot read to `violations`.
    pub(super) fn check_properties(&self, violations: &mut crate::Violations) {
        let member = |name: &str| Member::of(&self.data, "data", name);
        let (weight, capacity) = (member("weight").decimal(MAX_POUNDS), member("capacity").decimal(MAX_POUNDS));
        if let Ok(Some(weight)) = weight
            && number::product(weight, self.quantity).is_none()
        {
            violations.push("data.weight", "must have fewer digits, so that weight times quantity is exact");
        }
        let numbers = [weight, capacity].map(|read| read.map(drop));
        let flags = ["requires_attunement", "is_magical"].map(|name| member(name).flag().map(drop));
        let unreadable = numbers.into_iter().chain(flags).filter_map(Result::err);
        violations.extend(unreadable.map(Unreadable::into_violation));
    }
}
