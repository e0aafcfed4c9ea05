//! Real servers for tests: NATS, Redis, PostgreSQL and the two services of this workspace, each in a private folder and on
//! a private port of `127.0.0.1`.
//!
//! A server lives under a supervisor that notices the end of the test process, however it ends, so nothing is left
//! behind. A program that is not on the machine fails the test with the command that installs it; nothing is skipped.
//! All functions of servers block the calling thread for a bounded time and panic with the server's log when a server does
//! not come up. Beside them is what benchmarks and tests measure servers with: [`exchange`], [`percentile`], [`median`] and
//! [`processor_time`].

#![expect(clippy::expect_used, reason = "a fixture that cannot do its work fails the test it serves")]

mod certificates;
mod exchange;
mod figures;
pub mod history;
mod nats;
mod pgbouncer;
mod port;
mod postgres;
mod processor;
mod program;
mod prometheus;
mod redis;
mod service;
mod sqlite;
mod supervisor;
mod wait;

pub use certificates::{Authority, Certificate};
pub use exchange::{RawResponse, exchange};
pub use figures::{median, percentile};
pub use nats::{NatsCluster, NatsRelease, NatsServer};
pub use pgbouncer::PgBouncer;
pub use port::free_port;
pub use postgres::{FrozenPostgres, PostgresServer};
pub use processor::processor_time;
pub use program::required as required_program;
pub use prometheus::PrometheusServer;
pub use redis::{Persistence, RedisCluster, RedisSentinels, RedisServer, RedisTls};
pub use service::{Finished, Service, ServiceBuilder, service_program};
pub use sqlite::query_sqlite;
pub use supervisor::{Signal, Supervised};

/// The example in the README compiles and runs with the tests of documentation.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
