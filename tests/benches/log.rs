//! How soon another process receives a commit, and what eight followers cost the Storage Service.
//!
//! `cargo bench -p character-tests --bench log`
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement that cannot be made has failed")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use character_domain::{Character, CharacterId, UserId, now};
use character_storage_http::{HttpStorage, HttpStorageConfig};
use character_storage_port::{
    Change, Commit, Deleted, DomainEvent, Log, LogCursor, MAX_FOLLOWED, StoragePort, Store, Transaction, TransactionId,
};
use character_storage_sql::{SqlOptions, SqlStorage};
use character_tests::{PostgresServer, Service, percentile, processor_time};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, task::JoinSet};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// As a cache asks.
const WAIT: Duration = Duration::from_millis(200);
/// What the service polls with unless configured.
const POLL: Duration = Duration::from_millis(100);
const ROUND: Duration = Duration::from_secs(10);
const FOLLOWERS: usize = 8;
const BATCH: usize = 100;
/// Fifty batches a second are 5,000 commits.
const BATCH_EVERY: Duration = Duration::from_millis(20);

fn main() {
    if std::env::args().any(|argument| argument == "--bench") {
        let postgres = PostgresServer::start();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            commit_to_news(&postgres).await;
            eight_followers(&postgres).await;
        });
    }
}

fn service(database: &str) -> Service {
    let builder = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("DATABASE_URL", database);
    builder.env("LOG_LEVEL", "warn").start()
}

fn connect(service: &Service) -> Arc<dyn StoragePort> {
    let config = HttpStorageConfig::new(service.url("").parse().unwrap(), TOKEN.to_owned().into());
    Arc::new(HttpStorage::connect(config).unwrap())
}

/// A new character and the event of its creation.
fn creation() -> Transaction {
    let character = Character::new(UserId::new(), "Torormir", now());
    let event = DomainEvent::new("character.created", character.id, now(), json!({ "name": "Torormir" }));
    Transaction::new().with(Change::Create(character)).with_event(event)
}

/// Reads the log of a service, on a thread of its own as in a process with a cache.
struct Follower {
    stop: Arc<AtomicBool>,
    told: Arc<AtomicU64>,
    thread: JoinHandle<HashMap<TransactionId, Instant>>,
}

impl Follower {
    /// From the end of the log.
    async fn start(service: &Service) -> Self {
        let head = connect(service).head().await.unwrap();
        let (storage, stop, told) = (connect(service), Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&told));
        let thread = thread::spawn(move || follow(&*storage, head, &stopped, &counted));
        Self { stop, told, thread }
    }

    /// When each commit was received.
    fn end(self) -> HashMap<TransactionId, Instant> {
        self.stop.store(true, Relaxed);
        self.thread.join().unwrap()
    }
}

fn follow(
    storage: &dyn StoragePort,
    mut cursor: LogCursor,
    stop: &AtomicBool,
    told: &AtomicU64,
) -> HashMap<TransactionId, Instant> {
    let runtime: Runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut heard = HashMap::new();
        loop {
            let batch = storage.follow(&cursor, MAX_FOLLOWED, WAIT).await.unwrap();
            let now = Instant::now();
            heard.extend(batch.commits.iter().map(|commit| (commit.transaction, now)));
            told.fetch_add(batch.commits.len() as u64, Relaxed);
            cursor = batch.next;
            if stop.load(Relaxed) && !batch.more {
                return heard;
            }
        }
    })
}

/// The median and the 99th percentile.
fn line(what: &str, times: &[Duration]) -> (Duration, Duration) {
    let [median, most] = [50, 99].map(|percent| percentile(times, percent));
    println!("  {what:<58} p50 {median:>9.2?}  p99 {most:>9.2?}  of {}", times.len());
    (median, most)
}

