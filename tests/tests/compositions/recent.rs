//! Changes of one character through several processes, each of which decides on rows that it holds, all count.

use character_cache::{CacheMetrics, CacheOptions, Cached};
use character_domain::{Character, CharacterId, UserId, now};
use character_repositories::{CharacterRepository, RequestContext, StorageContext};
use character_storage_port::{MemoryStorage, StorageExt, StoragePort};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;

const PROCESSES: usize = 3;
const WRITERS: usize = 12;
const CHANGES: u64 = 40;

async fn process(storage: &MemoryStorage) -> CharacterRepository {
    let inner: Arc<dyn StoragePort> = Arc::new(storage.clone());
    let log = Arc::new(storage.clone());
    let (cached, follower) = Cached::new(inner, log, CacheOptions::default(), None, CacheMetrics::default()).unwrap();
    tokio::spawn(follower.run());
    assert!(cached.ready(Duration::from_secs(10)).await);
    let context = StorageContext::new(Arc::new(cached.clone()));
    let context = context.with_origin(Arc::new(cached.uncached())).with_recent(Arc::new(cached.recent()));
    CharacterRepository::new(context)
}

/// One writer, which adds one many times, through any process.
async fn add(processes: Vec<CharacterRepository>, id: CharacterId) {
    for _ in 0..CHANGES {
        let process = &processes[rand::random_range(0..processes.len())];
        let one_more = |current: &Character| {
            let mut next = current.clone();
            let count = next.data.0["count"].as_u64().unwrap();
            next.data.0.insert("count".to_owned(), json!(count + 1));
            Ok(next)
        };
        process.patch(id, &RequestContext::default(), one_more).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_of_a_row_that_a_process_holds_is_lost_or_counted_twice() {
    let storage = MemoryStorage::new();
    let mut hero = Character::new(UserId::new(), "Torormir", now());
    hero.data.0.insert("count".to_owned(), json!(0));
    let hero = storage.create_character(hero).await.unwrap();
    let mut processes = Vec::new();
    for _ in 0..PROCESSES {
        processes.push(process(&storage).await);
    }
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        writers.spawn(add(processes.clone(), hero.id));
    }
    writers.join_all().await;
    let end = storage.get_character(hero.id).await.unwrap().value;
    let changes = u64::try_from(WRITERS).unwrap() * CHANGES;
    assert_eq!((end.data.0["count"].as_u64(), end.meta.revision.0), (Some(changes), hero.meta.revision.0 + changes));
}
