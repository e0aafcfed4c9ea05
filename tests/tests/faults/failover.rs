//! PostgreSQL is lost under load and its standby takes over, with and without a pooler in between: no process is restarted,
//! and nothing that was acknowledged is lost.

use super::{
    load::Load,
    world::{PEACE, Side, TOKEN, beside_others, each_of},
};
use crate::support::{Answer, client, metrics, send, sheet, try_send, until};
use character_tests::{PgBouncer, PostgresServer, RedisServer, Service};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// How long the service may need on a busy machine; how long it does need is printed.
const BACK_WITHIN: Duration = Duration::from_secs(30);

/// A program that follows the log with a cursor of its own.
struct Follower {
    stop: Arc<AtomicBool>,
    following: JoinHandle<Vec<String>>,
}

impl Follower {
    async fn start(storage: &Service) -> Self {
        let log = storage.url("/storage/v1/log");
        let head = send(client().get(format!("{log}/head")).bearer_auth(TOKEN)).await;
        let mut cursor = head.body["cursor"].as_str().unwrap().to_owned();
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let following = tokio::spawn(async move {
            let (http, mut transactions) = (client(), Vec::new());
            loop {
                let last = stopping.load(Relaxed);
                let question = [("after", cursor.as_str()), ("limit", "500"), ("wait_ms", "200")];
                let answer = try_send(http.get(&log).bearer_auth(TOKEN).query(&question)).await;
                let Some(batch) = answer.ok().filter(|answer| answer.status < 500) else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                // 410 would mean that the log began anew.
                assert_eq!(batch.status, 200, "{batch:?}");
                let commits = batch.body["commits"].as_array().unwrap();
                transactions.extend(commits.iter().map(|commit| commit["transaction"].as_str().unwrap().to_owned()));
                cursor = batch.body["next"].as_str().unwrap().to_owned();
                if last && commits.is_empty() {
                    return transactions;
                }
            }
        });
        Self { stop, following }
    }

    /// The transactions of every commit up to now.
    async fn end(self) -> Vec<String> {
        self.stop.store(true, Relaxed);
        self.following.await.unwrap()
    }
}

/// Every character with its revision, as a process shows it.
pub(super) fn shown(list: &Answer) -> BTreeMap<String, u64> {
    let items = list.body["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |row: &Value| (row["id"].as_str().unwrap().to_owned(), row["revision"].as_u64().unwrap());
    items.iter().map(row).collect()
}

/// Every character with its revision, as the server holds it.
pub(super) fn stored(server: &PostgresServer) -> BTreeMap<String, u64> {
    let rows = server.query("SELECT id, revision FROM characters");
    let row = |line: &str| line.split_once('|').map(|(id, revision)| (id.to_owned(), revision.parse().unwrap()));
    rows.lines().filter_map(row).collect()
}

/// How the primary is lost.
#[derive(Debug, Clone, Copy)]
enum Loss {
    /// Its process is killed, so that every connection breaks.
    Killed,
    /// It hangs with open connections, and accepts new ones.
    Frozen,
}

/// How the service finds the server that takes writes.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// By the addresses of both servers.
    BothAddresses,
    /// By a pooler that is led to the new server after its promotion.
    Pooler,
}

async fn fails_over(loss: Loss, way: Way) {
    let (primary, redis) = (PostgresServer::start(), RedisServer::start());
    let standby = primary.synchronous_standby();
    let pooler = match way {
        Way::BothAddresses => None,
        Way::Pooler => Some(PgBouncer::start(&primary)),
    };
    let url = match &pooler {
        Some(pooler) => format!("{}&target_session_attrs=read-write", pooler.url()),
        None => format!(
            "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write",
            primary.port(),
            standby.port()
        ),
    };
    let storage = Service::storage()
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("DATABASE_URL", url)
        .env("DATABASE_TIMEOUT_MS", "2000")
        .env("LOG_LEVEL", "warn")
        .start();
    let sides = [Side::new(&storage, Some(&redis), &[]), Side::new(&storage, None, &[])];
    let characters = sides.each_ref().map(|side| side.service.url("/api/v2/characters"));
    let follower = Follower::start(&storage).await;
    let load = Load::on(characters[0].clone()).await;
    tokio::time::sleep(each_of(2)).await;

    let lost = Instant::now();
    let _frozen = match loss {
        Loss::Killed => {
            primary.kill();
            None
        }
        Loss::Frozen => Some(primary.freeze()),
    };
    standby.promote();
    if let Some(pooler) = &pooler {
        pooler.lead_to(&standby);
    }
    let promoted = Instant::now();
    let created = |answer: &Answer| answer.status == 201;
    let after = || client().post(&characters[1]).json(&sheet("After"));
    let after = until(BACK_WITHIN, "a write", after, created).await;
    eprintln!(
        "{loss:?}, {way:?}: a write {:?} after the promotion, {:?} after the loss",
        promoted.elapsed(),
        lost.elapsed()
    );
    tokio::time::sleep(PEACE + each_of(2)).await;

    // No acknowledged write is lost, doubled or halved.
    let report = load.end().await;
    assert!(report.with_status(|status| status == 200) > 100, "{report:?}");
    // Retries may have hidden the loss from every client, so the proof that writes go to the standby is a row.
    let expected = stored(&standby);
    let after = after.body["id"].as_str().unwrap();
    assert!(expected.contains_key(after), "{loss:?}: the standby has not stored {after}: {report:?}");
    for url in &characters {
        let list = || client().get(format!("{url}?limit=1000&active_only=false"));
        until(Duration::from_secs(10), "the rows of the new primary", list, |list| shown(list) == expected).await;
    }
    // The cursor of a follower goes on, and finds each commit once.
    let transactions = follower.end().await;
    let unique: BTreeSet<&str> = transactions.iter().map(String::as_str).collect();
    assert_eq!(unique.len(), transactions.len(), "a commit was returned twice");
    let entries = standby.query("SELECT id FROM transactions WHERE epoch = (SELECT number FROM storage_log)");
    assert_eq!(unique, entries.lines().collect(), "the log has other commits than its follower");
    for side in &sides {
        assert_eq!(metrics(&side.service).await.metric("cache_log_restarts_total"), Some(0_u64));
    }
    // What still stands is ended before it can go on.
    primary.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_killed_is_replaced_by_its_standby_without_a_restart_and_without_a_lost_write() {
    let _shared = beside_others().await;
    fails_over(Loss::Killed, Way::BothAddresses).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_hangs_is_replaced_by_its_standby_without_a_restart_and_without_a_lost_write() {
    let _shared = beside_others().await;
    fails_over(Loss::Frozen, Way::BothAddresses).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_killed_behind_a_pooler_is_replaced_without_a_restart_and_without_a_lost_write() {
    let _shared = beside_others().await;
    fails_over(Loss::Killed, Way::Pooler).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_hangs_behind_a_pooler_is_replaced_without_a_restart_and_without_a_lost_write() {
    let _shared = beside_others().await;
    fails_over(Loss::Frozen, Way::Pooler).await;
}
