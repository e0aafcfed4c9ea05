//! A client of the Storage Service, which this program starts itself, and the same client when the service is gone.

use actix_web::{App, HttpServer};
use character_domain::{Character, UserId, now};
use character_http_kit::AcceptedTokens;
use character_storage_http::{HttpStorage, HttpStorageConfig};
use character_storage_port::{MemoryStorage, Retry, StorageExt};
use character_storage_server::{Limits, StorageServer};
use std::sync::Arc;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tokens = AcceptedTokens::new(["the-token-of-this-example".to_owned().into()])?;
    let service = StorageServer::new(Arc::new(MemoryStorage::new()), tokens, Limits::default())?;
    let server = HttpServer::new(move || App::new().configure(|config| service.configure(config)));
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0")?;
    let address = *server.addrs().first().ok_or("the server has no address")?;
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);

    let url = format!("http://{address}").parse()?;
    let config = HttpStorageConfig::new(url, "the-token-of-this-example".to_owned().into());
    let storage = HttpStorage::connect(config)?;
    let hero = storage.create_character(Character::new(UserId::new(), "Torormir", now())).await?;
    assert_eq!(storage.get_character(hero.id).await?.value, hero);

    // The client has repeated the read by itself: do not repeat it again.
    handle.stop(false).await;
    let failure = storage.get_character(hero.id).await.err().ok_or("the service is gone")?;
    assert!(failure.is_outage() && failure.retry() == Retry::Exhausted, "{failure}");
    Ok(())
}
