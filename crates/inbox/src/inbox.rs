//! Receives the events of a subscription and calls the handler for each.

use crate::{
    EventHandler, EventIdentity, Handled, InboxError, InboxHandle, InboxOptions, InboxState, Received, Turn,
    status::Shared,
};
use character_error_reporter::redacted;
use character_message_hub::{Deliveries, Delivery, ErrorKind, HubError, MessageHub, NEXT};
use futures_util::FutureExt as _;
use std::{convert::Infallible, fmt, future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{interval_at, sleep, timeout},
};

/// The pauses between attempts to subscribe: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// Handles each event of a subscription once. See the [crate](crate) for how.
pub struct Inbox {
    hub: Arc<dyn MessageHub>,
    options: InboxOptions,
    worker: Arc<Worker>,
    tasks: JoinSet<()>,
}

/// What every task that handles an event needs.
struct Worker {
    handler: Box<dyn EventHandler>,
    options: InboxOptions,
    shared: Arc<Shared>,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hub, options) = (&self.hub, &self.options);
        f.debug_struct("Inbox").field("hub", hub).field("options", options).finish_non_exhaustive()
    }
}

impl Inbox {
    /// An inbox of this hub. It does nothing until it [runs](Self::run).
    ///
    /// # Errors
    /// As [`InboxOptions::check`].
    pub fn new(
        hub: Arc<dyn MessageHub>,
        handler: impl EventHandler,
        options: InboxOptions,
    ) -> Result<Self, InboxError> {
        options.check()?;
        let worker = Worker { handler: Box::new(handler), options: options.clone(), shared: Arc::default() };
        Ok(Self { hub, options, worker: Arc::new(worker), tasks: JoinSet::new() })
    }

    /// The handle for state and metrics.
    #[must_use]
    pub fn handle(&self) -> InboxHandle {
        InboxHandle(Arc::clone(&self.worker.shared))
    }

    /// Handles events until `stop` is ready. Then it takes no more events, and handlers may finish, in at most
    /// [`InboxOptions::stop_within`]. Needs a Tokio runtime.
    ///
    /// # Cancel safety
    /// May be dropped at any point: events that are not settled are delivered again.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::select! {
            never = self.receive() => match never {},
            () = stop => {}
        }
        self.finish_handlers().await;
        self.worker.shared.enter(InboxState::Stopped, None);
    }

    /// The same, but receives only while it is the turn of this process.
    ///
    /// # Cancel safety
    /// As [`run`](Self::run). The lease then ends by itself.
    pub async fn run_in_turn(mut self, mut turn: Turn, stop: impl Future<Output = ()>) {
        tokio::select! {
            never = self.receive_in_turn(&mut turn) => match never {},
            () = stop => {}
        }
        self.finish_handlers().await;
        turn.release().await;
        self.worker.shared.enter(InboxState::Stopped, None);
    }

    async fn receive_in_turn(&mut self, turn: &mut Turn) -> Infallible {
        loop {
            let shared = Arc::clone(&self.worker.shared);
            turn.wait(|error| match error {
                Some(error) => shared.enter(InboxState::WaitingForStorage(error.kind().code()), Some(error)),
                None => shared.enter(InboxState::Standby, None),
            })
            .await;
            tokio::select! {
                never = self.receive() => match never {},
                () = turn.keep() => {}
            }
            self.finish_handlers().await;
        }
    }

    /// Lets active handlers finish, and stops those that take long.
    async fn finish_handlers(&mut self) {
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(self.options.stop_within, finished).await.is_err() {
            tracing::warn!("handlers of events were stopped; their events are delivered again");
            self.tasks.shutdown().await;
        }
    }

    async fn receive(&mut self) -> Infallible {
        let mut pause = PAUSES.0;
        loop {
            let error = match self.hub.subscribe(&self.options.subscription).await {
                Ok(deliveries) => {
                    self.worker.shared.enter(InboxState::Receiving, None);
                    pause = PAUSES.0;
                    self.take(deliveries).await
                }
                Err(error) => error,
            };
            self.worker.shared.enter(InboxState::WaitingForHub(error.kind().code()), Some(&error));
            let asked_for = error.retry_after().unwrap_or_default().min(PAUSES.1);
            sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0).max(asked_for)).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Takes deliveries until the hub fails.
    async fn take(&mut self, mut deliveries: Box<dyn Deliveries>) -> HubError {
        let places = Arc::new(Semaphore::new(self.options.subscription.max_in_flight));
        loop {
            let place = match Arc::clone(&places).acquire_owned().await {
                Ok(place) => place,
                // It is never closed.
                Err(_) => return HubError::new(ErrorKind::Corrupt, NEXT),
            };
            let delivery = match deliveries.next().await {
                Ok(delivery) => delivery,
                Err(error) => return error,
            };
            while self.tasks.try_join_next().is_some() {}
            self.tasks.spawn(Arc::clone(&self.worker).process(delivery, place));
        }
    }
}

