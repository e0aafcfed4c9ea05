//! The way of an event through real processes: changed in a Character Service, kept in the log of commits, published by the relay,
//! kept by the Message Hub, and handled once by a subscriber, whatever is killed, stopped or cut off on the way.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
#![expect(clippy::disallowed_methods, reason = "what makes trouble has a thread of its own")]

#[path = "event_delivery/rollout.rs"]
mod rollout;
mod support;

use character_fault_proxy::{Fault, FaultProxy};
use character_tests::{NatsRelease, NatsServer, PostgresServer, Service};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use support::{client, send, sheet, until};
use tokio::task::JoinSet;

const TOKEN: &str = "token-of-the-storage";
const HUB_TOKEN: &str = "token-of-the-hub";

/// What keeps the events of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    InFile,
    InNats,
}

struct World {
    hub: Service,
    /// Where the hub keeps the events, unless in its file.
    nats: Option<NatsServer>,
    to_hub: FaultProxy,
    storage: Service,
    to_storage: FaultProxy,
    characters: Vec<Service>,
}

impl World {
    fn start(postgres: &PostgresServer, processes: usize, kept: Kept) -> Self {
        let nats = (kept == Kept::InNats).then(|| NatsServer::start(NatsRelease::Current));
        let hub = Service::message_hub().env("MESSAGE_HUB_TOKEN", HUB_TOKEN);
        let hub = match &nats {
            Some(nats) => hub.env("NATS_URL", nats.url()).start(),
            None => hub.start(),
        };
        let to_hub = FaultProxy::start(hub.address()).unwrap();
        let of_hub = |builder: character_tests::ServiceBuilder| {
            builder
                .env("MESSAGE_HUB_URL", format!("http://{}", to_hub.address()))
                .env("MESSAGE_HUB_TOKEN", HUB_TOKEN)
                .env("LOG_LEVEL", "error")
        };
        let storage = of_hub(
            Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("DATABASE_URL", postgres.fresh_schema_url()),
        )
        .start();
        let to_storage = FaultProxy::start(storage.address()).unwrap();
        let character = || {
            of_hub(
                Service::character()
                    .env("STORAGE_SERVICE_URL", format!("http://{}", to_storage.address()))
                    .env("STORAGE_SERVICE_TOKEN", TOKEN)
                    .env("STORAGE_RETRY_BASE_MS", "20")
                    .env("STORAGE_BREAKER_RECOVERY_SECS", "1"),
            )
            .start()
        };
        let characters = (0..processes).map(|_| character()).collect();
        Self { hub, nats, to_hub, storage, to_storage, characters }
    }
}

/// A subscriber with an inbox: it acknowledges what it has kept, and drops repeats by their ids.
#[derive(Default)]
struct Inbox {
    /// The events of each character, in the order of their first delivery.
    handled: Mutex<BTreeMap<String, Vec<Value>>>,
    ids: Mutex<BTreeSet<String>>,
    repeats: AtomicU64,
}

impl Inbox {
    fn handle(&self, event: &Value) {
        let id = event["id"].as_str().unwrap().to_owned();
        if !self.ids.lock().unwrap().insert(id) {
            self.repeats.fetch_add(1, Relaxed);
            return;
        }
        let subject = event["subject"].as_str().unwrap().to_owned();
        self.handled.lock().unwrap().entry(subject).or_default().push(event.clone());
    }

    fn len(&self) -> usize {
        self.ids.lock().unwrap().len()
    }
}

