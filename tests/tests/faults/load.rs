//! Sixty-four clients on few characters, everything they saw recorded.

use super::world::World;
use crate::support::{Answer, client, send, try_send};
use character_tests::history::{Count, Counter, History, Pending, Register, Seen, Touch};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use uuid::Uuid;

pub(crate) const CLIENTS: usize = 64;
const REGISTERS: usize = 24;
const PURSES: usize = 16;
/// Sixty-four clients without a pause would measure how much the machine can do, and not what a fault costs.
const PAUSE: Duration = Duration::from_millis(300);

/// What the clients share.
pub(crate) struct Load {
    state: Arc<State>,
    clients: JoinSet<()>,
}

struct State {
    base: String,
    http: reqwest::Client,
    registers: Vec<String>,
    purses: Vec<String>,
    seen: History<Register>,
    sums: History<Counter>,
    stop: AtomicBool,
    token: AtomicU64,
    slowest: Mutex<BTreeMap<&'static str, Duration>>,
    answers: Mutex<BTreeMap<String, u64>>,
    stale: AtomicU64,
}

/// What came of the load.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) answers: BTreeMap<String, u64>,
    pub(crate) stale: u64,
    pub(crate) slowest: BTreeMap<&'static str, Duration>,
}

impl Report {
    /// How many answers had one of these statuses; 0 stands for none at all.
    pub(crate) fn with_status(&self, wanted: impl Fn(u16) -> bool) -> u64 {
        let status = |name: &str| name.rsplit(' ').next().and_then(|status| status.parse().ok()).unwrap_or(0);
        self.answers.iter().filter(|(name, _)| wanted(status(name))).map(|(_, count)| count).sum()
    }
}

impl Load {
    pub(crate) async fn begin(world: &World) -> Self {
        Self::on(world.characters()).await
    }

