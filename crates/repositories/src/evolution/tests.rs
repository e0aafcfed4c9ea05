//! The history over the memory storage; what a storage may do to it, over a mock of the port.

mod graph;
mod journal;
mod replay;
mod restored;
mod storage;
mod theme;

use super::{restore::RESTORED, *};
use crate::{
    CharacterRepository, Condition, InventoryRepository, NewCharacter, NewItem, RepositoryError,
    testing::{done, key, other_request, over_memory, plain},
};
use character_domain::{Document, InventoryItem, InventoryItemId, Refusal, Revision, UserId, now, version};
use character_storage_port::{
    CHARACTER_UPDATED, Change, Commit as _, Entity, Expect, MemoryStorage, Page, StorageExt, Transaction,
};
use character_storage_testkit::sample::logged_events;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

struct World {
    evolution: EvolutionRepository,
    characters: CharacterRepository,
    inventory: InventoryRepository,
    storage: MemoryStorage,
    hero: CharacterId,
}

async fn world() -> World {
    let storage = MemoryStorage::new();
    let context = over_memory(&storage);
    let characters = CharacterRepository::new(context.clone());
    let hero = characters.create(NewCharacter::new(UserId::new(), "Torormir"), &plain()).await.unwrap().id;
    World {
        evolution: EvolutionRepository::new(context.clone()),
        inventory: InventoryRepository::new(context),
        characters,
        storage,
        hero,
    }
}

fn document(value: &Value) -> Document {
    Document::from(value.as_object().cloned().unwrap())
}

fn is_missing<T>(outcome: &Result<T>, what: EntityKind) -> bool {
    matches!(outcome, Err(RepositoryError::NotFound(kind)) if *kind == what)
}

fn faults<T: std::fmt::Debug>(outcome: Result<T>) -> Vec<String> {
    match outcome {
        Err(RepositoryError::Invalid(violations)) => violations.into_iter().map(|fault| fault.field).collect(),
        other => panic!("{other:?}"),
    }
}

impl World {
    /// A character with this parent, as a change of theme or an import stores it.
    async fn child_of(&self, parent: CharacterId, user: UserId) -> CharacterId {
        let child = Character { parent_id: Some(parent), ..Character::new(user, "Child", now()) };
        self.storage.create_character(child).await.unwrap().id
    }

    async fn renamed(&self, name: &str) -> Character {
        let change = |it: &Character| Ok(Character { name: name.to_owned(), ..it.clone() });
        self.characters.patch(self.hero, &plain(), change).await.unwrap()
    }

    async fn versions(&self, of: CharacterId) -> Vec<CharacterVersion> {
        self.evolution
            .versions(of, Deleted::Exclude, PageRequest::default(), &plain())
            .await
            .unwrap()
            .value
            .items
            .into_vec()
    }

    /// The versions of the hero, oldest first.
    async fn history(&self) -> Vec<CharacterVersion> {
        let mut versions = self.versions(self.hero).await;
        versions.reverse();
        versions
    }

    async fn all<E: Entity>(&self) -> Vec<E>
    where
        MemoryStorage: Store<E>,
    {
        Store::<E>::list(&self.storage, &E::Query::default(), PageRequest::first(Limit::MAX))
            .await
            .unwrap()
            .value
            .items
            .into_vec()
    }

    async fn events(&self) -> Vec<(String, CharacterId, Value)> {
        let events = logged_events(&self.storage).await;
        events.into_iter().map(|event| (event.event_type.into_owned(), event.subject, event.data)).collect()
    }
}

#[tokio::test]
async fn every_change_is_a_version_that_names_the_one_before() {
    let world = world().await;
    let terms = RequestContext { author: Some("gm".to_owned()), ..plain() };
    world.characters.patch(world.hero, &terms, |it| Ok(Character { name: "Grey".into(), ..it.clone() })).await.unwrap();
    world.characters.delete(world.hero, &plain()).await.unwrap();
    world.characters.restore(world.hero, &plain()).await.unwrap();
    let history = world.history().await;
    let reasons: Vec<_> = history.iter().map(|version| version.reason.as_str()).collect();
    assert_eq!(reasons, ["character.created", "character.updated", "character.deleted", "character.restored"]);
    assert_eq!((history[1].author.as_deref(), history[1].changes.len()), (Some("gm"), 1));
    for pair in history.windows(2) {
        assert_eq!(pair[1].parent_id, Some(pair[0].id));
        assert!(pair[1].meta.created_at > pair[0].meta.created_at);
    }
    let second = world.evolution.version(world.hero, history[1].id, Deleted::Exclude, &plain()).await.unwrap().value;
    assert_eq!((second.state.name.as_str(), second.state.meta.revision), ("Grey", Revision(2)));
}

