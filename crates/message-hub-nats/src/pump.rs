//! Receives the events of one subscription: asks JetStream for them, and takes what arrives.

use crate::{
    codec, consumer,
    feed::{Feed, Received},
};
use async_nats::Message;
use character_message_hub::{ErrorKind, HubError, NEXT, Result};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How long JetStream keeps a request for events. Between two renewals, at least this time is left of the holding.
const EXPIRES: Duration = Duration::from_secs(4);
/// How often JetStream says that it is there while it has no events.
const HEARTBEAT: Duration = Duration::from_millis(1_500);
/// Without a word for this time, the request is repeated.
const SILENCE: Duration = Duration::from_millis(4_500);
/// How often JetStream hears of the events that are here.
pub(crate) const TICK: Duration = Duration::from_millis(800);
/// Expiry and heartbeat of the requests of a session until JetStream has sent something: a server of a cluster that does not know the leader
/// of the consumer yet drops a request without a word, so it is repeated soon.
const FIRST: (Duration, Duration) = (Duration::from_secs(3), Duration::from_millis(500));
/// The pause before receiving begins again after a failure.
pub(crate) const PAUSE: Duration = Duration::from_millis(250);
/// The pause before the next request when too many events are unsettled.
const CROWDED: Duration = Duration::from_millis(150);
/// The maximum number of events of one request.
const MAX_REQUESTED: usize = 1_000;

pub(crate) fn unavailable() -> HubError {
    HubError::new(ErrorKind::Unavailable { retry_after: None }, NEXT)
}

impl Feed {
    /// Timers: what is due is delivered, and JetStream hears of what waits.
    pub(crate) async fn tend(&self, requested: &mut Requested) -> Result<()> {
        let now = Instant::now();
        let touched = {
            let mut held = self.held();
            held.expire(now);
            match requested.touch_at {
                Some(at) if now < at => Vec::new(),
                _ => {
                    requested.touch_at = Some(now + TICK);
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
        if now > requested.heard + SILENCE && (requested.count > 0 || is_unheard) {
            self.link.suspect(requested.heard);
            let detail = "JetStream is silent: no event and no heartbeat";
            let silent = HubError::new(ErrorKind::Timeout, NEXT).with_detail(detail);
            return Err(silent.within("three heartbeats", SILENCE));
        }
        Ok(())
    }

    /// Asks JetStream for events when more could be delivered.
    pub(crate) async fn ask(&self, inbox: &str, requested: &mut Requested, takes: usize, until: Instant) -> Result<()> {
        let now = Instant::now();
        if requested.count > 0 && now < requested.expires_at {
            return Ok(());
        }
        let count = {
            let held = self.held();
            let room = consumer::MAX_HELD.saturating_sub(held.len());
            let wanted = takes.saturating_sub(held.ready());
            // Events that wait for earlier ones of their subject are no use now: ask for as many more.
            let blocked = held.len().saturating_sub(held.ready() + held.in_flight());
            if wanted == 0 { 0 } else { wanted.saturating_add(blocked).min(room).min(MAX_REQUESTED) }
        };
        if count == 0 || now < requested.not_before {
            return Ok(());
        }
        let (expires, heartbeat) = match requested.hears {
            Hears::Nothing => FIRST,
            Hears::Jetstream => (EXPIRES, HEARTBEAT),
        };
        // No request outlives the holding of the subscription: the server would send events here that the next holder waits for.
        if now + expires > until {
            return Ok(());
        }
        let body = serde_json::json!({
            "batch": count,
            "expires": u64::try_from(expires.as_nanos()).unwrap_or(u64::MAX),
            "idle_heartbeat": u64::try_from(heartbeat.as_nanos()).unwrap_or(u64::MAX),
        });
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.events.name(), self.subscription.name);
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
        let Some((sequence, delivered)) = consumer::delivery(&address) else { return Ok(()) };
        match codec::decode(message.headers.as_ref(), &message.payload) {
            Ok(event) if !self.accepts(&event) => self.send(address, "+ACK").await,
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
                self.held().arrive(sequence, delivered, event.subject(), Arc::new(received), address, now);
                self.changed.notify_waiters();
            }
            Err(error) => self.refuse(sequence, address, message, error.to_string()).await,
        }
        Ok(())
    }
}

/// Whether JetStream has sent something to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hears {
    Nothing,
    Jetstream,
}

/// The open request for events.
#[derive(Debug)]
pub(crate) struct Requested {
    /// The number of events that can still come.
    count: usize,
    expires_at: Instant,
    /// When it was sent; `None` before the first one.
    asked: Option<Instant>,
    /// When JetStream sent something last; before that, when it was asked first.
    heard: Instant,
    hears: Hears,
    not_before: Instant,
    touch_at: Option<Instant>,
}

impl Default for Requested {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            count: 0,
            expires_at: now,
            asked: None,
            heard: now,
            hears: Hears::Nothing,
            not_before: now,
            touch_at: None,
        }
    }
}
