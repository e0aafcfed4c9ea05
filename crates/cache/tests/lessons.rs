//! How caches before this one fell, one test for each, named after the lesson it holds on to.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod common;

use character_cache::{CacheOptions, Cached, Key, Lock, Lookup, MemorySharedTier, SharedTier};
use character_domain::{CampaignId, Character, Revision, now};
use character_storage_port::{Change, Commit, EntityKind, Expect, Source, StorageExt, Tier, Transaction};
use common::{Commits, Scripted, name, names, news, of_campaign, of_user, pass, process, renamed, torormir};
use std::{sync::Arc, time::Duration};

async fn cached(storage: &Scripted) -> Cached {
    process(storage, CacheOptions::default(), None).await
}

/// Processes over one shared tier.
async fn fleet<const N: usize>(storage: &Scripted) -> [Cached; N] {
    let tier = Arc::new(MemorySharedTier::new());
    let mut caches = Vec::new();
    for _ in 0..N {
        caches.push(process(storage, CacheOptions::default(), Some(Arc::clone(&tier) as _)).await);
    }
    caches.try_into().expect("as many as were made")
}

/// Finding 1: most caches keep a stale value permanently when a write overlaps a load.
#[tokio::test(start_paused = true)]
async fn finding_1_a_write_at_any_moment_of_a_load_leaves_nothing_stale() {
    for moment in 0..=20 {
        let storage = Scripted::default();
        let cache = cached(&storage).await;
        let row = storage.inner.create_character(torormir()).await.unwrap();
        storage.answer_after(Duration::from_millis(10));
        let reader = cache.clone();
        let id = row.id;
        let load = tokio::spawn(async move { reader.get_character(id).await });
        tokio::time::sleep(Duration::from_millis(moment)).await;
        cache.update_character(renamed(&row, "Renamed"), Expect::Any).await.unwrap();
        assert_eq!(name(&cache, &row).await.as_deref(), Some("Renamed"), "written {moment} ms into the load");
        load.await.unwrap().unwrap();
        assert_eq!(name(&cache, &row).await.as_deref(), Some("Renamed"), "written {moment} ms into the load");
    }
}

/// Finding 8: a cache outage must not be an outage.
#[derive(Debug)]
struct Dead;

#[async_trait::async_trait]
impl SharedTier for Dead {
    async fn get(&self, _: &str) -> Lookup {
        Lookup::Down
    }
    async fn put(&self, _: &str, _: bytes::Bytes) -> bool {
        false
    }
    async fn lock(&self, _: &str) -> Lock {
        Lock::Down
    }
    async fn unlock(&self, _: &str) {}
    async fn remove(&self, _: &[String]) {}
    async fn clear(&self) {}
}

#[tokio::test(start_paused = true)]
async fn finding_8_a_cache_that_is_out_is_no_outage() {
    let storage = Scripted::default();
    let cache = process(&storage, CacheOptions::default(), Some(Arc::new(Dead))).await;
    let row = cache.create_character(torormir()).await.unwrap();
    let query = of_user(&row);
    assert_eq!(names(&cache, &query).await, ["Torormir"]);
    cache.update_character(renamed(&row, "Renamed"), Expect::Any).await.unwrap();
    assert_eq!((name(&cache, &row).await.as_deref(), names(&cache, &query).await.len()), (Some("Renamed"), 1));
    cache.delete_character(row.id, Expect::Any).await.unwrap();
    assert_eq!((name(&cache, &row).await, names(&cache, &query).await.len()), (None, 0));
    cache.clear().await;
}

