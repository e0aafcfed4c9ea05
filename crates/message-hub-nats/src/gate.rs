//! Order over the end of a subscriber: what it had received and not settled is delivered before anything new.

use crate::{
    consumer::{self, ACK_WAIT},
    feed::{CALL, Feed},
    stream::is_passing,
};
use character_message_hub::{NEXT, Result};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::time::Instant;

/// The pause between two questions about the events that are not settled.
const LOOK: Duration = Duration::from_millis(150);

/// Until when nothing is delivered.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) look_at: Instant,
    opens_at: Instant,
}

impl Feed {
    /// Closes the gate when events were delivered to a subscriber that held the subscription before: they come again, later than new
    /// ones, and must be delivered before them.
    pub(crate) async fn close_gate(&self, deadline: Instant) -> Result<Option<Gate>> {
        let closed = self.is_something_away(deadline).await?;
        self.gated.store(closed, Ordering::Release);
        self.changed.notify_waiters();
        let now = Instant::now();
        Ok(closed.then(|| Gate { look_at: now + LOOK, opens_at: now + ACK_WAIT + Duration::from_secs(2) }))
    }

    /// Whether JetStream waits for settlements of events that are not here.
    async fn is_something_away(&self, deadline: Instant) -> Result<bool> {
        let info = consumer::info(&self.link, &self.events, &self.subscription, NEXT, deadline).await?;
        Ok(info.num_ack_pending > self.held().len())
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
