//! Three character-services on one Storage Service, two of them with a Redis, and everything between them failing in turn.

use super::{
    observer::{Observer, Said, State},
    shapes,
    world::{PEACE, RECOVERY, Side, TOKEN, World, alone},
};
use crate::support::{Answer, client, send, sheet, try_send, until};
use character_domain::{Character, CharacterId};
use character_fault_proxy::{Fault, FaultProxy, Mark, Plan, Way};
use character_storage_http::{HttpStorage, HttpStorageConfig};
use character_storage_port::{Deleted, StoragePort};
use character_tests::{PostgresServer, RedisCluster, RedisSentinels, RedisServer, Service};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use uuid::Uuid;

const CLIENTS: usize = 24;
const CAMPAIGNS: usize = 3;
const CHARACTERS: usize = 24;
const MOST_CHARACTERS: usize = 60;
const PAUSE: Duration = Duration::from_millis(60);

/// Fifteen of them with what lies between make a minute.
const TROUBLE: Duration = Duration::from_millis(2_800);

/// Cached values are trusted for a second after the log was heard; the rest is a poll, a round trip and two cores with ten
/// processes.
const BOUND: Duration = Duration::from_millis(1_700);
const PROCESSES: usize = 3;
/// Each is moved by several calls of redis-cli.
const SLOTS_MOVED: u16 = 60;

struct Table {
    observer: Observer,
    processes: [String; PROCESSES],
    http: reqwest::Client,
    campaigns: Vec<String>,
    characters: Mutex<Vec<String>>,
    stop: AtomicBool,
    marked: AtomicU64,
    failed: AtomicU64,
}

fn is_marked(answer: &Answer) -> bool {
    answer.header("cache-status").contains("stale")
}

fn revision(row: &Value) -> u64 {
    row["revision"].as_u64().unwrap()
}

fn state(row: &Value) -> State {
    if row["deleted_at"].is_null() {
        State::In(row["campaign_id"].as_str().unwrap().to_owned())
    } else {
        State::Deleted
    }
}

impl Table {
    fn character(&self, process: usize, id: &str) -> String {
        format!("{}/{id}", self.processes[process])
    }

    /// An answer, unless it was a failure.
    async fn ask(&self, request: reqwest::RequestBuilder) -> Option<Answer> {
        let answer = try_send(request).await.ok().filter(|answer| answer.status < 500);
        if answer.is_none() {
            self.failed.fetch_add(1, Relaxed);
        }
        answer
    }

    /// What an answer that is not marked stale says of a row.
    async fn read(&self, process: usize, id: &str) -> Option<Answer> {
        let asked = self.observer.now();
        let answer = self.ask(self.http.get(self.character(process, id))).await?;
        if is_marked(&answer) {
            self.marked.fetch_add(1, Relaxed);
            return None;
        }
        let id = id.to_owned();
        match answer.status {
            200 => self.observer.answer(
                process,
                asked,
                Said::Row { id, revision: revision(&answer.body) },
                answer.header("cache-status"),
            ),
            404 => self.observer.answer(process, asked, Said::NoRow { id }, answer.header("cache-status")),
            _ => panic!("{answer:?}"),
        }
        Some(answer)
    }

    async fn list(&self, process: usize, campaign: &str) -> Option<HashMap<String, u64>> {
        let asked = self.observer.now();
        let request = self.http.get(&self.processes[process]).query(&[("campaign_id", campaign), ("limit", "1000")]);
        let answer = self.ask(request).await?;
        assert_eq!(answer.status, 200, "{answer:?}");
        if is_marked(&answer) {
            self.marked.fetch_add(1, Relaxed);
            return None;
        }
        let rows = answer.body["items"].as_array().unwrap();
        let revisions: HashMap<_, _> =
            rows.iter().map(|row| (row["id"].as_str().unwrap().to_owned(), revision(row))).collect();
        let campaign = campaign.to_owned();
        self.observer.answer(
            process,
            asked,
            Said::List { campaign, revisions: revisions.clone() },
            answer.header("cache-status"),
        );
        Some(revisions)
    }

    /// `makes`: whether what is asked for makes a revision, whatever others did before.
    async fn change(&self, process: usize, makes: bool, request: reqwest::RequestBuilder) -> Option<Answer> {
        let called = makes.then(|| self.observer.now());
        let answer = self.ask(request).await?;
        match answer.status {
            200 | 201 => {
                let row = &answer.body;
                let id = row["id"].as_str().unwrap();
                self.observer.acknowledged(process, called, id, revision(row), state(row));
            }
            404 | 409 | 412 => {}
            _ => panic!("{answer:?}"),
        }
        Some(answer)
    }

