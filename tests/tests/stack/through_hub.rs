//! Storage calls of real processes through the hub: by the Message Hub, where the Storage Service registers, and by NATS.

use super::TOKEN;
use crate::support::{client, send, sheet, until};
use character_tests::{NatsRelease, NatsServer, PostgresServer, Service, ServiceBuilder};
use std::time::Duration;

const HUB_TOKEN: &str = "token-of-the-hub";
const PATIENCE: Duration = Duration::from_secs(30);

fn storage(hub: &impl Fn(ServiceBuilder) -> ServiceBuilder) -> Service {
    let database = PostgresServer::shared().fresh_schema_url();
    let builder = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("DATABASE_URL", database);
    hub(builder.env("ADVERTISE_URL", "http://{listen}")).start()
}

fn characters(hub: &impl Fn(ServiceBuilder) -> ServiceBuilder) -> Service {
    let builder = Service::character().env("STORAGE_SERVICE_URL", "hub:storage").env("STORAGE_SERVICE_TOKEN", TOKEN);
    hub(builder.env("STORAGE_RETRY_BASE_MS", "20").env("STORAGE_BREAKER_RECOVERY_SECS", "1")).start()
}

/// A character is created, changed and read; the storage is lost and found again; the hub is lost and found again.
async fn a_character_goes_through(hub: impl Fn(ServiceBuilder) -> ServiceBuilder, lose: impl Fn(), find: impl Fn()) {
    let (storage, service) = (storage(&hub), characters(&hub));
    let url = service.url("/api/v2/characters");
    let post = || client().post(&url).json(&sheet("Ada"));
    let id = until(PATIENCE, "the storage behind the hub", post, |answer| answer.status == 201).await.id();
    let one = format!("{url}/{id}");
    let patch = client().patch(&one).header("content-type", "application/merge-patch+json");
    assert_eq!(send(patch.body(r#"{"name":"Bea"}"#)).await.body["revision"], 2);
    let unknown = || client().get(format!("{url}/{}", uuid::Uuid::new_v4()));
    for (what, lose, find) in
        [("storage", &(|| storage.kill()) as &dyn Fn(), &(|| storage.restart()) as &dyn Fn()), ("hub", &lose, &find)]
    {
        lose();
        let refused = until(PATIENCE, what, unknown, |answer| answer.status == 503).await;
        assert_eq!(refused.body["code"], "storage-unavailable", "{refused:?}");
        find();
        until(PATIENCE, what, unknown, |answer| answer.status == 404).await;
        until(PATIENCE, what, post, |answer| answer.status == 201).await;
    }
    assert_eq!(send(client().get(&one)).await.body["name"], "Bea");
    assert_eq!(storage.terminate(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storage_calls_go_through_the_message_hub_where_the_storage_registers() {
    let hub = Service::message_hub().env("MESSAGE_HUB_TOKEN", HUB_TOKEN).start();
    let url = hub.url("");
    let of_hub =
        |builder: ServiceBuilder| builder.env("MESSAGE_HUB_URL", url.as_str()).env("MESSAGE_HUB_TOKEN", HUB_TOKEN);
    a_character_goes_through(of_hub, || hub.kill(), || hub.restart()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storage_calls_go_through_nats() {
    let nats = NatsServer::start_with(NatsRelease::Oldest, "max_payload: 16MB");
    let url = nats.url();
    let of_nats = |builder: ServiceBuilder| builder.env("MESSAGE_HUB_URL", url.as_str());
    a_character_goes_through(of_nats, || nats.kill(), || nats.restart()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_larger_than_nats_takes_in_one_message_comes_whole() {
    let nats = NatsServer::start(NatsRelease::Oldest);
    let url = nats.url();
    let of_nats = |builder: ServiceBuilder| builder.env("MESSAGE_HUB_URL", url.as_str());
    let (_storage, service) = (storage(&of_nats), characters(&of_nats));
    let url = service.url("/api/v2/characters");
    let mut large = sheet("Large");
    // Three times in a request: of the character, of its version, and of the answer that is kept for the key.
    large["data"]["biography"] = "A".repeat(300_000).into();
    for number in 0..5 {
        // A repeat of a request whose answer was lost creates nothing more.
        let post = || client().post(&url).header("idempotency-key", format!("large-{number}")).json(&large);
        until(PATIENCE, "the storage behind NATS", post, |answer| answer.status == 201).await;
    }
    let listed = send(client().get(&url)).await;
    assert_eq!(
        (listed.status, listed.body["items"].as_array().map(Vec::len)),
        (200, Some(5)),
        "{:?}",
        listed.body["code"]
    );
    // A document of the size that the API takes, with what the storage gets beside it, is refused by name.
    large["data"]["biography"] = "A".repeat(900_000).into();
    let refused = send(client().post(&url).json(&large)).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (422, &"body".into()), "{refused:?}");
    let reason = refused.body["errors"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("needs a request to the storage of more than 1048576 bytes"), "{reason}");
}
