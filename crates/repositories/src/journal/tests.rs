//! The journal over the memory storage; what a storage may do to it, over a mock of the port.

use super::*;
use crate::{
    Atomicity, Condition,
    testing::{all, key, other_request, over_memory, plain},
};
use character_domain::{
    Character, CharacterVersion, ExperienceEntry, NpcRelationship, Quest, QuestStatus, Revision, UserId, Violations,
};
use character_storage_port::{
    CHARACTER_JOURNAL_UPDATED, COMMIT, CharacterVersionQuery, Entity, EntityKind, ErrorKind, MemoryStorage,
    NpcRelationshipQuery, PageRequest, QuestQuery, Source, StaleReason, StorageError, StorageExt, TagFilter, Tier,
};
use character_storage_testkit::{MockStorage, sample::logged_events};
use serde_json::json;
use std::{sync::Arc, time::Duration};

struct World {
    journal: JournalRepository,
    storage: MemoryStorage,
    hero: CharacterId,
}

async fn world() -> World {
    let storage = MemoryStorage::new();
    let hero = born(&storage).await;
    World { journal: JournalRepository::new(over_memory(&storage)), storage, hero }
}

async fn born(storage: &MemoryStorage) -> CharacterId {
    let hero = Character::new(UserId::new(), "Torormir", character_domain::now());
    storage.create_character(hero).await.unwrap().id
}

impl World {
    async fn wrote(&self, title: &str) -> JournalEntryId {
        self.journal.create(self.hero, NewJournalEntry::new(title), &plain()).await.unwrap().id
    }

    async fn has_quest(&self, entry: JournalEntryId, title: &str) -> Quest {
        self.journal.create_under::<Quest>(self.hero, entry, NewQuest::new(title), &plain()).await.unwrap()
    }

    async fn entries(&self, query: JournalEntryQuery) -> Vec<String> {
        let page = self.journal.list(self.hero, query, PageRequest::default(), &plain()).await.unwrap().value;
        page.items.into_iter().map(|entry| entry.title).collect()
    }

    async fn quests(&self, query: QuestQuery) -> Vec<String> {
        let page =
            self.journal.list_across::<Quest>(self.hero, query, PageRequest::default(), &plain()).await.unwrap().value;
        page.items.into_iter().map(|quest| quest.title).collect()
    }
}

fn is_not_found<T>(outcome: &Result<T>, kind: EntityKind) -> bool {
    matches!(outcome, Err(RepositoryError::NotFound(found)) if *found == kind)
}

#[tokio::test]
async fn every_change_tells_of_itself_in_its_own_transaction_and_makes_no_version() {
    let world = world().await;
    let (journal, hero) = (&world.journal, world.hero);
    let entry = world.wrote("Session 1").await;
    let renamed = |entry: &JournalEntry| Ok(JournalEntry { title: "Session one".to_owned(), ..entry.clone() });
    let patched = journal.patch(hero, entry, &plain(), renamed).await.unwrap();
    assert_eq!(patched, journal.get(hero, entry, &plain()).await.unwrap().value, "the answer is what is stored");
    let quest = world.has_quest(entry, "Find the heir").await;
    journal.delete_under::<Quest>(hero, entry, quest.id, &plain()).await.unwrap();
    journal.delete(hero, entry, &plain()).await.unwrap();
    journal.restore(hero, entry, &plain()).await.unwrap();
    let events = logged_events(&world.storage).await;
    let told: Vec<_> = events.iter().skip(1).collect();
    assert!(told.iter().all(|event| event.event_type == CHARACTER_JOURNAL_UPDATED && event.subject == hero));
    let changes: Vec<_> = told.iter().map(|event| (&event.data["kind"], &event.data["change"])).collect();
    assert_eq!(
        json!(changes),
        json!([
            ["journal_entry", "create"],
            ["journal_entry", "replace"],
            ["quest", "create"],
            ["quest", "delete"],
            ["journal_entry", "delete"],
            ["journal_entry", "restore"],
        ])
    );
    let versions = CharacterVersionQuery { character_id: Some(hero), ..CharacterVersionQuery::default() };
    let versions = Store::<CharacterVersion>::list(&world.storage, &versions, PageRequest::default()).await.unwrap();
    assert_eq!(versions.value.items, []);
    assert_eq!(world.storage.get_character(hero).await.unwrap().value.meta.revision, Revision::FIRST);
}

