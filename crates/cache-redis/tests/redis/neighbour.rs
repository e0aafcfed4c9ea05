//! Another program on the same Redis writes what it likes at keys of ours: answers stay right, one key is lost, and the
//! tier stays in use.

use super::{PATIENCE, options, torormir};
use character_cache::{CacheMetrics, CacheOptions, Cached};
use character_cache_redis::{RedisTier, RedisTierMetrics, RedisTierOptions};
use character_domain::Character;
use character_storage_port::{
    CharacterQuery, Expect, MemoryStorage, PageRequest, Source, StorageExt, StoragePort, Tier,
};
use character_tests::RedisServer;
use prometheus_client::{encoding::text::encode, registry::Registry};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A process that has read nothing yet.
struct Fresh {
    cache: Cached,
    tier: Arc<RedisTier>,
    registry: Registry,
}

async fn fresh(storage: &MemoryStorage, options: &RedisTierOptions) -> Fresh {
    let (cache_metrics, tier_metrics, mut registry) =
        (CacheMetrics::default(), RedisTierMetrics::default(), Registry::default());
    cache_metrics.register(&mut registry);
    tier_metrics.register(&mut registry);
    let tier = Arc::new(RedisTier::connect(options.clone(), tier_metrics).expect("the options are right"));
    let inner: Arc<dyn StoragePort> = Arc::new(storage.clone());
    let cache = Cached::new(inner, CacheOptions::default(), Some(Arc::clone(&tier) as _), cache_metrics);
    assert!(tier.ready(PATIENCE).await, "Redis is in use");
    Fresh { cache, tier, registry }
}

impl Fresh {
    async fn read(&self, row: &Character) -> (Character, Source) {
        let read = self.cache.get_character(row.id).await.expect("a find is answered");
        (read.value, read.source)
    }

    async fn list(&self, row: &Character) -> (Vec<Character>, Source) {
        let query = CharacterQuery { user_id: Some(row.user_id), ..CharacterQuery::live() };
        let read = self.cache.list_characters(&query, PageRequest::default()).await.expect("a list is answered");
        (read.value.items, read.source)
    }

    fn count(&self, metric: &str) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("metrics are text");
        let lines = text.lines().filter_map(|line| line.strip_prefix(metric)?.rsplit_once(' '));
        lines.filter_map(|(_, count)| count.parse::<u64>().ok()).sum()
    }

    fn is_undisturbed(&self) -> bool {
        self.tier.is_up() && self.count("cache_redis_failures_total") == 0
    }
}

fn is_shared(source: Source) -> bool {
    matches!(source, Source::Cache { tier: Tier::Shared, .. })
}

/// The one key whose name has this in it.
fn name(redis: &RedisServer, options: &RedisTierOptions, part: &str) -> String {
    let names = redis.command(&["KEYS", &format!("{}*{part}*", options.prefix)]);
    let mut names = names.lines();
    let name = names.next().expect("the key is there").to_owned();
    assert_eq!(names.next(), None, "one key is meant by {part}");
    name
}

/// What the neighbour does to the key `$K`; `$O` is another key of the same kind.
const ATTACKS: [&[&str]; 24] = [
    &["COPY", "$O", "$K", "REPLACE"],
    &["HSET", "$K", "v", "garbage"],
    &["HSET", "$K", "v", "null"],
    &["HSET", "$K", "v", "{}"],
    &["HSET", "$K", "v", "[]"],
    &["HSET", "$K", "v", ""],
    &["HSET", "$K", "v", "\u{fffd}"],
    &["HSET", "$K", "a", "99999999999999"],
    &["HSET", "$K", "a", "0"],
    &["HSET", "$K", "a", "-1"],
    &["HSET", "$K", "a", "nan"],
    &["HSET", "$K", "a", "inf"],
    &["HSET", "$K", "a", "tomorrow"],
    &["HSET", "$K", "a", "1e300"],
    &["HDEL", "$K", "a"],
    &["SET", "$K", "no hash"],
    &["EVAL", "redis.call('DEL', KEYS[1]) return redis.call('RPUSH', KEYS[1], 'a', 'b')", "1", "$K"],
    &["HSET", "$K", "d", "1", "t", "me", "u", "99999999999999"],
    &["HSET", "$K", "d", "1", "t", "me", "u", "soon", "w", "1"],
    &["HSET", "$K", "d", "1", "t", "me", "u", "nan", "w", "1", "a", "nan"],
    &["HSET", "$K", "d", "1", "t", "me", "w", "1", "c", "1"],
    &["EVAL", "return redis.call('HSET', KEYS[1], 'v', string.rep('x', 200000))", "1", "$K"],
    &["EVAL", "return redis.call('HSET', KEYS[1], 'v', string.rep('x', 200000), 'd', 1)", "1", "$K"],
    &["HSET", "$K", "v", "{\"id\":\"00000000-0000-4000-8000-000000000000\"}", "a", "nan", "d", "1"],
];

