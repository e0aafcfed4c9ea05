//! Holding a subscription: its record is renewed, and released at the end.

use super::{AGAIN, Holders, Kept, TERM, lock};
use crate::events::holding::Holding;
use character_error_reporter::redacted;
use character_message_hub::{HubError, MAX_HOLDER_AGE, SubscriptionName};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// How often the holder writes the record again.
const RENEWAL: Duration = Duration::from_secs(1);
/// How long a subscription is held without a request for it.
const IDLE: Duration = Duration::from_secs(60);
/// How long the end of this server waits for the records.
const LEAVING: Duration = Duration::from_secs(5);
/// The maximum number of records of other holders that are remembered without a request within [`IDLE`].
const MAX_SEEN: usize = 10_000;
/// The maximum number of subscriptions that this server holds; the one that was idle for longest is released for a new one.
const MAX_HELD: usize = 2_000;

impl Holders {
    /// Releases the subscription that was idle for longest when this server holds the maximum number of them.
    pub(super) fn make_room(&self) {
        let held: Vec<_> = self.kept().into_iter().filter(|(_, kept)| kept.is_held()).collect();
        let idlest = held.iter().map(|(_, kept)| &kept.holding).min_by_key(|holding| holding.used());
        if held.len() >= MAX_HELD
            && let Some(idlest) = idlest
        {
            idlest.release();
        }
    }

    /// Renews the record until the holding ends.
    pub(super) async fn keep(&self, name: &SubscriptionName, holding: &Arc<Holding>, mut revision: u64) {
        self.held.inc();
        let mut pause = RENEWAL;
        while timeout(pause, holding.ended()).await.is_err() {
            let begun = Instant::now();
            pause = match self.records.replace(name, revision, Some(&self.own)).await {
                Ok(Some(renewed)) => {
                    revision = renewed;
                    holding.prolong(begun + TERM);
                    RENEWAL
                }
                // A renewal may have been written whose answer was lost.
                Ok(None) => match self.records.read(name).await {
                    Ok(Some(record)) if record.holder.as_ref() == Some(&self.own) => {
                        revision = record.revision;
                        Duration::ZERO
                    }
                    Ok(_) => {
                        tracing::warn!(subscription = %name, "another process makes the deliveries of the subscription now");
                        holding.lose();
                        AGAIN
                    }
                    Err(error) => self.cannot_renew(name, &error),
                },
                Err(error) => self.cannot_renew(name, &error),
            };
        }
        self.sessions.end(holding).await;
        self.held.dec();
        // Another server would begin while the one that was replaced may still make deliveries: the record lapses instead.
        if !holding.is_lost() && holding.has_begun() {
            self.release(name, revision).await;
        }
    }

    fn cannot_renew(&self, name: &SubscriptionName, error: &HubError) -> Duration {
        tracing::debug!(subscription = %name, error = %redacted(error), "the record of the subscription cannot be renewed");
        AGAIN
    }

    /// Lets another server take the subscription at once.
    pub(super) async fn release(&self, name: &SubscriptionName, mut revision: u64) {
        // The answer to the last renewal may have been lost, so that the record has a later revision.
        for _ in 0..2 {
            match self.records.replace(name, revision, None).await {
                Ok(Some(_)) => return,
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(subscription = %name, error = %redacted(&error), "the subscription is not released");
                    return;
                }
            }
            match self.records.read(name).await {
                Ok(Some(record)) if record.holder.as_ref() == Some(&self.own) => revision = record.revision,
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Releases the subscriptions that no request and no delivery has used lately.
    pub(crate) fn sweep(&self) {
        let (now, mut remembered) = (Instant::now(), 0);
        lock(&self.entries).retain(|_, entry| {
            let known = lock(&entry.known);
            if let Some(kept) = known.kept.as_ref().filter(|kept| kept.is_written()) {
                let Kept { holding, .. } = kept;
                let is_used = self.sessions.is_open(holding) || holding.is_unsettled();
                if !is_used && now > holding.used() + IDLE {
                    holding.release();
                }
                return true;
            }
            if Arc::strong_count(entry) > 1 || known.record.is_younger(IDLE, now) {
                return true;
            }
            // A client that asks again after minutes finds that the record of a holder that has ended is unchanged.
            let is_of_other = known.record.names_other() && known.record.is_younger(MAX_HOLDER_AGE, now);
            let is_remembered = is_of_other && remembered < MAX_SEEN;
            remembered += usize::from(is_remembered);
            is_remembered
        });
    }

    /// Takes no subscription any more, and releases those that are held.
    pub(crate) async fn leave(&self) {
        self.has_left.store(true, Ordering::Release);
        let mut kept = self.kept();
        for (_, kept) in &kept {
            kept.holding.release();
        }
        let all = async {
            for (_, kept) in &mut kept {
                kept.is_left().await;
            }
        };
        if timeout(LEAVING, all).await.is_err() {
            tracing::warn!("subscriptions are not released; another process takes them when their records have lapsed");
        }
    }
}
