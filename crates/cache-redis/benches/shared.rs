//! What a hit in Redis costs through the whole port, beside a bare GET of the same bytes, in the same run.
//!
//! `cargo bench -p character-cache-redis --bench shared`
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has failed")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use character_cache::{CacheMetrics, CacheOptions, Cached, Key, Lookup, SharedTier};
use character_cache_redis::{RedisTier, RedisTierMetrics, RedisTierOptions};
use character_domain::{Character, UserId, json, now};
use character_storage_port::{Deleted, EntityKind, MemoryStorage, Read, Source, StorageExt, StoragePort, Store, Tier};
use character_tests::RedisServer;
use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

const ROUNDS: usize = 41;
const TIMES: u32 = 250;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // `cargo test --benches` runs this, too, and is not to wait for figures.
    if std::env::args().any(|argument| argument == "--bench") {
        measure().await;
    }
}

/// A character whose JSON is 4 KB.
fn character() -> Character {
    let mut character = Character::new(UserId::new(), "Torormir", now());
    let skill = |skill: u32| {
        let entry = serde_json::json!({ "ability": "dexterity", "proficient": skill.is_multiple_of(2), "bonus": skill, "notes": "as trained" });
        (format!("skill_{skill:02}"), entry)
    };
    character.data.0.extend((0..43).map(skill));
    character
}

fn report(what: &str, rounds: &mut [Duration], floor: Option<f64>) -> f64 {
    rounds.sort();
    let each = rounds[rounds.len() / 2].as_secs_f64() * 1e6 / f64::from(TIMES);
    let ratio = floor.map(|floor| format!("  {:.2} of the floor", each / floor)).unwrap_or_default();
    println!("  {what:<52} median {each:>8.1} µs{ratio}");
    each
}

async fn measure() {
    let server = RedisServer::start();
    let origin = MemoryStorage::new();
    let row = origin.create_character(character()).await.unwrap();
    let inner: Arc<dyn StoragePort> = Arc::new(origin);
    // A machine that is busy with other things is not to end the measurement.
    let patient = Duration::from_secs(2);
    let options =
        RedisTierOptions { operation: patient, connect: patient, ..RedisTierOptions::new(server.url().into()) };
    let tier = Arc::new(RedisTier::connect(options, RedisTierMetrics::default()).unwrap());
    // No room in this process, so every find goes to Redis.
    let options = CacheOptions { max_bytes: 0, ..CacheOptions::default() };
    let cached: Arc<dyn StoragePort> =
        Arc::new(Cached::new(inner, options, Some(Arc::clone(&tier) as _), CacheMetrics::default()));
    assert!(tier.ready(Duration::from_secs(20)).await);
    let find = async || -> Read<Option<Character>> { cached.find(row.id, Deleted::Exclude).await.unwrap() };
    find().await;
    assert!(matches!(find().await.source, Source::Cache { tier: Tier::Shared, .. }), "what is measured is a hit");

    let bytes = serde_json::to_vec(&row).unwrap();
    println!("a character of {} bytes of JSON", bytes.len());
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("SET").arg("raw").arg(&bytes).query_async::<()>(&mut connection).await.unwrap();
    let key = Key::row(EntityKind::Character, row.id.into());
    let (mut raw, mut looked_up, mut found) = (Vec::new(), Vec::new(), Vec::new());
    // In turns, so that all three see the same weather.
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..TIMES {
            drop(black_box(redis::cmd("GET").arg("raw").query_async::<Vec<u8>>(&mut connection).await.unwrap()));
        }
        raw.push(start.elapsed());
        let start = Instant::now();
        for _ in 0..TIMES {
            let lookup = tier.get_or_lease(&key, Duration::from_secs(3_600)).await;
            assert!(matches!(lookup, Lookup::Hit { .. }));
        }
        looked_up.push(start.elapsed());
        let start = Instant::now();
        for _ in 0..TIMES {
            drop(black_box(find().await));
        }
        found.push(start.elapsed());
    }
    let mut parsed = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..TIMES {
            drop(black_box(json::parse::<Character>(&bytes).unwrap()));
        }
        parsed.push(start.elapsed());
    }
    let floor = report("a bare GET of the same bytes", &mut raw, None);
    report("a look-up in the tier", &mut looked_up, Some(floor));
    report("a find through the whole port", &mut found, Some(floor));
    report("of that: the JSON read", &mut parsed, None);
}
