//! The side of a subscriber that receives its deliveries from another one of its name, which holds the subscription.

use crate::{
    campaign::Position,
    codec,
    feed::Feed,
    holder::{ASKED, LEFT, QUESTIONS},
    lane::Receipt,
    lease::Kept,
    link::{Link, Sent},
    peers::{Action, Ask, SettleCall, Settled, ToHolder, milliseconds},
    pump::unavailable,
    session::{Ending, Next, Stop},
};
use async_nats::{Message, Subject, Subscriber};
use bytes::Bytes;
use character_error_reporter::redacted;
use character_message_hub::{
    Applied, CloudEvent, Delivery, ErrorKind, HubError, Result, SETTLE, Settle, Settlement, async_trait,
};
use futures_util::StreamExt as _;
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until, timeout};

/// How often the holder hears of a subscriber that takes events, and the record of the holder is read.
const REPEAT: Duration = Duration::from_secs(1);
/// The same when the holder has left, or is not found.
const SOON: Duration = Duration::from_millis(100);
/// How long events wait for a call of this subscriber before they are returned.
const IDLE: Duration = Duration::from_secs(1);
/// The limit of one settlement.
const LIMIT: Duration = Duration::from_secs(5);

/// A delivery that another subscriber has made, and that was not taken yet.
pub(crate) struct Passed {
    event: Arc<CloudEvent>,
    settle: FollowerSettle,
    /// When the holder gives it up.
    until: Instant,
}

impl Passed {
    pub(crate) fn delivery(self) -> Option<Delivery> {
        let attempt = self.settle.receipt.attempt;
        (Instant::now() < self.until).then(|| Delivery::new(self.event, attempt, Box::new(self.settle)))
    }
}

/// What a follower knows of its holder.
struct Following {
    kept: Kept,
    holder: Subject,
    /// Where the holder sends events to.
    inbox: String,
    received: u64,
    allowance: u64,
    asks_at: Instant,
    looks_at: Instant,
    /// When a subscriber waited here last.
    active: Instant,
}

impl Feed {
    /// Takes deliveries from the holder of the subscription, until there is another one.
    pub(crate) async fn follow(&self, stop: &mut Stop, kept: Kept, epoch: u64) -> Result<Next> {
        let Some(holder) = &kept.record.holder else { return Err(unavailable()) };
        let holder = Subject::from(format!("{holder}.{QUESTIONS}"));
        // What another holder has passed on can be settled by no one.
        self.passed().retain(|passed| passed.settle.holder == holder);
        let mut state = self.link.state();
        let now = Instant::now();
        let inbox = self.link.client.new_inbox();
        let mut messages = self.listen(format!("{inbox}.>")).await?;
        let mut following = Following {
            kept,
            holder,
            inbox,
            received: 0,
            allowance: 0,
            asks_at: now,
            looks_at: now + REPEAT,
            active: now,
        };
        loop {
            self.ask_holder(&mut following).await?;
            tokio::select! {
                biased;
                () = stop.reaches(Ending::Dropped) => {
                    self.leave_holder(messages, following).await?;
                    return Ok(Next::Stopped);
                }
                message = messages.next() => self.receive_passed(message.ok_or_else(unavailable)?, &mut following)?,
                () = self.nudged.notified() => {}
                changed = state.changed() => {
                    if changed.is_err() || state.borrow().epoch != epoch {
                        return Err(unavailable());
                    }
                }
                () = sleep_until(following.asks_at.min(following.looks_at)) => {}
            }
            if Instant::now() >= following.looks_at {
                match self.campaign(Instant::now() + REPEAT * 2).await? {
                    Position::Follows(kept) if kept.record.holder == following.kept.record.holder => {
                        let is_silent = kept.sequence == following.kept.sequence;
                        following.looks_at = Instant::now() + if is_silent { REPEAT / 2 } else { REPEAT };
                        following.kept = kept;
                    }
                    position => return Ok(Next::Continues(position)),
                }
            }
        }
    }

    /// Tells the holder how many events this subscriber takes, when that has changed or a while has passed.
    async fn ask_holder(&self, following: &mut Following) -> Result<()> {
        let now = Instant::now();
        if self.waiting() > 0 {
            following.active = now;
        }
        let is_active = now < following.active + IDLE;
        if !is_active {
            self.return_passed().await;
        }
        let wanted = if is_active { self.subscription.max_in_flight.saturating_sub(self.passed().len()) } else { 0 };
        let allowance = following.received + wanted as u64;
        let is_more = allowance > following.allowance + wanted as u64 / 2;
        let is_less = wanted == 0 && following.allowance > following.received;
        if now < following.asks_at && !is_more && !is_less {
            return Ok(());
        }
        let ask = Ask {
            allowance,
            received: following.received,
            max_in_flight: self.subscription.max_in_flight,
            settle_within_ms: milliseconds(self.subscription.settle_within),
            filter: self.filter(),
        };
        let reply = format!("{}.{ASKED}", following.inbox);
        let sent =
            self.link.client.publish_with_reply(following.holder.clone(), reply, text(&ToHolder::Asks(ask))?).await;
        sent.map_err(|error| unavailable().with_source(error))?;
        (following.allowance, following.asks_at) = (allowance, now + REPEAT);
        Ok(())
    }

