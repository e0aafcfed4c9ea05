//! Publishes what was read, and judges what comes of it.

use super::Relay;
use crate::{
    RelayState, WaitReason,
    lease::HeldLease,
    queue::{PublishOutcome, Queue},
};
use character_error_reporter::redacted;
use character_message_hub::{ErrorKind, HubError, PUBLISH};
use character_storage_port::Result;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How much longer than its timeout a call of the hub may take, before its outcome counts as unknown.
const GRACE: Duration = Duration::from_millis(500);

impl Relay {
    /// Publishes one batch: replays first.
    pub(super) async fn publish(&mut self, lease: &HeldLease) -> Result<()> {
        let envelope = self.options.envelope.clone();
        self.next_queue().prepare(&envelope);
        self.park(lease).await?;
        // The storage may have taken long to park.
        if !lease.permits_work() {
            return Ok(());
        }
        let messages = self.next_queue().messages();
        if !messages.is_empty() {
            let left = lease.work_until.saturating_duration_since(Instant::now());
            let limit = self.options.publish_timeout.min(left);
            let started = Instant::now();
            let results = match timeout(limit + GRACE, self.hub.publish(&messages, limit)).await {
                Ok(results) if results.len() == messages.len() => results,
                Ok(_) => vec![Err(wrong_number()); messages.len()],
                Err(_) => vec![Err(HubError::new(ErrorKind::Timeout, PUBLISH)); messages.len()],
            };
            self.shared.counters.duration.observe(started.elapsed().as_secs_f64());
            let max_refusals = self.options.max_refusals;
            let outcome = self.next_queue().settle(results, max_refusals);
            self.count(&outcome);
            self.judge_hub(&outcome);
            self.discard(lease, &outcome).await?;
        }
        self.batch_done_if_empty();
        self.hand_over_if_failing().await
    }

    pub(super) fn next_queue(&mut self) -> &mut Queue {
        if self.replays.is_empty() { &mut self.events } else { &mut self.replays }
    }

    /// Parks the events of the next batch that the hub never takes.
    pub(super) async fn park(&mut self, lease: &HeldLease) -> Result<()> {
        while let Some((index, item)) = self.next_queue().to_park() {
            let (Some(event), Some(verdict)) = (item.event().cloned(), item.verdict.clone()) else {
                self.next_queue().remove(index);
                continue;
            };
            self.storage.park(&lease.token, &event, &verdict.reason).await?;
            self.storage_answered();
            self.next_queue().remove(index);
            self.shared.counters.parked.inc();
            let (id, event_type, subject, reason) = (event.id, &event.event_type, event.subject, &verdict.reason);
            tracing::error!(%id, %event_type, %subject, reason, "an event was parked; later events are published");
            if let Some(observer) = &self.observer {
                observer.parked(&event, reason, verdict.error.as_ref());
            }
        }
        Ok(())
    }

    /// Removes the parked events that were replayed.
    pub(super) async fn discard(&mut self, lease: &HeldLease, outcome: &PublishOutcome) -> Result<()> {
        if outcome.replayed.is_empty() {
            return Ok(());
        }
        self.shared.counters.replayed.inc_by(outcome.replayed.len() as u64);
        // Without the lease they are left: the next holder repeats them under the same message ids.
        if lease.permits_work() {
            self.storage.discard(&self.options.consumer, &outcome.replayed).await?;
            tracing::info!(events = outcome.replayed.len(), "parked events were replayed");
        }
        Ok(())
    }

    pub(super) fn count(&self, outcome: &PublishOutcome) {
        let counters = &self.shared.counters;
        counters.published.inc_by(outcome.published);
        counters.duplicates.inc_by(outcome.duplicates);
        outcome.failures.iter().for_each(|code| counters.failed(code));
    }

    pub(super) fn judge_hub(&mut self, outcome: &PublishOutcome) {
        let now = Instant::now();
        if let Some(error) = &outcome.trouble {
            let reason = WaitReason::of(error);
            let since = self.hub_failing.map_or(now, |(since, _)| since);
            // A hub that takes some events works for another process too.
            let since = if outcome.published > 0 { now } else { since };
            self.hub_failing = Some((since, reason));
            self.publish_after = now + self.hub_backoff.next(error.retry_after());
            self.shared.enter(RelayState::WaitingForHub(reason), Some(redacted(error).to_string()));
            return;
        }
        self.hub_failing = None;
        self.hub_backoff.reset();
        self.enter_working();
        if let Some(refusals) = outcome.refusals {
            self.publish_after = now + self.hub_backoff.after(refusals - 1);
        }
    }

    /// Releases the lease when the hub has failed for long, since another process may reach the hub.
    pub(super) async fn hand_over_if_failing(&mut self) -> Result<()> {
        let Some((since, reason)) = self.hub_failing else { return Ok(()) };
        if since.elapsed() < self.options.hand_over_after {
            return Ok(());
        }
        self.hub_failing = Some((Instant::now(), reason));
        if let Some(lease) = self.lease.take() {
            self.drop_lease();
            self.away_until = Instant::now() + self.options.standby_pause * 2;
            self.storage.release(&lease.token).await?;
        }
        Ok(())
    }
}

fn wrong_number() -> HubError {
    HubError::new(ErrorKind::Corrupt, PUBLISH).with_detail("the hub did not return one result for each event")
}
