//! How a clause gets a storage to judge, and how it is run.

use character_storage_port::StoragePort;
use std::{sync::Arc, time::Duration};

/// A clause that has not ended after so long has failed: something waits without a bound.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where the suite gets the storage under test.
///
/// ```
/// use character_storage_port::{MemoryStorage, StoragePort};
/// use character_storage_testkit::Harness;
/// use std::sync::Arc;
///
/// struct InMemory;
///
/// impl Harness for InMemory {
///     type Guard = ();
///     async fn fresh() -> ((), Arc<dyn StoragePort>) {
///         ((), Arc::new(MemoryStorage::new()))
///     }
/// }
/// ```
pub trait Harness {
    /// What must live as long as the storage is used: a temporary directory, a server process, a database
    /// schema. Dropping it cleans up.
    type Guard;

    /// An **empty** storage that nobody else uses. Called once for each clause; clauses run in parallel.
    ///
    /// It runs on the runtime of its clause (Tokio, two worker threads), so it may spawn tasks. A failure to
    /// set up is a panic.
    fn fresh() -> impl Future<Output = (Self::Guard, Arc<dyn StoragePort>)>;
}

/// Runs one clause over a fresh storage. [`storage_conformance!`](crate::storage_conformance) calls it.
///
/// # Panics
/// When the storage breaks the clause, or the clause does not end within [`PATIENCE`].
pub fn run<H: Harness, F: Future<Output = ()>>(name: &str, clause: impl FnOnce(Arc<dyn StoragePort>) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the clause");
    runtime.block_on(async {
        let (guard, storage) = H::fresh().await;
        let ended = tokio::time::timeout(PATIENCE, clause(storage)).await;
        assert!(ended.is_ok(), "the clause `{name}` did not end within {} s", PATIENCE.as_secs());
        drop(guard);
    });
}
