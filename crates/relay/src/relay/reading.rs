//! Holds the lease of the consumer, reads the log, and moves the durable cursor.

use super::Relay;
use crate::{RelayState, lease::HeldLease};
use character_error_reporter::redacted;
use character_storage_port::{
    ErrorKind, FOLLOW, Leased, LogBatch, LogCursor, MAX_FOLLOWED, MAX_PARKED, Result, StorageError,
};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

impl Relay {
    pub(super) async fn take_lease(&mut self) -> Result<()> {
        sleep_until(self.away_until).await;
        let asked = Instant::now();
        let consumer = &self.options.consumer;
        let Some(leased) = self.storage.lease(consumer, self.holder, self.options.lease).await? else {
            self.storage_answered();
            self.drop_lease();
            self.hub_failing = None;
            self.shared.set_pending(0, None);
            self.shared.enter(RelayState::Standby, None);
            sleep(self.options.standby_pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
            return Ok(());
        };
        self.keep(leased, asked);
        // A storage that failed works again when more than this works.
        if !self.is_storage_failing {
            self.enter_working();
        }
        Ok(())
    }

    pub(super) fn keep(&mut self, leased: Leased, asked: Instant) {
        let Leased { token, cursor, replays } = leased;
        if self.lease.as_ref().is_none_or(|held| held.token != token) {
            self.drop_lease();
        }
        self.cursor.get_or_insert(cursor);
        let mut lease = HeldLease::new(token, asked, self.options.lease, self.options.headroom);
        if replays.len() >= MAX_PARKED {
            // More of them come with the next lease, when these are discarded.
            lease.prolong_at = lease.prolong_at.min(asked + self.options.standby_pause);
        }
        self.lease = Some(lease);
        self.replays.set_replays(replays);
    }

    /// Forgets everything that the lease gave a right to.
    pub(super) fn drop_lease(&mut self) {
        self.lease = None;
        self.replays.clear();
        self.forget_log();
    }

    pub(super) fn forget_log(&mut self) {
        (self.cursor, self.batch_end, self.passed) = (None, None, None);
        self.events.clear();
    }

    pub(super) async fn follow(&mut self, lease: &HeldLease) -> Result<()> {
        let Some(cursor) = self.cursor.clone() else { return Ok(()) };
        let due = self.passed.as_ref().map_or(lease.prolong_at, |(_, due)| lease.prolong_at.min(*due));
        let wait = match self.is_storage_failing {
            true => Duration::ZERO,
            false => due.saturating_duration_since(Instant::now()),
        };
        let followed = timeout_at(lease.work_until, self.storage.follow(&cursor, MAX_FOLLOWED, wait)).await;
        let batch = followed.unwrap_or_else(|_| Err(StorageError::new(ErrorKind::Timeout, FOLLOW)))?;
        self.storage_answered();
        self.take(batch);
        Ok(())
    }

    pub(super) fn take(&mut self, batch: LogBatch) {
        self.cursor = Some(batch.next.clone());
        if batch.commits.is_empty() {
            return self.shared.set_pending(0, None);
        }
        batch.commits.iter().for_each(|commit| self.events.push_commit(commit));
        self.batch_end = Some(batch.next);
        self.batch_done_if_empty();
    }

    pub(super) fn batch_done_if_empty(&mut self) {
        self.shared.set_pending(self.events.len(), self.events.oldest());
        if self.events.is_empty()
            && let Some(end) = self.batch_end.take()
        {
            let due = self.passed.take().map_or_else(|| Instant::now() + self.options.advance_every, |(_, due)| due);
            self.passed = Some((end, due));
        }
    }

    pub(super) async fn advance(&mut self, lease: &HeldLease, to: &LogCursor) -> Result<()> {
        self.storage.advance(&lease.token, to).await?;
        self.passed = None;
        self.storage_answered();
        Ok(())
    }

    pub(super) async fn storage_failed(&mut self, error: &StorageError) {
        match error.kind() {
            ErrorKind::LeaseLost => {
                tracing::info!("relay of events: the lease was lost; another process has it");
                self.drop_lease();
                return sleep(self.storage_backoff.next(None)).await;
            }
            ErrorKind::Gone => {
                let message = "relay of events: the log of commits begins again, as after a restored backup; publishing \
                               continues with the oldest commit that is kept and was not passed";
                tracing::warn!("{message}");
                self.shared.counters.log_restarts.inc();
                self.forget_log();
            }
            _ => self.shared.enter(RelayState::WaitingForStorage, Some(redacted(error).to_string())),
        }
        self.is_storage_failing = true;
        sleep(self.storage_backoff.next(error.retry_after())).await;
    }

    pub(super) fn storage_answered(&mut self) {
        self.storage_backoff.reset();
        if std::mem::take(&mut self.is_storage_failing) {
            self.enter_working();
        }
    }

    /// The state of a relay that has the lease, or is about to have it.
    pub(super) fn enter_working(&self) {
        match self.hub_failing {
            Some((_, reason)) => {
                let state = RelayState::WaitingForHub(reason);
                if self.shared.observed().state != state {
                    self.shared.enter(state, None);
                }
            }
            None if self.lease.is_some() => self.shared.enter(RelayState::Publishing, None),
            None => {}
        }
    }
}
