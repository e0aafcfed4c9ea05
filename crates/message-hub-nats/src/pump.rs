//! The sessions of one subscription: each receives events over one connection, and another one begins when it ends.

use crate::{
    config::Subscribers,
    consumer,
    feed::{CALL, Feed},
    requested::{FIRST, HEARTBEAT, Hears, Requested, unavailable},
};
use async_nats::{Message, Subscriber};
use character_error_reporter::redacted;
use character_message_hub::{ErrorKind, HubError, NEXT, Result};
use futures_util::{FutureExt as _, StreamExt as _};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::oneshot,
    task::unconstrained,
    time::{Instant, sleep, sleep_until, timeout},
};

/// The pause before receiving begins again after a failure.
const PAUSE: Duration = Duration::from_millis(250);

impl Feed {
    /// Receives until it is stopped; then returns to JetStream what no subscriber has.
    pub(crate) async fn run(self: Arc<Self>, mut stop: oneshot::Receiver<()>) {
        loop {
            match self.session(&mut stop).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::debug!(subscription = %self.subscription().name, error = %redacted(&error), "receiving begins again");
                    if matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Forbidden) {
                        self.report(error);
                    }
                }
            }
            tokio::select! {
                _ = &mut stop => break,
                () = sleep(PAUSE) => {}
            }
        }
        self.ended.store(true, Ordering::Release);
        let released = self.held().release(Instant::now());
        let returned = async {
            for address in released {
                self.send(address, "-NAK").await;
            }
            self.link.client.flush().await
        };
        // What is not returned is delivered again after the time for settling.
        drop(timeout(CALL, returned).await);
    }

    /// Receives over one connection. `Ok`: it was stopped.
    async fn session(&self, stop: &mut oneshot::Receiver<()>) -> Result<()> {
        let mut state = self.link.state();
        let begin = async {
            let deadline = Instant::now() + CALL;
            self.link.ready(NEXT, deadline).await?;
            let epoch = state.borrow_and_update().epoch;
            self.open(NEXT, deadline).await?;
            let (gate, place) = self.close_gate(deadline).await?;
            let inbox = self.link.client.new_inbox();
            let messages = self.listen(inbox.clone()).await?;
            // One subscriber has no others that it would keep from closing their gates. Those of a release that knows no holders answer.
            let present = match self.subscribers {
                Subscribers::Several => Some(self.listen(self.presence()).await?),
                Subscribers::One => None,
            };
            Ok((epoch, gate, place, inbox, messages, present))
        };
        let (epoch, mut gate, place, inbox, mut messages, mut present) = tokio::select! {
            _ = &mut *stop => return Ok(()),
            begun = begin => begun?,
        };
        let mut requested = Requested { place, ..Requested::default() };
        loop {
            self.ask(&inbox, &mut requested).await?;
            let wakes_at = self.held().wakes_at();
            let tick = Instant::now() + self.tick();
            let look = gate.as_ref().map_or(tick, |gate| gate.look_at);
            tokio::select! {
                _ = &mut *stop => {
                    self.leave(messages, present, &mut requested).await;
                    return Ok(());
                }
                message = messages.next() => {
                    let message = message.ok_or_else(unavailable)?;
                    self.receive(message, &mut requested).await?;
                }
                Some(question) = next_of(&mut present) => {
                    if let Some(address) = question.reply {
                        self.send(address, "+OK").await;
                    }
                }
                () = self.nudged.notified() => {}
                changed = state.changed() => {
                    if changed.is_err() || state.borrow().epoch != epoch {
                        return Err(unavailable());
                    }
                }
                () = sleep_until(wakes_at.unwrap_or(tick).min(tick).min(look)) => {}
            }
            self.catch_up(&mut messages, &mut requested).await?;
            self.tend(&mut requested).await?;
            if std::mem::take(&mut requested.has_missed) && gate.is_none() {
                gate = self.shut().await?;
            }
            if gate.as_ref().is_some_and(|gate| Instant::now() >= gate.look_at) {
                gate = self.look_at_gate(gate).await?;
            }
        }
    }

    async fn listen(&self, subject: String) -> Result<Subscriber> {
        self.link.client.subscribe(subject).await.map_err(|error| unavailable().with_source(error))
    }

    /// Receives what has come before the answer to a settlement: an event that is delivered again in between is settled.
    async fn catch_up(&self, messages: &mut Subscriber, requested: &mut Requested) -> Result<()> {
        if !self.held().must_all_arrive() {
            return Ok(());
        }
        // A task that has used up its turn would find nothing although something is there.
        while let Some(message) = unconstrained(messages.next()).now_or_never() {
            self.receive(message.ok_or_else(unavailable)?, requested).await?;
        }
        self.held().all_arrived();
        Ok(())
    }

    /// Takes what is on its way and no more, so that it can be returned.
    async fn leave(&self, mut messages: Subscriber, present: Option<Subscriber>, requested: &mut Requested) {
        let end = async {
            // The server has sent everything that it sent before its answer.
            drop(self.link.round_trip(NEXT, Instant::now() + CALL / 2).await);
            if let Some(mut present) = present {
                drop(present.unsubscribe().await);
            }
            drop(messages.unsubscribe().await);
            while let Some(message) = messages.next().await {
                drop(self.receive(message, requested).await);
            }
            // This question makes the server forget requests that no client listens to any more. nats-server 2.9 would otherwise
            // lose the first event that is returned until its time for settling has passed.
            let deadline = Instant::now() + CALL / 2;
            drop(consumer::info(&self.link, &self.events, &self.subscription().name, NEXT, deadline).await);
        };
        drop(timeout(CALL, end).await);
    }

    /// How often JetStream hears of the events that wait here.
    fn tick(&self) -> Duration {
        (self.subscription().settle_within / 6).min(Duration::from_secs(1))
    }

    /// Timers: what is due is delivered, and JetStream hears of what waits.
    async fn tend(&self, requested: &mut Requested) -> Result<()> {
        let now = Instant::now();
        let touched = {
            let mut held = self.held();
            held.expire(now);
            match requested.touch_at {
                Some(at) if now < at => held.touch_delivered(),
                _ => {
                    requested.touch_at = Some(now + self.tick());
                    held.touch(now)
                }
            }
        };
        self.changed.notify_waiters();
        for address in touched {
            self.send(address, "+WPI").await;
        }
        let is_unheard = requested.hears == Hears::Nothing && requested.asked.is_some();
        if is_unheard && requested.asked.is_some_and(|asked| now > asked + FIRST.1 * 2) {
            requested.count = 0;
        }
        if now > requested.heard + HEARTBEAT * 2 && (requested.count > 0 || is_unheard) {
            self.link.suspect(requested.heard);
            let detail = "JetStream is silent: no event and no heartbeat";
            let silent = HubError::new(ErrorKind::Timeout, NEXT).with_detail(detail);
            return Err(silent.within("two heartbeats", HEARTBEAT * 2));
        }
        Ok(())
    }
}

/// The next question of another subscriber; for ever, when none is answered.
async fn next_of(present: &mut Option<Subscriber>) -> Option<Message> {
    match present {
        Some(present) => present.next().await,
        None => std::future::pending().await,
    }
}
