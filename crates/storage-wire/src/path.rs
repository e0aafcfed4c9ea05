//! Paths, and the operation names that go with them.

use character_storage_port::{ConsumerName, Deleted, Entity, EntityKind};

/// The version of the contract, which is also the last segment of [`BASE`].
pub const VERSION: u32 = 1;
/// The prefix of every path.
pub const BASE: &str = "/storage/v1";
/// Commits one transaction.
pub const TRANSACTIONS: &str = "/storage/v1/transactions";
/// Commits independent transactions.
pub const BATCH: &str = "/storage/v1/transactions/batch";
/// Follows the log of commits.
pub const LOG: &str = "/storage/v1/log";
/// Reads the end of the log.
pub const LOG_HEAD: &str = "/storage/v1/log/head";
/// Lists the durable consumers of the log. The paths of one consumer are below this path: see [`of_consumer`].
pub const CONSUMERS: &str = "/storage/v1/consumers";
/// Leases a consumer.
pub const LEASE: &str = "/storage/v1/consumers/{name}/lease";
/// Moves a consumer forward.
pub const ADVANCE: &str = "/storage/v1/consumers/{name}/advance";
/// Releases the lease of a consumer.
pub const RELEASE: &str = "/storage/v1/consumers/{name}/release";
/// Parks an event.
pub const PARK: &str = "/storage/v1/consumers/{name}/park";
/// Lists the parked events.
pub const PARKED: &str = "/storage/v1/consumers/{name}/parked";
/// Marks parked events for a replay.
pub const UNPARK: &str = "/storage/v1/consumers/{name}/unpark";
/// Deletes parked events.
pub const DISCARD: &str = "/storage/v1/consumers/{name}/discard";
/// Reads every row, as of one moment.
pub const SNAPSHOT: &str = "/storage/v1/snapshot";
/// Checks that the database is reachable.
pub const PROBE: &str = "/storage/v1/probe";

/// The path of all rows of a kind: `/storage/v1/characters`.
#[must_use]
pub fn collection(kind: EntityKind) -> String {
    format!("{BASE}/{}", kind.collection())
}

/// The path of the number of rows of a kind: `/storage/v1/counts/characters`. It is not below [`collection`], where a server
/// of an earlier release would take it for the id of a row.
#[must_use]
pub fn count(kind: EntityKind) -> String {
    format!("{BASE}/counts/{}", kind.collection())
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

/// The path of one consumer, from one of the paths with `{name}` in it, such as [`LEASE`].
#[must_use]
pub fn of_consumer(path: &str, name: &ConsumerName) -> String {
    path.replace("{name}", name.as_str())
}
