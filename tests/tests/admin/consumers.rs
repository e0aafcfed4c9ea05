//! The log of commits and its consumers, as a person on call sees them, and what can be done with events set aside.

use super::{TOKEN, change, characters, report};
use crate::support::{Answer, client, send, sheet, until};
use character_storage_http::{HttpStorage, HttpStorageConfig};
use character_storage_port::{Consumers, HolderId, Log};
use character_tests::{Service, free_port};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_a_consumer_has_set_aside_are_listed_marked_and_dropped() {
    let admin = format!("127.0.0.1:{}", free_port());
    let storage = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("ADMIN_ADDR", &admin).start();
    let admin = format!("http://{admin}/admin/storage");
    let (service, of_service) = characters(&storage, &[]);
    send(client().post(service.url("/api/v2/characters")).json(&sheet("Torormir"))).await;

    let config = HttpStorageConfig::new(storage.url("").parse().unwrap(), TOKEN.to_owned().into());
    let port = HttpStorage::connect(config).unwrap();
    let hub = "hub".parse().unwrap();
    let leased = port.lease(&hub, HolderId::new(), Duration::from_secs(60)).await.unwrap().unwrap();
    let batch = port.follow(&leased.cursor, 10, Duration::ZERO).await.unwrap();
    let event = batch.commits.iter().flat_map(|commit| &commit.events).next().unwrap();
    port.park(&leased.token, event, "the hub refuses it").await.unwrap();

    // Both services show the same consumers, since both reach the same storage.
    for admin in [&admin, &of_service] {
        let consumers = send(client().get(format!("{admin}/consumers"))).await;
        let shown = &consumers.body["consumers"][0];
        assert_eq!((&shown["name"], &shown["parked"]), (&json!("hub"), &json!(1)), "{consumers:?}");
        assert!(shown["behind_since"].is_string(), "{consumers:?}");
        let parked = send(client().get(format!("{admin}/consumers/hub/parked"))).await;
        assert_eq!(parked.body["events"][0]["reason"], "the hub refuses it", "{parked:?}");
    }
    let log = &report(&admin).await["log"];
    assert_eq!((&log["slowest_consumer"], &log["parked_events"]), (&json!("hub"), &json!(1)), "{log}");

    let ids = json!({ "ids": [event.id] });
    let unsigned = send(client().post(format!("{admin}/consumers/hub/unpark")).json(&ids)).await;
    assert!(unsigned.status >= 400, "a change names who orders it: {unsigned:?}");
    let marked = send(change(client().post(format!("{admin}/consumers/hub/unpark"))).json(&ids)).await;
    assert_eq!((marked.status, &marked.body["count"]), (200, &json!(1)), "{marked:?}");
    let leased = port.lease(&hub, HolderId::new(), Duration::from_secs(60)).await.unwrap();
    assert!(leased.is_none(), "another holder has it");
    let parked = send(client().get(format!("{admin}/consumers/hub/parked"))).await;
    assert_eq!(parked.body["events"][0]["replay"], json!(true), "{parked:?}");
    let dropped = send(change(client().post(format!("{of_service}/consumers/hub/discard"))).json(&ids)).await;
    assert_eq!((dropped.status, &dropped.body["count"]), (200, &json!(1)), "{dropped:?}");
    let wrong = send(client().get(format!("{admin}/consumers/No%20such/parked"))).await;
    assert_eq!(wrong.status, 422, "{wrong:?}");
    assert!(storage.output().contains("marked for a replay"), "{}", storage.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_shows_what_it_has_heard_of_the_log() {
    let storage = super::storage();
    let (service, admin) = characters(&storage, &[]);
    let heard = |answer: &Answer| answer.body["cache"]["log"]["trusted"] == true;
    let before = until(Duration::from_secs(10), "the log is heard", || client().get(&admin), heard).await.body;
    send(client().post(service.url("/api/v2/characters")).json(&sheet("Torormir"))).await;
    let settled = |answer: &serde_json::Value| answer["cache"]["log"]["settled"].as_u64();
    let moved = |answer: &Answer| settled(&answer.body) > settled(&before);
    until(Duration::from_secs(10), "the commit is heard", || client().get(&admin), moved).await;
    storage.kill();
    let lost = |answer: &Answer| answer.body["cache"]["log"]["trusted"] == false;
    until(Duration::from_secs(10), "nothing counts as current", || client().get(&admin), lost).await;
}
