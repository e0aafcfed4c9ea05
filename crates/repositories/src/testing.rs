//! What the tests of several repositories share.

use crate::{BulkOutcome, Idempotency, IdempotencyKey, RequestContext, Result, StorageContext};
use character_asyncapi::ValidatedStorage;
use character_domain::Meta;
use character_storage_port::{Committed, MemoryStorage, Tick, Transaction};
use std::sync::Arc;

/// The context of repositories over this storage, in which each event must be as the AsyncAPI document says.
pub(crate) fn over_memory(storage: &MemoryStorage) -> StorageContext {
    StorageContext::new(Arc::new(ValidatedStorage::new(storage.clone())))
}

/// The default context: no condition, no key, no author.
pub(crate) fn plain() -> RequestContext {
    RequestContext::default()
}

/// One request under this key.
pub(crate) fn key(text: &str) -> RequestContext {
    Idempotency::new("test", &IdempotencyKey(text.to_owned()), b"request").into()
}

/// Another request under the same key.
pub(crate) fn other_request(text: &str) -> RequestContext {
    Idempotency::new("test", &IdempotencyKey(text.to_owned()), b"other request").into()
}

/// What a storage returns that applied this transaction.
pub(crate) fn done(transaction: &Transaction) -> Committed {
    let written = vec![Meta::created(character_domain::now()); transaction.writes.len()];
    Committed { id: transaction.id, tick: Tick(1), written, changes: Vec::new(), answer: transaction.answer.clone() }
}

/// The rows of a bulk, all of which must have been stored.
pub(crate) fn all<E>(outcome: Result<BulkOutcome<E>>) -> Result<Vec<E>> {
    outcome?.into_iter().collect()
}
