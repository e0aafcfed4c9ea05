//! Databases that were restored: no process shows what the database does not have.

use super::{
    fleet::{over, storage, with},
    world::{TOKEN, alone},
};
use crate::support::{Answer, client, metrics, send, until};
use character_tests::{PostgresServer, RedisServer, Service, ServiceBuilder, query_sqlite};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// The second for which cached values are trusted, a poll, a round trip, and two busy cores.
const BOUND: Duration = Duration::from_millis(1_700);
const ROWS: usize = 12;
/// What the processes note in Redis is about a second old.
const NOTED: Duration = Duration::from_millis(1_200);

/// The revision of each row that is there.
type State = BTreeMap<String, u64>;

/// The characters of one user, as several processes show them.
struct Roll {
    processes: Vec<String>,
    user: Uuid,
    ids: Vec<String>,
    http: reqwest::Client,
}

impl Roll {
    async fn new(services: &[&Service]) -> Self {
        let processes = services.iter().map(|service| service.url("/api/v2/characters")).collect();
        let mut roll = Self { processes, user: Uuid::new_v4(), ids: Vec::new(), http: client() };
        for number in 0..ROWS {
            roll.create(number).await;
        }
        roll
    }

    async fn create(&mut self, number: usize) {
        let sheet = json!({ "name": format!("Member {number}"), "user_id": self.user });
        let made = send(self.http.post(&self.processes[number % self.processes.len()]).json(&sheet)).await;
        assert_eq!(made.status, 201, "{made:?}");
        self.ids.push(made.id());
    }

    fn patch(&self, process: usize, id: &str) -> reqwest::RequestBuilder {
        let patch = json!({ "name": Uuid::new_v4() }).to_string();
        let request = self.http.patch(format!("{}/{id}", self.processes[process]));
        request.header("content-type", "application/merge-patch+json").body(patch)
    }

    /// Some rows are changed, some deleted and some created.
    async fn changes(&mut self) {
        for number in 0..ROWS {
            let (process, id) = (number % self.processes.len(), self.ids[number].clone());
            let changed = match number % 3 {
                0 => send(self.patch(process, &id)).await,
                1 => send(self.http.delete(format!("{}/{id}", self.processes[process]))).await,
                _ => continue,
            };
            assert!(matches!(changed.status, 200 | 204), "{changed:?}");
        }
        for number in 0..3 {
            self.create(number).await;
        }
    }

    fn of_user(&self, process: usize) -> reqwest::RequestBuilder {
        self.http.get(&self.processes[process]).query(&[("user_id", self.user.to_string().as_str()), ("limit", "100")])
    }

    /// What a process shows, row by row and as a list.
    async fn shown(&self, process: usize) -> (State, State) {
        let (mut rows, revision) = (State::new(), |row: &Value| row["revision"].as_u64().unwrap());
        for id in &self.ids {
            let answer = send(self.http.get(format!("{}/{id}", self.processes[process]))).await;
            match answer.status {
                200 => drop(rows.insert(id.clone(), revision(&answer.body))),
                status => assert_eq!(status, 404, "{answer:?}"),
            }
        }
        let list = send(self.of_user(process)).await;
        let items = list.body["items"].as_array().unwrap_or_else(|| panic!("{list:?}"));
        let listed = items.iter().map(|row| (row["id"].as_str().unwrap().to_owned(), revision(row))).collect();
        (rows, listed)
    }

    /// What all processes show, at once or soon.
    async fn settles(&self) -> State {
        let (state, listed) = self.shown(0).await;
        assert_eq!(state, listed);
        tokio::time::sleep(BOUND).await;
        self.shows(&state).await;
        state
    }

    /// Everything is held by every process.
    async fn is_held(&self) {
        let is_hit = |answer: &Answer| answer.status == 404 || answer.header("cache-status").contains("detail=local");
        for process in 0..self.processes.len() {
            for id in &self.ids {
                let get = || self.http.get(format!("{}/{id}", self.processes[process]));
                until(Duration::from_secs(10), "a row is held", get, is_hit).await;
            }
            until(Duration::from_secs(10), "the list is held", || self.of_user(process), is_hit).await;
        }
    }

