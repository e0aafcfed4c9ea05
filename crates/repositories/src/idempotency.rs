//! Repeating an act without repeating its effect.

use character_storage_port::{Fingerprint, Transaction, TransactionId};
use serde::Serialize;
use std::fmt;

/// A caller's name for one request. The same key with the same request gets the first answer again.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(pub String);

impl fmt::Debug for IdempotencyKey {
    // A key may let its reader fetch another caller's answer, so it stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(…)")
    }
}

/// What makes a transaction repeatable: its id and what the request was.
#[derive(Clone, Debug)]
pub(crate) struct Repeatable {
    pub(crate) id: TransactionId,
    pub(crate) fingerprint: Fingerprint,
}

impl Repeatable {
    pub(crate) fn new(act: &str, key: &IdempotencyKey, request: &impl Serialize) -> serde_json::Result<Self> {
        let request = serde_json::to_vec(request)?;
        Ok(Self { id: TransactionId::from_key(act, &key.0), fingerprint: Fingerprint::of(&request) })
    }

    /// The same for the part of the request at `index`, which is committed on its own.
    pub(crate) fn part(&self, index: usize) -> Self {
        let id = TransactionId::from_key(&self.id.to_string(), &index.to_string());
        Self { id, fingerprint: self.fingerprint.clone() }
    }

    pub(crate) fn stamp(&self, transaction: Transaction) -> Transaction {
        Transaction { id: self.id, fingerprint: Some(self.fingerprint.clone()), ..transaction }
    }
}
