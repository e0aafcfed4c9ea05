//! `client ∘ hub ∘ server ∘ PostgreSQL` behaves as PostgreSQL does, whether the hub is that of this project or NATS.

use super::{Serving, TOKEN};
use actix_web::App;
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
