//! How a clause gets a hub to judge, and how it is run.

use crate::{Clause, Stage, sentence};
use character_message_hub::{MessageHub, Reply, ServiceName, ServiceRequest};
use futures_util::future::{BoxFuture, LocalBoxFuture};
use std::{sync::Arc, thread, time::Duration};
use tokio::runtime::{Builder, Runtime};

/// A clause that has not ended after this time has failed: something waits without a bound.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An instance of a service: it replies to each request.
pub type Handler = Arc<dyn Fn(ServiceRequest) -> BoxFuture<'static, Reply> + Send + Sync>;

/// Which clock the clauses run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The clock of the machine, on two worker threads: for every hub that has a socket or a file.
    Real,
    /// The paused clock of Tokio, which jumps to the next timer when every task waits: for hubs in memory.
    Paused,
}

/// Where the suite gets the hub under test.
pub trait HubHarness {
    /// What must live as long as the hub is used: a server process, a folder, the responders. Dropping it cleans up.
    type Guard: Send;

    /// The clock of the clauses. Default: [`Clock::Real`].
    const CLOCK: Clock = Clock::Real;

    /// An **empty** hub that no other clause uses. Called once for each clause; clauses run in parallel. A failure to set up
    /// is a panic.
    fn fresh() -> impl Future<Output = (Self::Guard, Arc<dyn MessageHub>)>;

    /// Adds an instance of a service to the hub of `guard`. It receives requests from when this returns until the guard is
    /// dropped.
    fn respond(guard: &Self::Guard, service: ServiceName, handler: Handler) -> impl Future<Output = ()>;
}

/// A harness of a hub that keeps what it has acknowledged. [`message_hub_durability!`](crate::message_hub_durability)
/// judges that.
pub trait DurableHubHarness: HubHarness {
    /// Ends the hub of `guard` as a crash does (`SIGKILL`), starts it again with what it kept, and returns a hub that is
    /// connected to it.
    fn reopen(guard: &Self::Guard) -> impl Future<Output = Arc<dyn MessageHub>>;
}

/// Runs one clause over a fresh hub. [`message_hub_conformance!`](crate::message_hub_conformance) calls it.
///
/// # Panics
/// When the hub breaks the clause, or the clause does not end within [`PATIENCE`].
pub fn run<H: HubHarness>(clause: Clause) {
    judge(clause, H::CLOCK, async {
        let (guard, hub) = H::fresh().await;
        let respond = |service, handler| -> LocalBoxFuture<'_, ()> { Box::pin(H::respond(&guard, service, handler)) };
        within_patience(clause, Stage::new(hub, &respond, None)).await;
        drop(guard);
    });
}

/// Runs one clause that crashes its hub. [`message_hub_durability!`](crate::message_hub_durability) calls it.
///
/// # Panics
/// As [`run`].
pub fn run_durable<H: DurableHubHarness>(clause: Clause) {
    judge(clause, H::CLOCK, async {
        let (guard, hub) = H::fresh().await;
        let respond = |service, handler| -> LocalBoxFuture<'_, ()> { Box::pin(H::respond(&guard, service, handler)) };
        let reopen = || -> LocalBoxFuture<'_, Arc<dyn MessageHub>> { Box::pin(H::reopen(&guard)) };
        within_patience(clause, Stage::new(hub, &respond, Some(&reopen))).await;
        drop(guard);
    });
}

async fn within_patience(clause: Clause, stage: Stage<'_>) {
    let ended = tokio::time::timeout(PATIENCE, (clause.run)(stage)).await;
    assert!(ended.is_ok(), "the clause `{}` did not end within {} s", clause.name, PATIENCE.as_secs());
}

fn runtime(clock: Clock) -> Runtime {
    let built = match clock {
        Clock::Real => Builder::new_multi_thread().worker_threads(2).enable_all().build(),
        Clock::Paused => Builder::new_current_thread().enable_time().start_paused(true).build(),
    };
    built.expect("a runtime for the clause")
}

fn judge(clause: Clause, clock: Clock, judged: impl Future<Output = ()>) {
    let runtime = runtime(clock);
    let _verdict = Verdict(clause.name);
    runtime.block_on(judged);
}

/// Prints the broken sentence behind the panic that prints what was found.
struct Verdict(&'static str);

impl Drop for Verdict {
    fn drop(&mut self) {
        if thread::panicking() {
            let Self(name) = self;
            let sentence = sentence(name).unwrap_or("It is not in the contract.");
            eprintln!(
                "\nThe hub breaks the clause `{name}`:\n  {sentence}\nOf two values that are compared above, `left` is the \
                 actual one and `right` is the expected one.\n"
            );
        }
    }
}
