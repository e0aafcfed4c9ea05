//! What the cache promises, on top of the port's own suite.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod common;

use character_cache::{CacheMetrics, CacheOptions, Cached, MemorySharedTier, SharedTier};
use character_domain::{CampaignId, Character, CharacterId, CharacterVersion};
use character_storage_port::{
    Change, CharacterQuery, Commit, Deleted, ErrorKind, Expect, Fingerprint, MemoryStorage, Page, PageRequest, Read,
    Source, StaleReason, StorageExt, StoragePort, Store, Tier, Transaction, UnreadableRow,
};
use character_storage_testkit::MockStorage;
use common::{
    Commits, Scripted, log::Hearing, name, names, news, of_campaign, of_user, pass, process, process_that_hears,
    renamed, torormir,
};
use std::{sync::Arc, time::Duration};

async fn cached(storage: &Scripted) -> Cached {
    process(storage, CacheOptions::default(), None).await
}

fn is_hit(source: Source) -> bool {
    matches!(source, Source::Cache { tier: Tier::Local, .. })
}

#[tokio::test(start_paused = true)]
async fn a_second_find_does_not_ask_the_storage_and_tells_its_age() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    let first = cache.get_character(row.id).await.unwrap();
    assert_eq!(first.source, Source::Origin);
    pass(Duration::from_secs(100)).await;
    let second = cache.get_character(row.id).await.unwrap();
    assert_eq!(second.source, Source::Cache { tier: Tier::Local, age: Duration::from_secs(100) });
    assert_eq!((second.value, storage.reads()), (row.clone(), 1));
    pass(Duration::from_secs(3_500)).await;
    assert_eq!(cache.get_character(row.id).await.unwrap().source, Source::Origin);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_concurrent_misses_make_one_read() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    storage.answer_after(Duration::from_millis(10));
    let finds: Vec<_> = (0..1000)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get_character(row.id).await.unwrap().value.name })
        })
        .collect();
    for find in finds {
        assert_eq!(find.await.unwrap(), "Torormir");
    }
    assert_eq!(storage.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_does_not_take_the_load_from_others() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    storage.answer_after(Duration::from_millis(10));
    let first = tokio::time::timeout(Duration::from_millis(5), cache.get_character(row.id)).await;
    assert!(first.is_err());
    assert_eq!(cache.get_character(row.id).await.unwrap().value.name, "Torormir");
    assert_eq!(storage.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_inside_a_load_leaves_nothing_stale() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    storage.answer_after(Duration::from_millis(10));
    let reader = cache.clone();
    let load = tokio::spawn(async move { reader.get_character(row.id).await });
    tokio::time::sleep(Duration::from_millis(15)).await;
    // The storage has given its answer by now, and it has not arrived yet.
    storage.answer_at_once();
    let renamed = renamed(&row, "Renamed");
    cache.update_character(renamed, Expect::Any).await.unwrap();
    assert_eq!(name(&cache, &row).await.as_deref(), Some("Renamed"));
    load.await.unwrap().unwrap();
    assert_eq!(name(&cache, &row).await.as_deref(), Some("Renamed"));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_nobody_waits_for_invalidates_all_the_same() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    assert_eq!(name(&cache, &row).await.as_deref(), Some("Torormir"));
    storage.answer_after(Duration::from_millis(10));
    let renamed = renamed(&row, "Renamed");
    let write = tokio::time::timeout(Duration::from_millis(15), cache.update_character(renamed, Expect::Any)).await;
    assert!(write.is_err());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(name(&cache, &row).await.as_deref(), Some("Renamed"));
}

#[tokio::test(start_paused = true)]
async fn a_replacement_is_kept_exactly_as_the_storage_keeps_it_and_its_echo_does_not_drop_it() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    cache.get_character(row.id).await.unwrap();
    let renamed = renamed(&row, "Renamed");
    let written = cache.update_character(renamed, Expect::Revision(row.meta.revision)).await.unwrap();
    let reads = storage.reads();
    for _ in 0..2 {
        let read = cache.get_character(row.id).await.unwrap();
        assert!(is_hit(read.source), "{:?}", read.source);
        assert_eq!(read.value, written);
        // The log tells of the write, too, which is no news to this process.
        news().await;
    }
    assert_eq!(storage.reads(), reads);
    let read = cache.get_character(row.id).await.unwrap();
    assert_eq!((&read.value, &written), (&storage.inner.get_character(row.id).await.unwrap().value, &read.value));
}

