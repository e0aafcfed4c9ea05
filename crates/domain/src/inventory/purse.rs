//! Coins. They are whole numbers on the sheet, in `currency`.

use crate::{
    Document, Refusal, Violations,
    member::{Member, put_whole},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The kinds of coins, from the lowest value: copper, silver, electrum, gold, platinum.
pub const COINS: &[&str] = &["cp", "sp", "ep", "gp", "pp"];
/// Maximum number of coins of one kind.
pub const MAX_COINS: i64 = 1_000_000_000_000;

const CURRENCY: &str = "currency";

/// The number of coins of each kind. As a change: the number to add, negative to take away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Purse(pub BTreeMap<String, i64>);

impl Purse {
    /// The coins on a sheet. A coin that is absent or `null` counts as 0.
    ///
    /// # Errors
    /// `unreadable-member` when `currency` is no object or the number of a coin is not whole.
    pub fn of(sheet: &Document) -> Result<Self, Refusal> {
        let currency = Member::of(sheet, "data", CURRENCY);
        let coins = currency.object()?;
        let count = |coin: &str| Member::within(coins, currency.path(), coin).any_whole();
        let counted = COINS.iter().copied().map(|coin| Ok((coin.to_owned(), count(coin)?.unwrap_or(0))));
        counted.collect::<Result<_, Refusal>>().map(Self)
    }

    /// Every rule that this breaks as a change.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        for (coin, count) in &self.0 {
            if !COINS.contains(&coin.as_str()) {
                violations.push(coin.chars().take(100).collect::<String>(), "is not a kind of coin");
            } else if count.unsigned_abs() > MAX_COINS.unsigned_abs() {
                violations.push(coin.clone(), format!("must be from -{MAX_COINS} to {MAX_COINS}"));
            }
        }
        if self.0.is_empty() {
            violations.push("", "must name at least one kind of coin");
        }
        violations
    }

    /// Adds this change to the coins on a sheet. Members of `currency` that are no coins stay, and so does the spelling
    /// of a number that does not change.
    ///
    /// # Errors
    /// As [`Purse::of`]; `not-enough-coins` when fewer than 0 would be left, `too-many-coins` when more than
    /// [`MAX_COINS`] would be there. The sheet is then unchanged. A number that is out of this range already may come
    /// nearer to it.
    pub fn add_to(&self, sheet: &mut Document) -> Result<(), Refusal> {
        let before = Self::of(sheet)?;
        let mut coins = sheet.0.get(CURRENCY).and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
        for (coin, count) in before.0 {
            let change = self.0.get(&coin).copied().unwrap_or(0);
            let after = count.saturating_add(change);
            if after < 0 && change < 0 {
                return Err(Refusal::new("not-enough-coins", format!("the character has {count} {coin}")));
            }
            if after > MAX_COINS && change > 0 {
                return Err(Refusal::new("too-many-coins", format!("a character can own at most {MAX_COINS} {coin}")));
            }
            put_whole(&mut coins, &coin, after);
        }
        sheet.0.insert(CURRENCY.to_owned(), Value::Object(coins));
        Ok(())
    }
}
