//! How many rows plans are looked at over, and what is said of tags.

use character_storage_port::Entity;

/// So many rows of each kind. Of those of the first owner half are deleted; a sixtieth of all suits each filter.
pub(crate) const ROWS: usize = 3_600;
/// So many of them belong to the first owner.
pub(crate) const OWNED: usize = ROWS / 6;

/// Whether the list asks for tags: those are looked up in the journal of one character, not in an index.
pub(crate) fn asks_for_tags<E: Entity>(query: &E::Query) -> bool {
    serde_json::to_value(query).is_ok_and(|query| query.get("tags").is_some())
}
