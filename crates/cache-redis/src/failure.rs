//! The reason of a failure, in words for operators.

use character_storage_port::connection_failure;
use redis::ErrorKind;
use std::fmt;

pub(crate) const CLUSTER_DOWN: &str = "the Redis Cluster does not serve every slot";

/// Why an operation failed, in words without addresses.
pub(crate) enum Failure {
    TimedOut,
    Known(&'static str),
    Redis(redis::RedisError),
}

/// What the client reports of a server that ended the connection, did not answer, or answered something else than Redis does.
const CLOSED: &str = "the other side closed the connection";
const LATE: &str = "no answer in time";
const NO_REDIS: &str = "parse error";

impl Failure {
    /// The failure to connect to an address with or without TLS, with the mistake that it probably comes from.
    pub(crate) fn of_connecting(self, has_tls: bool) -> Self {
        match (self.to_string().as_str(), has_tls) {
            (CLOSED | NO_REDIS, false) => {
                Self::Known("no Redis answers a new connection; if the port has TLS, the address needs rediss")
            }
            (LATE, true) => Self::Known(
                "a new connection with TLS is not answered; if the port has no TLS, the address needs redis",
            ),
            _ => self,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str(LATE),
            Self::Known(reason) => f.write_str(reason),
            Self::Redis(error) => f.write_str(reason(error)),
        }
    }
}

/// Whether Redis works but accepts no writes now: it is full, cannot save, or has too few replicas. Reads continue.
pub(crate) fn is_refusal(error: &redis::RedisError) -> bool {
    matches!(error.code(), Some("OOM" | "MISCONF" | "NOREPLICAS"))
}

/// Whether a key does not hold a string: another program has written it.
pub(crate) fn is_of_another_type(error: &redis::RedisError) -> bool {
    error.code() == Some("WRONGTYPE")
}

const TEXTS: [(&str, &str); 6] = [
    ("NOAUTH", "Redis refuses the user or the password (authentication)"),
    ("WRONGPASS", "Redis refuses the user or the password (authentication)"),
    ("AuthenticationFailed", "Redis refuses the user or the password (authentication)"),
    ("refused to switch database", "Redis has no database of this number"),
    ("not point to a sentinel", "no Sentinel, but something else answers at an address of the Sentinels"),
    ("cluster support disabled", "Redis is no Cluster, and the address says that it is one (redis+cluster://)"),
];

/// The cause, as far as the error names it. The text of a server may contain names and addresses.
pub(crate) fn reason(error: &redis::RedisError) -> &str {
    match error.kind() {
        ErrorKind::AuthenticationFailed => return "Redis refuses the user or the password (authentication)",
        ErrorKind::MasterNameNotFoundBySentinel => return "the Sentinels know no working master of this name",
        ErrorKind::ClusterConnectionNotFound => return "a node of the Redis Cluster cannot be reached",
        _ => {}
    }
    // Texts that the client has for what no kind or code says. Some have the server's own words inside.
    let text = error.to_string();
    let known = TEXTS.iter().find(|(part, _)| text.contains(part));
    if let Some((_, reason)) = known {
        return reason;
    }
    match error.code() {
        Some("NOPERM") => "Redis does not permit this to the user",
        Some("LOADING") => "Redis is still reading its data",
        Some("READONLY") => "Redis is a replica that takes no writes",
        Some("OOM") => "Redis has no memory left",
        Some("MISCONF") => "Redis cannot write its snapshot and takes no writes",
        Some("NOREPLICAS") => "Redis has too few replicas and takes no writes",
        Some("CLUSTERDOWN") => CLUSTER_DOWN,
        Some("MOVED") => "Redis is a Cluster, and the address does not say so (redis+cluster://)",
        Some(code) => code,
        None if error.is_timeout() => LATE,
        None => connection_failure(error).unwrap_or_else(|| match error.is_connection_dropped() {
            true => CLOSED,
            false => error.category(),
        }),
    }
}

impl From<redis::RedisError> for Failure {
    fn from(error: redis::RedisError) -> Self {
        Self::Redis(error)
    }
}

impl From<deadpool_redis::PoolError> for Failure {
    fn from(error: deadpool_redis::PoolError) -> Self {
        match error {
            deadpool_redis::PoolError::Timeout(_) => Self::TimedOut,
            deadpool_redis::PoolError::Backend(error) => Self::Redis(error),
            _ => Self::Known("the pool is closed"),
        }
    }
}
