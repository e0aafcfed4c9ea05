//! The shared cache tier on Redis: one server, a master with Sentinels, or a Cluster.
//!
//! # What is stored
//!
//! A value is a string under `prefix{name}`, written with its time to live and read with one `GETRANGE`, so that even a
//! huge value of another program is not fetched as a whole. While a process loads a value, `prefix{name}:lock` exists,
//! for a second at most. The braces put both names into one slot of a Cluster. `prefix` + `ping` belongs to the [health
//! check](#when-redis-fails). There are no scripts, no channels and nothing else.
//!
//! # Why correctness does not depend on Redis
//!
//! Redis only stores bytes, and [`SharedTier`](character_cache::SharedTier) promises nothing about them. Each value
//! carries its age, and the cache compares that with the log of commits. So every failure is one of three: no value, an
//! old value that the cache recognizes, or no response.
//!
//! | Redis is | what happens |
//! |---|---|
//! | slow, frozen, unreachable | one call waits for [`operation`](RedisTierOptions::operation); then Redis is skipped until it responds |
//! | thawed | writes that waited in its socket are applied late; they are old values that the cache recognizes |
//! | full (`OOM`), or cannot save (`MISCONF`) | reads continue, values are not accepted; counted, and logged at most once a minute |
//! | flushed, restarted empty | values are absent |
//! | restored from an old snapshot | values are old, and the cache recognizes that |
//! | failed over by Sentinel | the demoted master closes connections or answers `READONLY`; the Sentinels name the next one |
//! | a Cluster that moves a slot | `MOVED` and `ASK` are followed within the call |
//! | a Cluster that lost a node | it is skipped until each of its slots has a node that answers |
//! | used by others under our names | anything that is not a string, or is larger than any of our values, is removed |
//!
//! # When Redis fails
//!
//! The call that finds the failure costs at most one [`operation`](RedisTierOptions::operation). The tier then drops
//! its connections, logs the reason once, and returns [`Lookup::Down`](character_cache::Lookup::Down) at once. A
//! background task opens new connections, with a back-off of 50 ms to 1 s, and asks the Sentinels again for the master.
//! Redis is used again when it responds to a `PING`, or each primary of a Cluster reports that the Cluster is complete,
//! and when it accepts a short-lived value (or rejects it as a full server does), all within `operation`: a Redis that
//! is always slower is not used at all, and neither is a replica.
//!
//! # Addresses
//!
//! See [`RedisTierOptions::url`]. `rediss` is TLS, with [`RedisTierOptions::tls`] or the certificates of the system.
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod address;
mod connections;
mod failure;
mod health;
mod metrics;
mod options;
mod tier;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// What a client trusts, and its own certificate; the address, which can be replaced, and its text.
pub use character_credentials::{ClientTls, Secret, SecretString};
/// The registry in which metrics are shown.
pub use prometheus_client::registry::Registry;

pub use metrics::RedisTierMetrics;
pub use options::{InvalidRedisOptions, RedisTierOptions};
pub use tier::RedisTier;