#[tokio::test]
async fn nothing_is_written_when_nothing_changes() {
    let world = world().await;
    let entry = world.wrote("Session 1").await;
    let same = world.journal.patch(world.hero, entry, &plain(), |entry| Ok(entry.clone())).await.unwrap();
    assert_eq!(same.meta.revision, Revision::FIRST);
    let live = world.journal.restore(world.hero, entry, &plain()).await.unwrap();
    assert_eq!(live, same, "one that is live is answered as it is");
}

#[tokio::test]
async fn a_change_keeps_what_no_writer_may_change() {
    let world = world().await;
    let (entry, other) = (world.wrote("One").await, world.wrote("Two").await);
    let quest = world.has_quest(entry, "Find the heir").await;
    let moved = |_: &Quest| Ok(Quest::new(CharacterId::new(), other, "Moved", character_domain::now()));
    let kept = world.journal.patch_under(world.hero, entry, quest.id, &plain(), moved).await.unwrap();
    assert_eq!((kept.id, kept.character_id, kept.journal_entry_id), (quest.id, world.hero, entry));
    assert_eq!((kept.title.as_str(), kept.meta.created_at, kept.meta.revision.0), ("Moved", quest.meta.created_at, 2));
    let moved = |_: &JournalEntry| Ok(JournalEntry::new(CharacterId::new(), "Moved", character_domain::now()));
    let kept = world.journal.patch(world.hero, entry, &plain(), moved).await.unwrap();
    // The quest has moved its revision once.
    assert_eq!((kept.id, kept.character_id, kept.meta.revision.0), (entry, world.hero, 3));
}

#[tokio::test]
async fn lists_hold_what_they_are_asked_for() {
    let world = world().await;
    for (title, entry_type, session_number, tags) in [
        ("A", "session", Some(1), &["travel", "npc"][..]),
        ("B", "session", Some(2), &["travel"]),
        ("C", "note", None, &["npc"]),
    ] {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let new =
            NewJournalEntry { entry_type: entry_type.to_owned(), session_number, tags, ..NewJournalEntry::new(title) };
        world.journal.create(world.hero, new, &plain()).await.unwrap();
    }
    let all = JournalEntryQuery::default;
    assert_eq!(world.entries(all()).await, ["C", "B", "A"]);
    assert_eq!(world.entries(JournalEntryQuery { entry_type: Some("session".into()), ..all() }).await, ["B", "A"]);
    assert_eq!(world.entries(JournalEntryQuery { session_number: Some(2), ..all() }).await, ["B"]);
    let tags = |tags: &str| JournalEntryQuery { tags: TagFilter::from(tags.to_owned()), ..all() };
    assert_eq!(world.entries(tags("npc")).await, ["C", "A"]);
    assert_eq!(world.entries(tags("npc,travel")).await, ["A"], "all of them");
    let foreign = JournalEntryQuery { character_id: Some(CharacterId::new()), ..all() };
    assert_eq!(world.entries(foreign).await.len(), 3, "a journal is that of its character, whatever is asked for");
}

#[tokio::test]
async fn quests_are_listed_under_their_entry_and_across_the_journal_even_when_their_entry_is_gone() {
    let world = world().await;
    let (one, two) = (world.wrote("One").await, world.wrote("Two").await);
    world.has_quest(one, "A").await;
    let done = NewQuest { status: QuestStatus::Completed, ..NewQuest::new("B") };
    world.journal.create_under::<Quest>(world.hero, two, done, &plain()).await.unwrap();
    let under = world
        .journal
        .list_under::<Quest>(world.hero, one, QuestQuery::default(), PageRequest::default(), &plain())
        .await
        .unwrap();
    assert_eq!(under.value.items.iter().map(|quest| quest.title.as_str()).collect::<Vec<_>>(), ["A"]);
    assert_eq!(world.quests(QuestQuery::default()).await, ["B", "A"]);
    let completed = QuestQuery { status: Some(QuestStatus::Completed), ..QuestQuery::default() };
    assert_eq!(world.quests(completed).await, ["B"]);
    world.journal.delete(world.hero, one, &plain()).await.unwrap();
    assert_eq!(world.quests(QuestQuery::default()).await, ["B", "A"]);
    let stranger = born(&world.storage).await;
    let theirs =
        world.journal.list_across::<Quest>(stranger, QuestQuery::default(), PageRequest::default(), &plain()).await;
    assert_eq!(theirs.unwrap().value.items, []);
}

