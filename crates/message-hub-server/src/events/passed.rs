//! Polls that other servers pass on to this one: they end when the other server does not wait any more, and what it did not receive
//! is released.

use super::holders::Origin;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};
use uuid::Uuid;

/// How long the end of a poll is remembered: longer than the other server waits for the response.
const REMEMBERED: Duration = Duration::from_secs(10);

#[derive(Debug)]
enum PassedPoll {
    /// The other server waits for the response.
    Awaited(Arc<Notify>),
    /// The response has the deliveries of these receipts.
    Answered(Vec<String>, Instant),
    /// The other server does not wait any more. It may say so before the poll is begun.
    Ended(Instant),
}

/// Polls of other servers, by their ids. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed(Arc<Mutex<HashMap<Uuid, PassedPoll>>>);

/// One poll of another server, or of a client.
#[derive(Debug)]
pub(super) struct Awaited {
    passed: Passed,
    origin: Origin,
    ended: Arc<Notify>,
}

/// Whether the sender of a poll waits for its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Waits,
    HasLeft,
}

impl Passed {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, PassedPoll>> {
        // Each change of it is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, origin: Origin) -> Awaited {
        let ended = Arc::<Notify>::default();
        if let Origin::Server(id) = origin {
            let mut polls = self.lock();
            match polls.get(&id) {
                Some(PassedPoll::Ended(_)) => ended.notify_one(),
                _ => drop(polls.insert(id, PassedPoll::Awaited(Arc::clone(&ended)))),
            }
        }
        Awaited { passed: self.clone(), origin, ended }
    }

    /// The other server does not wait any more, or has not received the response. Returns the receipts of the deliveries in it.
    pub(super) fn end(&self, id: Uuid) -> Vec<String> {
        match self.lock().insert(id, PassedPoll::Ended(Instant::now() + REMEMBERED)) {
            Some(PassedPoll::Awaited(ended)) => {
                ended.notify_one();
                Vec::new()
            }
            Some(PassedPoll::Answered(receipts, _)) => receipts,
            Some(PassedPoll::Ended(_)) | None => Vec::new(),
        }
    }

    /// Forgets the polls that no server asks for any more.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        self.lock().retain(|_, poll| match poll {
            PassedPoll::Awaited(_) => true,
            PassedPoll::Answered(_, until) | PassedPoll::Ended(until) => now < *until,
        });
    }
}

impl Awaited {
    /// Waits until the sender does not wait any more.
    pub(super) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// The response is made, with the deliveries of these receipts. Its sender releases them if it does not receive it.
    pub(super) fn answer(&self, receipts: &[String]) -> Sender {
        let Origin::Server(id) = self.origin else { return Sender::Waits };
        let mut polls = self.passed.lock();
        if let Some(PassedPoll::Ended(_)) = polls.get(&id) {
            return Sender::HasLeft;
        }
        if !receipts.is_empty() {
            polls.insert(id, PassedPoll::Answered(receipts.to_vec(), Instant::now() + REMEMBERED));
        }
        Sender::Waits
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let Origin::Server(id) = self.origin else { return };
        let mut polls = self.passed.lock();
        if let Some(PassedPoll::Awaited(_)) = polls.get(&id) {
            polls.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn a_poll_whose_end_comes_first_ends_at_once() {
        let (passed, id) = (Passed::default(), Uuid::new_v4());
        assert!(passed.end(id).is_empty());
        let awaited = passed.begin(Origin::Server(id));
        assert!(awaited.ended().now_or_never().is_some());
        assert_eq!(awaited.answer(&["a".to_owned()]), Sender::HasLeft);
    }

    #[test]
    fn an_end_returns_the_deliveries_of_a_response_once_and_of_a_poll_that_waits_none() {
        let (passed, id) = (Passed::default(), Uuid::new_v4());
        let awaited = passed.begin(Origin::Server(id));
        assert_eq!(awaited.answer(&["a".to_owned()]), Sender::Waits);
        drop(awaited);
        assert_eq!((passed.end(id), passed.end(id)), (vec!["a".to_owned()], Vec::new()));
        let waiting = passed.begin(Origin::Server(Uuid::new_v4()));
        assert!(waiting.ended().now_or_never().is_none());
        drop(waiting);
        assert_eq!(passed.lock().len(), 1, "the end of the first one is remembered");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_poll_is_forgotten_after_a_while_and_one_that_waits_is_not() {
        let passed = Passed::default();
        passed.end(Uuid::new_v4());
        passed.begin(Origin::Server(Uuid::new_v4())).answer(&["a".to_owned()]);
        let waiting = passed.begin(Origin::Server(Uuid::new_v4()));
        passed.sweep();
        assert_eq!(passed.lock().len(), 3);
        tokio::time::advance(REMEMBERED).await;
        passed.sweep();
        assert_eq!(passed.lock().len(), 1);
        drop(waiting);
    }
}
