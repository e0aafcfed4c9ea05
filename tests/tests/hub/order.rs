//! The order of subjects over several processes of the Message Hub over one NATS, with clients at each of them.

use super::{LIMIT, TOKEN, hub, message, support};
use character_fault_proxy::{Fault, FaultProxy};
use character_message_hub::MessageHub;
use character_message_hub_nats::{NatsHub, NatsHubConfig};
use character_tests::{NatsRelease, NatsServer, Service};
use futures_util::future::join_all;
use rand::RngExt as _;
use serde_json::{Value, json};
use std::{
    collections::{HashMap, HashSet},
    ops::RangeInclusive,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use support::{client, metrics, until};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

const SUBJECTS: usize = 8;
/// How many events of each subject are published at once.
const EACH: usize = 20;
/// Longer than another process waits before it takes a subscription.
const LAPSE: Duration = Duration::from_secs(14);
const SUBSCRIPTION: &str = "subscription=sheets&max_in_flight=32&settle_within_ms=4000";

/// How long a client has a delivery before it settles it, in milliseconds.
const HELD_MS: RangeInclusive<u64> = 20..=200;
/// For how long after its arrival at a client no other delivery of the subject may arrive: well within the time for settling.
const ALONE: Duration = Duration::from_secs(2);

/// What the clients have seen, in the order in which they saw it.
#[derive(Debug, Default)]
struct Seen {
    /// The number of the newest event of each subject that a client has received.
    newest: HashMap<String, u64>,
    /// The deliveries of each subject whose settlement has not begun: receipt, event, and when it arrived.
    unsettled: HashMap<String, Vec<(String, String, Instant)>>,
    /// The events whose settlement has begun.
    begun: HashSet<String>,
    receipts: HashSet<String>,
    /// The process that made the last delivery, by which its receipts begin.
    holder: String,
    /// A process that stood still, and the receipts that it has sent since: of deliveries that it had made before.
    stood_still: Option<String>,
    late: HashSet<String>,
    delivered: HashSet<String>,
    /// How often each event was settled, as far as a client knows.
    settled: HashMap<String, usize>,
    faults: Vec<String>,
}

impl Seen {
    /// The deliveries of a subject never go back to an earlier event, and none arrives while a client has another one, or before the
    /// settlement of the event before it has begun.
    fn deliver(&mut self, delivery: &Value, client: &str) {
        let (subject, id) = (delivery["event"]["subject"].as_str().unwrap(), delivery["event"]["id"].as_str().unwrap());
        let (receipt, now) = (delivery["receipt"].as_str().unwrap(), Instant::now());
        let number: u64 = id.rsplit('-').next().unwrap().parse().unwrap();
        let maker = receipt.split('.').next().unwrap();
        if self.stood_still.as_deref() == Some(maker) {
            self.late.insert(receipt.to_owned());
            return;
        }
        self.holder = maker.to_owned();
        if !self.receipts.insert(receipt.to_owned()) {
            self.faults.push(format!("{client} received the receipt of {id} a second time"));
        }
        let before = id_of(id.split('-').next().unwrap().parse().unwrap(), number - 1);
        if number > 1 && !self.begun.contains(&before) {
            self.faults.push(format!("{client} received {id} before the settlement of {before} had begun"));
        }
        let unsettled = self.unsettled.entry(subject.to_owned()).or_default();
        for (_, other, arrived) in unsettled.iter().filter(|(.., arrived)| now < *arrived + ALONE) {
            let age = now - *arrived;
            self.faults.push(format!("{client} received {id} while a client had {other} for {age:?}"));
        }
        unsettled.push((receipt.to_owned(), id.to_owned(), now));
        let newest = self.newest.entry(subject.to_owned()).or_default();
        if number < *newest {
            self.faults.push(format!("{client} received {id} after {newest}, as attempt {}", delivery["attempt"]));
        }
        *newest = number.max(*newest);
        self.delivered.insert(id.to_owned());
    }

    fn settle(&mut self, delivery: &Value) {
        let id = delivery["event"]["id"].as_str().unwrap();
        if self.late.contains(delivery["receipt"].as_str().unwrap()) {
            self.faults.push(format!("{id} was settled at the process that had stood still"));
        }
        *self.settled.entry(id.to_owned()).or_default() += 1;
    }

    fn begin_to_settle(&mut self, delivery: &Value) {
        self.begun.insert(delivery["event"]["id"].as_str().unwrap().to_owned());
        for unsettled in self.unsettled.values_mut() {
            unsettled.retain(|(receipt, ..)| delivery["receipt"] != **receipt);
        }
    }
}

fn id_of(subject: usize, number: u64) -> String {
    format!("{subject}-{number:06}")
}

/// Processes over one NATS, each with a connection of its own that can be cut.
struct World {
    nats: NatsServer,
    ways: Vec<FaultProxy>,
    services: Vec<Service>,
    http: reqwest::Client,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
}

impl World {
    fn start(release: NatsRelease, processes: usize) -> Self {
        let nats = NatsServer::start(release);
        let upstream = format!("127.0.0.1:{}", nats.port()).parse().unwrap();
        let ways: Vec<_> = (0..processes).map(|_| FaultProxy::start(upstream).unwrap()).collect();
        let url = |way: &FaultProxy| format!("nats://{}", way.address());
        let services = ways.iter().map(|way| hub().env("NATS_URL", url(way)).start()).collect();
        let http = reqwest::Client::builder().build().unwrap();
        Self { nats, ways, services, http, seen: Arc::default(), stop: Arc::default() }
    }

    /// The process that makes the deliveries.
    async fn holder(&self) -> usize {
        let end = Instant::now() + LIMIT;
        loop {
            for (index, service) in self.services.iter().enumerate() {
                if metrics(service).await.metric::<f64>("message_hub_held_subscriptions") == Some(1.0) {
                    return index;
                }
            }
            assert!(Instant::now() < end, "no process holds the subscription");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The process that makes the deliveries stands still now. It may do so between its last reading of the clock and the end of a response,
    /// which a client then receives after those of the next process. Such a delivery cannot be settled.
    fn stands_still(&self) {
        let mut seen = self.seen.lock().unwrap();
        seen.stood_still = Some(seen.holder.clone());
    }

    /// Clients of every process: one that names itself, one that does not, and a stream, each with the next one of these types.
    fn clients(&self, types: &'static [&'static str]) -> Vec<JoinHandle<()>> {
        let kinds = ["named", "unnamed", "stream"];
        let urls: Vec<_> = self.services.iter().map(|service| service.url("")).collect();
        let client = |place: usize, kind: &'static str| {
            let mut urls = urls.clone();
            urls.rotate_left(place);
            let (http, seen) = (self.http.clone(), Arc::clone(&self.seen));
            let of_process = kinds.iter().position(|other| *other == kind).unwrap();
            let types = types[(place * kinds.len() + of_process) % types.len()];
            let client = Client { http, urls, seen, types, name: format!("{kind}-{place}") };
            let stop = Arc::clone(&self.stop);
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let turn = async {
                        match kind {
                            "stream" => client.stream(&stop).await,
                            _ => client.poll(kind == "named").await,
                        }
                    };
                    if turn.await.is_none() {
                        sleep(Duration::from_millis(50)).await;
                    }
                }
            })
        };
        (0..urls.len()).flat_map(|place| kinds.map(|kind| client(place, kind))).collect()
    }

    /// Publishes this number of events of each subject, from `first` on.
    async fn publish(&self, first: u64, number: u64) {
        let hub = NatsHub::connect(NatsHubConfig::new(self.nats.url())).await.unwrap();
        for number in first..first + number {
            let messages: Vec<_> =
                (0..SUBJECTS).map(|subject| message(&id_of(subject, number), &format!("subject-{subject}"))).collect();
            while !hub.publish(&messages, Duration::from_secs(5)).await.iter().all(Result::is_ok) {
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    async fn settled(&self, number: usize) {
        let end = Instant::now() + LIMIT * 2;
        loop {
            let settled = self.seen.lock().unwrap().settled.len();
            if settled >= number {
                return;
            }
            assert!(Instant::now() < end, "only {settled} of {number} events are settled");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until everything is settled, and judges what the clients have seen.
    async fn judge(&self, clients: Vec<JoinHandle<()>>, each: usize) {
        let is_settled = |answer: &support::Answer| {
            answer.body["subscriptions"][0]["backlog"] == 0 && answer.body["subscriptions"][0]["in_flight"] == 0
        };
        let list = || client().get(self.services[0].url("/v1/subscriptions")).bearer_auth(TOKEN);
        until(LIMIT * 3, "the end of the backlog", list, is_settled).await;
        self.stop.store(true, Ordering::SeqCst);
        for ended in join_all(clients).await {
            ended.unwrap();
        }
        let seen = self.seen.lock().unwrap();
        assert!(seen.faults.is_empty(), "{:#?}", seen.faults);
        assert_eq!(seen.delivered.len(), each * SUBJECTS);
        // It had at most one delivery of each subject on its way, and makes no other one after it has read the clock again.
        assert!(seen.late.len() <= SUBJECTS, "the process that had stood still has sent {:?}", seen.late);
        let twice: Vec<_> = seen.settled.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "settled twice: {twice:?}");
    }
}

#[derive(Clone)]
struct Client {
    http: reqwest::Client,
    /// The process of this client first.
    urls: Vec<String>,
    seen: Arc<Mutex<Seen>>,
    types: &'static str,
    name: String,
}

impl Client {
    async fn poll(&self, is_named: bool) -> Option<()> {
        let named = if is_named { format!("&poller={}", self.name) } else { String::new() };
        let url = format!("{}/v1/events?{SUBSCRIPTION}&types={}&limit=5&wait_ms=3000{named}", self.urls[0], self.types);
        let request = self.http.get(url).bearer_auth(TOKEN).timeout(Duration::from_secs(20));
        let response = request.send().await.ok()?;
        let body: Value = response.json().await.ok()?;
        let deliveries = body["deliveries"].as_array()?;
        for delivery in deliveries {
            self.seen.lock().unwrap().deliver(delivery, &self.name);
        }
        join_all(deliveries.iter().map(|delivery| self.settle(delivery))).await;
        Some(())
    }

    async fn stream(&self, stop: &AtomicBool) -> Option<()> {
        let url = format!("{}/v1/events?{SUBSCRIPTION}&types={}", self.urls[0], self.types);
        let request = self.http.get(url).bearer_auth(TOKEN).header("accept", "text/event-stream");
        let mut response = timeout(LIMIT, request.send()).await.ok()?.ok()?.error_for_status().ok()?;
        let mut text = String::new();
        loop {
            match timeout(Duration::from_secs(1), response.chunk()).await {
                Ok(chunk) => text.push_str(std::str::from_utf8(&chunk.ok()??).unwrap()),
                Err(_) if stop.load(Ordering::SeqCst) => return Some(()),
                Err(_) => continue,
            }
            while let Some((part, rest)) = text.split_once("\n\n") {
                let data = part.lines().find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
                text = rest.to_owned();
                let delivery: Value = serde_json::from_str(&data.unwrap_or_default()).unwrap_or_default();
                if delivery["receipt"].is_string() {
                    self.seen.lock().unwrap().deliver(&delivery, &self.name);
                    // The next one is not held up by a process that does not answer.
                    let client = self.clone();
                    tokio::spawn(async move { client.settle(&delivery).await });
                }
            }
        }
    }

    /// Settles after a while, at the own process, or at another one when that does not answer.
    async fn settle(&self, delivery: &Value) {
        let held = Duration::from_millis(rand::rng().random_range(HELD_MS));
        sleep(held).await;
        self.seen.lock().unwrap().begin_to_settle(delivery);
        let body = json!({ "settlements": [{ "receipt": delivery["receipt"], "action": "ack" }] });
        for url in &self.urls {
            let url = format!("{url}/v1/events/settle");
            let request = self.http.post(url).bearer_auth(TOKEN).timeout(Duration::from_secs(3)).json(&body);
            let Ok(answer) = support::try_send(request).await else { continue };
            if answer.body["results"][0]["status"] == "settled" {
                self.seen.lock().unwrap().settle(delivery);
            }
            return;
        }
    }
}

/// Publishes and consumes before, during and after the trouble of the process that holds the subscription.
async fn the_order_holds(release: NatsRelease, processes: usize, trouble: impl AsyncFnOnce(&World)) {
    the_order_holds_for(&["character.*"], release, processes, trouble).await;
}

async fn the_order_holds_for(
    types: &'static [&'static str],
    release: NatsRelease,
    processes: usize,
    trouble: impl AsyncFnOnce(&World),
) -> Duration {
    const PART: u64 = EACH as u64;
    let world = World::start(release, processes);
    let (clients, begun) = (world.clients(types), Instant::now());
    world.publish(1, PART).await;
    world.settled(EACH * SUBJECTS / 2).await;
    let publishing = async {
        for round in 1..4 {
            world.publish(1 + PART * round, PART).await;
            sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::join!(publishing, trouble(&world));
    world.publish(1 + PART * 4, PART).await;
    world.judge(clients, EACH * 5).await;
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_three_processes_receive_each_subject_in_order_and_each_event_once() {
    for release in [NatsRelease::Oldest, NatsRelease::Current] {
        the_order_holds(release, 3, async |_: &World| {}).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_ask_for_other_types_hold_up_no_event_and_keep_the_order() {
    for (release, processes) in [(NatsRelease::Oldest, 2), (NatsRelease::Current, 1)] {
        let types = &["character.*", "character.updated"];
        let took = the_order_holds_for(types, release, processes, async |_: &World| {}).await;
        assert!(took < LIMIT, "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_each_subject_holds_when_the_process_that_delivers_is_killed() {
    for (release, processes) in [(NatsRelease::Oldest, 2), (NatsRelease::Current, 3)] {
        the_order_holds(release, processes, async |world: &World| {
            let holder = world.holder().await;
            world.services[holder].kill();
            sleep(LAPSE).await;
            world.services[holder].restart();
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute; make hunt runs it"]
async fn the_order_of_each_subject_holds_when_the_process_that_delivers_stands_still() {
    for (release, processes) in [(NatsRelease::Oldest, 3), (NatsRelease::Current, 2)] {
        the_order_holds(release, processes, async |world: &World| {
            let holder = world.holder().await;
            world.services[holder].suspend();
            world.stands_still();
            sleep(LAPSE).await;
            world.services[holder].resume();
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_each_subject_holds_when_the_process_that_delivers_ends_in_order() {
    for release in [NatsRelease::Oldest, NatsRelease::Current] {
        the_order_holds(release, 2, async |world: &World| {
            let holder = world.holder().await;
            assert_eq!(world.services[holder].terminate(), 0);
            // Another process continues long before the record of the first one would have lapsed.
            let (begun, settled) = (Instant::now(), world.seen.lock().unwrap().settled.len());
            world.settled(settled + SUBJECTS * 2).await;
            assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
            let other = metrics(&world.services[1 - holder]).await;
            assert_eq!(other.metric::<f64>("message_hub_held_subscriptions"), Some(1.0));
            world.services[holder].restart();
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute; make hunt runs it"]
async fn the_order_of_each_subject_holds_when_the_process_that_delivers_is_cut_off_from_nats() {
    for (release, processes) in [(NatsRelease::Oldest, 2), (NatsRelease::Current, 3)] {
        the_order_holds(release, processes, async |world: &World| {
            let holder = world.holder().await;
            world.ways[holder].set(Fault::AcceptAndNeverAnswer);
            world.ways[holder].freeze_open();
            sleep(LAPSE).await;
            world.ways[holder].strike(Fault::Pass);
        })
        .await;
    }
}
