//! Clients that name themselves, so that a response which they did not receive costs no time.

use super::{Sessions, sessions::Received};
use character_message_hub::{Filter, SubscriptionName};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

/// How long a poller is remembered after its last request.
const IDLE: Duration = Duration::from_secs(300);

/// A subscription, and the name of a client.
type Key = (SubscriptionName, SubscriptionName);

#[derive(Debug)]
struct Poller {
    /// The number of its requests. Its last one alone may take deliveries.
    requests: watch::Sender<u64>,
    /// What it has subscribed to.
    filter: Filter,
    /// The last batch, and the receipts of its deliveries.
    batch: Option<(String, Vec<String>)>,
    used: Instant,
}

/// The pollers. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pollers(Arc<Mutex<HashMap<Key, Poller>>>);

/// One request of a poller.
#[derive(Debug)]
pub(super) struct Poll {
    pollers: Pollers,
    key: Key,
    number: u64,
    requests: watch::Receiver<u64>,
    pub(super) subscribes: Subscribes,
}

/// Whether a request names the filter of its subscription for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscribes {
    /// It does: the filter counts from now on.
    Now,
    /// It repeats what it has subscribed to. Another subscriber may have changed the filter since.
    Before,
}

impl Pollers {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Poller>> {
        // Each change of it is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a request, which ends an earlier one, and releases the deliveries of the last batch unless it is the one that
    /// the poller has received.
    pub(super) async fn begin(&self, sessions: &Sessions, key: Key, received: &str, filter: &Filter) -> Poll {
        let (poll, lost) = {
            let mut pollers = self.lock();
            let is_new = !pollers.contains_key(&key);
            let new = || Poller {
                requests: watch::Sender::new(0),
                filter: filter.clone(),
                batch: None,
                used: Instant::now(),
            };
            let poller = pollers.entry(key.clone()).or_insert_with(new);
            let subscribes = if is_new || poller.filter != *filter { Subscribes::Now } else { Subscribes::Before };
            poller.filter = filter.clone();
            poller.used = Instant::now();
            let lost = poller.batch.take().filter(|(batch, _)| batch != received);
            poller.requests.send_modify(|number| *number += 1);
            let requests = poller.requests.subscribe();
            let number = *requests.borrow();
            (Poll { pollers: self.clone(), key, number, requests, subscribes }, lost)
        };
        if let Some((_, receipts)) = lost {
            sessions.release(receipts, Received::Perhaps).await;
        }
        poll
    }

    /// Ends the request of a poller that leaves, and releases what it did not receive.
    pub(super) async fn end(&self, sessions: &Sessions, key: &Key, received: &str) {
        // Dropped, it ends the request that waits.
        let poller = self.lock().remove(key);
        let lost = poller.and_then(|poller| {
            poller.requests.send_modify(|number| *number += 1);
            poller.batch.filter(|(batch, _)| batch != received)
        });
        if let Some((_, receipts)) = lost {
            sessions.release(receipts, Received::Perhaps).await;
        }
    }

    /// Forgets pollers that sent no request for a while.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        self.lock().retain(|_, poller| poller.used + IDLE > now);
    }
}

impl Poll {
    /// Waits until the poller has sent another request.
    pub(super) async fn ended(&mut self) {
        let number = self.number;
        // A poller that was forgotten has sent none for a while.
        if self.requests.wait_for(|last| *last != number).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Remembers the deliveries of the response, and returns the id of the batch; `None`: the poller has sent another
    /// request, and does not read this response.
    pub(super) fn finish(self, receipts: &[String]) -> Option<String> {
        let mut pollers = self.pollers.lock();
        let poller = pollers.get_mut(&self.key).filter(|poller| *poller.requests.borrow() == self.number)?;
        let batch = Uuid::new_v4().simple().to_string();
        poller.batch = Some((batch.clone(), receipts.to_vec()));
        Some(batch)
    }
}
