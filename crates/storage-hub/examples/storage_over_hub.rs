//! Calls of the storage through a Message Hub: a Storage Service, a hub that has its address, and a client that has only the
//! address of the hub. The program serves both itself.

use actix_web::{App, HttpServer, rt, web::ServiceConfig};
use character_http_kit::AcceptedTokens;
use character_message_hub::MemoryHub;
use character_message_hub_http::{HttpHub, HttpHubConfig};
use character_message_hub_server::{HubServer, HubServerConfig};
use character_storage_http::{HttpStorage, HttpStorageConfig, TransportStack};
use character_storage_hub::HubTransport;
use character_storage_port::{Character, MemoryStorage, StorageExt, UserId, now};
use character_storage_server::{Limits, StorageServer};
use std::{error::Error, sync::Arc};

const STORAGE_TOKEN: &str = "the-token-of-the-storage";
const HUB_TOKEN: &str = "the-token-of-the-hub";

/// Serves this application at a free port, and returns its address.
fn serve(configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Result<String, Box<dyn Error>> {
    let server = HttpServer::new(move || App::new().configure(configure.clone()));
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0")?;
    let address = *server.addrs().first().ok_or("the server has no address")?;
    rt::spawn(server.run());
    Ok(format!("http://{address}"))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let central = MemoryStorage::new();
    let tokens = AcceptedTokens::new([STORAGE_TOKEN.to_owned().into()])?;
    let storage = StorageServer::new(Arc::new(central.clone()), tokens, Limits::default())?;
    let storage = serve(move |config| storage.configure(config))?;

    // The hub knows where the instances of the service are; the client does not.
    let services = vec![("storage".parse()?, storage.parse()?)];
    let tokens = AcceptedTokens::new([HUB_TOKEN.to_owned().into()])?;
    let config = HubServerConfig { services, ..HubServerConfig::default() };
    let hub = HubServer::new(Arc::new(MemoryHub::new()), tokens, config)?;
    let hub = serve(move |config| hub.configure(config))?;

    // The address of the configuration is not used: the hub is the only way out of this client.
    let config = HttpStorageConfig::new("http://unused".parse()?, STORAGE_TOKEN.to_owned().into());
    let hub = HttpHub::connect(HttpHubConfig::new(hub.parse()?, HUB_TOKEN.to_owned().into()))?;
    let transport = HubTransport::new(Arc::new(hub), "storage".parse()?, &config)?;
    let client = HttpStorage::over(TransportStack::around(transport, &config));

    let hero = client.create_character(Character::new(UserId::new(), "Torormir", now())).await?;
    assert_eq!(central.get_character(hero.id).await?.value, hero);
    assert_eq!(client.get_character(hero.id).await?.value, hero);
    Ok(())
}