    async fn patch(&self, process: usize, id: &str, mut patch: Value) {
        // A name that nobody else gives, or nothing might change.
        patch["name"] = Uuid::new_v4().to_string().into();
        let request = self.http.patch(self.character(process, id));
        let request = request.header("content-type", "application/merge-patch+json").body(patch.to_string());
        self.change(process, true, request).await;
    }

    async fn create(&self, process: usize, campaign: &str) {
        let sheet = json!({ "name": "New", "user_id": Uuid::new_v4(), "campaign_id": campaign });
        if let Some(answer) = self.change(process, true, self.http.post(&self.processes[process]).json(&sheet)).await {
            self.characters.lock().unwrap().push(answer.id());
        }
    }

    /// Deletes it if it is there, and restores it if it is not.
    async fn turn(&self, process: usize, id: &str) {
        let Some(answer) = self.read(process, id).await else { return };
        if answer.status == 404 {
            self.change(process, false, self.http.post(format!("{}/restore", self.character(process, id)))).await;
            return;
        }
        let (called, before) = (self.observer.now(), revision(&answer.body));
        let request = self.http.delete(self.character(process, id)).header("if-match", format!("\"{before}\""));
        if let Some(answer) = self.ask(request).await.filter(|answer| answer.status == 204) {
            drop(answer);
            self.observer.acknowledged(process, Some(called), id, before + 1, State::Deleted);
        }
    }

