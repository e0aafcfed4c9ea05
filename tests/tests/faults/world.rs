//! Both services with a fault proxy on each of their three ways: to the Storage Service, to PostgreSQL, to Redis.

use crate::support::{Answer, client, metrics, until};
use character_fault_proxy::{Fault, FaultProxy};
use character_tests::{PostgresServer, RedisServer, Service};
use serde_json::json;
use std::{net::SocketAddr, time::Duration};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

pub(crate) const TOKEN: &str = "token-of-the-tests";

/// A whole storage call, retries included.
pub(crate) const DEADLINE: Duration = Duration::from_millis(1_500);
/// After so long an open breaker lets a probe through.
pub(crate) const RECOVERY: Duration = Duration::from_secs(1);
/// What 64 clients, two services and two servers on two cores may take longer than planned.
pub(crate) const NOISE: Duration = Duration::from_millis(1_000);

/// Longer than the breaker's time, or a fault might end before anyone has met it.
const SHORTEST: Duration = Duration::from_millis(1_200);

/// How long each fault lasts: 1.2 s, or an equal share of `HUNT_SECONDS`.
pub(crate) fn each_of(faults: usize) -> Duration {
    let hunt = std::env::var("HUNT_SECONDS").ok().and_then(|text| text.parse().ok());
    let share = hunt.map(|seconds| Duration::from_secs(seconds) / u32::try_from(faults).unwrap_or(u32::MAX));
    share.unwrap_or(SHORTEST).max(SHORTEST)
}

static MACHINE: RwLock<()> = RwLock::const_new(());

/// Tests with close bounds of time have the machine for themselves.
pub(crate) async fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().await
}

/// Tests that wait for most of their time, or have wide bounds, share it with one another.
pub(crate) async fn beside_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().await
}

/// How long everything works between two faults, so that the next one can lose something.
pub(crate) const PEACE: Duration = Duration::from_millis(500);

pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) to_storage: FaultProxy,
    pub(crate) to_redis: Option<FaultProxy>,
    pub(crate) storage: Service,
    pub(crate) to_database: FaultProxy,
}

/// A Character Service with a proxy on each of its ways.
pub(crate) struct Side {
    pub(crate) service: Service,
    pub(crate) to_storage: FaultProxy,
    pub(crate) to_redis: Option<FaultProxy>,
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn through(url: &str, port: u16, proxy: &FaultProxy) -> String {
    url.replacen(&format!("127.0.0.1:{port}"), &proxy.address().to_string(), 1)
}

impl Side {
    pub(crate) fn new(storage: &Service, redis: Option<&RedisServer>, settings: &[(&str, &str)]) -> Self {
        let to_storage = FaultProxy::start(storage.address()).unwrap();
        let to_redis = redis.map(|redis| (redis, FaultProxy::start(local(redis.port())).unwrap()));
        let mut builder = Service::character()
            .env("STORAGE_SERVICE_URL", format!("http://{}", to_storage.address()))
            .env("STORAGE_SERVICE_TOKEN", TOKEN)
            .env("STORAGE_DEADLINE_MS", DEADLINE.as_millis().to_string())
            .env("STORAGE_TIMEOUT_MS", "700")
            .env("LOG_LEVEL", "error")
            .env("STORAGE_RETRY_BASE_MS", "20")
            .env("STORAGE_BREAKER_RECOVERY_SECS", RECOVERY.as_secs().to_string());
        if let Some((redis, proxy)) = &to_redis {
            builder = builder.env("REDIS_URL", through(&redis.url(), redis.port(), proxy));
        }
        for (name, value) in settings {
            builder = builder.env(name, *value);
        }
        Self { service: builder.start(), to_storage, to_redis: to_redis.map(|(_, proxy)| proxy) }
    }
}

impl World {
    pub(crate) fn new(postgres: &PostgresServer, redis: Option<&RedisServer>, settings: &[(&str, &str)]) -> Self {
        let to_database = FaultProxy::start(local(postgres.port())).unwrap();
        let storage = Service::storage()
            .env("STORAGE_SERVICE_TOKEN", TOKEN)
            .env("DATABASE_URL", through(&postgres.fresh_schema_url(), postgres.port(), &to_database))
            .env("DATABASE_TIMEOUT_MS", "600")
            .env("LOG_LEVEL", "error")
            .start();
        let Side { service, to_storage, to_redis } = Side::new(&storage, redis, settings);
        Self { service, to_storage, to_redis, storage, to_database }
    }

    pub(crate) fn characters(&self) -> String {
        self.service.url("/api/v2/characters")
    }

    pub(crate) fn character(&self, id: &str) -> String {
        format!("{}/{id}", self.characters())
    }

    /// How often the Storage Service was asked by anything but the follower of the log, to be compared with an earlier value.
    /// Never too few; one too many while the proxy has counted a question to the log that has not failed yet. Less than
    /// nothing when the proxy refuses connections, which it does not count.
    pub(crate) async fn asked(&self) -> i64 {
        let failed = self.failed_follows().await;
        let counts = self.to_storage.counts();
        i64::try_from(counts.connections + counts.requests).unwrap() - i64::try_from(failed).unwrap()
    }

    /// How many questions to the log have failed. Each took one connection of its own, which no breaker holds back.
    pub(crate) async fn failed_follows(&self) -> u64 {
        metrics(&self.service).await.metric("cache_log_failures_total").unwrap()
    }

    pub(crate) fn redis(&self) -> &FaultProxy {
        self.to_redis.as_ref().unwrap()
    }

    /// All connections pass again, and a write succeeds within the breaker's time and a few seconds.
    pub(crate) async fn recovers(&self, what: &str) {
        for proxy in [Some(&self.to_storage), Some(&self.to_database), self.to_redis.as_ref()].into_iter().flatten() {
            proxy.set(Fault::Pass);
        }
        let body = json!({ "name": "Recovery", "user_id": uuid::Uuid::new_v4() });
        let limit = RECOVERY + Duration::from_secs(9);
        let wanted = |answer: &Answer| answer.status == 201;
        until(limit, what, || client().post(self.characters()).json(&body), wanted).await;
        // Reads have a breaker of their own.
        let unknown = self.character(&uuid::Uuid::new_v4().to_string());
        until(limit, what, || client().get(&unknown), |answer| answer.status == 404).await;
    }
}
