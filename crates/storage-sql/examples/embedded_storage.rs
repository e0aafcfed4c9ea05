//! A service that keeps its rows in a file of SQLite: it writes, loses against another writer, and finds everything after a
//! restart.

use character_domain::{Character, UserId, now};
use character_storage_port::{CharacterQuery, ErrorKind, Expect, PageRequest, StorageExt};
use character_storage_sql::SqlStorage;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("characters.sqlite");

    let storage = SqlStorage::sqlite(&file).await?;
    let hero = storage.create_character(Character::new(UserId::new(), "Torormir", now())).await?;
    let read = Expect::Revision(hero.meta.revision);
    storage.update_character(Character { name: "Torormir the Grey".into(), ..hero.clone() }, read).await?;

    // A writer that read the first revision is told so, and changes nothing.
    let late = storage.update_character(Character { name: "Torormir the Late".into(), ..hero }, read).await;
    let conflict = late.err().ok_or("the late writer has overwritten the other")?;
    assert!(matches!(conflict.kind(), ErrorKind::Conflict { .. }) && conflict.certainly_not_applied());
    storage.close().await?;

    let storage = SqlStorage::sqlite(&file).await?;
    let page = storage.list_characters(&CharacterQuery::live(), PageRequest::default()).await?.value;
    assert_eq!(page.items.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["Torormir the Grey"]);
    storage.close().await?;
    Ok(())
}
