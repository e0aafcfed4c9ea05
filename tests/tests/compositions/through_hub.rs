//! `client ∘ hub ∘ server ∘ PostgreSQL` behaves as PostgreSQL does, whether the hub is that of this project or NATS.

use super::{Serving, TOKEN};
use character_http_kit::AcceptedTokens;
use character_message_hub::{MemoryHub, MessageHub, ServiceName};
use character_message_hub_http::{HttpHub, HttpHubConfig};
use character_message_hub_nats::{HttpForwarder, NatsHub, NatsHubConfig, NatsResponder};
use character_message_hub_server::{HubServer, HubServerConfig};
use character_storage_http::{HttpStorage, HttpStorageConfig, TransportStack};
use character_storage_hub::HubTransport;
use character_storage_port::StoragePort;
use character_storage_sql::{SqlOptions, SqlStorage};
use character_storage_testkit::{Harness, storage_conformance};
use character_tests::{NatsRelease, NatsServer, PostgresServer};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};
use uuid::Uuid;

const HUB_TOKEN: &str = "token-of-the-hub";
/// The largest payload that NATS can be configured for; a storage call may have as much.
const LARGE: &str = "max_payload: 64MB\nmax_pending: 256MB";

static NATS: LazyLock<NatsServer> = LazyLock::new(|| NatsServer::start_with(NatsRelease::Current, LARGE));

async fn storage_service() -> (Serving, String) {
    let options = SqlOptions { connections: 4, ..SqlOptions::default() };
    let database = SqlStorage::connect(&PostgresServer::shared().fresh_schema_url(), options).await.unwrap();
    Serving::bound(Arc::new(database))
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
        let (serving, storage) = storage_service().await;
        let (hub, url) = hub_of(&storage);
        let config = HttpHubConfig::new(url.parse().unwrap(), HUB_TOKEN.to_owned().into());
        let client = client(Arc::new(HttpHub::connect(config).unwrap()), "storage-service".parse().unwrap());
        ((hub, serving), client)
    }
}

storage_conformance!(through_http_hub, ThroughHttp);

struct ThroughNats;

impl Harness for ThroughNats {
    type Guard = (NatsResponder, Serving);

    async fn fresh() -> (Self::Guard, Arc<dyn StoragePort>) {
        let (serving, storage) = storage_service().await;
        // Each test has a service of its own on the shared server.
        let service: ServiceName = format!("storage-{}", Uuid::now_v7().simple()).parse().unwrap();
        let hub = NatsHub::connect(NatsHubConfig::new(NATS.url())).await.unwrap();
        let forwarder = Arc::new(HttpForwarder::new(&storage, 64 << 20).unwrap());
        let responder = NatsResponder::serve(&hub, service.clone(), forwarder).await.unwrap();
        ((responder, serving), client(Arc::new(hub), service))
    }
}

storage_conformance!(through_nats, ThroughNats);