    async fn shows(&self, state: &State) {
        for process in 0..self.processes.len() {
            let (rows, listed) = self.shown(process).await;
            assert_eq!((&rows, &listed), (state, state), "process {process}");
        }
    }

    /// The processes show the older state, now and later, and work with it.
    async fn is_back_at(&mut self, state: &State) {
        for _ in 0..2 {
            self.shows(state).await;
        }
        let (id, revision) = state.iter().next().unwrap();
        let changed = send(self.patch(0, id).header("if-match", format!("\"{revision}\""))).await;
        assert_eq!((changed.status, changed.body["revision"].as_u64()), (200, Some(revision + 1)), "{changed:?}");
        let position = changed.header("storage-position");
        for process in &self.processes {
            let answer = send(self.http.get(format!("{process}/{id}")).header("storage-position", position)).await;
            assert_eq!(answer.body["revision"].as_u64(), Some(revision + 1), "{answer:?}");
        }
        self.create(1).await;
        self.settles().await;
    }
}

/// How often a process has dropped everything because the log began again.
async fn restarts(service: &Service) -> u64 {
    metrics(service).await.metric("cache_log_restarts_total").unwrap()
}

/// A backup of a schema in PostgreSQL, and how it is restored.
struct Backup(String);

impl Backup {
    /// Tables and rows.
    fn whole(url: &str) -> Self {
        Self(PostgresServer::shared().dump(url, &["--clean", "--if-exists"]))
    }

    /// The rows alone, so that the tables stay the same.
    fn of_rows(url: &str) -> Self {
        let server = PostgresServer::shared();
        let schema = url.rsplit("%3D").next().unwrap();
        let list = "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables WHERE schemaname";
        let tables = server.query(&format!("{list} = '{schema}'"));
        Self(format!("TRUNCATE {tables};\n{}", server.dump(url, &["--data-only"])))
    }