#[tokio::test]
async fn what_another_entry_another_character_or_a_deleted_entry_tells_of_is_not_found() {
    let world = world().await;
    let (journal, hero) = (&world.journal, world.hero);
    let (entry, other, gone) = (world.wrote("One").await, world.wrote("Two").await, world.wrote("Gone").await);
    let (ada, bob) = (NewNpcRelationship::new("Ada"), NewNpcRelationship::new("Bob"));
    let met = journal.create_under::<NpcRelationship>(hero, entry, ada, &plain()).await.unwrap();
    let lost = journal.create_under::<NpcRelationship>(hero, gone, bob, &plain()).await.unwrap();
    journal.delete(hero, gone, &plain()).await.unwrap();
    let stranger = born(&world.storage).await;
    let unchanged = |row: &NpcRelationship| Ok(NpcRelationship { standing: 100, ..row.clone() });
    for (of, entry, id, kind) in [
        (hero, other, met.id, EntityKind::NpcRelationship),
        (hero, gone, lost.id, EntityKind::JournalEntry),
        (stranger, entry, met.id, EntityKind::JournalEntry),
        (CharacterId::new(), entry, met.id, EntityKind::Character),
    ] {
        let looked = journal.get_under::<NpcRelationship>(of, entry, id, &plain()).await;
        assert!(is_not_found(&looked, kind), "{looked:?}");
        let patched = journal.patch_under(of, entry, id, &plain(), unchanged).await;
        assert!(is_not_found(&patched, kind), "{patched:?}");
        let deleted = journal.delete_under::<NpcRelationship>(of, entry, id, &plain()).await;
        assert!(is_not_found(&deleted, kind), "{deleted:?}");
        if kind != EntityKind::NpcRelationship {
            let query = NpcRelationshipQuery::default();
            let listed =
                journal.list_under::<NpcRelationship>(of, entry, query, PageRequest::default(), &plain()).await;
            assert!(is_not_found(&listed, kind), "{listed:?}");
            let made = journal.create_under::<Quest>(of, entry, NewQuest::new("x"), &plain()).await;
            assert!(is_not_found(&made, kind), "{made:?}");
        }
    }
    assert_eq!(journal.get_under::<NpcRelationship>(hero, entry, met.id, &plain()).await.unwrap().value, met);
    journal.restore(hero, gone, &plain()).await.unwrap();
    assert_eq!(journal.get_under::<NpcRelationship>(hero, gone, lost.id, &plain()).await.unwrap().value, lost);
}

#[tokio::test]
async fn an_entry_of_nobody_or_of_somebody_else_is_not_found() {
    let world = world().await;
    let entry = world.wrote("One").await;
    let stranger = born(&world.storage).await;
    for (of, kind) in [(stranger, EntityKind::JournalEntry), (CharacterId::new(), EntityKind::Character)] {
        let journal = &world.journal;
        for outcome in [
            journal.get(of, entry, &plain()).await.map(drop),
            journal.patch(of, entry, &plain(), |entry| Ok(entry.clone())).await.map(drop),
            journal.delete(of, entry, &plain()).await,
            journal.restore(of, entry, &plain()).await.map(drop),
        ] {
            assert!(is_not_found(&outcome, kind), "{outcome:?}");
        }
    }
    let nobody = CharacterId::new();
    let listed = world.journal.list(nobody, JournalEntryQuery::default(), PageRequest::default(), &plain()).await;
    assert!(is_not_found(&listed, EntityKind::Character));
    let listed =
        world.journal.list_across::<Quest>(nobody, QuestQuery::default(), PageRequest::default(), &plain()).await;
    assert!(is_not_found(&listed, EntityKind::Character));
    let made = world.journal.create(nobody, NewJournalEntry::new("x"), &plain()).await;
    assert!(is_not_found(&made, EntityKind::Character));
    for outcome in [
        all(world
            .journal
            .create_many(nobody, vec![Ok(NewJournalEntry::new("x"))], Atomicity::AllOrNone, &plain())
            .await)
        .map(drop),
        world
            .journal
            .create_many(nobody, vec![Ok(NewJournalEntry::new("x"))], Atomicity::EachOnItsOwn, &plain())
            .await
            .map(drop),
    ] {
        assert!(is_not_found(&outcome, EntityKind::Character));
    }
}

