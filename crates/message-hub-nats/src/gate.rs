//! Order over the end of a subscriber: what it had received and not settled is delivered before anything new.

use crate::{
    config::Subscribers,
    consumer::{self, Info, Intake},
    feed::{CALL, Feed, Origin},
    link::Sent,
    requested::EXPIRES,
    stream::is_passing,
};
use bytes::Bytes;
use character_message_hub::{ErrorKind, NEXT, Result};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::time::Instant;

/// The pause between two questions about the events that are not settled.
const LOOK: Duration = Duration::from_millis(150);
/// How long another subscriber of the name has to say that it is connected.
const PRESENCE: Duration = Duration::from_millis(500);

/// Until when nothing is delivered.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) look_at: Instant,
    /// An event that was removed from the stream never comes: it is waited for from then on, and no longer than
    /// [`Feed::longest_wait`].
    shut_at: Instant,
}

impl Feed {
    /// The subject on which subscribers of the name say that they are connected.
    pub(crate) fn presence(&self) -> String {
        format!("{}hub.present.{}.{}", self.prefix, self.events.name(), self.subscription().name)
    }

    /// Closes the gate when events were delivered to a subscriber that is gone: they come again, later than new ones, and must be
    /// delivered before them. Also returns the place of the last delivery in the consumer.
    pub(crate) async fn close_gate(&self, deadline: Instant) -> Result<(Option<Gate>, u64)> {
        let name = &self.subscription().name;
        let info = consumer::info(&self.link, &self.events, name, NEXT, deadline);
        let (info, stream) = tokio::try_join!(info, self.events.created(NEXT, deadline))?;
        self.receive_from(Origin { stream, consumer: info.created.clone() });
        let has_missed = self.is_gated() || self.place.load(Ordering::Acquire) != info.deliveries();
        let is_away = if has_missed { self.is_something_away(&info) } else { self.is_something_unknown(&info) };
        let gate = if is_away { self.shut().await? } else { None };
        self.place.store(info.deliveries(), Ordering::Release);
        self.gated.store(gate.is_some(), Ordering::Release);
        self.changed.notify_waiters();
        Ok((gate, info.deliveries()))
    }

    /// Closes the gate until everything that is not settled is here. Not when another subscriber says that it is connected: what is away
    /// is its own, and the order is not promised.
    pub(crate) async fn shut(&self) -> Result<Option<Gate>> {
        self.gated.store(true, Ordering::Release);
        if self.is_another_connected().await? {
            self.gated.store(false, Ordering::Release);
            self.changed.notify_waiters();
            return Ok(None);
        }
        let now = Instant::now();
        Ok(Some(Gate { look_at: now, shut_at: now }))
    }

    /// How long the gate is closed at most. A subscriber that joins meanwhile may have more time for settling than those before it, and
    /// JetStream then waits as long for what is away.
    fn longest_wait(&self) -> Duration {
        let settle_within = self.subscription().settle_within;
        match self.subscribers {
            Subscribers::Several => settle_within + Duration::from_secs(2),
            // A subscriber that stands still may be sent an event again, until its request for events has expired.
            Subscribers::One => EXPIRES + settle_within * 2,
        }
    }

    /// Whether JetStream waits for settlements of events that are not here.
    fn is_something_away(&self, info: &Info) -> bool {
        let held = self.held();
        let here = match self.subscribers {
            // What is perhaps settled holds up its own subjects alone.
            Subscribers::Several => held.len(),
            // It must not be taken for an event that another process has.
            Subscribers::One => held.present(),
        };
        info.num_ack_pending > here
    }

    /// Whether JetStream waits for settlements of events that are forgotten here. When nothing was delivered since the last session, those
    /// that are known and away hold up the rest of their own subjects alone.
    fn is_something_unknown(&self, info: &Info) -> bool {
        let mut held = self.held();
        held.expire(Instant::now());
        info.num_ack_pending > held.len()
    }

    async fn is_another_connected(&self) -> Result<bool> {
        let limit = Instant::now() + PRESENCE;
        let answer = self.link.call(NEXT, self.presence().into(), None, Bytes::new(), limit).await;
        match answer {
            Ok(answer) => Ok(matches!(answer, Sent::Reply(_))),
            // Without permission to ask, a subscriber counts as alone.
            Err(error) if matches!(error.kind(), ErrorKind::Forbidden | ErrorKind::Timeout) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens the gate when everything that is not settled is here.
    pub(crate) async fn look_at_gate(&self, gate: Option<Gate>) -> Result<Option<Gate>> {
        let Some(gate) = gate else { return Ok(None) };
        match self.may_open(&gate).await {
            Ok(true) => {
                self.gated.store(false, Ordering::Release);
                self.changed.notify_waiters();
                return Ok(None);
            }
            Ok(false) => {}
            // A session that began again would lose the events that are on their way.
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(Some(Gate { look_at: Instant::now() + LOOK, ..gate }))
    }

    /// Whether the gate may open. New events are not received until then: they would be as many as a subscriber may hold, and those
    /// that are waited for would find no place.
    async fn may_open(&self, gate: &Gate) -> Result<bool> {
        let deadline = Instant::now() + CALL;
        let info = consumer::info(&self.link, &self.events, &self.subscription().name, NEXT, deadline).await?;
        let opens = !self.is_something_away(&info) || Instant::now() >= gate.shut_at + self.longest_wait();
        let intake = if opens { Intake::All } else { Intake::Unsettled };
        self.apply(Some(intake), NEXT, deadline).await?;
        Ok(opens)
    }
}
