//! Over the memory storage for what an act does, over a mock of the port for what a storage may do to it.

use super::*;
use crate::{
    Atomicity, BulkOutcome, Condition, RepositoryError,
    testing::{all, done, key, other_request, over_memory, plain},
};
use character_domain::{Document, Refusal, Revision, UserId, Violation, now};
use character_storage_port::{
    COMMIT, CharacterVersionQuery, Committed, ErrorKind, Expect, MemoryStorage, PageRequest, Source, StaleReason,
    StorageError, StorageExt, Store, Tier, Write,
};
use character_storage_testkit::{MockStorage, sample::logged_events};
use mockall::{Sequence, predicate::always};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

fn memory() -> (CharacterRepository, MemoryStorage) {
    let storage = MemoryStorage::new();
    (CharacterRepository::new(over_memory(&storage)), storage)
}

fn over(mock: MockStorage) -> CharacterRepository {
    CharacterRepository::new(StorageContext::new(Arc::new(mock)))
}

fn draft(name: &str) -> NewCharacter {
    NewCharacter::new(UserId::new(), name)
}

fn renamed(name: &'static str) -> impl Fn(&Character) -> Result<Character> {
    move |current| Ok(Character { name: name.to_owned(), ..current.clone() })
}

fn at_revision(revision: u64) -> Character {
    let mut character = Character::new(UserId::new(), "Torormir", character_domain::now());
    character.meta.revision = Revision(revision);
    character
}

fn conflict(expected: u64, actual: u64) -> StorageError {
    StorageError::new(ErrorKind::Conflict { expected: Revision(expected), actual: Revision(actual) }, COMMIT)
}

fn fields(violations: &Violations) -> Vec<&str> {
    violations.iter().map(|violation| violation.field.as_str()).collect()
}

async fn events(storage: &MemoryStorage) -> Vec<(String, Value)> {
    let events = logged_events(storage).await;
    events.into_iter().map(|event| (event.event_type.into_owned(), event.data)).collect()
}

#[tokio::test]
async fn what_was_created_is_got_and_told() {
    let (repository, storage) = memory();
    let created = repository.create(draft("Torormir"), &plain()).await.unwrap();
    assert_eq!(repository.get(created.id, &plain()).await.unwrap().value, created);
    assert_eq!(created.meta.revision, Revision::FIRST);
    let events = events(&storage).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].0, CHARACTER_CREATED);
    assert_eq!(events[0].1["name"], "Torormir");
}

#[tokio::test]
async fn a_repeat_under_its_key_gets_the_first_answer_even_after_later_changes() {
    let (repository, storage) = memory();
    let request = draft("Torormir");
    let first = repository.create(request.clone(), &key("k")).await.unwrap();
    repository.patch(first.id, &plain(), renamed("Changed")).await.unwrap();
    let again = repository.create(request, &key("k")).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(events(&storage).await.len(), 2);
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let (repository, _) = memory();
    repository.create(draft("Torormir"), &key("k")).await.unwrap();
    let refused = repository.create(draft("Other"), &other_request("k")).await;
    assert!(matches!(refused, Err(RepositoryError::IdempotencyMismatch)));
}

#[tokio::test]
async fn an_id_that_is_taken_is_refused_also_when_its_character_is_deleted() {
    let (repository, _) = memory();
    let first = repository.create(draft("Torormir"), &plain()).await.unwrap();
    let again = || NewCharacter { id: Some(first.id), ..draft("Second") };
    assert!(matches!(repository.create(again(), &plain()).await, Err(RepositoryError::AlreadyExists { .. })));
    repository.delete(first.id, &plain()).await.unwrap();
    assert!(matches!(repository.create(again(), &plain()).await, Err(RepositoryError::AlreadyExists { .. })));
}

/// A character that states its parent.
fn stating(parent: Option<CharacterId>) -> NewCharacter {
    NewCharacter { parent: StatedParent::Stated(parent), ..draft("Child") }
}

fn is_refused_for_its_parent<T: std::fmt::Debug>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(RepositoryError::Invalid(violations)) if fields(violations) == ["parent_id"])
}

