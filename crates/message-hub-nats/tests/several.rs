//! Subscribers of one name in several processes: together they receive as one subscriber does.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use character_message_hub::{Deliveries, Delivery, ErrorKind, Filter, MessageHub, Subscription};
use character_message_hub_nats::{NatsHub, NatsHubConfig};
use character_message_hub_testkit::sample::{message, messages};
use character_tests::{NatsRelease, NatsServer};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{LIMIT, connected, publish_all};
use tokio::{
    runtime::Runtime,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);
const BOTH: [NatsRelease; 2] = [NatsRelease::Oldest, NatsRelease::Current];

/// With a time for settling that no test waits for.
fn patient(name: &str) -> Subscription {
    let within = Duration::from_secs(600);
    Subscription { settle_within: within, ..Subscription::new(name.parse().unwrap(), Filter::all()) }
}

async fn hubs(server: &NatsServer) -> [NatsHub; 2] {
    [connected(NatsHubConfig::new(server.url())).await, connected(NatsHubConfig::new(server.url())).await]
}

async fn next_is(deliveries: &mut Box<dyn Deliveries>, id: &str) -> Delivery {
    let delivery = timeout(LIMIT, deliveries.next()).await.unwrap_or_else(|_| panic!("{id} is delivered")).unwrap();
    assert_eq!(delivery.event().id(), id);
    delivery
}

/// Nothing is delivered to either for a while.
async fn nothing(one: &mut Box<dyn Deliveries>, other: &mut Box<dyn Deliveries>) {
    let more = timeout(SECOND, async {
        tokio::select! { one = one.next() => one, other = other.next() => other }
    });
    if let Ok(delivery) = more.await {
        panic!("nothing is to be delivered: {delivery:?}");
    }
}

#[tokio::test]
async fn a_subject_waits_in_every_process_for_the_event_that_one_of_them_has() {
    for release in BOTH {
        let server = NatsServer::start(release);
        let hubs = hubs(&server).await;
        publish_all(&hubs[0], &messages("m", "ada", 5)).await;
        let mut one = hubs[0].subscribe(&patient("reader")).await.unwrap();
        let first = next_is(&mut one, "m-0").await;
        let mut other = hubs[1].subscribe(&patient("reader")).await.unwrap();
        nothing(&mut one, &mut other).await;
        first.ack().await.unwrap();
        // A subscriber that alone takes events receives them, wherever they are received from NATS.
        let second = next_is(&mut other, "m-1").await;
        nothing(&mut one, &mut other).await;
        second.in_progress().await.unwrap();
        let (pause, begun) = (SECOND * 2, Instant::now());
        second.retry_after(pause).await.unwrap();
        nothing(&mut one, &mut other).await;
        let second = next_is(&mut one, "m-1").await;
        assert!(begun.elapsed() >= pause && second.attempt() == 2);
        publish_all(&hubs[0], &[message("b", "bob")]).await;
        next_is(&mut other, "b").await.ack().await.unwrap();
        second.reject("no").await.unwrap();
        for (at, id) in [(&mut other, "m-2"), (&mut one, "m-3")] {
            next_is(at, id).await.ack().await.unwrap();
        }
        next_is(&mut other, "m-4").await.ack().await.unwrap();
        nothing(&mut one, &mut other).await;
    }
}

/// What the subscribers of all processes have handled and have in their hands.
#[derive(Default)]
struct Handled {
    numbers: HashMap<String, usize>,
    in_hand: HashMap<String, usize>,
    by: [usize; 3],
}