    /// On the characters at this address.
    pub(crate) async fn on(base: String) -> Self {
        let mut state = State {
            base,
            http: client(),
            registers: Vec::new(),
            purses: Vec::new(),
            seen: History::default(),
            sums: History::default(),
            stop: AtomicBool::new(false),
            token: AtomicU64::new(0),
            slowest: Mutex::default(),
            answers: Mutex::default(),
            stale: AtomicU64::new(0),
        };
        for number in 0..REGISTERS + PURSES {
            let value = format!("first {number}");
            let sheet = json!({ "name": value, "user_id": Uuid::new_v4(), "data": { "copy": value } });
            let created = send(state.http.post(&state.base).json(&sheet)).await;
            assert_eq!(created.status, 201, "{created:?}");
            let id = created.id();
            if number < REGISTERS {
                state.seen.call(&id, Touch::Create(value.clone())).answered(Some(Seen::new(1, value)));
                state.registers.push(id);
            } else {
                state.purses.push(id);
            }
        }
        let state = Arc::new(state);
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let state = Arc::clone(&state);
            clients.spawn(async move { state.client(number).await });
        }
        Self { state, clients }
    }

    /// Lets the clients finish, reads everything once more and checks that it can have happened.
    pub(crate) async fn end(mut self) -> Report {
        self.state.stop.store(true, Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        let state = &self.state;
        let end = Instant::now() + Duration::from_secs(20);
        for id in &state.registers {
            while !state.read(id).await {
                assert!(Instant::now() < end, "no fresh answer about {id} after the faults");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        for id in &state.purses {
            while !state.read_purse(id).await {
                assert!(Instant::now() < end, "no fresh answer about {id} after the faults");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let report = Report {
            answers: state.answers.lock().unwrap().clone(),
            stale: state.stale.load(Relaxed),
            slowest: state.slowest.lock().unwrap().clone(),
        };
        let (seen, sums) = (state.seen.check(), state.sums.check());
        assert!(seen.is_ok() && sums.is_ok(), "{seen:?}\n{sums:?}\n{report:#?}");
        eprintln!("registers: {:?}, purses: {:?}, {report:#?}", seen.unwrap(), sums.unwrap());
        report
    }
}

/// What an answer says about the fate of a change.
enum Fate {
    Done,
    Conflict,
    Nothing,
    Unknown,
}

fn fate(answer: Option<&Answer>) -> Fate {
    let Some(answer) = answer else { return Fate::Unknown };
    match answer.status {
        200 => Fate::Done,
        412 => Fate::Conflict,
        502..=504 => match answer.body["detail"].as_str() {
            // A failure that says nothing of changes came before any was asked for.
            None | Some("nothing was changed") => Fate::Nothing,
            Some(_) => Fate::Unknown,
        },
        _ => panic!("neither done nor refused nor unavailable: {answer:?}"),
    }
}

fn is_stale(answer: &Answer) -> bool {
    answer.header("cache-status").contains("stale")
}

impl State {
    async fn client(&self, number: usize) {
        let mut random = u64::try_from(number).unwrap().wrapping_add(1);
        let mut draw = |end: usize| {
            // Knuth's MMIX generator; its upper bits are good enough to spread clients over keys.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 33).unwrap() % end
        };
        while !self.stop.load(Relaxed) {
            let (register, purse) = (&self.registers[draw(REGISTERS)], &self.purses[draw(PURSES)]);
            match draw(10) {
                0..6 => {
                    self.read(register).await;
                }
                6 => self.write(register, None).await,
                7 => {
                    let read = self.ask("read", self.http.get(format!("{}/{register}", self.base))).await;
                    if let Some(read) = read.filter(|read| read.status == 200) {
                        self.write(register, read.body["revision"].as_u64()).await;
                    }
                }
                8 => self.earn(purse).await,
                _ => {
                    self.read_purse(purse).await;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn ask(&self, what: &'static str, request: reqwest::RequestBuilder) -> Option<Answer> {
        let begin = Instant::now();
        let answer = try_send(request).await.ok();
        let took = begin.elapsed();
        let mut slowest = self.slowest.lock().unwrap();
        let before = slowest.entry(what).or_default();
        *before = took.max(*before);
        drop(slowest);
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        *self.answers.lock().unwrap().entry(format!("{what} {status}")).or_default() += 1;
        if let Some(answer) = answer.as_ref().filter(|answer| answer.status >= 500) {
            assert!(answer.header("content-type").starts_with("application/problem+json"), "{answer:?}");
            assert!(matches!(answer.status, 502..=504), "{answer:?}");
        }
        answer
    }

    /// Whether there was a fresh answer.
    async fn read(&self, id: &str) -> bool {
        let pending = self.seen.call(id, Touch::Read);
        let answer = self.ask("read", self.http.get(format!("{}/{id}", self.base))).await;
        let Some(answer) = answer.filter(|answer| answer.status < 500) else {
            pending.refused();
            return false;
        };
        assert_eq!(answer.status, 200, "{answer:?}");
        let seen = whole(&answer.body);
        if is_stale(&answer) {
            assert!(answer.header("age").parse::<u64>().is_ok(), "{answer:?}");
            self.stale.fetch_add(1, Relaxed);
            pending.refused();
            return false;
        }
        pending.answered(Some(seen));
        true
    }

    async fn write(&self, id: &str, expected: Option<u64>) {
        let value = format!("value {}", self.token.fetch_add(1, Relaxed));
        let pending = self.seen.call(id, Touch::Write { value: value.clone(), expected });
        let body = json!({ "name": value, "data": { "copy": value } }).to_string();
        let mut request = self
            .http
            .patch(format!("{}/{id}", self.base))
            .header("content-type", "application/merge-patch+json")
            .body(body);
        if let Some(expected) = expected {
            request = request.header("if-match", format!("\"{expected}\""));
        }
        let answer = self.ask("write", request).await;
        match (fate(answer.as_ref()), answer) {
            (Fate::Done, Some(answer)) => pending.answered(Some(whole(&answer.body))),
            (Fate::Conflict, _) => pending.answered(None),
            (Fate::Nothing, _) => pending.refused(),
            _ => pending.unknown(),
        }
    }

    /// One more gold piece, asked for under one key until it is certain.
    async fn earn(&self, id: &str) {
        let pending: Pending<Counter> = self.sums.call(id, Count::Add(1));
        let key = Uuid::new_v4().to_string();
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            let request = self.http.post(format!("{}/{id}/inventory/currency", self.base));
            let answer = self.ask("earn", request.header("idempotency-key", &key).json(&json!({ "gp": 1 }))).await;
            match (fate(answer.as_ref()), answer) {
                (Fate::Done, Some(answer)) => return pending.answered(answer.body["gp"].as_i64().unwrap()),
                (Fate::Conflict, answer) => panic!("nothing was expected: {answer:?}"),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
        pending.unknown();
    }

    async fn read_purse(&self, id: &str) -> bool {
        let pending = self.sums.call(id, Count::Read);
        let answer = self.ask("read purse", self.http.get(format!("{}/{id}/inventory/currency", self.base))).await;
        match answer.filter(|answer| answer.status == 200 && !is_stale(answer)) {
            Some(answer) => pending.answered(answer.body["gp"].as_i64().unwrap()),
            None => {
                pending.refused();
                return false;
            }
        }
        true
    }
}

/// A row whose two copies of the value agree; half a write would show in one of them.
fn whole(row: &Value) -> Seen {
    let (name, copy) = (row["name"].as_str().unwrap(), row["data"]["copy"].as_str());
    assert_eq!(Some(name), copy, "half a write: {row}");
    Seen::new(row["revision"].as_u64().unwrap(), name)
}