#[tokio::test]
async fn no_writer_sets_the_parent_of_a_character_or_takes_it_away() {
    let (repository, storage) = memory();
    let (own, strange) = (CharacterId::new(), repository.create(draft("Strange"), &plain()).await.unwrap().id);
    assert!(is_refused_for_its_parent(&repository.create(stating(Some(strange)), &plain()).await));
    let orphan = repository.create(stating(None), &plain()).await.unwrap();
    // A change of theme and an import store such a character.
    let child = Character { parent_id: Some(own), ..Character::new(orphan.user_id, "Child", now()) };
    storage.create_character(child.clone()).await.unwrap();
    for (id, stored) in [(orphan.id, None), (child.id, Some(own))] {
        for other in [None, Some(own), Some(strange), Some(id)].into_iter().filter(|other| *other != stored) {
            assert!(is_refused_for_its_parent(&repository.replace(id, stating(other), &plain()).await), "{other:?}");
            let change = move |it: &Character| Ok(Character { parent_id: other, ..it.clone() });
            assert!(is_refused_for_its_parent(&repository.patch(id, &plain(), change).await), "{other:?}");
        }
        assert_eq!(repository.replace(id, stating(stored), &plain()).await.unwrap().parent_id, stored);
        assert_eq!(repository.replace(id, draft("Kept"), &plain()).await.unwrap().parent_id, stored);
        assert_eq!(repository.patch(id, &plain(), renamed("Renamed")).await.unwrap().parent_id, stored);
    }
}

#[tokio::test]
async fn a_bulk_refuses_each_character_that_names_a_parent() {
    let (repository, _) = memory();
    let id = CharacterId::new();
    let bulk = vec![Ok(NewCharacter { id: Some(id), ..draft("First") }), Ok(stating(Some(id))), Ok(stating(None))];
    let outcomes = repository.create_many(bulk, Atomicity::EachOnItsOwn, &plain()).await.unwrap();
    assert_eq!(outcomes.iter().map(is_refused_for_its_parent).collect::<Vec<_>>(), [false, true, false]);
}

#[tokio::test]
async fn the_faults_of_a_bulk_are_few_however_many_rows_are_wrong() {
    let (repository, _) = memory();
    let faults = || Err((0..5_000).map(|place| Violation::new(format!("data[{place}]"), "is wrong")).collect());
    let bulk = || (0..1_000).map(|_| faults()).collect();
    let outcomes = repository.create_many(bulk(), Atomicity::EachOnItsOwn, &plain()).await.unwrap();
    let listed = |outcome: &Result<Character>| match outcome {
        Err(RepositoryError::Invalid(violations)) => violations.len(),
        _ => 0,
    };
    assert!(outcomes.iter().all(|outcome| listed(outcome) >= 2), "each names one fault and the number of the others");
    assert!(outcomes.iter().map(listed).sum::<usize>() <= 3_000);
    let Err(RepositoryError::Invalid(all)) = all(repository.create_many(bulk(), Atomicity::AllOrNone, &plain()).await)
    else {
        panic!()
    };
    assert_eq!((all.len(), &*all[100].reason), (101, "and 4999900 more faults"));
}

#[tokio::test]
async fn a_replacement_keeps_identity_and_birth_and_moves_the_revision() {
    let (repository, _) = memory();
    let first = repository.create(draft("Torormir"), &plain()).await.unwrap();
    let second = repository.replace(first.id, draft("Second"), &plain()).await.unwrap();
    assert_eq!(
        (second.id, second.meta.created_at, second.meta.revision),
        (first.id, first.meta.created_at, Revision(2))
    );
    assert_eq!(repository.get(first.id, &plain()).await.unwrap().value, second);
}

#[tokio::test]
async fn a_patch_tells_which_fields_it_changed_and_one_that_changes_nothing_writes_nothing() {
    let (repository, storage) = memory();
    let first = repository.create(draft("Torormir"), &plain()).await.unwrap();
    let same = repository.patch(first.id, &plain(), |current| Ok(current.clone())).await.unwrap();
    assert_eq!(same, first);
    repository.patch(first.id, &plain(), renamed("Second")).await.unwrap();
    let events = events(&storage).await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].1["changed"], json!(["name"]));
}

