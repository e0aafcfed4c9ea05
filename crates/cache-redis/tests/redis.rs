//! The tier on a real Redis, killed, frozen, flushed and filled up.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../../cache/tests/common/mod.rs"]
#[expect(dead_code, reason = "the tests of the cache use all of it")]
mod common;
#[path = "redis/neighbour.rs"]
mod neighbour;

use character_cache::{CacheMetrics, CacheOptions, Cached, Key, Lookup, SharedTier};
use character_cache_redis::{InvalidRedisOptions, RedisTier, RedisTierMetrics, RedisTierOptions};
use character_domain::{Character, CharacterId, UserId, now};
use character_fault_proxy::{Fault, FaultProxy};
use character_storage_port::{
    CharacterQuery, Deleted, Expect, MemoryStorage, PageRequest, Source, StorageExt, StoragePort, Store, Tier,
};
use character_tests::RedisServer;
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

fn options(url: &str) -> RedisTierOptions {
    RedisTierOptions {
        prefix: format!("character:test:{}:", CharacterId::new()),
        // Many tests share two cores here; the bound itself is tested with the default.
        operation: Duration::from_millis(500),
        connect: Duration::from_millis(500),
        heartbeat: Duration::from_millis(100),
        ..RedisTierOptions::new(url.into())
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

fn tier(options: &RedisTierOptions) -> Arc<RedisTier> {
    Arc::new(RedisTier::connect(options.clone(), RedisTierMetrics::default()).expect("the options are right"))
}

struct Process {
    cache: Cached,
    tier: Arc<RedisTier>,
}

async fn process(storage: &(impl StoragePort + Clone), options: &RedisTierOptions) -> Process {
    let tier = tier(options);
    let inner: Arc<dyn StoragePort> = Arc::new(storage.clone());
    let cache = Cached::new(inner, CacheOptions::default(), Some(Arc::clone(&tier) as _), CacheMetrics::default());
    assert!(tier.ready(PATIENCE).await, "Redis is in use");
    Process { cache, tier }
}

/// A way to Redis that can be cut, and the options of a process that takes it.
fn way(redis: &RedisServer, options: &RedisTierOptions) -> (FaultProxy, RedisTierOptions) {
    let way = FaultProxy::start(([127, 0, 0, 1], redis.port()).into()).expect("a proxy starts");
    let url = format!("redis://{}", way.address());
    (way, RedisTierOptions { url: url.into(), ..options.clone() })
}

fn torormir() -> Character {
    Character::new(UserId::new(), "Torormir", now())
}

impl Process {
    async fn name(&self, row: &Character) -> Option<String> {
        let read: character_storage_port::Read<Option<Character>> =
            self.cache.find(row.id, Deleted::Exclude).await.expect("a find is answered");
        read.value.map(|row| row.name)
    }

    async fn names(&self, row: &Character) -> Vec<String> {
        let query = CharacterQuery { user_id: Some(row.user_id), ..CharacterQuery::live() };
        let page = self.cache.list_characters(&query, PageRequest::default()).await.expect("a list is answered");
        page.value.items.into_iter().map(|row| row.name).collect()
    }

    async fn source(&self, row: &Character) -> Source {
        self.cache.get_character(row.id).await.expect("a find is answered").source
    }

    async fn rename(&self, row: &Character, name: &str) {
        let row = Character { name: name.into(), ..row.clone() };
        self.cache.update_character(row, Expect::Any).await.expect("a write is applied");
    }

    /// Waits for the news of a write to come round.
    async fn sees(&self, row: &Character, name: &str) {
        let until = Instant::now() + PATIENCE;
        while self.name(row).await.as_deref() != Some(name) || self.names(row).await != [name] {
            assert!(Instant::now() < until, "{name} is never seen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_reads_what_another_has_loaded_and_sees_what_it_writes() {
    let (storage, options) = (MemoryStorage::new(), options(&RedisServer::shared().url()));
    // Slow enough for a busy machine: who does not hear the other in time answers nothing from its own memory.
    let options = RedisTierOptions { heartbeat: Duration::from_secs(1), ..options };
    let (one, two) = (process(&storage, &options).await, process(&storage, &options).await);
    let row = storage.create_character(torormir()).await.unwrap();
    one.sees(&row, "Torormir").await;
    assert!(matches!(two.source(&row).await, Source::Cache { tier: Tier::Shared, .. }));
    two.sees(&row, "Torormir").await;
    assert!(matches!(two.source(&row).await, Source::Cache { tier: Tier::Local, .. }));
    for round in 0..50 {
        let (writer, reader) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let name = format!("Round {round}");
        writer.rename(&row, &name).await;
        assert_eq!((writer.name(&row).await, writer.names(&row).await), (Some(name.clone()), vec![name.clone()]));
        reader.sees(&row, &name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_concurrent_misses_in_two_processes_make_one_read_of_the_storage() {
    let (storage, options) = (common::Scripted::default(), options(&RedisServer::shared().url()));
    let (one, two) = (process(&storage, &options).await, process(&storage, &options).await);
    let row = storage.inner.create_character(torormir()).await.unwrap();
    storage.answer_after(Duration::from_millis(50));
    let finds: Vec<_> = (0..10_000)
        .map(|number| {
            let cache = if number % 2 == 0 { &one.cache } else { &two.cache }.clone();
            tokio::spawn(async move { cache.get_character(row.id).await.unwrap().value.name })
        })
        .collect();
    for find in finds {
        assert_eq!(find.await.unwrap(), "Torormir");
    }
    assert_eq!(storage.reads(), 1);
}

/// Lesson 56: connections that died with their server are given to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_killed_and_restarted_leaves_right_answers() {
    let redis = RedisServer::start();
    let (storage, options) = (MemoryStorage::new(), options(&redis.url()));
    let (one, two) = (process(&storage, &options).await, process(&storage, &options).await);
    let row = storage.create_character(torormir()).await.unwrap();
    one.sees(&row, "Torormir").await;
    two.sees(&row, "Torormir").await;
    redis.kill();
    one.rename(&row, "While it was gone").await;
    assert_eq!(one.name(&row).await.as_deref(), Some("While it was gone"));
    two.sees(&row, "While it was gone").await;
    redis.restart();
    assert!(one.tier.ready(PATIENCE).await && two.tier.ready(PATIENCE).await, "both come back by themselves");
    assert_eq!(two.name(&row).await.as_deref(), Some("While it was gone"));
    two.rename(&row, "After").await;
    one.sees(&row, "After").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalidation_that_could_not_be_delivered_is_delivered_before_redis_is_used_again() {
    let redis = RedisServer::start();
    let (storage, options) = (MemoryStorage::new(), options(&redis.url()));
    // The other one keeps Redis in use meanwhile, so that nobody finds a reason to empty it.
    let ((way, cut_off), other) = (way(&redis, &options), process(&storage, &options).await);
    let process = process(&storage, &cut_off).await;
    let row = storage.create_character(torormir()).await.unwrap();
    other.sees(&row, "Torormir").await;
    way.strike(Fault::Refuse);
    process.rename(&row, "Unheard of").await;
    assert!(!process.tier.is_up());
    process.sees(&row, "Unheard of").await;
    assert_eq!(other.name(&row).await.as_deref(), Some("Torormir"), "nobody can have told it");
    way.strike(Fault::Pass);
    assert!(process.tier.ready(PATIENCE).await);
    process.sees(&row, "Unheard of").await;
    other.sees(&row, "Unheard of").await;
    // Another process, with nothing in its own memory, has only Redis to go by.
    let fresh = self::process(&storage, &options).await;
    assert_eq!((fresh.name(&row).await, fresh.names(&row).await.len()), (Some("Unheard of".into()), 1));
}

fn signal(redis: &RedisServer, signal: &str) {
    let id = redis.pid().expect("Redis runs").to_string();
    let status = std::process::Command::new("kill").args([signal, &id]).status();
    assert!(status.expect("there is `kill`").success());
}

/// It goes on with the requests that lay before it, and those of processes that have given up are among them.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_stood_still_does_not_take_old_heartbeats_for_new_ones() {
    let redis = RedisServer::start();
    let (storage, options) = (MemoryStorage::new(), options(&redis.url()));
    let row = storage.create_character(torormir()).await.unwrap();
    let idle = process(&storage, &options).await;
    {
        let writer = process(&storage, &options).await;
        writer.sees(&row, "Torormir").await;
        idle.sees(&row, "Torormir").await;
        signal(&redis, "-STOP");
        writer.rename(&row, "Unheard of").await;
    }
    let until = Instant::now() + PATIENCE;
    while idle.tier.is_up() {
        assert!(Instant::now() < until, "nobody finds that Redis stands still");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    signal(&redis, "-CONT");
    assert!(idle.tier.ready(PATIENCE).await);
    assert_eq!((idle.name(&row).await, idle.names(&row).await.len()), (Some("Unheard of".into()), 1));
}

/// When all were without Redis, one of them is the first to come back, before the others could tell what they wrote.
#[tokio::test(flavor = "multi_thread")]
async fn after_nobody_had_redis_for_a_while_nothing_in_it_is_believed() {
    let redis = RedisServer::start();
    let (storage, options) = (MemoryStorage::new(), options(&redis.url()));
    let ((way_of_one, of_one), (way_of_two, of_two)) = (way(&redis, &options), way(&redis, &options));
    let (one, two) = (process(&storage, &of_one).await, process(&storage, &of_two).await);
    let row = storage.create_character(torormir()).await.unwrap();
    one.sees(&row, "Torormir").await;
    two.sees(&row, "Torormir").await;
    for way in [&way_of_one, &way_of_two] {
        way.strike(Fault::Refuse);
    }
    one.rename(&row, "Unheard of").await;
    let (note, until) = (format!("{}heartbeat", options.prefix), Instant::now() + PATIENCE);
    while redis.command(&["EXISTS", &note]).trim() != "0" {
        assert!(Instant::now() < until, "the note stays although nobody is there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(redis.command(&["KEYS", "*"]).contains(&row.id.to_string()), "the old value is still there");
    way_of_two.strike(Fault::Pass);
    assert!(two.tier.ready(PATIENCE).await);
    for process in [&two, &process(&storage, &options).await] {
        assert_eq!((process.name(&row).await, process.names(&row).await.len()), (Some("Unheard of".into()), 1));
    }
    assert!(!one.tier.is_up());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_could_not_tell_before_it_died_is_not_believed_by_the_one_that_follows_it() {
    let redis = RedisServer::start();
    let (storage, options) = (MemoryStorage::new(), options(&redis.url()));
    let (way, cut_off) = way(&redis, &options);
    let row = storage.create_character(torormir()).await.unwrap();
    {
        let process = process(&storage, &cut_off).await;
        process.sees(&row, "Torormir").await;
        way.strike(Fault::Refuse);
        process.rename(&row, "Its last word").await;
    }
    let (note, until) = (format!("{}heartbeat", options.prefix), Instant::now() + PATIENCE);
    while redis.command(&["EXISTS", &note]).trim() != "0" {
        assert!(Instant::now() < until, "the note stays although nobody is there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let next = process(&storage, &options).await;
    assert_eq!((next.name(&row).await, next.names(&row).await.len()), (Some("Its last word".into()), 1));
}

/// Servers save by themselves unless told not to, and hold what they had saved after a crash.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_with_what_it_had_saved_long_ago_leaves_right_answers() {
    let redis = RedisServer::start();
    let (storage, options) = (MemoryStorage::new(), options(&redis.url()));
    let (one, two) = (process(&storage, &options).await, process(&storage, &options).await);
    let row = storage.create_character(torormir()).await.unwrap();
    one.sees(&row, "Torormir").await;
    redis.command(&["SAVE"]);
    one.rename(&row, "Since then").await;
    two.sees(&row, "Since then").await;
    redis.restart();
    assert!(redis.command(&["KEYS", "*"]).contains(&row.id.to_string()), "the old value is back");
    assert!(one.tier.ready(PATIENCE).await && two.tier.ready(PATIENCE).await);
    // A process that knows of no earlier server, and of no value.
    let fresh = process(&storage, &options).await;
    for process in [&fresh, &two, &one] {
        assert_eq!((process.name(&row).await, process.names(&row).await.len()), (Some("Since then".into()), 1));
        assert_eq!(process.names(&row).await, ["Since then"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_followed_another_one_is_emptied_before_it_is_used() {
    let (redis, elder) = (RedisServer::start(), RedisServer::start());
    let (storage, options) = (MemoryStorage::new(), options(&redis.url()));
    let row = storage.create_character(torormir()).await.unwrap();
    {
        let process = process(&storage, &RedisTierOptions { url: elder.url().into(), ..options.clone() }).await;
        process.sees(&row, "Torormir").await;
    }
    let process = process(&storage, &options).await;
    process.rename(&row, "Since then").await;
    redis.command(&["REPLICAOF", "127.0.0.1", &elder.port().to_string()]);
    let until = Instant::now() + PATIENCE;
    while !redis.command(&["INFO", "replication"]).contains("master_link_status:up") {
        assert!(Instant::now() < until, "the replica never follows");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A write finds that this server takes none.
    process.rename(&row, "Lately").await;
    redis.command(&["REPLICAOF", "NO", "ONE"]);
    assert!(process.tier.ready(PATIENCE).await);
    let fresh = self::process(&storage, &options).await;
    assert_eq!((fresh.name(&row).await, fresh.names(&row).await.len()), (Some("Lately".into()), 1));
}

/// Lesson 47: callers share connections instead of waiting for one of their own.
#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_look_ups_at_once_share_one_connection() {
    let redis = RedisServer::start();
    let tier = tier(&RedisTierOptions { connections: 1, ..options(&redis.url()) });
    assert!(tier.ready(PATIENCE).await);
    let hour = Duration::from_secs(3_600);
    let look_ups: Vec<_> = (0..500)
        .map(|number| {
            let tier = Arc::clone(&tier);
            tokio::spawn(async move {
                tier.get_or_lease(&Key::from(format!("character:row:{number}").as_str()), hour).await
            })
        })
        .collect();
    for look_up in look_ups {
        let found = look_up.await.unwrap();
        assert!(matches!(found, Lookup::Leased { last: None, .. }), "{found:?}");
    }
    let clients = redis.command(&["CLIENT", "LIST"]);
    // One for the look-ups, one that listens, and the one that asks.
    assert_eq!(clients.lines().count(), 3, "{clients}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_ours_is_removed_among_many_keys_of_others() {
    let redis = RedisServer::start();
    redis.command(&["EVAL", "for i = 1, 20000 do redis.call('SET', 'other:' .. i, '') end", "0"]);
    let (storage, options) = (MemoryStorage::new(), options(&redis.url()));
    let process = process(&storage, &options).await;
    let row = storage.create_character(torormir()).await.unwrap();
    process.sees(&row, "Torormir").await;
    process.cache.clear().await;
    assert!(process.tier.is_up());
    assert!(!redis.command(&["KEYS", "*"]).contains(&row.id.to_string()));
    assert!(redis.command(&["DBSIZE"]).trim().parse::<u64>().unwrap() >= 20_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_undelivered_invalidations_than_are_remembered_remove_everything() {
    let redis = RedisServer::start();
    let storage = MemoryStorage::new();
    let options = RedisTierOptions { remembered: 3, ..options(&redis.url()) };
    let ((way, cut_off), _other) = (way(&redis, &options), process(&storage, &options).await);
    let process = process(&storage, &cut_off).await;
    let mut rows = Vec::new();
    for _ in 0..10 {
        let row = storage.create_character(torormir()).await.unwrap();
        process.sees(&row, "Torormir").await;
        rows.push(row);
    }
    way.strike(Fault::Refuse);
    for row in &rows {
        process.rename(row, "Unheard of").await;
    }
    way.strike(Fault::Pass);
    assert!(process.tier.ready(PATIENCE).await);
    let fresh = self::process(&storage, &options).await;
    for row in &rows {
        assert_eq!((fresh.name(row).await, fresh.names(row).await.len()), (Some("Unheard of".into()), 1));
    }
}

/// Lesson 48: a flush tells nobody which keys it took.
#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_redis_leaves_right_answers() {
    let redis = RedisServer::start();
    let (storage, options) = (MemoryStorage::new(), options(&redis.url()));
    let (one, two) = (process(&storage, &options).await, process(&storage, &options).await);
    let row = storage.create_character(torormir()).await.unwrap();
    for round in 0..20 {
        one.name(&row).await;
        two.names(&row).await;
        redis.flush();
        if round % 3 == 0 {
            redis.command(&["SCRIPT", "FLUSH"]);
        }
        let name = format!("Round {round}");
        one.rename(&row, &name).await;
        two.sees(&row, &name).await;
        assert_eq!(one.name(&row).await, Some(name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_leaves_right_answers_and_heals() {
    let redis = RedisServer::start();
    let (storage, options) = (MemoryStorage::new(), options(&redis.url()));
    let (one, two) = (process(&storage, &options).await, process(&storage, &options).await);
    let row = storage.create_character(torormir()).await.unwrap();
    one.sees(&row, "Torormir").await;
    two.sees(&row, "Torormir").await;
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    one.rename(&row, "Full").await;
    assert_eq!(one.name(&row).await.as_deref(), Some("Full"));
    two.sees(&row, "Full").await;
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert!(one.tier.ready(PATIENCE).await && two.tier.ready(PATIENCE).await);
    two.rename(&row, "Roomy").await;
    one.sees(&row, "Roomy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_costs_one_bounded_wait_and_then_nothing() {
    let redis = RedisServer::start();
    let storage = MemoryStorage::new();
    let options = RedisTierOptions {
        operation: Duration::from_millis(50),
        heartbeat: Duration::from_secs(30),
        ..options(&redis.url())
    };
    let process = process(&storage, &options).await;
    let row = storage.create_character(torormir()).await.unwrap();
    process.sees(&row, "Torormir").await;
    redis.command(&["CLIENT", "PAUSE", "3000", "ALL"]);
    let start = Instant::now();
    for _ in 0..100 {
        assert_eq!(process.name(&torormir()).await, None);
    }
    assert!(start.elapsed() < Duration::from_millis(1_500), "{:?}", start.elapsed());
    process.rename(&row, "Meanwhile").await;
    assert!(process.tier.ready(PATIENCE).await);
    process.sees(&row, "Meanwhile").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_given_to_one_and_lost_to_a_writer() {
    let options = options(&RedisServer::shared().url());
    let (one, two) = (tier(&options), tier(&options));
    assert!(one.ready(PATIENCE).await && two.ready(PATIENCE).await);
    let key = Key::from("character:row:a");
    let hour = Duration::from_secs(3_600);
    let Lookup::Leased { lease, last: None } = one.get_or_lease(&key, hour).await else { panic!("nothing is there") };
    assert_eq!(two.get_or_lease(&key, hour).await, Lookup::Loading { last: None });
    let fence = two.fence(std::slice::from_ref(&key)).await;
    assert!(!one.fill(&key, lease, Some("old".into())).await);
    two.settle(fence, vec![(key.clone(), character_cache::Settlement::Store("new".into()))]).await;
    let found = one.get_or_lease(&key, hour).await;
    assert!(matches!(&found, Lookup::Hit { value, .. } if value == "new"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_at_once_neither_leaves_its_value() {
    use character_cache::Settlement::{Restore, Store};
    let options = options(&RedisServer::shared().url());
    let tier = tier(&options);
    assert!(tier.ready(PATIENCE).await);
    let hour = Duration::from_secs(3_600);
    for (first, second) in [(Store("1".into()), Store("2".into())), (Store("1".into()), Restore), (Restore, Restore)] {
        for swapped in [false, true] {
            let key = Key::from(format!("character:row:{}", CharacterId::new()).as_str());
            let Lookup::Leased { lease, .. } = tier.get_or_lease(&key, hour).await else { panic!("nothing is there") };
            assert!(tier.fill(&key, lease, Some("0".into())).await);
            let keys = std::slice::from_ref(&key);
            let (one, two) = (tier.fence(keys).await, tier.fence(keys).await);
            let mut settlements = vec![(one, first.clone()), (two, second.clone())];
            if swapped {
                settlements.reverse();
            }
            for (fence, settlement) in settlements {
                tier.settle(fence, vec![(key.clone(), settlement)]).await;
            }
            let found = tier.get_or_lease(&key, hour).await;
            assert!(matches!(found, Lookup::Leased { .. }), "{first:?}, {second:?}: {found:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clearing_forgets_everything_here_and_in_other_processes() {
    let (storage, options) = (MemoryStorage::new(), options(&RedisServer::shared().url()));
    let (one, two) = (process(&storage, &options).await, process(&storage, &options).await);
    let row = storage.create_character(torormir()).await.unwrap();
    one.sees(&row, "Torormir").await;
    two.sees(&row, "Torormir").await;
    // Past the cache, as an operator with a database console would.
    storage.update_character(Character { name: "By hand".into(), ..row.clone() }, Expect::Any).await.unwrap();
    assert_eq!(two.name(&row).await.as_deref(), Some("Torormir"));
    one.cache.clear().await;
    assert_eq!(one.name(&row).await.as_deref(), Some("By hand"));
    two.sees(&row, "By hand").await;
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic holds it").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_outage_is_one_line_at_its_start_and_one_at_its_end_without_the_password() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _default = tracing::subscriber::set_default(subscriber);
    let redis = RedisServer::start();
    redis.command(&["CONFIG", "SET", "requirepass", "hunter2secret"]);
    let storage = MemoryStorage::new();
    let options = options(&format!("redis://:hunter2secret@127.0.0.1:{}/0", redis.port()));
    let process = process(&storage, &options).await;
    let row = storage.create_character(torormir()).await.unwrap();
    redis.kill();
    for round in 0..50 {
        process.rename(&row, &format!("Round {round}")).await;
        process.name(&torormir()).await;
    }
    redis.restart();
    redis.command(&["CONFIG", "SET", "requirepass", "hunter2secret"]);
    assert!(process.tier.ready(PATIENCE).await);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let ours: Vec<_> = log.lines().filter(|line| line.contains("shared cache tier")).collect();
    assert_eq!(ours.len(), 2, "{log}");
    assert!(ours[0].contains("WARN") && ours[1].contains("INFO"), "{log}");
    assert!(!log.contains("hunter2secret") && !format!("{options:?} {:?}", process.tier).contains("hunter2secret"));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_being_repeated() {
    let options = RedisTierOptions::new("http://user:hunter2secret@host".into());
    let error = RedisTier::connect(options, RedisTierMetrics::default()).unwrap_err();
    assert!(matches!(error, InvalidRedisOptions::Url));
    assert!(!format!("{error} {error:?}").contains("hunter2secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_and_writes_of_few_rows_in_two_processes_leave_nothing_stale() {
    let (storage, options) = (MemoryStorage::new(), options(&RedisServer::shared().url()));
    // No room in the processes, so that every read shows what Redis holds.
    let cache = CacheOptions { max_bytes: 0, ..CacheOptions::default() };
    let inner: Arc<dyn StoragePort> = Arc::new(storage.clone());
    let tiers = [tier(&options), tier(&options)];
    let storages = tiers.clone().map(|tier| Cached::new(inner.clone(), cache, Some(tier), CacheMetrics::default()));
    for tier in &tiers {
        assert!(tier.ready(PATIENCE).await);
    }
    let rows = [torormir(), torormir()];
    for row in &rows {
        storage.create_character(row.clone()).await.unwrap();
    }
    for _ in 0..150 {
        let tasks = (0..20).map(|_| {
            let cache = storages[usize::from(rand::random::<bool>())].clone();
            let id = rows[usize::from(rand::random::<bool>())].id;
            tokio::spawn(async move {
                let mut row = cache.get_character(id).await.expect("a find is answered").value;
                if rand::random_range(0..4) == 0 {
                    row.name = rand::random::<u64>().to_string();
                    let expect = Expect::Revision(row.meta.revision);
                    // Only one of the writers at this revision wins; the others are part of the game.
                    drop(cache.update_character(row, expect).await);
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        for row in &rows {
            let truth = storage.get_character(row.id).await.unwrap().value;
            for cache in &storages {
                assert_eq!(cache.get_character(row.id).await.unwrap().value, truth);
            }
        }
    }
    assert!(tiers.iter().all(|tier| tier.is_up()), "Redis was in use all the time");
}

#[tokio::test]
async fn the_reason_of_a_failure_names_the_cause_and_neither_addresses_nor_secrets() {
    let redis = RedisServer::shared();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let (port, closed) = (redis.port(), closed.expect("a free port").port());
    let plain = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let speaks_no_tls = plain.local_addr().expect("it listens").port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = plain.accept() {
            // A client that is gone already needs no answer.
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
        }
    });
    for (url, cause) in [
        (format!("redis://:hunter2@127.0.0.1:{port}"), "authentication"),
        (format!("redis://127.0.0.1:{port}/99999"), "no database of this number"),
        (format!("redis://:hunter2@127.0.0.1:{closed}"), "refused"),
        (format!("rediss://:hunter2@127.0.0.1:{speaks_no_tls}"), "TLS"),
        ("redis://:hunter2@no-such-host.invalid".to_owned(), "DNS"),
    ] {
        let tier = tier(&RedisTierOptions { connect: Duration::from_secs(5), ..options(&url) });
        assert!(!tier.ready(Duration::from_millis(1)).await, "{cause}");
        let until = Instant::now() + PATIENCE;
        while tier.failure().is_none() {
            assert!(Instant::now() < until, "{cause}: no failure is known");
            tokio::task::yield_now().await;
        }
        let reason = tier.failure().expect("it was just there");
        assert!(
            reason.contains(cause) && !reason.contains("hunter2") && !reason.contains("127.0.0.1"),
            "{cause}: {reason}"
        );
    }
}
