//! Asks JetStream for events, and receives what it sends: the open request of a session.

use crate::{
    codec,
    config::Subscribers,
    consumer,
    feed::{Feed, Received},
};
use async_nats::Message;
use character_message_hub::{ErrorKind, HubError, NEXT, Result};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::Instant;

/// How long JetStream keeps a request for events.
pub(crate) const EXPIRES: Duration = Duration::from_secs(30);
/// How often JetStream says that it is there while it has no events. Without a word for twice as long, the request is repeated.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);
/// The same two of the requests of a session until JetStream has sent something: a server of a cluster that does not know the leader
/// of the consumer yet drops a request without a word, so it is repeated soon.
pub(crate) const FIRST: (Duration, Duration) = (Duration::from_secs(3), Duration::from_millis(500));
/// The pause before the next request when too many events are unsettled.
const CROWDED: Duration = Duration::from_millis(150);
/// The maximum number of events of one request.
const MAX_REQUESTED: usize = 1_000;

pub(crate) fn unavailable() -> HubError {
    HubError::new(ErrorKind::Unavailable { retry_after: None }, NEXT)
}

/// Whether JetStream has sent something to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hears {
    Nothing,
    Jetstream,
}

/// New events that came in place of those that JetStream is to deliver again, which it does not do before their time.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// Whether the open request is for events that come again.
    pub(crate) is_asked: bool,
    received: usize,
    /// From when on as many may come again.
    again_at: Instant,
}

impl Ahead {
    /// How many events to ask for when this number is to come again.
    pub(crate) fn room(&mut self, away: usize, now: Instant) -> usize {
        if now >= self.again_at {
            self.received = 0;
        }
        away.saturating_sub(self.received)
    }

    pub(crate) fn received(&mut self, now: Instant, settle_within: Duration) {
        if self.received == 0 {
            // More than once before those that are to come again are forgotten.
            self.again_at = now + (settle_within / 3).max(Duration::from_secs(1));
        }
        self.received += 1;
    }
}

/// The open request for events.
#[derive(Debug)]
pub(crate) struct Requested {
    /// The number of events that can still come.
    pub(crate) count: usize,
    pub(crate) ahead: Ahead,
    pub(crate) expires_at: Instant,
    /// When it was sent; `None` before the first one.
    pub(crate) asked: Option<Instant>,
    /// When JetStream sent something last; before that, when it was asked first.
    pub(crate) heard: Instant,
    pub(crate) hears: Hears,
    pub(crate) not_before: Instant,
    pub(crate) touch_at: Option<Instant>,
    /// The place of the last delivery in the consumer.
    pub(crate) place: u64,
    /// A delivery went to another subscriber.
    pub(crate) has_missed: bool,
}

impl Default for Requested {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            count: 0,
            ahead: Ahead { is_asked: false, received: 0, again_at: now },
            expires_at: now,
            asked: None,
            heard: now,
            hears: Hears::Nothing,
            not_before: now,
            touch_at: None,
            place: 0,
            has_missed: false,
        }
    }
}

impl Feed {
    /// Asks JetStream for events when more could be delivered.
    pub(crate) async fn ask(&self, inbox: &str, requested: &mut Requested) -> Result<()> {
        let now = Instant::now();
        if requested.count > 0 && now < requested.expires_at {
            return Ok(());
        }
        let subscription = self.subscription();
        let count = {
            let held = self.held();
            // Without a place for those that come again, later ones of their subjects would be delivered before them.
            let room = consumer::MAX_HELD.saturating_sub(held.len() - held.away());
            // Nothing is ready behind the gate, which waits for others.
            let ready = if self.is_gated() { 0 } else { held.ready() };
            let wanted = subscription.max_in_flight.saturating_sub(ready);
            // Events that wait for earlier ones of their subject are no use now: ask for as many more.
            let blocked = held.len().saturating_sub(held.ready() + held.in_flight());
            // Those that come again hold up their subjects, however many others are ready.
            let count = if wanted == 0 { requested.ahead.room(held.away(), now) } else { wanted + blocked };
            requested.ahead.is_asked = wanted == 0;
            count.min(room).min(MAX_REQUESTED)
        };
        if count == 0 || now < requested.not_before {
            return Ok(());
        }
        let (expires, heartbeat) = match requested.hears {
            Hears::Nothing => FIRST,
            Hears::Jetstream => (EXPIRES, HEARTBEAT),
        };
        let body = serde_json::json!({
            "batch": count,
            "expires": u64::try_from(expires.as_nanos()).unwrap_or(u64::MAX),
            "idle_heartbeat": u64::try_from(heartbeat.as_nanos()).unwrap_or(u64::MAX),
        });
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.events.name(), subscription.name);
        let sent = self.link.client.publish_with_reply(subject, inbox.to_owned(), body.to_string().into()).await;
        sent.map_err(|error| unavailable().with_source(error))?;
        if requested.hears == Hears::Jetstream || requested.asked.is_none() {
            requested.heard = now;
        }
        (requested.count, requested.asked) = (count, Some(now));
        requested.expires_at = now + expires + heartbeat;
        Ok(())
    }

    pub(crate) async fn receive(&self, message: Message, requested: &mut Requested) -> Result<()> {
        (requested.heard, requested.hears) = (Instant::now(), Hears::Jetstream);
        match message.status.map(|status| status.as_u16()) {
            None | Some(200) => {}
            Some(100) => return Ok(()),
            Some(404 | 408) => {
                requested.count = 0;
                return Ok(());
            }
            Some(409) => {
                let reason = message.description.unwrap_or_default().to_ascii_lowercase();
                if reason.contains("max") {
                    // Too many are unsettled; some are settled soon.
                    requested.count = 0;
                    requested.not_before = Instant::now() + CROWDED;
                    return Ok(());
                }
                return Err(unavailable().with_detail(format!("JetStream ended the request for events: {reason}")));
            }
            Some(status) => return Err(unavailable().with_detail(format!("JetStream answers {status}"))),
        }
        requested.count = requested.count.saturating_sub(1);
        let Some(address) = message.reply.clone() else { return Ok(()) };
        let Some(delivered) = consumer::delivery(&address) else { return Ok(()) };
        let (sequence, follows) = (delivered.sequence, delivered.place == requested.place + 1);
        if delivered.place <= requested.place {
            // Places grow for as long as a consumer lasts. The next session finds out whether it has another stream.
            self.send(address, "-NAK").await;
            return Err(unavailable().with_detail("the consumer was created again"));
        }
        requested.place = delivered.place;
        self.place.store(delivered.place, Ordering::Release);
        if requested.ahead.is_asked && delivered.attempt == 1 {
            requested.ahead.received(Instant::now(), self.subscription().settle_within);
        }
        if self.subscribers == Subscribers::One && !follows {
            // A subscriber that has not noticed its end was sent an event, perhaps an earlier one of this subject.
            requested.has_missed = true;
            self.gated.store(true, Ordering::Release);
        }
        match codec::decode(message.headers.as_ref(), &message.payload) {
            Ok(event) if !self.subscription().filter.accepts(&event) => self.send(address, "+ACK").await,
            Ok(event) => {
                let received = Received {
                    event: Arc::new(event),
                    sequence,
                    subject: message.subject,
                    headers: message.headers.unwrap_or_default(),
                    payload: message.payload,
                };
                let event = Arc::clone(&received.event);
                let now = Instant::now();
                self.held().arrive(delivered, event.subject(), Arc::new(received), address, now);
                self.changed.notify_waiters();
            }
            Err(error) => self.refuse(sequence, address, message, error.to_string()).await,
        }
        Ok(())
    }
}
