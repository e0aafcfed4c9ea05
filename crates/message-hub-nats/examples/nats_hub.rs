//! Two services at one NATS server: one publishes an event and answers requests, the other handles the event and asks.
//! The program starts the server itself.

use character_message_hub::{
    CloudEvent, ErrorKind, Message, MessageHub, Reply, ServiceRequest, Subscription, async_trait,
};
use character_message_hub_nats::{NatsHub, NatsHubConfig, NatsResponder, ServiceHandler};
use character_tests::{NatsRelease, NatsServer};
use std::{error::Error, sync::Arc, time::Duration};

const LIMIT: Duration = Duration::from_secs(10);

/// Answers each request with its path.
struct Echo;

#[async_trait]
impl ServiceHandler for Echo {
    async fn reply(&self, request: ServiceRequest) -> Reply {
        Reply { content_type: Some("text/plain".into()), ..Reply::new(200, request.path) }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = NatsServer::start(NatsRelease::Current);
    let config = NatsHubConfig::new(server.url());
    let (sheets, campaigns) = (NatsHub::connect(config.clone()).await?, NatsHub::connect(config).await?);

    // JetStream has the event when `publish` returns, and knows a repeat by its message id.
    let event = CloudEvent::new("1", "/characters", "character.created")?.with_subject("8c823d20")?;
    let message = Message::of(Arc::new(event));
    let results = sheets.publish(&[message.clone(), message], LIMIT).await;
    let results: Vec<_> = results.into_iter().collect::<Result<_, _>>()?;
    assert_eq!(results.iter().map(|published| published.duplicate).collect::<Vec<_>>(), [false, true]);

    let mut deliveries = campaigns.subscribe(&Subscription::new("campaigns".parse()?, "character.*".parse()?)).await?;
    let delivery = tokio::time::timeout(LIMIT, deliveries.next()).await??;
    assert_eq!((delivery.event().id(), delivery.event().subject()), ("1", Some("8c823d20")));
    delivery.ack().await?;

    // A service without an instance certainly did not receive the request.
    let request = || Ok::<_, Box<dyn Error>>(ServiceRequest::get("sheets".parse()?, "/sheets/8c823d20", LIMIT));
    let refused = campaigns.request(request()?).await.err().ok_or("nothing answers yet")?;
    assert!(*refused.kind() == ErrorKind::NoResponder && refused.certainly_not_applied());
    let responder = NatsResponder::serve(&sheets, "sheets".parse()?, Arc::new(Echo)).await?;
    let reply = campaigns.request(request()?).await?;
    assert_eq!((reply.status, &*reply.body), (200, &b"/sheets/8c823d20"[..]));
    assert_eq!(responder.drain(LIMIT).await, 0);
    Ok(())
}
