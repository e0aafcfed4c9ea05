//! `client ∘ hub ∘ server ∘ PostgreSQL` behaves as PostgreSQL does, whether the hub is that of this project or NATS.

use super::{Serving, TOKEN};
use actix_web::{App, HttpRequest, HttpResponse, web};
use character_app::hub_responder::{HubResponder, ResponderPlan};
use character_http_kit::AcceptedTokens;
use character_message_hub::{MemoryHub, MessageHub, ServiceName, ServiceRequest};
use character_message_hub_http::{HttpHub, HttpHubConfig};
use character_message_hub_nats::{NatsHub, NatsHubConfig};
use character_message_hub_server::{HubServer, HubServerConfig};
use character_storage_http::{HttpStorage, HttpStorageConfig, TransportStack};
use character_storage_hub::HubTransport;
use character_storage_port::StoragePort;
use character_storage_server::{Limits, StorageServer, is_list};
use character_storage_sql::{SqlOptions, SqlStorage};
use character_storage_testkit::{Harness, storage_conformance};
use character_tests::{NatsRelease, NatsServer, PostgresServer};
use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};
use uuid::Uuid;

const HUB_TOKEN: &str = "token-of-the-hub";
/// How long an instance may take to be reachable.
const LIMIT: Duration = Duration::from_secs(30);
/// The largest payload that NATS can be configured for; a storage call may have as much.
const LARGE: &str = "max_payload: 64MB\nmax_pending: 256MB";

static NATS: LazyLock<NatsServer> = LazyLock::new(|| NatsServer::start_with(NatsRelease::Current, LARGE));

async fn database() -> Arc<dyn StoragePort> {
    let options = SqlOptions { connections: 4, ..SqlOptions::default() };
    Arc::new(SqlStorage::connect(&PostgresServer::shared().fresh_schema_url(), options).await.unwrap())
}

/// A client of the storage behind the hub, with the whole transport stack.
fn client(hub: Arc<dyn MessageHub>, service: ServiceName) -> Arc<dyn StoragePort> {
    // Debug builds on a busy machine take seconds for a page of 8 MiB.
    let patient = Duration::from_secs(30);
    let config = HttpStorageConfig::new("http://unused".parse().unwrap(), TOKEN.to_owned().into());
    let config = HttpStorageConfig { attempt_timeout: patient, deadline: patient, large_timeout: patient, ..config };
    let transport = HubTransport::new(hub, service, &config).unwrap();
    Arc::new(HttpStorage::over(TransportStack::around(transport, &config)))
}

/// A hub that routes requests to one storage.
fn hub_of(storage: &str) -> (Serving, String) {
    let services = vec![("storage-service".parse().unwrap(), storage.parse().unwrap())];
    let config = HubServerConfig { services, ..HubServerConfig::default() };
    let tokens = AcceptedTokens::new([HUB_TOKEN.to_owned().into()]).unwrap();
    let hub = HubServer::new(Arc::new(MemoryHub::new()), tokens, config).unwrap();
    Serving::of(move |config| hub.configure(config))
}

struct ThroughHttp;

impl Harness for ThroughHttp {
    type Guard = (Serving, Serving);

    async fn fresh() -> (Self::Guard, Arc<dyn StoragePort>) {
        let (serving, storage) = Serving::bound(database().await);
        let (hub, url) = hub_of(&storage);
        let config = HttpHubConfig::new(url.parse().unwrap(), HUB_TOKEN.to_owned().into());
        let client = client(Arc::new(HttpHub::connect(config).unwrap()), "storage-service".parse().unwrap());
        ((hub, serving), client)
    }
}

storage_conformance!(through_http_hub, ThroughHttp);

struct ThroughNats;

impl Harness for ThroughNats {
    type Guard = HubResponder;

    async fn fresh() -> (Self::Guard, Arc<dyn StoragePort>) {
        let tokens = AcceptedTokens::new([TOKEN.to_owned().into()]).unwrap();
        let storage = StorageServer::new(database().await, tokens, Limits::default()).unwrap();
        let application = move || {
            let storage = storage.clone();
            App::new().configure(move |config| storage.configure(config))
        };
        // Each test has a service of its own on the shared server.
        let service: ServiceName = format!("storage-{}", Uuid::now_v7().simple()).parse().unwrap();
        let nats = NatsHubConfig::new(NATS.url());
        let plan = ResponderPlan { nats: nats.clone(), service: service.clone(), within: Duration::ZERO };
        let responder = HubResponder::start(plan, is_list, application).unwrap();
        let hub = NatsHub::connect(nats).await.unwrap();
        let end = Instant::now() + LIMIT;
        while let Err(error) = hub.request(ServiceRequest::get(service.clone(), "/", LIMIT)).await {
            assert!(Instant::now() < end, "no instance answers: {error}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (responder, client(Arc::new(hub), service))
    }
}

storage_conformance!(through_nats, ThroughNats);

#[tokio::test]
async fn every_header_travels_over_nats_to_the_application_and_back() {
    let application = || {
        App::new().default_service(web::to(async |request: HttpRequest| {
            let mut response = HttpResponse::Ok();
            for name in ["if-match", "x-request-id", "x-correlation-id", "authorization", "cookie"] {
                let values = request.headers().get_all(name).map(|value| value.to_str().unwrap());
                response.append_header((format!("x-saw-{name}"), values.collect::<Vec<_>>().join(" + ")));
            }
            response.append_header(("set-cookie", "a=1")).append_header(("set-cookie", "b=2")).body("whole")
        }))
    };
    let service: ServiceName = format!("echo-{}", Uuid::now_v7().simple()).parse().unwrap();
    let nats = NatsHubConfig::new(NATS.url());
    let plan = ResponderPlan { nats: nats.clone(), service: service.clone(), within: Duration::ZERO };
    let _responder = HubResponder::start(plan, is_list, application).unwrap();
    let hub = NatsHub::connect(nats).await.unwrap();
    let request = ServiceRequest {
        authorization: Some("Bearer of-the-service".into()),
        correlation_id: Some("task-7".into()),
        headers: [
            ("if-match", "\"7\""),
            ("if-match", "\"8\""),
            ("authorization", "of-the-hub"),
            ("x-request-id", "r-1"),
        ]
        .into_iter()
        .collect(),
        ..ServiceRequest::get(service, "/", LIMIT)
    };
    let end = Instant::now() + LIMIT;
    let reply = loop {
        match hub.request(request.clone()).await {
            Ok(reply) => break reply,
            Err(error) => assert!(Instant::now() < end, "no instance answers: {error}"),
        }
    };
    let headers: Vec<_> = reply.headers.iter().filter(|(name, _)| *name != "date").collect();
    assert_eq!(
        headers,
        [
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("x-saw-authorization", "Bearer of-the-service"),
            ("x-saw-cookie", ""),
            ("x-saw-if-match", "\"7\" + \"8\""),
            ("x-saw-x-correlation-id", "task-7"),
            ("x-saw-x-request-id", "r-1"),
        ]
    );
}
