//! The way of an event through real processes: changed in a Character Service, kept in the log of commits, published by the relay,
//! kept by the Message Hub, and handled once by a subscriber, whatever is killed, stopped or cut off on the way.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
#![expect(clippy::disallowed_methods, reason = "what makes trouble has a thread of its own")]

#[path = "event_delivery/attributes.rs"]
mod attributes;
#[path = "event_delivery/inbox.rs"]
mod inbox;
#[path = "event_delivery/rollout.rs"]
mod rollout;
mod support;
#[path = "event_delivery/world.rs"]
mod world;

use character_asyncapi::EventValidator;
use character_fault_proxy::Fault;
use character_tests::PostgresServer;
use inbox::{Inbox, consume};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use support::{client, send, sheet, until};
use tokio::task::JoinSet;
use world::{Kept, Trouble, World};

const TOKEN: &str = "token-of-the-storage";
const HUB_TOKEN: &str = "token-of-the-hub";
/// How long a client may take for its changes.
const LIMIT: Duration = Duration::from_secs(3_600);

/// What one client did to its character: the names it set, and whether each was acknowledged.
#[derive(Default)]
struct History {
    acknowledged: Vec<String>,
    refused: Vec<String>,
    unknown: usize,
}

/// Changes a character until this number of changes was acknowledged and everything has happened that must.
async fn change(
    urls: Vec<String>,
    id: String,
    changes: usize,
    seed: u64,
    has_been_shaken: Arc<AtomicBool>,
) -> (String, History) {
    let (mut history, mut random) = (History::default(), StdRng::seed_from_u64(seed));
    let end = Instant::now() + LIMIT;
    for number in 0.. {
        if history.acknowledged.len() >= changes && has_been_shaken.load(Relaxed) {
            break;
        }
        assert!(Instant::now() < end, "only {} changes of {id} were acknowledged", history.acknowledged.len());
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
            _ => {
                history.unknown += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    (id, history)
}

/// Whether this is the proof at full size, `make hunt`: 32 clients make 10,016 changes.
fn is_hunt() -> bool {
    std::env::var_os("HUNT_SECONDS").is_some()
}

/// Clients, and the changes of each that must be acknowledged.
fn size() -> (usize, usize) {
    if is_hunt() { (32, 313) } else { (8, 30) }
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
    let urls = world.urls();
    let mut ids = Vec::new();
    for number in 0..clients {
        ids.push(send(client().post(&urls[number % urls.len()]).json(&sheet("name"))).await.id());
    }
    let (inbox, stop, calm) =
        (Arc::new(Inbox::default()), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let consumer = tokio::spawn(consume(world.hub.url(""), Arc::clone(&inbox), Arc::clone(&stop)));
    let must_happen: &[Trouble] = match kept {
        _ if is_hunt() => world.troubles(),
        Kept::InFile => &[Trouble::HubKilled],
        Kept::InNats => &[Trouble::NatsKilled, Trouble::HubKilled],
    };
    let has_been_shaken = Arc::new(AtomicBool::new(false));
    let troublemaker = {
        let (world, calm, has_been_shaken) = (Arc::clone(&world), Arc::clone(&calm), Arc::clone(&has_been_shaken));
        std::thread::spawn(move || world.trouble(seed, must_happen, &has_been_shaken, &calm))
    };
    let begin = Instant::now();
    let mut writers = JoinSet::new();
    for (number, id) in ids.into_iter().enumerate() {
        writers.spawn(change(urls.clone(), id, changes, number as u64, Arc::clone(&has_been_shaken)));
    }
    let histories: HashMap<_, _> = writers.join_all().await.into_iter().collect();
    let took = begin.elapsed();
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
    let validator = EventValidator::new().unwrap();
    for (id, (revision, name)) in &revisions {
        let events = &handled[id];
        events.iter().for_each(|event| validator.check(event).unwrap());
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
    let count = |of: fn(&History) -> usize| histories.values().map(of).sum::<usize>();
    let acknowledged = count(|history| history.acknowledged.len());
    eprintln!(
        "{clients} clients, {acknowledged} changes acknowledged, {} refused and {} of unknown outcome in {took:.0?}",
        count(|history| history.refused.len()),
        count(|history| history.unknown),
    );
    assert!(!is_hunt() || clients >= 32 && acknowledged >= 10_000, "a proof of {acknowledged} changes by {clients}");
    assert!(must_happen.iter().all(|what| done.contains_key(what)), "not all of {must_happen:?}: {done:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_is_away_makes_no_request_slower_and_hears_everything_afterwards() {
    let world = World::start(PostgresServer::shared(), 1, Kept::InFile);
    let url = world.characters[0].0.url("/api/v2/characters");
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
