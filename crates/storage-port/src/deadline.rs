//! When the caller of the current task stops waiting, so that no work is done for it afterwards.

use std::{future::Future, time::Instant};

tokio::task_local! {
    static DEADLINE: Option<Instant>;
}

/// Runs `work` for a caller that stops waiting at `at`; `None`: it waits as long as it takes. What a task of its own does is
/// not limited, unless that task takes the deadline over.
pub async fn within_deadline<T>(at: Option<Instant>, work: impl Future<Output = T>) -> T {
    DEADLINE.scope(at, work).await
}

/// When the caller of this task stops waiting. A transport passes it on.
#[must_use]
pub fn caller_deadline() -> Option<Instant> {
    DEADLINE.try_with(|at| *at).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_deadline_holds_within_its_task_alone() {
        let at = Instant::now();
        assert_eq!(caller_deadline(), None);
        let within = within_deadline(Some(at), async {
            let elsewhere = tokio::spawn(async { caller_deadline() }).await.unwrap();
            (caller_deadline(), elsewhere)
        });
        assert_eq!(within.await, (Some(at), None));
    }
}
