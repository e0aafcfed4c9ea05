//! A client that watches one character, is disconnected, and resumes at another process without missing a change.

use character_domain::{Character, UserId, now};
use character_live_updates::{Interest, LiveItem, LiveStream, LiveUpdate, LiveUpdates};
use character_storage_port::{Expect, LogCursor, MemoryStorage, StorageExt};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::time::timeout;

/// The next update and the position to resume from, within ten seconds.
async fn next(stream: &mut LiveStream) -> Result<(Option<LogCursor>, LiveUpdate), Box<dyn Error>> {
    loop {
        match timeout(Duration::from_secs(10), stream.next()).await? {
            Some(LiveItem::Update { id, update }) => return Ok((id, update)),
            Some(LiveItem::Hello { .. } | LiveItem::Heartbeat) => {}
            other => return Err(format!("no update: {other:?}").into()),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let storage = MemoryStorage::new();
    // Two processes with one storage: neither remembers anything about a client.
    let (one, other) = (LiveUpdates::new(Arc::new(storage.clone())), LiveUpdates::new(Arc::new(storage.clone())));
    let hero = storage.create_character(Character::new(UserId::new(), "Torormir", now())).await?;
    let interest = Interest { characters: [hero.id].into(), ..Interest::default() };

    let mut stream = one.open(interest.clone(), None).await?;
    // A character that the client does not watch is not reported.
    storage.create_character(Character::new(UserId::new(), "Ada", now())).await?;
    let renamed = Character { name: "Torormir the Grey".into(), ..hero };
    let renamed = storage.update_character(renamed, Expect::Any).await?;
    let (position, update) = next(&mut stream).await?;
    assert_eq!((update.character, update.revision), (Some(renamed.id), Some(renamed.meta.revision)));
    drop(stream);

    // What is committed while the client is away is the first that it receives.
    let deleted = storage.delete_character(renamed.id, Expect::Any).await?;
    let mut resumed = other.open(interest, position).await?;
    let (_, missed) = next(&mut resumed).await?;
    assert_eq!((&*missed.update_type, missed.revision), ("character.deleted", Some(deleted.revision)));

    // At a shutdown each stream names the time after which its client connects again.
    other.close();
    assert!(matches!(resumed.next().await, Some(LiveItem::End { retry }) if !retry.is_zero()));
    Ok(())
}
