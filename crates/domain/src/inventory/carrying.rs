//! How much a character can carry.

use crate::{Document, Refusal, number, sheet};
use rust_decimal::Decimal;

/// Pounds that a point of strength can carry (SRD 5.2, "Carrying Capacity").
const POUNDS_PER_STRENGTH: i64 = 15;

/// How much a character with this sheet can carry, in pounds: 15 times its strength. `None` when the sheet names no
/// strength; a negative strength carries nothing.
///
/// # Errors
/// `unreadable-member` when `ability_scores` is no object or the strength is no whole number.
pub fn carrying_capacity(sheet: &Document) -> Result<Option<Decimal>, Refusal> {
    let strength = sheet::score(sheet::ability_scores(sheet, "data")?, "data", "strength")?;
    Ok(strength.and_then(|strength| number::product(strength.max(0).into(), POUNDS_PER_STRENGTH)))
}