#[tokio::test]
async fn a_version_shows_its_changes_wherever_the_page_begins_and_stores_none_of_them() {
    let world = world().await;
    for name in ["b", "c", "d"] {
        world.renamed(name).await;
    }
    let history = world.history().await;
    let named = |name: &str| vec![json!({ "op": "replace", "path": "/name", "value": name })];
    let shown: Vec<_> = history.iter().map(|version| version.changes.clone()).collect();
    assert_eq!(shown, [vec![], named("b"), named("c"), named("d")]);
    for version in &history {
        let alone = world.evolution.version(world.hero, version.id, Deleted::Exclude, &plain()).await.unwrap().value;
        assert_eq!(alone, *version);
        let label = Some("kept".to_owned());
        let labelled = world.evolution.label(world.hero, version.id, label, &plain()).await.unwrap();
        assert_eq!(labelled.changes, version.changes);
    }
    let mut page = PageRequest::first(Limit::new(1).unwrap());
    for version in history.iter().rev() {
        let part = world.evolution.versions(world.hero, Deleted::Exclude, page.clone(), &plain()).await.unwrap().value;
        assert_eq!(part.items[0].changes, version.changes);
        page = part.next.map_or(page.clone(), |next| page.after(next));
    }
    let stored: Vec<CharacterVersion> = world.all().await;
    assert!(stored.iter().all(|version| version.changes.is_empty()), "they are computed when they are read");
}

#[tokio::test]
async fn where_the_previous_version_is_not_stored_an_earlier_one_tells_the_changes() {
    let world = world().await;
    world.renamed("b").await;
    let last = world.history().await.remove(1);
    let state = |name: &str, revision: u64| {
        let mut state = Character { name: name.into(), ..last.state.clone() };
        state.meta.revision = Revision(revision);
        state
    };
    // As after a thinning: the versions of the revisions 3 to 8 are gone.
    let version =
        CharacterVersion::of(Some(&state("c", 8)), state("d", 9), "character.updated", last.meta.created_at.next());
    world.storage.create(version.clone()).await.unwrap();
    let shown = world.evolution.version(world.hero, version.id, Deleted::Exclude, &plain()).await.unwrap().value;
    assert_eq!(shown.changes, [json!({ "op": "replace", "path": "/name", "value": "d" })]);
    // Without any earlier version there is nothing to compare with.
    let other = Character { id: CharacterId::new(), ..state("e", 9) };
    world.storage.create_character(other.clone()).await.unwrap();
    let before = Character { name: "f".into(), ..other.clone() };
    let alone = CharacterVersion::of(Some(&before), other.clone(), "character.updated", last.meta.created_at);
    world.storage.create(alone.clone()).await.unwrap();
    let shown = world.evolution.version(other.id, alone.id, Deleted::Exclude, &plain()).await.unwrap().value;
    assert!(shown.changes.is_empty());
}

#[tokio::test]
async fn versions_come_in_pages_newest_first() {
    let world = world().await;
    for name in ["b", "c", "d", "e"] {
        world.renamed(name).await;
    }
    let (mut seen, mut page) = (Vec::new(), PageRequest::first(Limit::new(2).unwrap()));
    loop {
        let part = world.evolution.versions(world.hero, Deleted::Exclude, page.clone(), &plain()).await.unwrap().value;
        seen.extend(part.items.into_iter().map(|version| version.state.name));
        let Some(cursor) = part.next else { break };
        page = page.after(cursor);
    }
    assert_eq!(seen, ["e", "d", "c", "b", "Torormir"]);
}

