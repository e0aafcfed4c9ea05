//! What a storage may do to an act, over a mock of the port.

use super::{theme::to, *};
use character_domain::{CharacterProgress, ExperienceEntry, JournalEntry, NpcRelationship, Quest};
use character_storage_port::{COMMIT, ErrorKind, Source, StaleReason, StorageError, Tier};
use character_storage_testkit::MockStorage;

fn hero() -> Character {
    Character::new(UserId::new(), "Torormir", now())
}

fn over(mock: MockStorage) -> EvolutionRepository {
    EvolutionRepository::new(StorageContext::new(Arc::new(mock)))
}

fn finds<E: Entity>(mock: &mut MockStorage, row: E) {
    mock.expect_find::<E>().returning(move |_, _| Ok(Read::origin(Some(row.clone()))));
}

fn lists<E: Entity>(mock: &mut MockStorage, rows: Vec<E>) {
    mock.expect_list::<E>().returning(move |_, _| Ok(Read::origin(Page::new(rows.clone(), None))));
}

fn conflict() -> StorageError {
    StorageError::new(ErrorKind::Conflict { expected: Revision(1), actual: Revision(2) }, COMMIT)
}

fn with_nothing(hero: &Character) -> MockStorage {
    let mut mock = MockStorage::new();
    finds(&mut mock, hero.clone());
    lists::<InventoryItem>(&mut mock, Vec::new());
    lists::<JournalEntry>(&mut mock, Vec::new());
    lists::<ExperienceEntry>(&mut mock, Vec::new());
    lists::<Quest>(&mut mock, Vec::new());
    lists::<NpcRelationship>(&mut mock, Vec::new());
    lists::<CharacterProgress>(&mut mock, Vec::new());
    mock
}

#[tokio::test(start_paused = true)]
async fn a_change_of_theme_that_loses_its_race_is_begun_anew_as_another_transaction() {
    let hero = hero();
    let mut mock = with_nothing(&hero);
    let mut ids = Vec::new();
    mock.expect_commit().times(2).returning(move |transaction| {
        ids.push(transaction.id);
        if ids.len() == 1 {
            Err(conflict())
        } else {
            assert_ne!(ids[0], ids[1]);
            Ok(done(&transaction))
        }
    });
    let change = over(mock).change_theme(hero.id, &to("steampunk"), &plain()).await.unwrap();
    assert_eq!(change.character.parent_id, Some(hero.id));
}