    fn put_back(&self) {
        PostgresServer::shared().run_script(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_that_is_put_back_under_running_processes_is_what_they_show_within_the_bound() {
    let _alone = alone().await;
    for backup in [Backup::whole, Backup::of_rows] {
        let (url, redis) = (PostgresServer::shared().fresh_schema_url(), RedisServer::start());
        let storage = storage(&url);
        let services = [over(&storage, Some(&redis)).start(), over(&storage, None).start()];
        let mut roll = Roll::new(&services.each_ref()).await;
        let (before, backup) = (roll.settles().await, backup(&url));
        roll.changes().await;
        roll.is_held().await;
        backup.put_back();
        tokio::time::sleep(BOUND).await;
        roll.is_back_at(&before).await;
        storage.await_output("a new epoch");
        for service in &services {
            assert!(restarts(service).await >= 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_recovered_to_a_point_in_time_under_running_processes_is_what_they_show() {
    let _alone = alone().await;
    let (server, redis) = (PostgresServer::start_with_archive(), RedisServer::start());
    let storage = storage(&server.url());
    let settled = |builder: ServiceBuilder| builder.env("STORAGE_BREAKER_RECOVERY_SECS", "1").start();
    let services = [settled(over(&storage, Some(&redis))), settled(over(&storage, None))];
    let mut roll = Roll::new(&services.each_ref()).await;
    server.base_backup();
    roll.create(ROWS).await;
    let before = roll.settles().await;
    let time = server.query("SELECT clock_timestamp()");
    roll.changes().await;
    roll.is_held().await;
    server.recover_to(&time);
    for service in &services {
        let absent = service.url(&format!("/api/v2/characters/{}", Uuid::new_v4()));
        until(Duration::from_secs(30), "the database", || client().get(&absent), |answer| answer.status == 404).await;
    }
    tokio::time::sleep(BOUND).await;
    roll.is_back_at(&before).await;
    storage.await_output("a new epoch");
    for service in &services {
        assert!(restarts(service).await >= 1);
    }
}

/// Only what is noted in Redis tells of the lost commits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_that_is_put_back_while_everything_is_stopped_is_all_that_is_shown_after_the_start() {
    let _alone = alone().await;
    for backup in [Backup::whole, Backup::of_rows] {
        let (url, redis) = (PostgresServer::shared().fresh_schema_url(), RedisServer::start());
        let storage = storage(&url);
        let services = [over(&storage, Some(&redis)).start(), over(&storage, None).start()];
        let mut roll = Roll::new(&services.each_ref()).await;
        let (before, backup) = (roll.settles().await, backup(&url));
        roll.changes().await;
        roll.is_held().await;
        tokio::time::sleep(NOTED).await;
        services.iter().for_each(|service| assert_eq!(service.terminate(), 0));
        assert_eq!(storage.terminate(), 0);
        backup.put_back();
        storage.restart();
        services.iter().for_each(Service::restart);
        roll.is_back_at(&before).await;
        storage.await_output("a new epoch");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_epoch_by_hand_empties_every_cache_and_changes_nothing_else() {
    let _alone = alone().await;
    let (url, redis) = (PostgresServer::shared().fresh_schema_url(), RedisServer::start());
    let storage = storage(&url);
    let services = [over(&storage, Some(&redis)).start(), over(&storage, None).start()];
    let mut roll = Roll::new(&services.each_ref()).await;
    roll.changes().await;
    let before = roll.settles().await;
    roll.is_held().await;
    let by_hand =
        Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("DATABASE_URL", &url).arg("new-epoch").run();
    assert!(by_hand.code == Some(0) && by_hand.output.contains("new epoch"), "{by_hand:?}");
    tokio::time::sleep(BOUND).await;
    for process in &roll.processes {
        let (id, _) = before.iter().next().unwrap();
        let answer = send(roll.http.get(format!("{process}/{id}"))).await;
        // What one has loaded since, the other may have from Redis.
        assert!(!answer.header("cache-status").contains("detail=local"), "{answer:?}");
    }
    roll.is_back_at(&before).await;
    for service in &services {
        assert_eq!(restarts(service).await, 1);
    }
}

fn put_back(backup: &Path, file: &Path) {
    for name in ["character.sqlite-wal", "character.sqlite-shm"] {
        // After an end in good order they are gone already.
        let _ = fs::remove_file(file.with_file_name(name));
    }
    fs::copy(backup, file).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_put_back_under_stopped_services_is_all_that_they_show_after_the_start() {
    let _alone = alone().await;
    let (redis, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let (file, backup) = (folder.path().join("character.sqlite"), folder.path().join("backup"));
    let service = |redis| with(Service::character().env("DATA_DIR", folder.path()).env("LOG_LEVEL", "warn"), redis);
    let services = [service(Some(&redis)).start(), service(None).start()];
    let mut roll = Roll::new(&services.each_ref()).await;
    let before = roll.settles().await;
    services.iter().for_each(|service| assert_eq!(service.terminate(), 0));
    fs::copy(&file, &backup).unwrap();
    services.iter().for_each(Service::restart);
    roll.changes().await;
    roll.is_held().await;
    tokio::time::sleep(NOTED).await;
    services.iter().for_each(|service| assert_eq!(service.terminate(), 0));
    put_back(&backup, &file);
    services.iter().for_each(Service::restart);
    roll.is_back_at(&before).await;
    services[0].await_output("a new epoch");
}

/// The services are killed, so that a part of the database is in the file beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_the_command_restores_is_all_that_killed_services_show_after_the_start() {
    let _alone = alone().await;
    let (redis, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let service = |redis| with(Service::character().env("DATA_DIR", folder.path()).env("LOG_LEVEL", "warn"), redis);
    let services = [service(Some(&redis)).start(), service(None).start()];
    let mut roll = Roll::new(&services.each_ref()).await;
    let before = roll.settles().await;
    let backup = folder.path().join("backup.sqlite");
    let command = |name: &str| service(None).arg(name).arg(&backup).run();
    let copied = command("backup");
    assert_eq!(copied.code, Some(0), "{copied:?}");
    roll.changes().await;
    roll.is_held().await;
    tokio::time::sleep(NOTED).await;
    services.iter().for_each(Service::kill);
    assert!(folder.path().join("character.sqlite-wal").exists());
    let restored = command("restore");
    assert_eq!(restored.code, Some(0), "{restored:?}");
    services.iter().for_each(Service::restart);
    roll.is_back_at(&before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_sqlite_restores_under_two_running_services_is_what_both_show_within_the_bound() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let (file, backup) = (folder.path().join("character.sqlite"), folder.path().join("backup"));
    let service = || Service::character().env("DATA_DIR", folder.path()).env("LOG_LEVEL", "warn").start();
    let services = [service(), service()];
    let mut roll = Roll::new(&services.each_ref()).await;
    let before = roll.settles().await;
    query_sqlite(&file, &format!(".backup '{}'", backup.display()));
    roll.changes().await;
    roll.is_held().await;
    query_sqlite(&file, &format!(".restore '{}'", backup.display()));
    tokio::time::sleep(BOUND).await;
    roll.is_back_at(&before).await;
    for service in &services {
        assert!(restarts(service).await >= 1);
    }
}

const HUB_TOKEN: &str = "hub-token-0123456789abcdef";

/// The subjects of the events that the hub delivers to a subscription, in order.
async fn heard(hub: &Service) -> Vec<String> {
    let poll = format!("{}?subscription=test&types=character.*&limit=100&wait_ms=500", hub.url("/v1/events"));
    let polled = send(client().get(poll).bearer_auth(HUB_TOKEN)).await;
    let deliveries = polled.body["deliveries"].as_array().unwrap_or_else(|| panic!("{polled:?}"));
    let acks: Vec<_> =
        deliveries.iter().map(|delivery| json!({ "receipt": delivery["receipt"], "action": "ack" })).collect();
    if !acks.is_empty() {
        let settle = client().post(hub.url("/v1/events/settle")).bearer_auth(HUB_TOKEN);
        assert_eq!(send(settle.json(&json!({ "settlements": acks }))).await.status, 200);
    }
    deliveries.iter().map(|delivery| delivery["event"]["subject"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_dump_was_put_back_the_hub_hears_of_each_change_that_the_database_has_since() {
    let _alone = alone().await;
    let url = PostgresServer::shared().fresh_schema_url();
    let hub = Service::message_hub().env("MESSAGE_HUB_TOKEN", HUB_TOKEN).start();
    let storage = Service::storage()
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("DATABASE_URL", &url)
        .env("MESSAGE_HUB_URL", hub.url(""))
        .env("MESSAGE_HUB_TOKEN", HUB_TOKEN)
        .start();
    let service = over(&storage, None).start();
    let (mut seen, end) = (Vec::new(), Instant::now() + Duration::from_secs(120));
    let mut hear = async |ids: &[String]| {
        while !ids.iter().all(|id| seen.contains(id)) {
            assert!(Instant::now() < end, "{ids:?} are not all among {seen:?}");
            seen.extend(heard(&hub).await);
        }
    };
    // The first poll makes the subscription.
    assert_eq!(heard(&hub).await, [""; 0]);
    let mut roll = Roll::new(&[&service]).await;
    hear(&roll.ids).await;
    let (before, backup) = (roll.settles().await, Backup::whole(&url));
    let kept = roll.ids.len();
    roll.changes().await;
    hear(&roll.ids[kept..]).await;
    backup.put_back();
    tokio::time::sleep(BOUND).await;
    roll.is_back_at(&before).await;
    // The relay continues in the log that began again, without a restart.
    hear(&roll.ids[roll.ids.len() - 1..]).await;
    let last = roll.ids.len();
    roll.create(0).await;
    hear(&roll.ids[last..]).await;
    storage.await_output("a new epoch");
}