#[tokio::test]
async fn a_row_at_another_revision_than_demanded_stays_as_it_is() {
    let world = world().await;
    let (journal, hero) = (&world.journal, world.hero);
    let entry = world.wrote("One").await;
    let quest = world.has_quest(entry, "A").await.id;
    let old = RequestContext::from(Condition::revision(Revision(7)));
    for (outcome, current) in [
        (journal.patch(hero, entry, &old, |entry| Ok(entry.clone())).await.map(drop), 2),
        (journal.delete(hero, entry, &old).await, 2),
        (journal.restore(hero, entry, &old).await.map(drop), 2),
        (journal.patch_under::<Quest>(hero, entry, quest, &old, |quest| Ok(quest.clone())).await.map(drop), 1),
        (journal.delete_under::<Quest>(hero, entry, quest, &old).await, 1),
    ] {
        let Err(RepositoryError::PreconditionFailed { expected, actual, .. }) = outcome else { panic!("{outcome:?}") };
        assert_eq!((expected, actual), (vec![Revision(7)], Revision(current)));
    }
}

#[tokio::test]
async fn every_broken_field_is_named() {
    let world = world().await;
    let entry = world.wrote("One").await;
    let new = NewJournalEntry { tags: vec!["a,b".to_owned()], session_number: Some(-1), ..NewJournalEntry::new(" ") };
    let faults = |outcome: Result<()>| -> Vec<String> {
        let Err(RepositoryError::Invalid(violations)) = outcome else { panic!("{outcome:?}") };
        violations.into_iter().map(|violation| violation.field).collect()
    };
    let outcome = world.journal.create(world.hero, new, &plain()).await;
    assert_eq!(faults(outcome.map(drop)), ["title", "tags[0]", "session_number"]);
    let new = NewExperienceEntry { source: String::new(), ..NewExperienceEntry::new(-1) };
    let outcome = world.journal.create_under::<ExperienceEntry>(world.hero, entry, new, &plain()).await;
    assert_eq!(faults(outcome.map(drop)), ["amount", "source"]);
    let new = NewNpcRelationship { standing: 101, ..NewNpcRelationship::new("") };
    let outcome = world.journal.create_under::<NpcRelationship>(world.hero, entry, new, &plain()).await;
    assert_eq!(faults(outcome.map(drop)), ["npc_name", "standing"]);
    let quest = world.has_quest(entry, "A").await;
    let nameless = |quest: &Quest| Ok(Quest { title: String::new(), ..quest.clone() });
    let outcome = world.journal.patch_under(world.hero, entry, quest.id, &plain(), nameless).await;
    assert_eq!(faults(outcome.map(drop)), ["title"]);
}