    async fn client(&self, number: usize) {
        let mut random = u64::try_from(number).unwrap().wrapping_add(1);
        let mut draw = |end: usize| {
            // Knuth's MMIX generator; its upper bits are good enough to spread clients over keys.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 33).unwrap() % end
        };
        while !self.stop.load(Relaxed) {
            let process = draw(PROCESSES);
            let campaign = self.campaigns[draw(CAMPAIGNS)].clone();
            let (id, count) = {
                let characters = self.characters.lock().unwrap();
                (characters[draw(characters.len())].clone(), characters.len())
            };
            match draw(20) {
                0..9 => drop(self.read(process, &id).await),
                9..14 => drop(self.list(process, &campaign).await),
                14..16 => self.patch(process, &id, json!({})).await,
                16 => self.patch(process, &id, json!({ "campaign_id": campaign })).await,
                17 if count < MOST_CHARACTERS => self.create(process, &campaign).await,
                _ => self.turn(process, &id).await,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks the storage itself, past everything that may keep an old value.
    async fn observe(&self, storage: &dyn StoragePort) {
        while !self.stop.load(Relaxed) {
            let characters = self.characters.lock().unwrap().clone();
            for id in characters {
                // While the storage is down there is nothing to learn.
                drop(self.look(storage, &id).await);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn look(&self, storage: &dyn StoragePort, id: &str) -> Option<(u64, State)> {
        let key: CharacterId = id.parse().unwrap();
        let row: Character = storage.find(key, Deleted::Include).await.ok()?.value?;
        let revision = row.meta.revision.0;
        let state = match row.meta.deleted_at {
            Some(_) => State::Deleted,
            None => State::In(row.campaign_id.unwrap().to_string()),
        };
        self.observer.stored(id, revision, state.clone());
        Some((revision, state))
    }

    /// All processes answer what the storage holds, and keep doing so.
    async fn agrees(&self, storage: &dyn StoragePort) {
        let characters = self.characters.lock().unwrap().clone();
        let mut members: HashMap<&str, HashMap<String, u64>> = HashMap::new();
        for id in &characters {
            let (revision, state) = self.look(storage, id).await.unwrap();
            for process in 0..PROCESSES {
                let answer = self.read(process, id).await.unwrap();
                let told = (answer.status == 200).then(|| self::revision(&answer.body));
                assert_eq!(told, (state != State::Deleted).then_some(revision), "{id} at process {process}");
            }
            if let State::In(campaign) = state {
                let campaign = self.campaigns.iter().find(|one| **one == campaign).unwrap();
                members.entry(campaign).or_default().insert(id.clone(), revision);
            }
        }
        for campaign in &self.campaigns {
            let members = members.remove(campaign.as_str()).unwrap_or_default();
            for process in 0..PROCESSES {
                assert_eq!(self.list(process, campaign).await.unwrap(), members, "list at process {process}");
            }
        }
    }
}

/// Three processes: two with a Redis of some kind, and one without.
struct Fleet {
    world: World,
    other: Side,
    without: Side,
}

impl Fleet {
    /// `settings`: those of the two with a Redis.
    fn new(redis: Option<&RedisServer>, settings: &[(&str, &str)]) -> Self {
        let world = World::new(PostgresServer::shared(), redis, settings);
        let other = Side::new(&world.storage, redis, settings);
        let without = Side::new(&world.storage, None, &[]);
        Self { world, other, without }
    }

    fn services(&self) -> [&Service; PROCESSES] {
        [&self.world.service, &self.other.service, &self.without.service]
    }

    /// Until both that have Redis use it, and all hear the log.
    async fn in_use(&self, what: &str) {
        let wanted: [&[&str]; PROCESSES] =
            [&["cache_redis_up", "cache_trusted"], &["cache_redis_up", "cache_trusted"], &["cache_trusted"]];
        for (service, wanted) in self.services().into_iter().zip(wanted) {
            let up = |answer: &Answer| wanted.iter().all(|series| answer.metric(series) == Some(1_u64));
            until(Duration::from_secs(15), what, || client().get(service.url("/metrics")), up).await;
        }
    }

    /// Until all processes reach the storage.
    async fn recovers(&self, what: &str) {
        for service in self.services() {
            let body = json!({ "name": "Recovery", "user_id": Uuid::new_v4() });
            let request = || client().post(service.url("/api/v2/characters")).json(&body);
            until(RECOVERY + Duration::from_secs(9), what, request, |answer| answer.status == 201).await;
        }
    }
}

/// A fleet and one Redis server, with a proxy on each way to it.
struct Stage {
    fleet: Fleet,
    redis: RedisServer,
}

impl Stage {
    fn new() -> Self {
        let redis = RedisServer::start();
        Self { fleet: Fleet::new(Some(&redis), &[]), redis }
    }

    fn ways_to_redis(&self) -> [&FaultProxy; 2] {
        [self.fleet.world.redis(), self.fleet.other.to_redis.as_ref().unwrap()]
    }
}

type Act<S> = Box<dyn Fn(&S)>;

struct Trouble<S> {
    name: &'static str,
    begin: Act<S>,
    end: Act<S>,
}

fn trouble<S>(name: &'static str, begin: impl Fn(&S) + 'static, end: impl Fn(&S) + 'static) -> Trouble<S> {
    Trouble { name, begin: Box::new(begin), end: Box::new(end) }
}

/// A transaction that has an id and does nothing, in another database of the same server.
fn hold_a_transaction_open(how_long: Duration) {
    let statement = format!("BEGIN; SELECT pg_current_xact_id(); SELECT pg_sleep({}); COMMIT", how_long.as_secs_f64());
    std::thread::spawn(move || PostgresServer::shared().query(&statement));
}

fn by_chance() -> Plan {
    shapes::all().into_iter().find(|(name, _)| *name == "by chance").map(|(_, plan)| plan).unwrap()
}

fn troubles() -> Vec<Trouble<Stage>> {
    let freeze = |way: &FaultProxy| {
        way.set(Fault::AcceptAndNeverAnswer);
        way.freeze_open();
    };
    let heal = |way: &FaultProxy| way.strike(Fault::Pass);
    let nothing = |_: &Stage| {};
    let redis = |words: &'static [&'static str]| move |stage: &Stage| drop(stage.redis.command(words));
    vec![
        trouble("none", nothing, nothing),
        trouble("Redis flushed", |stage: &Stage| stage.redis.flush(), |stage: &Stage| stage.redis.flush()),
        trouble("the connections to Redis killed", redis(&["CLIENT", "KILL", "TYPE", "normal"]), nothing),
        trouble("Redis restarted empty", |stage: &Stage| stage.redis.restart(), nothing),
        // Redis comes back with what it held at the beginning.
        trouble("Redis restored", redis(&["SAVE"]), |stage: &Stage| stage.redis.restart()),
        trouble(
            "Redis full",
            redis(&["CONFIG", "SET", "maxmemory", "1mb"]),
            redis(&["CONFIG", "SET", "maxmemory", "0"]),
        ),
        trouble(
            "Redis hangs",
            move |stage: &Stage| stage.ways_to_redis().into_iter().for_each(freeze),
            move |stage: &Stage| stage.ways_to_redis().into_iter().for_each(heal),
        ),
        trouble(
            "one without Redis",
            |stage: &Stage| stage.fleet.world.redis().strike(Fault::Refuse),
            move |stage: &Stage| heal(stage.fleet.world.redis()),
        ),
        trouble(
            "Redis hangs for one",
            move |stage: &Stage| freeze(stage.ways_to_redis()[1]),
            move |stage: &Stage| heal(stage.ways_to_redis()[1]),
        ),
        trouble(
            "the way of one to the storage",
            |stage: &Stage| stage.fleet.world.to_storage.strike(by_chance()),
            move |stage: &Stage| heal(&stage.fleet.world.to_storage),
        ),
        trouble(
            "the answers of the storage to the other",
            |stage: &Stage| stage.fleet.other.to_storage.strike(Fault::Cut { way: Way::ToClient, at: Mark::Bytes(0) }),
            move |stage: &Stage| heal(&stage.fleet.other.to_storage),
        ),
        trouble(
            "the way to the database",
            |stage: &Stage| stage.fleet.world.to_database.strike(by_chance()),
            move |stage: &Stage| heal(&stage.fleet.world.to_database),
        ),
        trouble(
            "storage-service killed",
            |stage: &Stage| stage.fleet.world.storage.kill(),
            |stage: &Stage| stage.fleet.world.storage.restart(),
        ),
        // Nothing that is held can be shown to be current, and nobody can be asked: only marked answers are left.
        trouble(
            "neither Redis nor storage-service",
            move |stage: &Stage| {
                stage.fleet.world.storage.kill();
                stage.ways_to_redis().into_iter().for_each(freeze);
            },
            move |stage: &Stage| {
                stage.ways_to_redis().into_iter().for_each(heal);
                stage.fleet.world.storage.restart();
            },
        ),
        trouble("Redis frozen and thawed", |stage: &Stage| stage.redis.freeze(), |stage: &Stage| stage.redis.thaw()),
        trouble(
            "one process stopped and continued",
            |stage: &Stage| stage.fleet.other.service.suspend(),
            |stage: &Stage| stage.fleet.other.service.resume(),
        ),
        trouble(
            "storage-service stopped and continued",
            |stage: &Stage| stage.fleet.world.storage.suspend(),
            |stage: &Stage| stage.fleet.world.storage.resume(),
        ),
        trouble("a long transaction open", |_: &Stage| hold_a_transaction_open(TROUBLE), nothing),
        trouble(
            "one process killed",
            |stage: &Stage| stage.fleet.other.service.kill(),
            |stage: &Stage| stage.fleet.other.service.restart(),
        ),
    ]
}

/// Questions wait for it when it continues, and an old answer of the log that says that nothing happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_suspended_goes_on_with_nothing_old() {
    let _alone = alone().await;
    let stage = Stage::new();
    let fleet = &stage.fleet;
    fleet.in_use("the start").await;
    let [one, two, _] = fleet.services().map(|service| service.url("/api/v2/characters"));
    let id = send(client().post(&one).json(&sheet("Torormir"))).await.id();
    for name in ["Renamed", "Renamed again"] {
        let from_memory = |answer: &Answer| answer.header("cache-status").contains("detail=local");
        until(Duration::from_secs(5), "kept", || client().get(format!("{two}/{id}")), from_memory).await;
        fleet.other.service.suspend();
        let patch = json!({ "name": name }).to_string();
        let patch =
            client().patch(format!("{one}/{id}")).header("content-type", "application/merge-patch+json").body(patch);
        assert_eq!(send(patch).await.status, 200);
        // A second: for so long it may believe what it heard last.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let mut questions = JoinSet::new();
        for _ in 0..64 {
            questions.spawn(send(client().get(format!("{two}/{id}"))));
        }
        // Time for them to get into its sockets.
        tokio::time::sleep(Duration::from_millis(500)).await;
        fleet.other.service.resume();
        // It may find at first that the storage took too long, or the client, and say so.
        for answer in questions.join_all().await.iter().filter(|answer| answer.status < 500 && answer.status != 408) {
            assert_eq!(answer.body["name"], name, "{answer:?}");
        }
        fleet.recovers(name).await;
        let answer = send(client().get(format!("{two}/{id}"))).await;
        assert_eq!(answer.body["name"], name, "{answer:?}");
        fleet.in_use(name).await;
    }
}

/// Clients and an observer at work while one trouble follows another, and then the comparison.
async fn observe<S>(stage: &S, fleet: &Fleet, troubles: Vec<Trouble<S>>) {
    fleet.in_use("the start").await;
    let url = format!("http://{}", fleet.world.storage.address()).parse().unwrap();
    let config = HttpStorageConfig::new(url, TOKEN.to_owned().into());
    let storage = HttpStorage::connect(HttpStorageConfig { breaker_failures: u32::MAX, ..config }).unwrap();
    let storage: Arc<dyn StoragePort> = Arc::new(storage);
    let table = Arc::new(Table {
        observer: Observer::new(BOUND),
        processes: fleet.services().map(|service| service.url("/api/v2/characters")),
        http: client(),
        campaigns: (0..CAMPAIGNS).map(|_| Uuid::new_v4().to_string()).collect(),
        characters: Mutex::default(),
        stop: AtomicBool::new(false),
        marked: AtomicU64::new(0),
        failed: AtomicU64::new(0),
    });
    for number in 0..CHARACTERS {
        table.create(number % PROCESSES, &table.campaigns[number % CAMPAIGNS]).await;
    }
    let mut tasks = JoinSet::new();
    for number in 0..CLIENTS {
        let table = Arc::clone(&table);
        tasks.spawn(async move { table.client(number).await });
    }
    let (observing, asking) = (Arc::clone(&table), Arc::clone(&storage));
    tasks.spawn(async move { observing.observe(&*asking).await });

    let hunt = std::env::var("HUNT_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let until = Instant::now() + Duration::from_secs(hunt);
    loop {
        for trouble in &troubles {
            eprintln!("at {:?}: {}", table.observer.now(), trouble.name);
            (trouble.begin)(stage);
            tokio::time::sleep(TROUBLE).await;
            (trouble.end)(stage);
            fleet.recovers(trouble.name).await;
            fleet.in_use(trouble.name).await;
            tokio::time::sleep(PEACE).await;
        }
        if Instant::now() >= until {
            break;
        }
    }
    table.stop.store(true, Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let compared = table.observer.compare();
    let (marked, failed) = (table.marked.load(Relaxed), table.failed.load(Relaxed));
    eprintln!(
        "{} answers about {} rows, {marked} more marked stale, {failed} failed; behind: {}, by {:?} at most",
        compared.answers, compared.about_rows, compared.behind, compared.longest,
    );
    assert!(
        compared.stale.is_empty(),
        "{} too old: {:#?}",
        compared.stale.len(),
        &compared.stale[..compared.stale.len().min(5)]
    );
    tokio::time::sleep(BOUND).await;
    table.agrees(&*storage).await;
    assert!(compared.answers > 40 * troubles.len(), "{compared:?}");
    let storage_fails = troubles.iter().any(|trouble| trouble.name.contains("storage"));
    assert!(!storage_fails || marked > 0 && failed > 0, "{compared:?}, {marked} marked, {failed} failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_of_three_processes_finds_no_old_answer_that_is_not_marked() {
    let _alone = alone().await;
    let stage = Stage::new();
    observe(&stage, &stage.fleet, troubles()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_fails_over_makes_no_answer_old() {
    let _alone = alone().await;
    let sentinels = RedisSentinels::start();
    let fleet = Fleet::new(None, &[("REDIS_URL", &sentinels.url())]);
    let troubles = vec![
        trouble("failed over", RedisSentinels::fail_over, |_: &RedisSentinels| {}),
        trouble("failed over again", RedisSentinels::fail_over, |_: &RedisSentinels| {}),
    ];
    observe(&sentinels, &fleet, troubles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_of_a_redis_cluster_that_moves_makes_no_answer_old() {
    let _alone = alone().await;
    let cluster = RedisCluster::start();
    let fleet = Fleet::new(None, &[("REDIS_URL", &cluster.url())]);
    // Some of the slots of the first node, so that some values are on their way.
    let moved = |act: fn(&RedisCluster, u16, usize)| {
        move |cluster: &RedisCluster| (0..SLOTS_MOVED).for_each(|slot| act(cluster, slot, 1))
    };
    let troubles = vec![trouble("slots move", moved(RedisCluster::begin_move), moved(RedisCluster::end_move))];
    observe(&cluster, &fleet, troubles).await;
}
