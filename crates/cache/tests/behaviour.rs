//! What the cache promises, on top of the port's own suite.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use character_cache::{CacheMetrics, CacheOptions, Cached, Invalidations, MemorySharedTier, SharedTier};
use character_domain::{CampaignId, Character, CharacterId};
use character_storage_port::{
    Change, CharacterQuery, Commit, Deleted, ErrorKind, Expect, Page, PageRequest, Read, Source, StaleReason,
    StorageExt, StoragePort, Store, Tier, Transaction, UnreadableRow,
};
use character_storage_testkit::MockStorage;
use common::{Commits, Scripted, torormir};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

fn cached(storage: &Scripted) -> Cached {
    over(storage, None)
}

fn over(storage: &Scripted, shared: Option<Arc<dyn SharedTier>>) -> Cached {
    with(CacheOptions::default(), storage, shared)
}

fn with(options: CacheOptions, storage: &Scripted, shared: Option<Arc<dyn SharedTier>>) -> Cached {
    let inner: Arc<dyn StoragePort> = Arc::new(storage.clone());
    Cached::new(inner, options, shared, CacheMetrics::default())
}

async fn name(storage: &impl Store<Character>, id: CharacterId) -> Option<String> {
    storage.find(id, Deleted::Exclude).await.expect("a find is answered").value.map(|row| row.name)
}

async fn names(storage: &impl Store<Character>, query: &CharacterQuery) -> Vec<String> {
    let page = storage.list(query, PageRequest::default()).await.expect("a list is answered").value;
    page.items.into_iter().map(|row| row.name).collect()
}

fn of_campaign(id: CampaignId) -> CharacterQuery {
    CharacterQuery { campaign_id: Some(id), ..CharacterQuery::live() }
}

