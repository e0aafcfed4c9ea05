//! The central Storage Service as the origin: called itself, or through the Message Hub.

use super::Origin;
use crate::{
    admin::TransportHandle,
    config::{HubConfig, RemoteStorage, StorageAddress},
    hub, request_ids,
};
use character_message_hub::ServiceName;
use character_storage_http::{HttpStorage, HttpStorageConfig, ReqwestTransport, StreamTransport, TransportStack};
use character_storage_hub::HubTransport;
use prometheus_client::registry::Registry;
use std::error::Error;
use url::Url;

type Failure = Box<dyn Error + Send + Sync>;

/// The address that stands for the storage in a client that reaches it through a hub; nothing is sent to it.
const UNUSED: &str = "http://storage-service";

/// The storage behind retries, breakers, deadline and metrics; three clients, so that neither the follower of the cache nor
/// the relay waits for a connection of a request.
///
/// # Errors
/// When a client cannot be built.
pub(super) async fn connect(
    remote: &RemoteStorage,
    hub: Option<&HubConfig>,
    registry: &mut Registry,
) -> Result<Origin, Failure> {
    let place = format!("storage: central, {}", remote.address);
    match &remote.address {
        StorageAddress::Http(url) => {
            let config = config(remote, url.clone());
            let client = |name| ReqwestTransport::new(&config).map(|transport| stack(transport, &config, name));
            Ok(origin([client("requests")?, client("log")?, client("relay")?], place, registry))
        }
        StorageAddress::Hub(service) => {
            let config = config(remote, UNUSED.parse::<Url>()?);
            let hub = hub.ok_or("a storage behind a Message Hub needs MESSAGE_HUB_URL")?;
            let client = |name| through_hub(hub, service, &config, name);
            let clients = [client("requests").await?, client("log").await?, client("relay").await?];
            Ok(origin(clients, place, registry))
        }
    }
}

async fn through_hub(
    hub: &HubConfig,
    service: &ServiceName,
    config: &HttpStorageConfig,
    client: &'static str,
) -> Result<HttpStorage<TransportStack<HubTransport>>, Failure> {
    let transport = HubTransport::new(hub::connect(hub).await?.port(), service.clone(), config)?;
    Ok(stack(transport, config, client))
}

/// `client` is its name in log lines: metrics and the admin listener show the client of requests.
fn stack<T: StreamTransport>(
    transport: T,
    config: &HttpStorageConfig,
    client: &'static str,
) -> HttpStorage<TransportStack<T>> {
    HttpStorage::over(TransportStack::around(transport, &HttpStorageConfig { client, ..config.clone() }))
}

fn origin<T: StreamTransport>(
    [storage, log, commits]: [HttpStorage<TransportStack<T>>; 3],
    place: String,
    registry: &mut Registry,
) -> Origin {
    storage.metrics().register(registry);
    let transport = Some(TransportHandle::of(&storage));
    let (storage, log, commits) = (storage.into_port(), log.into_port(), commits.into_port());
    Origin { storage, log, commits, place, transport, database: None, lock: None }
}

fn config(remote: &RemoteStorage, url: Url) -> HttpStorageConfig {
    HttpStorageConfig {
        request_id: Some(request_ids::current),
        deadline: remote.deadline,
        attempt_timeout: remote.attempt_timeout,
        large_timeout: remote.large_timeout,
        retry_max: remote.retry_max,
        retry_base: remote.retry_base,
        breaker_failures: remote.breaker_failures,
        breaker_recovery: remote.breaker_recovery,
        breaker_probe: remote.breaker_probe,
        tls: remote.tls.clone(),
        ..HttpStorageConfig::new(url, remote.token.clone())
    }
}
