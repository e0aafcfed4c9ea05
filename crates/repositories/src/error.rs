//! The reasons to reject an act.

use character_domain::{CharacterVersionId, Refusal, Revision, Timestamp, Violation, Violations};
use character_storage_port::{EntityKind, ErrorKind, StorageError};

/// The result of an act.
pub type Result<T, E = RepositoryError> = std::result::Result<T, E>;

/// Why an act was refused. In every case but [`Storage`](Self::Storage) nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// The row does not exist, or is soft-deleted.
    #[error("no such {0}")]
    NotFound(EntityKind),
    /// A row with this id exists already.
    #[error("a {kind} with this id exists already{}", if *.deleted { ", soft-deleted" } else { "" })]
    AlreadyExists {
        /// The kind of row.
        kind: EntityKind,
        /// Whether it is soft-deleted, so that it can be restored.
        deleted: bool,
    },
    /// The row is at a revision that the caller's condition excludes.
    #[error("the revision is {actual}")]
    PreconditionFailed {
        /// The revisions the caller would have accepted, when it named any.
        expected: Vec<Revision>,
        /// The current revision.
        actual: Revision,
        /// Whether the caller named revisions by weak entity tags, which accept none.
        named_weakly: bool,
    },
    /// Rules are broken.
    #[error("{0}")]
    Invalid(Violations),
    /// The rules of the game forbid it.
    #[error("{0}")]
    Refused(Refusal),
    /// The state at the time asked for may be one of those that were removed to save space.
    #[error("the state at this time is not kept; the last one kept before it is of {at}")]
    StateNotKept {
        /// The last version before that time that is kept.
        version: CharacterVersionId,
        /// When it was created, UTC.
        at: Timestamp,
    },
    /// The idempotency key was used before, for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
    /// Every attempt failed with a conflict; nothing was changed.
    #[error("lost the race against other writers {0} times")]
    Contended(u32),
    /// The storage failed.
    #[error(transparent)]
    Storage(StorageError),
}

impl From<Refusal> for RepositoryError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StorageError> for RepositoryError {
    fn from(error: StorageError) -> Self {
        let kind = error.entity().map_or(EntityKind::Character, |(kind, _)| kind);
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound(kind),
            ErrorKind::AlreadyExists => Self::AlreadyExists { kind, deleted: false },
            ErrorKind::Conflict { expected, actual } => {
                Self::PreconditionFailed { expected: vec![*expected], actual: *actual, named_weakly: false }
            }
            ErrorKind::TransactionReused => Self::IdempotencyMismatch,
            ErrorKind::Invalid(violations) => Self::Invalid(of_the_only_write(violations)),
            _ => Self::Storage(error),
        }
    }
}

/// A storage names a fault by its place in the transaction; the caller of an act with one write knows no such place.
fn of_the_only_write(violations: &Violations) -> Violations {
    violations.clone().map(|violation| match violation.field.strip_prefix("writes[0].") {
        Some(field) => Violation::new(field, violation.reason),
        None => violation,
    })
}
