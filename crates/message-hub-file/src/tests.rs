//! Tests of the hub over a file.

use crate::{FileHub, FileHubConfig, OpenError};
use character_message_hub::{
    CloudEvent, Deliveries, Delivery, ErrorKind, Filter, HubOperations as _, MAX_EVENT_BYTES, Message, MessageHub,
    Published, Result, Subscription,
};
use futures_util::FutureExt as _;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

fn file(folder: &Path) -> FileHubConfig {
    FileHubConfig::at(folder.join("hub.sqlite"))
}

fn event(id: &str, subject: &str) -> Message {
    let event = CloudEvent::new(id, "/tests", "character.created").unwrap().with_subject(subject).unwrap();
    Message::of(Arc::new(event.with_json(json!({ "id": id }))))
}

async fn publish(hub: &FileHub, message: Message) -> Result<Published> {
    hub.publish(&[message], LIMIT).await.remove(0)
}

async fn subscribe(hub: &FileHub, name: &str) -> Box<dyn Deliveries> {
    hub.subscribe(&Subscription::new(name.parse().unwrap(), Filter::all())).await.unwrap()
}

async fn next(deliveries: &mut Box<dyn Deliveries>) -> Delivery {
    timeout(LIMIT, deliveries.next()).await.unwrap().unwrap()
}

async fn none(deliveries: &mut Box<dyn Deliveries>) {
    // The writer has answered before, so what can be delivered is there already.
    let waited = timeout(Duration::from_millis(100), deliveries.next()).await;
    assert!(waited.is_err(), "{waited:?}");
}

/// What is on the disk at this moment, as a process that is killed now leaves it.
fn crashed(folder: &TempDir) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["hub.sqlite", "hub.sqlite-wal"] {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    copy
}

#[tokio::test]
async fn after_a_crash_what_was_acknowledged_is_there_and_what_was_settled_stays_so() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FileHub::open(file(folder.path())).unwrap();
    let mut deliveries = subscribe(&hub, "sheets").await;
    for (id, subject) in [("1", "ada"), ("2", "ada"), ("3", "bob")] {
        assert!(!publish(&hub, event(id, subject)).await.unwrap().duplicate);
    }
    next(&mut deliveries).await.ack().await.unwrap();
    let held = next(&mut deliveries).await;
    assert_eq!(held.event().id(), "2");

    let copy = crashed(&folder);
    let hub = FileHub::open(file(copy.path())).unwrap();
    assert!(publish(&hub, event("1", "ada")).await.unwrap().duplicate);
    let mut deliveries = subscribe(&hub, "sheets").await;
    for id in ["2", "3"] {
        let delivery = next(&mut deliveries).await;
        assert_eq!((delivery.event().id(), delivery.attempt()), (id, 1));
        assert_eq!(delivery.event().json(), Some(&json!({ "id": id })));
        delivery.ack().await.unwrap();
    }
    none(&mut deliveries).await;
    hub.close().await.unwrap();
}

#[tokio::test]
async fn a_closed_hub_leaves_one_file_and_refuses_calls() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FileHub::open(file(folder.path())).unwrap();
    publish(&hub, event("1", "ada")).await.unwrap();
    assert!(matches!(FileHub::open(file(folder.path())), Err(OpenError::InUse(_))));
    // One that has read, and that others still hold.
    assert_eq!(hub.subscriptions().await.unwrap(), []);
    hub.close().await.unwrap();
    assert!(!folder.path().join("hub.sqlite-wal").exists());
    let error = publish(&hub, event("2", "ada")).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }) && error.certainly_not_applied(), "{error}");
    let error = hub.subscriptions().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }), "{error}");
    drop(hub);
    let hub = FileHub::open(file(folder.path())).unwrap();
    assert!(publish(&hub, event("1", "ada")).await.unwrap().duplicate);
}