/// Lesson 49: an invalidation that races a load leaves a stale value. The news of another process's write comes between the
/// answer of the load and its arrival.
#[tokio::test(start_paused = true)]
async fn lesson_49_news_take_the_right_to_fill_from_the_load_under_way() {
    let storage = Scripted::default();
    let [cache, _] = fleet(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    storage.answer_after(Duration::from_millis(10));
    let (reader, id) = (cache.clone(), row.id);
    let load = tokio::spawn(async move { reader.get_character(id).await });
    tokio::time::sleep(Duration::from_millis(15)).await;
    // Another process writes, past this one.
    storage.inner.update_character(renamed(&row, "By another"), Expect::Any).await.unwrap();
    news().await;
    load.await.unwrap().unwrap();
    assert_eq!(name(&cache, &row).await.as_deref(), Some("By another"));
}

/// Lesson 50: an invalidation during a load is lost, and the near tier is refilled from the far one that was not
/// emptied yet. The far one is never emptied: what it holds is judged by its `as_of`.
#[tokio::test(start_paused = true)]
async fn lesson_50_the_near_tier_is_never_refilled_from_a_far_one_not_yet_emptied() {
    for moment in 0..=25 {
        let storage = Scripted::default();
        let caches = fleet::<2>(&storage).await;
        let row = storage.inner.create_character(torormir()).await.unwrap();
        news().await;
        name(&caches[0], &row).await;
        name(&caches[1], &row).await;
        storage.answer_after(Duration::from_millis(10));
        let (writer, next) = (caches[0].clone(), renamed(&row, "Renamed"));
        let write = tokio::spawn(async move { writer.update_character(next, Expect::Any).await });
        tokio::time::sleep(Duration::from_millis(moment)).await;
        let reads: Vec<_> = caches
            .iter()
            .map(|cache| {
                let (cache, row) = (cache.clone(), row.clone());
                tokio::spawn(async move { name(&cache, &row).await })
            })
            .collect();
        write.await.unwrap().unwrap();
        assert_eq!(name(&caches[0], &row).await.as_deref(), Some("Renamed"), "read {moment} ms into the write");
        for read in reads {
            read.await.unwrap().unwrap();
        }
        news().await;
        for cache in &caches {
            assert_eq!(name(cache, &row).await.as_deref(), Some("Renamed"), "read {moment} ms into the write");
        }
    }
}

/// Lesson 51: a hard clear still served a fail-safe value.
#[tokio::test(start_paused = true)]
async fn lesson_51_an_outage_is_never_bridged_across_a_delete_or_a_clear() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let rows = [(); 2].map(|()| torormir());
    for row in &rows {
        storage.inner.create_character(row.clone()).await.unwrap();
        news().await;
        name(&cache, row).await;
    }
    cache.delete_character(rows[0].id, Expect::Any).await.unwrap();
    storage.go_down();
    assert!(cache.get_character(rows[0].id).await.is_err(), "it was deleted");
    assert!(cache.get_character(rows[1].id).await.is_ok());
    cache.clear().await;
    assert!(cache.get_character(rows[1].id).await.is_err(), "it was cleared");
}

/// Lesson 51, for a deletion by another process.
#[tokio::test(start_paused = true)]
async fn lesson_51_an_outage_is_never_bridged_across_a_delete_by_another_process() {
    let storage = Scripted::default();
    let caches = fleet::<2>(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    for cache in &caches {
        name(cache, &row).await;
    }
    caches[0].delete_character(row.id, Expect::Any).await.unwrap();
    news().await;
    storage.go_down();
    for cache in &caches {
        assert!(cache.get_character(row.id).await.is_err());
    }
}

/// Lesson 52: a wrong clock decided which value was the newer one. Here the revision does, which the storage counts.
#[tokio::test(start_paused = true)]
async fn lesson_52_no_clock_decides_which_value_is_newer() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    name(&cache, &row).await;
    for (round, days) in [-2, 2, -1].into_iter().enumerate() {
        let mut entity = renamed(&row, &format!("At {days}"));
        let seconds = now().as_microsecond() / 1_000_000 + days * 86_400;
        entity.meta.updated_at = character_domain::Timestamp::from_second(seconds).unwrap();
        let change = Change::Replace { entity, expect: Expect::Any };
        cache.commit(Transaction::new().with(change)).await.unwrap();
        let read = cache.get_character(row.id).await.unwrap().value;
        assert_eq!((read.name, read.meta.revision), (format!("At {days}"), Revision(round as u64 + 2)));
    }
}

/// Lesson 54: others lack a time to live of each value. A row that is not there is known for seconds, one that is for
/// an hour.
#[tokio::test(start_paused = true)]
async fn lesson_54_absence_is_known_for_seconds_and_a_row_for_an_hour() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let absent = torormir();
    let other = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    assert_eq!((name(&cache, &other).await.as_deref(), name(&cache, &absent).await), (Some("Torormir"), None));
    for (wait, reads) in [(4, 2), (2, 3), (3_500, 4), (100, 6)] {
        pass(Duration::from_secs(wait)).await;
        assert_eq!((name(&cache, &other).await.as_deref(), name(&cache, &absent).await), (Some("Torormir"), None));
        assert_eq!(storage.reads(), reads);
    }
}

