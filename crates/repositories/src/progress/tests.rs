//! Over the memory storage for what an act does, over a mock of the port for what is refused and what a storage may do.

use super::*;
use crate::{
    Condition, RepositoryError, RequestContext,
    testing::{done, key, other_request, over_memory, plain},
};
use character_domain::{
    Character, CharacterProgressId, CharacterVersion, Document, ExperienceEntry, JournalEntry, JournalEntryId,
    UNREADABLE, UserId, progress::MAX_EXPERIENCE,
};
use character_storage_port::{
    COMMIT, CharacterVersionQuery, EntityKind, ErrorKind, ExperienceEntryQuery, JournalEntryQuery, MemoryStorage, Page,
    StaleReason, StorageError, StorageExt, Tier,
};
use character_storage_testkit::{MockStorage, sample::logged_events};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

struct World {
    progress: ProgressRepository,
    storage: MemoryStorage,
    hero: CharacterId,
}

fn hero(sheet: Value) -> Character {
    let data = Document::from(sheet.as_object().cloned().unwrap());
    Character { data, ..Character::new(UserId::new(), "Torormir", character_domain::now()) }
}

async fn world(sheet: Value) -> World {
    let storage = MemoryStorage::new();
    let hero = storage.create_character(hero(sheet)).await.unwrap().id;
    let progress = ProgressRepository::new(over_memory(&storage));
    World { progress, storage, hero }
}

fn award(amount: i64) -> Award {
    Award {
        amount,
        source: "combat".to_owned(),
        reason: "Defeated a wyvern".to_owned(),
        journal_entry_id: None,
        session_id: None,
    }
}

