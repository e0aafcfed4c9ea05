//! The change of one row, as a transaction carries it.

use crate::{Entity, EntityKind, RowOperation, Write, for_write};
use character_domain::{Revision, Timestamp, Violations};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The highest revision at which a row may be imported: the largest whole number that every JSON parser reads exactly.
pub const MAX_REVISION: Revision = Revision((1 << 53) - 1);

/// Which revision a writer believes the row to be at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// Whatever it is: the last writer wins.
    Any,
    /// Exactly this one, or `Conflict`.
    Revision(Revision),
}

impl From<Revision> for Expect {
    fn from(revision: Revision) -> Self {
        Self::Revision(revision)
    }
}

/// One change of one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", bound = "")]
pub enum Change<E: Entity> {
    /// A new row, exactly as given (an import may bring its times and a deletion), at revision 1.
    Create(E),
    /// A row exactly as it was elsewhere, its whole `meta` included: revision, times and deletion. The revision is from
    /// 1 to [`MAX_REVISION`], and the next change of the row counts on from it.
    Import(E),
    /// All fields of a live row, but for `created_at`, which stays, and the revision, which goes up by one.
    Replace {
        /// The new state; `meta.updated_at` is taken over, the rest of `meta` is ignored.
        entity: E,
        /// The revision it replaces.
        expect: Expect,
    },
    /// Soft-deletes a live row: `deleted_at` and `updated_at` become `at`.
    Delete {
        /// The id of the row.
        id: E::Id,
        /// The revision it deletes.
        expect: Expect,
        /// When the row is deleted, UTC, microsecond precision.
        at: Timestamp,
    },
    /// Restores a soft-deleted row: `deleted_at` goes, `updated_at` becomes `at`.
    Restore {
        /// The id of the row.
        id: E::Id,
        /// The revision it restores.
        expect: Expect,
        /// When the row is restored, UTC, microsecond precision.
        at: Timestamp,
    },
    /// Restores a soft-deleted row in another state: as `Replace`, but of a row that is deleted. `deleted_at` goes.
    Revive {
        /// The new state; `meta.updated_at` is taken over, the rest of `meta` is ignored.
        entity: E,
        /// The revision it restores.
        expect: Expect,
    },
}

impl<E: Entity> Change<E> {
    /// The id of the row.
    pub fn id(&self) -> E::Id {
        match self {
            Self::Create(entity)
            | Self::Import(entity)
            | Self::Replace { entity, .. }
            | Self::Revive { entity, .. } => entity.id(),
            Self::Delete { id, .. } | Self::Restore { id, .. } => *id,
        }
    }

    /// The revision the writer expects; `None` when the row must be absent.
    pub fn expect(&self) -> Option<Expect> {
        match self {
            Self::Create(_) | Self::Import(_) => None,
            Self::Replace { expect, .. }
            | Self::Delete { expect, .. }
            | Self::Restore { expect, .. }
            | Self::Revive { expect, .. } => Some(*expect),
        }
    }

    /// The revision of the row that the change makes, when its row must be absent before.
    pub fn first_revision(&self) -> Option<Revision> {
        match self {
            Self::Create(_) => Some(Revision::FIRST),
            Self::Import(entity) => Some(entity.meta().revision),
            Self::Replace { .. } | Self::Delete { .. } | Self::Restore { .. } | Self::Revive { .. } => None,
        }
    }

    /// The revision of the row that the change makes; `None` when the writer expects none in particular.
    pub fn revision(&self) -> Option<Revision> {
        match self.expect() {
            None => self.first_revision(),
            Some(Expect::Revision(revision)) => Some(revision.next()),
            Some(Expect::Any) => None,
        }
    }

    /// What every storage refuses of the change by itself.
    pub(crate) fn check(&self) -> Violations {
        let mut violations = self.entity().map(Entity::check).unwrap_or_default();
        if let Self::Import(entity) = self
            && !(Revision::FIRST..=MAX_REVISION).contains(&entity.meta().revision)
        {
            violations.push("meta.revision", format!("must be from {} to {MAX_REVISION}", Revision::FIRST));
        }
        violations
    }

    /// What it does to the row.
    pub fn kind(&self) -> ChangeKind {
        match self {
            Self::Create(_) | Self::Import(_) => ChangeKind::Create,
            Self::Replace { .. } => ChangeKind::Replace,
            Self::Delete { .. } => ChangeKind::Delete,
            Self::Restore { .. } | Self::Revive { .. } => ChangeKind::Restore,
        }
    }

    /// The new state, when the change carries one.
    pub fn entity(&self) -> Option<&E> {
        match self {
            Self::Create(entity)
            | Self::Import(entity)
            | Self::Replace { entity, .. }
            | Self::Revive { entity, .. } => Some(entity),
            Self::Delete { .. } | Self::Restore { .. } => None,
        }
    }
}

/// What a change does to its row, by the names that events and records of versions use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// A row that was not there is stored.
    Create,
    /// A live row has another state.
    Replace,
    /// A live row is soft-deleted.
    Delete,
    /// A soft-deleted row is live again.
    Restore,
}

impl ChangeKind {
    /// `create`, `replace`, `delete` or `restore`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Restore => "restore",
        }
    }

    /// The word for it in the data of events.
    #[must_use]
    pub const fn operation(self) -> RowOperation {
        match self {
            Self::Create => RowOperation::Create,
            Self::Replace => RowOperation::Replace,
            Self::Delete => RowOperation::Delete,
            Self::Restore => RowOperation::Restore,
        }
    }
}

impl Write {
    /// The id of the row.
    #[must_use]
    pub fn row(&self) -> (EntityKind, Uuid) {
        fn row<E: Entity>(change: &Change<E>) -> (EntityKind, Uuid) {
            (E::KIND, change.id().into())
        }
        for_write!(self, change => row(change))
    }

    /// The revision of the row that the write makes; `None` when the writer expects none in particular.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        for_write!(self, change => change.revision())
    }
}
