//! Changes: every one is a transaction.

use crate::{
    DomainEvent, Entity, EntityKind, KeptAnswer, Result, RowChange, RowOperation, StorageError, Tick, Write, for_write,
};
use character_domain::{
    Meta, Revision, Timestamp, Violations,
    document::{check_text, check_value},
    json,
    size::check_size,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    fmt,
    io::{self, Write as _},
};
use uuid::Uuid;

/// Maximum number of writes in one transaction.
pub const MAX_WRITES: usize = 5_000;
/// Maximum number of events in one transaction.
pub const MAX_EVENTS: usize = 10_000;
/// Maximum number of transactions in one `commit_each`.
pub const MAX_TRANSACTIONS: usize = 1_000;
/// Levels that an answer may wrap around a document of [`json::MAX_DEPTH`] levels.
pub const MAX_ANSWER_ENVELOPE: usize = 8;
/// The highest revision at which a row may be imported: the largest whole number that every JSON parser reads exactly.
pub const MAX_REVISION: Revision = Revision((1 << 53) - 1);
/// The longest `traceparent`, in bytes. Version 00 has 55.
const MAX_TRACEPARENT: usize = 128;
/// The operation name of a commit.
pub const COMMIT: &str = "commit";

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

    /// What every storage refuses of the change by itself.
    fn check(&self) -> Violations {
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
}

/// Identity of a transaction, chosen by the caller; repeating it repeats the answer, not the effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TransactionId(pub Uuid);

impl TransactionId {
    /// A fresh id (UUID version 7).
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default value that differs at every call would surprise")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id that belongs to a caller's idempotency key within `scope`, such as a method and path: UUID version 5.
    #[must_use]
    pub fn from_key(scope: &str, key: &str) -> Self {
        let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, scope.as_bytes());
        Self(Uuid::new_v5(&namespace, key.as_bytes()))
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What makes two transactions the same request: SHA-256, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl Fingerprint {
    /// The fingerprint of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_digest(&Sha256::digest(bytes))
    }

    fn from_digest(digest: &[u8]) -> Self {
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Changes that are made together, with the events that tell of them, or not at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transaction {
    /// Identity; see [`TransactionId`].
    pub id: TransactionId,
    /// What makes a repeat the same request. `None`: the writes and events, to the letter. A business act that derives
    /// its writes from what it read sets the fingerprint of its own request, since a repeat would read something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// At most one per row.
    pub writes: Vec<Write>,
    /// Events of the same act.
    #[serde(default)]
    pub events: Vec<DomainEvent>,
    /// Kept with the transaction and returned in [`Committed`], so that a repeated request can be answered as the first was.
    #[serde(default, deserialize_with = "KeptAnswer::present", skip_serializing_if = "Option::is_none")]
    pub answer: Option<KeptAnswer>,
    /// The W3C `traceparent` of the call that makes it, which the log tells with it. No part of the contents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Transaction {
    /// An empty transaction with a fresh id.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default value that differs at every call would surprise")]
    pub fn new() -> Self {
        Self {
            id: TransactionId::new(),
            fingerprint: None,
            writes: Vec::new(),
            events: Vec::new(),
            answer: None,
            traceparent: None,
        }
    }

    /// Adds a change.
    #[must_use]
    pub fn with<E: Entity>(mut self, change: Change<E>) -> Self {
        self.writes.push(E::write(change));
        self
    }

    /// Adds an event.
    #[must_use]
    pub fn with_event(mut self, event: DomainEvent) -> Self {
        self.events.push(event);
        self
    }

    /// The fingerprint given, or that of the writes and events.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.clone().unwrap_or_else(|| {
            let mut digest = Sha256::new();
            // A writer of JSON writes a few bytes at a time, and a digest is quick with many.
            let mut buffer = io::BufWriter::new(&mut digest);
            let written = serde_json::to_writer(&mut buffer, &(&self.writes, &self.events));
            let flushed = buffer.flush();
            drop(buffer);
            // Rows are plain data with text keys and a digest takes every byte, so that neither can fail.
            debug_assert!(written.is_ok() && flushed.is_ok(), "{written:?} {flushed:?}");
            Fingerprint::from_digest(&digest.finalize())
        })
    }

    /// What every storage refuses before it touches anything.
    ///
    /// # Errors
    /// `Invalid`, naming each fault by its place: `writes[3].name`.
    pub fn check(&self) -> Result<()> {
        let mut violations = Violations::default();
        if self.writes.len() > MAX_WRITES {
            violations.push("writes", format!("must not be more than {MAX_WRITES}"));
        }
        if self.events.len() > MAX_EVENTS {
            violations.push("events", format!("must not be more than {MAX_EVENTS}"));
        }
        // PostgreSQL cannot keep it.
        if self.fingerprint.as_ref().is_some_and(|fingerprint| fingerprint.0.contains('\0')) {
            violations.push("fingerprint", "must not contain the character U+0000");
        }
        let mut rows = HashSet::with_capacity(self.writes.len());
        for (index, write) in self.writes.iter().enumerate() {
            if !rows.insert(write.row()) {
                violations.push(format!("writes[{index}].id"), "must not be written twice in one transaction");
            }
            let broken = for_write!(write, change => change.check());
            violations.append(broken.under(&format!("writes[{index}]")));
        }
        for (index, event) in self.events.iter().enumerate() {
            let field = format!("events[{index}].data");
            check_value(&field, &event.data, json::MAX_DEPTH, &mut violations);
            check_size(&field, &event.data, &mut violations);
        }
        if self
            .traceparent
            .as_ref()
            .is_some_and(|text| text.len() > MAX_TRACEPARENT || !text.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            violations.push("traceparent", format!("must be at most {MAX_TRACEPARENT} visible ASCII characters"));
        }
        if let Some(answer) = &self.answer {
            // It may hold rows, whose documents may be as deep as documents go.
            check_text("answer", answer.text(), json::MAX_DEPTH + MAX_ANSWER_ENVELOPE, &mut violations);
        }
        violations.into_result().map_err(|violations| StorageError::invalid(violations, COMMIT))
    }
}

/// A transaction that was applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Committed {
    /// The transaction.
    pub id: TransactionId,
    /// Its number in the log.
    pub tick: Tick,
    /// Revision and times of each row written, in the order of the writes.
    pub written: Vec<Meta>,
    /// What the log tells of each row written, in the order of the writes. A cache applies it as it applies the log.
    pub changes: Vec<RowChange>,
    /// The answer that the transaction carried when it was first committed.
    #[serde(default, deserialize_with = "KeptAnswer::present", skip_serializing_if = "Option::is_none")]
    pub answer: Option<KeptAnswer>,
}
