//! A backup over a storage that has the same characters in other states.

use super::super::row::Row;
use super::*;
use character_repositories::{CharacterRepository, RequestContext, StorageContext};
use character_storage_port::every_kind;
use std::sync::Arc;

const REFUSED: &str = "exists with another history; the two are not mixed";

/// Gives the hero another name, as a client does.
async fn rename(storage: &MemoryStorage, name: &str) {
    let characters = CharacterRepository::new(StorageContext::new(Arc::new(storage.clone())));
    let change = |hero: &Character| Ok(Character { name: name.to_owned(), ..hero.clone() });
    characters.patch(HERO.parse().unwrap(), &RequestContext::default(), change).await.unwrap();
}

async fn exported(storage: &MemoryStorage) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    export(storage, folder.path(), |_| {}).await.unwrap();
    folder
}

fn text(folder: &tempfile::TempDir, file: &str) -> String {
    fs::read_to_string(folder.path().join(file)).unwrap()
}

async fn rows(storage: &MemoryStorage) -> String {
    let folder = exported(storage).await;
    every_kind!(Row => text(&folder, Row::FILE)).concat()
}

/// A backup of the beginning, and one of the same storage after two changes and a gift.
async fn backups() -> [tempfile::TempDir; 2] {
    let storage = MemoryStorage::new();
    imported(&storage, folder(&[characters()]).path()).await;
    let older = exported(&storage).await;
    rename(&storage, "Grey").await;
    imported(
        &storage,
        folder(&[("characters.ndjson", Vec::new()), ("inventory_items.ndjson", vec![item(1, json!({}))])]).path(),
    )
    .await;
    rename(&storage, "White").await;
    [older, exported(&storage).await]
}

#[tokio::test]
async fn nothing_of_a_backup_is_added_to_a_character_with_another_history() {
    let [older, newer] = backups().await;
    for changes in [0, 1, 2, 5] {
        let storage = MemoryStorage::new();
        imported(&storage, older.path()).await;
        for change in 0..changes {
            rename(&storage, &format!("Other {change}")).await;
        }
        let before = rows(&storage).await;
        let report = imported(&storage, newer.path()).await;
        let refused = refusals(&report);
        assert_eq!(report.created(), 0, "{changes} changes: {refused:#?}");
        // The other character, and the first version of both.
        assert_eq!(report.unchanged(), 3, "{changes} changes: {refused:#?}");
        assert!(refused[0].contains("exists and differs"), "{refused:#?}");
        assert!(refused.iter().any(|it| it.starts_with("inventory_items") && it.ends_with(REFUSED)), "{refused:#?}");
        assert_eq!(rows(&storage).await, before, "{changes} changes");
        rename(&storage, "After").await;
    }
}

#[tokio::test]
async fn an_interrupted_import_continues_with_a_character_that_was_changed_meanwhile() {
    let [_, newer] = backups().await;
    let storage = MemoryStorage::new();
    let begun = tempfile::tempdir().unwrap();
    fs::write(begun.path().join("characters.ndjson"), text(&newer, "characters.ndjson")).unwrap();
    imported(&storage, begun.path()).await;
    rename(&storage, "Meanwhile").await;
    let report = imported(&storage, newer.path()).await;
    assert_eq!(report.refused.len(), 1, "{:#?}", refusals(&report));
    // The item, three versions of the hero and one of the other character.
    assert_eq!(report.created(), 5);
    rename(&storage, "After").await;
}

#[tokio::test]
async fn a_version_above_the_revision_of_its_character_is_refused() {
    let [_, newer] = backups().await;
    let characters = text(&newer, "characters.ndjson").replace("\"revision\":3", "\"revision\":2");
    fs::write(newer.path().join("characters.ndjson"), characters).unwrap();
    let storage = MemoryStorage::new();
    let refused = refusals(&imported(&storage, newer.path()).await);
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert!(refused[0].ends_with("state.revision: is 3, above 2, that of its character"), "{refused:#?}");
    rename(&storage, "After").await;
}
