//! The shared cache tier on Redis.
//!
//! Every key is one hash (`v` value, `a` when the storage gave it, `d` not current, `t` placeholder token, `u` until
//! when it holds, `w` a writer's, `c` contended by another writer, `r` current before the writer came), and every
//! step is one script over that one key; only who finds a current value needs none. Scripts publish what they
//! invalidate, so other processes hear of it in the same instant. Times are the server's, so clocks of processes need
//! not agree.
//!
//! A server that comes back with what it had saved long ago, or a replica that takes over, would hold values and lack
//! the news about them; so would one that no process could reach for a while. So the heartbeat leaves a note of whose
//! data it is (`INFO`: `run_id`, `master_replid`), which runs out after two heartbeats, and whoever comes back and finds
//! another's note, or none, removes everything before Redis is used again.
//!
//! The heartbeat is heard over the channel that tells of the writes of others, and says when it was sent. What is in a
//! process counts as current for three heartbeats from that moment, and no longer.
#![warn(missing_debug_implementations)]

mod channel;
mod connections;
mod failure;
mod health;
#[cfg(test)]
mod hunts;
mod metrics;
mod options;
mod scripts;
mod tier;

pub use metrics::RedisTierMetrics;
pub use options::{InvalidRedisOptions, RedisTierOptions};
pub use tier::RedisTier;

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