fn rule<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    match outcome {
        Err(RepositoryError::Refused(refusal)) => refusal.rule.into_owned(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn faults<T: std::fmt::Debug>(outcome: Result<T>) -> Vec<String> {
    match outcome {
        Err(RepositoryError::Invalid(violations)) => violations.into_iter().map(|it| it.field).collect(),
        other => panic!("{other:?}"),
    }
}

impl World {
    async fn character(&self) -> Character {
        self.storage.get_character(self.hero).await.unwrap().value
    }

    async fn standing(&self) -> CharacterProgress {
        self.progress.get(self.hero, &plain()).await.unwrap().value.row
    }

    async fn versions(&self) -> Vec<CharacterVersion> {
        let query = CharacterVersionQuery { character_id: Some(self.hero), ..CharacterVersionQuery::default() };
        Store::<CharacterVersion>::list(&self.storage, &query, PageRequest::default())
            .await
            .unwrap()
            .value
            .items
            .into_vec()
    }

    async fn stored(&self) -> Vec<CharacterProgress> {
        self.storage.list(&of_character(self.hero), PageRequest::default()).await.unwrap().value.items.into_vec()
    }

    async fn experience_entries(&self) -> Vec<ExperienceEntry> {
        let query = ExperienceEntryQuery { character_id: Some(self.hero), ..ExperienceEntryQuery::default() };
        self.storage.list(&query, PageRequest::default()).await.unwrap().value.items.into_vec()
    }

    async fn journal(&self) -> Vec<JournalEntry> {
        let query = JournalEntryQuery { character_id: Some(self.hero), ..JournalEntryQuery::default() };
        self.storage.list(&query, PageRequest::default()).await.unwrap().value.items.into_vec()
    }

    async fn events(&self) -> Vec<(String, Value)> {
        let events = logged_events(&self.storage).await;
        events.into_iter().map(|event| (event.event_type.into_owned(), event.data)).collect()
    }
}

#[tokio::test]
async fn without_a_row_the_sheet_is_what_counts_and_looking_stores_nothing() {
    let world = world(json!({ "experience_points": 7_000, "level": 6 })).await;
    let seen = world.progress.get(world.hero, &plain()).await.unwrap().value;
    assert_eq!((seen.row.experience_points, seen.row.current_level, seen.row.meta.revision), (7_000, 6, Revision(0)));
    assert_eq!(seen.revision, Revision(1));
    assert_eq!(world.stored().await, []);
}

#[tokio::test]
async fn an_award_is_on_the_record_on_the_sheet_in_the_journal_and_in_the_log_together() {
    let world = world(json!({ "experience_points": 2_000, "level": 3, "species": "Dwarf" })).await;
    let awarded = world.progress.award(world.hero, &award(4_600), &plain()).await.unwrap();
    assert_eq!((awarded.experience_points, awarded.amount), (6_600, 4_600));
    assert_eq!((awarded.level_before, awarded.level_after), (3, 5));
    assert_eq!((awarded.proficiency_bonus_before, awarded.proficiency_bonus_after), (2, 3));
    assert_eq!((awarded.ability_score_improvements, awarded.next_level_at), (vec![4], Some(14_000)));
    assert_eq!(awarded.revision, Revision(2));

    let row = world.standing().await;
    assert_eq!(row.id, CharacterProgressId::of(world.hero));
    assert_eq!((row.experience_points, row.current_level, row.previous_level), (6_600, 5, 3));
    let sheet = Value::Object(world.character().await.data.0.into_map());
    let expected = json!({ "experience_points": 6_600, "level": 5, "proficiency_bonus": 3, "species": "Dwarf" });
    assert_eq!(sheet, expected);

    let (journal, entries) = (world.journal().await, world.experience_entries().await);
    assert_eq!(
        (journal.len(), journal[0].entry_type.as_str(), journal[0].id),
        (1, "experience", awarded.journal_entry_id)
    );
    assert_eq!((entries.len(), entries[0].amount, entries[0].id), (1, 4_600, awarded.experience_entry_id));
    assert_eq!(entries[0].journal_entry_id, journal[0].id);
    assert_eq!((entries[0].source.as_str(), entries[0].reason.as_str()), ("combat", "Defeated a wyvern"));

    let version = world.versions().await.remove(0);
    assert_eq!((version.reason.as_str(), version.related.len()), ("progress.experience_gained", 3));
    let events = world.events().await;
    assert_eq!(events.len(), 3, "the birth, the experience, the level");
    assert_eq!((events[1].0.as_str(), &events[1].1["amount"]), ("character.experience_gained", &json!(4_600)));
    assert_eq!((events[2].0.as_str(), &events[2].1["level"]), ("character.leveled_up", &json!(5)));
}

#[tokio::test]
async fn an_award_below_the_next_level_gains_none_and_tells_of_none() {
    let world = world(json!({})).await;
    let awarded = world.progress.award(world.hero, &award(299), &plain()).await.unwrap();
    assert_eq!((awarded.level_before, awarded.level_after, awarded.next_level_at), (1, 1, Some(300)));
    assert_eq!(world.events().await.len(), 2);
    let awarded = world.progress.award(world.hero, &award(1), &plain()).await.unwrap();
    assert_eq!((awarded.level_before, awarded.level_after), (1, 2));
    assert_eq!(world.standing().await.meta.revision, Revision(2), "the row that is there is changed");
}

#[tokio::test]
async fn progress_that_was_imported_under_another_id_is_found_and_changed() {
    let world = world(json!({ "experience_points": 100, "level": 1 })).await;
    let imported = CharacterProgress {
        id: CharacterProgressId::new(),
        ..CharacterProgress::new(world.hero, 100, 1, character_domain::now())
    };
    let imported = world.storage.create(imported).await.unwrap();
    world.progress.award(world.hero, &award(50), &plain()).await.unwrap();
    let all = world.stored().await;
    assert_eq!((all.len(), all[0].id, all[0].experience_points), (1, imported.id, 150));
}

#[tokio::test]
async fn experience_that_somebody_wrote_on_the_sheet_is_what_an_award_adds_to() {
    let world = world(json!({})).await;
    world.progress.award(world.hero, &award(1_000), &plain()).await.unwrap();
    let mut character = world.character().await;
    character.data = hero(json!({ "experience_points": 300, "level": 2 })).data;
    world.storage.update_character(character, character_storage_port::Expect::Any).await.unwrap();
    assert_eq!((world.standing().await.experience_points, world.standing().await.current_level), (300, 2));
    let awarded = world.progress.award(world.hero, &award(1), &plain()).await.unwrap();
    assert_eq!((awarded.experience_points, awarded.level_before, awarded.level_after), (301, 2, 2));
}

#[tokio::test]
async fn an_award_may_be_told_by_an_entry_that_is_there() {
    let world = world(json!({})).await;
    let entry = JournalEntry::new(world.hero, "Session 3", character_domain::now());
    let entry = world.storage.create(entry).await.unwrap();
    let told = Award { journal_entry_id: Some(entry.id), ..award(10) };
    let awarded = world.progress.award(world.hero, &told, &plain()).await.unwrap();
    assert_eq!(awarded.journal_entry_id, entry.id);
    assert_eq!((world.journal().await.len(), world.experience_entries().await.len()), (1, 1));
}

#[tokio::test]
async fn an_award_repeated_under_its_key_counts_once() {
    let world = world(json!({})).await;
    let first = world.progress.award(world.hero, &award(400), &key("k")).await.unwrap();
    world.progress.award(world.hero, &award(400), &key("other")).await.unwrap();
    assert_eq!(world.progress.award(world.hero, &award(400), &key("k")).await.unwrap(), first);
    assert_eq!(world.standing().await.experience_points, 800);
    let mismatch = world.progress.award(world.hero, &award(401), &other_request("k")).await;
    assert!(matches!(mismatch, Err(RepositoryError::IdempotencyMismatch)), "{mismatch:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_awards_at_once_add_up_exactly() {
    let world = world(json!({ "experience_points": 5, "level": 1 })).await;
    let tasks = (1..=20).map(|amount| {
        let (progress, hero) = (world.progress.clone(), world.hero);
        tokio::spawn(async move { progress.award(hero, &award(amount * 100), &plain()).await })
    });
    let mut levels = 0;
    for task in tasks.collect::<Vec<_>>() {
        let awarded = task.await.unwrap().unwrap();
        levels += awarded.level_after - awarded.level_before;
    }
    let row = world.standing().await;
    assert_eq!((row.experience_points, row.current_level, levels), (21_005, 6, 5), "each level is gained once");
    assert_eq!(world.character().await.data.0["experience_points"], json!(21_005));
    assert_eq!((world.journal().await.len(), world.experience_entries().await.len()), (20, 20));
    assert_eq!(world.character().await.meta.revision, Revision(21));
}

#[tokio::test]
async fn milestones_and_achievements_are_kept_in_order() {
    let world = world(json!({ "experience_points": 950 })).await;
    let at = "2026-01-02T03:04:05Z".parse().unwrap();
    let first = NewAttainment { achieved_at: Some(at), kind: "quest".to_owned(), ..NewAttainment::new("First") };
    let milestone = world.progress.add_milestone(world.hero, &first, &plain()).await.unwrap();
    assert_eq!((&milestone.entry["type"], milestone.revision), (&json!("quest"), Revision(2)));
    assert_eq!(milestone.entry["achieved_at"], "2026-01-02T03:04:05.000000Z");
    world.progress.add_milestone(world.hero, &NewAttainment::new("First"), &plain()).await.unwrap();
    let won = NewAttainment::new("Dragonslayer");
    let achievement = world.progress.add_achievement(world.hero, &won, &plain()).await.unwrap();
    let row = world.standing().await;
    assert_eq!((row.milestones.len(), &row.milestones[0]), (2, &milestone.entry));
    assert_eq!((row.achievements, row.experience_points, row.current_level), (vec![achievement.entry], 950, 3));
    assert_eq!(world.versions().await[0].reason, "progress.achievement_won");
    let events = world.events().await;
    assert_eq!((events[3].0.as_str(), &events[3].1["kind"]), ("character.progress_updated", &json!("achievement")));
}

#[tokio::test]
async fn an_achievement_is_won_once_also_by_two_at_once_and_a_repeat_under_the_key_gets_the_first_answer() {
    let world = world(json!({})).await;
    let won = NewAttainment::new("Dragonslayer");
    let first = world.progress.add_achievement(world.hero, &won, &key("k")).await.unwrap();
    assert_eq!(world.progress.add_achievement(world.hero, &won, &key("k")).await.unwrap(), first);
    assert_eq!(rule(world.progress.add_achievement(world.hero, &won, &plain()).await), "achievement-exists");
    let tasks = (0..4).map(|_| {
        let (progress, hero) = (world.progress.clone(), world.hero);
        tokio::spawn(async move { progress.add_achievement(hero, &NewAttainment::new("Rich"), &plain()).await })
    });
    let mut won = 0;
    for task in tasks.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert_eq!(rule::<()>(Err(error)), "achievement-exists"),
        }
    }
    assert_eq!((won, world.standing().await.achievements.len()), (1, 2));
}

/// A mock that knows this character and this progress, and takes no change.
fn knows(hero: Character, rows: Vec<CharacterProgress>) -> MockStorage {
    let mut mock = MockStorage::new();
    mock.expect_find::<Character>().returning(move |id, _| Ok(Read::origin((id == hero.id).then(|| hero.clone()))));
    mock.expect_list::<CharacterProgress>().returning(move |_, _| Ok(Read::origin(Page::new(rows.clone(), None))));
    mock.expect_find::<JournalEntry>().returning(|_, _| Ok(Read::origin(None)));
    mock.expect_commit().never();
    mock
}

fn over(mock: MockStorage) -> ProgressRepository {
    ProgressRepository::new(StorageContext::new(Arc::new(mock)))
}

#[tokio::test]
async fn every_refusal_of_an_award_says_why_and_commits_nothing() {
    let hero = hero(json!({}));
    let (of, terms) = (hero.id, RequestContext::default());
    let rich = CharacterProgress::new(of, MAX_EXPERIENCE, 20, character_domain::now());
    let progress = over(knows(hero, vec![rich]));
    assert_eq!(rule(progress.award(of, &award(1), &terms).await), "too-much-experience");
    for amount in [0, -1, MAX_EXPERIENCE + 1, i64::MIN] {
        assert_eq!(faults(progress.award(of, &award(amount), &terms).await), ["amount"]);
    }
    let wrong = Award { source: " ".to_owned(), reason: "\0".to_owned(), ..award(0) };
    assert_eq!(faults(progress.award(of, &wrong, &terms).await), ["amount", "source", "reason"]);
    let later = RequestContext::from(Condition::revision(Revision(2)));
    let outcome = progress.award(of, &award(1), &later).await;
    assert!(matches!(outcome, Err(RepositoryError::PreconditionFailed { actual: Revision(1), .. })), "{outcome:?}");
    let outcome = progress.award(CharacterId::new(), &award(1), &terms).await;
    assert!(matches!(outcome, Err(RepositoryError::NotFound(EntityKind::Character))), "{outcome:?}");
    let outcome = progress.get(CharacterId::new(), &plain()).await;
    assert!(matches!(outcome, Err(RepositoryError::NotFound(EntityKind::Character))), "{outcome:?}");
}

#[tokio::test]
async fn an_entry_that_is_not_there_or_not_of_the_character_cannot_tell_of_an_award() {
    let hero = hero(json!({}));
    let of = hero.id;
    let told = Award { journal_entry_id: Some(JournalEntryId::new()), ..award(1) };
    let progress = over(knows(hero.clone(), Vec::new()));
    assert_eq!(faults(progress.award(of, &told, &plain()).await), ["journal_entry_id"]);
    let mut mock = MockStorage::new();
    mock.expect_find::<Character>().returning(move |_, _| Ok(Read::origin(Some(hero.clone()))));
    mock.expect_list::<CharacterProgress>().returning(|_, _| Ok(Read::origin(Page::new(Vec::new(), None))));
    let other = JournalEntry::new(CharacterId::new(), "Another one's", character_domain::now());
    mock.expect_find::<JournalEntry>().returning(move |_, _| Ok(Read::origin(Some(other.clone()))));
    mock.expect_commit().never();
    assert_eq!(faults(over(mock).award(of, &told, &plain()).await), ["journal_entry_id"]);
}

#[tokio::test]
async fn every_refusal_of_an_achievement_says_why_and_commits_nothing() {
    let hero = hero(json!({}));
    let (of, terms) = (hero.id, RequestContext::default());
    let mut row = CharacterProgress::new(of, 0, 1, character_domain::now());
    row.achievements.push(json!({ "title": "Dragonslayer" }));
    let progress = over(knows(hero, vec![row]));
    let again = NewAttainment::new("Dragonslayer");
    assert_eq!(rule(progress.add_achievement(of, &again, &terms).await), "achievement-exists");
    let wrong = NewAttainment { kind: String::new(), ..NewAttainment::new("x".repeat(256)) };
    assert_eq!(faults(progress.add_achievement(of, &wrong, &terms).await), ["title", "type"]);
    assert_eq!(faults(progress.add_milestone(of, &wrong, &terms).await), ["title", "type"]);
    let later = RequestContext::from(Condition::revision(Revision(2)));
    let outcome = progress.add_milestone(of, &NewAttainment::new("First"), &later).await;
    assert!(matches!(outcome, Err(RepositoryError::PreconditionFailed { .. })), "{outcome:?}");
}

#[tokio::test]
async fn no_award_is_decided_by_a_progress_that_may_be_out_of_date_but_it_is_shown_as_such() {
    let hero = hero(json!({}));
    let of = hero.id;
    let stale = Source::Stale { tier: Tier::Local, age: Duration::from_secs(9), reason: StaleReason::Timeout };
    let mut mock = MockStorage::new();
    mock.expect_find::<Character>().returning(move |_, _| Ok(Read::origin(Some(hero.clone()))));
    mock.expect_list::<CharacterProgress>()
        .returning(move |_, _| Ok(Read { value: Page::new(Vec::new(), None), source: stale }));
    mock.expect_commit().never();
    let progress = over(mock);
    assert_eq!(progress.get(of, &plain()).await.unwrap().source, stale);
    let outcome = progress.award(of, &award(1), &plain()).await;
    assert!(matches!(outcome, Err(RepositoryError::Storage(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn an_award_that_loses_its_race_is_added_to_what_the_winner_left() {
    let mut now = hero(json!({ "experience_points": 100 }));
    let of = now.id;
    let mut mock = MockStorage::new();
    mock.expect_find::<Character>().times(2).returning(move |_, _| {
        let read = Read::origin(Some(now.clone()));
        now.data.0.insert("experience_points".to_owned(), json!(500));
        now.meta.revision = now.meta.revision.next();
        Ok(read)
    });
    mock.expect_list::<CharacterProgress>().times(2).returning(|_, _| Ok(Read::origin(Page::new(Vec::new(), None))));
    let lost = StorageError::new(ErrorKind::Conflict { expected: Revision(1), actual: Revision(2) }, COMMIT);
    let mut answers = vec![Ok(()), Err(lost)];
    mock.expect_commit().times(2).returning(move |transaction| answers.pop().unwrap().map(|()| done(&transaction)));
    let awarded = over(mock).award(of, &award(50), &plain()).await.unwrap();
    assert_eq!((awarded.experience_points, awarded.revision), (550, Revision(3)));
}

#[tokio::test]
async fn a_sheet_that_cannot_be_read_refuses_every_act_on_progress_and_stays() {
    for sheet in [
        json!({ "experience_points": "300" }),
        json!({ "experience_points": { "total": 300 } }),
        json!({ "experience_points": 300.5 }),
        json!({ "experience_points": 300, "level": 25 }),
    ] {
        let world = world(sheet).await;
        let before = world.character().await;
        assert_eq!(rule(world.progress.award(world.hero, &award(50), &plain()).await), UNREADABLE);
        assert_eq!(rule(world.progress.get(world.hero, &plain()).await), UNREADABLE);
        assert_eq!((world.character().await, world.versions().await.len()), (before, 0));
    }
    let world = world(json!({ "experience_points": 300.0, "level": 2.0, "proficiency_bonus": "+2" })).await;
    assert_eq!(world.standing().await.experience_points, 300, "the bonus is only written");
    assert_eq!(rule(world.progress.award(world.hero, &award(50), &plain()).await), UNREADABLE);
}
