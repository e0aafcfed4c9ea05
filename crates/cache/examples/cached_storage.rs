//! A cache in front of a storage that another process writes: a reader that names the commit which it needs sees it.

use character_cache::Cached;
use character_domain::{Character, UserId, now};
use character_storage_port::{Change, Commit, Expect, MemoryStorage, StorageExt, Transaction, at_least};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let central = Arc::new(MemoryStorage::new());
    let (cached, follower) = Cached::over(Arc::clone(&central));
    // Nothing is cached before the follower has read the log.
    follower.start()?;

    let hero = cached.create_character(Character::new(UserId::new(), "Torormir", now())).await?;
    assert_eq!(cached.get_character(hero.id).await?.value.name, "Torormir");

    // The other process writes to the storage, past this cache, and passes the tick of its commit on.
    let renamed = Character { name: "Torormir the Grey".into(), ..hero.clone() };
    let change = Change::Replace { entity: renamed, expect: Expect::Revision(hero.meta.revision) };
    let committed = central.commit(Transaction::new().with(change)).await?;

    let (read, _) = at_least(Some(committed.tick), cached.get_character(hero.id)).await;
    assert_eq!(read?.value.name, "Torormir the Grey");
    Ok(())
}