#[tokio::test]
async fn a_full_hub_refuses_new_events_and_knows_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FileHub::open(FileHubConfig { max_events: 2, ..file(folder.path()) }).unwrap();
    let batch = [event("1", "a"), event("2", "b"), event("3", "c"), event("4", "c"), event("1", "d")];
    let results = hub.publish(&batch, LIMIT).await;
    let kinds: Vec<_> = results.iter().map(|result| result.as_ref().map_err(|error| error.kind().code())).collect();
    assert_eq!(
        kinds,
        [
            Ok(&Published { duplicate: false }),
            Ok(&Published { duplicate: false }),
            Err("full"),
            Err("unavailable"),
            Ok(&Published { duplicate: true }),
        ]
    );
    assert!(results.iter().flat_map(|result| result.as_ref().err()).all(|error| error.certainly_not_applied()));
    assert_eq!(hub.status().events, 2);

    let bytes = hub.status().bytes;
    let other = tempfile::tempdir().unwrap();
    let hub = FileHub::open(FileHubConfig { max_bytes: bytes - 1, ..file(other.path()) }).unwrap();
    let results = hub.publish(&batch[..2], LIMIT).await;
    assert!(results[0].is_ok());
    assert_eq!(results[1].as_ref().unwrap_err().kind(), &ErrorKind::Full);
}

#[tokio::test]
async fn what_no_hub_takes_is_refused_alone() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FileHub::open(file(folder.path())).unwrap();
    let large = CloudEvent::new("1", "/tests", "t").unwrap().with_json(json!("x".repeat(MAX_EVENT_BYTES)));
    let unnamed = Message { message_id: "".into(), ..event("2", "ada") };
    let batch = [Message::of(Arc::new(large)), unnamed, event("3", "bob")];
    let results = hub.publish(&batch, LIMIT).await;
    assert!(matches!(results[0].as_ref().unwrap_err().kind(), ErrorKind::TooLarge { limit: 1_048_576, .. }));
    assert_eq!(results[1].as_ref().unwrap_err().kind(), &ErrorKind::Invalid);
    assert!(results[2].is_ok());
    let many = vec![event("4", "ada"); 1_001];
    assert!(hub.publish(&many, LIMIT).await.iter().all(|result| result.as_ref().unwrap_err().is_permanent()));
}

#[tokio::test]
async fn events_leave_when_they_are_old_and_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(1_000_000_000));
    let clock = Arc::clone(&now);
    let config = FileHubConfig { max_events: 2, max_age: Duration::from_secs(600), ..file(folder.path()) };
    let hub = FileHub::open_with(config, Arc::new(move || clock.load(Ordering::SeqCst))).unwrap();
    let mut deliveries = subscribe(&hub, "slow").await;
    publish(&hub, event("1", "ada")).await.unwrap();
    now.fetch_add(599_000, Ordering::SeqCst);
    publish(&hub, event("2", "ada")).await.unwrap();
    hub.expire().await.unwrap();
    assert!(publish(&hub, event("1", "ada")).await.unwrap().duplicate, "message ids are known for ten minutes");
    assert_eq!(publish(&hub, event("3", "ada")).await.unwrap_err().kind(), &ErrorKind::Full);

    now.fetch_add(1_001, Ordering::SeqCst);
    hub.expire().await.unwrap();
    assert_eq!((hub.status().events, hub.status().expired_unsettled), (1, 1));
    publish(&hub, event("3", "ada")).await.unwrap();
    for id in ["2", "3"] {
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.event().id(), id);
        delivery.ack().await.unwrap();
    }
    none(&mut deliveries).await;
}

#[tokio::test]
async fn rejected_events_are_kept_with_their_reason_up_to_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FileHub::open(FileHubConfig { max_rejected: 2, ..file(folder.path()) }).unwrap();
    let mut deliveries = subscribe(&hub, "sheets").await;
    for id in ["1", "2", "3"] {
        publish(&hub, event(id, "ada")).await.unwrap();
        next(&mut deliveries).await.reject(format!("{id}: {}", "x".repeat(2_000))).await.unwrap();
    }
    let rejected = hub.rejected(&"sheets".parse().unwrap(), 10).await.unwrap().unwrap();
    let ids: Vec<_> = rejected.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(ids, ["3", "2"]);
    assert!(rejected[0].reason.starts_with("3: x") && rejected[0].reason.len() == 1_000);
    assert_eq!(rejected[0].event.as_ref().unwrap().id(), "3");
    assert_eq!(hub.rejected(&"other".parse().unwrap(), 10).await.unwrap(), None);
    let state = hub.subscriptions().await.unwrap().remove(0);
    assert_eq!((state.backlog, state.in_flight, state.rejected), (0, 0, 2));
}