/// Handles deliveries as a consumer does that takes a while, and has some again later.
async fn consume(mut deliveries: Box<dyn Deliveries>, place: usize, handled: Arc<Mutex<Handled>>) {
    let mut working = JoinSet::new();
    loop {
        let delivery = deliveries.next().await.unwrap();
        let handled = Arc::clone(&handled);
        working.spawn(async move {
            let subject = delivery.event().subject().unwrap().to_owned();
            let number: usize = delivery.event().id().rsplit('-').next().unwrap().parse().unwrap();
            {
                let mut handled = handled.lock().unwrap();
                assert_eq!(handled.in_hand.insert(subject.clone(), number), None, "{subject}: two at the same time");
                let done = handled.numbers.get(&subject).copied().unwrap_or(0);
                assert_eq!(number, done, "{subject}: an event is skipped or comes again");
            }
            sleep(Duration::from_millis((number as u64 * 7 + place as u64) % 13)).await;
            let fails = delivery.attempt() == 1 && number % 7 == place;
            {
                let mut handled = handled.lock().unwrap();
                handled.in_hand.remove(&subject);
                if !fails {
                    *handled.numbers.entry(subject).or_default() += 1;
                    handled.by[place] += 1;
                }
            }
            if fails {
                delivery.retry_after(Duration::from_millis(20)).await.unwrap();
            } else {
                delivery.ack().await.unwrap();
            }
        });
        while let Some(worked) = working.try_join_next() {
            worked.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_each_subject_holds_over_three_processes_that_share_the_events() {
    const SUBJECTS: usize = 12;
    const EVENTS: usize = 60;
    for release in BOTH {
        let server = NatsServer::start(release);
        let handled = Arc::<Mutex<Handled>>::default();
        let mut consumers = JoinSet::new();
        for place in 0..3 {
            let hub = connected(NatsHubConfig::new(server.url())).await;
            let subscription = Subscription { max_in_flight: 4, ..patient("reader") };
            let deliveries = hub.subscribe(&subscription).await.unwrap();
            consumers.spawn(consume(deliveries, place, Arc::clone(&handled)));
        }
        let publisher = connected(NatsHubConfig::new(server.url())).await;
        let batch: Vec<_> = (0..EVENTS)
            .flat_map(|number| {
                (0..SUBJECTS).map(move |subject| message(&format!("s{subject}-{number}"), &format!("s{subject}")))
            })
            .collect();
        publish_all(&publisher, &batch).await;
        let end = Instant::now() + LIMIT * 2;
        while handled.lock().unwrap().by.iter().sum::<usize>() < batch.len() {
            assert!(Instant::now() < end, "every event is handled: {:?}", handled.lock().unwrap().by);
            if let Some(ended) = consumers.try_join_next() {
                ended.unwrap();
            }
            sleep(Duration::from_millis(20)).await;
        }
        let by = handled.lock().unwrap().by;
        assert!(by.iter().all(|share| *share > batch.len() / 20), "each takes its part: {by:?}");
    }
}

#[test]
fn another_process_takes_over_within_seconds_when_the_one_that_receives_from_nats_is_killed() {
    for release in BOTH {
        let server = NatsServer::start(release);
        let config = NatsHubConfig::new(server.url());
        let (killed, living) = (Runtime::new().unwrap(), Runtime::new().unwrap());
        killed.block_on(async {
            let hub = connected(config.clone()).await;
            publish_all(&hub, &messages("m", "ada", 3)).await;
            let mut deliveries = hub.subscribe(&patient("reader")).await.unwrap();
            let held = next_is(&mut deliveries, "m-0").await;
            std::mem::forget((held, deliveries, hub));
        });
        living.block_on(async {
            let hub = connected(config).await;
            let mut deliveries = hub.subscribe(&patient("reader")).await.unwrap();
            publish_all(&hub, &[message("b", "bob")]).await;
            // The one that receives from NATS passes on what it cannot deliver itself.
            next_is(&mut deliveries, "b").await.ack().await.unwrap();
            let begun = Instant::now();
            // The end of its runtime cuts the connection and returns nothing, as SIGKILL does.
            killed.shutdown_background();
            publish_all(&hub, &[message("c", "cid")]).await;
            for id in ["m-0", "m-1", "m-2", "c"] {
                let delivery = timeout(LIMIT, deliveries.next()).await.expect("it is delivered").unwrap();
                assert_eq!(delivery.event().id(), id, "what was unsettled comes first");
                delivery.ack().await.unwrap();
            }
            assert!(begun.elapsed() < SECOND * 15, "it took {:?}", begun.elapsed());
        });
    }
}

#[test]
fn what_is_passed_to_a_process_that_was_killed_is_delivered_to_another_one_soon() {
    for release in BOTH {
        let server = NatsServer::start(release);
        let config = NatsHubConfig::new(server.url());
        let (killed, living) = (Runtime::new().unwrap(), Runtime::new().unwrap());
        let (hub, mut holding) = living.block_on(async {
            let hub = connected(config.clone()).await;
            let mut holding = hub.subscribe(&patient("reader")).await.unwrap();
            assert!(timeout(SECOND, holding.next()).await.is_err());
            (hub, holding)
        });
        killed.block_on(async {
            let other = connected(config).await;
            let mut deliveries = other.subscribe(&patient("reader")).await.unwrap();
            publish_all(&other, &[message("0", "bob")]).await;
            next_is(&mut deliveries, "0").await.ack().await.unwrap();
            std::mem::forget((deliveries, other));
        });
        killed.shutdown_background();
        living.block_on(async {
            let begun = Instant::now();
            publish_all(&hub, &messages("m", "ada", 3)).await;
            for id in ["m-0", "m-1", "m-2"] {
                let delivery = next_is(&mut holding, id).await;
                assert_eq!(delivery.attempt(), 1);
                delivery.ack().await.unwrap();
            }
            assert!(begun.elapsed() < SECOND * 10, "it took {:?}", begun.elapsed());
        });
    }
}

#[tokio::test]
async fn a_process_that_ends_in_an_orderly_way_leaves_its_events_to_the_others_at_once() {
    for release in BOTH {
        let server = NatsServer::start(release);
        let hubs = hubs(&server).await;
        publish_all(&hubs[0], &messages("m", "ada", 3)).await;
        let mut one = hubs[0].subscribe(&patient("reader")).await.unwrap();
        let held = next_is(&mut one, "m-0").await;
        let mut other = hubs[1].subscribe(&patient("reader")).await.unwrap();
        assert!(timeout(SECOND, other.next()).await.is_err());
        let begun = Instant::now();
        hubs[0].end_subscriptions().await;
        let again = next_is(&mut other, "m-0").await;
        assert!(begun.elapsed() < SECOND * 3, "it took {:?}", begun.elapsed());
        assert_eq!(held.ack().await.unwrap_err().kind(), &ErrorKind::DeliveryLost);
        again.ack().await.unwrap();
        for id in ["m-1", "m-2"] {
            next_is(&mut other, id).await.ack().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_subscriber_that_is_dropped_keeps_its_deliveries_and_the_next_one_receives_the_rest() {
    for release in BOTH {
        let server = NatsServer::start(release);
        let [hub, _] = hubs(&server).await;
        publish_all(&hub, &messages("a", "ada", 2)).await;
        publish_all(&hub, &[message("b-0", "bob")]).await;
        let mut one = hub.subscribe(&Subscription { max_in_flight: 1, ..patient("reader") }).await.unwrap();
        let held = next_is(&mut one, "a-0").await;
        drop(one);
        let mut other = hub.subscribe(&patient("reader")).await.unwrap();
        next_is(&mut other, "b-0").await.ack().await.unwrap();
        assert!(timeout(SECOND * 8, other.next()).await.is_err(), "it is not lost, although its subscriber is gone");
        held.ack().await.unwrap();
        next_is(&mut other, "a-1").await.ack().await.unwrap();
    }
}

#[tokio::test]
async fn the_last_filter_counts_for_each_process() {
    for release in BOTH {
        let server = NatsServer::start(release);
        let hubs = hubs(&server).await;
        let filtered = |filter: &str| Subscription { filter: filter.parse().unwrap(), ..patient("reader") };
        let mut before = hubs[0].subscribe(&filtered("campaign.*")).await.unwrap();
        assert!(timeout(SECOND, before.next()).await.is_err());
        let mut after = hubs[1].subscribe(&filtered("character.*")).await.unwrap();
        assert!(timeout(SECOND * 2, after.next()).await.is_err(), "the other process has heard of the filter");
        publish_all(&hubs[0], &[message("1", "ada")]).await;
        next_is(&mut after, "1").await.ack().await.unwrap();
        drop(after);
        publish_all(&hubs[0], &[message("2", "ada")]).await;
        next_is(&mut before, "2").await.ack().await.unwrap();
    }
}