#[tokio::test(start_paused = true)]
async fn a_repeated_transaction_does_not_bring_its_old_value_back() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = torormir();
    let creation = Transaction::new().with(Change::Create(row.clone()));
    assert_eq!(name(&cache, &row).await, None);
    cache.commit(creation.clone()).await.unwrap();
    let renamed = renamed(&row, "Renamed");
    cache.update_character(renamed, Expect::Any).await.unwrap();
    cache.clear().await;
    cache.commit(creation).await.unwrap();
    assert_eq!(name(&cache, &row).await.as_deref(), Some("Renamed"));
}

/// An act decides by what it reads, so its repeat may decide otherwise, and is answered with the outcome of the first.
#[tokio::test(start_paused = true)]
async fn a_repeat_that_carries_other_writes_leaves_what_the_first_wrote() {
    for first_is_heard in [true, false] {
        let storage = Scripted::default();
        let (cache, log) = process_that_hears(&storage, CacheOptions::default(), None).await;
        let row = storage.inner.create_character(torormir()).await.unwrap();
        news().await;
        let (expect, first) = (Expect::Any, Transaction::new());
        let act = |name| Transaction {
            fingerprint: Some(Fingerprint::of(b"add ten")),
            ..first.clone().with(Change::Replace { entity: renamed(&row, name), expect })
        };
        if !first_is_heard {
            log.hear(Hearing::Held);
        }
        storage.commits(Commits::AnswerLost);
        cache.commit(act("First")).await.unwrap_err();
        storage.commits(Commits::Work);
        news().await;
        cache.commit(act("Repeat")).await.unwrap();
        assert_eq!(name(&cache, &row).await.as_deref(), Some("First"));
        log.hear(Hearing::Good);
        news().await;
        assert_eq!(name(&cache, &row).await.as_deref(), Some("First"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_bridged_by_the_last_known_value_and_says_so() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    let query = of_user(&row);
    cache.get_character(row.id).await.unwrap();
    names(&cache, &query).await;
    storage.go_down();
    pass(Duration::from_secs(4_000)).await;
    let age = Duration::from_secs(4_000);
    let stale = Source::Stale { tier: Tier::Local, age, reason: StaleReason::Unavailable };
    assert_eq!(cache.get_character(row.id).await.unwrap().source, stale);
    assert_eq!(cache.list_characters(&query, PageRequest::default()).await.unwrap().source, stale);
    assert!(cache.get_character(CharacterId::new()).await.is_err(), "what was never seen cannot be served");
    pass(Duration::from_secs(24 * 3_600)).await;
    assert_eq!(*cache.get_character(row.id).await.unwrap_err().kind(), ErrorKind::Unavailable { retry_after: None });
}

#[tokio::test(start_paused = true)]
async fn a_deleted_row_is_never_served_in_an_outage() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    let query = of_user(&row);
    let all = CharacterQuery { include_deleted: true, ..query.clone() };
    cache.get_character(row.id).await.unwrap();
    names(&cache, &query).await;
    cache.delete_character(row.id, Expect::Any).await.unwrap();
    assert_eq!(names(&cache, &all).await.len(), 1);
    cache.find(row.id, Deleted::Include).await.unwrap().value.map(|row: Character| row.name).unwrap();
    pass(Duration::from_secs(4_000)).await;
    storage.go_down();
    for deleted in [Deleted::Exclude, Deleted::Include] {
        assert!(Store::<Character>::find(&cache, row.id, deleted).await.is_err());
    }
    assert!(cache.list_characters(&query, PageRequest::default()).await.is_err());
    assert!(cache.list_characters(&all, PageRequest::default()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn after_a_write_that_found_the_storage_down_the_last_known_value_is_still_served() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    let query = of_user(&row);
    cache.get_character(row.id).await.unwrap();
    names(&cache, &query).await;
    storage.go_down();
    let renamed = renamed(&row, "Renamed");
    cache.update_character(renamed, Expect::Any).await.unwrap_err();
    for wait in [2, 60] {
        tokio::time::sleep(Duration::from_secs(wait)).await;
        let read = cache.get_character(row.id).await.unwrap();
        assert!(matches!(read.source, Source::Stale { .. }), "{:?}", read.source);
        let list = cache.list_characters(&query, PageRequest::default()).await.unwrap();
        assert!(matches!(list.source, Source::Stale { .. }), "{:?}", list.source);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_is_seen() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    let query = of_user(&row);
    cache.get_character(row.id).await.unwrap();
    names(&cache, &query).await;
    storage.commits(Commits::AnswerLost);
    let renamed = renamed(&row, "Renamed");
    cache.update_character(renamed, Expect::Any).await.unwrap_err();
    for wait in [1, 60_000] {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        assert_eq!(name(&cache, &row).await.as_deref(), Some("Renamed"));
        assert_eq!(names(&cache, &query).await, ["Renamed"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_arrives_after_its_failure_was_told_is_seen() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    storage.commits(Commits::Lost);
    let renamed = renamed(&row, "Renamed");
    cache.update_character(renamed.clone(), Expect::Any).await.unwrap_err();
    assert_eq!(name(&cache, &row).await.as_deref(), Some("Torormir"));
    // It was on its way all the time.
    storage.inner.update_character(renamed, Expect::Any).await.unwrap();
    news().await;
    assert_eq!(name(&cache, &row).await.as_deref(), Some("Renamed"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_leaves_what_was_current_and_a_conflict_does_not() {
    let storage = Scripted::default();
    let (cache, log) = process_that_hears(&storage, CacheOptions::default(), None).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    cache.get_character(row.id).await.unwrap();
    let nameless = renamed(&row, "");
    cache.update_character(nameless, Expect::Any).await.unwrap_err();
    assert!(is_hit(cache.get_character(row.id).await.unwrap().source));
    log.hear(Hearing::Held);
    let renamed = renamed(&row, "By another");
    storage.inner.update_character(renamed.clone(), Expect::Any).await.unwrap();
    let error = cache.update_character(renamed, Expect::Revision(row.meta.revision)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Conflict { .. }));
    assert_eq!(name(&cache, &row).await.as_deref(), Some("By another"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_what_is_absent_or_there_drops_what_it_disproves() {
    let storage = Scripted::default();
    let (cache, log) = process_that_hears(&storage, CacheOptions::default(), None).await;
    let (deleted, absent) = (storage.inner.create_character(torormir()).await.unwrap(), torormir());
    news().await;
    assert_eq!((name(&cache, &deleted).await.as_deref(), name(&cache, &absent).await), (Some("Torormir"), None));
    log.hear(Hearing::Held);
    storage.inner.delete_character(deleted.id, Expect::Any).await.unwrap();
    storage.inner.create_character(absent.clone()).await.unwrap();
    assert_eq!(name(&cache, &deleted).await.as_deref(), Some("Torormir"), "it is not known here yet");
    let error = cache.update_character(renamed(&deleted, "Renamed"), Expect::Any).await.unwrap_err();
    assert_eq!((error.kind(), name(&cache, &deleted).await), (&ErrorKind::NotFound, None));
    let error = cache.create_character(absent.clone()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(name(&cache, &absent).await.as_deref(), Some("Torormir"));
}

#[tokio::test(start_paused = true)]
async fn a_commit_caches_the_character_that_it_changes_and_not_its_version() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    let version = CharacterVersion::of(None, row.clone(), "character.updated", row.meta.created_at);
    let change = Change::Replace { entity: renamed(&row, "Belvo"), expect: Expect::Any };
    let transaction = Transaction::new().with(change).with(Change::Create(version.clone()));
    cache.commit(transaction).await.unwrap();
    assert!(is_hit(cache.get_character(row.id).await.unwrap().source));
    let found = Store::<CharacterVersion>::find(&cache, version.id, Deleted::Exclude).await.unwrap();
    assert_eq!((found.source, found.value.is_some()), (Source::Origin, true));
}

#[tokio::test(start_paused = true)]
async fn a_page_is_kept_however_full_the_cache_is_of_rows_that_are_often_read() {
    let storage = Scripted::default();
    let options = CacheOptions { max_bytes: 40_000, ..CacheOptions::default() };
    let cache = process(&storage, options, None).await;
    let owner = torormir();
    for _ in 0..20 {
        let row = Character::new(owner.user_id, "Torormir", owner.meta.created_at);
        storage.inner.create_character(row).await.unwrap();
    }
    let mut rows = Vec::new();
    for _ in 0..200 {
        rows.push(storage.inner.create_character(torormir()).await.unwrap());
    }
    news().await;
    for _ in 0..10 {
        for row in &rows {
            name(&cache, row).await.unwrap();
        }
        cache.report_state();
    }
    let query = of_user(&owner);
    let first = cache.list_characters(&query, PageRequest::default()).await.unwrap();
    cache.report_state();
    let second = cache.list_characters(&query, PageRequest::default()).await.unwrap();
    assert_eq!((first.source, first.value.items.len()), (Source::Origin, 20));
    assert!(is_hit(second.source), "{:?}", second.source);
}

#[tokio::test(start_paused = true)]
async fn a_move_between_campaigns_is_seen_in_both_lists() {
    for known in [true, false] {
        let storage = Scripted::default();
        let cache = cached(&storage).await;
        let (from, to) = (CampaignId::new(), CampaignId::new());
        let row = Character { campaign_id: Some(from), ..torormir() };
        let row = storage.inner.create_character(row).await.unwrap();
        news().await;
        assert_eq!(
            (names(&cache, &of_campaign(from)).await.len(), names(&cache, &of_campaign(to)).await.len()),
            (1, 0)
        );
        names(&cache, &of_campaign(from)).await;
        assert_eq!(storage.reads(), 2, "lists are kept");
        if known {
            name(&cache, &row).await;
        }
        let moved = Character { campaign_id: Some(to), ..row.clone() };
        cache.update_character(moved, Expect::Any).await.unwrap();
        assert_eq!(
            (names(&cache, &of_campaign(from)).await.len(), names(&cache, &of_campaign(to)).await.len()),
            (0, 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_of_a_known_row_leaves_the_lists_of_others() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let (one, other) = (torormir(), torormir());
    for row in [&one, &other] {
        storage.inner.create_character(row.clone()).await.unwrap();
        news().await;
        name(&cache, row).await;
    }
    let query = of_user(&other);
    names(&cache, &query).await;
    let reads = storage.reads();
    cache.update_character(renamed(&one, "Renamed"), Expect::Any).await.unwrap();
    names(&cache, &query).await;
    assert_eq!(storage.reads(), reads);
}

#[tokio::test(start_paused = true)]
async fn one_process_reads_what_another_has_loaded_and_sees_what_it_writes() {
    let storage = Scripted::default();
    let tier: Arc<dyn SharedTier> = Arc::new(MemorySharedTier::new());
    let one = process(&storage, CacheOptions::default(), Some(Arc::clone(&tier))).await;
    let two = process(&storage, CacheOptions::default(), Some(tier)).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    let query = of_user(&row);
    name(&one, &row).await;
    names(&one, &query).await;
    let read = two.get_character(row.id).await.unwrap();
    assert!(matches!(read.source, Source::Cache { tier: Tier::Shared, .. }));
    assert_eq!((read.value, names(&two, &query).await.len(), storage.reads()), (row.clone(), 1, 2));
    one.update_character(renamed(&row, "Renamed"), Expect::Any).await.unwrap();
    news().await;
    assert_eq!(name(&two, &row).await.as_deref(), Some("Renamed"));
    assert_eq!(names(&two, &query).await, ["Renamed"]);
    two.delete_character(row.id, Expect::Any).await.unwrap();
    news().await;
    assert_eq!((name(&one, &row).await, names(&one, &query).await.len()), (None, 0));
}

#[tokio::test]
async fn a_reader_that_never_rests_does_not_keep_a_write_from_ending() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = storage.inner.create_character(torormir()).await.unwrap();
    news().await;
    let (reader, wanted) = (cache.clone(), row.clone());
    // One thread for both: the reader must let go of it by itself.
    let reading = tokio::spawn(async move {
        for _ in 0..100_000 {
            if name(&reader, &wanted).await.as_deref() == Some("Renamed") {
                return true;
            }
        }
        false
    });
    tokio::task::yield_now().await;
    cache.update_character(renamed(&row, "Renamed"), Expect::Any).await.unwrap();
    assert!(reading.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn who_was_told_a_new_state_past_the_cache_is_not_told_an_older_one_after() {
    for shared in [None, Some(Arc::new(MemorySharedTier::new()) as Arc<dyn SharedTier>)] {
        let storage = Scripted::default();
        let (cache, log) = process_that_hears(&storage, CacheOptions::default(), shared).await;
        let (old, new) = (CampaignId::new(), CampaignId::new());
        let row = Character { campaign_id: Some(old), ..torormir() };
        let row = storage.inner.create_character(row).await.unwrap();
        news().await;
        let lists = [of_campaign(old), of_campaign(new)];
        let listed = async || [names(&cache, &lists[0]).await.len(), names(&cache, &lists[1]).await.len()];
        for _ in 0..2 {
            assert_eq!((name(&cache, &row).await.as_deref(), listed().await), (Some("Torormir"), [1, 0]));
        }
        // Another process writes, and the log is late.
        log.hear(Hearing::Held);
        let moved = Character { name: "Moved".into(), campaign_id: Some(new), ..row.clone() };
        storage.inner.update_character(moved, Expect::Any).await.unwrap();
        assert_eq!(name(&cache, &row).await.as_deref(), Some("Torormir"), "nobody has told us");
        assert_eq!(name(&cache.uncached(), &row).await.as_deref(), Some("Moved"));
        assert_eq!((name(&cache, &row).await.as_deref(), listed().await), (Some("Moved"), [0, 1]));
        // The same where a list told it.
        storage.inner.update_character(renamed(&row, "Back"), Expect::Any).await.unwrap();
        assert_eq!(names(&cache.uncached(), &of_campaign(old)).await, ["Back"]);
        assert_eq!((name(&cache, &row).await.as_deref(), listed().await), (Some("Back"), [1, 0]));
    }
}

/// A database that was restored while no process noticed has lost what it had.
#[tokio::test(start_paused = true)]
async fn an_older_state_that_the_storage_shows_is_believed_too() {
    let row = torormir();
    let row_at = |revision: u64| {
        let mut row = renamed(&row, &format!("At {revision}"));
        row.meta.revision.0 = revision;
        row
    };
    let mut mock = MockStorage::new();
    let mut answers = vec![row_at(1), row_at(1), row_at(2)];
    mock.expect_find::<Character>()
        .times(3)
        .returning(move |_, _| Ok(Read::origin(Some(answers.pop().expect("three finds reach the storage")))));
    let cache = over_mock(mock, None).await;
    assert_eq!(name(&cache, &row).await.as_deref(), Some("At 2"));
    assert_eq!(name(&cache.uncached(), &row).await.as_deref(), Some("At 1"));
    assert_eq!(name(&cache, &row).await.as_deref(), Some("At 1"));
    assert_eq!(name(&cache, &row).await.as_deref(), Some("At 1"), "which is kept");
}

async fn over_mock(mock: MockStorage, shared: Option<Arc<dyn SharedTier>>) -> Cached {
    let inner: Arc<dyn StoragePort> = Arc::new(mock);
    let log = Arc::new(MemoryStorage::new());
    let (cache, follower) = Cached::new(inner, log, CacheOptions::default(), shared, CacheMetrics::default())
        .expect("the options are right");
    tokio::spawn(follower.run());
    assert!(cache.ready(Duration::from_secs(5)).await, "the log is heard");
    cache
}

#[tokio::test]
async fn a_read_past_the_cache_takes_nothing_current_from_it() {
    let storage = Scripted::default();
    let cache = cached(&storage).await;
    let row = cache.create_character(torormir()).await.unwrap();
    name(&cache, &row).await;
    name(&cache.uncached(), &row).await;
    names(&cache.uncached(), &CharacterQuery::live()).await;
    let source = cache.get_character(row.id).await.unwrap().source;
    assert!(matches!(source, Source::Cache { tier: Tier::Local, .. }), "{source:?}");
}

#[tokio::test(start_paused = true)]
async fn a_recent_row_is_one_that_the_storage_itself_returned_to_this_process() {
    let storage = Scripted::default();
    let shared: Arc<dyn SharedTier> = Arc::new(MemorySharedTier::default());
    let (ours, log) = process_that_hears(&storage, CacheOptions::default(), Some(Arc::clone(&shared))).await;
    let (theirs, _log) = process_that_hears(&storage, CacheOptions::default(), Some(shared)).await;
    let source = async |cache: &Cached, row: &Character| cache.recent().get_character(row.id).await.unwrap().source;
    let row = ours.create_character(torormir()).await.unwrap();
    news().await;
    assert!(is_hit(source(&ours, &row).await), "committed by this process");
    // Loaded by a read of this process, which puts it into the shared tier too.
    let other = storage.inner.create_character(Character { id: CharacterId::new(), ..torormir() }).await.unwrap();
    news().await;
    assert_eq!(source(&ours, &other).await, Source::Origin);
    name(&ours, &other).await;
    assert!(is_hit(source(&ours, &other).await), "loaded by this process");
    // Another process finds it in the shared tier, keeps it, and shows it, but decides nothing by it.
    name(&theirs, &other).await;
    assert!(is_hit(theirs.get_character(other.id).await.unwrap().source));
    assert_eq!(source(&theirs, &other).await, Source::Origin);
    // After a change that the log told, and while the log is not heard, the storage is asked.
    storage.inner.update_character(renamed(&other, "Renamed"), Expect::Any).await.unwrap();
    news().await;
    assert_eq!(source(&ours, &other).await, Source::Origin);
    assert_eq!(name(&ours.recent(), &other).await.as_deref(), Some("Renamed"));
    log.hear(Hearing::Held);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(source(&ours, &row).await, Source::Origin);
}

#[tokio::test(start_paused = true)]
async fn a_page_with_an_unreadable_row_is_kept_nowhere() {
    let shared: Arc<dyn SharedTier> = Arc::new(MemorySharedTier::default());
    for shared in [None, Some(shared)] {
        let row = torormir();
        let unreadable = UnreadableRow { position: 1, id: CharacterId::new().0, problem: "the column data".to_owned() };
        let whole = Page::new(vec![row.clone()], None);
        let spoiled = Page { unreadable: vec![unreadable], ..whole.clone() };
        let mut mock = MockStorage::new();
        let mut answers = vec![whole.clone(), spoiled.clone(), spoiled.clone()];
        let answer = move |_: &CharacterQuery, _| Ok(Read::origin(answers.pop().expect("three lists are asked for")));
        mock.expect_list::<Character>().times(3).returning(answer);
        let cache = over_mock(mock, shared).await;
        let query = of_user(&row);
        let list = async || cache.list_characters(&query, PageRequest::default()).await.unwrap().value;
        assert_eq!([list().await, list().await], [spoiled.clone(), spoiled]);
        // Once it is mended the page is kept.
        assert_eq!([list().await, list().await], [whole.clone(), whole]);
    }
}
