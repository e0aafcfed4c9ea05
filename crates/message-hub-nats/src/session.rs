//! The life of a subscriber: it receives from JetStream for all subscribers of its name, or from the one that does, and begins again on
//! each connection.

use crate::{
    campaign::{Position, Tenure},
    consumer,
    feed::{CALL, Feed, Role},
    held::Released,
    holder::Others,
    lease::{Record, TERM},
    pump::{PAUSE, Requested, TICK, unavailable},
};
use async_nats::Subscriber;
use character_error_reporter::redacted;
use character_message_hub::{ErrorKind, NEXT, Result};
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, Fuse, FusedFuture as _},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};

/// The limit of one renewal.
const RENEWAL_LIMIT: Duration = Duration::from_secs(1);

/// How far a subscriber is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    Not,
    /// It takes no more deliveries. Those that it has can still be settled.
    Dropped,
    /// Its process ends.
    AtOnce,
}

/// Follows how far a subscriber is to end.
pub(crate) struct Stop(pub(crate) watch::Receiver<Ending>);

impl Stop {
    pub(crate) fn is(&self, ending: Ending) -> bool {
        *self.0.borrow() >= ending
    }

    pub(crate) async fn reaches(&mut self, ending: Ending) {
        // Without its sender, nothing waits for the subscriber.
        drop(self.0.wait_for(|now| *now >= ending).await);
    }
}

/// What follows a time of holding or following.
#[derive(Debug)]
pub(crate) enum Next {
    Stopped,
    Continues(Position),
}

/// When a renewal was asked for, and the place of the new record.
type Renewal = Fuse<BoxFuture<'static, (Instant, Result<Option<u64>>)>>;

