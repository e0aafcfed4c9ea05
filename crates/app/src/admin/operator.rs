//! What the admin listener shows, and the operations that it starts.

use super::report::{
    Breaker, Breakers, Cache, Database, HeardLog, Hub, InFlight, Inbox, LocalTier, Log, Relay, Report, RetryBudget,
    SharedTier, Versions,
};
use crate::{hub::HubHandle, observed::OperationMetrics, reporting::Reporting};
use character_cache::Cached;
use character_cache_redis::RedisTier;
use character_domain::{Timestamp, now};
use character_error_reporter::redacted;
use character_storage_http::{
    CircuitBreaker, CircuitBreakers, HttpStorage, Transport, TransportMetrics, TransportStack,
};
use character_storage_port::StoragePort;
use character_storage_sql::SqlStorage;
use std::{sync::Arc, time::Duration};

/// The handles of everything that the admin listener shows. A part that the service does not have is `None`.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    pub(crate) service: &'static str,
    pub(crate) operations: OperationMetrics,
    pub(crate) reporting: Arc<Reporting>,
    pub(crate) transport: Option<TransportHandle>,
    pub(crate) cache: Option<Cached>,
    pub(crate) redis: Option<Arc<RedisTier>>,
    pub(crate) database: Option<SqlStorage>,
    /// The storage itself, for the consumers of its log.
    pub(crate) consumers: Arc<dyn StoragePort>,
    /// The relay to the Message Hub, and the inbox.
    pub(crate) hub: Option<HubHandle>,
}

/// The handles of the way to the Storage Service.
#[derive(Clone, Debug)]
pub(crate) struct TransportHandle {
    pub(crate) breakers: CircuitBreakers,
    pub(crate) metrics: TransportMetrics,
}

impl TransportHandle {
    pub(crate) fn of<T: Transport>(storage: &HttpStorage<TransportStack<T>>) -> Self {
        Self { breakers: storage.breakers().clone(), metrics: storage.metrics().clone() }
    }
}

impl Operator {
    /// How everything is.
    pub(crate) async fn report(&self) -> Report {
        let (log, versions) = match &self.database {
            // What the database does not tell now is left out; its failure is among the failures.
            Some(database) => (database.log_status().await.ok(), database.thinning_status().await.ok()),
            None => (None, None),
        };
        Report {
            versions: versions.map(|thinning| Versions {
                pass_active: thinning.is_active,
                last_pass: thinning.last_pass,
                removed: thinning.removed,
            }),
            log: log.map(|status| Log {
                entries: status.entries,
                oldest: status.oldest,
                slowest_consumer: status.slowest.as_ref().map(|(name, _)| name.clone()),
                slowest_consumer_behind_since: status.slowest.map(|(_, since)| since),
                parked_events: status.parked,
                notify: status.notifies,
            }),
            service: self.service,
            version: env!("CARGO_PKG_VERSION"),
            at: now(),
            in_flight: InFlight {
                operations: self.operations.in_flight(),
                storage_calls: self.transport.as_ref().map(|transport| transport.metrics.in_flight()),
            },
            breakers: self.transport.as_ref().map(|transport| Breakers {
                reads: breaker(&transport.breakers.reads),
                changes: breaker(&transport.breakers.changes),
            }),
            retry_budget: self.transport.as_ref().map(|transport| {
                let (left, capacity) = transport.metrics.retry_budget();
                RetryBudget { left, capacity }
            }),
            cache: self.cache.as_ref().map(|cache| {
                let (entries, bytes) = cache.size();
                let shared = self.redis.as_ref().map(|redis| SharedTier { up: redis.is_up() });
                let heard = cache.heard();
                let log = HeardLog {
                    trusted: heard.trusted,
                    epoch: heard.epoch,
                    settled: heard.settled,
                    seconds_since_heard: heard.age.map(|age| age.as_secs_f64()),
                    change_collisions: heard.collisions,
                };
                Cache { local: LocalTier { entries, bytes }, shared, log }
            }),
            database: self.database.as_ref().map(|database| {
                let status = database.pool_status();
                Database { max: status.limit, open: status.open, idle: status.idle, waiting: status.waiting }
            }),
            hub: self.hub.as_ref().map(hub),
            failures: self.reporting.recent().all(),
        }
    }
}

fn breaker(breaker: &CircuitBreaker) -> Breaker {
    Breaker {
        state: breaker.state().as_str(),
        is_forced: breaker.is_forced(),
        since: ago(breaker.state_age()),
        consecutive_failures: breaker.failures(),
        opened_by: breaker.opened_by().map(|cause| redacted(cause.as_ref())),
        seconds_to_probe: breaker.time_to_probe().map(|left| left.as_secs_f64()),
        probes: breaker.recovery_attempts(),
        rejected: breaker.rejected(),
    }
}

fn hub(hub: &HubHandle) -> Hub {
    let status = hub.relay.status();
    let relay = Relay {
        state: status.state.to_string(),
        since: status.since,
        reason: status.reason,
        pending_events: status.pending,
        oldest_pending: status.oldest_pending,
        published_events: status.published,
        parked_events: status.parked,
    };
    let inbox = hub.inbox.as_ref();
    let inbox = inbox.map(|inbox| Inbox { state: inbox.state().to_string(), in_flight: inbox.in_flight() });
    Hub { address: hub.address.clone(), relay, inbox }
}

fn ago(age: Duration) -> Timestamp {
    now().saturating_sub(age)
}
