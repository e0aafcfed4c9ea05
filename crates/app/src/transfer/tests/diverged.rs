//! A backup over a storage that has the same characters in other states.

use super::super::row::Row;
use super::*;
use character_repositories::{CharacterRepository, RequestContext, StorageContext};
use character_storage_port::every_kind;
use std::sync::Arc;

const REFUSED: &str = "exists in another state than in the export; nothing is added to it";

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

/// The folder without these files.
async fn imported_without(storage: &MemoryStorage, folder: &tempfile::TempDir, left_out: &[&str]) {
    let part = tempfile::tempdir().unwrap();
    for file in every_kind!(Row => Row::FILE).into_iter().filter(|file| !left_out.contains(file)) {
        fs::copy(folder.path().join(file), part.path().join(file)).unwrap();
    }
    imported(storage, part.path()).await;
}

/// Changes the rows of one file of an export.
fn rewrite(folder: &tempfile::TempDir, file: &str, change: impl FnOnce(Vec<Value>) -> Vec<Value>) {
    let rows = text(folder, file).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines: String = change(rows).iter().map(|row| format!("{row}\n")).collect();
    fs::write(folder.path().join(file), lines).unwrap();
}

/// A backup of the beginning, and one of the same storage after two changes, with items, one in the other, and a journal.
async fn backups() -> [tempfile::TempDir; 2] {
    let storage = MemoryStorage::new();
    imported(&storage, folder(&[characters()]).path()).await;
    let older = exported(&storage).await;
    rename(&storage, "Grey").await;
    let (in_bag, of_hero) = (json!({ "container": id(1) }), json!({}));
    let belongings = folder(&[
        ("characters.ndjson", Vec::new()),
        ("inventory_items.ndjson", vec![item(1, of_hero.clone()), item(2, in_bag)]),
        ("journal_entries.ndjson", vec![entry(3, of_hero)]),
        ("quests.ndjson", vec![quest(4, &id(3))]),
        ("character_progress.ndjson", vec![progress(5, HERO)]),
    ]);
    let report = imported(&storage, belongings.path()).await;
    assert_eq!(report.created(), BELONGINGS, "{:#?}", refusals(&report));
    rename(&storage, "White").await;
    [older, exported(&storage).await]
}

/// The rows of the newer backup that belong to the hero, without versions.
const BELONGINGS: usize = 5;
/// The versions of the hero there.
const VERSIONS: usize = 3;

/// Imports the newer backup, of which nothing may be added to the hero.
async fn adds_nothing(storage: &MemoryStorage, newer: &tempfile::TempDir, what: &str) {
    let before = rows(storage).await;
    let report = imported(storage, newer.path()).await;
    let refused = refusals(&report);
    assert_eq!(report.created(), 0, "{what}: {refused:#?}");
    let belongings = refused.iter().filter(|it| !it.starts_with("characters.ndjson"));
    for refusal in belongings.clone().filter(|it| !it.contains("character_version ")) {
        assert!(refusal.ends_with(REFUSED), "{what}: {refusal}");
    }
    assert!(belongings.count() >= BELONGINGS, "{what}: {refused:#?}");
    assert_eq!(rows(storage).await, before, "{what}");
    rename(storage, "After").await;
}

#[tokio::test]
async fn nothing_of_a_backup_is_added_to_a_character_that_diverged() {
    let [older, newer] = backups().await;
    for changes in [0, 1, 2, 5] {
        let storage = MemoryStorage::new();
        imported(&storage, older.path()).await;
        for change in 0..changes {
            rename(&storage, &format!("Other {change}")).await;
        }
        adds_nothing(&storage, &newer, &format!("{changes} changes")).await;
    }
}

#[tokio::test]
async fn nothing_is_added_to_a_diverged_character_whose_versions_were_thinned() {
    let [older, newer] = backups().await;
    let other = MemoryStorage::new();
    imported(&other, older.path()).await;
    for change in 0..5 {
        rename(&other, &format!("Other {change}")).await;
    }
    let thinned = exported(&other).await;
    rewrite(&thinned, "character_versions.ndjson", |mut versions| {
        let revision = |version: &Value| version["state"]["meta"]["revision"].as_u64().unwrap();
        let id_of = |wanted: u64| {
            let found = versions.iter().find(|it| it["character_id"] == HERO && revision(it) == wanted);
            found.unwrap()["version_id"].clone()
        };
        let second = id_of(2);
        versions.retain(|version| version["character_id"] != HERO || revision(version) != 3);
        for version in versions.iter_mut().filter(|version| revision(version) == 4) {
            version["parent_id"] = second.clone();
        }
        versions
    });
    let storage = MemoryStorage::new();
    imported(&storage, thinned.path()).await;
    adds_nothing(&storage, &newer, "thinned").await;
}

#[tokio::test]
async fn nothing_is_added_to_a_stored_character_whose_line_is_missing_or_differs() {
    let [older, newer] = backups().await;
    let storage = MemoryStorage::new();
    imported(&storage, older.path()).await;
    rename(&storage, "Other").await;
    let is_hero = |row: &Value| row["character_id"] == HERO;
    rewrite(&newer, "characters.ndjson", |rows| rows.into_iter().filter(|row| !is_hero(row)).collect());
    adds_nothing(&storage, &newer, "missing").await;

    let [_, newer] = backups().await;
    let storage = MemoryStorage::new();
    let stored = exported(&MemoryStorage::new()).await;
    fs::write(stored.path().join("characters.ndjson"), text(&newer, "characters.ndjson")).unwrap();
    rewrite(&stored, "characters.ndjson", |rows| {
        rows.into_iter().map(|row| if is_hero(&row) { with(row, json!({ "name": "Other" })) } else { row }).collect()
    });
    imported(&storage, stored.path()).await;
    let report = imported(&storage, newer.path()).await;
    let added_to_hero = refusals(&report).iter().filter(|it| it.ends_with(REFUSED)).count();
    assert_eq!(added_to_hero, BELONGINGS + VERSIONS, "{:#?}", refusals(&report));
}

#[tokio::test]
async fn an_import_continues_with_a_character_that_was_changed_after_a_first_part() {
    let [_, newer] = backups().await;
    let items: &[&str] = &["inventory_items.ndjson"];
    let belongings = &[items, &["journal_entries.ndjson", "quests.ndjson", "character_progress.ndjson"]].concat();
    let all = &[belongings.as_slice(), &["character_versions.ndjson"]].concat();
    for (left_out, expected) in [(items, 2), (belongings, BELONGINGS), (all, BELONGINGS + VERSIONS + 1)] {
        let storage = MemoryStorage::new();
        imported_without(&storage, &newer, left_out).await;
        rename(&storage, "Meanwhile").await;
        let report = imported(&storage, newer.path()).await;
        assert_eq!(report.refused.len(), 1, "{left_out:?}: {:#?}", refusals(&report));
        assert_eq!(report.created(), expected, "{left_out:?}");
        rename(&storage, "After").await;
    }
}

#[tokio::test]
async fn a_version_above_the_revision_of_its_character_is_refused() {
    let [_, newer] = backups().await;
    let characters = text(&newer, "characters.ndjson").replace("\"revision\":3", "\"revision\":2");
    fs::write(newer.path().join("characters.ndjson"), characters).unwrap();
    let storage = MemoryStorage::new();
    let refused = refusals(&imported(&storage, newer.path()).await);
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert!(refused[0].ends_with("state.meta.revision: is 3, above 2, that of its character"), "{refused:#?}");
    rename(&storage, "After").await;
}
