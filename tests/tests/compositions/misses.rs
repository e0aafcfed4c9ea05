//! Ten thousand misses of one key at once, in caches of four processes over one Redis, are one load.

use character_cache::{CacheMetrics, CacheOptions, Cached};
use character_cache_redis::{RedisTier, RedisTierMetrics, RedisTierOptions};
use character_domain::{Character, CharacterId, UserId, now};
use character_storage_port::{MemoryStorage, StorageExt, StoragePort};
use character_storage_testkit::{Course, Operation, ScriptedFaults};
use character_tests::RedisServer;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;

const PROCESSES: usize = 4;
const READERS: usize = 10_000;
/// Time for every reader to arrive. A process waits for the load of another one for less than a second.
const LOAD: Duration = Duration::from_millis(400);

/// A storage whose answers to finds take their time.
fn slow() -> (MemoryStorage, ScriptedFaults<MemoryStorage>) {
    let memory = MemoryStorage::new();
    let storage = ScriptedFaults::new(Arc::new(memory.clone()));
    storage.direct(|operation| match operation {
        Operation::Find => Course::default().after(async {
            tokio::time::sleep(LOAD).await;
            Ok(())
        }),
        _ => Course::default(),
    });
    (memory, storage)
}

async fn process(storage: &ScriptedFaults<MemoryStorage>, redis: &RedisServer) -> Cached {
    let patient = Duration::from_secs(10);
    let options = RedisTierOptions { operation: patient, ..RedisTierOptions::new(redis.url().into()) };
    let tier = Arc::new(RedisTier::connect(options, RedisTierMetrics::default()).unwrap());
    assert!(tier.ready(patient).await, "{:?}", tier.failure());
    // The machine may be busy; a value that is not trusted would be loaded by everybody.
    let options = CacheOptions { trust: patient, follow: patient, ..CacheOptions::default() };
    let inner: Arc<dyn StoragePort> = Arc::new(storage.clone());
    let log = Arc::new(storage.clone());
    let (cached, follower) = Cached::new(inner, log, options, Some(tier), CacheMetrics::default()).unwrap();
    tokio::spawn(follower.run());
    assert!(cached.ready(patient).await);
    cached
}

async fn read(cached: Cached, id: CharacterId) -> String {
    cached.get_character(id).await.unwrap().value.name
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_misses_of_one_key_in_four_processes_are_one_load() {
    let redis = RedisServer::start();
    let (memory, storage) = slow();
    // Before the processes begin to listen: news of it would rightly void what they load.
    let hero = memory.create_character(Character::new(UserId::new(), "Torormir", now())).await.unwrap();
    let mut caches = Vec::new();
    for _ in 0..PROCESSES {
        caches.push(process(&storage, &redis).await);
    }
    let mut readers = JoinSet::new();
    for number in 0..READERS {
        readers.spawn(read(caches[number % PROCESSES].clone(), hero.id));
    }
    let names = readers.join_all().await;
    assert!(names.len() == READERS && names.iter().all(|name| name == "Torormir"));
    assert_eq!(storage.calls(Operation::Find), 1);
}
