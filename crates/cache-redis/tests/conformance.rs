//! The port's own suite over a cache with Redis, and with a Redis that is not there.
#![expect(clippy::expect_used, reason = "a harness that cannot set up fails its clause")]

use character_cache::{CacheMetrics, CacheOptions, Cached};
use character_cache_redis::{RedisTier, RedisTierMetrics, RedisTierOptions};
use character_domain::CharacterId;
use character_storage_port::{MemoryStorage, StoragePort};
use character_storage_testkit::{Harness, storage_conformance};
use character_tests::{RedisServer, free_port};
use std::{sync::Arc, time::Duration};

fn tier(url: &str) -> Arc<RedisTier> {
    let prefix = format!("character:test:{}:", CharacterId::new());
    let options = RedisTierOptions {
        prefix,
        operation: Duration::from_millis(500),
        connect: Duration::from_millis(500),
        ..RedisTierOptions::new(url.into())
    };
    Arc::new(RedisTier::connect(options, RedisTierMetrics::default()).expect("the options are right"))
}

fn cached(tier: Arc<RedisTier>) -> Arc<dyn StoragePort> {
    let inner: Arc<dyn StoragePort> = Arc::new(MemoryStorage::new());
    Arc::new(Cached::new(inner, CacheOptions::default(), Some(tier), CacheMetrics::default()))
}

struct OnRedis;

impl Harness for OnRedis {
    type Guard = ();
    async fn fresh() -> ((), Arc<dyn StoragePort>) {
        let tier = tier(&RedisServer::shared().url());
        let storage = cached(Arc::clone(&tier));
        assert!(tier.ready(Duration::from_secs(20)).await, "Redis is in use");
        ((), storage)
    }
}

struct RedisNotThere;

impl Harness for RedisNotThere {
    type Guard = ();
    async fn fresh() -> ((), Arc<dyn StoragePort>) {
        ((), cached(tier(&format!("redis://127.0.0.1:{}/0", free_port()))))
    }
}

storage_conformance!(on_redis, OnRedis);
storage_conformance!(redis_not_there, RedisNotThere);
