//! The address of Redis, and the bounds of its operations.

use crate::address::Address;
use character_credentials::{ClientTls, Secret};
use secrecy::ExposeSecret;
use std::time::Duration;

/// The address of Redis, and the bounds of its operations.
#[derive(Clone, Debug)]
pub struct RedisTierOptions {
    /// The address, with `rediss` instead of `redis` for TLS:
    ///
    /// - one server: `redis://[user:password@]host[:port][/database]`
    /// - Sentinel: `redis+sentinel://[user:password@]host[:port],host[:port]/master-name[/database]`. User and password
    ///   are those of the servers; those of the Sentinels, if they have any, are `?sentinel_user=…&sentinel_password=…`.
    /// - Cluster: `redis+cluster://[user:password@]host[:port],host[:port]`, with some of its nodes
    ///
    /// A replaced address is used within a second: the next connections are opened with it, and take over when they work.
    pub url: Secret,
    /// What is trusted of a server with TLS, and the own certificate. `None`: what the system trusts, and none.
    pub tls: Option<ClientTls>,
    /// The prefix of every name, without braces. `character:v2:`; another version of the stored form needs another
    /// prefix.
    pub prefix: String,
    /// Maximum time of one operation. 50 ms.
    pub operation: Duration,
    /// Maximum time to open a connection. 100 ms.
    pub connect: Duration,
    /// Number of connections that all callers share, to each node of a Cluster. 4. Without a Cluster, each runtime of one
    /// thread that uses the tier has one more of its own, up to two for each core.
    pub connections: usize,
    /// How long values are kept. 24 h.
    pub keep: Duration,
    /// Maximum size of a value that is stored or used, in bytes. 1 MiB.
    pub largest: usize,
}

impl RedisTierOptions {
    /// The defaults for the Redis at `url`.
    #[must_use]
    pub fn new(url: Secret) -> Self {
        Self {
            url,
            tls: None,
            prefix: "character:v2:".to_owned(),
            operation: Duration::from_millis(50),
            connect: Duration::from_millis(100),
            connections: 4,
            keep: Duration::from_secs(24 * 3_600),
            largest: 1 << 20,
        }
    }

    /// Rejects an address that a client cannot use, such as one whose database is not a number, and limits of zero. Does not
    /// connect.
    ///
    /// # Errors
    /// [`InvalidRedisOptions`], which names the mistake without the address.
    pub fn check(&self) -> Result<(), InvalidRedisOptions> {
        self.address().map(drop)
    }

    pub(crate) fn address(&self) -> Result<Address, InvalidRedisOptions> {
        let zero = [
            ("operation", self.operation.is_zero()),
            ("connect", self.connect.is_zero()),
            ("connections", self.connections == 0),
            ("keep", self.keep.as_millis() == 0),
            ("largest", self.largest == 0),
        ];
        if let Some((setting, _)) = zero.into_iter().find(|(_, is_zero)| *is_zero) {
            return Err(InvalidRedisOptions::Zero { setting });
        }
        // The braces around the name decide about its slot, and only the first pair in a key counts.
        if self.prefix.contains(['{', '}']) {
            return Err(InvalidRedisOptions::Prefix);
        }
        Address::parse(self.url.get().expose_secret(), self)
    }
}

/// Options that are unusable for a connection. The text does not repeat the address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRedisOptions {
    /// Not an address of a Redis.
    #[error(
        "not a Redis address; expected redis://host:port/database, redis+sentinel://host:port,host:port/master-name/database \
         or redis+cluster://host:port,host:port, each with [user:password@] before the host and rediss for TLS"
    )]
    Url,
    /// Certificates for an address without TLS.
    #[error("the address has no TLS: write rediss instead of redis, or name no certificates")]
    WithoutTls,
    /// A limit with which no value could be stored or read.
    #[error("{setting} must be more than zero; keep counts in milliseconds")]
    Zero {
        /// The field of [`RedisTierOptions`].
        setting: &'static str,
    },
    /// The prefix has braces.
    #[error("the prefix of names in Redis must not have braces")]
    Prefix,
}
