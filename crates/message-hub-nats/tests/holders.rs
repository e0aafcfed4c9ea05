//! The order of a subject from one subscriber to the next, and the records of which process makes the deliveries.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use character_fault_proxy::{Fault, FaultProxy, Way};
use character_message_hub::{
    Deliveries, Filter, HolderRecord, HolderRecords, HubOperations, Message, MessageHub, ServiceName, Subscription,
    SubscriptionName,
};
use character_message_hub_nats::{NatsHub, NatsHubConfig, Subscribers};
use character_message_hub_testkit::sample::{event_of, hasty, messages, subscription};
use character_tests::{NatsRelease, NatsServer};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use support::{LIMIT, connected, publish_all, spread, works};
use tokio::{
    runtime::Runtime,
    time::{Instant, sleep, timeout},
};

const RELEASES: [NatsRelease; 2] = [NatsRelease::Oldest, NatsRelease::Current];

fn config(server: &NatsServer, subscribers: Subscribers) -> NatsHubConfig {
    NatsHubConfig { subscribers, ..NatsHubConfig::new(server.url()) }
}

/// The ids of the events of the subject `ada`, among this number of events, each settled at once.
async fn of_ada(deliveries: &mut Box<dyn Deliveries>, number: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..number {
        let delivery = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
        if delivery.event().subject() == Some("ada") {
            ids.push(delivery.event().id().to_owned());
        }
        delivery.ack().await.unwrap();
    }
    ids
}

#[tokio::test]
async fn a_delivery_that_is_put_back_comes_again_at_once_as_the_same_attempt() {
    for release in RELEASES {
        let server = NatsServer::start(release);
        let hub = connected(config(&server, Subscribers::Several)).await;
        publish_all(&hub, &messages("event", "ada", 2)).await;
        let mut deliveries = hub.subscribe(&subscription("reader")).await.unwrap();
        for _ in 0..3 {
            let delivery = timeout(LIMIT / 2, deliveries.next()).await.unwrap().unwrap();
            assert_eq!((delivery.event().id(), delivery.attempt()), ("event-0", 1), "{release:?}");
            delivery.put_back().await.unwrap();
        }
        assert_eq!(of_ada(&mut deliveries, 2).await, ["event-0", "event-1"], "{release:?}");
    }
}

#[test]
fn the_order_holds_over_a_crash_before_more_events_than_may_be_in_flight() {
    for (release, subscribers) in
        RELEASES.into_iter().flat_map(|release| [(release, Subscribers::Several), (release, Subscribers::One)])
    {
        let server = NatsServer::start(release);
        // The end of its runtime cuts the connection and returns nothing, as SIGKILL does.
        let crashing = Runtime::new().unwrap();
        crashing.block_on(async {
            let hub = connected(config(&server, subscribers)).await;
            publish_all(&hub, &messages("first", "ada", 1)).await;
            publish_all(&hub, &spread("before", 70)).await;
            publish_all(&hub, &messages("second", "ada", 1)).await;
            publish_all(&hub, &spread("after", 200)).await;
            let mut deliveries = hub.subscribe(&hasty("reader")).await.unwrap();
            let held = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
            assert_eq!(held.event().id(), "first-0");
            std::mem::forget((held, deliveries));
        });
        crashing.shutdown_background();
        Runtime::new().unwrap().block_on(async {
            let hub = connected(config(&server, subscribers)).await;
            let mut deliveries = hub.subscribe(&hasty("reader")).await.unwrap();
            let found = of_ada(&mut deliveries, 272).await;
            assert_eq!(found, ["first-0", "second-0"], "{release:?} {subscribers:?}");
        });
    }
}

