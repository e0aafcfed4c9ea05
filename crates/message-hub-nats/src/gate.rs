//! Order over the end of a subscriber: what it had received and not settled is delivered before anything new.

use crate::{
    consumer,
    feed::{CALL, Feed},
    link::Sent,
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
    opens_at: Instant,
}

impl Feed {
    /// The subject on which subscribers of the name say that they are connected.
    pub(crate) fn presence(&self) -> String {
        format!("{}hub.present.{}.{}", self.prefix, self.events.name(), self.subscription.name)
    }

    /// Closes the gate when events were delivered to a subscriber that is gone: they come again, later than new ones, and must be
    /// delivered before them. Not when another subscriber is connected: the order is then not promised, and they are its own.
    pub(crate) async fn close_gate(&self, deadline: Instant) -> Result<Option<Gate>> {
        let closed = self.is_something_away(deadline).await? && !self.is_another_connected().await?;
        self.gated.store(closed, Ordering::Release);
        self.changed.notify_waiters();
        let now = Instant::now();
        Ok(closed.then(|| Gate {
            look_at: now + LOOK,
            opens_at: now + self.subscription.settle_within + Duration::from_secs(2),
        }))
    }

    /// Whether JetStream waits for settlements of events that are not here.
    async fn is_something_away(&self, deadline: Instant) -> Result<bool> {
        let info = consumer::info(&self.link, &self.events, &self.subscription, NEXT, deadline).await?;
        Ok(info.num_ack_pending > self.held().len())
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
        let now = Instant::now();
        let is_something_away = match self.is_something_away(now + CALL).await {
            // A session that began again would lose the events that are on their way.
            Err(error) if is_passing(&error) => true,
            answered => answered?,
        };
        if now < gate.opens_at && is_something_away {
            return Ok(Some(Gate { look_at: Instant::now() + LOOK, ..gate }));
        }
        self.gated.store(false, Ordering::Release);
        self.changed.notify_waiters();
        Ok(None)
    }
}
