//! What a hit in this process costs through the whole port, beside the parts it is made of, in the same run.
//!
//! `cargo bench -p character-cache --bench local`
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has failed")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use character_cache::{CacheMetrics, CacheOptions, Cached};
use character_domain::{Character, UserId, now};
use character_storage_port::{
    CharacterQuery, Deleted, MemoryStorage, PageRequest, Read, Source, StorageExt, StoragePort, Store,
};
use serde_json::json;
use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

const ROUNDS: usize = 21;
const TIMES: u32 = 20_000;

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
        let entry = json!({ "ability": "dexterity", "proficient": skill.is_multiple_of(2), "bonus": skill, "notes": "as trained" });
        (format!("skill_{skill:02}"), entry)
    };
    character.data.0.extend((0..43).map(skill));
    character
}

fn report(what: &str, mut rounds: Vec<Duration>) {
    rounds.sort();
    let each = |round: Duration| round.as_secs_f64() * 1e9 / f64::from(TIMES);
    let (median, fastest) = (each(rounds[rounds.len() / 2]), each(rounds[0]));
    println!("  {what:<52} median {median:>9.1} ns  fastest {fastest:>9.1} ns");
}

fn time(what: &str, mut step: impl FnMut()) {
    let round = |()| {
        let start = Instant::now();
        (0..TIMES).for_each(|_| step());
        start.elapsed()
    };
    report(what, (0..ROUNDS).map(|_| ()).map(round).collect());
}

async fn measure() {
    let origin = MemoryStorage::new();
    let row = origin.create_character(character()).await.unwrap();
    let absent = character();
    println!("a character of {} bytes of JSON", serde_json::to_vec(&row).unwrap().len());
    let inner: Arc<dyn StoragePort> = Arc::new(origin.clone());
    let (cached, follower) =
        Cached::new(inner, Arc::new(origin), CacheOptions::default(), None, CacheMetrics::default()).unwrap();
    follower.start().unwrap();
    assert!(cached.ready(Duration::from_secs(5)).await, "the log is heard");
    let cached: Arc<dyn StoragePort> = Arc::new(cached);
    let find = async |id| -> Read<Option<Character>> { cached.find(id, Deleted::Exclude).await.unwrap() };
    find(row.id).await;
    find(absent.id).await;
    assert!(matches!(find(row.id).await.source, Source::Cache { .. }), "what is measured is a hit");
    for (what, id) in [("a find that hits, 4 KB", row.id), ("a find that hits, absence", absent.id)] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            for _ in 0..TIMES {
                drop(black_box(find(id).await));
            }
            rounds.push(start.elapsed());
        }
        report(what, rounds);
    }
    let query = CharacterQuery { user_id: Some(absent.user_id), ..CharacterQuery::live() };
    cached.list_characters(&query, PageRequest::default()).await.unwrap();
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..TIMES {
            drop(black_box(cached.list_characters(&query, PageRequest::default()).await.unwrap()));
        }
        rounds.push(start.elapsed());
    }
    report("a list that hits, empty", rounds);
    println!("of that:");
    time("a copy of the character", || drop(black_box(row.clone())));
    let shared = Arc::new(row.clone());
    time("the same, were the document shared", || {
        let _ = black_box(Arc::clone(&shared));
        drop(black_box((row.name.clone(), row.theme.clone())));
    });
    time("the key as text", || drop(black_box(format!("{}:row:{}", "character", black_box(row.id)))));
    let map = moka::sync::Cache::builder().time_to_live(Duration::from_secs(3_600)).max_capacity(1 << 30).build();
    map.insert(row.id, Arc::clone(&shared));
    time("a look-up in the map by a bare id", || drop(black_box(map.get(&row.id))));
    time("the time of day", || {
        let _ = black_box(tokio::time::Instant::now());
    });
}
