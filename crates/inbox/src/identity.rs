//! What makes an event the same event when it is delivered again.

use character_message_hub::{CloudEvent, SubscriptionName};
use character_storage_port::TransactionId;
use std::sync::Arc;

/// A consumer and an event: the subscription, and source and id of the event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventIdentity {
    consumer: SubscriptionName,
    source: Arc<str>,
    id: Arc<str>,
}

impl EventIdentity {
    /// The identity of this event for this consumer.
    #[must_use]
    pub fn new(consumer: SubscriptionName, event: &CloudEvent) -> Self {
        Self { consumer, source: event.source().into(), id: event.id().into() }
    }

    /// The id of the transaction that is the effect of the event: UUID version 5 of [`scope`](Self::scope) and
    /// [`key`](Self::key). `part` names the transaction when an event has several, such as one for each character.
    #[must_use]
    pub fn transaction_id(&self, part: &str) -> TransactionId {
        TransactionId::from_key(&self.scope(part), &self.key())
    }

    /// The scope of an idempotency key: consumer and part.
    #[must_use]
    pub fn scope(&self, part: &str) -> String {
        // The name of a consumer has no slash.
        format!("inbox/{}/{part}", self.consumer)
    }

    /// The idempotency key: source and id of the event.
    #[must_use]
    pub fn key(&self) -> String {
        // No attribute of an event has a line break, so two events have two keys.
        format!("{}\n{}", self.source, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_consumer_event_and_part_has_an_id_of_its_own_and_always_the_same() {
        let identity = |consumer: &str, source: &str, id: &str| {
            let event = CloudEvent::new(id, source, "campaign.renamed").unwrap();
            EventIdentity::new(consumer.parse().unwrap(), &event)
        };
        let all = [
            identity("a", "/s", "1").transaction_id(""),
            identity("b", "/s", "1").transaction_id(""),
            identity("a", "/s1", "3").transaction_id("x"),
            identity("a", "/s", "1").transaction_id("x"),
            identity("a", "/s", "12").transaction_id("x"),
            identity("a", "/s1", "2").transaction_id("x"),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert_eq!(identity("a", "/s", "1").transaction_id("x"), all[3]);
    }
}
