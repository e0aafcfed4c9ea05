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
            Self::Redis(error) => write!(f, "{}", error.code().unwrap_or_else(|| error.category())),
        }
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
