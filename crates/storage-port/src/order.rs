//! The orders of lists, and places in them.

use crate::Entity;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use character_domain::{Timestamp, text};
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, fmt, str::FromStr};
use uuid::Uuid;

/// The field by which a list is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderBy {
    /// `meta.created_at`.
    CreatedAt,
    /// `meta.updated_at`.
    UpdatedAt,
    /// The name in its [`folded`](character_domain::text::folded) form, compared by the bytes of its UTF-8.
    Name,
}

/// From which end a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The smallest value first.
    Ascending,
    /// The greatest value first.
    Descending,
}

/// The order of a list. Rows with equal values are ordered by id in the same direction, compared as 16 unsigned bytes.
///
/// As text it is the field, behind `-` when it is descending: `name`, `-created_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// The field.
    pub by: OrderBy,
    /// The direction.
    pub direction: Direction,
}

impl Order {
    /// `-created_at`, the order of every list that asks for no other.
    pub const NEWEST_FIRST: Self = Self { by: OrderBy::CreatedAt, direction: Direction::Descending };

    /// Every order.
    pub const ALL: &'static [Self] = &[
        Self::NEWEST_FIRST,
        Self { by: OrderBy::CreatedAt, direction: Direction::Ascending },
        Self { by: OrderBy::UpdatedAt, direction: Direction::Descending },
        Self { by: OrderBy::UpdatedAt, direction: Direction::Ascending },
        Self { by: OrderBy::Name, direction: Direction::Descending },
        Self { by: OrderBy::Name, direction: Direction::Ascending },
    ];

    /// Its text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match (self.by, self.direction) {
            (OrderBy::CreatedAt, Direction::Ascending) => "created_at",
            (OrderBy::CreatedAt, Direction::Descending) => "-created_at",
            (OrderBy::UpdatedAt, Direction::Ascending) => "updated_at",
            (OrderBy::UpdatedAt, Direction::Descending) => "-updated_at",
            (OrderBy::Name, Direction::Ascending) => "name",
            (OrderBy::Name, Direction::Descending) => "-name",
        }
    }

    /// Whether this is [`Order::NEWEST_FIRST`].
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::NEWEST_FIRST
    }
}

impl Default for Order {
    fn default() -> Self {
        Self::NEWEST_FIRST
    }
}

/// A text that names no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be created_at, updated_at or name, or one of these behind a minus sign")]
pub struct InvalidOrder;

impl FromStr for Order {
    type Err = InvalidOrder;

