//! How a clause gets a storage to judge, and how it is run.

use crate::sentence;
use character_storage_port::StoragePort;
use futures_util::future::LocalBoxFuture;
use std::{sync::Arc, thread, time::Duration};

/// A clause that has not ended after this time has failed: something waits without a bound.
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

    /// An **empty** storage that no other clause uses. Called once for each clause; clauses run in parallel.
    ///
    /// It runs on the runtime of its clause (Tokio, two worker threads), so it may spawn tasks. A failure to
    /// set up is a panic.
    fn fresh() -> impl Future<Output = (Self::Guard, Arc<dyn StoragePort>)>;
}

/// A harness of a storage that keeps what it has acknowledged. [`storage_durability!`](crate::storage_durability) judges that.
///
/// The storage is dropped before it is opened again, so the clauses do not judge a crash: an adapter that writes when it is dropped
/// passes them, and loses acknowledged commits when its process is killed. Kill a process that uses yours in a test of its own.
pub trait DurableHarness: Harness {
    /// The storage of `guard`, opened again after the one before was dropped.
    fn reopen(guard: &Self::Guard) -> impl Future<Output = Arc<dyn StoragePort>>;
}

/// Opens the storage of a clause again. The clause drops the one before.
pub type Reopen<'a> = &'a dyn Fn() -> LocalBoxFuture<'a, Arc<dyn StoragePort>>;

/// Runs one clause over a fresh storage. [`storage_conformance!`](crate::storage_conformance) calls it.
///
/// # Panics
/// When the storage breaks the clause, or the clause does not end within [`PATIENCE`].
pub fn run<H: Harness, F: Future<Output = ()>>(name: &'static str, clause: impl FnOnce(Arc<dyn StoragePort>) -> F) {
    judge(name, async {
        let (guard, storage) = H::fresh().await;
        within_patience(name, clause(storage)).await;
        drop(guard);
    });
}

/// Runs one clause that opens its storage again. [`storage_durability!`](crate::storage_durability) calls it.
///
/// # Panics
/// When the storage breaks the clause, or the clause does not end within [`PATIENCE`].
pub fn run_durable<H: DurableHarness>(name: &'static str, clause: impl AsyncFnOnce(Arc<dyn StoragePort>, Reopen<'_>)) {
    judge(name, async {
        let (guard, storage) = H::fresh().await;
        let reopen = || -> LocalBoxFuture<'_, _> { Box::pin(H::reopen(&guard)) };
        within_patience(name, clause(storage, &reopen)).await;
        drop(guard);
    });
}

async fn within_patience(name: &str, clause: impl Future<Output = ()>) {
    let ended = tokio::time::timeout(PATIENCE, clause).await;
    assert!(ended.is_ok(), "the clause `{name}` did not end within {} s", PATIENCE.as_secs());
}

fn judge(name: &'static str, clause: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the clause");
    let _verdict = Verdict(name);
    runtime.block_on(clause);
}

/// Says what was promised, behind the panic that says what was found.
struct Verdict(&'static str);

impl Drop for Verdict {
    fn drop(&mut self) {
        if thread::panicking() {
            let Self(name) = self;
            let sentence = sentence(name).unwrap_or("It is not in the contract.");
            eprintln!(
                "\nThe storage breaks the clause `{name}`:\n  {sentence}\nOf two values that are compared above, `left` is \
                 the actual one and `right` is the expected one.\n"
            );
        }
    }
}
