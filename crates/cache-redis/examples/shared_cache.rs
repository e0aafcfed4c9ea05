//! Two processes share through Redis what they read of one storage, and a commit or a lost Redis makes nothing
//! stale.
//! `REDIS_URL` names the server; without it this program starts one of its own.

use character_cache::{CacheMetrics, CacheOptions, Cached};
use character_cache_redis::{RedisTier, RedisTierMetrics, RedisTierOptions};
use character_storage_port::{
    Change, Character, CharacterQuery, Commit, Expect, MemoryStorage, PageRequest, Source, StorageExt, Tier,
    Transaction, UserId, at_least, now,
};
use character_tests::RedisServer;
use std::{env, error::Error, sync::Arc, time::Duration};

const PATIENCE: Duration = Duration::from_secs(10);

/// What one process has: its own tier in Redis, its own memory and its own follower, over the storage of all.
async fn process(central: &Arc<MemoryStorage>, url: &str) -> Result<Cached<MemoryStorage>, Box<dyn Error>> {
    let tier = RedisTier::connect(RedisTierOptions::new(url.into()), RedisTierMetrics::default())?;
    let is_connected = tier.ready(PATIENCE).await;
    let (options, metrics, log) = (CacheOptions::default(), CacheMetrics::default(), Arc::clone(central));
    let (cached, follower) = Cached::new(Arc::clone(central), log, options, Some(Arc::new(tier)), metrics)?;
    follower.start()?;
    if is_connected && cached.ready(PATIENCE).await { Ok(cached) } else { Err("the cache is not ready in time".into()) }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (url, server) = match env::var("REDIS_URL") {
        Ok(url) => (url, None),
        Err(_) => {
            let server = RedisServer::start();
            (server.url(), Some(server))
        }
    };
    let central = Arc::new(MemoryStorage::new());
    let hero = central.create_character(Character::new(UserId::new(), "Torormir", now())).await?;
    let (one, other) = (process(&central, &url).await?, process(&central, &url).await?);

    // The first read asks the storage, and the other process takes its value from Redis.
    assert!(matches!(one.get_character(hero.id).await?.source, Source::Origin));
    let read = other.get_character(hero.id).await?;
    assert!(matches!(read.source, Source::Cache { tier: Tier::Shared, .. }), "{:?}", read.source);

    // A commit of one makes the value of Redis old for all.
    let entity = Character { name: "Torormir the Grey".into(), ..hero.clone() };
    let change = Change::Replace { entity, expect: Expect::Revision(hero.meta.revision) };
    let committed = one.commit(Transaction::new().with(change)).await?;
    let (read, _) = at_least(Some(committed.tick), other.get_character(hero.id)).await;
    assert_eq!(read?.value.name, "Torormir the Grey");

    // Without Redis each process goes on by itself: a read asks the storage.
    drop(server);
    let page = other.list_characters(&CharacterQuery::live(), PageRequest::default()).await?.value;
    assert_eq!(page.items.len(), 1);
    Ok(())
}
