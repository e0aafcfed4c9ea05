//! Character Services without anything between them and what they use.

use super::world::TOKEN;
use character_tests::{RedisServer, Service, ServiceBuilder};

/// A Storage Service on this database.
pub(crate) fn storage(database: &str) -> Service {
    let builder = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("DATABASE_URL", database);
    builder.env("LOG_LEVEL", "warn").start()
}

/// A Character Service on this storage.
pub(crate) fn over(storage: &Service, redis: Option<&RedisServer>) -> ServiceBuilder {
    let builder = Service::character()
        .env("STORAGE_SERVICE_URL", storage.url(""))
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("LOG_LEVEL", "warn");
    with(builder, redis)
}

/// The same with a Redis, if there is one.
pub(crate) fn with(builder: ServiceBuilder, redis: Option<&RedisServer>) -> ServiceBuilder {
    match redis {
        Some(redis) => builder.env("REDIS_URL", redis.url()),
        None => builder,
    }
}
