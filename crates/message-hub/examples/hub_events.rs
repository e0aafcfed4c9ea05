//! Publishes an event and handles it: a failure first, then its redelivery.

use character_message_hub::{CloudEvent, MemoryHub, Message, MessageHub, Subscription};
use std::{sync::Arc, time::Duration};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hub: Arc<dyn MessageHub> = Arc::new(MemoryHub::new());
    let mut deliveries = hub.subscribe(&Subscription::new("sheets".parse()?, "character.*".parse()?)).await?;

    let event = Arc::new(CloudEvent::new("1", "/characters", "character.created")?.with_subject("8c823d20")?);
    for outcome in hub.publish(&[Message::of(Arc::clone(&event)), Message::of(event)], Duration::from_secs(5)).await {
        outcome?;
    }

    // The second message is the same event, so there is one delivery, which is repeated until it is acknowledged.
    let first = deliveries.next().await?;
    let id = first.event().id().to_owned();
    first.retry_after(Duration::from_millis(1)).await?;
    let second = deliveries.next().await?;
    assert_eq!(second.event().id(), id);
    second.ack().await?;
    Ok(())
}
