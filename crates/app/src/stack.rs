//! The layers of the storage, one line each, with why it is there.

mod embedded;
mod remote;

use crate::{
    admin::{Operator, TransportHandle},
    config::CharacterServiceConfig,
    folder_lock::FolderLock,
    hub::{self, Hub, HubClient},
    observed::{Observed, OperationMetrics},
    reported::Reported,
    reporting::Reporting,
    run::CommandResult,
    state_metrics::show_reports,
    traced_events,
};
use character_cache::{CacheMetrics, CacheOptions, Cached, SharedTier};
use character_cache_redis::{RedisTier, RedisTierMetrics, RedisTierOptions};
use character_error_reporter::redacted;
use character_http_kit::{
    HealthCheck,
    health::{PROBE_TIMEOUT, no_answer},
};
use character_live_updates::LiveUpdates;
use character_storage_http::{TimedOut, TimedOutInRetry};
use character_storage_port::{Log, StorageError, StoragePort, within_deadline};
use character_storage_sql::SqlStorage;
pub(crate) use embedded::{begin_new_epoch, create_embedded, embedded_file, open_embedded, say_migrated};
use prometheus_client::registry::Registry;
use std::{error::Error, sync::Arc, time::Duration};
use tokio::time::Instant;

/// The service whose stack this is.
pub(crate) const SERVICE: &str = "character-service";

/// How long a health check waits for Redis; shorter than the second that a check is given.
const REDIS_PATIENCE: Duration = Duration::from_millis(800);

/// What the storage is wired for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To serve requests.
    Serve,
    /// To import, which no service may run beside on the same folder.
    Import,
    /// To read what is there. An embedded database is neither created nor changed, and services may run beside.
    Read,
}

/// The wired storage, and what is to be told of it.
#[derive(Debug)]
pub struct Stack {
    /// The outermost layer.
    pub storage: Arc<dyn StoragePort>,
    /// The same storage without the cache in front, for acts that decide something.
    pub origin: Arc<dyn StoragePort>,
    /// The origin, and the rows of it that this process holds, for the first attempt of an act.
    pub recent: Arc<dyn StoragePort>,
    /// The live updates, from the log of commits.
    pub live: LiveUpdates,
    /// What `/health` and `check` ask.
    pub checks: Vec<HealthCheck>,
    /// What it runs with and without, for a person.
    pub summary: Vec<String>,
    pub(crate) operator: Operator,
    /// The Message Hub, when there is one.
    pub(crate) hub: Option<Hub>,
    /// Held as long as an embedded database is in use.
    _lock: Option<FolderLock>,
}

impl Stack {
    /// The database of our own, when there is one: to be closed last.
    pub(crate) fn database(&self) -> Option<SqlStorage> {
        self.operator.database.clone()
    }
}

/// Closes a database after whatever used it has ended, well or not.
///
/// # Errors
/// The failure of what used it, else that of closing it.
pub(crate) async fn closing(database: Option<SqlStorage>, outcome: CommandResult) -> CommandResult {
    let Some(database) = database else { return outcome };
    match database.close().await {
        Ok(()) => outcome,
        Err(error) if outcome.is_err() => {
            tracing::error!(error = %redacted(&error), "the database was not closed cleanly");
            outcome
        }
        Err(error) => Err(error.into()),
    }
}

/// The storage at the bottom, and the handles of it that a person on call needs.
struct Origin {
    storage: Arc<dyn StoragePort>,
    /// The log of the same storage, over connections that no request uses.
    log: Arc<dyn Log>,
    /// The same storage for the relay of events, whose long polls take no connection from a request.
    commits: Arc<dyn StoragePort>,
    place: String,
    transport: Option<TransportHandle>,
    database: Option<SqlStorage>,
    lock: Option<FolderLock>,
}

