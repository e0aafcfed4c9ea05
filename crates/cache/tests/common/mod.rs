//! A storage whose failures and delays the test decides, and processes that have a cache over it.

pub(crate) mod epochs;
pub(crate) mod gates;
pub(crate) mod hunt;
pub(crate) mod interleavings;
pub(crate) mod log;
pub(crate) mod mutants;
pub(crate) mod naive;

use character_cache::{CacheMetrics, CacheOptions, Cached, SharedTier};
use character_domain::{CampaignId, Character, UserId, now};
use character_storage_port::{
    CharacterQuery, Deleted, Epoch, ErrorKind, MemoryStorage, PageRequest, StoragePort, Store, delegate_port,
};
use character_storage_testkit::{Course, Fault, Operation, ScriptedFaults};
use epochs::Epochs;
use log::ScriptedLog;
use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// What happens to commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Commits {
    #[default]
    Work,
    /// Not applied, and the outcome is unknown to the caller.
    Lost,
    /// Applied, and the outcome is unknown to the caller.
    AnswerLost,
}

/// How calls go at present.
#[derive(Clone, Copy, Debug, Default)]
struct Ways {
    is_down: bool,
    commits: Commits,
    /// How long each half of a call takes.
    delay: Option<Duration>,
    /// Whether tasks are made to interleave at each step.
    yields: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    pub(crate) inner: MemoryStorage,
    epochs: Epochs,
    port: ScriptedFaults<Epochs>,
    ways: Arc<Mutex<Ways>>,
}

delegate_port!(Store, Commit, Log, Consumers, Snapshot, Probe for [] Scripted, it => it.port);

impl Default for Scripted {
    fn default() -> Self {
        let inner = MemoryStorage::new();
        let epochs = Epochs::of(&inner);
        let port = ScriptedFaults::new(Arc::new(epochs.clone())).committing_one_by_one();
        let ways = Arc::<Mutex<Ways>>::default();
        let of_calls = Arc::clone(&ways);
        port.direct(move |operation| course(operation, &of_calls));
        Self { inner, epochs, port, ways }
    }
}

impl Scripted {
    /// One whose tasks interleave at each step.
    pub(crate) fn interleaving() -> Self {
        let storage = Self::default();
        storage.ways().yields = true;
        storage
    }
    /// Begins an epoch of the log.
    pub(crate) async fn begin(&self, epoch: Epoch) {
        self.epochs.begin(epoch).await;
    }
    pub(crate) fn reads(&self) -> usize {
        self.port.calls(Operation::Find) + self.port.calls(Operation::List)
    }
    pub(crate) fn go_down(&self) {
        self.ways().is_down = true;
    }
    pub(crate) fn come_up(&self) {
        self.ways().is_down = false;
    }
    pub(crate) fn commits(&self, commits: Commits) {
        self.ways().commits = commits;
    }
    pub(crate) fn answer_after(&self, delay: Duration) {
        self.ways().delay = Some(delay);
    }
    pub(crate) fn answer_at_once(&self) {
        self.ways().delay = None;
    }
    fn ways(&self) -> MutexGuard<'_, Ways> {
        self.ways.lock().expect("no panic holds it")
    }
}

fn course(operation: Operation, ways: &Arc<Mutex<Ways>>) -> Course {
    let down = ErrorKind::Unavailable { retry_after: None };
    let now = *ways.lock().expect("no panic holds it");
    if now.is_down || (operation == Operation::Commit && now.commits == Commits::Lost) {
        return Fault::FailBefore(down).into();
    }
    let (before, after) = (Arc::clone(ways), Arc::clone(ways));
    match operation {
        Operation::Find | Operation::List | Operation::Commit => {
            let is_lost = operation == Operation::Commit && now.commits == Commits::AnswerLost;
            Course::default().before(on_its_way(before)).after(async move {
                on_its_way(after).await;
                if is_lost { Err(down) } else { Ok(()) }
            })
        }
        // An outage that begins meanwhile ends the wait for news.
        Operation::Follow => Course::default()
            .after(async move { if after.lock().expect("no panic holds it").is_down { Err(down) } else { Ok(()) } }),
        _ => Course::default(),
    }
}

async fn on_its_way(ways: Arc<Mutex<Ways>>) {
    let Ways { yields, delay, .. } = *ways.lock().expect("no panic holds it");
    if yields {
        for _ in 0..rand::random_range(0..4) {
            tokio::task::yield_now().await;
        }
    }
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
}

pub(crate) fn torormir() -> Character {
    Character::new(UserId::new(), "Torormir", now())
}

/// A process that hears the log of the storage.
pub(crate) async fn process(storage: &Scripted, options: CacheOptions, shared: Option<Arc<dyn SharedTier>>) -> Cached {
    let (cache, _) = process_that_hears(storage, options, shared).await;
    cache
}

/// The same, and how well it hears.
pub(crate) async fn process_that_hears(
    storage: &Scripted,
    options: CacheOptions,
    shared: Option<Arc<dyn SharedTier>>,
) -> (Cached, ScriptedLog) {
    let log = ScriptedLog::over(storage.clone());
    let cache = unheard_process(storage, &log, options, shared);
    assert!(cache.ready(Duration::from_secs(5)).await, "the log is heard");
    (cache, log)
}

/// A process that may not have heard anything yet.
pub(crate) fn unheard_process(
    storage: &Scripted,
    log: &ScriptedLog,
    options: CacheOptions,
    shared: Option<Arc<dyn SharedTier>>,
) -> Cached {
    let inner: Arc<dyn StoragePort> = Arc::new(storage.clone());
    let (cache, follower) = Cached::new(inner, Arc::new(log.clone()), options, shared, CacheMetrics::default())
        .expect("the options are right");
    tokio::spawn(follower.run());
    cache
}

/// Until every process has heard what there is. In paused time the clock stands still while anybody has work.
pub(crate) async fn news() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

pub(crate) async fn name(storage: &impl Store<Character>, row: &Character) -> Option<String> {
    storage.find(row.id, Deleted::Exclude).await.expect("a find is answered").value.map(|row| row.name)
}

pub(crate) async fn names(storage: &impl Store<Character>, query: &CharacterQuery) -> Vec<String> {
    let page = storage.list(query, PageRequest::default()).await.expect("a list is answered").value;
    page.items.into_iter().map(|row| row.name).collect()
}

pub(crate) fn of_user(row: &Character) -> CharacterQuery {
    CharacterQuery { user_id: Some(row.user_id), ..CharacterQuery::live() }
}

pub(crate) fn of_campaign(id: CampaignId) -> CharacterQuery {
    CharacterQuery { campaign_id: Some(id), ..CharacterQuery::live() }
}

pub(crate) fn renamed(row: &Character, name: &str) -> Character {
    Character { name: name.into(), ..row.clone() }
}

/// Lets time go by, at least two seconds of it, at whose end the log has been heard.
pub(crate) async fn pass(time: Duration) {
    let end = Duration::from_secs(2);
    tokio::time::advance(time.saturating_sub(end)).await;
    tokio::time::sleep(end).await;
}
