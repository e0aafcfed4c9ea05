//! What the cache believes while the log is heard, while it is not, and when it begins again.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod common;

use character_cache::{CacheMetrics, CacheOptions, Cached, MemorySharedTier, SharedTier};
use character_domain::{CampaignId, Character};
use character_storage_port::{
    Commit, Epoch, Expect, Log, Source, StorageExt, StoragePort, Tick, Tier, Transaction, at_least,
};
use common::{
    Scripted,
    log::{Hearing, ScriptedLog},
    name, names, news, of_campaign, of_user, pass, process, process_that_hears, renamed, torormir, unheard_process,
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

fn options() -> CacheOptions {
    CacheOptions::default()
}

/// A row that every process has heard of.
async fn row_of(storage: &Scripted) -> Character {
    let row = storage.inner.create_character(torormir()).await.expect("memory takes it");
    news().await;
    row
}

async fn source(cache: &Cached, row: &Character) -> Source {
    cache.get_character(row.id).await.expect("the row is there").source
}

async fn is_hit(cache: &Cached, row: &Character) -> bool {
    matches!(source(cache, row).await, Source::Cache { tier: Tier::Local, .. })
}

#[tokio::test(start_paused = true)]
async fn nothing_counts_as_current_before_the_log_was_heard() {
    let storage = Scripted::default();
    let log = ScriptedLog::over(storage.clone());
    log.hear(Hearing::Unheard);
    let cache = unheard_process(&storage, &log, options(), Some(Arc::new(MemorySharedTier::new())));
    let row = row_of(&storage).await;
    for _ in 0..3 {
        assert_eq!(source(&cache, &row).await, Source::Origin);
        assert_eq!(cache.list_characters(&of_user(&row), Default::default()).await.unwrap().source, Source::Origin);
    }
    assert!(!cache.heard().trusted && !cache.ready(Duration::from_secs(3)).await);
    log.hear(Hearing::Good);
    assert!(cache.ready(Duration::from_secs(3)).await);
    assert_eq!(source(&cache, &row).await, Source::Origin, "what was loaded before may lack what was not told");
    assert!(is_hit(&cache, &row).await);
}

#[tokio::test(start_paused = true)]
async fn a_second_after_the_log_was_heard_nothing_counts_and_what_was_kept_counts_again_when_it_goes_on() {
    let storage = Scripted::default();
    let (cache, log) = process_that_hears(&storage, options(), None).await;
    let [changed, kept] = [row_of(&storage).await, row_of(&storage).await];
    for row in [&changed, &kept] {
        assert_eq!((source(&cache, row).await, is_hit(&cache, row).await), (Source::Origin, true));
    }
    let heard = Instant::now() - cache.heard().age.unwrap();
    log.hear(Hearing::Unheard);
    storage.inner.update_character(renamed(&changed, "Renamed"), Expect::Any).await.unwrap();
    tokio::time::sleep_until(heard + Duration::from_millis(998)).await;
    assert_eq!(name(&cache, &changed).await.as_deref(), Some("Torormir"), "it may not know yet");
    tokio::time::sleep_until(heard + Duration::from_millis(1_000)).await;
    assert!(!cache.heard().trusted);
    for _ in 0..2 {
        assert_eq!(name(&cache, &changed).await.as_deref(), Some("Renamed"));
        assert_eq!(source(&cache, &kept).await, Source::Origin);
    }
    log.hear(Hearing::Good);
    assert!(cache.ready(Duration::from_secs(3)).await);
    let reads = storage.reads();
    assert!(is_hit(&cache, &kept).await, "nothing was missed, so nothing is dropped");
    assert_eq!((name(&cache, &changed).await.as_deref(), storage.reads()), (Some("Renamed"), reads + 1));
}

#[tokio::test(start_paused = true)]
async fn the_list_that_a_row_left_elsewhere_is_behind_for_a_second_at_most_also_when_the_row_was_changed_here_since() {
    let storage = Scripted::default();
    let (cache, log) = process_that_hears(&storage, options(), None).await;
    let (left, joined) = (of_campaign(CampaignId::new()), of_campaign(CampaignId::new()));
    let row = Character { campaign_id: left.campaign_id, ..torormir() };
    let row = storage.inner.create_character(row).await.expect("memory takes it");
    news().await;
    for (list, names_there) in [(&left, 1), (&joined, 0)] {
        assert_eq!(names(&cache, list).await.len(), names_there);
    }
    let heard = Instant::now() - cache.heard().age.unwrap();
    log.hear(Hearing::Unheard);
    let moved = Character { campaign_id: joined.campaign_id, ..row.clone() };
    let moved = storage.inner.update_character(moved, Expect::Any).await.unwrap();
    let last = commit(&cache, &moved, "Renamed").await;
    assert_eq!((name(&cache, &row).await.as_deref(), names(&cache, &joined).await.len()), (Some("Renamed"), 1));
    assert_eq!(names(&cache, &left).await, ["Torormir"], "it may not know of the move yet");
    assert!(at_least(Some(last), names(&cache, &left)).await.0.is_empty());
    tokio::time::sleep_until(heard + Duration::from_millis(1_000)).await;
    assert!(names(&cache, &left).await.is_empty());
}

/// A process that was stopped and continued finds an answer that waited for it.
#[tokio::test(start_paused = true)]
async fn an_answer_of_the_log_that_arrives_late_does_not_extend_trust() {
    let storage = Scripted::default();
    let (cache, log) = process_that_hears(&storage, options(), None).await;
    let row = row_of(&storage).await;
    name(&cache, &row).await;
    log.hear(Hearing::Held);
    // The answer is made now: nothing happened.
    tokio::time::sleep(Duration::from_millis(700)).await;
    storage.inner.update_character(renamed(&row, "Renamed"), Expect::Any).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    // It arrives, and before the next one does, the process reads.
    log.hear(Hearing::LastAnswer);
    news().await;
    assert!(!cache.heard().trusted);
    assert_eq!(name(&cache, &row).await.as_deref(), Some("Renamed"));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_begins_anew_drops_everything_and_its_epoch_meets_no_shared_value_of_the_old_one() {
    let storage = Scripted::default();
    let tier: Arc<dyn SharedTier> = Arc::new(MemorySharedTier::new());
    let cache = process(&storage, options(), Some(Arc::clone(&tier))).await;
    let row = row_of(&storage).await;
    name(&cache, &row).await;
    names(&cache, &of_user(&row)).await;
    assert!(is_hit(&cache, &row).await);
    let (before, reads) = (cache.heard().epoch, storage.reads());
    storage.begin(Epoch::new()).await;
    pass(Duration::from_secs(2)).await;
    assert!(cache.heard().trusted && cache.heard().epoch != before);
    let another = process(&storage, options(), Some(tier)).await;
    assert_eq!(source(&cache, &row).await, Source::Origin);
    assert_eq!((names(&cache, &of_user(&row)).await.len(), storage.reads()), (1, reads + 2));
    assert!(matches!(source(&another, &row).await, Source::Cache { tier: Tier::Shared, .. }));
    assert_eq!(storage.reads(), reads + 2, "the new epoch shares its own values");
}

/// Reads all rows and lists of a process that was just started, and returns how many came from the shared tier.
async fn taken_over(storage: &Scripted, tier: &Arc<dyn SharedTier>, rows: &[Character]) -> usize {
    let cache = process(storage, options(), Some(Arc::clone(tier))).await;
    let mut shared = 0;
    for row in rows {
        let read = cache.get_character(row.id).await.expect("the row is there");
        let truth = storage.inner.get_character(row.id).await.expect("the row is there").value;
        assert_eq!(read.value, truth);
        shared += usize::from(matches!(read.source, Source::Cache { tier: Tier::Shared, .. }));
    }
    shared
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_takes_over_what_the_fleet_loaded_and_nothing_that_lacks_a_change() {
    let storage = Scripted::default();
    let tier: Arc<dyn SharedTier> = Arc::new(MemorySharedTier::new());
    let early = process(&storage, options(), None).await;
    let first = process(&storage, options(), Some(Arc::clone(&tier))).await;
    let rows = [row_of(&storage).await, row_of(&storage).await, row_of(&storage).await];
    for row in &rows {
        name(&first, row).await;
    }
    // The note of what is known is brought up to date once a second, when something happens.
    pass(Duration::from_secs(2)).await;
    assert_eq!(taken_over(&storage, &tier, &rows).await, 3);
    early.update_character(renamed(&rows[0], "Renamed"), Expect::Any).await.unwrap();
    assert_eq!(taken_over(&storage, &tier, &rows).await, 2, "the changed one is loaded");
    early.delete_character(rows[1].id, Expect::Any).await.unwrap();
    drop(first);
    tier.clear().await;
    let late = process(&storage, options(), Some(Arc::clone(&tier))).await;
    name(&late, &rows[2]).await;
    assert_eq!(taken_over(&storage, &tier, &rows[2..]).await, 1);
}

/// Without the note nothing is known of the log before the start.
#[tokio::test(start_paused = true)]
async fn a_process_that_starts_rejects_values_from_before_all_that_it_can_know() {
    let storage = Scripted::default();
    let tier = MemorySharedTier::new();
    let shared: Arc<dyn SharedTier> = Arc::new(tier.clone());
    let first = process(&storage, options(), Some(Arc::clone(&shared))).await;
    let rows = [row_of(&storage).await, row_of(&storage).await];
    name(&first, &rows[0]).await;
    tier.remove(&["witness".to_owned()]).await;
    // Told after the value was loaded, and before the process starts.
    storage.inner.update_character(renamed(&rows[1], "Renamed"), Expect::Any).await.unwrap();
    assert_eq!(taken_over(&storage, &shared, &rows).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_restored_storage_is_found_at_the_start_of_a_process() {
    let [storage, restored] = [Scripted::default(), Scripted::default()];
    let epoch = Epoch::new();
    storage.begin(epoch).await;
    restored.begin(epoch).await;
    let tier: Arc<dyn SharedTier> = Arc::new(MemorySharedTier::new());
    let row = restored.inner.create_character(torormir()).await.unwrap();
    storage.inner.create_character(row.clone()).await.unwrap();
    let before = process(&storage, options(), Some(Arc::clone(&tier))).await;
    before.update_character(renamed(&row, "Renamed"), Expect::Any).await.unwrap();
    news().await;
    before.clear().await;
    assert_eq!(name(&before, &row).await.as_deref(), Some("Renamed"));
    pass(Duration::from_secs(3)).await;
    storage.inner.create_character(torormir()).await.unwrap();
    pass(Duration::from_secs(3)).await;
    drop(before);
    // The backup is from before the change, and nobody has renewed its epoch.
    let after = process(&restored, options(), Some(tier)).await;
    assert_ne!(after.heard().epoch, Some(epoch));
    for _ in 0..2 {
        assert_eq!(name(&after, &row).await.as_deref(), Some("Torormir"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_of_which_the_log_does_not_name_the_rows_drops_everything() {
    let storage = Scripted::default();
    let tier: Arc<dyn SharedTier> = Arc::new(MemorySharedTier::new());
    let (cache, log) = process_that_hears(&storage, options(), Some(tier)).await;
    let [row, other] = [row_of(&storage).await, row_of(&storage).await];
    name(&cache, &row).await;
    name(&cache, &other).await;
    log.hear(Hearing::WithoutRows);
    storage.inner.update_character(renamed(&row, "Renamed"), Expect::Any).await.unwrap();
    news().await;
    assert_eq!(name(&cache, &row).await.as_deref(), Some("Renamed"));
    assert_eq!(source(&cache, &other).await, Source::Origin);
}

/// More than one batch of commits, of which an early one does not name its rows.
#[tokio::test(start_paused = true)]
async fn a_commit_without_rows_in_a_long_past_is_not_forgotten_at_the_start() {
    let storage = Scripted::default();
    let tier: Arc<dyn SharedTier> = Arc::new(MemorySharedTier::new());
    let first = process(&storage, options(), Some(Arc::clone(&tier))).await;
    let row = row_of(&storage).await;
    pass(Duration::from_secs(2)).await;
    name(&first, &row).await;
    drop(first);
    pass(Duration::from_secs(2)).await;
    storage.inner.update_character(renamed(&row, "Renamed"), Expect::Any).await.unwrap();
    for _ in 0..1_500 {
        storage.inner.commit(Transaction::new()).await.unwrap();
    }
    let log = ScriptedLog::over(storage.clone());
    log.hear(Hearing::WithoutRows);
    let cache = unheard_process(&storage, &log, options(), Some(tier));
    assert!(cache.ready(Duration::from_secs(5)).await);
    assert_eq!(name(&cache, &row).await.as_deref(), Some("Renamed"));
}

/// While changes are not heard, a load that takes long would answer with what was long before the question.
#[tokio::test(start_paused = true)]
async fn without_news_nobody_joins_a_load_that_began_long_ago() {
    let storage = Scripted::default();
    let (cache, log) = process_that_hears(&storage, options(), None).await;
    let row = row_of(&storage).await;
    log.hear(Hearing::Unheard);
    pass(Duration::from_secs(3)).await;
    storage.answer_after(Duration::from_secs(10));
    let find = || {
        let (cache, row) = (cache.clone(), row.clone());
        tokio::spawn(async move { name(&cache, &row).await })
    };
    let first = find();
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    storage.inner.update_character(renamed(&row, "Renamed"), Expect::Any).await.unwrap();
    let second = find();
    assert_eq!(first.await.unwrap().as_deref(), Some("Torormir"));
    // The end of the first load ends its own part alone: those who come now join the second.
    let third = find();
    assert_eq!(second.await.unwrap().as_deref(), Some("Renamed"));
    assert_eq!(third.await.unwrap().as_deref(), Some("Renamed"));
}

async fn commit(cache: &Cached, row: &Character, text: &str) -> Tick {
    use character_storage_port::Change;
    let change = Change::Replace { entity: renamed(row, text), expect: Expect::Any };
    cache.commit(Transaction::new().with(change)).await.expect("memory takes it").tick
}

#[tokio::test(start_paused = true)]
async fn who_sends_a_position_back_is_never_answered_behind_it_by_another_process() {
    for shared in [None, Some(Arc::new(MemorySharedTier::new()) as Arc<dyn SharedTier>)] {
        for hearing in [Hearing::Good, Hearing::Held, Hearing::Unheard] {
            let storage = Scripted::default();
            let writer = process(&storage, options(), shared.clone()).await;
            let (reader, log) = process_that_hears(&storage, options(), shared.clone()).await;
            let row = row_of(&storage).await;
            for cache in [&writer, &reader] {
                assert_eq!(
                    (name(cache, &row).await.as_deref(), names(cache, &of_user(&row)).await.len()),
                    (Some("Torormir"), 1)
                );
            }
            log.hear(hearing);
            let mut last = None;
            for text in ["One", "Two", "Three"] {
                let tick = commit(&writer, &row, text).await;
                let (found, _) = at_least(Some(tick), name(&reader, &row)).await;
                assert_eq!(found.as_deref(), Some(text), "{hearing:?}");
                let (listed, _) = at_least(Some(tick), names(&reader, &of_user(&row))).await;
                assert_eq!(listed, [text], "{hearing:?}");
                last = Some(tick);
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
            log.hear(Hearing::Good);
            pass(Duration::from_secs(3)).await;
            let reads = storage.reads();
            at_least(last, name(&reader, &row)).await;
            at_least(last, name(&reader, &row)).await;
            assert!(storage.reads() <= reads + 1, "who has heard it answers by itself");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_a_position_that_the_process_has_not_heard_of_is_never_answered_with_the_last_known_value() {
    let storage = Scripted::default();
    let writer = process(&storage, options(), None).await;
    let (reader, log) = process_that_hears(&storage, options(), None).await;
    let [row, other] = [row_of(&storage).await, row_of(&storage).await];
    let heard = commit(&writer, &other, "Heard of").await;
    news().await;
    assert_eq!(
        (name(&reader, &row).await.as_deref(), names(&reader, &of_user(&row)).await.len()),
        (Some("Torormir"), 1)
    );
    log.hear(Hearing::Held);
    let missed = commit(&writer, &row, "Not heard of").await;
    storage.go_down();
    for wait in [0, 60] {
        tokio::time::sleep(Duration::from_secs(wait)).await;
        let find = || reader.get_character(row.id);
        let query = of_user(&row);
        let list = || reader.list_characters(&query, Default::default());
        let (found, listed) = (at_least(Some(missed), find()).await.0, at_least(Some(missed), list()).await.0);
        assert!(found.is_err() && listed.is_err(), "{found:?} {listed:?}");
        for least in [None, Some(heard)] {
            let (found, listed) = (at_least(least, find()).await.0.unwrap(), at_least(least, list()).await.0.unwrap());
            assert_eq!((found.value.name.as_str(), listed.value.items.len()), ("Torormir", 1));
        }
    }
}

/// A caller keeps its highest position alone.
#[tokio::test(start_paused = true)]
async fn a_position_covers_what_the_caller_wrote_before_through_another_process() {
    let storage = Scripted::default();
    let writer = process(&storage, options(), None).await;
    let (reader, log) = process_that_hears(&storage, options(), None).await;
    let [row, own] = [row_of(&storage).await, row_of(&storage).await];
    name(&reader, &row).await;
    log.hear(Hearing::Held);
    commit(&writer, &row, "Written there").await;
    let last = commit(&reader, &own, "Written here").await;
    let (found, _) = at_least(Some(last), name(&reader, &row)).await;
    assert_eq!(found.as_deref(), Some("Written there"));
}

#[tokio::test(start_paused = true)]
async fn who_sends_the_position_of_an_own_write_back_is_answered_from_the_cache_once_the_log_has_returned_it() {
    let storage = Scripted::default();
    let (cache, log) = process_that_hears(&storage, options(), None).await;
    let row = row_of(&storage).await;
    log.hear(Hearing::Held);
    let tick = commit(&cache, &row, "Renamed").await;
    let reads = storage.reads();
    let (found, _) = at_least(Some(tick), name(&cache, &row)).await;
    assert_eq!((found.as_deref(), storage.reads()), (Some("Renamed"), reads + 1), "others may have the same tick");
    log.hear(Hearing::Good);
    pass(Duration::from_secs(3)).await;
    let reads = storage.reads();
    let (found, _) = at_least(Some(tick), name(&cache, &row)).await;
    assert_eq!((found.as_deref(), storage.reads()), (Some("Renamed"), reads));
}

#[tokio::test(start_paused = true)]
async fn the_follower_ends_when_the_cache_is_dropped() {
    for hearing in [Hearing::Good, Hearing::Unheard] {
        let storage = Scripted::default();
        let log = ScriptedLog::over(storage.clone());
        let inner: Arc<dyn StoragePort> = Arc::new(storage.clone());
        let (cache, follower) = Cached::new(inner, Arc::new(log.clone()), options(), None, CacheMetrics::default())
            .expect("the options are right");
        let running = tokio::spawn(follower.run());
        assert!(cache.ready(Duration::from_secs(5)).await);
        log.hear(hearing);
        pass(Duration::from_secs(10)).await;
        assert!(!running.is_finished());
        drop(cache);
        tokio::time::timeout(Duration::from_secs(2), running).await.expect("it ends soon").expect("it does not panic");
    }
}

/// Production gives it a thread of its own, so a process that is busy hears the log all the same.
#[tokio::test]
async fn on_a_thread_of_its_own_the_follower_hears_while_the_runtime_is_busy() {
    let storage = Scripted::default();
    let inner: Arc<dyn StoragePort> = Arc::new(storage.clone());
    let log: Arc<dyn Log> = Arc::new(storage.inner.clone());
    let options = CacheOptions { trust: Duration::from_secs(60), ..options() };
    let (cache, follower) =
        Cached::new(inner, log, options, None, CacheMetrics::default()).expect("the options are right");
    follower.start().expect("there is a thread");
    assert!(cache.ready(Duration::from_secs(5)).await);
    let before = cache.heard().settled;
    storage.inner.commit(Transaction::new()).await.unwrap();
    let until = std::time::Instant::now() + Duration::from_secs(5);
    // This task never rests, and there is one thread for tasks.
    while cache.heard().settled == before {
        assert!(std::time::Instant::now() < until, "the commit is not heard");
        std::hint::spin_loop();
    }
}
