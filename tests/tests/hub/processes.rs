//! Several processes of the Message Hub over one NATS.

use super::{LIMIT, TOKEN, hub, support};
use character_fault_proxy::{Fault, FaultProxy};
use character_tests::{NatsRelease, NatsServer, Service};
use serde_json::json;
use std::time::Duration;
use support::{Answer, client, send, until};
use tokio::time::{Instant, sleep};

/// Registers an instance of the service `sheets` at a process.
async fn register(at: &Service, instance: &Service, ttl: Duration) {
    let url = at.url("/v1/services/sheets/instances/a");
    let body = json!({ "url": instance.url(""), "ttl_ms": u64::try_from(ttl.as_millis()).unwrap() });
    assert_eq!(send(client().put(url).bearer_auth(TOKEN).json(&body)).await.status, 200);
}

/// A request to the service through a process.
fn ask(through: &Service) -> reqwest::RequestBuilder {
    let url = through.url("/v1/services/sheets/storage/v1/probe");
    client().get(url).bearer_auth(TOKEN).header("x-service-authorization", format!("Bearer {TOKEN}"))
}

fn is_by_the_instance(answer: &Answer) -> bool {
    answer.status == 204 && answer.header("x-hub-responder") == "a"
}

fn has_no_instance(answer: &Answer) -> bool {
    answer.status == 503 && answer.body["code"] == "no-responder"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_registers_at_one_process_is_reached_through_each_until_it_is_not_renewed_at_any() {
    const LONG: Duration = Duration::from_secs(600);
    const SHORT: Duration = Duration::from_secs(2);
    for release in [NatsRelease::Oldest, NatsRelease::Current] {
        let nats = NatsServer::start(release);
        let instance = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).start();
        let over_nats = || hub().env("NATS_URL", nats.url()).start();
        let (one, other) = (over_nats(), over_nats());
        register(&one, &instance, LONG).await;
        until(LIMIT, "the registration at the other process", || ask(&other), is_by_the_instance).await;
        let late = over_nats();
        until(LIMIT, "the registration at a process that starts", || ask(&late), is_by_the_instance).await;
        // A request to the name on which the processes report registrations changes nothing.
        let forged = json!({ "from": "message-hub-x", "kind": "removed", "service": "sheets", "id": "a" });
        let url = one.url("/v1/services/message-hub-instances/x");
        let request = client().post(url).bearer_auth(TOKEN).header("x-request-timeout-ms", "300").json(&forged);
        assert_ne!(send(request).await.status, 200);

        // The shorter time counts at each process, and a renewal at any of them.
        register(&one, &instance, SHORT).await;
        let renewed = Instant::now() + SHORT * 2;
        while Instant::now() < renewed {
            register(&late, &instance, SHORT).await;
            for process in [&one, &other, &late] {
                assert!(is_by_the_instance(&send(ask(process)).await), "a renewal counts at each process");
            }
            sleep(SHORT / 8).await;
        }
        let begun = Instant::now();
        for process in [&one, &other, &late] {
            until(SHORT * 4, "the end of the registration", || ask(process), has_no_instance).await;
        }
        assert!(begun.elapsed() > SHORT / 4, "it was held for its time");

        register(&one, &instance, LONG).await;
        until(LIMIT, "the registration at the other process", || ask(&other), is_by_the_instance).await;
        let url = other.url("/v1/services/sheets/instances/a");
        assert_eq!(send(client().delete(url).bearer_auth(TOKEN)).await.status, 204);
        until(LIMIT, "the removal at the first process", || ask(&one), has_no_instance).await;
        // A process that starts hears of no instance that was removed.
        let last = over_nats();
        sleep(SHORT / 2).await;
        assert!(has_no_instance(&send(ask(&last)).await));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_cut_off_from_nats_and_the_others_learn_at_its_return_what_each_has_missed() {
    const LONG: Duration = Duration::from_secs(600);
    let nats = NatsServer::start(NatsRelease::Current);
    let proxy = FaultProxy::start(([127, 0, 0, 1], nats.port()).into()).unwrap();
    let instance = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).start();
    let one = hub().env("NATS_URL", nats.url()).start();
    let other = hub().env("NATS_URL", format!("nats://{}", proxy.address())).start();
    let health = || client().get(other.url("/health"));
    let is = |status: &'static str| move |answer: &Answer| answer.body["dependencies"]["hub"]["status"] == status;
    until(LIMIT, "the connection", health, is("up")).await;
    proxy.strike(Fault::Refuse);
    until(LIMIT, "the partition", health, is("down")).await;
    register(&one, &instance, LONG).await;
    let url = other.url("/v1/services/archive/instances/a");
    let body = json!({ "url": instance.url(""), "ttl_ms": u64::try_from(LONG.as_millis()).unwrap() });
    assert_eq!(send(client().put(url).bearer_auth(TOKEN).json(&body)).await.status, 200);
    assert_ne!(send(ask(&other)).await.status, 204);
    proxy.set(Fault::Pass);
    until(LIMIT, "what the others know", || ask(&other), is_by_the_instance).await;
    let services = || client().get(one.url("/v1/services")).bearer_auth(TOKEN);
    let has_archive = |answer: &Answer| answer.body.to_string().contains("archive");
    until(LIMIT, "what was registered at the process that was cut off", services, has_archive).await;
}
