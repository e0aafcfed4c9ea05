//! Transactions: every change is one.

use crate::{Change, DomainEvent, Entity, KeptAnswer, Result, RowChange, StorageError, Tick, Write, for_write};
use character_domain::{
    Meta, Violations,
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
/// The longest `traceparent`, in bytes. Version 00 has 55.
const MAX_TRACEPARENT: usize = 128;
/// The operation name of a commit.
pub const COMMIT: &str = "commit";

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
        let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        Self(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
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
