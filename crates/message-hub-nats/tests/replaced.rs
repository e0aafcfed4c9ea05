//! A stream that is deleted and created again while a process has deliveries of the one before it: the numbers of events begin again,
//! and a settlement is of the event that was delivered.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up has failed")]

mod support;

use character_message_hub::{
    Deliveries, Delivery, ErrorKind, HubOperations, MessageHub, RejectedEvent, Subscription, SubscriptionName,
};
use character_message_hub_nats::{NatsHub, NatsHubConfig, Subscribers};
use character_message_hub_testkit::sample::{messages, subscription};
use character_tests::{NatsCluster, NatsRelease, NatsServer};
use serde_json::Value;
use support::{LIMIT, connected, publish_all, spread, until, works};
use tokio::time::timeout;

const CASES: [(NatsRelease, Subscribers); 4] = [
    (NatsRelease::Oldest, Subscribers::Several),
    (NatsRelease::Oldest, Subscribers::One),
    (NatsRelease::Current, Subscribers::Several),
    (NatsRelease::Current, Subscribers::One),
];

async fn next(deliveries: &mut Box<dyn Deliveries>) -> Delivery {
    timeout(LIMIT / 2, deliveries.next()).await.expect("a delivery arrives").unwrap()
}

/// The ids of the next deliveries, each of which is settled.
async fn settled(deliveries: &mut Box<dyn Deliveries>, number: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..number {
        let delivery = next(deliveries).await;
        ids.push(delivery.event().id().to_owned());
        delivery.ack().await.unwrap();
    }
    ids
}

async fn delete_stream(server: &NatsServer) {
    let client = async_nats::connect(server.url()).await.unwrap();
    async_nats::jetstream::new(client).delete_stream("CHARACTER_EVENTS").await.unwrap();
}

/// Waits until JetStream has sent this number of events that are not settled.
async fn sent(server: &NatsServer, number: u64) {
    let client = async_nats::connect(server.url()).await.unwrap();
    until("the events are sent", async || {
        let info = client.request("$JS.API.CONSUMER.INFO.CHARACTER_EVENTS.reader", "".into()).await.unwrap();
        let info: Value = serde_json::from_slice(&info.payload).unwrap();
        info["num_ack_pending"].as_u64() == Some(number)
    })
    .await;
}

async fn hub_with_events(server: &NatsServer, subscribers: Subscribers) -> (NatsHub, Box<dyn Deliveries>) {
    let hub = connected(NatsHubConfig { subscribers, ..NatsHubConfig::new(server.url()) }).await;
    publish_all(&hub, &messages("old", "ada", 3)).await;
    let deliveries = hub.subscribe(&subscription("reader")).await.unwrap();
    (hub, deliveries)
}

#[tokio::test]
async fn a_settlement_of_an_event_from_a_deleted_stream_settles_none_of_the_new_stream() {
    for (release, subscribers) in CASES {
        let server = NatsServer::start(release);
        let (hub, mut deliveries) = hub_with_events(&server, subscribers).await;
        let old = next(&mut deliveries).await;
        sent(&server, 3).await;
        delete_stream(&server).await;
        publish_all(&hub, &messages("new", "ada", 3)).await;
        // The subscriber has the new events of the same numbers, or they are on their way.
        sent(&server, 3).await;
        let error = old.ack().await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::DeliveryLost, "{release:?} {subscribers:?}");
        let found = settled(&mut deliveries, 3).await;
        assert_eq!(found, ["new-0", "new-1", "new-2"], "{release:?} {subscribers:?}");
        sent(&server, 0).await;
    }
}