#[tokio::test]
async fn a_version_of_another_character_is_not_found_by_anyone() {
    let world = world().await;
    let other = world.characters.create(NewCharacter::new(UserId::new(), "Other"), &plain()).await.unwrap().id;
    let (foreign, own) = (world.versions(other).await.remove(0).id, world.versions(world.hero).await.remove(0).id);
    let evolution = &world.evolution;
    for outcome in [
        evolution.version(world.hero, foreign, Deleted::Exclude, &plain()).await.map(drop),
        evolution.compare(world.hero, own, foreign, Deleted::Exclude, &plain()).await.map(drop),
        evolution.compare(world.hero, foreign, own, Deleted::Exclude, &plain()).await.map(drop),
        evolution.compare(world.hero, foreign, foreign, Deleted::Exclude, &plain()).await.map(drop),
        evolution.compare(world.hero, own, CharacterVersionId::new(), Deleted::Exclude, &plain()).await.map(drop),
        evolution.restore(world.hero, foreign, &plain()).await.map(drop),
        evolution.label(world.hero, foreign, Some("mine".to_owned()), &plain()).await.map(drop),
    ] {
        assert!(is_missing(&outcome, EntityKind::CharacterVersion), "{outcome:?}");
    }
    assert_eq!(world.versions(other).await.len(), 1);
}

