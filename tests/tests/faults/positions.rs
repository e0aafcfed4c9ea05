//! A client that sends its position back finds its own changes at every process; one that does not is behind by less than
//! the bound.

use super::{
    fleet::{over, storage},
    world::alone,
};
use crate::support::{Answer, client, send, until};
use character_tests::{PostgresServer, RedisServer};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use uuid::Uuid;

const PROCESSES: usize = 4;
const CLIENTS: usize = 8;
const DURATION: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);
/// The second for which cached values are trusted, a poll, a round trip, and two busy cores.
const BOUND: Duration = Duration::from_millis(1_700);

/// What the clients share.
struct Table {
    processes: [String; PROCESSES],
    http: reqwest::Client,
    /// All rows are in the lists of one user, so that those change with every write.
    user: Uuid,
    rows: Vec<Row>,
    hits: AtomicUsize,
    behind: Mutex<Duration>,
}

/// A row that one client changes, and when it learned of which revision.
struct Row {
    id: String,
    known: Mutex<Vec<(Instant, u64)>>,
}

fn revision(row: &Value) -> u64 {
    row["revision"].as_u64().unwrap_or_else(|| panic!("{row}"))
}

impl Table {
    fn row(&self, process: usize, id: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}/{id}", self.processes[process]))
    }

    /// Changes the row; its revision and the position of the change.
    async fn change(&self, process: usize, row: &Row) -> (u64, String) {
        let patch = json!({ "name": Uuid::new_v4() }).to_string();
        let request = self.http.patch(format!("{}/{}", self.processes[process], row.id));
        let request = request.header("content-type", "application/merge-patch+json").body(patch);
        let answer = send(request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let position = answer.header("storage-position").to_owned();
        assert!(!position.is_empty(), "{answer:?}");
        row.known.lock().unwrap().push((Instant::now(), revision(&answer.body)));
        (revision(&answer.body), position)
    }

    /// Reads the row at a process and finds the change in it, and in the list.
    async fn finds(&self, process: usize, id: &str, least: u64, position: &str) {
        let answer = send(self.row(process, id).header("storage-position", position)).await;
        assert_eq!(revision(&answer.body), least, "process {process}: {answer:?}");
        let list = self.http.get(&self.processes[process]).query(&[("user_id", self.user)]);
        let list = send(list.header("storage-position", position)).await;
        let items = list.body["items"].as_array().unwrap_or_else(|| panic!("{list:?}"));
        let listed = items.iter().find(|item| item["id"] == id).unwrap_or_else(|| panic!("{list:?}"));
        assert_eq!(revision(listed), least, "process {process}: {list:?}");
    }

    /// Reads a row of anybody without a position.
    async fn is_close_behind(&self, process: usize, row: &Row) {
        let asked = Instant::now();
        let known = row.known.lock().unwrap().clone();
        let answer = send(self.row(process, &row.id)).await;
        if answer.header("cache-status").contains("hit") {
            self.hits.fetch_add(1, Relaxed);
        }
        let told = revision(&answer.body);
        let Some((first, missed)) = known.into_iter().find(|(_, known)| *known > told) else { return };
        let behind = asked.duration_since(first);
        assert!(behind <= BOUND, "process {process} does not know of {missed} after {behind:?}: {answer:?}");
        let mut most = self.behind.lock().unwrap();
        *most = behind.max(*most);
    }

    async fn client(&self, number: usize) {
        let own = &self.rows[number];
        let end = Instant::now() + DURATION;
        let mut turn = number;
        while Instant::now() < end {
            // Each client goes through all pairs of processes, each in another order.
            let (writer, reader) = (turn % PROCESSES, (turn / PROCESSES + number) % PROCESSES);
            let (least, position) = self.change(writer, own).await;
            self.finds(reader, &own.id, least, &position).await;
            let row = &self.rows[(turn * 3) % CLIENTS];
            for process in 0..PROCESSES {
                self.is_close_behind(process, row).await;
            }
            turn += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_constant_writes_a_client_finds_its_own_changes_at_any_of_four_processes() {
    let _alone = alone().await;
    let (storage, redis) = (storage(&PostgresServer::shared().fresh_schema_url()), RedisServer::start());
    let services = [Some(&redis), None, Some(&redis), None].map(|redis| over(&storage, redis).start());
    let trusted = |answer: &Answer| answer.metric("cache_trusted") == Some(1_u64);
    for service in &services {
        until(Duration::from_secs(10), "the log is heard", || client().get(service.url("/metrics")), trusted).await;
    }
    let (http, user) = (client(), Uuid::new_v4());
    let mut rows = Vec::new();
    for number in 0..CLIENTS {
        let sheet = json!({ "name": format!("Row {number}"), "user_id": user });
        let made = send(http.post(services[0].url("/api/v2/characters")).json(&sheet)).await;
        rows.push(Row { id: made.id(), known: Mutex::new(vec![(Instant::now(), 1)]) });
    }
    let processes = services.each_ref().map(|service| service.url("/api/v2/characters"));
    let (hits, behind) = (AtomicUsize::new(0), Mutex::default());
    let table = Arc::new(Table { processes, http, user, rows, hits, behind });
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let table = Arc::clone(&table);
        clients.spawn(async move { table.client(number).await });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    let changes: usize = table.rows.iter().map(|row| row.known.lock().unwrap().len() - 1).sum();
    let (hits, behind) = (table.hits.load(Relaxed), *table.behind.lock().unwrap());
    eprintln!("{changes} changes, all found; {hits} hits without a position, behind by {behind:?} at most");
    assert!(changes >= 4 * CLIENTS && hits >= 1, "{changes} changes, {hits} hits");
}
