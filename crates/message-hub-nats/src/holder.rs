//! The side of the subscriber that receives from JetStream: it passes events to the other subscribers of the name, and settles what
//! they have.

use crate::{
    feed::Feed,
    lane::{Receipt, Taker},
    peers::{Action, Ask, SettleCall, Settled, ToHolder},
    subscribe::NatsSettle,
};
use async_nats::{Message, StatusCode, Subject};
use character_error_reporter::redacted;
use character_message_hub::Settle as _;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// How long another subscriber that asks for nothing is remembered. It repeats its question each second.
const FORGOTTEN: Duration = Duration::from_secs(5);
/// The last token of the subject on which the holder listens to the others.
pub(crate) const QUESTIONS: &str = "ask";
/// The last token of the subject of the reply to a question.
pub(crate) const ASKED: &str = "asked";
/// The last token of the subject on which the holder reports that it passes on no more events.
pub(crate) const LEFT: &str = "left";

/// Another subscriber.
#[derive(Debug)]
struct Other {
    taker: Taker,
    /// The number of events that were sent to it, and that may have been.
    sent: u64,
    /// Those that have not arrived yet, as far as is known, in the order in which they were sent.
    unconfirmed: VecDeque<Receipt>,
    allowance: u64,
    max_in_flight: usize,
    settle_within: Duration,
    asked: Instant,
}

/// The other subscribers of the name, by the subject that they listen to.
#[derive(Debug, Default)]
pub(crate) struct Others {
    by_subject: HashMap<String, Other>,
    /// The number of the last one.
    last: u64,
}

impl Others {
    fn asks(&mut self, subject: String, ask: &Ask) {
        let now = Instant::now();
        let last = &mut self.last;
        let other = self.by_subject.entry(subject).or_insert_with(|| {
            *last += 1;
            let (taker, settle_within) = (Taker::Other(*last), Duration::ZERO);
            let unconfirmed = VecDeque::new();
            Other { taker, sent: 0, unconfirmed, allowance: 0, max_in_flight: 0, settle_within, asked: now }
        });
        (other.allowance, other.max_in_flight, other.asked) = (ask.allowance, ask.max_in_flight, now);
        other.settle_within = Duration::from_millis(ask.settle_within_ms);
        while other.sent.saturating_sub(ask.received) < other.unconfirmed.len() as u64 {
            other.unconfirmed.pop_front();
        }
    }

    /// The number of events that they take now.
    pub(crate) fn wanted(&self) -> usize {
        let wanted: u64 = self.by_subject.values().map(|other| other.allowance.saturating_sub(other.sent)).sum();
        usize::try_from(wanted).unwrap_or(usize::MAX)
    }
}

impl Feed {
    /// Handles what another subscriber has sent.
    pub(crate) async fn hear(self: &Arc<Self>, message: Message, others: &mut Others) {
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            return self.take_back(&message.subject, others);
        }
        let Some(reply) = message.reply else { return };
        match serde_json::from_slice(&message.payload) {
            Ok(ToHolder::Asks(ask)) => {
                let Some(subject) = inbox_of(&reply) else { return };
                self.choose(&ask.filter);
                others.asks(subject.to_owned(), &ask);
            }
            Ok(ToHolder::Leaves) => {
                let Some(subject) = inbox_of(&reply) else { return };
                others.by_subject.remove(subject);
                self.report_end(subject).await;
            }
            Ok(ToHolder::Settles(call)) => {
                let feed = Arc::clone(self);
                // It may take as long as JetStream does, and other deliveries do not wait for it.
                tokio::spawn(async move { feed.settle_for_other(call, reply).await });
            }
            Err(error) => {
                tracing::debug!(error = %redacted(&error), "what another subscriber has sent cannot be read");
            }
        }
    }

    /// An event was passed to a subscriber that does not listen any more: its process has ended. It may be delivered to another one.
    fn take_back(&self, subject: &str, others: &mut Others) {
        let place = subject.strip_prefix(&*self.address).and_then(|place| place.strip_prefix('.'));
        let Some(receipt) = place.and_then(Receipt::parse) else { return };
        let Some(taker) = self.held().take_back(receipt, Instant::now()) else { return };
        self.forget(others, |other| other.taker == taker);
    }

    /// Forgets other subscribers. What was sent to them and may not have arrived can be delivered again.
    fn forget(&self, others: &mut Others, mut is_gone: impl FnMut(&Other) -> bool) {
        let now = Instant::now();
        let gone = others.by_subject.extract_if(|_, other| is_gone(other));
        let unconfirmed: Vec<_> = gone.flat_map(|(_, other)| other.unconfirmed).collect();
        let mut held = self.held();
        for receipt in unconfirmed {
            // One that was settled has arrived.
            held.take_back(receipt, now);
        }
        drop(held);
        self.changed.notify_waiters();
    }

    async fn settle_for_other(self: Arc<Self>, call: SettleCall, reply: Subject) {
        let SettleCall { sequence, attempt, action } = call;
        let settle = NatsSettle { feed: self, receipt: Receipt { sequence, attempt } };
        let result = match Action::settlement(action) {
            Some(settlement) => settle.settle(settlement).await,
            None => settle.in_progress().await,
        };
        let Ok(text) = serde_json::to_vec(&Settled::of(result)) else { return };
        if let Err(error) = settle.feed.link.client.publish(reply, text.into()).await {
            tracing::debug!(error = %redacted(&error), "another subscriber does not hear of its settlement");
        }
    }

    /// Passes events to the other subscribers that take some, in turn, but for those that wait here for a subscriber.
    pub(crate) async fn pass_on(&self, others: &mut Others) {
        let now = Instant::now();
        if others.by_subject.values().any(|other| now >= other.asked + FORGOTTEN) {
            self.forget(others, |other| now >= other.asked + FORGOTTEN);
        }
        if others.wanted() == 0 || !self.delivers() {
            return;
        }
        loop {
            let mut has_passed = false;
            for (subject, other) in others.by_subject.iter_mut().filter(|(_, other)| other.sent < other.allowance) {
                let taken = {
                    let mut held = self.held();
                    if held.ready() <= self.reserved(&held) {
                        return;
                    }
                    held.take(Instant::now(), other.taker, other.max_in_flight, other.settle_within)
                };
                let Some((receipt, received)) = taken else { continue };
                has_passed = true;
                other.sent += 1;
                other.unconfirmed.push_back(receipt);
                // When no subscriber listens, the server replies so.
                let (to, reply) = (format!("{subject}.{receipt}"), format!("{}.{receipt}", self.address));
                let (headers, payload) = (received.headers.clone(), received.payload.clone());
                let passed = self.link.client.publish_with_reply_and_headers(to, reply, headers, payload).await;
                if let Err(error) = passed {
                    tracing::debug!(error = %redacted(&error), "another subscriber does not get a delivery");
                }
            }
            if !has_passed {
                return;
            }
        }
    }

    /// Has the other subscribers look for a holder now.
    pub(crate) async fn say_farewell(&self, others: &Others) {
        for subject in others.by_subject.keys() {
            self.report_end(subject).await;
        }
    }

    /// Reports to another subscriber that it gets no more events from here.
    async fn report_end(&self, subject: &str) {
        if let Err(error) = self.link.client.publish(format!("{subject}.{LEFT}"), "".into()).await {
            tracing::debug!(error = %redacted(&error), "another subscriber does not hear of the end");
        }
    }
}

/// The subject that another subscriber listens to, of the one for the reply to its question.
fn inbox_of(reply: &str) -> Option<&str> {
    reply.strip_suffix(ASKED)?.strip_suffix('.')
}
