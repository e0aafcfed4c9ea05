//! The positions that a caller has seen, so that its reads are not behind its own changes in any process.

use crate::Tick;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

tokio::task_local! {
    static SESSION: Session;
}

#[derive(Clone, Debug)]
struct Session {
    least: Option<Tick>,
    reached: Arc<AtomicU64>,
}

/// Runs `work` for a caller that has seen `least`: what is read meanwhile, in this task, is at least as new as the commit
/// with this tick. Returns the output, and the highest tick that [`note_position`] has noted meanwhile in this task; `None`: no tick.
/// The repositories note each of their commits. Adapters do not: who commits through the port calls it with
/// [`Committed::tick`](crate::Committed::tick).
///
/// Position and ticks are of one storage. Nothing fails when a tick is unknown to it: the storage itself is read then.
pub async fn at_least<T>(least: Option<Tick>, work: impl Future<Output = T>) -> (T, Option<Tick>) {
    let session = Session { least, reached: Arc::default() };
    let reached = Arc::clone(&session.reached);
    let output = SESSION.scope(session, work).await;
    let reached = reached.load(Ordering::Relaxed);
    (output, (reached > 0).then_some(Tick(reached)))
}

/// The tick that the reads of this task must not be behind. A cache asks it before it answers.
#[must_use]
pub fn required_position() -> Option<Tick> {
    SESSION.try_with(|session| session.least).ok().flatten()
}

/// Notes a commit of this task for [`at_least`]; outside of that it has no effect. The code that calls
/// [`Commit::commit`](crate::Commit::commit) calls it, and adapters do not.
pub fn note_position(tick: Tick) {
    // Outside of a session there is nobody who wants to know.
    let _ = SESSION.try_with(|session| session.reached.fetch_max(tick.0, Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_requires_its_position_and_returns_the_highest_that_it_reached() {
        assert_eq!(required_position(), None);
        let work = async {
            note_position(Tick(5));
            note_position(Tick(3));
            required_position()
        };
        assert_eq!(at_least(Some(Tick(2)), work).await, (Some(Tick(2)), Some(Tick(5))));
        assert_eq!(at_least(None, async { required_position() }).await, (None, None));
    }
}