#[tokio::test]
async fn a_changed_filter_counts_from_the_next_event_also_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FileHub::open(file(folder.path())).unwrap();
    let of_type =
        |id: &str, event_type: &str| Message::of(Arc::new(CloudEvent::new(id, "/tests", event_type).unwrap()));
    publish(&hub, of_type("1", "character.created")).await.unwrap();
    publish(&hub, of_type("2", "campaign.created")).await.unwrap();
    let mut subscription = Subscription::new("sheets".parse().unwrap(), "character.*".parse().unwrap());
    hub.subscribe(&subscription).await.unwrap();
    subscription.filter = "campaign.*".parse().unwrap();
    hub.subscribe(&subscription).await.unwrap();
    publish(&hub, of_type("3", "character.created")).await.unwrap();
    publish(&hub, of_type("4", "campaign.created")).await.unwrap();
    let copy = crashed(&folder);
    let hub = FileHub::open(file(copy.path())).unwrap();
    let mut deliveries = hub.subscribe(&subscription).await.unwrap();
    for id in ["1", "4"] {
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.event().id(), id);
        delivery.ack().await.unwrap();
    }
    none(&mut deliveries).await;
}

#[tokio::test]
async fn a_removed_subscription_ends_its_subscribers_and_begins_again_with_the_oldest_event() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FileHub::open(FileHubConfig { max_subscriptions: 1, ..file(folder.path()) }).unwrap();
    publish(&hub, event("1", "ada")).await.unwrap();
    let mut deliveries = subscribe(&hub, "sheets").await;
    next(&mut deliveries).await.ack().await.unwrap();
    let second = hub.subscribe(&Subscription::new("other".parse().unwrap(), Filter::all())).await;
    assert_eq!(second.unwrap_err().kind(), &ErrorKind::Full);
    let waiting = tokio::spawn(async move { timeout(LIMIT, deliveries.next()).await.unwrap() });
    assert!(hub.remove_subscription(&"sheets".parse().unwrap()).await.unwrap());
    assert!(!hub.remove_subscription(&"sheets".parse().unwrap()).await.unwrap());
    assert_eq!(waiting.await.unwrap().unwrap_err().kind(), &ErrorKind::NotFound);
    let mut deliveries = subscribe(&hub, "other").await;
    assert_eq!(next(&mut deliveries).await.event().id(), "1");
}

#[tokio::test]
async fn a_delivery_of_a_removed_subscription_cannot_be_settled_and_fails_no_other_call() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FileHub::open(file(folder.path())).unwrap();
    let mut deliveries = subscribe(&hub, "sheets").await;
    publish(&hub, event("1", "ada")).await.unwrap();
    publish(&hub, event("2", "bob")).await.unwrap();
    let [rejected, handled] = [next(&mut deliveries).await, next(&mut deliveries).await];
    assert!(hub.remove_subscription(&"sheets".parse().unwrap()).await.unwrap());
    let mut deliveries = subscribe(&hub, "sheets").await;
    // One transaction.
    let calls = tokio::join!(rejected.reject("no"), handled.ack(), publish(&hub, event("3", "ada")));
    let kinds = [calls.0, calls.1].map(|settled| settled.unwrap_err().kind().clone());
    assert_eq!(kinds, [ErrorKind::DeliveryLost, ErrorKind::DeliveryLost]);
    calls.2.unwrap();
    for id in ["1", "2", "3"] {
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.event().id(), id);
        delivery.ack().await.unwrap();
    }
}