fn attack(redis: &RedisServer, attack: &[&str], key: &str, other: &str) {
    let words: Vec<_> = attack.iter().map(|word| word.replace("$K", key).replace("$O", other)).collect();
    redis.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_stands_at_the_key_of_a_row_or_list_costs_that_key_alone() {
    let redis = RedisServer::start();
    let options = RedisTierOptions { largest: 100_000, ..options(&redis.url()) };
    let storage = MemoryStorage::new();
    let (mine, other) = (torormir(), torormir());
    let writer = fresh(&storage, &options).await;
    for row in [&mine, &other] {
        writer.cache.create_character(row.clone()).await.expect("a write is applied");
    }
    let mut current = mine.clone();
    for words in ATTACKS {
        for list in redis.command(&["KEYS", &format!("{}character:list:*", options.prefix)]).lines() {
            redis.command(&["DEL", list]);
        }
        // What is attacked is there, and so is what it may be exchanged for.
        let reader = fresh(&storage, &options).await;
        for row in [&mine, &other] {
            reader.read(row).await;
            reader.list(row).await;
        }
        let row_key = name(&redis, &options, &format!("character:row:{}", mine.id));
        let other_key = name(&redis, &options, &format!("character:row:{}", other.id));
        attack(&redis, words, &row_key, &other_key);
        let lists = redis.command(&["KEYS", &format!("{}character:list:*", options.prefix)]);
        let lists: Vec<_> = lists.lines().collect();
        for (index, list) in lists.iter().enumerate() {
            attack(&redis, words, list, lists.get((index + 1) % lists.len()).expect("there are two"));
        }
        for round in 0..2 {
            let victim = fresh(&storage, &options).await;
            let begun = Instant::now();
            assert_eq!(victim.read(&mine).await.0, current, "{words:?} {round}");
            assert_eq!(victim.list(&mine).await.0, [current.clone()], "{words:?} {round}");
            assert_eq!(victim.list(&other).await.0, std::slice::from_ref(&other), "{words:?} {round}");
            assert!(victim.is_undisturbed(), "{words:?} {round}: {:?}", victim.tier.failure());
            assert!(begun.elapsed() < PATIENCE, "{words:?} {round}");
        }
        // The key works again: what one process reads now, another finds.
        fresh(&storage, &options).await.read(&mine).await;
        let (found, source) = fresh(&storage, &options).await.read(&mine).await;
        assert!(found == current && is_shared(source), "{words:?}: {source:?}");
        // A write over what the neighbour left disturbs nothing either.
        attack(&redis, words, &row_key, &other_key);
        let changed = Character { name: format!("after {}", words.join(" ")), ..current.clone() };
        writer.cache.update_character(changed, Expect::Any).await.expect("a write is applied");
        current = storage.get_character(mine.id).await.expect("it is stored").value;
        assert_eq!(fresh(&storage, &options).await.read(&mine).await.0, current, "{words:?}");
        assert!(writer.is_undisturbed(), "{words:?}: {:?}", writer.tier.failure());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_not_ours_is_counted() {
    let redis = RedisServer::start();
    let (options, storage, row) = (options(&redis.url()), MemoryStorage::new(), torormir());
    storage.create_character(row.clone()).await.expect("a write is applied");
    fresh(&storage, &options).await.read(&row).await;
    let key = name(&redis, &options, ":row:");
    for words in [&["SET", "$K", "no hash"][..], &["HSET", "$K", "v", "{}"], &["HSET", "$K", "a", "99999999999999"]] {
        attack(&redis, words, &key, "");
        let victim = fresh(&storage, &options).await;
        victim.read(&row).await;
        assert_eq!(victim.count("cache_rejected_total"), 1, "{words:?}");
        fresh(&storage, &options).await.read(&row).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_that_is_no_id_is_replaced() {
    let redis = RedisServer::start();
    let (options, storage, row) = (options(&redis.url()), MemoryStorage::new(), torormir());
    storage.create_character(row.clone()).await.expect("a write is applied");
    fresh(&storage, &options).await.list(&row).await;
    let keys = redis.command(&["KEYS", &format!("{}*:generation*", options.prefix)]);
    for key in keys.lines() {
        redis.command(&["HSET", key, "v", "no id"]);
    }
    for _ in 0..2 {
        assert_eq!(fresh(&storage, &options).await.list(&row).await.0, std::slice::from_ref(&row));
    }
    assert!(is_shared(fresh(&storage, &options).await.list(&row).await.1), "lists are shared again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_too_large_to_arrive_in_time_ends_the_use_of_redis_once() {
    let redis = RedisServer::start();
    let options = RedisTierOptions { operation: Duration::from_millis(100), ..options(&redis.url()) };
    let (storage, row) = (MemoryStorage::new(), torormir());
    storage.create_character(row.clone()).await.expect("a write is applied");
    fresh(&storage, &options).await.read(&row).await;
    let key = name(&redis, &options, ":row:");
    let grow = "return redis.call('HSET', KEYS[1], 'v', string.rep('x', 500000000))";
    redis.command(&["EVAL", grow, "1", &key]);
    let victim = fresh(&storage, &options).await;
    assert_eq!(victim.read(&row).await.0, row);
    // Whether it arrived in time depends on the machine; either way it is gone before Redis is used again.
    assert!(victim.tier.ready(PATIENCE).await, "{:?}", victim.tier.failure());
    let bytes: usize = redis.command(&["HSTRLEN", &key, "v"]).parse().expect("a number");
    assert!(bytes < 10_000, "{bytes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_note_nor_names_nor_messages_of_others_end_the_use_of_redis() {
    let redis = RedisServer::start();
    let (options, storage, row) = (options(&redis.url()), MemoryStorage::new(), torormir());
    storage.create_character(row.clone()).await.expect("a write is applied");
    let note = format!("{}heartbeat", options.prefix);
    let standing = fresh(&storage, &options).await;
    for words in [
        &["HSET", "$K", "a", "hash"][..],
        &["SET", "$K", "another"],
        &["EVAL", "return redis.call('SET', KEYS[1], string.char(255, 254))", "1", "$K"],
        &["EVAL", "return redis.call('SET', KEYS[1], string.rep('x', 1000000))", "1", "$K"],
        &["EVAL", "return redis.call('SET', KEYS[1] .. string.char(255), 'x')", "1", "$K"],
    ] {
        redis.command(&["DEL", &note]);
        attack(&redis, words, &note, "");
        let started = fresh(&storage, &options).await;
        assert_eq!(started.read(&row).await.0, row, "{words:?}");
        assert!(started.is_undisturbed(), "{words:?}: {:?}", started.tier.failure());
    }
    let channel = format!("{}invalidations", options.prefix);
    for message in ["", " ", "ping", "x ping 18446744073709551615", "* *", "x character:row:?"] {
        redis.command(&["PUBLISH", &channel, message]);
    }
    assert_eq!(standing.read(&row).await.0, row);
    assert!(standing.tier.ready(PATIENCE).await, "{:?}", standing.tier.failure());
}
