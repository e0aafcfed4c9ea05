//! What the shared tier, and collisions in the table of changes, can cost: misses, and never a stale answer.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod common;

use bytes::Bytes;
use character_cache::{CacheOptions, Cached, Lock, Lookup, MemorySharedTier, SharedTier};
use character_domain::{CampaignId, Character};
use character_storage_port::{CharacterQuery, Deleted, Expect, Source, StaleReason, StorageExt, Store, Tier};
use common::{Scripted, name, names, news, of_campaign, of_user, pass, process, renamed, torormir};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// How a tier lies about what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// It returns the first value that was put under the name, or for any name.
    Oldest,
    /// It returns values of other names.
    Another,
    Garbage,
    Empty,
    /// The time of the load is 1970, or in a far future.
    LongAgo,
    InFuture,
    /// It takes everything and holds nothing.
    Nothing,
    /// It finds that nothing can be a value.
    Rejected,
}

const LIES: [Lie; 8] =
    [Lie::Oldest, Lie::Another, Lie::Garbage, Lie::Empty, Lie::LongAgo, Lie::InFuture, Lie::Nothing, Lie::Rejected];

#[derive(Clone, Debug)]
struct Liar(Lie, Arc<Mutex<BTreeMap<String, Vec<Bytes>>>>);

impl Liar {
    fn new(lie: Lie) -> Self {
        Self(lie, Arc::default())
    }
}

#[async_trait::async_trait]
impl SharedTier for Liar {
    async fn get(&self, name: &str) -> Lookup {
        let values = self.1.lock().expect("no panic holds it");
        let own = values.get(name);
        let timed = |at: u64| {
            own.and_then(|values| values.last()).map(|value| {
                let mut bytes = value.to_vec();
                bytes[8..16].copy_from_slice(&at.to_be_bytes());
                Bytes::from(bytes)
            })
        };
        let value = match self.0 {
            Lie::Oldest => own.and_then(|values| values.first()).cloned(),
            Lie::Another => {
                values.iter().find(|(other, _)| *other != name).and_then(|(_, values)| values.last()).cloned()
            }
            Lie::Garbage => Some(Bytes::from_static(b"\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0{\"id\":1}")),
            Lie::Empty => Some(Bytes::new()),
            Lie::LongAgo => timed(0),
            Lie::InFuture => timed(u64::MAX),
            Lie::Nothing => None,
            Lie::Rejected => return Lookup::Rejected,
        };
        value.map_or(Lookup::Absent, Lookup::Found)
    }
    async fn put(&self, name: &str, value: Bytes) -> bool {
        self.1.lock().expect("no panic holds it").entry(name.to_owned()).or_default().push(value);
        true
    }
    async fn lock(&self, _: &str) -> Lock {
        Lock::Taken
    }
    async fn unlock(&self, _: &str) {}
    async fn remove(&self, _: &[String]) {}
    async fn clear(&self) {}
}

/// Forgetful, so that every answer shows what the shared tier holds.
fn forgetful() -> CacheOptions {
    CacheOptions { max_bytes: 0, ..CacheOptions::default() }
}

/// Reads the rows and their lists through every process, and compares with the storage.
async fn compare(storage: &Scripted, caches: &[Cached], rows: &[Character], what: &str) {
    let queries = rows.iter().flat_map(|row| [of_user(row), of_campaign(row.campaign_id.expect("each is in one"))]);
    for query in queries.chain([of_campaign(CampaignId::new()), CharacterQuery::live()]) {
        for cache in caches {
            assert_eq!(names(cache, &query).await, names(&storage.inner, &query).await, "{what}: {query:?}");
        }
    }
    for row in rows {
        let truth: Option<Character> = storage.inner.find(row.id, Deleted::Include).await.expect("memory").value;
        for cache in caches {
            let found = cache.find(row.id, Deleted::Include).await.expect("the storage is up").value;
            assert_eq!(found, truth, "{what}");
        }
    }
}

/// Changes rows through one process or another, and compares after each change.
async fn tell_and_compare(storage: &Scripted, caches: &[Cached], what: &str) {
    let campaigns = [CampaignId::new(), CampaignId::new()];
    let mut rows = Vec::new();
    for index in 0..3 {
        let row = Character { campaign_id: Some(campaigns[index % 2]), ..torormir() };
        rows.push(caches[index % caches.len()].create_character(row).await.expect("it is new"));
    }
    for round in 0..8_usize {
        news().await;
        compare(storage, caches, &rows, what).await;
        compare(storage, caches, &rows, what).await;
        let (index, cache) = (round % rows.len(), &caches[round % caches.len()]);
        let row = &rows[index];
        let next =
            Character { campaign_id: Some(campaigns[(round / 2) % 2]), ..renamed(row, &format!("Round {round}")) };
        rows[index] = match round {
            6 => {
                cache.delete_character(row.id, Expect::Any).await.expect("it is there");
                continue;
            }
            _ => cache.update_character(next, Expect::Any).await.expect("it is there"),
        };
    }
    news().await;
    compare(storage, caches, &rows, what).await;
}