/// Polls the hub and settles what it receives, until the test stops it.
async fn consume(url: String, inbox: Arc<Inbox>, stop: Arc<AtomicBool>) {
    let client = client();
    while !stop.load(Relaxed) {
        let polled = client
            // A hub in NATS delivers nothing after it was killed until the time for settling has passed.
            .get(format!(
                "{url}/v1/events?subscription=test&types=character.*&limit=100&wait_ms=500&settle_within_ms=3000"
            ))
            .bearer_auth(HUB_TOKEN)
            .send()
            .await;
        let body = match polled {
            Ok(response) if response.status() == 200 => response.json::<Value>().await,
            _ => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let Ok(body) = body else { continue };
        let deliveries = body["deliveries"].as_array().unwrap();
        if deliveries.is_empty() {
            continue;
        }
        for delivery in deliveries {
            inbox.handle(&delivery["event"]);
        }
        let acks: Vec<_> =
            deliveries.iter().map(|delivery| json!({ "receipt": delivery["receipt"], "action": "ack" })).collect();
        // Lost settlements mean another delivery, which the inbox recognizes.
        let settled = client.post(format!("{url}/v1/events/settle")).bearer_auth(HUB_TOKEN);
        drop(settled.json(&json!({ "settlements": acks })).send().await);
    }
}

/// What one client did to its character: the names it set, and whether each was acknowledged.
#[derive(Default)]
struct History {
    acknowledged: Vec<String>,
    refused: Vec<String>,
}

async fn change(urls: Vec<String>, id: String, changes: usize, seed: u64) -> (String, History) {
    let (mut history, mut random) = (History::default(), StdRng::seed_from_u64(seed));
    for number in 0..changes {
        let url = &urls[random.random_range(0..urls.len())];
        let name = format!("name-{number}");
        let patch = client()
            .patch(format!("{url}/{id}"))
            .header("content-type", "application/merge-patch+json")
            // A change whose precondition is wrong must not be heard of.
            .headers(match number % 10 {
                9 => [(reqwest::header::IF_MATCH, "\"999999\"".parse().unwrap())].into_iter().collect(),
                _ => reqwest::header::HeaderMap::new(),
            })
            .body(json!({ "name": name }).to_string());
        match patch.send().await.map(|response| response.status().as_u16()) {
            Ok(200) => history.acknowledged.push(name),
            Ok(412) => history.refused.push(name),
            // The outcome is unknown: it may be heard of or not.
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    (id, history)
}

/// Kills, stops and cuts off until the test stops it; leaves everything running and connected.
fn trouble(world: &World, seed: u64, stop: &AtomicBool) -> BTreeMap<&'static str, u32> {
    let (mut random, mut done) = (StdRng::seed_from_u64(seed), BTreeMap::new());
    let kinds = if world.nats.is_some() { 10 } else { 8 };
    // What the test is about comes first, so that it comes at all.
    let mut first = if world.nats.is_some() { vec![9, 0, 8] } else { vec![3, 0] };
    while !stop.load(Relaxed) {
        std::thread::sleep(Duration::from_millis(random.random_range(200..800)));
        let service = &world.characters[random.random_range(0..world.characters.len())];
        let pause = Duration::from_millis(random.random_range(100..1_500));
        let what = match first.pop().unwrap_or_else(|| random.random_range(0..kinds)) {
            0 => {
                world.hub.kill();
                world.hub.restart();
                "hub killed"
            }
            1 => {
                world.storage.kill();
                world.storage.restart();
                "storage killed"
            }
            2 => {
                service.kill();
                service.restart();
                "character service killed"
            }
            3 => {
                world.hub.suspend();
                std::thread::sleep(pause);
                world.hub.resume();
                "hub stopped"
            }
            4 => {
                service.suspend();
                std::thread::sleep(pause);
                service.resume();
                "character service stopped"
            }
            5 => {
                world.to_hub.strike(Fault::Reset);
                std::thread::sleep(pause);
                world.to_hub.strike(Fault::Pass);
                "hub cut off"
            }
            6 => {
                world.to_hub.strike(Fault::AcceptAndNeverAnswer);
                std::thread::sleep(pause);
                world.to_hub.strike(Fault::Pass);
                "hub silent"
            }
            7 => {
                world.to_storage.strike(Fault::Reset);
                std::thread::sleep(pause);
                world.to_storage.strike(Fault::Pass);
                "storage cut off"
            }
            number => match (&world.nats, number % 2) {
                (None, _) => continue,
                (Some(nats), 0) => {
                    nats.kill();
                    std::thread::sleep(pause / 2);
                    nats.restart();
                    "NATS killed"
                }
                (Some(nats), _) => {
                    nats.freeze();
                    std::thread::sleep(pause * 2);
                    nats.thaw();
                    "NATS stopped"
                }
            },
        };
        *done.entry(what).or_default() += 1;
    }
    done
}

/// Clients and changes of each: few here, and the number of the proof in a hunt.
fn size() -> (usize, usize) {
    match std::env::var_os("HUNT_SECONDS") {
        Some(_) => (32, 313),
        None => (8, 60),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_committed_change_is_handled_once_and_in_order_whatever_is_killed_stopped_or_cut_off() {
    prove(Kept::InFile, 7).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_committed_change_is_handled_once_and_in_order_when_nats_keeps_the_events_and_is_killed_and_stopped_too()
{
    prove(Kept::InNats, 11).await;
}

async fn prove(kept: Kept, seed: u64) {
    let postgres = PostgresServer::shared();
    let world = Arc::new(World::start(postgres, 2, kept));
    let (clients, changes) = size();
    let urls: Vec<_> = world.characters.iter().map(|service| service.url("/api/v2/characters")).collect();
    let mut ids = Vec::new();
    for number in 0..clients {
        ids.push(send(client().post(&urls[number % urls.len()]).json(&sheet("name"))).await.id());
    }
    let (inbox, stop, calm) =
        (Arc::new(Inbox::default()), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let consumer = tokio::spawn(consume(world.hub.url(""), Arc::clone(&inbox), Arc::clone(&stop)));
    let troublemaker = {
        let (world, calm) = (Arc::clone(&world), Arc::clone(&calm));
        std::thread::spawn(move || trouble(&world, seed, &calm))
    };
    let mut writers = JoinSet::new();
    for (number, id) in ids.into_iter().enumerate() {
        writers.spawn(change(urls.clone(), id, changes, number as u64));
    }
    let histories: HashMap<_, _> = writers.join_all().await.into_iter().collect();
    calm.store(true, Relaxed);
    let done = troublemaker.join().unwrap();
    // What the storage holds is what must have been heard.
    let mut revisions = BTreeMap::new();
    for id in histories.keys() {
        let read = until(
            Duration::from_secs(30),
            "a character",
            || client().get(format!("{}/{id}", urls[0])),
            |answer| answer.status == 200 && !answer.header("cache-status").contains("stale"),
        )
        .await;
        revisions.insert(
            id.clone(),
            (read.body["revision"].as_u64().unwrap(), read.body["name"].as_str().unwrap().to_owned()),
        );
    }
    let end = Instant::now() + Duration::from_secs(90);
    let heard = |id: &String| inbox.handled.lock().unwrap().get(id).map_or(0, Vec::len) as u64;
    while revisions.iter().any(|(id, (revision, _))| heard(id) < *revision) {
        let missing: Vec<_> = revisions.iter().map(|(id, (revision, _))| (id, *revision, heard(id))).collect();
        assert!(Instant::now() < end, "not everything was heard: {missing:?}; {done:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.store(true, Relaxed);
    consumer.await.unwrap();
    eprintln!("{} events, {} of them delivered again; {done:?}", inbox.len(), inbox.repeats.load(Relaxed));
    let handled = inbox.handled.lock().unwrap();
    for (id, (revision, name)) in &revisions {
        let events = &handled[id];
        let of_revision: Vec<u64> =
            events.iter().map(|event| event["sequence"].as_str().unwrap().parse().unwrap()).collect();
        assert_eq!(of_revision, (1..=*revision).collect::<Vec<_>>(), "each revision of {id} once, in order");
        let names: Vec<_> = events.iter().map(|event| event["data"]["name"].as_str().unwrap()).collect();
        assert_eq!(names.last(), Some(&name.as_str()), "the last event is of the last change");
        let history = &histories[id];
        for acknowledged in &history.acknowledged {
            assert!(
                names.contains(&acknowledged.as_str()),
                "{acknowledged} of {id} was acknowledged and never heard of"
            );
        }
        for refused in &history.refused {
            assert!(!names.contains(&refused.as_str()), "{refused} of {id} was refused and heard of");
        }
    }
    assert!(histories.values().all(|history| !history.acknowledged.is_empty()), "nothing was changed");
    let expected: &[&str] = match kept {
        Kept::InFile => &["hub killed"],
        Kept::InNats => &["NATS killed", "hub killed"],
    };
    assert!(expected.iter().all(|what| done.contains_key(what)), "it was too short for {expected:?}: {done:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_is_away_makes_no_request_slower_and_hears_everything_afterwards() {
    let world = World::start(PostgresServer::shared(), 1, Kept::InFile);
    let url = world.characters[0].url("/api/v2/characters");
    for fault in [Fault::Refuse, Fault::AcceptAndNeverAnswer, Fault::Reset] {
        world.to_hub.strike(fault);
        for _ in 0..20 {
            let begin = Instant::now();
            assert_eq!(send(client().post(&url).json(&sheet("Unheard"))).await.status, 201);
            assert!(begin.elapsed() < Duration::from_secs(2), "{fault:?}: {:?}", begin.elapsed());
        }
    }
    world.hub.suspend();
    for _ in 0..20 {
        assert_eq!(send(client().post(&url).json(&sheet("Unheard"))).await.status, 201);
    }
    world.hub.resume();
    world.to_hub.strike(Fault::Pass);
    let (inbox, stop) = (Arc::new(Inbox::default()), Arc::new(AtomicBool::new(false)));
    let consumer = tokio::spawn(consume(world.hub.url(""), Arc::clone(&inbox), Arc::clone(&stop)));
    let end = Instant::now() + Duration::from_secs(60);
    while inbox.len() < 80 {
        assert!(Instant::now() < end, "only {} of 80 events were heard", inbox.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.store(true, Relaxed);
    consumer.await.unwrap();
    assert_eq!(inbox.len(), 80);
}