    fn from_str(text: &str) -> Result<Self, InvalidOrder> {
        Self::ALL.iter().copied().find(|order| order.as_str() == text).ok_or(InvalidOrder)
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Order {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The value by which a row has its place in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SortKey {
    /// `meta.created_at` in microseconds since 1970. The place of an unreadable row may be outside the range of times.
    CreatedAt(i64),
    /// `meta.updated_at`, in the same way.
    UpdatedAt(i64),
    /// The name in its folded form.
    Name(String),
}

/// A place in a list: that of the last row seen. Opaque to clients; adapters use the fields.
///
/// A cursor belongs to one [`Order`]. A list in another order refuses it as `Invalid`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The value of the row in the field of the order.
    pub key: SortKey,
    /// Its id, which orders rows with equal values.
    pub id: Uuid,
    /// The direction of the order.
    pub direction: Direction,
}

impl Cursor {
    /// A place in a list in the order [`Order::NEWEST_FIRST`].
    #[must_use]
    pub fn newest_first(created_at: Timestamp, id: Uuid) -> Self {
        let key = SortKey::CreatedAt(created_at.as_microsecond());
        Self { key, id, direction: Direction::Descending }
    }

    /// The place of a row.
    #[must_use]
    pub fn of<E: Entity>(row: &E, order: Order) -> Self {
        let key = match order.by {
            OrderBy::CreatedAt => SortKey::CreatedAt(row.meta().created_at.as_microsecond()),
            OrderBy::UpdatedAt => SortKey::UpdatedAt(row.meta().updated_at.as_microsecond()),
            OrderBy::Name => SortKey::Name(text::folded(row.name())),
        };
        Self { key, id: row.id().into(), direction: order.direction }
    }

    /// The order to which it belongs.
    #[must_use]
    pub fn order(&self) -> Order {
        let by = match self.key {
            SortKey::CreatedAt(_) => OrderBy::CreatedAt,
            SortKey::UpdatedAt(_) => OrderBy::UpdatedAt,
            SortKey::Name(_) => OrderBy::Name,
        };
        Order { by, direction: self.direction }
    }

    /// Which of two places in one order comes first in the list.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        let ascending = (&self.key, self.id).cmp(&(&other.key, other.id));
        match self.direction {
            Direction::Ascending => ascending,
            Direction::Descending => ascending.reverse(),
        }
    }
}

/// A text that is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this service")]
pub struct InvalidCursor;

/// In the default order the base64 of key and id; in any other one the order, a full stop, and the base64 of id and key.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = self.order();
        let mut bytes = Vec::with_capacity(24);
        match &self.key {
            SortKey::CreatedAt(time) | SortKey::UpdatedAt(time) => bytes.extend_from_slice(&time.to_be_bytes()),
            SortKey::Name(name) => bytes.extend_from_slice(name.as_bytes()),
        }
        if order.is_default() {
            bytes.extend_from_slice(self.id.as_bytes());
            return f.write_str(&URL_SAFE_NO_PAD.encode(bytes));
        }
        bytes.splice(0..0, self.id.into_bytes());
        write!(f, "{order}.{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (order, text) = match text.split_once('.') {
            None => (Order::default(), text),
            Some((order, text)) => (order.parse().map_err(|_| InvalidCursor)?, text),
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let number = |bytes: &[u8]| bytes.try_into().map(i64::from_be_bytes).map_err(|_| InvalidCursor);
        let (key, id) = if order.is_default() {
            bytes.split_at_checked(8).ok_or(InvalidCursor)?
        } else {
            let (id, key) = bytes.split_at_checked(16).ok_or(InvalidCursor)?;
            (key, id)
        };
        let key = match order.by {
            OrderBy::CreatedAt => SortKey::CreatedAt(number(key)?),
            OrderBy::UpdatedAt => SortKey::UpdatedAt(number(key)?),
            OrderBy::Name => {
                let name = String::from_utf8(key.to_vec()).map_err(|_| InvalidCursor)?;
                // No name has this character, and PostgreSQL refuses a text with it.
                SortKey::Name(Some(name).filter(|name| !name.contains('\0')).ok_or(InvalidCursor)?)
            }
        };
        let id = Uuid::from_slice(id).map_err(|_| InvalidCursor)?;
        Ok(Self { key, id, direction: order.direction })
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_every_order_survives_its_text() {
        let keys = [
            SortKey::CreatedAt(i64::MIN),
            SortKey::CreatedAt(1_700_000_000_123_456),
            SortKey::UpdatedAt(i64::MAX),
            SortKey::Name(String::new()),
            SortKey::Name("7 bytes".to_owned()),
            SortKey::Name("\u{1f409}.-".repeat(300)),
        ];
        for key in keys {
            for id in [Uuid::nil(), Uuid::max(), Uuid::now_v7()] {
                for direction in [Direction::Ascending, Direction::Descending] {
                    let cursor = Cursor { key: key.clone(), id, direction };
                    assert_eq!(cursor.to_string().parse(), Ok(cursor));
                }
            }
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let nul = Cursor { key: SortKey::Name("\0".to_owned()), id: Uuid::nil(), direction: Direction::Ascending };
        let short = URL_SAFE_NO_PAD.encode([0; 23]);
        let long = URL_SAFE_NO_PAD.encode([0; 25]);
        let not_utf8 = format!("name.{}", URL_SAFE_NO_PAD.encode([0xff; 17]));
        let unknown = format!("colour.{short}");
        let no_time = format!("updated_at.{short}");
        for text in ["", ".", "x", "name.", "name.x", &nul.to_string(), &short, &long, &not_utf8, &unknown, &no_time] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }

    #[test]
    fn every_order_survives_its_text_and_nothing_else_is_one() {
        for &order in Order::ALL {
            assert_eq!(order.as_str().parse(), Ok(order));
        }
        for text in ["", "-", "Name", "--name", "+name", "name ", "id", "created"] {
            assert_eq!(text.parse::<Order>(), Err(InvalidOrder), "{text:?}");
        }
    }
}