#[tokio::test]
async fn a_subscriber_that_waits_for_no_event_notices_another_stream_with_the_first_one() {
    for release in [NatsRelease::Oldest, NatsRelease::Current] {
        let server = NatsServer::start(release);
        let hub = connected(NatsHubConfig { subscribers: Subscribers::One, ..NatsHubConfig::new(server.url()) }).await;
        publish_all(&hub, &spread("old", 4)).await;
        let two = Subscription { max_in_flight: 2, ..subscription("reader") };
        let mut deliveries = hub.subscribe(&two).await.unwrap();
        let [_first, second] = [next(&mut deliveries).await, next(&mut deliveries).await];
        // Two more wait at the subscriber, which asks for no others: JetStream has no request to answer at the end of the stream.
        sent(&server, 4).await;
        delete_stream(&server).await;
        let longer = Subscription { settle_within: two.settle_within * 2, ..two };
        let mut joined = hub.subscribe(&longer).await.unwrap();
        publish_all(&hub, &spread("new", 1)).await;
        second.in_progress().await.unwrap();
        // There is room for the next event.
        let _third = next(&mut joined).await;
        until("the delivery is given up", async || second.in_progress().await.is_err()).await;
        assert_eq!(next(&mut joined).await.event().id(), "new-0", "{release:?}");
        assert_eq!(second.ack().await.unwrap_err().kind(), &ErrorKind::DeliveryLost);
    }
}

#[tokio::test]
async fn events_of_the_same_number_that_were_rejected_before_and_after_are_both_kept_for_operators() {
    let name: SubscriptionName = "reader".parse().unwrap();
    let ids = |rejected: Vec<RejectedEvent>| rejected.into_iter().map(|one| one.id).collect::<Vec<_>>();
    for release in [NatsRelease::Oldest, NatsRelease::Current] {
        let server = NatsServer::start(release);
        let (hub, mut deliveries) = hub_with_events(&server, Subscribers::One).await;
        next(&mut deliveries).await.reject("it is old").await.unwrap();
        delete_stream(&server).await;
        publish_all(&hub, &messages("new", "ada", 1)).await;
        loop {
            let delivery = next(&mut deliveries).await;
            if delivery.event().id() == "new-0" {
                break delivery.reject("it is new").await.unwrap();
            }
        }
        assert_eq!(ids(hub.rejected(&name, 9).await.unwrap().unwrap()), ["new-0", "old-0"], "{release:?}");
        // Those of a removed subscription are removed with it.
        assert!(hub.remove_subscription(&name).await.unwrap());
        next(&mut deliveries).await.reject("it comes again").await.unwrap();
        assert_eq!(ids(hub.rejected(&name, 9).await.unwrap().unwrap()), ["new-0"], "{release:?}");
    }
}

#[tokio::test]
async fn a_delivery_outlives_the_server_that_leads_its_subscription() {
    for release in [NatsRelease::Oldest, NatsRelease::Current] {
        let cluster = NatsCluster::start(release);
        let config = NatsHubConfig { subscribers: Subscribers::One, replicas: 3, ..NatsHubConfig::new(cluster.url()) };
        let hub = connected(config).await;
        publish_all(&hub, &messages("m", "ada", 1)).await;
        let mut deliveries = hub.subscribe(&subscription("reader")).await.unwrap();
        let held = next(&mut deliveries).await;
        for leads in ["CONSUMER.INFO.CHARACTER_EVENTS.reader", "STREAM.INFO.CHARACTER_EVENTS"] {
            let client = async_nats::connect(cluster.url().split(',').collect::<Vec<_>>()).await.unwrap();
            let info = client.request(format!("$JS.API.{leads}"), "".into()).await.unwrap();
            let info: Value = serde_json::from_slice(&info.payload).unwrap();
            let leader = info["cluster"]["leader"].as_str().unwrap();
            let port = |server: &&NatsServer| leader.ends_with(&server.port().to_string());
            cluster.servers().iter().find(port).unwrap().restart();
            works(&hub).await;
            publish_all(&hub, &messages(leads, leads, 1)).await;
            // The subscriber has found the next leader. A settlement may not find it yet.
            while next(&mut deliveries).await.event().subject() != Some(leads) {}
            held.in_progress().await.unwrap_or_else(|error| panic!("{release:?}: {error}"));
        }
    }
}
