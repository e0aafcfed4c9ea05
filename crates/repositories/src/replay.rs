//! Whether the answer of a change is that of an earlier request with the same idempotency key.

use std::{cell::Cell, future::Future};

tokio::task_local! {
    static REPLAY: Cell<Replay>;
}

/// Where the answer of a change comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// From this request.
    No,
    /// From an earlier request with the same idempotency key. A repeat of a request that changed nothing, and that would change
    /// nothing now, is not told apart from its first answer.
    Yes,
}

/// Runs `work`, and returns whether it returned the kept answer of an earlier attempt.
pub async fn noting_replay<T>(work: impl Future<Output = T>) -> (T, Replay) {
    let noted = async {
        let output = work.await;
        (output, REPLAY.with(Cell::get))
    };
    REPLAY.scope(Cell::new(Replay::No), noted).await
}

/// Notes that this task returns a kept answer.
pub(crate) fn note_replay() {
    // Outside of `noting_replay` no caller wants to know.
    let _ = REPLAY.try_with(|replay| replay.set(Replay::Yes));
}