async fn commit_to_news(postgres: &PostgresServer) {
    println!("from the acknowledgement of a commit at one storage-service to its news over another one");
    for (how, option, aim) in [
        ("NOTIFY", "", (Duration::from_millis(5), Duration::from_millis(50))),
        ("polling", "&pool_mode=transaction", {
            let most = POLL + Duration::from_millis(20);
            (most, most)
        }),
    ] {
        let database = postgres.fresh_schema_url();
        // Behind a pooler in transaction mode nothing is listened to.
        let (writing, reading) = (service(&database), service(&format!("{database}{option}")));
        for (rate, every) in [("quiet", Duration::from_millis(37)), ("500 commits/s", Duration::from_millis(2))] {
            let follower = Follower::start(&reading).await;
            let committed = commits(connect(&writing), every).await;
            tokio::time::sleep(2 * POLL).await;
            let heard = follower.end();
            assert!(committed.keys().all(|id| heard.contains_key(id)), "a commit was not told");
            let lags: Vec<_> = committed.iter().map(|(id, at)| heard[id].saturating_duration_since(*at)).collect();
            let (median, most) = line(&format!("{how}, {rate}"), &lags);
            if median > aim.0 || most > aim.1 {
                println!("  MISSED: the aim is {:?} and {:?}", aim.0, aim.1);
            }
        }
        line("beside: a find over the same service", &round_trips(&*connect(&reading)).await);
    }
}

/// Commits at this pace, whatever the storage needs for each; when each was acknowledged.
async fn commits(storage: Arc<dyn StoragePort>, every: Duration) -> HashMap<TransactionId, Instant> {
    let (mut ticks, end) = (tokio::time::interval(every), Instant::now() + ROUND);
    let mut committing = JoinSet::new();
    while Instant::now() < end {
        ticks.tick().await;
        let storage = Arc::clone(&storage);
        committing.spawn(async move { (storage.commit(creation()).await.unwrap().id, Instant::now()) });
    }
    committing.join_all().await.into_iter().collect()
}

async fn round_trips(storage: &dyn StoragePort) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..200 {
        let begin = Instant::now();
        let found = Store::<Character>::find(storage, CharacterId::new(), Deleted::Exclude).await.unwrap();
        assert!(found.value.is_none());
        times.push(begin.elapsed());
    }
    times
}

/// Commits of this process, directly at the database, so that the service only tells of them. The rate, and the processors
/// that the service used meanwhile.
async fn told_by(service: &Service, storage: &SqlStorage) -> (f64, f64) {
    let process = [service.pid().unwrap()];
    let (mut ticks, begin, before) = (tokio::time::interval(BATCH_EVERY), Instant::now(), processor_time(&process));
    let mut commits = 0_u32;
    while begin.elapsed() < ROUND {
        ticks.tick().await;
        let committed = storage.commit_each((0..BATCH).map(|_| creation()).collect()).await;
        commits += u32::try_from(committed.into_iter().filter(Result::is_ok).count()).unwrap();
    }
    let (took, used) = (begin.elapsed().as_secs_f64(), processor_time(&process).saturating_sub(before));
    (f64::from(commits) / took, used.as_secs_f64() / took)
}

async fn eight_followers(postgres: &PostgresServer) {
    println!("processors that a storage-service uses to tell the commits of another process");
    let database = postgres.fresh_schema_url();
    let storage = SqlStorage::connect(&database, SqlOptions::default()).await.unwrap();
    let service = service(&database);
    let mut alone = 0.0;
    for followers in [0, 1, FOLLOWERS] {
        let mut following = Vec::new();
        for _ in 0..followers {
            following.push(Follower::start(&service).await);
        }
        let (rate, used) = told_by(&service, &storage).await;
        tokio::time::sleep(2 * POLL).await;
        let told: Vec<u64> = following.iter().map(|follower| follower.told.load(Relaxed)).collect();
        assert!(told.windows(2).all(|both| both[0] == both[1]), "{told:?}");
        following.into_iter().for_each(|follower| drop(follower.end()));
        let of_5000 = used * 5_000.0 / rate;
        println!(
            "  {followers} followers, {rate:>5.0} commits/s: {used:.3} processors, {of_5000:.3} for 5,000 commits/s"
        );
        if followers == 0 {
            alone = of_5000;
        } else if of_5000 - alone > 0.1 {
            println!("  MISSED: the aim is 0.1 more than without");
        }
    }
}
