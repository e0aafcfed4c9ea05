//! A Message Hub over one file, which this program serves itself, and a client that publishes, subscribes and sees the hub
//! restart.

use actix_web::{App, HttpServer, dev::ServerHandle};
use character_http_kit::AcceptedTokens;
use character_message_hub::{CloudEvent, Message, MessageHub, Subscription};
use character_message_hub_file::{FileHub, FileHubConfig};
use character_message_hub_http::{HttpHub, HttpHubConfig};
use character_message_hub_server::{HubServer, HubServerConfig};
use std::{error::Error, net::SocketAddr, sync::Arc, time::Duration};

const TOKEN: &str = "the-token-of-this-example";
const LIMIT: Duration = Duration::from_secs(5);

/// Serves the hub at this address; port 0 is a free one.
fn serve(hub: &FileHub, address: SocketAddr) -> Result<(SocketAddr, ServerHandle, HubServer), Box<dyn Error>> {
    let tokens = AcceptedTokens::new([TOKEN.to_owned().into()])?;
    let service = HubServer::new(Arc::new(hub.clone()), tokens, HubServerConfig::default())?;
    let (configured, background) = (service.clone(), service.clone());
    let server = HttpServer::new(move || App::new().configure(|config| configured.configure(config)));
    let server = server.workers(1).disable_signals().bind(address)?;
    let address = *server.addrs().first().ok_or("the server has no address")?;
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    actix_web::rt::spawn(async move { background.background().await });
    Ok((address, handle, service))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let config = FileHubConfig::at(folder.path().join("hub.sqlite"));
    let file = FileHub::open(config.clone())?;
    let (address, server, service) = serve(&file, "127.0.0.1:0".parse()?)?;
    let hub = HttpHub::connect(HttpHubConfig::new(format!("http://{address}").parse()?, TOKEN.to_owned().into()))?;

    let event = CloudEvent::new("1", "/characters", "character.created")?.with_subject("8c823d20")?;
    let messages = [Message::of(Arc::new(event))];
    assert!(!hub.publish(&messages, LIMIT).await.remove(0)?.duplicate);
    let subscription = Subscription::new("sheets".parse()?, "character.*".parse()?);
    drop(hub.subscribe(&subscription).await?);

    // While the hub is away, an event certainly was not published.
    service.stop();
    server.stop(false).await;
    file.close().await?;
    drop(file);
    let failure = hub.publish(&messages, LIMIT).await.remove(0).err().ok_or("the hub is gone")?;
    assert!(failure.certainly_not_applied(), "{failure}");

    // The hub has kept the event: a repeat is a duplicate, and the subscription receives one delivery.
    let file = FileHub::open(config)?;
    let (_, server, service) = serve(&file, address)?;
    assert!(hub.publish(&messages, LIMIT).await.remove(0)?.duplicate);
    let mut deliveries = hub.subscribe(&subscription).await?;
    let delivery = deliveries.next().await?;
    assert_eq!(delivery.event().id(), "1");
    delivery.ack().await?;

    service.stop();
    server.stop(true).await;
    file.close().await?;
    Ok(())
}