#[tokio::test]
async fn nothing_is_told_of_a_character_that_is_not_there() {
    let world = world().await;
    let version = world.versions(world.hero).await.remove(0).id;
    world.characters.delete(world.hero, &plain()).await.unwrap();
    let evolution = &world.evolution;
    for of in [world.hero, CharacterId::new()] {
        for outcome in [
            evolution.versions(of, Deleted::Exclude, PageRequest::default(), &plain()).await.map(drop),
            evolution.version(of, version, Deleted::Exclude, &plain()).await.map(drop),
            evolution.compare(of, version, version, Deleted::Exclude, &plain()).await.map(drop),
            evolution
                .tree(of, Deleted::Exclude, Limit::default(), None, crate::Total::Omitted, &plain())
                .await
                .map(drop),
            evolution.graph(of, &plain()).await.map(drop),
            evolution.restore(of, version, &plain()).await.map(drop),
            evolution.label(of, version, None, &plain()).await.map(drop),
            evolution.change_theme(of, &theme::to("steampunk"), &plain()).await.map(drop),
        ] {
            assert!(is_missing(&outcome, EntityKind::Character), "{outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_comparison_makes_the_one_sheet_the_other_both_ways() {
    let world = world().await;
    let sheet = |data: Value| {
        move |it: &Character| Ok(Character { data: document(&data), name: "Grey".to_owned(), ..it.clone() })
    };
    world.characters.patch(world.hero, &plain(), sheet(json!({ "a": [1, 2], "b": { "c": 1 } }))).await.unwrap();
    world.characters.patch(world.hero, &plain(), sheet(json!({ "a": [1], "d": null }))).await.unwrap();
    let history = world.history().await;
    for (from, to) in [(0, 2), (2, 0), (1, 2), (1, 1)] {
        let compared = world
            .evolution
            .compare(world.hero, history[from].id, history[to].id, Deleted::Exclude, &plain())
            .await
            .unwrap();
        let mut sheet = Value::Object(version::sheet(&history[from].state));
        let patch: json_patch::Patch = serde_json::from_value(compared.changes.into()).unwrap();
        json_patch::patch(&mut sheet, &patch).unwrap();
        assert_eq!(sheet, Value::Object(version::sheet(&history[to].state)));
    }
}

#[tokio::test]
async fn restoring_puts_a_version_on_top_and_erases_nothing() {
    let world = world().await;
    let terms = RequestContext { author: Some("gm".to_owned()), ..plain() };
    let theme = |it: &Character| {
        Ok(Character { theme: "noir".to_owned(), is_active: false, data: document(&json!({ "x": 1 })), ..it.clone() })
    };
    let noir = world.characters.patch(world.hero, &plain(), theme).await.unwrap();
    world.characters.delete(world.hero, &plain()).await.unwrap();
    world.characters.restore(world.hero, &plain()).await.unwrap();
    let before = world.history().await;

    let first = world.evolution.restore(world.hero, before[0].id, &terms).await.unwrap().character;
    assert_eq!((first.theme.as_str(), first.is_active, first.meta.revision), ("traditional", true, Revision(5)));
    assert_eq!(first, world.characters.get(world.hero, &plain()).await.unwrap().value, "the answer is what is stored");
    let history = world.history().await;
    assert_eq!(history[..4], before[..]);
    let top = &history[4];
    assert_eq!((top.restored_from, top.parent_id), (Some(before[0].id), Some(before[3].id)));
    assert_eq!((top.reason.as_str(), top.author.as_deref()), (RESTORED, Some("gm")));
    let (kind, subject, data) = world.events().await.pop().unwrap();
    assert_eq!((kind.as_str(), subject), (CHARACTER_UPDATED, world.hero));
    assert_eq!(data["restored_from"], json!(before[0].id));

    let again = world.evolution.restore(world.hero, before[1].id, &plain()).await.unwrap().character;
    assert_eq!((again.data, again.theme), (noir.data, noir.theme));
    let while_deleted = world.evolution.restore(world.hero, before[2].id, &plain()).await.unwrap().character;
    assert!(!while_deleted.meta.is_deleted(), "a deletion is no state to go back to");
}

#[tokio::test]
async fn restoring_is_judged_by_the_revision_of_the_character_and_done_once_under_a_key() {
    let world = world().await;
    let first = world.versions(world.hero).await.remove(0).id;
    world.renamed("Grey").await;
    let wrong = world.evolution.restore(world.hero, first, &Condition::revision(Revision(1)).into()).await;
    assert!(matches!(wrong, Err(RepositoryError::PreconditionFailed { actual: Revision(2), .. })), "{wrong:?}");
    let terms = RequestContext { condition: Condition::revision(Revision(2)), ..key("back") };
    let back = world.evolution.restore(world.hero, first, &terms).await.unwrap();
    world.renamed("White").await;
    assert_eq!(world.evolution.restore(world.hero, first, &terms).await.unwrap(), back);
    let second = world.versions(world.hero).await[1].id;
    let other = world.evolution.restore(world.hero, second, &other_request("back")).await;
    assert!(matches!(other, Err(RepositoryError::IdempotencyMismatch)), "{other:?}");
    assert_eq!(world.versions(world.hero).await.len(), 4);
}

#[tokio::test]
async fn a_label_is_all_that_changes_of_a_version() {
    let world = world().await;
    let before = world.versions(world.hero).await.remove(0);
    let label = |text: &str| Some(text.to_owned());
    let evolution = &world.evolution;
    let labelled = evolution.label(world.hero, before.id, label("The beginning"), &plain()).await.unwrap();
    assert_eq!(labelled.label.as_deref(), Some("The beginning"));
    assert_eq!(CharacterVersion { label: None, meta: before.meta, ..labelled.clone() }, before);
    assert_eq!(evolution.version(world.hero, before.id, Deleted::Exclude, &plain()).await.unwrap().value, labelled);
    let same = evolution.label(world.hero, before.id, label("The beginning"), &plain()).await.unwrap();
    assert_eq!(same.meta.revision, Revision(2), "nothing is written when nothing changes");
    assert_eq!(faults(evolution.label(world.hero, before.id, label(" "), &plain()).await), ["label"]);
    let wrong = evolution.label(world.hero, before.id, None, &Condition::revision(Revision(1)).into()).await;
    assert!(matches!(wrong, Err(RepositoryError::PreconditionFailed { .. })), "{wrong:?}");
    assert_eq!(evolution.label(world.hero, before.id, None, &plain()).await.unwrap().label, None);
    assert_eq!(world.versions(world.hero).await.len(), 1, "a label makes no version");
}

#[tokio::test]
async fn the_sheet_is_told_as_it_was_at_any_time() {
    let world = world().await;
    world.renamed("Grey").await;
    world.characters.delete(world.hero, &plain()).await.unwrap();
    world.characters.restore(world.hero, &plain()).await.unwrap();
    let history = world.history().await;
    let instant = Duration::from_micros(1);
    let at = async |time: Timestamp| world.evolution.at(world.hero, time, &plain()).await.map(|read| read.value);
    let born = history[0].meta.created_at;
    assert!(is_missing(&at(born.saturating_sub(instant)).await, EntityKind::Character));
    assert_eq!(at(born).await.unwrap(), history[0].state);
    let renamed = history[1].meta.created_at;
    assert_eq!(at(renamed.saturating_sub(instant)).await.unwrap().name, "Torormir");
    assert_eq!(at(renamed).await.unwrap(), history[1].state);
    let (deleted, restored) = (history[2].meta.created_at, history[3].meta.created_at);
    assert!(is_missing(&at(deleted).await, EntityKind::Character));
    assert!(is_missing(&at(restored.saturating_sub(instant)).await, EntityKind::Character));
    assert_eq!(at(Timestamp::MAX).await.unwrap(), history[3].state);
    world.characters.delete(world.hero, &plain()).await.unwrap();
    assert_eq!(at(renamed).await.unwrap().name, "Grey", "what is deleted now was there then");
    assert!(is_missing(&world.evolution.at(CharacterId::new(), now(), &plain()).await, EntityKind::Character));
}

#[tokio::test]
async fn an_imported_row_was_as_it_is_until_its_first_change() {
    let world = world().await;
    let row = world.storage.create_character(Character::new(UserId::new(), "Imported", now())).await.unwrap();
    assert_eq!(world.evolution.at(row.id, row.meta.created_at, &plain()).await.unwrap().value, row);
    let before = row.meta.created_at.saturating_sub(Duration::from_secs(1));
    assert!(is_missing(&world.evolution.at(row.id, before, &plain()).await, EntityKind::Character));
    let changed = world.storage.update_character(row.clone(), Expect::Any).await.unwrap();
    let between = changed.meta.updated_at.saturating_sub(Duration::from_micros(1));
    assert!(
        is_missing(&world.evolution.at(row.id, between, &plain()).await, EntityKind::Character),
        "nobody knows any more"
    );
}

#[tokio::test]
async fn a_state_among_removed_versions_is_not_known() {
    let world = world().await;
    for name in ["Grey", "White", "Black"] {
        world.renamed(name).await;
    }
    let history = world.history().await;
    // The same history without its second version, as a storage that thins versions has it.
    let (storage, mut transaction) = (MemoryStorage::new(), Transaction::new());
    let row = world.storage.get_character(world.hero).await.unwrap().value;
    transaction = transaction.with(Change::Import(row.clone()));
    for version in [&history[0], &history[2], &history[3]] {
        transaction = transaction.with(Change::Create(version.clone()));
    }
    storage.commit(transaction).await.unwrap();
    let evolution = EvolutionRepository::new(over_memory(&storage));
    let at = async |time: Timestamp| evolution.at(world.hero, time, &plain()).await.map(|read| read.value);
    for time in [history[0].meta.created_at, history[1].meta.created_at] {
        match at(time).await {
            Err(RepositoryError::StateNotKept { version, at }) => {
                assert_eq!((version, at), (history[0].id, history[0].meta.created_at));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(at(history[2].meta.created_at).await.unwrap(), history[2].state);
    assert_eq!(at(now()).await.unwrap(), row);
}

#[tokio::test]
async fn versions_of_one_character_never_share_a_time_even_when_the_clock_stands() {
    fn stopped() -> Timestamp {
        Timestamp::from_microsecond(1_700_000_000_000_000).unwrap()
    }
    let storage: Arc<MemoryStorage> = Arc::new(MemoryStorage::new());
    let context = StorageContext::new(storage).with_clock(stopped);
    let (characters, evolution) = (CharacterRepository::new(context.clone()), EvolutionRepository::new(context));
    let hero = characters.create(NewCharacter::new(UserId::new(), "a"), &plain()).await.unwrap().id;
    for name in ["b", "c"] {
        let change = |it: &Character| Ok(Character { name: name.to_owned(), ..it.clone() });
        characters.patch(hero, &plain(), change).await.unwrap();
    }
    let microsecond = |count| stopped().saturating_add(Duration::from_micros(count));
    for (count, name) in [(0, "a"), (1, "b"), (2, "c")] {
        assert_eq!(evolution.at(hero, microsecond(count), &plain()).await.unwrap().value.name, name);
    }
}
