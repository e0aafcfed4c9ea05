//! What operators read and change.

use crate::{
    FileHub,
    state::lock,
    store::{decoded, signed},
    writer::Command,
};
use async_trait::async_trait;
use character_message_hub::{Filter, HubOperations, RejectedEvent, Result, SubscriptionName, SubscriptionState};
use rusqlite::params;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

const SUBSCRIPTIONS: &str = "hub.subscriptions";
const REJECTED: &str = "hub.rejected";
const EXPIRE: &str = "hub.expire";
const REMOVE: &str = "hub.remove_subscription";
const CHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// How much the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHubStatus {
    /// Events that are kept.
    pub events: u64,
    /// Their size, in bytes of their JSON.
    pub bytes: u64,
    /// Maximum number of events: [`max_events`](crate::FileHubConfig::max_events).
    pub max_events: u64,
    /// Maximum size, in bytes: [`max_bytes`](crate::FileHubConfig::max_bytes).
    pub max_bytes: u64,
    /// Events that expired before a subscription settled them, counted once per subscription since the start.
    pub expired_unsettled: u64,
}

impl FileHub {
    /// How much the file holds.
    #[must_use]
    pub fn status(&self) -> FileHubStatus {
        let (state, config) = (&self.shared.state, &self.shared.config);
        FileHubStatus {
            events: state.events.load(Ordering::Relaxed),
            bytes: state.bytes.load(Ordering::Relaxed),
            max_events: config.max_events,
            max_bytes: config.max_bytes,
            expired_unsettled: state.expired_unsettled.load(Ordering::Relaxed),
        }
    }

    /// Removes the events that are older than [`max_age`](crate::FileHubConfig::max_age) now. The hub does it every 10 seconds.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`: the file cannot be written.
    pub async fn expire(&self) -> Result<()> {
        self.shared.call(EXPIRE, CHANGE_TIMEOUT, |reply| Command::Expire { reply }).await?
    }
}

#[async_trait]
impl HubOperations for FileHub {
    async fn subscriptions(&self) -> Result<Vec<SubscriptionState>> {
        let rejected = self.shared.read(SUBSCRIPTIONS, |connection| {
            let mut counts = connection.prepare_cached(include_str!("sql/count_rejected.sql"))?;
            let counts = counts.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
            counts.collect::<rusqlite::Result<std::collections::HashMap<_, _>>>()
        });
        let rejected = rejected.await?;
        let subscriptions = self.shared.state.all().into_iter().map(|subscribed| {
            let (backlog, in_flight) = subscribed.size();
            SubscriptionState {
                name: subscribed.name.clone(),
                types: lock(&subscribed.filter).clone(),
                backlog: backlog as u64,
                in_flight: in_flight as u64,
                rejected: rejected.get(&subscribed.id).map_or(0, |count| count.unsigned_abs()),
            }
        });
        Ok(subscriptions.collect())
    }

    async fn types(&self, name: &SubscriptionName) -> Result<Option<Filter>> {
        Ok(self.shared.state.get(name).map(|subscribed| lock(&subscribed.filter).clone()))
    }

    async fn rejected(&self, name: &SubscriptionName, limit: usize) -> Result<Option<Vec<RejectedEvent>>> {
        let Some(subscribed) = self.shared.state.get(name) else { return Ok(None) };
        let rejected = self.shared.read(REJECTED, move |connection| {
            let mut statement = connection.prepare_cached(include_str!("sql/list_rejected.sql"))?;
            let rows = statement.query_map(params![subscribed.id, signed(limit as u64)], |row| {
                let event = row.get::<_, Option<Vec<u8>>>(5)?;
                Ok(RejectedEvent {
                    rejected_at: jiff::Timestamp::from_millisecond(row.get(0)?).unwrap_or_default(),
                    reason: row.get(1)?,
                    id: row.get(2)?,
                    source: row.get(3)?,
                    event_type: row.get(4)?,
                    event: event.map(|json| decoded(&json).map(Arc::new)).transpose()?,
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        rejected.await.map(Some)
    }

    /// Its subscribers receive `NotFound`, and its deliveries cannot be settled any more.
    async fn remove_subscription(&self, name: &SubscriptionName) -> Result<bool> {
        let name = name.clone();
        self.shared.call(REMOVE, CHANGE_TIMEOUT, |reply| Command::Remove { name, reply }).await?
    }
}