#[tokio::test]
async fn a_wrong_revision_is_refused_by_every_change_and_names_the_actual_one() {
    let (repository, _) = memory();
    let id = repository.create(draft("Torormir"), &plain()).await.unwrap().id;
    for wrong in [
        Condition::revision(Revision(7)),
        Condition { one_of: Some(vec![Revision(7), Revision(8)]), ..Condition::default() },
        Condition { one_of: Some(Vec::new()), ..Condition::default() },
        Condition { none_of: vec![Revision(1)], ..Condition::default() },
        Condition { absent: true, ..Condition::default() },
    ] {
        let wrong = RequestContext::from(wrong);
        let outcomes = [
            repository.replace(id, draft("Second"), &wrong).await.map(drop),
            repository.patch(id, &wrong, renamed("Second")).await.map(drop),
            repository.delete(id, &wrong).await,
            repository.restore(id, &wrong).await.map(drop),
        ];
        for outcome in outcomes {
            let Err(RepositoryError::PreconditionFailed { actual, .. }) = outcome else { panic!("{outcome:?}") };
            assert_eq!(actual, Revision(1));
        }
    }
    let fitting =
        RequestContext::from(Condition { one_of: Some(vec![Revision(9), Revision(1)]), ..Condition::default() });
    repository.replace(id, draft("Second"), &fitting).await.unwrap();
}

#[tokio::test]
async fn a_deleted_character_is_not_found_whatever_revision_the_caller_names() {
    let (repository, _) = memory();
    let id = repository.create(draft("Torormir"), &plain()).await.unwrap().id;
    repository.delete(id, &plain()).await.unwrap();
    for condition in
        [RequestContext::default(), Condition::revision(Revision(1)).into(), Condition::revision(Revision(2)).into()]
    {
        let outcomes = [
            repository.get(id, &plain()).await.map(drop),
            repository.replace(id, draft("Second"), &condition).await.map(drop),
            repository.patch(id, &condition, renamed("Second")).await.map(drop),
            repository.delete(id, &condition).await,
        ];
        for outcome in outcomes {
            assert!(matches!(outcome, Err(RepositoryError::NotFound(_))), "{outcome:?}");
        }
    }
    assert!(matches!(repository.restore(CharacterId::new(), &plain()).await, Err(RepositoryError::NotFound(_))));
}

#[tokio::test]
async fn a_restored_character_is_back_and_restoring_a_live_one_changes_nothing() {
    let (repository, storage) = memory();
    let first = repository.create(draft("Torormir"), &plain()).await.unwrap();
    repository.delete(first.id, &plain()).await.unwrap();
    let back = repository.restore(first.id, &plain()).await.unwrap();
    assert_eq!((back.meta.revision, back.meta.deleted_at), (Revision(3), None));
    assert_eq!(repository.get(first.id, &plain()).await.unwrap().value, back);
    assert_eq!(repository.restore(first.id, &plain()).await.unwrap(), back);
    let kinds: Vec<_> = events(&storage).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [CHARACTER_CREATED, CHARACTER_DELETED, CHARACTER_RESTORED]);
}