#[tokio::test]
async fn an_event_that_went_to_a_subscriber_which_stands_still_comes_before_later_ones_of_its_subject() {
    for release in RELEASES {
        let server = NatsServer::start(release);
        let hub = connected(config(&server, Subscribers::One)).await;
        publish_all(&hub, &messages("old", "ada", 1)).await;
        let two = Subscription { max_in_flight: 2, ..hasty("reader") };
        let mut deliveries = hub.subscribe(&two).await.unwrap();
        assert_eq!(of_ada(&mut deliveries, 1).await, ["old-0"]);
        // What JetStream sends for these requests is never settled.
        let still = async_nats::connect(server.url()).await.unwrap();
        let _unread = still.subscribe("still").await.unwrap();
        for _ in 0..2 {
            let body = json!({ "batch": 2, "expires": 20_000_000_000_u64 }).to_string();
            let next = "$JS.API.CONSUMER.MSG.NEXT.CHARACTER_EVENTS.reader";
            still.publish_with_reply(next, "still", body.into()).await.unwrap();
        }
        still.flush().await.unwrap();
        // The first ones are for the request of the subscriber, and those after them for the requests behind it.
        publish_all(&hub, &messages("new", "ada", 12)).await;
        let expected: Vec<_> = (0..12).map(|number| format!("new-{number}")).collect();
        assert_eq!(of_ada(&mut deliveries, 12).await, expected, "{release:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_jetstream_sends_again_just_before_it_is_settled_is_delivered_once() {
    const EVENTS: usize = 40;
    for release in RELEASES {
        let server = NatsServer::start(release);
        let way = FaultProxy::start(([127, 0, 0, 1], server.port()).into()).unwrap();
        // Answers take so long that the subscriber often waits for one while events arrive.
        way.set(Fault::Delay { way: Way::ToClient, by: Duration::from_millis(20) });
        let url = format!("nats://{}", way.address());
        let hub = connected(NatsHubConfig { subscribers: Subscribers::One, ..NatsHubConfig::new(url) }).await;
        publish_all(&hub, &spread("m", EVENTS)).await;
        let mut deliveries = hub.subscribe(&subscription("reader")).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..EVENTS {
            held.push(timeout(LIMIT, deliveries.next()).await.unwrap().unwrap());
        }
        // An event that went elsewhere: the subscriber asks for it again and again.
        let other = async_nats::connect(server.url()).await.unwrap();
        let mut elsewhere = other.subscribe("elsewhere").await.unwrap();
        let body = json!({ "batch": 1, "expires": 20_000_000_000_u64 }).to_string();
        let next = "$JS.API.CONSUMER.MSG.NEXT.CHARACTER_EVENTS.reader";
        other.publish_with_reply(next, "elsewhere", body.into()).await.unwrap();
        other.flush().await.unwrap();
        let publisher = connected(NatsHubConfig::new(server.url())).await;
        let mut more = 0;
        let away = loop {
            publish_all(&publisher, &spread(&format!("more-{more}"), 1)).await;
            more += 1;
            if let Ok(message) = timeout(Duration::from_millis(100), elsewhere.next()).await {
                break message.unwrap();
            }
        };
        publish_all(&publisher, &spread("last", 1)).await;
        for (number, delivery) in (1..).zip(held) {
            let address = format!("$JS.ACK.CHARACTER_EVENTS.reader.1.{number}.{number}.1700000000000000000.0");
            other.publish(address, "-NAK".into()).await.unwrap();
            other.flush().await.unwrap();
            delivery.ack().await.unwrap();
        }
        other.publish(away.reply.unwrap(), "+ACK".into()).await.unwrap();
        let mut again = Vec::new();
        while let Ok(delivery) = timeout(Duration::from_secs(2), deliveries.next()).await {
            let delivery = delivery.unwrap();
            again.push(delivery.event().id().to_owned());
            delivery.ack().await.unwrap();
        }
        assert_eq!(again.len(), more, "{release:?}: {again:?}");
    }
}

#[tokio::test]
async fn an_event_that_is_in_flight_elsewhere_makes_no_subscriber_receive_more_than_its_clients_take() {
    for release in RELEASES {
        let server = NatsServer::start(release);
        let hub = connected(config(&server, Subscribers::Several)).await;
        publish_all(&hub, &messages("old", "ada", 1)).await;
        publish_all(&hub, &spread("ready", 2)).await;
        let subscription = Subscription { max_in_flight: 2, settle_within: Duration::from_secs(3), ..hasty("reader") };
        let mut deliveries = hub.subscribe(&subscription).await.unwrap();
        let unsettled = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
        assert_eq!(unsettled.event().id(), "old-0");
        // What comes again goes to this request first, and is not settled.
        let other = async_nats::connect(server.url()).await.unwrap();
        let mut again = other.subscribe("again").await.unwrap();
        let body = json!({ "batch": 1, "expires": 20_000_000_000_u64 }).to_string();
        other
            .publish_with_reply("$JS.API.CONSUMER.MSG.NEXT.CHARACTER_EVENTS.reader", "again", body.into())
            .await
            .unwrap();
        timeout(LIMIT, again.next()).await.unwrap().unwrap();
        publish_all(&hub, &spread("new", 200)).await;
        sleep(Duration::from_secs(1)).await;
        let info = other.request("$JS.API.CONSUMER.INFO.CHARACTER_EVENTS.reader", "".into()).await.unwrap();
        let info: Value = serde_json::from_slice(&info.payload).unwrap();
        let pending = info["num_ack_pending"].as_u64().unwrap();
        assert!((3..=6).contains(&pending), "{release:?}: {pending} events are received");
        assert_eq!(of_ada(&mut deliveries, 203).await, ["old-0"], "{release:?}");
    }
}

#[test]
fn a_subscriber_with_less_time_for_settling_takes_no_time_from_a_delivery_of_the_one_before_it() {
    const LONG: Duration = Duration::from_secs(5);
    for release in RELEASES {
        let server = NatsServer::start(release);
        let crashing = Runtime::new().unwrap();
        let delivered = crashing.block_on(async {
            let hub = connected(config(&server, Subscribers::One)).await;
            publish_all(&hub, &messages("m", "ada", 3)).await;
            let long = Subscription { settle_within: LONG, ..hasty("reader") };
            let mut deliveries = hub.subscribe(&long).await.unwrap();
            let held = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
            std::mem::forget((held, deliveries));
            Instant::now()
        });
        crashing.shutdown_background();
        Runtime::new().unwrap().block_on(async {
            let hub = connected(config(&server, Subscribers::One)).await;
            let mut deliveries = hub.subscribe(&hasty("reader")).await.unwrap();
            let again = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
            assert_eq!(again.event().id(), "m-0", "{release:?}");
            let after = delivered.elapsed();
            assert!(after > LONG - Duration::from_millis(200), "{release:?}: it is delivered again after {after:?}");
            again.ack().await.unwrap();
            assert_eq!(of_ada(&mut deliveries, 2).await, ["m-1", "m-2"], "{release:?}");
        });
    }
}

#[test]
fn the_order_holds_when_a_subscriber_with_more_time_for_settling_joins_before_what_was_in_flight_has_come_again() {
    let of = |seconds| Subscription { settle_within: Duration::from_secs(seconds), ..hasty("reader") };
    for release in RELEASES {
        let server = NatsServer::start(release);
        let crashing = Runtime::new().unwrap();
        crashing.block_on(async {
            let hub = connected(config(&server, Subscribers::Several)).await;
            publish_all(&hub, &messages("before", "ada", 1)).await;
            let mut deliveries = hub.subscribe(&of(2)).await.unwrap();
            let held = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
            std::mem::forget((held, deliveries));
        });
        crashing.shutdown_background();
        Runtime::new().unwrap().block_on(async {
            let hub = connected(config(&server, Subscribers::Several)).await;
            publish_all(&hub, &messages("after", "ada", 2)).await;
            let mut deliveries = hub.subscribe(&of(2)).await.unwrap();
            let early = timeout(Duration::from_millis(500), deliveries.next()).await;
            assert!(early.is_err(), "the first event is in flight");
            let _joined = hub.subscribe(&of(7)).await.unwrap();
            assert_eq!(of_ada(&mut deliveries, 3).await, ["before-0", "after-0", "after-1"], "{release:?}");
        });
    }
}

#[tokio::test]
async fn a_retry_after_the_end_of_a_subscriber_is_delivered_by_the_next_one_at_once() {
    for release in RELEASES {
        let server = NatsServer::start(release);
        let hub = connected(config(&server, Subscribers::One)).await;
        publish_all(&hub, &messages("m", "ada", 2)).await;
        let subscription = subscription("reader");
        let mut ending = hub.subscribe(&subscription).await.unwrap();
        let held = timeout(LIMIT, ending.next()).await.unwrap().unwrap();
        drop(ending);
        let mut next = hub.subscribe(&subscription).await.unwrap();
        assert!(timeout(Duration::from_secs(1), next.next()).await.is_err(), "the first event is in flight");
        held.retry_after(Duration::ZERO).await.unwrap();
        let found = timeout(Duration::from_secs(5), of_ada(&mut next, 2)).await;
        let found = found.unwrap_or_default();
        assert_eq!(found, ["m-0", "m-1"], "{release:?}: it need not wait for the time for settling");
    }
}

#[tokio::test]
async fn subscribers_at_one_hub_with_other_types_and_limits_keep_the_order_and_hold_up_no_other_subject() {
    const SOON: Duration = Duration::from_secs(5);
    let typed = |kind: &str, id: &str, subject: &str| [Message::of(Arc::new(event_of(kind, id, subject)))];
    for (release, subscribers) in
        RELEASES.into_iter().flat_map(|release| [(release, Subscribers::Several), (release, Subscribers::One)])
    {
        let server = NatsServer::start(release);
        let hub = connected(config(&server, subscribers)).await;
        let reader = |filter: &str| Subscription { filter: filter.parse().unwrap(), ..subscription("reader") };
        let mut one = hub.subscribe(&reader("character.created")).await.unwrap();
        publish_all(&hub, &typed("character.created", "ada-0", "ada")).await;
        let first = timeout(SOON, one.next()).await.unwrap().unwrap();
        let other = Subscription { max_in_flight: 8, settle_within: Duration::from_secs(2), ..reader("character.*") };
        let mut other = hub.clone().subscribe(&other).await.unwrap();
        publish_all(&hub, &typed("character.changed", "ada-1", "ada")).await;
        publish_all(&hub, &typed("character.changed", "bob-0", "bob")).await;
        let next = timeout(SOON, other.next()).await;
        let unsettled =
            next.unwrap_or_else(|_| panic!("{release:?} {subscribers:?}: the other subject waits")).unwrap();
        assert_eq!(unsettled.event().id(), "bob-0", "{release:?} {subscribers:?}");
        let again = timeout(SOON, one.next()).await.unwrap().unwrap();
        assert_eq!(
            (again.event().id(), again.attempt()),
            ("bob-0", 2),
            "the time for settling is that of its subscriber"
        );
        again.ack().await.unwrap();
        first.ack().await.unwrap();
        let last = timeout(SOON, one.next()).await.unwrap().unwrap();
        assert_eq!(last.event().id(), "ada-1", "the types are those of the last subscriber");
        last.ack().await.unwrap();
        assert!(
            timeout(Duration::from_millis(500), async {
                tokio::select! { _ = one.next() => {} _ = other.next() => {} }
            })
            .await
            .is_err()
        );
    }
}

#[tokio::test]
async fn a_process_that_knows_no_holders_holds_up_none_that_does() {
    for release in RELEASES {
        let server = NatsServer::start(release);
        let (older, newer) = (
            connected(config(&server, Subscribers::Several)).await,
            connected(config(&server, Subscribers::One)).await,
        );
        publish_all(&older, &messages("m", "ada", 1)).await;
        let mut before = older.subscribe(&subscription("reader")).await.unwrap();
        let unsettled = timeout(LIMIT, before.next()).await.unwrap().unwrap();
        let mut beside = newer.subscribe(&subscription("reader")).await.unwrap();
        let found = async {
            let mut found = 0;
            while found < 40 {
                let delivery = tokio::select! { one = before.next() => one, other = beside.next() => other };
                delivery.unwrap().ack().await.unwrap();
                found += 1;
            }
        };
        let publishing = async {
            for number in 0..4 {
                publish_all(&older, &spread(&format!("round-{number}"), 10)).await;
            }
        };
        let both = async { tokio::join!(found, publishing) };
        assert!(timeout(Duration::from_secs(10), both).await.is_ok(), "{release:?}");
        unsettled.ack().await.unwrap();
    }
}

#[tokio::test]
async fn a_refused_stream_of_the_records_is_named_by_the_creation_and_by_probes_until_it_is_permitted() {
    let users = |permissions: &str| {
        format!("authorization {{ users: [{{ user: \"u\", password: \"p\" {permissions} }}] }} \nno_auth_user: u")
    };
    let denied = ", permissions: { publish: { deny: [\"$JS.API.STREAM.CREATE.CHARACTER_EVENTS_HOLDERS\"] } }";
    let server = NatsServer::start_with(NatsRelease::Current, &users(denied));
    let hub = connected(config(&server, Subscribers::Several)).await;
    hub.create_stream(LIMIT).await.unwrap();
    hub.probe().await.unwrap();
    let hub = connected(config(&server, Subscribers::One)).await;
    for error in [hub.create_stream(LIMIT).await, hub.probe().await].map(Result::unwrap_err) {
        let text = error.to_string();
        assert!(text.contains("$JS.API.STREAM.CREATE.CHARACTER_EVENTS_HOLDERS"), "{text}");
    }
    server.configure(&users(""));
    server.reload();
    works(&hub).await;
}

#[tokio::test]
async fn a_record_is_replaced_by_the_writer_that_knows_the_one_before_it() {
    for release in RELEASES {
        let server = NatsServer::start(release);
        let hubs: [NatsHub; 2] =
            [connected(config(&server, Subscribers::One)).await, connected(config(&server, Subscribers::One)).await];
        let name: SubscriptionName = "sheets".parse().unwrap();
        let process = |name: &str| -> ServiceName { name.parse().unwrap() };
        let (one, other) = (process("message-hub-1"), process("message-hub-2"));
        assert_eq!(hubs[0].read(&name).await.unwrap(), None);
        let first = hubs[0].replace(&name, 0, Some(&one)).await.unwrap().unwrap();
        for revision in [0, first + 1] {
            assert_eq!(hubs[1].replace(&name, revision, Some(&other)).await.unwrap(), None, "{release:?}");
        }
        assert_eq!(hubs[1].read(&name).await.unwrap(), Some(HolderRecord { revision: first, holder: Some(one) }));
        let another: SubscriptionName = "inbox".parse().unwrap();
        hubs[1].replace(&another, 0, Some(&other)).await.unwrap().unwrap();
        let second = hubs[1].replace(&name, first, None).await.unwrap().unwrap();
        assert!(second > first);
        assert_eq!(hubs[0].read(&name).await.unwrap(), Some(HolderRecord { revision: second, holder: None }));
        assert_eq!(hubs[0].replace(&name, first, Some(&other)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn the_types_of_a_subscription_are_those_of_its_last_subscriber_at_any_hub() {
    for release in RELEASES {
        let server = NatsServer::start(release);
        let hubs: [NatsHub; 2] =
            [connected(config(&server, Subscribers::One)).await, connected(config(&server, Subscribers::One)).await];
        let name: SubscriptionName = "reader".parse().unwrap();
        hubs[0].create_stream(LIMIT).await.unwrap();
        assert_eq!(hubs[1].types(&name).await.unwrap(), None);
        for types in ["character.*", "", "character.created,campaign.*"] {
            let types: Filter = types.parse().unwrap();
            let subscription = Subscription { filter: types.clone(), ..subscription("reader") };
            let _deliveries = hubs[0].subscribe(&subscription).await.unwrap();
            assert_eq!(hubs[1].types(&name).await.unwrap(), Some(types), "{release:?}");
        }
    }
}

#[tokio::test]
async fn an_event_that_is_not_settled_in_time_comes_before_later_ones_of_its_subject_however_many_wait() {
    const MOST: u64 = 10_000;
    for release in RELEASES {
        let server = NatsServer::start(release);
        let hub = connected(config(&server, Subscribers::One)).await;
        for part in messages("m", "ada", 10_010).chunks(1_000) {
            publish_all(&hub, part).await;
        }
        let subscription =
            Subscription { max_in_flight: 4, settle_within: Duration::from_secs(5), ..subscription("reader") };
        let mut deliveries = hub.subscribe(&subscription).await.unwrap();
        let unsettled = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
        assert_eq!(unsettled.event().id(), "m-0");
        let admin = async_nats::connect(server.url()).await.unwrap();
        let end = Instant::now() + LIMIT;
        loop {
            let info = admin.request("$JS.API.CONSUMER.INFO.CHARACTER_EVENTS.reader", "".into()).await.unwrap();
            let info: Value = serde_json::from_slice(&info.payload).unwrap();
            if info["num_ack_pending"].as_u64() == Some(MOST) {
                break;
            }
            assert!(Instant::now() < end, "{info}");
            unsettled.in_progress().await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
        let again = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
        assert_eq!((again.event().id(), again.attempt()), ("m-0", 2), "{release:?}");
        again.ack().await.unwrap();
        let next = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
        assert_eq!(next.event().id(), "m-1");
    }
}

#[tokio::test]
async fn a_settlement_that_is_lost_with_the_connection_holds_up_its_own_subject_alone() {
    for release in RELEASES {
        let server = NatsServer::start(release);
        let way = FaultProxy::start(([127, 0, 0, 1], server.port()).into()).unwrap();
        let beside = connected(config(&server, Subscribers::One)).await;
        publish_all(&beside, &messages("before", "ada", 1)).await;
        let url = format!("nats://{}", way.address());
        let hub = connected(NatsHubConfig { subscribers: Subscribers::One, ..NatsHubConfig::new(url) }).await;
        let long = Subscription { settle_within: Duration::from_secs(20), ..subscription("reader") };
        let mut deliveries = hub.subscribe(&long).await.unwrap();
        let held = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
        way.freeze_open();
        held.ack().await.unwrap_err();
        way.strike(Fault::Pass);
        works(&hub).await;
        publish_all(&beside, &messages("after", "ada", 1)).await;
        publish_all(&beside, &messages("other", "bob", 1)).await;
        let next = timeout(Duration::from_secs(6), deliveries.next()).await;
        let next = next.unwrap_or_else(|_| panic!("{release:?}: the other subject waits")).unwrap();
        assert_eq!(next.event().id(), "other-0");
        next.ack().await.unwrap();
        assert_eq!(of_ada(&mut deliveries, 2).await, ["before-0", "after-0"], "{release:?}");
    }
}