#[tokio::test]
async fn a_second_settlement_of_a_delivery_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FileHub::open(file(folder.path())).unwrap();
    let subscription = Subscription {
        settle_within: Duration::from_secs(1),
        ..Subscription::new("s".parse().unwrap(), Filter::all())
    };
    let mut deliveries = hub.subscribe(&subscription).await.unwrap();
    publish(&hub, event("1", "ada")).await.unwrap();
    let late = next(&mut deliveries).await;
    let again = next(&mut deliveries).await;
    assert_eq!(again.attempt(), 2);
    assert_eq!(late.ack().await.unwrap_err().kind(), &ErrorKind::DeliveryLost);
    again.ack().await.unwrap();
    none(&mut deliveries).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_publishers_and_subscribers_see_each_event_once_in_the_order_of_its_subject() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FileHub::open(file(folder.path())).unwrap();
    const PUBLISHERS: usize = 8;
    const EVENTS: usize = 100;
    let mut publishing = tokio::task::JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let hub = hub.clone();
        publishing.spawn(async move {
            for number in 0..EVENTS {
                let message = event(&format!("{publisher}-{number:03}"), &publisher.to_string());
                publish(&hub, message).await.unwrap();
            }
        });
    }
    let (seen, mut all) = tokio::sync::mpsc::unbounded_channel();
    let mut consuming = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (mut deliveries, seen) = (subscribe(&hub, "shared").await, seen.clone());
        consuming.spawn(async move {
            loop {
                let delivery = deliveries.next().await.unwrap();
                seen.send(delivery.event().id().to_owned()).unwrap();
                delivery.ack().await.unwrap();
            }
        });
    }
    let mut last = vec![String::new(); PUBLISHERS];
    for _ in 0..PUBLISHERS * EVENTS {
        let id = timeout(LIMIT, all.recv()).await.unwrap().unwrap();
        let publisher: usize = id.split('-').next().unwrap().parse().unwrap();
        assert!(id > last[publisher], "{id} after {}", last[publisher]);
        last[publisher] = id;
    }
    publishing.join_all().await;
    assert!(all.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_publish_ends_within_its_timeout_while_the_disk_stalls_and_goes_on_after() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FileHub::open(file(folder.path())).unwrap();
    let stalling = rusqlite::Connection::open(folder.path().join("hub.sqlite")).unwrap();
    stalling.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..2_000 {
        let hub = hub.clone();
        waiting.spawn(async move {
            let begun = std::time::Instant::now();
            let results = hub.publish(&[event(&number.to_string(), "ada")], Duration::from_millis(300)).await;
            (begun.elapsed(), results)
        });
    }
    for (took, results) in waiting.join_all().await {
        assert_eq!(results[0].as_ref().unwrap_err().kind(), &ErrorKind::Timeout);
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
    assert!(hub.probe().await.is_err());
    stalling.execute_batch("ROLLBACK").unwrap();
    publish(&hub, event("later", "ada")).await.unwrap();
    hub.probe().await.unwrap();
}

#[tokio::test]
async fn a_publish_wakes_a_waiting_subscriber_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FileHub::open(file(folder.path())).unwrap();
    let mut deliveries = subscribe(&hub, "sheets").await;
    let waiting = tokio::spawn(async move { next(&mut deliveries).await.event().id().to_owned() });
    tokio::task::yield_now().await;
    publish(&hub, event("1", "ada")).await.unwrap();
    assert_eq!(timeout(Duration::from_secs(1), waiting).await.unwrap().unwrap(), "1");
}

#[tokio::test]
async fn a_dropped_call_for_the_next_delivery_loses_nothing_also_while_the_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FileHub::open(file(folder.path())).unwrap();
    for number in 0..1_000 {
        let message = event(&number.to_string(), &number.to_string());
        publish(&hub, message).await.unwrap();
    }
    let copy = crashed(&folder);
    let hub = FileHub::open(file(copy.path())).unwrap();
    let mut deliveries = subscribe(&hub, "sheets").await;
    let mut dropped = 0;
    for number in 0..1_000 {
        let delivery = loop {
            // Polled once and dropped: at first the events are on the disk alone.
            match deliveries.next().now_or_never() {
                Some(delivery) => break delivery.unwrap(),
                None => dropped += 1,
            }
            tokio::task::yield_now().await;
        };
        assert_eq!((delivery.event().id(), delivery.attempt()), (number.to_string().as_str(), 1));
        delivery.ack().await.unwrap();
    }
    assert!(dropped > 0);
    none(&mut deliveries).await;
}

#[test]
fn a_file_of_another_program_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("hub.sqlite");
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 7").unwrap();
    assert!(matches!(FileHub::open(file(folder.path())), Err(OpenError::Foreign { found: 7, expected: 1, .. })));
    std::fs::write(&path, "not a database at all, and long enough to be one").unwrap();
    assert!(matches!(FileHub::open(file(folder.path())), Err(OpenError::Database { .. })));
    let short = FileHubConfig { max_age: Duration::from_secs(599), ..file(folder.path()) };
    assert!(matches!(FileHub::open(short), Err(OpenError::Setting { setting: "max_age", .. })));
}

#[tokio::test]
async fn a_delivery_that_is_put_back_comes_again_at_once_as_the_same_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FileHub::open(file(folder.path())).unwrap();
    publish(&hub, event("one", "ada")).await.unwrap();
    let mut deliveries = subscribe(&hub, "reader").await;
    for _ in 0..3 {
        let delivery = next(&mut deliveries).await;
        assert_eq!((delivery.event().id(), delivery.attempt()), ("one", 1));
        delivery.put_back().await.unwrap();
    }
}