#[tokio::test(start_paused = true)]
async fn a_second_find_does_not_ask_the_storage_and_tells_its_age() {
    let storage = Scripted::default();
    let cache = cached(&storage);
    let row = storage.inner.create_character(torormir()).await.unwrap();
    let first = cache.get_character(row.id).await.unwrap();
    assert_eq!(first.source, Source::Origin);
    tokio::time::advance(Duration::from_secs(100)).await;
    let second = cache.get_character(row.id).await.unwrap();
    assert_eq!(second.source, Source::Cache { tier: Tier::Local, age: Duration::from_secs(100) });
    assert_eq!((second.value, storage.reads()), (row.clone(), 1));
    tokio::time::advance(Duration::from_secs(3_500)).await;
    assert_eq!(cache.get_character(row.id).await.unwrap().source, Source::Origin);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_concurrent_misses_make_one_read() {
    let storage = Scripted::default();
    let cache = cached(&storage);
    let row = storage.inner.create_character(torormir()).await.unwrap();
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
    let cache = cached(&storage);
    let row = storage.inner.create_character(torormir()).await.unwrap();
    storage.answer_after(Duration::from_millis(10));
    let first = tokio::time::timeout(Duration::from_millis(5), cache.get_character(row.id)).await;
    assert!(first.is_err());
    assert_eq!(cache.get_character(row.id).await.unwrap().value.name, "Torormir");
    assert_eq!(storage.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_inside_a_load_leaves_nothing_stale() {
    let storage = Scripted::default();
    let cache = cached(&storage);
    let row = storage.inner.create_character(torormir()).await.unwrap();
    storage.answer_after(Duration::from_millis(10));
    let reader = cache.clone();
    let load = tokio::spawn(async move { reader.get_character(row.id).await });
    tokio::time::sleep(Duration::from_millis(15)).await;
    // The storage has given its answer by now, and it has not arrived yet.
    *storage.answer_after.lock().unwrap() = None;
    let renamed = Character { name: "Renamed".into(), ..row.clone() };
    cache.update_character(renamed, Expect::Any).await.unwrap();
    assert_eq!(name(&cache, row.id).await.as_deref(), Some("Renamed"));
    load.await.unwrap().unwrap();
    assert_eq!(name(&cache, row.id).await.as_deref(), Some("Renamed"));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_nobody_waits_for_invalidates_all_the_same() {
    let storage = Scripted::default();
    let cache = cached(&storage);
    let row = storage.inner.create_character(torormir()).await.unwrap();
    assert_eq!(name(&cache, row.id).await.as_deref(), Some("Torormir"));
    storage.answer_after(Duration::from_millis(10));
    let renamed = Character { name: "Renamed".into(), ..row.clone() };
    let write = tokio::time::timeout(Duration::from_millis(15), cache.update_character(renamed, Expect::Any)).await;
    assert!(write.is_err());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(name(&cache, row.id).await.as_deref(), Some("Renamed"));
}

#[tokio::test(start_paused = true)]
async fn a_replacement_is_kept_exactly_as_the_storage_keeps_it() {
    let storage = Scripted::default();
    let cache = cached(&storage);
    let row = storage.inner.create_character(torormir()).await.unwrap();
    cache.get_character(row.id).await.unwrap();
    let renamed = Character { name: "Renamed".into(), ..row.clone() };
    let written = cache.update_character(renamed, Expect::Revision(row.meta.revision)).await.unwrap();
    let read = cache.get_character(row.id).await.unwrap();
    assert!(matches!(read.source, Source::Cache { .. }));
    assert_eq!((&read.value, &written), (&storage.inner.get_character(row.id).await.unwrap().value, &read.value));
}

#[tokio::test(start_paused = true)]
async fn a_repeated_transaction_does_not_bring_its_old_value_back() {
    let storage = Scripted::default();
    let cache = cached(&storage);
    let row = torormir();
    let creation = Transaction::new().with(Change::Create(row.clone()));
    assert_eq!(name(&cache, row.id).await, None);
    cache.commit(creation.clone()).await.unwrap();
    let renamed = Character { name: "Renamed".into(), ..row.clone() };
    cache.update_character(renamed, Expect::Any).await.unwrap();
    cache.clear().await;
    cache.commit(creation).await.unwrap();
    assert_eq!(name(&cache, row.id).await.as_deref(), Some("Renamed"));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_bridged_by_the_last_known_value_and_says_so() {
    let storage = Scripted::default();
    let cache = cached(&storage);
    let row = storage.inner.create_character(torormir()).await.unwrap();
    let query = CharacterQuery { user_id: Some(row.user_id), ..CharacterQuery::live() };
    cache.get_character(row.id).await.unwrap();
    names(&cache, &query).await;
    storage.go_down(true);
    tokio::time::advance(Duration::from_secs(4_000)).await;
    let age = Duration::from_secs(4_000);
    let stale = Source::Stale { tier: Tier::Local, age, reason: StaleReason::Unavailable };
    assert_eq!(cache.get_character(row.id).await.unwrap().source, stale);
    assert_eq!(cache.list_characters(&query, PageRequest::default()).await.unwrap().source, stale);
    assert!(cache.get_character(CharacterId::new()).await.is_err(), "what was never seen cannot be served");
    tokio::time::advance(Duration::from_secs(24 * 3_600)).await;
    assert_eq!(*cache.get_character(row.id).await.unwrap_err().kind(), ErrorKind::Unavailable { retry_after: None });
}

#[tokio::test(start_paused = true)]
async fn a_deleted_row_is_never_served_in_an_outage() {
    let storage = Scripted::default();
    let cache = cached(&storage);
    let row = storage.inner.create_character(torormir()).await.unwrap();
    let query = CharacterQuery { user_id: Some(row.user_id), ..CharacterQuery::live() };
    let all = CharacterQuery { include_deleted: true, ..query.clone() };
    cache.get_character(row.id).await.unwrap();
    names(&cache, &query).await;
    cache.delete_character(row.id, Expect::Any).await.unwrap();
    assert_eq!(names(&cache, &all).await.len(), 1);
    cache.find(row.id, Deleted::Include).await.unwrap().value.map(|row: Character| row.name).unwrap();
    tokio::time::advance(Duration::from_secs(4_000)).await;
    storage.go_down(true);
    for deleted in [Deleted::Exclude, Deleted::Include] {
        assert!(Store::<Character>::find(&cache, row.id, deleted).await.is_err());
    }
    assert!(cache.list_characters(&query, PageRequest::default()).await.is_err());
    assert!(cache.list_characters(&all, PageRequest::default()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn after_a_write_that_found_the_storage_down_the_last_known_value_is_still_served() {
    let storage = Scripted::default();
    let cache = cached(&storage);
    let row = storage.inner.create_character(torormir()).await.unwrap();
    let query = CharacterQuery { user_id: Some(row.user_id), ..CharacterQuery::live() };
    cache.get_character(row.id).await.unwrap();
    names(&cache, &query).await;
    storage.go_down(true);
    let renamed = Character { name: "Renamed".into(), ..row.clone() };
    cache.update_character(renamed, Expect::Any).await.unwrap_err();
    for wait in [0, 60] {
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
    let cache = cached(&storage);
    let row = storage.inner.create_character(torormir()).await.unwrap();
    let query = CharacterQuery { user_id: Some(row.user_id), ..CharacterQuery::live() };
    cache.get_character(row.id).await.unwrap();
    names(&cache, &query).await;
    storage.commits(Commits::AnswerLost);
    let renamed = Character { name: "Renamed".into(), ..row.clone() };
    cache.update_character(renamed, Expect::Any).await.unwrap_err();
    for wait in [0, 60] {
        tokio::time::sleep(Duration::from_secs(wait)).await;
        assert_eq!(name(&cache, row.id).await.as_deref(), Some("Renamed"));
        assert_eq!(names(&cache, &query).await, ["Renamed"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_arrives_after_its_failure_was_told_is_seen() {
    let storage = Scripted::default();
    let cache = cached(&storage);
    let row = storage.inner.create_character(torormir()).await.unwrap();
    storage.commits(Commits::Lost);
    let renamed = Character { name: "Renamed".into(), ..row.clone() };
    cache.update_character(renamed.clone(), Expect::Any).await.unwrap_err();
    assert_eq!(name(&cache, row.id).await.as_deref(), Some("Torormir"));
    // It was on its way all the time.
    storage.inner.update_character(renamed, Expect::Any).await.unwrap();
    assert_eq!(name(&cache, row.id).await.as_deref(), Some("Renamed"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_leaves_what_was_current_and_a_conflict_does_not() {
    let storage = Scripted::default();
    let cache = cached(&storage);
    let row = storage.inner.create_character(torormir()).await.unwrap();
    cache.get_character(row.id).await.unwrap();
    let nameless = Character { name: String::new(), ..row.clone() };
    cache.update_character(nameless, Expect::Any).await.unwrap_err();
    assert!(matches!(cache.get_character(row.id).await.unwrap().source, Source::Cache { .. }));
    let renamed = Character { name: "By another".into(), ..row.clone() };
    storage.inner.update_character(renamed.clone(), Expect::Any).await.unwrap();
    let error = cache.update_character(renamed, Expect::Revision(row.meta.revision)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Conflict { .. }));
    assert_eq!(name(&cache, row.id).await.as_deref(), Some("By another"));
}

#[tokio::test(start_paused = true)]
async fn a_move_between_campaigns_is_seen_in_both_lists() {
    for known in [true, false] {
        let storage = Scripted::default();
        let cache = cached(&storage);
        let (from, to) = (CampaignId::new(), CampaignId::new());
        let row = Character { campaign_id: Some(from), ..torormir() };
        let row = storage.inner.create_character(row).await.unwrap();
        assert_eq!(
            (names(&cache, &of_campaign(from)).await.len(), names(&cache, &of_campaign(to)).await.len()),
            (1, 0)
        );
        names(&cache, &of_campaign(from)).await;
        assert_eq!(storage.reads(), 2, "lists are kept");
        if known {
            name(&cache, row.id).await;
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
    let cache = cached(&storage);
    let (one, other) = (torormir(), torormir());
    for row in [&one, &other] {
        storage.inner.create_character(row.clone()).await.unwrap();
        name(&cache, row.id).await;
    }
    let query = CharacterQuery { user_id: Some(other.user_id), ..CharacterQuery::live() };
    names(&cache, &query).await;
    let reads = storage.reads();
    cache.update_character(Character { name: "Renamed".into(), ..one }, Expect::Any).await.unwrap();
    names(&cache, &query).await;
    assert_eq!(storage.reads(), reads);
}

fn two_processes(storage: &Scripted) -> (Cached, Cached) {
    let tier = MemorySharedTier::new();
    let another = tier.another();
    (over(storage, Some(Arc::new(tier))), over(storage, Some(Arc::new(another))))
}

#[tokio::test(start_paused = true)]
async fn one_process_reads_what_another_has_loaded_and_sees_what_it_writes() {
    let storage = Scripted::default();
    let (one, two) = two_processes(&storage);
    let row = storage.inner.create_character(torormir()).await.unwrap();
    let query = CharacterQuery { user_id: Some(row.user_id), ..CharacterQuery::live() };
    name(&one, row.id).await;
    names(&one, &query).await;
    let read = two.get_character(row.id).await.unwrap();
    assert!(matches!(read.source, Source::Cache { tier: Tier::Shared, .. }));
    assert_eq!((read.value, names(&two, &query).await.len(), storage.reads()), (row.clone(), 1, 2));
    one.update_character(Character { name: "Renamed".into(), ..row.clone() }, Expect::Any).await.unwrap();
    assert_eq!(name(&two, row.id).await.as_deref(), Some("Renamed"));
    assert_eq!(names(&two, &query).await, ["Renamed"]);
    two.delete_character(row.id, Expect::Any).await.unwrap();
    assert_eq!((name(&one, row.id).await, names(&one, &query).await.len()), (None, 0));
}

#[derive(Debug, Default)]
struct Deaf(std::sync::Mutex<Option<Arc<dyn Invalidations>>>, MemorySharedTier);

#[async_trait::async_trait]
impl SharedTier for Deaf {
    async fn get_or_lease(&self, key: &character_cache::Key, fresh: Duration) -> character_cache::Lookup {
        self.1.get_or_lease(key, fresh).await
    }
    async fn fill(
        &self,
        key: &character_cache::Key,
        lease: character_cache::Lease,
        value: Option<bytes::Bytes>,
    ) -> bool {
        self.1.fill(key, lease, value).await
    }
    async fn release(&self, key: &character_cache::Key, lease: character_cache::Lease) {
        self.1.release(key, lease).await;
    }
    async fn fence(&self, keys: &[character_cache::Key]) -> character_cache::Fence {
        self.1.fence(keys).await
    }
    async fn settle(
        &self,
        fence: character_cache::Fence,
        keys: Vec<(character_cache::Key, character_cache::Settlement)>,
    ) {
        self.1.settle(fence, keys).await;
    }
    async fn remove(&self, keys: &[character_cache::Key]) {
        self.1.remove(keys).await;
    }
    async fn clear(&self) {
        self.1.clear().await;
    }
    fn attach(&self, sink: Arc<dyn Invalidations>) {
        *self.0.lock().expect("no panic holds it") = Some(sink);
    }
}

#[tokio::test(start_paused = true)]
async fn without_news_of_others_nothing_in_this_process_counts_as_current() {
    let storage = Scripted::default();
    let deaf = Arc::new(Deaf::default());
    let other = over(&storage, Some(Arc::new(deaf.1.another())));
    let cache = over(&storage, Some(Arc::clone(&deaf) as _));
    let row = storage.inner.create_character(torormir()).await.unwrap();
    name(&cache, row.id).await;
    let local = |source| matches!(source, Source::Cache { tier: Tier::Local, .. });
    assert!(!local(cache.get_character(row.id).await.unwrap().source));
    let sink = deaf.0.lock().unwrap().clone().unwrap();
    sink.channel_heard(Instant::now() + Duration::from_secs(3));
    name(&cache, row.id).await;
    assert!(local(cache.get_character(row.id).await.unwrap().source));
    sink.channel_lost();
    other.update_character(Character { name: "Renamed".into(), ..row.clone() }, Expect::Any).await.unwrap();
    assert_eq!(name(&cache, row.id).await.as_deref(), Some("Renamed"));
}

/// A process that was suspended runs on before anything in it can find that its connections are dead.
#[tokio::test(start_paused = true)]
async fn what_is_in_a_process_stops_being_current_by_itself_when_others_are_not_heard_in_time() {
    let storage = Scripted::default();
    let deaf = Arc::new(Deaf::default());
    let other = over(&storage, Some(Arc::new(deaf.1.another())));
    let cache = over(&storage, Some(Arc::clone(&deaf) as _));
    let row = storage.inner.create_character(Character { campaign_id: Some(CampaignId::new()), ..torormir() });
    let row = row.await.unwrap();
    let all = of_campaign(row.campaign_id.unwrap());
    let sink = deaf.0.lock().unwrap().clone().unwrap();
    sink.channel_heard(Instant::now() + Duration::from_secs(3));
    for _ in 0..2 {
        assert_eq!((name(&cache, row.id).await, names(&cache, &all).await.len()), (Some("Torormir".into()), 1));
    }
    let renamed = Character { name: "Renamed".into(), ..row.clone() };
    let renamed = other.update_character(renamed, Expect::Any).await.unwrap();
    tokio::time::advance(Duration::from_millis(2_999)).await;
    assert_eq!(name(&cache, row.id).await.as_deref(), Some("Torormir"), "it has not heard of it yet");
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(name(&cache, row.id).await.as_deref(), Some("Renamed"));
    assert_eq!(names(&cache, &all).await, ["Renamed"]);
    // Heard again, without having been told of a loss: what was kept while nothing counted is not believed either.
    other.update_character(Character { name: "Once more".into(), ..renamed }, Expect::Any).await.unwrap();
    sink.channel_heard(Instant::now() + Duration::from_secs(3));
    assert_eq!(name(&cache, row.id).await.as_deref(), Some("Once more"));
    assert_eq!(names(&cache, &all).await, ["Once more"]);
}

#[tokio::test]
async fn a_reader_that_never_rests_does_not_keep_a_write_from_ending() {
    let storage = Scripted::default();
    let cache = cached(&storage);
    let row = storage.inner.create_character(torormir()).await.unwrap();
    let reader = cache.clone();
    // One thread for both: the reader must let go of it by itself.
    let reading = tokio::spawn(async move {
        for _ in 0..100_000 {
            if name(&reader, row.id).await.as_deref() == Some("Renamed") {
                return true;
            }
        }
        false
    });
    tokio::task::yield_now().await;
    cache.update_character(Character { name: "Renamed".into(), ..row.clone() }, Expect::Any).await.unwrap();
    assert!(reading.await.unwrap());
}

#[tokio::test]
async fn who_was_told_a_new_state_past_the_cache_is_not_told_an_older_one_after() {
    for shared in [None, Some(Arc::new(MemorySharedTier::new()) as Arc<dyn SharedTier>)] {
        let storage = Scripted::default();
        let cache = over(&storage, shared);
        let (old, new) = (CampaignId::new(), CampaignId::new());
        let row = Character { campaign_id: Some(old), ..torormir() };
        let row = storage.inner.create_character(row).await.unwrap();
        for _ in 0..2 {
            assert_eq!(name(&cache, row.id).await.as_deref(), Some("Torormir"));
            assert_eq!(
                (names(&cache, &of_campaign(old)).await.len(), names(&cache, &of_campaign(new)).await.len()),
                (1, 0)
            );
        }
        // Another process wrote, and could not say so.
        let moved = Character { name: "Moved".into(), campaign_id: Some(new), ..row.clone() };
        storage.inner.update_character(moved, Expect::Any).await.unwrap();
        assert_eq!(name(&cache, row.id).await.as_deref(), Some("Torormir"), "nobody has told us");
        assert_eq!(name(&cache.uncached(), row.id).await.as_deref(), Some("Moved"));
        assert_eq!(name(&cache, row.id).await.as_deref(), Some("Moved"));
        assert_eq!(
            (names(&cache, &of_campaign(old)).await.len(), names(&cache, &of_campaign(new)).await.len()),
            (0, 1)
        );
        // The same where a list told it.
        let back = Character { name: "Back".into(), ..row.clone() };
        storage.inner.update_character(back, Expect::Any).await.unwrap();
        assert_eq!(names(&cache.uncached(), &of_campaign(old)).await, ["Back"]);
        assert_eq!(name(&cache, row.id).await.as_deref(), Some("Back"));
        assert_eq!(
            (names(&cache, &of_campaign(old)).await.len(), names(&cache, &of_campaign(new)).await.len()),
            (1, 0)
        );
    }
}

#[tokio::test]
async fn a_read_past_the_cache_takes_nothing_current_from_it() {
    let storage = Scripted::default();
    let cache = cached(&storage);
    let row = cache.create_character(torormir()).await.unwrap();
    name(&cache, row.id).await;
    name(&cache.uncached(), row.id).await;
    names(&cache.uncached(), &CharacterQuery::live()).await;
    let source = cache.get_character(row.id).await.unwrap().source;
    assert!(matches!(source, Source::Cache { tier: Tier::Local, .. }), "{source:?}");
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
        let inner: Arc<dyn StoragePort> = Arc::new(mock);
        let cache = Cached::new(inner, CacheOptions::default(), shared, CacheMetrics::default());
        let query = CharacterQuery { user_id: Some(row.user_id), ..CharacterQuery::live() };
        let list = async || cache.list_characters(&query, PageRequest::default()).await.unwrap().value;
        assert_eq!([list().await, list().await], [spoiled.clone(), spoiled]);
        // Once it is mended the page is kept.
        assert_eq!([list().await, list().await], [whole.clone(), whole]);
    }
}