impl Feed {
    /// Receives until it is stopped. `left` is set when this subscriber takes no more events.
    pub(crate) async fn run(self: Arc<Self>, mut stop: Stop, left: watch::Sender<bool>) {
        loop {
            match self.session(&mut stop, &left).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::debug!(subscription = %self.subscription.name, error = %redacted(&error), "receiving begins again");
                    if matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Forbidden) {
                        self.report(error);
                    }
                }
            }
            if stop.is(Ending::Dropped) {
                left.send_replace(true);
                // Its deliveries stay with it as long as JetStream hears of them.
                if self.held().in_flight() == 0 {
                    break;
                }
            }
            tokio::select! {
                () = stop.reaches(Ending::AtOnce) => break,
                () = sleep(PAUSE) => {}
            }
        }
        left.send_replace(true);
    }

    /// Receives over one connection. `Ok`: it was stopped.
    async fn session(self: &Arc<Self>, stop: &mut Stop, left: &watch::Sender<bool>) -> Result<()> {
        let deadline = Instant::now() + CALL;
        self.link.ready(NEXT, deadline).await?;
        let epoch = self.link.state().borrow().epoch;
        // Others may ask as soon as they know who holds the subscription.
        let mut questions = self.listen(format!("{}.>", self.address)).await?;
        let mut position = self.campaign(deadline).await?;
        loop {
            let next = match position {
                Position::Holds(tenure) => self.hold(stop, left, &mut questions, tenure, epoch).await?,
                Position::Follows(kept) => self.follow(stop, kept, epoch).await?,
            };
            match next {
                Next::Stopped => return Ok(()),
                Next::Continues(next) => position = next,
            }
        }
    }

    /// Receives from JetStream, for this subscriber and the others of its name.
    async fn hold(
        self: &Arc<Self>,
        stop: &mut Stop,
        left: &watch::Sender<bool>,
        questions: &mut Subscriber,
        mut tenure: Tenure,
        epoch: u64,
    ) -> Result<Next> {
        let mut state = self.link.state();
        let inbox = self.link.client.new_inbox();
        let mut gate = self.close_gate(Instant::now() + CALL).await?;
        let mut messages = self.listen(inbox.clone()).await?;
        let (mut requested, mut others) = (Requested::default(), Others::default());
        let mut renewal: Renewal = Fuse::terminated();
        loop {
            let now = Instant::now();
            if now >= tenure.until {
                self.link.suspect(tenure.until - TERM);
                return Err(unavailable().with_detail("the record of the holder of the subscription was not renewed"));
            }
            if now >= tenure.renews_at && renewal.is_terminated() {
                renewal = self.renewal(tenure.sequence).fuse();
            }
            let lingers = stop.is(Ending::Dropped);
            if lingers {
                left.send_replace(true);
                if stop.is(Ending::AtOnce) || self.held().in_flight() == 0 {
                    let listening = (messages, questions);
                    self.leave(listening, &mut requested, &others, (tenure, renewal), stop.is(Ending::AtOnce)).await;
                    return Ok(Next::Stopped);
                }
            }
            let wanted = if lingers { 0 } else { self.subscription.max_in_flight };
            self.ask(&inbox, &mut requested, wanted.saturating_add(others.wanted()), tenure.until).await?;
            let wakes_at = self.held().wakes_at();
            let tick = (Instant::now() + TICK).min(tenure.until);
            let renews_at = if renewal.is_terminated() { tenure.renews_at } else { tick };
            let look = gate.as_ref().map_or(tick, |gate| gate.look_at);
            tokio::select! {
                () = stop.reaches(if lingers { Ending::AtOnce } else { Ending::Dropped }) => continue,
                message = messages.next() => {
                    let message = message.ok_or_else(unavailable)?;
                    self.receive(message, &mut requested).await?;
                }
                question = questions.next() => self.hear(question.ok_or_else(unavailable)?, &mut others).await,
                (asked, renewed) = &mut renewal => match renewed {
                    Ok(Some(sequence)) => {
                        tenure = Tenure::from(asked, sequence);
                        self.set_role(Role::Holds(tenure.until));
                    }
                    Ok(None) => return Err(unavailable().with_detail("another record of a holder is there")),
                    Err(error) => {
                        tracing::debug!(error = %redacted(&error), "the record of the holder of a subscription is not renewed yet");
                        tenure.renews_at = Instant::now() + PAUSE;
                    }
                },
                () = self.nudged.notified() => {}
                changed = state.changed() => {
                    if changed.is_err() || state.borrow().epoch != epoch {
                        return Err(unavailable());
                    }
                }
                () = sleep_until(wakes_at.unwrap_or(tick).min(tick).min(look).min(renews_at)) => {}
            }
            self.tend(&mut requested).await?;
            self.pass_on(&mut others).await;
            if gate.as_ref().is_some_and(|gate| Instant::now() >= gate.look_at) {
                gate = self.look_at_gate(gate).await?;
            }
        }
    }

    /// Replaces the own record with this place in the stream.
    fn renewal(&self, sequence: u64) -> BoxFuture<'static, (Instant, Result<Option<u64>>)> {
        let (lease, record, asked) = (Arc::clone(&self.lease), self.record(), Instant::now());
        async move { (asked, lease.write(&record, sequence, asked + RENEWAL_LIMIT).await) }.boxed()
    }

    /// Takes what is on its way and no more, returns it to JetStream, and gives the subscription up.
    async fn leave(
        &self,
        (mut messages, questions): (Subscriber, &mut Subscriber),
        requested: &mut Requested,
        others: &Others,
        (mut tenure, renewal): (Tenure, Renewal),
        at_once: bool,
    ) {
        let end = async {
            // The server has sent everything that it sent before its answer.
            drop(self.link.round_trip(NEXT, Instant::now() + CALL / 2).await);
            drop(questions.unsubscribe().await);
            drop(messages.unsubscribe().await);
            while let Some(message) = messages.next().await {
                drop(self.receive(message, requested).await);
            }
            // This question makes the server forget requests that no client listens to any more. nats-server 2.9 would otherwise
            // lose the first event that is returned until its time for settling has passed.
            let deadline = Instant::now() + CALL / 2;
            drop(consumer::info(&self.link, &self.events, &self.subscription, NEXT, deadline).await);
        };
        drop(timeout(CALL, end).await);
        self.set_role(Role::Idle);
        let give_up = async {
            if !renewal.is_terminated()
                && let (asked, Ok(Some(sequence))) = renewal.await
            {
                tenure = Tenure::from(asked, sequence);
            }
            let which = if at_once { Released::Everything } else { Released::Waiting };
            let released = self.held().release(Instant::now(), which);
            // What is not returned is delivered again after a while.
            for address in released {
                self.send(address, "-NAK").await;
            }
            let record = Record { holder: None, ..self.record() };
            if let Err(error) = self.lease.write(&record, tenure.sequence, Instant::now() + RENEWAL_LIMIT).await {
                tracing::debug!(error = %redacted(&error), "the record of the holder of a subscription lapses");
            }
            self.say_farewell(others).await;
            self.link.client.flush().await
        };
        drop(timeout(CALL, give_up).await);
    }
}
