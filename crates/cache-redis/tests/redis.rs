//! The tier on real servers: alone, watched by Sentinels, in a Cluster; killed, frozen, flushed, full, and shared.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "redis/cluster.rs"]
mod cluster;
#[path = "redis/failures.rs"]
mod failures;
#[path = "redis/sentinels.rs"]
mod sentinels;
#[path = "redis/tls.rs"]
mod tls;
#[path = "redis/values.rs"]
mod values;

use bytes::Bytes;
use character_cache::{Lock, Lookup, SharedTier};
use character_cache_redis::{RedisTier, RedisTierMetrics, RedisTierOptions};
use character_tests::RedisServer;
use prometheus_client::{encoding::text::encode, registry::Registry};
use std::{
    ops::Deref,
    time::{Duration, Instant},
};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(20);

/// How soon a Redis that works again is in use: the longest pause between two attempts, and what an attempt takes on a busy
/// machine.
const SOON: Duration = Duration::from_secs(3);

fn options(url: &str) -> RedisTierOptions {
    RedisTierOptions {
        prefix: format!("character:test:{}:", Uuid::new_v4()),
        // Many tests share two cores here; the default bound has a test of its own.
        operation: Duration::from_millis(500),
        connect: Duration::from_millis(500),
        ..RedisTierOptions::new(url.into())
    }
}

/// Makes a user that may do what the operator's page says, and no more; returns the address with its name and password.
fn as_modest_user(redis: &RedisServer, url: &str, more: &[&str]) -> String {
    let rights = ["resetkeys", "~character:test:*", "+ping", "+getrange", "+set", "+unlink", "+scan"];
    redis.command(&[&["ACL", "SETUSER", "modest", "on", ">pass/word"], &rights[..], more].concat());
    url.replace("://", "://modest:pass%2Fword@")
}

/// A tier and its metrics.
struct Process {
    tier: RedisTier,
    registry: Registry,
}

impl Deref for Process {
    type Target = RedisTier;
    fn deref(&self) -> &RedisTier {
        &self.tier
    }
}

impl Process {
    fn connect(options: &RedisTierOptions) -> Self {
        let (metrics, mut registry) = (RedisTierMetrics::default(), Registry::default());
        metrics.register(&mut registry);
        Self { tier: RedisTier::connect(options.clone(), metrics).expect("the options are right"), registry }
    }

    async fn start(options: &RedisTierOptions) -> Self {
        let process = Self::connect(options);
        process.is_used(PATIENCE).await;
        process
    }

    async fn is_used(&self, patience: Duration) {
        assert!(self.ready(patience).await, "not in use: {:?}", self.failure());
        assert_eq!((self.count("up"), self.failure()), (1, None));
    }

    async fn is_skipped(&self) {
        let until = Instant::now() + PATIENCE;
        while self.is_up() {
            assert!(Instant::now() < until, "the failure is never found");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn puts(&self, name: &str, value: &'static str) {
        assert!(self.put(name, value.into()).await, "{name} is not put: {:?}", self.failure());
    }

    async fn finds(&self, name: &str, value: &'static str) {
        assert_eq!(self.get(name).await, Lookup::Found(value.into()), "{:?}", self.failure());
    }

    fn count(&self, metric: &str) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("metrics are text");
        let names = [format!("cache_redis_{metric} "), format!("cache_redis_{metric}_total ")];
        let mut values = text.lines().filter_map(|line| names.iter().find_map(|name| line.strip_prefix(name)));
        values.next().expect("the metric is there").parse().expect("it is a number")
    }
}

fn text(number: usize) -> Bytes {
    format!("value {number}").into()
}
