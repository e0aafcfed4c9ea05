//! The fields that every stored entity has.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The revision of an entity: 1 when it is created, one more at each change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision of an entity that was just created.
    pub const FIRST: Self = Self(1);

    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The fields that every row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Meta {
    /// 1 when created, one more at each change; also the entity tag.
    pub revision: Revision,
    /// When it was created, UTC.
    pub created_at: Timestamp,
    /// When it was last changed, UTC.
    pub updated_at: Timestamp,
    /// When it was soft-deleted, UTC; `null` while it is live.
    pub deleted_at: Option<Timestamp>,
}

impl Meta {
    /// The block of an entity created at `at`.
    #[must_use]
    pub fn created(at: Timestamp) -> Self {
        Self { revision: Revision::FIRST, created_at: at, updated_at: at, deleted_at: None }
    }

    /// Whether the entity is soft-deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }
}
