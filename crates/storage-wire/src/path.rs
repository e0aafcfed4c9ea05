//! Paths, and the operation names that go with them.

use character_storage_port::{Deleted, Entity, EntityKind};

/// The version of the contract, which is also the last segment of [`BASE`].
pub const VERSION: u32 = 1;
/// What every path starts with.
pub const BASE: &str = "/storage/v1";
/// Commits one transaction.
pub const TRANSACTIONS: &str = "/storage/v1/transactions";
/// Commits independent transactions.
pub const BATCH: &str = "/storage/v1/transactions/batch";
/// Leases events.
pub const CLAIM: &str = "/storage/v1/outbox/claim";
/// Removes published events.
pub const ACKNOWLEDGE: &str = "/storage/v1/outbox/acknowledge";
/// Reads every row as it is at one moment.
pub const SNAPSHOT: &str = "/storage/v1/snapshot";
/// Asks whether the data can be reached.
pub const PROBE: &str = "/storage/v1/probe";

/// The operation name of a claim.
pub const OP_CLAIM: &str = "outbox.claim";
/// The operation name of an acknowledgement.
pub const OP_ACKNOWLEDGE: &str = "outbox.acknowledge";
/// The operation name of a probe.
pub const OP_PROBE: &str = "probe";

/// The path of all rows of a kind: `/storage/v1/characters`.
#[must_use]
pub fn collection(kind: EntityKind) -> String {
    format!("{BASE}/{}", kind.collection())
}

/// Path and query of one row: `/storage/v1/characters/{id}`, with `?deleted=include` when those are wanted.
#[must_use]
pub fn entity<E: Entity>(id: E::Id, deleted: Deleted) -> String {
    let query = match deleted {
        Deleted::Exclude => "",
        Deleted::Include => "?deleted=include",
    };
    format!("{BASE}/{}/{id}{query}", E::KIND.collection())
}