#[tokio::test]
async fn a_taken_id_is_refused_also_when_its_row_is_deleted() {
    let world = world().await;
    let entry = world.wrote("One").await;
    world.journal.delete(world.hero, entry, &plain()).await.unwrap();
    let new = NewJournalEntry { id: Some(entry), ..NewJournalEntry::new("Again") };
    let outcome = world.journal.create(world.hero, new, &plain()).await;
    assert!(
        matches!(outcome, Err(RepositoryError::AlreadyExists { kind: EntityKind::JournalEntry, .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_is_asked_for_again_under_its_key_is_answered_as_it_was_even_when_its_entry_is_gone() {
    let world = world().await;
    let (journal, hero) = (&world.journal, world.hero);
    let (first, quest_key, fresh) = (key("once"), key("quest"), key("another"));
    let entry = journal.create(hero, NewJournalEntry::new("One"), &first).await.unwrap();
    assert_eq!(journal.create(hero, NewJournalEntry::new("One"), &first).await.unwrap(), entry);
    let other = journal.create(hero, NewJournalEntry::new("Two"), &other_request("once")).await;
    assert!(matches!(other, Err(RepositoryError::IdempotencyMismatch)), "{other:?}");
    let quest = journal.create_under::<Quest>(hero, entry.id, NewQuest::new("A"), &quest_key).await.unwrap();
    journal.delete(hero, entry.id, &plain()).await.unwrap();
    let again = journal.create_under::<Quest>(hero, entry.id, NewQuest::new("A"), &quest_key).await.unwrap();
    assert_eq!(again, quest);
    let refused = journal.create_under::<Quest>(hero, entry.id, NewQuest::new("A"), &fresh).await;
    assert!(is_not_found(&refused, EntityKind::JournalEntry));
    assert_eq!(world.quests(QuestQuery::default()).await, ["A"], "it was made once");
}

#[tokio::test]
async fn many_entries_are_made_together_or_not_at_all_and_every_fault_names_its_place() {
    let world = world().await;
    let (taken, id) = (world.wrote("Taken").await, JournalEntryId::new());
    let with = |id: JournalEntryId| Ok(NewJournalEntry { id: Some(id), ..NewJournalEntry::new("Given") });
    let wrong = vec![
        Ok(NewJournalEntry::new("Sound")),
        Ok(NewJournalEntry::new(" ")),
        Err(Violations::one("title", "is required")),
        with(id),
        with(id),
        with(taken),
    ];
    let outcome = all(world.journal.create_many(world.hero, wrong.clone(), Atomicity::AllOrNone, &plain()).await);
    let Err(RepositoryError::Invalid(violations)) = outcome else { panic!("{outcome:?}") };
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["entries[1].title", "entries[2].title", "entries[4].id", "entries[5].id"]);
    assert_eq!(world.entries(JournalEntryQuery::default()).await, ["Taken"], "nothing was changed");

    let (two_key, key) = (key("two"), key("each"));
    let outcomes = world.journal.create_many(world.hero, wrong.clone(), Atomicity::EachOnItsOwn, &key).await.unwrap();
    let made: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(made, [true, false, false, true, false, false]);
    let again = world.journal.create_many(world.hero, wrong, Atomicity::EachOnItsOwn, &key).await.unwrap();
    let ids = |outcomes: &[Result<JournalEntry>]| -> Vec<_> {
        outcomes.iter().map(|outcome| outcome.as_ref().ok().map(|entry| entry.id)).collect()
    };
    assert_eq!(ids(&again), ids(&outcomes), "a repeat is answered as the first was");
    let two = vec![Ok(NewJournalEntry::new("A")), Ok(NewJournalEntry::new("B"))];
    let made = all(world.journal.create_many(world.hero, two.clone(), Atomicity::AllOrNone, &two_key).await).unwrap();
    assert_eq!(all(world.journal.create_many(world.hero, two, Atomicity::AllOrNone, &two_key).await).unwrap(), made);
    assert_eq!(world.entries(JournalEntryQuery::default()).await.len(), 5);
}

/// A mock that has this character and this entry, and the journal over it once its expectations are complete.
fn mocked(mock: MockStorage) -> JournalRepository {
    JournalRepository::new(StorageContext::new(Arc::new(mock)))
}

fn row<E: Entity>(mock: &mut MockStorage, row: &E) {
    let row = row.clone();
    mock.expect_find::<E>().returning(move |_, _| Ok(character_storage_port::Read::origin(Some(row.clone()))));
}

fn hero_and_entry(mock: &mut MockStorage) -> (CharacterId, JournalEntryId) {
    let hero = Character::new(UserId::new(), "Torormir", character_domain::now());
    let entry = JournalEntry::new(hero.id, "One", character_domain::now());
    row(mock, &hero);
    row(mock, &entry);
    (hero.id, entry.id)
}

#[tokio::test(start_paused = true)]
async fn a_change_that_loses_its_race_is_tried_again_on_what_the_winner_left() {
    let mut mock = MockStorage::new();
    let (hero, entry) = hero_and_entry(&mut mock);
    let mut answers = vec![
        StorageError::new(ErrorKind::Timeout, COMMIT),
        StorageError::new(ErrorKind::NotFound, COMMIT),
        StorageError::new(ErrorKind::Conflict { expected: Revision(1), actual: Revision(2) }, COMMIT),
    ];
    mock.expect_commit().times(3).returning(move |_| Err(answers.pop().unwrap()));
    let renamed = |entry: &JournalEntry| Ok(JournalEntry { title: "Other".to_owned(), ..entry.clone() });
    let outcome = mocked(mock).patch(hero, entry, &plain(), renamed).await;
    assert!(matches!(outcome, Err(RepositoryError::Storage(error)) if *error.kind() == ErrorKind::Timeout));
}

#[tokio::test(start_paused = true)]
async fn who_always_loses_gives_up() {
    let mut mock = MockStorage::new();
    let (hero, entry) = hero_and_entry(&mut mock);
    let conflict = ErrorKind::Conflict { expected: Revision(1), actual: Revision(2) };
    mock.expect_commit().returning(move |_| Err(StorageError::new(conflict.clone(), COMMIT)));
    let outcome = mocked(mock).delete(hero, entry, &plain()).await;
    assert!(matches!(outcome, Err(RepositoryError::Contended(_))), "{outcome:?}");
}

#[tokio::test]
async fn what_a_storage_refuses_is_passed_on_and_nothing_else_is_asked_of_it() {
    let mut mock = MockStorage::new();
    let (hero, entry) = hero_and_entry(&mut mock);
    let exists = || {
        let kind = character_storage_port::EntityKind::Quest;
        StorageError::new(ErrorKind::AlreadyExists, COMMIT).with_entity(kind, uuid::Uuid::nil())
    };
    mock.expect_commit().times(1).returning(move |_| Err(exists()));
    let outcome = mocked(mock).create_under::<Quest>(hero, entry, NewQuest::new("A"), &plain()).await;
    assert!(matches!(outcome, Err(RepositoryError::AlreadyExists { kind: EntityKind::Quest, .. })), "{outcome:?}");
}

#[tokio::test]
async fn nothing_is_decided_on_a_last_known_value() {
    let hero = Character::new(UserId::new(), "Torormir", character_domain::now());
    let of = hero.id;
    let mut mock = MockStorage::new();
    mock.expect_find::<Character>().returning(move |_, _| {
        let source = Source::Stale { tier: Tier::Local, age: Duration::from_secs(1), reason: StaleReason::Unavailable };
        Ok(Read { value: Some(hero.clone()), source })
    });
    let outcome = mocked(mock).create(of, NewJournalEntry::new("One"), &plain()).await;
    let Err(RepositoryError::Storage(error)) = outcome else { panic!("{outcome:?}") };
    assert!(error.certainly_not_applied(), "{error}");
}

#[tokio::test]
async fn a_storage_that_cannot_be_reached_refuses_every_act_as_unavailable() {
    let (of, entry) = (CharacterId::new(), JournalEntryId::new());
    let mut mock = MockStorage::new();
    mock.expect_find::<Character>().returning(|_, _| Err(StorageError::unavailable(Character::FIND)));
    let journal = mocked(mock);
    let quest = character_domain::QuestId::new();
    for outcome in [
        journal.get(of, entry, &plain()).await.map(drop),
        journal.list(of, JournalEntryQuery::default(), PageRequest::default(), &plain()).await.map(drop),
        journal.create(of, NewJournalEntry::new("x"), &plain()).await.map(drop),
        journal.patch(of, entry, &plain(), |entry| Ok(entry.clone())).await.map(drop),
        journal.delete(of, entry, &plain()).await,
        journal.restore(of, entry, &plain()).await.map(drop),
        all(journal.create_many(of, vec![Ok(NewJournalEntry::new("x"))], Atomicity::AllOrNone, &plain()).await)
            .map(drop),
        journal.create_many(of, vec![Ok(NewJournalEntry::new("x"))], Atomicity::EachOnItsOwn, &plain()).await.map(drop),
        journal.list_under::<Quest>(of, entry, QuestQuery::default(), PageRequest::default(), &plain()).await.map(drop),
        journal.list_across::<Quest>(of, QuestQuery::default(), PageRequest::default(), &plain()).await.map(drop),
        journal.get_under::<Quest>(of, entry, quest, &plain()).await.map(drop),
        journal.create_under::<Quest>(of, entry, NewQuest::new("x"), &plain()).await.map(drop),
        journal.patch_under::<Quest>(of, entry, quest, &plain(), |quest| Ok(quest.clone())).await.map(drop),
        journal.delete_under::<Quest>(of, entry, quest, &plain()).await,
    ] {
        let Err(RepositoryError::Storage(error)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(*error.kind(), ErrorKind::Unavailable { retry_after: None });
    }
}
