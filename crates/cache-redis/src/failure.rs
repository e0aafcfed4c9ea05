use character_storage_port::connection_failure;
use std::fmt;

/// Why an operation failed, in words without addresses.
pub(crate) enum Failure {
    TimedOut,
    Pool(&'static str),
    Redis(redis::RedisError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Pool(reason) => f.write_str(reason),
            Self::Redis(error) => f.write_str(reason(error)),
        }
    }
}

/// What is wrong, as far as the error names it. A server's own text may hold names and addresses.
fn reason(error: &redis::RedisError) -> &str {
    if error.kind() == redis::ErrorKind::AuthenticationFailed {
        return "Redis refuses the user or the password (authentication)";
    }
    // The text of the client for a SELECT that failed.
    if error.to_string().contains("refused to switch database") {
        return "Redis has no database of this number";
    }
    match error.code() {
        Some("NOAUTH" | "WRONGPASS") => "Redis refuses the user or the password (authentication)",
        Some("NOPERM") => "Redis does not permit this to the user",
        Some("LOADING") => "Redis is still reading its data",
        Some("READONLY") => "Redis is a replica that takes no writes",
        Some("OOM") => "Redis has no memory left",
        Some("MISCONF") => "Redis cannot write its snapshot and takes no writes",
        Some(code) => code,
        None if error.is_timeout() => "no answer in time",
        None => connection_failure(error).unwrap_or_else(|| match error.is_connection_dropped() {
            true => "the other side closed the connection",
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
            _ => Self::Pool("the pool is closed"),
        }
    }
}
