//! One error for every operation of the port: what kind, whether a retry can help, whether the write was applied.

use character_domain::{Revision, Violations};
use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};
use uuid::Uuid;

use crate::{CONSUMERS, EntityKind, FOLLOW, HEAD, PARKED, PROBE, SNAPSHOT};

/// The result of an operation of the port.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// What went wrong, as far as a caller can act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The row to be changed does not exist or is soft-deleted.
    NotFound,
    /// The row is at another revision than the writer expected.
    Conflict {
        /// What the writer expected.
        expected: Revision,
        /// What the row is at.
        actual: Revision,
    },
    /// A row with this id exists already: live or soft-deleted for a create, live for a restore.
    AlreadyExists,
    /// A transaction with this id was committed before, with another fingerprint.
    TransactionReused,
    /// The request breaks a rule; repeating it as it is cannot succeed.
    Invalid(Violations),
    /// The credentials were missing or not accepted.
    Unauthorized,
    /// The credentials do not permit this.
    Forbidden,
    /// Too many requests.
    RateLimited {
        /// How long the storage asked to wait.
        retry_after: Option<Duration>,
    },
    /// The storage cannot be reached or cannot answer now.
    Unavailable {
        /// How long the storage asked to wait.
        retry_after: Option<Duration>,
    },
    /// The circuit breaker is open: the storage was not asked.
    CircuitOpen {
        /// When the breaker will admit the next probe.
        retry_after: Duration,
    },
    /// No answer in time.
    Timeout,
    /// The storage answered something that breaks its contract, or holds a row that cannot be read.
    Corrupt,
    /// The storage does not offer this operation.
    Unsupported,
    /// The cursor of the log leads nowhere: it is of another epoch, older than what is kept, or names a commit that the
    /// storage does not have.
    Gone,
    /// Another lease of the consumer was granted since, or this one was released.
    LeaseLost,
}

impl ErrorKind {
    /// A stable name for logs, metrics and the wire: `not-found`, `conflict`, ….
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Conflict { .. } => "conflict",
            Self::AlreadyExists => "already-exists",
            Self::TransactionReused => "transaction-reused",
            Self::Invalid(_) => "invalid",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::RateLimited { .. } => "rate-limited",
            Self::Unavailable { .. } => "unavailable",
            Self::CircuitOpen { .. } => "circuit-open",
            Self::Timeout => "timeout",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::Gone => "gone",
            Self::LeaseLost => "lease-lost",
        }
    }

    /// Every code, for tables and bounded labels.
    pub const CODES: &'static [&'static str] = &[
        "not-found",
        "conflict",
        "already-exists",
        "transaction-reused",
        "invalid",
        "unauthorized",
        "forbidden",
        "rate-limited",
        "unavailable",
        "circuit-open",
        "timeout",
        "corrupt",
        "unsupported",
        "gone",
        "lease-lost",
    ];

    fn default_retry(&self) -> Retry {
        match self {
            Self::RateLimited { .. } | Self::Unavailable { .. } | Self::CircuitOpen { .. } | Self::Timeout => {
                Retry::Later
            }
            _ => Retry::Never,
        }
    }

    fn default_applied(&self) -> Applied {
        match self {
            Self::Unavailable { .. } | Self::Timeout | Self::Corrupt => Applied::Unknown,
            _ => Applied::No,
        }
    }
}

/// Whether this is an operation of the port that changes nothing.
fn only_reads(operation: &str) -> bool {
    [FOLLOW, HEAD, SNAPSHOT, PROBE, CONSUMERS, PARKED].contains(&operation)
        || EntityKind::ALL.iter().any(|kind| kind.operations().any(|read| read == operation))
}

/// Whether repeating the very same call can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// No: the answer would be the same.
    Never,
    /// Yes, after a while. Commits are safe to repeat with the same transaction id.
    Later,
    /// It could have, but the retries are spent. An outer layer must not multiply them.
    Exhausted,
}

/// Whether a failed write may have taken effect all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// This call certainly did not apply the write; an earlier one with the same transaction id may have.
    No,
    /// It may have been applied; only repeating the same transaction id or a read will tell.
    Unknown,
}

