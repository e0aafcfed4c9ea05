//! What lies in the stream, as another client of NATS reads and writes it.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use async_nats::{HeaderMap, jetstream};
use character_message_hub::{CloudEvent, Filter, Message, MessageHub, Subscription};
use character_message_hub_nats::NatsHubConfig;
use character_message_hub_testkit::sample::{event_of, filtered, hasty, message, messages, subscription};
use character_tests::{NatsRelease, NatsServer};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use support::{LIMIT, connected, publish_all, spread, until};
use tokio::{runtime::Runtime, time::timeout};

async fn context(server: &NatsServer) -> jetstream::Context {
    jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

#[tokio::test]
async fn the_stream_holds_what_the_readme_says() {
    let server = NatsServer::start(NatsRelease::Current);
    let hub = connected(NatsHubConfig::new(server.url())).await;
    let event = event_of("character.created", "e %1", "8c82").with_json(json!({ "name": "Ada" }));
    let event = Arc::new(event.with_extension("traceparent", "00-1-2-01").unwrap());
    publish_all(&hub, &[Message::of(Arc::clone(&event)), Message::replay(event, "7")]).await;
    let mut stream = context(&server).await.get_stream("CHARACTER_EVENTS").await.unwrap();
    let config = stream.info().await.unwrap().config.clone();
    assert_eq!(config.subjects, ["character.event.>", "campaign.event.>"]);
    assert_eq!(
        (config.discard, config.storage),
        (jetstream::stream::DiscardPolicy::New, jetstream::stream::StorageType::File)
    );
    assert_eq!((config.duplicate_window.as_secs(), config.max_age.as_secs()), (600, 7 * 24 * 3600));
    for (sequence, message_id) in [(1, "11:/characterse%20%251"), (2, "replay:1:711:/characterse%20%251")] {
        let message = stream.get_raw_message(sequence).await.unwrap();
        assert_eq!(message.subject.as_str(), "character.event.8c82.character.created");
        assert_eq!(message.payload, r#"{"name":"Ada"}"#);
        let value = |name: &str| message.headers.get(name).unwrap().as_str().to_owned();
        assert_eq!([value("Nats-Msg-Id"), value("ce-id")], [message_id, "e%20%251"]);
        assert_eq!([value("ce-specversion"), value("ce-type")], ["1.0", "character.created"]);
        assert_eq!([value("ce-source"), value("ce-subject")], ["/characters", "8c82"]);
        assert_eq!([value("ce-datacontenttype"), value("traceparent")], ["application/json", "00-1-2-01"]);
    }
}

#[tokio::test]
async fn events_of_other_publishers_are_delivered_and_what_is_none_is_kept_and_fails_no_subscriber() {
    let server = NatsServer::start(NatsRelease::Oldest);
    let hub = connected(NatsHubConfig::new(server.url())).await;
    let mut deliveries = hub.subscribe(&hasty("reader")).await.unwrap();
    let context = context(&server).await;
    let structured = CloudEvent::new("1", "/elsewhere", "campaign.renamed").unwrap().with_json(json!({ "name": "x" }));
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/cloudevents+json; charset=UTF-8");
    let body = serde_json::to_vec(&structured).unwrap();
    context.publish("campaign.event.7.none", "no event".into()).await.unwrap().await.unwrap();
    context
        .publish_with_headers("campaign.event.7.campaign.renamed", headers, body.into())
        .await
        .unwrap()
        .await
        .unwrap();
    let delivery = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
    assert_eq!((&**delivery.event(), delivery.attempt()), (&structured, 1));
    delivery.ack().await.unwrap();
    let kept = context.get_stream("CHARACTER_EVENTS_REJECTED").await.unwrap().get_raw_message(1).await.unwrap();
    assert_eq!((kept.payload.as_ref(), kept.subject.as_str()), (&b"no event"[..], "hub.rejected.reader"));
    assert_eq!(kept.headers.get("Hub-Rejected-Subject").unwrap().as_str(), "campaign.event.7.none");
    assert!(kept.headers.get("Hub-Rejected-Reason").unwrap().as_str().contains("no%20headers"));
    drop(deliveries);
    let mut again = hub.subscribe(&hasty("reader")).await.unwrap();
    assert!(timeout(Duration::from_millis(1_500), again.next()).await.is_err(), "it does not come again");
}

#[tokio::test]
async fn a_rejected_event_is_kept_for_operators_with_its_reason() {
    let server = NatsServer::start(NatsRelease::Current);
    let hub = connected(NatsHubConfig::new(server.url())).await;
    let mut deliveries = hub.subscribe(&subscription("reader")).await.unwrap();
    publish_all(&hub, &[message("1", "ada")]).await;
    let delivery = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
    delivery.reject(format!("no campaign\n{}", "x".repeat(5_000))).await.unwrap();
    let stream = context(&server).await.get_stream("CHARACTER_EVENTS_REJECTED").await.unwrap();
    let kept = stream.get_raw_message(1).await.unwrap();
    assert_eq!(kept.headers.get("ce-id").unwrap().as_str(), "1");
    let reason = kept.headers.get("Hub-Rejected-Reason").unwrap().as_str();
    assert!(reason.starts_with("no%20campaign%0Axxx") && reason.len() < 1_010, "{}", reason.len());
}

#[tokio::test]
async fn the_stream_takes_new_kinds_of_events_also_of_two_processes_at_once() {
    let server = NatsServer::start(NatsRelease::Oldest);
    let hubs = [connected(NatsHubConfig::new(server.url())).await, connected(NatsHubConfig::new(server.url())).await];
    let typed =
        |kind: &str, n: usize| Message::of(Arc::new(event_of(&format!("{kind}{n}.made"), &format!("{kind}{n}"), "")));
    let publish = |hub: usize, kind: &'static str| {
        let batch: Vec<_> = (0..5).map(|n| typed(kind, n)).collect();
        let hub = hubs[hub].clone();
        async move { publish_all(&hub, &batch).await }
    };
    tokio::join!(publish(0, "x"), publish(1, "y"), publish(1, "x"));
    let mut deliveries = hubs[0].subscribe(&subscription("reader")).await.unwrap();
    let mut found = BTreeSet::new();
    while found.len() < 10 {
        let delivery = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
        assert!(found.insert(delivery.event().id().to_owned()));
        delivery.ack().await.unwrap();
    }
}

#[tokio::test]
async fn the_server_filters_where_it_can() {
    for (release, several) in [(NatsRelease::Oldest, 0), (NatsRelease::Current, 2)] {
        let server = NatsServer::start(release);
        let hub = connected(NatsHubConfig::new(server.url())).await;
        let one = hub.subscribe(&filtered("one", "character.*,character.created")).await.unwrap();
        let two = hub.subscribe(&filtered("two", "character.*,campaign.renamed")).await.unwrap();
        let stream = context(&server).await.get_stream("CHARACTER_EVENTS").await.unwrap();
        assert_eq!(stream.consumer_info("one").await.unwrap().config.filter_subject, "character.event.*.character.>");
        let info = stream.consumer_info("two").await.unwrap();
        assert_eq!(info.config.filter_subjects.len(), several);
        assert_eq!((info.config.ack_wait.as_secs(), info.config.max_deliver), (30, -1));
        drop((one, two));
    }
}

#[test]
fn the_order_holds_when_a_subscriber_crashes() {
    let server = NatsServer::start(NatsRelease::Current);
    let config = NatsHubConfig::new(server.url());
    // The end of its runtime cuts the connection and gives nothing back, as SIGKILL does.
    let crashing = Runtime::new().unwrap();
    crashing.block_on(async {
        let hub = connected(config.clone()).await;
        publish_all(&hub, &messages("m", "ada", 20)).await;
        let mut deliveries = hub.subscribe(&hasty("reader")).await.unwrap();
        let held = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
        assert_eq!(held.event().id(), "m-0");
        std::mem::forget((held, deliveries));
    });
    crashing.shutdown_background();
    Runtime::new().unwrap().block_on(async {
        let hub = connected(config).await;
        publish_all(&hub, &messages("n", "ada", 3)).await;
        let mut deliveries = hub.subscribe(&hasty("reader")).await.unwrap();
        let expected = (0..20).map(|n| format!("m-{n}")).chain((0..3).map(|n| format!("n-{n}")));
        for id in expected {
            let delivery = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
            assert_eq!(delivery.event().id(), id);
            delivery.ack().await.unwrap();
        }
    });
}

#[tokio::test]
async fn subscribers_of_two_processes_share_the_events() {
    let server = NatsServer::start(NatsRelease::Current);
    let hubs = [connected(NatsHubConfig::new(server.url())).await, connected(NatsHubConfig::new(server.url())).await];
    let name = Subscription { max_in_flight: 8, ..Subscription::new("reader".parse().unwrap(), Filter::all()) };
    let [mut one, mut other] = [hubs[0].subscribe(&name).await.unwrap(), hubs[1].subscribe(&name).await.unwrap()];
    let batch = spread("m", 300);
    publish_all(&hubs[0], &batch).await;
    let (mut found, mut shares) = (BTreeSet::new(), [0, 0]);
    while found.len() < batch.len() {
        let (place, delivery) = timeout(LIMIT, async {
            tokio::select! { one = one.next() => (0, one), other = other.next() => (1, other) }
        })
        .await
        .expect("a delivery arrives");
        let delivery = delivery.unwrap();
        shares[place] += 1;
        assert!(found.insert(delivery.event().id().to_owned()), "{} came twice", delivery.event().id());
        delivery.ack().await.unwrap();
    }
    assert!(shares.iter().all(|share| *share > 30), "both take their part: {shares:?}");
}

#[tokio::test]
async fn a_subscriber_that_leaves_gives_back_what_it_holds() {
    let server = NatsServer::start(NatsRelease::Oldest);
    let hub = connected(NatsHubConfig::new(server.url())).await;
    let mut leaving = hub.subscribe(&subscription("reader")).await.unwrap();
    publish_all(&hub, &messages("m", "ada", 30)).await;
    timeout(LIMIT, leaving.next()).await.unwrap().unwrap().ack().await.unwrap();
    drop(leaving);
    // The time for settling is 30 s; the next subscriber need not wait for it.
    let mut next = hub.subscribe(&subscription("reader")).await.unwrap();
    for number in 1..30 {
        let delivery = timeout(Duration::from_secs(5), next.next()).await.expect("it was given back").unwrap();
        assert_eq!(delivery.event().id(), format!("m-{number}"));
        delivery.ack().await.unwrap();
    }
}

#[tokio::test]
async fn an_event_that_waits_long_for_its_subject_is_not_delivered_twice() {
    let server = NatsServer::start(NatsRelease::Current);
    let hub = connected(NatsHubConfig::new(server.url())).await;
    let mut deliveries = hub.subscribe(&hasty("reader")).await.unwrap();
    publish_all(&hub, &messages("m", "ada", 5)).await;
    let first = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        first.in_progress().await.unwrap();
    }
    first.ack().await.unwrap();
    for number in 1..5 {
        let delivery = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
        assert_eq!((delivery.event().id(), delivery.attempt()), (&*format!("m-{number}"), 1));
        delivery.ack().await.unwrap();
    }
    let stream = context(&server).await.get_stream("CHARACTER_EVENTS").await.unwrap();
    let info = stream.consumer_info("reader").await.unwrap();
    assert_eq!((info.num_redelivered, info.num_ack_pending), (0, 0), "the server delivered each event once");
    until("nothing waits", async || hub.statistics().waiting == 0).await;
}
