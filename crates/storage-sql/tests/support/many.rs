//! How many rows plans are made over, and which filters have no index.

use crate::lists::{Listed, WANTED};
use character_storage_port::{Cursor, Direction, Entity, Order};

/// The number of rows of each kind. Of those of the first owner half are deleted; a sixtieth of all suits each filter.
pub(crate) const ROWS: usize = 3_600;
/// The number of them that belong to the first owner.
pub(crate) const OWNED: usize = ROWS / 6;

/// Whether the list asks for tags or a part of a name: those are searched among the rows of one owner, not in an index.
pub(crate) fn reads_a_whole_owner<E: Entity>(query: &E::Query) -> bool {
    serde_json::to_value(query).is_ok_and(|query| query.get("tags").is_some() || query.get("name").is_some())
}

/// A place with most of the rows of a list behind it: before a few rows alone, a sort costs the same as an index.
pub(crate) fn cursor<E: Listed>(order: Order) -> Cursor {
    let number = match order.direction {
        Direction::Descending => ROWS * 3 / 4 + WANTED,
        Direction::Ascending => ROWS / 4 + 2 * WANTED,
    };
    Cursor::of(&E::numbered(number), order)
}