/// From the configuration to a wired storage, from the data outwards.
///
/// # Errors
/// When the embedded database cannot be opened or a client cannot be built. A storage or Redis that is down is no
/// error: the service starts and logs it.
pub async fn build(
    config: &CharacterServiceConfig,
    registry: &mut Registry,
    purpose: Purpose,
) -> Result<Stack, Box<dyn Error + Send + Sync>> {
    // The origin: the central service, behind retry, breaker and deadline; or a database of our own.
    let Origin { storage: origin, log, commits, place, transport, database, lock } = match &config.remote {
        Some(remote) => remote::connect(remote, config.hub.as_ref(), registry).await?,
        None => embedded::open(config, registry, purpose).await?,
    };
    // The shared tier, so that one process profits from what another has read. It cannot fail a read.
    let (shared, redis) = match &config.redis_url {
        Some(url) => {
            let keep = config.cache_ttl.max(config.cache_stale_max);
            let options = RedisTierOptions {
                keep,
                operation: config.redis_timeout,
                connect: config.redis_connect_timeout,
                tls: config.redis_tls.clone(),
                ..RedisTierOptions::new(url.clone())
            };
            let metrics = RedisTierMetrics::default();
            metrics.register(registry);
            let tier = Arc::new(RedisTier::connect(options, metrics)?);
            (Some(Arc::clone(&tier) as Arc<dyn SharedTier>), Some(tier))
        }
        None => (None, None),
    };
    let shared_tier =
        if shared.is_some() { "Redis: shared cache tier" } else { "Redis: none, each process caches for itself" };
    // The cache, outside the transport stack so that a hit costs no attempt and an open breaker can be answered from memory.
    let metrics = CacheMetrics::default();
    metrics.register(registry);
    let options = CacheOptions {
        fresh: config.cache_ttl,
        stale_max: config.cache_stale_max,
        max_bytes: config.cache_max_bytes,
        trust: config.cache_trust,
        // Before an answer arrives, the last question that was answered is up to two waits old.
        log_wait: config.cache_trust / 5,
        ..CacheOptions::default()
    };
    let (cached, follower) = Cached::new(Arc::clone(&origin), log, options, shared, metrics)?;
    // On a thread of its own, so that load cannot make the process distrust its cache. Without it everything is read from
    // the storage, as a command should.
    if purpose == Purpose::Serve {
        follower.start()?;
    }
    report_cache_state(cached.clone());
    // What callers see is measured outermost, hits included, and what they see fail is told, once.
    let metrics = OperationMetrics::register(registry);
    let breakers = transport.as_ref().map(|transport| transport.breakers.clone());
    let client = match &config.hub {
        Some(hub) => {
            hub::show(hub, registry);
            Some(hub::connect(hub).await?)
        }
        None => None,
    };
    let reporting =
        Reporting::start(SERVICE, &config.reports, config.secrets(), breakers, client.as_ref().map(HubClient::port))?;
    show_reports(&reporting, registry);
    let storage = watched(cached.clone().into_port(), &metrics, &reporting);
    let checked = storage_check("storage", Arc::clone(&origin));
    let live = LiveUpdates::new(Arc::clone(&origin));
    live.metrics().register(registry);
    // Acts decide by the origin itself: a change that was judged by a row of this process fails when the row is old.
    let recent = watched(cached.recent().into_port(), &metrics, &reporting);
    let origin = watched(cached.uncached().into_port(), &metrics, &reporting);

    // Events leave by the log of commits, so that no request waits for the hub.
    let hub = match client.zip(config.hub.as_ref()) {
        Some((client, hub)) => {
            let traced = traced_events::over(client.port(), traced_events::Role::Publishes, &config.log);
            let hub = Hub::new(traced, hub.address.to_string(), commits, Arc::clone(&reporting))?;
            Some(hub.with_stream_of(&client))
        }
        None => None,
    };

    let mut checks = vec![checked];
    checks.extend(redis.clone().map(redis_check));
    checks.extend(hub.as_ref().map(Hub::check));
    let no_hub = || "Message Hub: none, events stay in the log of commits".to_owned();
    let summary = vec![place, shared_tier.to_owned(), hub.as_ref().map_or_else(no_hub, Hub::summary)];
    let operator = Operator {
        service: SERVICE,
        operations: metrics,
        reporting,
        transport,
        cache: Some(cached),
        redis,
        database,
        consumers: Arc::clone(&origin),
        hub: None,
    };
    Ok(Stack { storage, origin, recent, live, checks, summary, operator, hub, _lock: lock })
}

/// Keeps the gauges of the cache's state up to date, since its metrics cannot ask for it when they are read.
fn report_cache_state(cached: Cached) {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            cached.report_state();
        }
    });
}