/// Counts an event as in flight until it is dropped.
struct InFlight(Arc<Shared>);

impl InFlight {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.counters.in_flight.inc();
        Self(Arc::clone(shared))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.counters.in_flight.dec();
    }
}

impl Worker {
    async fn process(self: Arc<Self>, delivery: Delivery, _place: OwnedSemaphorePermit) {
        let (_in_flight, counters) = (InFlight::new(&self.shared), &self.shared.counters);
        if delivery.attempt() > 1 {
            counters.redelivered.inc();
        }
        let event = Arc::clone(delivery.event());
        let identity = EventIdentity::new(self.options.subscription.name.clone(), &event);
        let received = Received { event, identity, attempt: delivery.attempt() };
        let Some(handled) = self.handle(&delivery, &received).await else {
            counters.settle_failures.inc();
            return;
        };
        let (id, event_type) = (received.event.id(), received.event.event_type());
        let settled = match handled {
            Handled::Done => {
                counters.handled("done");
                delivery.ack().await
            }
            Handled::RetryAfter(pause) => {
                counters.handled("retried");
                tracing::debug!(id, event_type, ?pause, "an event is to be delivered again");
                delivery.retry_after(pause).await
            }
            Handled::Reject(reason) => {
                counters.handled("rejected");
                tracing::warn!(id, event_type, reason, "an event was rejected");
                delivery.reject(reason).await
            }
        };
        if let Err(error) = settled {
            counters.settle_failures.inc();
            tracing::debug!(id, event_type, error = %redacted(&error), "the outcome of an event was not reported; it is delivered again");
        }
    }

    /// Calls the handler, and keeps the delivery while it works. `None`: another subscriber has the delivery.
    async fn handle(&self, delivery: &Delivery, received: &Received) -> Option<Handled> {
        let every = self.options.subscription.settle_within / 3;
        let mut ticks = interval_at(Instant::now() + every, every);
        let handling = AssertUnwindSafe(self.handler.handle(received)).catch_unwind();
        let mut handling = std::pin::pin!(timeout(self.options.handle_within, handling));
        let outcome = loop {
            tokio::select! {
                outcome = &mut handling => break outcome,
                _ = ticks.tick() => match delivery.in_progress().await {
                    Err(error) if *error.kind() == ErrorKind::DeliveryLost => return None,
                    // A hub that does not answer now delivers the event again later; until then the handler may finish.
                    _ => {}
                }
            }
        };
        let (id, event_type) = (received.event.id(), received.event.event_type());
        Some(match outcome {
            Ok(Ok(handled)) => handled,
            Ok(Err(_)) if received.attempt >= self.options.max_panics => {
                Handled::Reject(format!("the handler panicked, and the event was delivered {} times", received.attempt))
            }
            Ok(Err(_)) => {
                tracing::error!(id, event_type, "the handler of an event panicked");
                Handled::RetryAfter(received.pause())
            }
            Err(_) => {
                tracing::warn!(id, event_type, "an event took too long to handle");
                Handled::RetryAfter(received.pause())
            }
        })
    }
}