#[tokio::test(start_paused = true)]
async fn a_shared_tier_that_lies_does_no_harm() {
    for lie in LIES {
        for options in [CacheOptions::default(), forgetful()] {
            let (storage, tier) = (Scripted::default(), Liar::new(lie));
            let mut caches = Vec::new();
            for _ in 0..2 {
                caches.push(process(&storage, options, Some(Arc::new(tier.clone()))).await);
            }
            tell_and_compare(&storage, &caches, &format!("{lie:?}")).await;
            // One that starts now reads what the others noted of the log.
            caches.push(process(&storage, options, Some(Arc::new(tier.clone()))).await);
            tell_and_compare(&storage, &caches, &format!("{lie:?}, started later")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_tier_of_these_tests_is_used_when_it_tells_the_truth() {
    let (storage, tier) = (Scripted::default(), MemorySharedTier::new());
    let mut caches = Vec::new();
    for _ in 0..2 {
        caches.push(process(&storage, forgetful(), Some(Arc::new(tier.clone()))).await);
    }
    tell_and_compare(&storage, &caches, "the truth").await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    name(&caches[0], &row).await;
    let source = caches[1].get_character(row.id).await.unwrap().source;
    assert!(matches!(source, Source::Cache { tier: Tier::Shared, .. }), "{source:?}");
}

/// Every call takes a second, and finds nothing.
#[derive(Debug)]
struct Slow(Duration);

#[async_trait::async_trait]
impl SharedTier for Slow {
    async fn get(&self, _: &str) -> Lookup {
        tokio::time::sleep(self.0).await;
        Lookup::Down
    }
    async fn put(&self, _: &str, _: Bytes) -> bool {
        tokio::time::sleep(self.0).await;
        false
    }
    async fn lock(&self, _: &str) -> Lock {
        tokio::time::sleep(self.0).await;
        Lock::Down
    }
    async fn unlock(&self, _: &str) {
        tokio::time::sleep(self.0).await;
    }
    async fn remove(&self, _: &[String]) {
        tokio::time::sleep(self.0).await;
    }
    async fn clear(&self) {
        tokio::time::sleep(self.0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_shared_tier_that_is_slow_costs_its_wait_once_a_load_and_writes_do_not_wait_for_it() {
    let storage = Scripted::default();
    let wait = Duration::from_millis(100);
    let cache = process(&storage, CacheOptions::default(), Some(Arc::new(Slow(wait)))).await;
    let start = tokio::time::Instant::now();
    let row = cache.create_character(torormir()).await.unwrap();
    cache.update_character(renamed(&row, "Renamed"), Expect::Any).await.unwrap();
    assert_eq!((name(&cache, &row).await.as_deref(), start.elapsed()), (Some("Renamed"), Duration::ZERO));
    assert_eq!((names(&cache, &of_user(&row)).await.len(), start.elapsed()), (1, wait));
    tell_and_compare(&storage, &[cache], "slow").await;
}

#[tokio::test(start_paused = true)]
async fn collisions_cost_misses_and_never_a_stale_answer() {
    for options in [CacheOptions { slots: 1, ..CacheOptions::default() }, CacheOptions { slots: 1, ..forgetful() }] {
        for shared in [None, Some(Arc::new(MemorySharedTier::new()) as Arc<dyn SharedTier>)] {
            let storage = Scripted::default();
            let mut caches = Vec::new();
            for _ in 0..2 {
                caches.push(process(&storage, options, shared.clone()).await);
            }
            tell_and_compare(&storage, &caches, "one slot").await;
            assert!(caches[0].heard().collisions > 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_bridged_by_what_the_fleet_loaded_unless_it_lacks_a_change_that_is_known() {
    let storage = Scripted::default();
    let tier: Arc<dyn SharedTier> = Arc::new(MemorySharedTier::new());
    let loader = process(&storage, CacheOptions::default(), Some(Arc::clone(&tier))).await;
    let cache = process(&storage, CacheOptions::default(), Some(Arc::clone(&tier))).await;
    let mut rows = Vec::new();
    for _ in 0..3 {
        rows.push(storage.inner.create_character(torormir()).await.unwrap());
    }
    news().await;
    for row in &rows {
        name(&loader, row).await;
    }
    storage.inner.delete_character(rows[1].id, Expect::Any).await.unwrap();
    storage.inner.update_character(renamed(&rows[2], "Renamed"), Expect::Any).await.unwrap();
    news().await;
    storage.go_down();
    pass(Duration::from_secs(60)).await;
    let read = cache.get_character(rows[0].id).await.unwrap();
    assert!(
        matches!(read.source, Source::Stale { tier: Tier::Shared, reason: StaleReason::Unavailable, .. }),
        "{:?}",
        read.source
    );
    assert!(cache.get_character(rows[1].id).await.is_err(), "it was deleted");
    assert!(cache.get_character(rows[2].id).await.is_err(), "it was changed");
    cache.clear().await;
    assert!(cache.get_character(rows[0].id).await.is_err(), "it was cleared");
}
