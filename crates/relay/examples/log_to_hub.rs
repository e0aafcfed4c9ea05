//! From a commit to its effect in another service: a relay publishes the events of the log, and an inbox gives each of them
//! one effect, although the event is delivered twice.

use character_inbox::{EventHandler, Handled, Inbox, InboxOptions, Received, async_trait};
use character_message_hub::{MemoryHub, Subscription};
use character_relay::{CONSUMER, Relay, RelayOptions};
use character_storage_port::{
    Change, Character, CharacterQuery, Commit, MemoryStorage, StorageExt, Transaction, UserId, now,
};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};

/// The other service: it keeps a copy of each character that is created, in a storage of its own.
struct Copies {
    storage: MemoryStorage,
    handled: mpsc::UnboundedSender<u64>,
}

#[async_trait]
impl EventHandler for Copies {
    async fn handle(&self, received: &Received) -> Handled {
        // Under this id the storage applies the transaction once, and answers each repeat as it answered the first.
        let id = received.identity.transaction_id("copy");
        let copy = Character::new(UserId::new(), "a copy", now());
        let committed = self.storage.commit(Transaction { id, ..Transaction::new().with(Change::Create(copy)) }).await;
        // The program may have ended meanwhile.
        let _ = self.handled.send(received.attempt);
        match committed {
            // As after a crash between the effect and its acknowledgement: the hub delivers the event again.
            Ok(_) if received.attempt == 1 => Handled::RetryAfter(Duration::from_millis(1)),
            Ok(_) => Handled::Done,
            Err(_) => Handled::RetryAfter(received.pause()),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (storage, copies, hub) = (MemoryStorage::new(), MemoryStorage::new(), Arc::new(MemoryHub::new()));
    let relay = Relay::new(storage.clone(), Arc::clone(&hub) as _, RelayOptions::new(CONSUMER.parse()?))?;
    let (handled, mut attempts) = mpsc::unbounded_channel();
    let subscription = Subscription::new("copies".parse()?, "character.created".parse()?);
    let handler = Copies { storage: copies.clone(), handled };
    let inbox = Inbox::new(Arc::clone(&hub) as _, handler, InboxOptions::new(subscription))?;
    let (relaying, receiving) =
        (tokio::spawn(relay.run(std::future::pending())), tokio::spawn(inbox.run(std::future::pending())));

    // The commit and its event are one transaction: both are there, or neither.
    let hero = storage.create_character(Character::new(UserId::new(), "Torormir", now())).await?;
    for attempt in [1, 2] {
        assert_eq!(timeout(Duration::from_secs(10), attempts.recv()).await?, Some(attempt));
    }
    relaying.abort();
    receiving.abort();

    let published = hub.published();
    assert_eq!(published.iter().map(|event| event.subject()).collect::<Vec<_>>(), [Some(&*hero.id.to_string())]);
    let effects = copies.list_characters(&CharacterQuery::live(), Default::default()).await?.value;
    assert_eq!(effects.items.len(), 1);
    Ok(())
}