#[tokio::test(start_paused = true)]
async fn an_act_that_always_loses_gives_up() {
    let hero = hero();
    let mut mock = with_nothing(&hero);
    finds(&mut mock, CharacterVersion::of(None, hero.clone(), "character.created", now()));
    mock.expect_list::<CharacterVersion>().returning(|_, _| Ok(Read::origin(Page::new(Vec::new(), None))));
    mock.expect_commit().returning(|_| Err(conflict()));
    let (evolution, version) = (over(mock), CharacterVersionId::of(hero.id, Revision(1)));
    for outcome in [
        evolution.change_theme(hero.id, &to("steampunk"), &plain()).await.map(drop),
        evolution.restore(hero.id, version, &plain()).await.map(drop),
        evolution.label(hero.id, version, Some("x".to_owned()), &plain()).await.map(drop),
    ] {
        assert!(matches!(outcome, Err(RepositoryError::Contended(64))), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_failure_of_the_storage_is_passed_on_by_every_act_and_every_look() {
    let hero = hero();
    let version = CharacterVersion::of(None, hero.clone(), "character.created", now());
    let id = version.id;
    let mut mock = MockStorage::new();
    mock.expect_find::<Character>().returning(|_, _| Err(StorageError::unavailable("character.find")));
    mock.expect_list::<CharacterVersion>().returning(|_, _| Err(StorageError::unavailable("character_version.list")));
    let evolution = over(mock);
    for outcome in [
        evolution.versions(hero.id, Deleted::Exclude, PageRequest::default(), &plain()).await.map(drop),
        evolution.version(hero.id, id, Deleted::Exclude, &plain()).await.map(drop),
        evolution.at(hero.id, now(), &plain()).await.map(drop),
        evolution.compare(hero.id, id, id, Deleted::Exclude, &plain()).await.map(drop),
        evolution
            .tree(hero.id, Deleted::Exclude, Limit::default(), None, crate::Total::Omitted, &plain())
            .await
            .map(drop),
        evolution.graph(hero.id, &plain()).await.map(drop),
        evolution.restore(hero.id, id, &plain()).await.map(drop),
        evolution.label(hero.id, id, None, &plain()).await.map(drop),
        evolution.change_theme(hero.id, &to("steampunk"), &plain()).await.map(drop),
    ] {
        assert!(matches!(outcome, Err(RepositoryError::Storage(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_last_known_state_may_be_looked_at_and_decides_nothing() {
    let hero = hero();
    let version = CharacterVersion::of(None, hero.clone(), "character.created", now());
    let id = version.id;
    let stale = Source::Stale { tier: Tier::Local, age: Duration::from_secs(9), reason: StaleReason::Unavailable };
    let mut mock = MockStorage::new();
    let found = hero.clone();
    mock.expect_find::<Character>().returning(move |_, _| Ok(Read { value: Some(found.clone()), source: stale }));
    mock.expect_list::<CharacterVersion>().returning(move |_, page| {
        assert_eq!(page.limit.get(), 1, "one version is enough to tell how it was then");
        Ok(Read { value: Page::new(vec![version.clone()], None), source: stale })
    });
    mock.expect_commit().never();
    let evolution = over(mock);
    assert_eq!(evolution.at(hero.id, now(), &plain()).await.unwrap(), Read { value: hero.clone(), source: stale });
    for outcome in [
        evolution.restore(hero.id, id, &plain()).await.map(drop),
        evolution.label(hero.id, id, None, &plain()).await.map(drop),
        evolution.change_theme(hero.id, &to("steampunk"), &plain()).await.map(drop),
    ] {
        assert!(matches!(outcome, Err(RepositoryError::Storage(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_refusal_under_a_key_is_told_only_when_the_storage_knows_of_no_answer() {
    let hero = hero();
    let refused = to("traditional");
    for (answer, is_refused) in [
        (StorageError::new(ErrorKind::NotFound, COMMIT), true),
        (StorageError::unavailable(COMMIT), false),
        (StorageError::new(ErrorKind::Timeout, COMMIT), false),
    ] {
        let mut mock = with_nothing(&hero);
        mock.expect_commit().times(1).return_once(move |_| Err(answer));
        let outcome = over(mock).change_theme(hero.id, &refused, &key("once")).await;
        assert_eq!(matches!(outcome, Err(RepositoryError::Invalid(_))), is_refused, "{outcome:?}");
        assert_eq!(matches!(outcome, Err(RepositoryError::Storage(_))), !is_refused, "{outcome:?}");
    }
}

#[tokio::test]
async fn all_that_changes_with_a_theme_is_one_transaction_in_which_the_old_character_is_judged_first() {
    let hero = hero();
    let mut mock = with_nothing(&hero);
    mock.expect_commit().times(1).returning(|transaction| {
        let kinds: Vec<_> = transaction.writes.iter().map(|write| write.row().0).collect();
        let (character, version) = (EntityKind::Character, EntityKind::CharacterVersion);
        assert_eq!(kinds, [character, version, version, character]);
        let character_storage_port::Write::Character(judged) = &transaction.writes[0] else { panic!() };
        assert_eq!(judged.expect(), Some(Expect::Revision(Revision(1))));
        Ok(done(&transaction))
    });
    over(mock).change_theme(hero.id, &to("steampunk"), &plain()).await.unwrap();
}
