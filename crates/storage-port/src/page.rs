//! Lists in pages: newest first, by `created_at` and then by id, both descending.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use character_domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// How many rows a page may hold: 1 to 1000, 100 unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit(u32);

impl Limit {
    /// The largest page.
    pub const MAX: Self = Self(1000);

    /// `None` outside 1 to 1000.
    #[must_use]
    pub fn new(limit: u32) -> Option<Self> {
        (1..=Self::MAX.0).contains(&limit).then_some(Self(limit))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

/// Where a page starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Start {
    /// At the newest row.
    #[default]
    First,
    /// After so many rows. Rows created or deleted meanwhile shift it; a cursor is not shifted.
    Offset(u32),
    /// Behind the row that the cursor names.
    After(Cursor),
}

/// Which page of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// At most so many rows.
    pub limit: Limit,
    /// From here on.
    pub start: Start,
}

impl PageRequest {
    /// The first page of at most `limit` rows.
    #[must_use]
    pub fn first(limit: Limit) -> Self {
        Self { limit, start: Start::First }
    }

    /// The page behind `cursor`.
    #[must_use]
    pub fn after(self, cursor: Cursor) -> Self {
        Self { start: Start::After(cursor), ..self }
    }

    /// The page that leaves out the first `rows` rows.
    #[must_use]
    pub fn offset(self, rows: u32) -> Self {
        Self { start: Start::Offset(rows), ..self }
    }
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page<E> {
    /// The rows, newest first.
    pub items: Vec<E>,
    /// Where the next page starts; `None` at the end of the list.
    pub next: Option<Cursor>,
}

/// A place in a list: the last row seen. Opaque to clients; adapters use the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// When the row was created.
    pub created_at: Timestamp,
    /// Its id, which orders rows created in the same microsecond.
    pub id: Uuid,
}

/// A text that is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this service")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0u8; 24];
        bytes[..8].copy_from_slice(&self.created_at.as_microsecond().to_be_bytes());
        bytes[8..].copy_from_slice(self.id.as_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(s: &str) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(s).map_err(|_| InvalidCursor)?;
        let (time, id) = bytes.split_first_chunk::<8>().ok_or(InvalidCursor)?;
        let created_at = Timestamp::from_microsecond(i64::from_be_bytes(*time)).map_err(|_| InvalidCursor)?;
        Ok(Self { created_at, id: Uuid::from_slice(id).map_err(|_| InvalidCursor)? })
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
