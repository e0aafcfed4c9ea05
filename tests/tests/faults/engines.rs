//! Clients of running services while an engine is behind a pooler, or loses a member of its cluster.

use super::{
    failover::{shown, stored},
    load::Load,
    world::{Side, TOKEN, beside_others, each_of},
};
use crate::support::{Answer, client, send, sheet, until};
use character_tests::{NatsCluster, NatsRelease, PgBouncer, PostgresServer, Service, ServiceBuilder};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const HUB_TOKEN: &str = "token-of-the-hub-of-the-tests";

fn storage(database: &str) -> ServiceBuilder {
    Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("DATABASE_URL", database).env("LOG_LEVEL", "warn")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_pooler_in_transaction_mode_two_storage_services_lose_and_double_nothing() {
    let _shared = beside_others().await;
    let server = PostgresServer::start();
    let pooler = PgBouncer::start(&server);
    // Versions are thinned meanwhile, which also works in transactions alone.
    let storages = [(); 2].map(|()| storage(&pooler.url()).env("VERSIONS_KEEP", "3").start());
    let sides = storages.each_ref().map(|storage| Side::new(storage, None, &[]));
    let characters = sides.each_ref().map(|side| side.service.url("/api/v2/characters"));
    let load = Load::on(characters[0].clone()).await;
    tokio::time::sleep(each_of(2)).await;
    let report = load.end().await;
    assert!(report.with_status(|status| status == 200) > 100, "{report:?}");
    let expected = stored(&server);
    for url in &characters {
        let list = || client().get(format!("{url}?limit=1000&active_only=false"));
        until(LIMIT, "every row", list, |list| shown(list) == expected).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_server_that_is_lost_delays_no_request_and_loses_no_event() {
    let _shared = beside_others().await;
    let cluster = NatsCluster::start(NatsRelease::Current);
    let hub = Service::message_hub()
        .env("MESSAGE_HUB_TOKEN", HUB_TOKEN)
        .env("NATS_URL", cluster.url())
        .env("HUB_REPLICAS", "3")
        .env("LOG_LEVEL", "warn")
        .start();
    let service = Service::character()
        .env("MESSAGE_HUB_URL", hub.url(""))
        .env("MESSAGE_HUB_TOKEN", HUB_TOKEN)
        .env("LOG_LEVEL", "warn")
        .start();
    let characters = service.url("/api/v2/characters");
    let mut created = 0;
    let create = async |number: usize| {
        let answer = send(client().post(&characters).json(&sheet(&format!("Hero {number}")))).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    };
    let published = |events: usize| {
        let metrics = || client().get(service.url("/metrics"));
        let all = move |answer: &Answer| answer.metric("relay_events_published_total") >= Some(events);
        async move { until(LIMIT, "every event is published", metrics, all).await }
    };
    let mut create_some = async || {
        for _ in 0..20 {
            create(created).await;
            created += 1;
        }
        created
    };
    // The whole cluster is at work before it loses a member: one that was still forming took over a minute.
    published(create_some().await).await;
    let member = &cluster.servers()[0];
    member.kill();
    // Two of three keep the events.
    published(create_some().await).await;
    member.restart();
    until(LIMIT, "the hub is well", || client().get(hub.url("/health")), |answer| answer.body["status"] == "ok").await;
    let created = create_some().await;
    let metrics = published(created).await;
    assert_eq!(metrics.metric("relay_events_parked_total"), Some(0_u64));
}
