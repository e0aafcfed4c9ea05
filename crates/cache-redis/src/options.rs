use character_domain::size::MAX_ROW;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// Where Redis is, and how long anything may take.
#[derive(Clone, Debug)]
pub struct RedisTierOptions {
    /// `redis://` or `rediss://`, perhaps with a password.
    pub url: SecretString,
    /// What every key starts with, and the name of the channel. `character:v1:`; another version of the stored
    /// form needs another prefix.
    pub prefix: String,
    /// The most that one operation may take, waiting for a connection included. 50 ms, and 1 ms more for each ten
    /// keys of a write.
    pub operation: Duration,
    /// The most that a new connection may take. 100 ms.
    pub connect: Duration,
    /// How many connections all callers share. 4.
    pub connections: usize,
    /// How long a placeholder holds when its owner is never heard of again; longer than any write may take. 60 s.
    pub lease: Duration,
    /// How long values are kept, current or not. 24 h.
    pub keep: Duration,
    /// How often the way to Redis and back is tried. The news of others count as lost after three times this; a Redis
    /// that no process has reached for twice this is emptied by the first that comes back. 1 s.
    pub heartbeat: Duration,
    /// The largest value that is kept or believed, in bytes. 16 MiB, more than a page or a row can have.
    pub largest: usize,
    /// How many undelivered invalidations are remembered; with more, everything is removed on return. 10 000.
    pub remembered: usize,
}

impl RedisTierOptions {
    /// The defaults for the Redis at `url`.
    #[must_use]
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            prefix: "character:v1:".to_owned(),
            operation: Duration::from_millis(50),
            connect: Duration::from_millis(100),
            connections: 4,
            lease: Duration::from_secs(60),
            keep: Duration::from_secs(24 * 3_600),
            heartbeat: Duration::from_secs(1),
            largest: 2 * MAX_ROW,
            remembered: 10_000,
        }
    }
}

impl RedisTierOptions {
    /// Refuses an address that no client can be made from, such as one whose database is no number. Connects to nothing.
    ///
    /// # Errors
    /// [`InvalidRedisOptions::Url`].
    pub fn check(&self) -> Result<(), InvalidRedisOptions> {
        self.client().map(drop)
    }

    pub(crate) fn client(&self) -> Result<redis::Client, InvalidRedisOptions> {
        redis::Client::open(self.url.expose_secret()).map_err(|_| InvalidRedisOptions::Url)
    }

    /// The most that a step in the background may take, for which nobody waits: a second, or more where Redis is far.
    pub(crate) fn healing(&self) -> Duration {
        // Each connection is opened and asked two things, one after the other.
        let opening = self.connect.saturating_add(self.operation.saturating_mul(2));
        opening.saturating_mul(u32::try_from(self.connections).unwrap_or(u32::MAX)).max(Duration::from_secs(1))
    }
}

/// Options that no connection can be made from. The text does not repeat the address.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRedisOptions {
    /// Not an address of a Redis.
    #[error("not a Redis address; expected redis://host:port/database or rediss://…")]
    Url,
    /// The pool cannot be made.
    #[error("no pool can be made for Redis: {0}")]
    Pool(#[from] deadpool_redis::BuildError),
}