    fn receive_passed(&self, message: Message, following: &mut Following) -> Result<()> {
        let place = message.subject.get(following.inbox.len() + 1..).unwrap_or_default();
        if place == ASKED || place == LEFT {
            // No process listens any more, or the holder has left.
            let soon = Instant::now() + if place == LEFT { Duration::ZERO } else { SOON };
            (following.looks_at, following.asks_at) = (following.looks_at.min(soon), following.asks_at.min(soon));
            return Ok(());
        }
        let Some(receipt) = Receipt::parse(place) else { return Ok(()) };
        following.received += 1;
        let event = codec::decode(message.headers.as_ref(), &message.payload);
        // The holder has read it already.
        let event = Arc::new(event.map_err(|error| unavailable().with_source(error))?);
        let settle = FollowerSettle { link: Arc::clone(&self.link), holder: following.holder.clone(), receipt };
        let until = Instant::now() + self.subscription.settle_within;
        self.passed().push_back(Passed { event, settle, until });
        self.changed.notify_waiters();
        Ok(())
    }

    /// Takes no more events, and returns those that no call has taken.
    async fn leave_holder(&self, mut messages: Subscriber, mut following: Following) -> Result<()> {
        let reply = format!("{}.{ASKED}", following.inbox);
        let leaves = self.link.client.publish_with_reply(following.holder.clone(), reply, text(&ToHolder::Leaves)?);
        leaves.await.map_err(|error| unavailable().with_source(error))?;
        let end = async {
            while let Some(message) = messages.next().await {
                let is_last = [ASKED, LEFT].iter().any(|last| message.subject.ends_with(last));
                self.receive_passed(message, &mut following)?;
                if is_last {
                    break;
                }
            }
            Ok(())
        };
        // A holder that is silent passes on nothing, or its events come again after their time for settling.
        let ended = timeout(REPEAT, end).await;
        self.return_passed().await;
        drop(messages.unsubscribe().await);
        ended.unwrap_or(Ok(()))
    }

    /// Returns the deliveries that no call has taken.
    async fn return_passed(&self) {
        let passed: Vec<_> = self.passed().drain(..).collect();
        for Passed { settle: FollowerSettle { link, holder, receipt }, .. } in passed {
            let call =
                SettleCall { sequence: receipt.sequence, attempt: receipt.attempt, action: Action::RetryAfterMs(0) };
            let Ok(call) = text(&ToHolder::Settles(call)) else { continue };
            // The answer is not waited for: what is not returned is delivered again after its time for settling.
            if let Err(error) = link.client.publish_with_reply(holder, link.client.new_inbox(), call).await {
                tracing::debug!(error = %redacted(&error), "a delivery is not returned");
            }
        }
    }
}

fn text(message: &ToHolder) -> Result<Bytes> {
    let text = serde_json::to_vec(message);
    text.map(Bytes::from).map_err(|error| HubError::new(ErrorKind::Invalid, SETTLE).with_source(error))
}

/// Settles a delivery at the subscriber that made it.
struct FollowerSettle {
    link: Arc<Link>,
    holder: Subject,
    receipt: Receipt,
}

impl fmt::Debug for FollowerSettle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowerSettle").field("receipt", &self.receipt).finish_non_exhaustive()
    }
}

impl FollowerSettle {
    async fn call(&self, action: Action) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        self.link.ready(SETTLE, deadline).await?;
        let Receipt { sequence, attempt } = self.receipt;
        let call = text(&ToHolder::Settles(SettleCall { sequence, attempt, action }))?;
        let limited = |error: HubError| error.within("the limit of settling", LIMIT);
        let unavailable = || HubError::new(ErrorKind::Unavailable { retry_after: None }, SETTLE);
        match self.link.call(SETTLE, self.holder.clone(), None, call, deadline).await.map_err(limited)? {
            Sent::Reply(reply) => {
                let settled: Settled = serde_json::from_slice(&reply.payload)
                    .map_err(|error| HubError::new(ErrorKind::Corrupt, SETTLE).with_source(error))?;
                settled.result()
            }
            Sent::NoResponder => {
                let gone = unavailable().with_applied(Applied::No);
                Err(gone.with_detail("the process that received the event from NATS is not there any more"))
            }
            Sent::Lost => Err(unavailable()),
            Sent::Late => Err(limited(HubError::new(ErrorKind::Timeout, SETTLE))),
        }
    }
}

#[async_trait]
impl Settle for FollowerSettle {
    async fn settle(&self, settlement: Settlement) -> Result<()> {
        self.call(settlement.into()).await
    }

    async fn in_progress(&self) -> Result<()> {
        self.call(Action::InProgress).await
    }
}
