//! What a cached value weighs.

use character_domain::size;
use serde::Serialize;

/// What the bookkeeping of an entry costs beside its value, roughly.
const OVERHEAD: usize = 256;

/// As [`weigh`], of JSON that is at hand.
pub(crate) fn weigh_json(json: &[u8]) -> u32 {
    u32::try_from(json.len() + OVERHEAD).unwrap_or(u32::MAX)
}

/// How many bytes a value counts for: the length of its JSON and the bookkeeping.
pub(crate) fn weigh(value: &impl Serialize) -> u32 {
    // A value that cannot be written is not worth keeping.
    let length = size::within(u32::MAX as usize, value).and_then(|length| u32::try_from(length + OVERHEAD).ok());
    length.unwrap_or(u32::MAX)
}