/// Lesson 55: expiry of each value and invalidation at once crashed a map.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lesson_55_expiry_eviction_and_invalidation_at_once_do_no_harm() {
    let storage = Scripted::interleaving();
    let options = CacheOptions {
        fresh: Duration::from_micros(50),
        stale_max: Duration::from_millis(1),
        absent: Duration::from_micros(20),
        max_bytes: 4_096,
        ..CacheOptions::default()
    };
    let cache = process(&storage, options, None).await;
    let mut rows = Vec::new();
    for _ in 0..20 {
        rows.push(storage.inner.create_character(torormir()).await.unwrap());
    }
    let rows = Arc::new(rows);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (cache, rows) = (cache.clone(), Arc::clone(&rows));
            tokio::spawn(async move {
                for _ in 0..500 {
                    let row = &rows[rand::random_range(0..rows.len())];
                    match rand::random_range(0..4) {
                        0 => cache.drop_key(EntityKind::Character, row.id.into()).await,
                        1 => cache.report_state(),
                        _ => assert_eq!(name(&cache, row).await.as_deref(), Some("Torormir")),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Lesson 57: waits without a bound. A process that dies in a load holds its lock for a bounded time, and everything is
/// served meanwhile.
#[tokio::test(start_paused = true)]
async fn lesson_57_a_load_that_is_never_heard_of_again_is_waited_for_within_a_bound() {
    let storage = Scripted::default();
    let dying = MemorySharedTier::new();
    let cache = process(&storage, CacheOptions::default(), Some(Arc::new(dying.clone()))).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    let name = format!("{}:{}", cache.heard().epoch.unwrap(), Key::row(EntityKind::Character, row.id.into()));
    assert_eq!(dying.lock(&name).await, Lock::Taken);
    let start = tokio::time::Instant::now();
    assert_eq!(cache.get_character(row.id).await.unwrap().source, Source::Origin);
    assert!(start.elapsed() <= Duration::from_millis(520), "{:?}", start.elapsed());
}

/// A row is loaded twice at once while it is not known whether its last write was applied: the load that saw it before
/// the write arrived must not stay.
#[tokio::test(start_paused = true)]
async fn two_loads_at_once_around_an_unanswered_write_leave_no_old_value() {
    for arrives in [0, 5, 15, 25] {
        let storage = Scripted::default();
        let caches = fleet::<2>(&storage).await;
        let row = storage.inner.create_character(torormir()).await.unwrap();
        news().await;
        let query = of_user(&row);
        for cache in &caches {
            name(cache, &row).await;
            names(cache, &query).await;
        }
        storage.commits(Commits::Lost);
        caches[0].update_character(renamed(&row, "Renamed"), Expect::Any).await.unwrap_err();
        storage.answer_after(Duration::from_millis(10));
        let loads: Vec<_> = caches
            .iter()
            .map(|cache| {
                let (cache, row, query) = (cache.clone(), row.clone(), query.clone());
                tokio::spawn(async move { (name(&cache, &row).await, names(&cache, &query).await) })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(arrives)).await;
        storage.inner.update_character(renamed(&row, "Renamed"), Expect::Any).await.unwrap();
        for load in loads {
            load.await.unwrap();
        }
        for wait in [1, 60_000] {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            for cache in &caches {
                assert_eq!(name(cache, &row).await.as_deref(), Some("Renamed"), "{arrives} ms, {wait} ms");
                assert_eq!(names(cache, &query).await, ["Renamed"], "{arrives} ms, {wait} ms");
            }
        }
    }
}

/// What was known of a row when an unanswered write moved it on is out of date, so it cannot tell which list the next
/// unanswered write takes it out of.
#[tokio::test(start_paused = true)]
async fn two_unanswered_moves_in_a_row_leave_no_list_behind() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let campaigns = [(); 3].map(|()| CampaignId::new());
    let lists = campaigns.map(of_campaign);
    let row = Character { campaign_id: Some(campaigns[0]), ..torormir() };
    let row = storage.inner.create_character(row).await.unwrap();
    name(&cache, &row).await;
    storage.commits(Commits::AnswerLost);
    for next in [1, 2] {
        let moved = Character { campaign_id: Some(campaigns[next]), ..row.clone() };
        cache.update_character(moved, Expect::Any).await.unwrap_err();
        // Nobody asks for the row itself.
        news().await;
        for (index, list) in lists.iter().enumerate() {
            assert_eq!(names(&cache, list).await.len(), usize::from(index == next), "list {index} after move {next}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_concurrent_misses_make_one_read_in_a_process_and_one_in_a_fleet_of_four() {
    let storage = Scripted::default();
    let fleet = fleet::<4>(&storage).await;
    for (reads, caches) in [(1, vec![cached(&storage).await]), (2, fleet.to_vec())] {
        let row = storage.inner.create_character(torormir()).await.unwrap();
        news().await;
        storage.answer_after(Duration::from_millis(10));
        let finds: Vec<_> = (0..10_000)
            .map(|find| {
                let (cache, row) = (caches[find % caches.len()].clone(), row.clone());
                tokio::spawn(async move { name(&cache, &row).await })
            })
            .collect();
        for find in finds {
            assert_eq!(find.await.unwrap().as_deref(), Some("Torormir"));
        }
        assert_eq!(storage.reads(), reads);
        for cache in caches {
            let source = cache.get_character(row.id).await.unwrap().source;
            assert!(matches!(source, Source::Cache { tier: Tier::Local, .. }), "{source:?}");
        }
    }
}

/// A load that fails gives its lock up: no reader waits for it, and nothing is kept from the tier once the
/// storage is back.
#[tokio::test(start_paused = true)]
async fn a_load_that_failed_keeps_nobody_waiting() {
    let storage = Scripted::default();
    let caches = fleet::<2>(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    storage.go_down();
    let start = tokio::time::Instant::now();
    for cache in &caches {
        cache.get_character(row.id).await.unwrap_err();
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    storage.come_up();
    for cache in &caches {
        assert!(cache.ready(Duration::from_secs(5)).await, "the log is heard again");
    }
    caches[0].get_character(row.id).await.unwrap();
    let source = caches[1].get_character(row.id).await.unwrap().source;
    assert!(matches!(source, Source::Cache { tier: Tier::Shared, .. }), "{source:?}");
}