/// A storage whose operations are measured, and whose failures are reported.
pub(crate) fn watched(
    storage: Arc<dyn StoragePort>,
    metrics: &OperationMetrics,
    reporting: &Arc<Reporting>,
) -> Arc<dyn StoragePort> {
    Arc::new(Reported::new(Observed::new(storage, metrics.clone()), Arc::clone(reporting)))
}

/// Ends a probe just before the limit of [`Health`](character_http_kit::Health), which would not know why.
const BEFORE_LIMIT: Duration = Duration::from_millis(20);

/// Asks a storage whether it can be reached.
#[must_use]
pub fn storage_check(name: &'static str, storage: Arc<dyn StoragePort>) -> HealthCheck {
    let probe = move || -> futures_util::future::BoxFuture<'static, Result<(), String>> {
        let storage = Arc::clone(&storage);
        Box::pin(async move {
            let deadline = Instant::now() + PROBE_TIMEOUT - BEFORE_LIMIT;
            let probed = within_deadline(Some(deadline.into_std()), storage.probe()).await;
            probed.map_err(|error| detail(&error))
        })
    };
    HealthCheck { name, critical: true, probe: Arc::new(probe) }
}

/// Why a probe failed. A retry that has no answer in time does not hide the failure before it.
fn detail(error: &StorageError) -> String {
    let mut cause = error.source();
    while let Some(at) = cause {
        if let Some(TimedOutInRetry { limit: TimedOut::Caller, earlier }) = at.downcast_ref() {
            return format!("{}, after a failure: {}", no_answer(), redacted(&**earlier));
        }
        if let Some(TimedOut::Caller) = at.downcast_ref() {
            return no_answer();
        }
        cause = at.source();
    }
    redacted(error).to_string()
}

fn redis_check(tier: Arc<RedisTier>) -> HealthCheck {
    let probe = move || -> futures_util::future::BoxFuture<'static, Result<(), String>> {
        let tier = Arc::clone(&tier);
        Box::pin(async move {
            if tier.ready(REDIS_PATIENCE).await {
                return Ok(());
            }
            let reason = tier.failure().unwrap_or_else(|| "it does not answer".to_owned());
            Err(format!("Redis cannot be used, the shared tier is skipped: {reason}"))
        })
    };
    HealthCheck { name: "redis", critical: false, probe: Arc::new(probe) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use character_http_kit::Health;
    use character_storage_http::{
        ApiRequest, ApiResponse, HttpStorage, HttpStorageConfig, OpenedResponse, Sent, StreamTransport, Transport,
        TransportError, TransportErrorKind, TransportStack,
    };
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Refuses this number of connections, and then accepts requests without an answer.
    #[derive(Debug)]
    struct Refusing(AtomicU32);

    #[async_trait]
    impl Transport for Refusing {
        async fn call(&self, request: ApiRequest) -> Result<ApiResponse, TransportError> {
            let left = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            match left {
                Ok(_) => Err(TransportError::of_attempt(TransportErrorKind::Connect, request.operation, Sent::Never)),
                Err(_) => std::future::pending().await,
            }
        }
    }

    #[async_trait]
    impl StreamTransport for Refusing {
        async fn open(&self, request: ApiRequest) -> Result<OpenedResponse, TransportError> {
            Err(TransportError::of_attempt(TransportErrorKind::Connect, request.operation, Sent::Never))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_health_of_a_storage_names_a_failure_before_it_fell_silent() {
        let url = "http://127.0.0.1:1".parse().unwrap();
        let config = HttpStorageConfig::new(url, "secret".to_owned().into());
        let config = HttpStorageConfig { retry_base: Duration::from_millis(300), ..config };
        for (refused, expected) in [(0, "no answer within 1 s"), (1, "no answer within 1 s, after a failure: ")] {
            let stack = TransportStack::around(Refusing(refused.into()), &config);
            let check = storage_check("storage", Arc::new(HttpStorage::over(stack)));
            let report = Health::new("1", vec![check]).report().await;
            let detail = report.dependencies["storage"].detail.clone().unwrap();
            assert!(detail.starts_with(expected), "{detail}");
            assert_eq!(detail.contains("Connect"), refused > 0, "{detail}");
        }
    }
}