/// A failed operation.
///
/// `Display` gives one line without the source; walk [`StdError::source`] for the chain.
#[derive(Clone, Debug)]
pub struct StorageError {
    kind: ErrorKind,
    operation: &'static str,
    entity: Option<(EntityKind, Uuid)>,
    retry: Retry,
    applied: Applied,
    detail: Option<Cow<'static, str>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl StorageError {
    /// An error of `kind` in `operation`, with the retry advice and write outcome that are usual for the kind:
    /// `Unavailable`, `Timeout` and `Corrupt` leave the outcome of a write unknown, all others were certainly not applied.
    /// An operation that reads applies nothing, whatever its error.
    #[must_use]
    pub fn new(kind: ErrorKind, operation: &'static str) -> Self {
        let (retry, applied) = (kind.default_retry(), kind.default_applied());
        Self { kind, operation, entity: None, retry, applied, detail: None, source: None }.with_applied(applied)
    }

    /// `Unavailable` without advice on when to retry.
    #[must_use]
    pub fn unavailable(operation: &'static str) -> Self {
        Self::new(ErrorKind::Unavailable { retry_after: None }, operation)
    }

    /// `Invalid` for these violations.
    #[must_use]
    pub fn invalid(violations: Violations, operation: &'static str) -> Self {
        Self::new(ErrorKind::Invalid(violations), operation)
    }

    /// Names the entity concerned.
    #[must_use]
    pub fn with_entity(mut self, kind: EntityKind, id: impl Into<Uuid>) -> Self {
        self.entity = Some((kind, id.into()));
        self
    }

    /// Adds a sentence for a person. It must not hold secrets or contents.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Sets the retry advice.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Sets whether the write may have been applied. Of an operation that reads it stays [`Applied::No`].
    #[must_use]
    pub fn with_applied(mut self, applied: Applied) -> Self {
        self.applied = if only_reads(self.operation) { Applied::No } else { applied };
        self
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The operation that failed: `character.find`, `commit`, ….
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The entity concerned, when it is one.
    #[must_use]
    pub fn entity(&self) -> Option<(EntityKind, Uuid)> {
        self.entity
    }

    /// A sentence for a person, when there is more to say than the kind does.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Whether repeating the call can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// Whether this call **certainly** did not apply the write. An earlier call with the same transaction id may have applied it, so
    /// after an unknown outcome only a success, `TransactionReused` or a read shows what is stored.
    #[must_use]
    pub fn certainly_not_applied(&self) -> bool {
        self.applied == Applied::No
    }

    /// How long to wait before trying again, when the storage said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind {
            ErrorKind::RateLimited { retry_after } | ErrorKind::Unavailable { retry_after } => retry_after,
            ErrorKind::CircuitOpen { retry_after } => Some(retry_after),
            _ => None,
        }
    }

    /// Whether the storage is unreachable, so that a last known value may be served instead.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::RateLimited { .. }
                | ErrorKind::Unavailable { .. }
                | ErrorKind::CircuitOpen { .. }
                | ErrorKind::Timeout
        )
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.operation, self.kind.code())?;
        if let Some((kind, id)) = self.entity {
            write!(f, " ({kind} {id})")?;
        }
        match &self.kind {
            ErrorKind::Conflict { expected, actual } => write!(f, ": expected revision {expected}, found {actual}")?,
            ErrorKind::Invalid(violations) => write!(f, ": {violations}")?,
            _ => {}
        }
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl StdError for StorageError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ADVANCE, COMMIT, DISCARD, LEASE, PARK, RELEASE, UNPARK};

    #[test]
    fn an_operation_that_reads_was_certainly_not_applied_whatever_its_error() {
        let of_kinds = EntityKind::ALL.iter().flat_map(|kind| [kind.find(), kind.list(), kind.count()]);
        for operation in of_kinds.chain([FOLLOW, HEAD, SNAPSHOT, PROBE, CONSUMERS, PARKED]) {
            for kind in [ErrorKind::Timeout, ErrorKind::Corrupt, ErrorKind::Unavailable { retry_after: None }] {
                let error = StorageError::new(kind, operation).with_applied(Applied::Unknown);
                assert!(error.certainly_not_applied(), "{error}");
            }
        }
        for operation in [COMMIT, LEASE, ADVANCE, RELEASE, PARK, UNPARK, DISCARD] {
            assert!(!StorageError::new(ErrorKind::Timeout, operation).certainly_not_applied(), "{operation}");
        }
    }
}