#[tokio::test]
async fn concurrent_patches_are_all_applied() {
    let (repository, _) = memory();
    let id = repository.create(draft("Torormir"), &plain()).await.unwrap().id;
    let writers = (0..8).map(|writer| {
        let repository = repository.clone();
        tokio::spawn(async move {
            repository
                .patch(id, &plain(), |current| {
                    let mut next = current.clone();
                    next.data.0.insert(format!("writer_{writer}"), json!(true));
                    Ok(next)
                })
                .await
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
    let last = repository.get(id, &plain()).await.unwrap().value;
    assert_eq!((last.data.0.len(), last.meta.revision), (8, Revision(9)));
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_is_run_again_on_what_the_winner_left() {
    let mut mock = MockStorage::new();
    let mut order = Sequence::new();
    let (before, mut after) = (at_revision(1), at_revision(2));
    after.id = before.id;
    after.theme = "steampunk".to_owned();
    let id = before.id;
    mock.expect_find::<Character>()
        .times(1)
        .in_sequence(&mut order)
        .return_once(move |_, _| Ok(Read::origin(Some(before))));
    mock.expect_commit().times(1).in_sequence(&mut order).return_once(|_| Err(conflict(1, 2)));
    mock.expect_find::<Character>()
        .times(1)
        .in_sequence(&mut order)
        .return_once(move |_, _| Ok(Read::origin(Some(after))));
    mock.expect_commit().times(1).in_sequence(&mut order).return_once(|transaction| Ok(done(&transaction)));
    let patched = over(mock).patch(id, &plain(), renamed("Second")).await.unwrap();
    assert_eq!((patched.name.as_str(), patched.theme.as_str()), ("Second", "steampunk"));
    assert_eq!(patched.meta.revision, Revision(3));
}

#[tokio::test(start_paused = true)]
async fn a_race_that_is_lost_every_time_ends_in_an_error() {
    let mut mock = MockStorage::new();
    let current = at_revision(1);
    let id = current.id;
    mock.expect_find::<Character>().times(64).returning(move |_, _| Ok(Read::origin(Some(current.clone()))));
    mock.expect_commit().times(64).returning(|_| Err(conflict(1, 2)));
    let lost = over(mock).patch(id, &plain(), renamed("Second")).await;
    assert!(matches!(lost, Err(RepositoryError::Contended(64))));
}

#[tokio::test(start_paused = true)]
async fn a_race_lost_under_a_named_revision_is_the_callers_to_decide() {
    let mut mock = MockStorage::new();
    let mut order = Sequence::new();
    let (before, mut after) = (at_revision(1), at_revision(2));
    after.id = before.id;
    let id = before.id;
    let find = |mock: &mut MockStorage, order: &mut Sequence, found| {
        let answer = Ok(Read::origin(Some(found)));
        mock.expect_find::<Character>().times(1).in_sequence(order).return_once(move |_, _| answer);
    };
    find(&mut mock, &mut order, before);
    mock.expect_commit().times(1).in_sequence(&mut order).return_once(|_| Err(conflict(1, 2)));
    find(&mut mock, &mut order, after);
    let lost = over(mock).patch(id, &Condition::revision(Revision(1)).into(), renamed("Second")).await;
    let Err(RepositoryError::PreconditionFailed { expected, actual, .. }) = lost else { panic!("{lost:?}") };
    assert_eq!((expected, actual), (vec![Revision(1)], Revision(2)));
}

#[tokio::test]
async fn acts_decide_by_the_origin_and_not_by_a_cache_that_is_behind() {
    let (mut cache, mut origin) = (MockStorage::new(), MockStorage::new());
    let current = at_revision(2);
    let id = current.id;
    cache.expect_find::<Character>().never();
    origin.expect_find::<Character>().times(1).return_once(move |_, _| Ok(Read::origin(Some(current))));
    cache.expect_commit().times(1).return_once(|transaction| Ok(done(&transaction)));
    let backing = StorageContext::new(Arc::new(cache)).with_origin(Arc::new(origin));
    let terms = Condition::revision(Revision(2)).into();
    CharacterRepository::new(backing).patch(id, &terms, renamed("Second")).await.unwrap();
}

/// A repository whose process holds `held`, while the storage has `current`; commits of any other revision conflict.
fn holding(held: &Character, current: &Character, reads_of_the_storage: usize) -> CharacterRepository {
    let (mut recent, mut origin, mut storage) = (MockStorage::new(), MockStorage::new(), MockStorage::new());
    let source = Source::Cache { tier: Tier::Local, age: Duration::from_secs(1) };
    let held = Read { value: Some(held.clone()), source };
    recent.expect_find::<Character>().times(1).return_once(move |_, _| Ok(held));
    let (found, revision) = (current.clone(), current.meta.revision);
    origin.expect_find::<Character>().times(reads_of_the_storage).returning(move |_, deleted| {
        let shown = deleted == Deleted::Include || !found.meta.is_deleted();
        Ok(Read::origin(shown.then(|| found.clone())))
    });
    storage.expect_commit().returning(move |transaction| match transaction.writes.first() {
        Some(Write::Character(Change::Replace { expect: Expect::Revision(expected), .. })) if *expected != revision => {
            Err(conflict(expected.0, revision.0))
        }
        _ => Ok(done(&transaction)),
    });
    let context = StorageContext::new(Arc::new(storage)).with_origin(Arc::new(origin)).with_recent(Arc::new(recent));
    CharacterRepository::new(context)
}

/// The state that a process holds, and the one that the storage has meanwhile.
fn behind() -> (Character, Character) {
    let old = at_revision(1);
    let mut new = Character { theme: "cyberpunk".into(), ..old.clone() };
    new.meta.revision = Revision(2);
    (old, new)
}

#[tokio::test]
async fn a_change_of_a_recent_row_reads_nothing_from_the_storage() {
    let current = at_revision(2);
    let patched = holding(&current, &current, 0).patch(current.id, &plain(), renamed("Second")).await.unwrap();
    assert_eq!((patched.name.as_str(), patched.meta.revision), ("Second", Revision(3)));
}

#[tokio::test]
async fn a_change_of_an_old_row_is_made_of_the_current_one() {
    let (old, new) = behind();
    let patched = holding(&old, &new, 1).patch(old.id, &plain(), renamed("Second")).await.unwrap();
    assert_eq!((patched.name.as_str(), patched.theme.as_str()), ("Second", "cyberpunk"));
    assert_eq!(patched.meta.revision, Revision(3));
}

#[tokio::test]
async fn what_an_old_row_refuses_the_current_one_may_allow() {
    let (old, new) = behind();
    let patched =
        holding(&old, &new, 1).patch(old.id, &Condition::revision(Revision(2)).into(), renamed("Second")).await;
    assert_eq!(patched.unwrap().meta.revision, Revision(3));
    let refusing = |current: &Character| match current.meta.revision {
        Revision(1) => Err(Refusal::new("too-old", "the row is old").into()),
        _ => renamed("Second")(current),
    };
    assert_eq!(holding(&old, &new, 1).patch(old.id, &plain(), refusing).await.unwrap().name, "Second");
}

#[tokio::test]
async fn what_an_old_row_allows_the_current_one_may_refuse() {
    let (old, new) = behind();
    let lost = holding(&old, &new, 1).patch(old.id, &Condition::revision(Revision(1)).into(), renamed("Second")).await;
    assert!(matches!(lost, Err(RepositoryError::PreconditionFailed { .. })), "{lost:?}");
    let mut gone = new;
    gone.meta.deleted_at = Some(gone.meta.updated_at);
    let lost = holding(&old, &gone, 1).patch(old.id, &plain(), renamed("Second")).await;
    assert!(matches!(lost, Err(RepositoryError::NotFound(_))), "{lost:?}");
}

#[tokio::test]
async fn that_nothing_changes_is_said_of_the_current_row_only() {
    let (old, new) = behind();
    let back = |current: &Character| Ok(Character { theme: "fantasy".into(), ..current.clone() });
    let old = Character { theme: "fantasy".into(), ..old };
    let patched = holding(&old, &new, 1).patch(old.id, &plain(), back).await.unwrap();
    assert_eq!((patched.theme.as_str(), patched.meta.revision), ("fantasy", Revision(3)));
}

#[tokio::test]
async fn no_change_is_decided_on_a_stale_value() {
    let mut mock = MockStorage::new();
    let current = at_revision(1);
    let id = current.id;
    let source = Source::Stale { tier: Tier::Local, age: Duration::from_secs(9), reason: StaleReason::Unavailable };
    mock.expect_find::<Character>().times(2).returning(move |_, _| Ok(Read { value: Some(current.clone()), source }));
    let repository = over(mock);
    let patched = repository.patch(id, &plain(), |current| Ok(current.clone())).await.map(drop);
    let restored = repository.restore(id, &plain()).await.map(drop);
    for outcome in [patched, restored] {
        let Err(RepositoryError::Storage(error)) = outcome else { panic!("{outcome:?}") };
        assert!(error.is_outage() && error.certainly_not_applied());
    }
}

#[tokio::test]
async fn a_storage_failure_is_passed_on_and_not_tried_again() {
    let mut mock = MockStorage::new();
    let current = at_revision(1);
    mock.expect_find::<Character>().times(1).return_once(move |_, _| Ok(Read::origin(Some(current))));
    mock.expect_commit().times(2).returning(|_| Err(StorageError::unavailable(COMMIT)));
    let repository = over(mock);
    let created = repository.create(draft("Torormir"), &plain()).await;
    assert!(matches!(created, Err(RepositoryError::Storage(error)) if !error.certainly_not_applied()));
    let deleted = repository.delete(CharacterId::new(), &plain()).await;
    assert!(matches!(deleted, Err(RepositoryError::Storage(_))));
}

#[tokio::test]
async fn a_fault_that_only_the_storage_finds_is_told_by_its_field() {
    let mut mock = MockStorage::new();
    let found = Violations::one("writes[0].name", "must not be that");
    mock.expect_commit().with(always()).return_once(move |_| Err(StorageError::invalid(found, COMMIT)));
    let Err(RepositoryError::Invalid(violations)) = over(mock).create(draft("Torormir"), &plain()).await else {
        panic!()
    };
    assert_eq!(fields(&violations), ["name"]);
}

#[tokio::test]
async fn an_outcome_without_a_row_is_a_storage_that_broke_its_word() {
    let mut mock = MockStorage::new();
    mock.expect_commit().return_once(|t| Ok(Committed { written: Vec::new(), ..done(&t) }));
    let Err(RepositoryError::Storage(error)) = over(mock).create(draft("Torormir"), &plain()).await else { panic!() };
    assert_eq!(*error.kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn an_atomic_bulk_tells_every_fault_by_its_place_and_makes_none() {
    let (repository, storage) = memory();
    let taken = repository.create(draft("Taken"), &plain()).await.unwrap().id;
    let twice = CharacterId::new();
    let bulk = vec![
        Ok(draft("Fine")),
        Ok(draft(" ")),
        Err(Violations::one("user_id", "is required")),
        Ok(NewCharacter { id: Some(taken), ..draft("Taken again") }),
        Ok(NewCharacter { id: Some(twice), ..draft("First") }),
        Ok(NewCharacter { id: Some(twice), ..draft("Second") }),
        Ok(NewCharacter { theme: String::new(), ..stating(Some(CharacterId::new())) }),
    ];
    let Err(RepositoryError::Invalid(violations)) =
        all(repository.create_many(bulk, Atomicity::AllOrNone, &plain()).await)
    else {
        panic!()
    };
    assert_eq!(
        fields(&violations),
        [
            "characters[1].name",
            "characters[2].user_id",
            "characters[3].id",
            "characters[5].id",
            "characters[6].theme",
            "characters[6].parent_id",
        ]
    );
    assert!(violations.to_string().contains("occurs twice in the request"));
    assert_eq!(events(&storage).await.len(), 1);
}

#[tokio::test]
async fn a_sound_atomic_bulk_that_meets_taken_ids_names_each() {
    let (repository, _) = memory();
    let mut bulk = Vec::new();
    for _ in 0..3 {
        let taken = repository.create(draft("Taken"), &plain()).await.unwrap().id;
        bulk.push(Ok(draft("Fine")));
        bulk.push(Ok(NewCharacter { id: Some(taken), ..draft("Again") }));
    }
    let Err(RepositoryError::Invalid(violations)) =
        all(repository.create_many(bulk, Atomicity::AllOrNone, &plain()).await)
    else {
        panic!()
    };
    assert_eq!(fields(&violations), ["characters[1].id", "characters[3].id", "characters[5].id"]);
}

#[tokio::test]
async fn a_bulk_repeats_its_answer_under_a_key() {
    let (repository, storage) = memory();
    let id = CharacterId::new();
    let bulk = || {
        vec![
            Ok(NewCharacter::new(UserId(id.0), "First")),
            Ok(NewCharacter { id: Some(id), ..NewCharacter::new(UserId(id.0), "Second") }),
        ]
    };
    let first = all(repository.create_many(bulk(), Atomicity::AllOrNone, &key("k")).await).unwrap();
    assert_eq!(first[1].id, id);
    assert_eq!(all(repository.create_many(bulk(), Atomicity::AllOrNone, &key("k")).await).unwrap(), first);
    assert_eq!(events(&storage).await.len(), 2);
    let other = all(repository.create_many(vec![Ok(draft("Other"))], Atomicity::AllOrNone, &other_request("k")).await);
    assert!(matches!(other, Err(RepositoryError::IdempotencyMismatch)));
}

#[tokio::test]
async fn a_bulk_of_each_for_itself_makes_what_it_can_and_tells_the_rest() {
    let (repository, _) = memory();
    let taken = repository.create(draft("Taken"), &plain()).await.unwrap().id;
    let bulk = vec![
        Ok(draft("Fine")),
        Ok(draft("")),
        Err(Violations::one("name", "is required")),
        Ok(NewCharacter { id: Some(taken), ..draft("Again") }),
        Ok(NewCharacter { data: Document::default(), ..draft("Fine too") }),
    ];
    let outcomes = repository.create_many(bulk, Atomicity::EachOnItsOwn, &plain()).await.unwrap();
    assert_eq!(outcomes.len(), 5);
    assert_eq!(outcomes[0].as_ref().unwrap().name, "Fine");
    assert!(matches!(&outcomes[1], Err(RepositoryError::Invalid(violations)) if fields(violations) == ["name"]));
    assert!(matches!(&outcomes[2], Err(RepositoryError::Invalid(_))));
    assert!(matches!(&outcomes[3], Err(RepositoryError::AlreadyExists { .. })));
    assert_eq!(outcomes[4].as_ref().unwrap().name, "Fine too");
}

#[tokio::test]
async fn a_bulk_of_each_repeats_its_answers_and_another_one_under_its_key_stores_nothing() {
    let (repository, storage) = memory();
    let bulk = vec![Ok(draft("One")), Ok(draft("Two"))];
    let first = repository.create_many(bulk.clone(), Atomicity::EachOnItsOwn, &key("k")).await.unwrap();
    let again = repository.create_many(bulk.clone(), Atomicity::EachOnItsOwn, &key("k")).await.unwrap();
    let ids = |outcomes: &BulkOutcome<Character>| outcomes.iter().map(|o| o.as_ref().unwrap().id).collect::<Vec<_>>();
    assert_eq!(ids(&first), ids(&again));
    let longer = bulk.into_iter().chain([Ok(draft("Three"))]).collect();
    let refused = repository.create_many(longer, Atomicity::EachOnItsOwn, &other_request("k")).await;
    assert!(matches!(refused, Err(RepositoryError::IdempotencyMismatch)));
    assert_eq!(events(&storage).await.len(), 2);
}

#[tokio::test]
async fn every_act_writes_exactly_the_row_it_names_under_the_revision_it_read() {
    let seen: Arc<Mutex<Vec<Write>>> = Arc::default();
    let mut mock = MockStorage::new();
    let current = at_revision(4);
    let id = current.id;
    mock.expect_find::<Character>().returning(move |_, _| Ok(Read::origin(Some(current.clone()))));
    let writes = Arc::clone(&seen);
    mock.expect_commit().returning(move |transaction| {
        writes.lock().unwrap().extend(transaction.writes.clone());
        Ok(done(&transaction))
    });
    let repository = over(mock);
    repository.patch(id, &plain(), renamed("Second")).await.unwrap();
    repository.replace(id, draft("Third"), &plain()).await.unwrap();
    repository.delete(id, &Condition::revision(Revision(4)).into()).await.unwrap();
    let seen = seen.lock().unwrap();
    for act in seen.chunks(2) {
        let [Write::Character(change), Write::CharacterVersion(Change::Create(version))] = act else {
            panic!("{act:?}")
        };
        assert_eq!((change.id(), change.expect()), (id, Some(Expect::Revision(Revision(4)))));
        assert_eq!((version.character_id, version.state.meta.revision), (id, Revision(5)));
    }
    assert_eq!(seen.len(), 6);
}

#[tokio::test]
async fn every_change_records_a_version_of_what_there_is_now_and_by_whom() {
    let (repository, storage) = memory();
    let by = RequestContext { author: Some("the dungeon master".to_owned()), ..RequestContext::default() };
    let first = repository.create(draft("Torormir"), &by).await.unwrap();
    repository.patch(first.id, &by, renamed("Second")).await.unwrap();
    repository.delete(first.id, &by).await.unwrap();
    let last = repository.restore(first.id, &by).await.unwrap();
    let query = CharacterVersionQuery { character_id: Some(first.id), ..CharacterVersionQuery::default() };
    let listed = Store::<CharacterVersion>::list(&storage, &query, PageRequest::default()).await.unwrap();
    let versions = listed.value.items;
    let reasons: Vec<_> = versions.iter().map(|version| version.reason.as_str()).collect();
    assert_eq!(reasons, [CHARACTER_RESTORED, CHARACTER_DELETED, CHARACTER_UPDATED, CHARACTER_CREATED]);
    assert_eq!(versions[0].state, last);
    assert_eq!(versions[3].state, first);
    assert_eq!(
        (versions[2].state.name.as_str(), &*versions[2].changes),
        ("Second", &[][..]),
        "readers compute the changes"
    );
    assert!(versions.windows(2).all(|pair| pair[0].parent_id == Some(pair[1].id)));
    assert!(versions.iter().all(|version| version.author == by.author));
}

#[tokio::test]
async fn a_sheet_128_levels_deep_can_be_made_under_a_key_and_changed() {
    let (repository, _) = memory();
    let mut deep = json!({});
    for _ in 1..128 {
        deep = json!({ "a": deep });
    }
    let data = Document::from(deep.as_object().cloned().unwrap());
    let new = NewCharacter { data, ..draft("Deep") };
    let made = repository.create(new.clone(), &key("deep")).await.unwrap();
    assert_eq!(repository.create(new, &key("deep")).await.unwrap(), made);
    repository.patch(made.id, &plain(), renamed("Deeper")).await.unwrap();
}

#[tokio::test]
async fn the_refusal_of_a_taken_id_says_whether_its_row_can_be_restored() {
    let (repository, _) = memory();
    let id = repository.create(draft("Torormir"), &plain()).await.unwrap().id;
    let again = || NewCharacter { id: Some(id), ..draft("Other") };
    let refused = repository.create(again(), &plain()).await;
    assert!(matches!(refused, Err(RepositoryError::AlreadyExists { deleted: false, .. })), "{refused:?}");
    repository.delete(id, &plain()).await.unwrap();
    let refused = repository.create(again(), &plain()).await;
    assert!(matches!(refused, Err(RepositoryError::AlreadyExists { deleted: true, .. })), "{refused:?}");
    let outcomes = repository.create_many(vec![Ok(again())], Atomicity::EachOnItsOwn, &plain()).await.unwrap();
    assert!(matches!(outcomes[0], Err(RepositoryError::AlreadyExists { deleted: true, .. })), "{outcomes:?}");
}

#[tokio::test]
async fn a_repeated_bulk_keeps_its_refusals_also_when_they_would_be_others_now() {
    let (repository, _) = memory();
    let taken = repository.create(draft("Taken"), &plain()).await.unwrap().id;
    let bulk = || vec![Ok(draft("One")), Ok(NewCharacter { id: Some(taken), ..draft("Again") })];
    let first = repository.create_many(bulk(), Atomicity::EachOnItsOwn, &key("k")).await.unwrap();
    repository.delete(taken, &plain()).await.unwrap();
    let again = repository.create_many(bulk(), Atomicity::EachOnItsOwn, &key("k")).await.unwrap();
    assert_eq!(again[0].as_ref().unwrap(), first[0].as_ref().unwrap());
    assert!(matches!(again[1], Err(RepositoryError::AlreadyExists { deleted: false, .. })), "{again:?}");
    let page = repository.list(&CharacterQuery::default(), PageRequest::default(), &plain()).await.unwrap();
    assert_eq!(page.value.items.len(), 1, "the repeat stored nothing");
}
