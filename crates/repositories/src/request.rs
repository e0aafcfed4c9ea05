//! The conditions, the key and the author of a request.

use crate::Condition;
use character_storage_port::{Fingerprint, TransactionId};
use std::fmt;

/// The conditions, the key and the author of a request. Every method of the repositories takes one.
///
/// The default sets no condition, is not repeatable, and has no author.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestContext {
    /// The revisions of the row that the request accepts. Of a read: of the row that is read.
    pub condition: Condition,
    /// Makes a changing request repeatable.
    pub idempotency: Option<Idempotency>,
    /// The author, for the record of versions.
    pub author: Option<String>,
}

impl From<Condition> for RequestContext {
    fn from(condition: Condition) -> Self {
        Self { condition, ..Self::default() }
    }
}

impl From<Idempotency> for RequestContext {
    fn from(idempotency: Idempotency) -> Self {
        Self { idempotency: Some(idempotency), ..Self::default() }
    }
}

/// A caller's name for one request: 1 to 255 visible ASCII characters over HTTP, any text here.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(pub String);

impl fmt::Debug for IdempotencyKey {
    // A key may let its reader fetch another caller's answer, so it stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(…)")
    }
}

/// Makes a changing request repeatable: the same request under the same key in the same scope has one effect and
/// returns the first answer, as long as the storage keeps the transaction. Another request with the key is rejected as
/// [`IdempotencyMismatch`](crate::RepositoryError::IdempotencyMismatch).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    id: TransactionId,
    fingerprint: Fingerprint,
}

impl Idempotency {
    /// `scope` is what the key belongs to, such as caller, method and path: equal keys of two scopes are independent.
    /// `request` is everything else in the request, in a form that a repeat has as well.
    #[must_use]
    pub fn new(scope: &str, key: &IdempotencyKey, request: &[u8]) -> Self {
        Self { id: TransactionId::from_key(scope, &key.0), fingerprint: Fingerprint::of(request) }
    }

    pub(crate) fn id(&self) -> TransactionId {
        self.id
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.clone()
    }
}
