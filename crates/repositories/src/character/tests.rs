//! Over the memory storage for what an act does, over a mock of the port for what a storage may do to it.

use super::*;
use async_trait::async_trait;
use character_domain::{Document, Revision, UserId, Violation};
use character_storage_port::{Commit, EventId, MemoryStorage, Outbox, OutboxEvent, Probe, StaleReason, Tier, Write};
use mockall::{Sequence, mock, predicate::always};
use std::{sync::Mutex, time::Duration};

type PortResult<T> = character_storage_port::Result<T>;

mock! {
    #[derive(Debug)]
    Storage {}

    #[async_trait]
    impl Store<Character> for Storage {
        async fn find(&self, id: CharacterId, deleted: Deleted) -> PortResult<Read<Option<Character>>>;
        async fn list(&self, query: &CharacterQuery, page: PageRequest) -> PortResult<Read<Page<Character>>>;
    }
    #[async_trait]
    impl Commit for Storage {
        async fn commit(&self, transaction: Transaction) -> PortResult<Committed>;
        async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<PortResult<Committed>>;
    }
    #[async_trait]
    impl Outbox for Storage {
        async fn claim(&self, limit: usize, lease: Duration) -> PortResult<Vec<OutboxEvent>>;
        async fn acknowledge(&self, ids: &[EventId]) -> PortResult<()>;
    }
    #[async_trait]
    impl Probe for Storage {
        async fn probe(&self) -> PortResult<()>;
    }
}

fn memory() -> (CharacterRepository, MemoryStorage) {
    let storage = MemoryStorage::new();
    (CharacterRepository::new(Arc::new(storage.clone())), storage)
}

fn over(mock: MockStorage) -> CharacterRepository {
    CharacterRepository::new(Arc::new(mock))
}

fn draft(name: &str) -> NewCharacter {
    NewCharacter::new(UserId::new(), name)
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey(text.to_owned())
}

fn renamed(name: &'static str) -> impl FnMut(&Character) -> Result<Character> {
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

fn done(transaction: &Transaction, revision: u64) -> Committed {
    let meta = Meta { revision: Revision(revision), ..Meta::created(character_domain::now()) };
    Committed { id: transaction.id, written: vec![meta], answer: transaction.answer.clone() }
}

fn fields(violations: &Violations) -> Vec<&str> {
    violations.0.iter().map(|violation| violation.field.as_str()).collect()
}

async fn events(storage: &MemoryStorage) -> Vec<(String, Value)> {
    let claimed = storage.claim(1000, Duration::ZERO).await.unwrap();
    claimed.into_iter().map(|it| (it.event.event_type.into_owned(), it.event.data)).collect()
}

#[tokio::test]
async fn what_was_created_is_got_and_told() {
    let (repository, storage) = memory();
    let created = repository.create(draft("Torormir"), None).await.unwrap();
    assert_eq!(repository.get(created.id).await.unwrap().value, created);
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
    let first = repository.create(request.clone(), Some(&key("k"))).await.unwrap();
    repository.patch(first.id, &Condition::any(), renamed("Changed")).await.unwrap();
    let again = repository.create(request, Some(&key("k"))).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(events(&storage).await.len(), 2);
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let (repository, _) = memory();
    repository.create(draft("Torormir"), Some(&key("k"))).await.unwrap();
    let refused = repository.create(draft("Other"), Some(&key("k"))).await;
    assert!(matches!(refused, Err(RepositoryError::IdempotencyMismatch)));
}

#[tokio::test]
async fn an_id_that_is_taken_is_refused_also_when_its_character_is_deleted() {
    let (repository, _) = memory();
    let first = repository.create(draft("Torormir"), None).await.unwrap();
    let again = || NewCharacter { id: Some(first.id), ..draft("Second") };
    assert!(matches!(repository.create(again(), None).await, Err(RepositoryError::AlreadyExists(_))));
    repository.delete(first.id, &Condition::any()).await.unwrap();
    assert!(matches!(repository.create(again(), None).await, Err(RepositoryError::AlreadyExists(_))));
}

#[tokio::test]
async fn a_parent_must_exist_but_may_be_deleted() {
    let (repository, _) = memory();
    let orphan = NewCharacter { parent_id: Some(CharacterId::new()), ..draft("Orphan") };
    let Err(RepositoryError::Invalid(violations)) = repository.create(orphan.clone(), None).await else { panic!() };
    assert_eq!(violations, Violations(vec![Violation::new("parent_id", NO_SUCH_PARENT)]));
    let parent = repository.create(draft("Parent"), None).await.unwrap();
    repository.delete(parent.id, &Condition::any()).await.unwrap();
    let child = NewCharacter { parent_id: Some(parent.id), ..draft("Child") };
    let child = repository.create(child, None).await.unwrap();
    let lost = repository.replace(child.id, orphan, &Condition::any()).await;
    assert!(matches!(lost, Err(RepositoryError::Invalid(_))));
    let strange = CharacterId::new();
    let patched = repository
        .patch(child.id, &Condition::any(), |current| Ok(Character { parent_id: Some(strange), ..current.clone() }))
        .await;
    assert!(matches!(patched, Err(RepositoryError::Invalid(_))));
}

#[tokio::test]
async fn a_replacement_keeps_identity_and_birth_and_moves_the_revision() {
    let (repository, _) = memory();
    let first = repository.create(draft("Torormir"), None).await.unwrap();
    let second = repository.replace(first.id, draft("Second"), &Condition::any()).await.unwrap();
    assert_eq!(
        (second.id, second.meta.created_at, second.meta.revision),
        (first.id, first.meta.created_at, Revision(2))
    );
    assert_eq!(repository.get(first.id).await.unwrap().value, second);
}

#[tokio::test]
async fn a_patch_tells_which_fields_it_changed_and_one_that_changes_nothing_writes_nothing() {
    let (repository, storage) = memory();
    let first = repository.create(draft("Torormir"), None).await.unwrap();
    let same = repository.patch(first.id, &Condition::any(), |current| Ok(current.clone())).await.unwrap();
    assert_eq!(same, first);
    repository.patch(first.id, &Condition::any(), renamed("Second")).await.unwrap();
    let events = events(&storage).await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].1["changed"], json!(["name"]));
}

#[tokio::test]
async fn a_wrong_revision_is_refused_by_every_change_and_names_the_actual_one() {
    let (repository, _) = memory();
    let id = repository.create(draft("Torormir"), None).await.unwrap().id;
    for wrong in [
        Condition::revision(Revision(7)),
        Condition { one_of: Some(vec![Revision(7), Revision(8)]), ..Condition::default() },
        Condition { one_of: Some(Vec::new()), ..Condition::default() },
        Condition { none_of: vec![Revision(1)], ..Condition::default() },
        Condition { absent: true, ..Condition::default() },
    ] {
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
    let fitting = Condition { one_of: Some(vec![Revision(9), Revision(1)]), ..Condition::default() };
    repository.replace(id, draft("Second"), &fitting).await.unwrap();
}

#[tokio::test]
async fn a_deleted_character_is_not_found_whatever_revision_the_caller_names() {
    let (repository, _) = memory();
    let id = repository.create(draft("Torormir"), None).await.unwrap().id;
    repository.delete(id, &Condition::any()).await.unwrap();
    for condition in [Condition::any(), Condition::revision(Revision(1)), Condition::revision(Revision(2))] {
        let outcomes = [
            repository.get(id).await.map(drop),
            repository.replace(id, draft("Second"), &condition).await.map(drop),
            repository.patch(id, &condition, renamed("Second")).await.map(drop),
            repository.delete(id, &condition).await,
        ];
        for outcome in outcomes {
            assert!(matches!(outcome, Err(RepositoryError::NotFound(_))), "{outcome:?}");
        }
    }
    assert!(matches!(
        repository.restore(CharacterId::new(), &Condition::any()).await,
        Err(RepositoryError::NotFound(_))
    ));
}

#[tokio::test]
async fn a_restored_character_is_back_and_restoring_a_live_one_changes_nothing() {
    let (repository, storage) = memory();
    let first = repository.create(draft("Torormir"), None).await.unwrap();
    repository.delete(first.id, &Condition::any()).await.unwrap();
    let back = repository.restore(first.id, &Condition::any()).await.unwrap();
    assert_eq!((back.meta.revision, back.meta.deleted_at), (Revision(3), None));
    assert_eq!(repository.get(first.id).await.unwrap().value, back);
    assert_eq!(repository.restore(first.id, &Condition::any()).await.unwrap(), back);
    let kinds: Vec<_> = events(&storage).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [CHARACTER_CREATED, CHARACTER_DELETED, CHARACTER_RESTORED]);
}

#[tokio::test]
async fn concurrent_patches_are_all_applied() {
    let (repository, _) = memory();
    let id = repository.create(draft("Torormir"), None).await.unwrap().id;
    let writers = (0..8).map(|writer| {
        let repository = repository.clone();
        tokio::spawn(async move {
            repository
                .patch(id, &Condition::any(), |current| {
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
    let last = repository.get(id).await.unwrap().value;
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
    mock.expect_find().times(1).in_sequence(&mut order).return_once(move |_, _| Ok(Read::origin(Some(before))));
    mock.expect_commit().times(1).in_sequence(&mut order).return_once(|_| Err(conflict(1, 2)));
    mock.expect_find().times(1).in_sequence(&mut order).return_once(move |_, _| Ok(Read::origin(Some(after))));
    mock.expect_commit().times(1).in_sequence(&mut order).return_once(|transaction| Ok(done(&transaction, 3)));
    let patched = over(mock).patch(id, &Condition::any(), renamed("Second")).await.unwrap();
    assert_eq!((patched.name.as_str(), patched.theme.as_str()), ("Second", "steampunk"));
    assert_eq!(patched.meta.revision, Revision(3));
}

#[tokio::test(start_paused = true)]
async fn a_race_that_is_lost_every_time_ends_in_an_error() {
    let mut mock = MockStorage::new();
    let current = at_revision(1);
    let id = current.id;
    mock.expect_find().times(16).returning(move |_, _| Ok(Read::origin(Some(current.clone()))));
    mock.expect_commit().times(16).returning(|_| Err(conflict(1, 2)));
    let lost = over(mock).patch(id, &Condition::any(), renamed("Second")).await;
    assert!(matches!(lost, Err(RepositoryError::Contended(16))));
}

#[tokio::test]
async fn a_race_lost_under_a_named_revision_is_the_callers_to_decide() {
    let mut mock = MockStorage::new();
    let current = at_revision(1);
    let id = current.id;
    mock.expect_find().times(1).return_once(move |_, _| Ok(Read::origin(Some(current))));
    mock.expect_commit().times(1).return_once(|_| Err(conflict(1, 2)));
    let lost = over(mock).patch(id, &Condition::revision(Revision(1)), renamed("Second")).await;
    let Err(RepositoryError::PreconditionFailed { expected, actual }) = lost else { panic!("{lost:?}") };
    assert_eq!((expected, actual), (vec![Revision(1)], Revision(2)));
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_is_behind_gets_a_second_look_before_the_caller_is_contradicted() {
    let mut mock = MockStorage::new();
    let mut order = Sequence::new();
    let (old, mut new) = (at_revision(1), at_revision(2));
    new.id = old.id;
    let id = old.id;
    let cached = Source::Cache { tier: Tier::Local, age: Duration::from_secs(1) };
    mock.expect_find()
        .times(1)
        .in_sequence(&mut order)
        .return_once(move |_, _| Ok(Read { value: Some(old), source: cached }));
    mock.expect_find().times(1).in_sequence(&mut order).return_once(move |_, _| Ok(Read::origin(Some(new))));
    mock.expect_commit().times(1).return_once(|transaction| Ok(done(&transaction, 3)));
    over(mock).patch(id, &Condition::revision(Revision(2)), renamed("Second")).await.unwrap();
}

#[tokio::test]
async fn no_change_is_decided_on_a_stale_value() {
    let mut mock = MockStorage::new();
    let current = at_revision(1);
    let id = current.id;
    let source = Source::Stale { tier: Tier::Local, age: Duration::from_secs(9), reason: StaleReason::Unavailable };
    mock.expect_find().times(2).returning(move |_, _| Ok(Read { value: Some(current.clone()), source }));
    let repository = over(mock);
    let patched = repository.patch(id, &Condition::any(), |current| Ok(current.clone())).await.map(drop);
    let restored = repository.restore(id, &Condition::any()).await.map(drop);
    for outcome in [patched, restored] {
        let Err(RepositoryError::Storage(error)) = outcome else { panic!("{outcome:?}") };
        assert!(error.is_outage() && error.certainly_not_applied());
    }
}

#[tokio::test]
async fn a_storage_failure_is_passed_on_and_not_tried_again() {
    let mut mock = MockStorage::new();
    mock.expect_commit().times(2).returning(|_| Err(StorageError::unavailable(COMMIT)));
    let repository = over(mock);
    let created = repository.create(draft("Torormir"), None).await;
    assert!(matches!(created, Err(RepositoryError::Storage(error)) if !error.certainly_not_applied()));
    let deleted = repository.delete(CharacterId::new(), &Condition::any()).await;
    assert!(matches!(deleted, Err(RepositoryError::Storage(_))));
}

#[tokio::test]
async fn a_fault_that_only_the_storage_finds_is_told_by_its_field() {
    let mut mock = MockStorage::new();
    let found = Violations::one("writes[0].name", "must not be that");
    mock.expect_commit().with(always()).return_once(move |_| Err(StorageError::invalid(found, COMMIT)));
    let Err(RepositoryError::Invalid(violations)) = over(mock).create(draft("Torormir"), None).await else { panic!() };
    assert_eq!(fields(&violations), ["name"]);
}

#[tokio::test]
async fn an_outcome_without_a_row_is_a_storage_that_broke_its_word() {
    let mut mock = MockStorage::new();
    mock.expect_commit().return_once(|t| Ok(Committed { id: t.id, written: Vec::new(), answer: None }));
    let Err(RepositoryError::Storage(error)) = over(mock).create(draft("Torormir"), None).await else { panic!() };
    assert_eq!(*error.kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn an_atomic_bulk_tells_every_fault_by_its_place_and_makes_none() {
    let (repository, storage) = memory();
    let taken = repository.create(draft("Taken"), None).await.unwrap().id;
    let twice = CharacterId::new();
    let bulk = vec![
        Ok(draft("Fine")),
        Ok(draft(" ")),
        Err(Violations::one("user_id", "is required")),
        Ok(NewCharacter { id: Some(taken), ..draft("Taken again") }),
        Ok(NewCharacter { id: Some(twice), ..draft("First") }),
        Ok(NewCharacter { id: Some(twice), ..draft("Second") }),
        Ok(NewCharacter { parent_id: Some(CharacterId::new()), theme: String::new(), ..draft("Orphan") }),
    ];
    let Err(RepositoryError::Invalid(violations)) = repository.create_all(bulk, None).await else { panic!() };
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
    assert!(violations.to_string().contains("is the same as that of characters[4]"));
    assert_eq!(events(&storage).await.len(), 1);
}

#[tokio::test]
async fn a_sound_atomic_bulk_that_meets_taken_ids_names_each() {
    let (repository, _) = memory();
    let mut bulk = Vec::new();
    for _ in 0..3 {
        let taken = repository.create(draft("Taken"), None).await.unwrap().id;
        bulk.push(Ok(draft("Fine")));
        bulk.push(Ok(NewCharacter { id: Some(taken), ..draft("Again") }));
    }
    let Err(RepositoryError::Invalid(violations)) = repository.create_all(bulk, None).await else { panic!() };
    assert_eq!(fields(&violations), ["characters[1].id", "characters[3].id", "characters[5].id"]);
}

#[tokio::test]
async fn a_bulk_may_bring_a_parent_along_and_repeats_its_answer_under_a_key() {
    let (repository, storage) = memory();
    let parent = CharacterId::new();
    let bulk = || {
        vec![
            Ok(NewCharacter { parent_id: Some(parent), ..NewCharacter::new(UserId(parent.0), "Child") }),
            Ok(NewCharacter { id: Some(parent), ..NewCharacter::new(UserId(parent.0), "Parent") }),
        ]
    };
    let first = repository.create_all(bulk(), Some(&key("k"))).await.unwrap();
    assert_eq!(first[1].id, parent);
    assert_eq!(repository.create_all(bulk(), Some(&key("k"))).await.unwrap(), first);
    assert_eq!(events(&storage).await.len(), 2);
    let other = repository.create_all(vec![Ok(draft("Other"))], Some(&key("k"))).await;
    assert!(matches!(other, Err(RepositoryError::IdempotencyMismatch)));
}

#[tokio::test]
async fn a_bulk_of_each_for_itself_makes_what_it_can_and_tells_the_rest() {
    let (repository, _) = memory();
    let taken = repository.create(draft("Taken"), None).await.unwrap().id;
    let bulk = vec![
        Ok(draft("Fine")),
        Ok(draft("")),
        Err(Violations::one("name", "is required")),
        Ok(NewCharacter { id: Some(taken), ..draft("Again") }),
        Ok(NewCharacter { data: Document::default(), ..draft("Fine too") }),
    ];
    let outcomes = repository.create_each(bulk, None).await.unwrap();
    assert_eq!(outcomes.len(), 5);
    assert_eq!(outcomes[0].as_ref().unwrap().name, "Fine");
    assert!(matches!(&outcomes[1], Err(RepositoryError::Invalid(violations)) if fields(violations) == ["name"]));
    assert!(matches!(&outcomes[2], Err(RepositoryError::Invalid(_))));
    assert!(matches!(&outcomes[3], Err(RepositoryError::AlreadyExists(_))));
    assert_eq!(outcomes[4].as_ref().unwrap().name, "Fine too");
}

#[tokio::test]
async fn a_bulk_of_each_repeats_its_answers_and_another_one_under_its_key_stores_nothing() {
    let (repository, storage) = memory();
    let bulk = vec![Ok(draft("One")), Ok(draft("Two"))];
    let first = repository.create_each(bulk.clone(), Some(&key("k"))).await.unwrap();
    let again = repository.create_each(bulk.clone(), Some(&key("k"))).await.unwrap();
    let ids = |outcomes: &BulkOutcome| outcomes.iter().map(|o| o.as_ref().unwrap().id).collect::<Vec<_>>();
    assert_eq!(ids(&first), ids(&again));
    let longer = bulk.into_iter().chain([Ok(draft("Three"))]).collect();
    let refused = repository.create_each(longer, Some(&key("k"))).await;
    assert!(matches!(refused, Err(RepositoryError::IdempotencyMismatch)));
    assert_eq!(events(&storage).await.len(), 2);
}

#[tokio::test]
async fn every_act_writes_exactly_the_row_it_names_under_the_revision_it_read() {
    let seen: Arc<Mutex<Vec<Write>>> = Arc::default();
    let mut mock = MockStorage::new();
    let current = at_revision(4);
    let id = current.id;
    mock.expect_find().returning(move |_, _| Ok(Read::origin(Some(current.clone()))));
    let writes = Arc::clone(&seen);
    mock.expect_commit().returning(move |transaction| {
        writes.lock().unwrap().extend(transaction.writes.clone());
        Ok(done(&transaction, 5))
    });
    let repository = over(mock);
    repository.patch(id, &Condition::any(), renamed("Second")).await.unwrap();
    repository.replace(id, draft("Third"), &Condition::any()).await.unwrap();
    repository.delete(id, &Condition::revision(Revision(4))).await.unwrap();
    let expected = |write: &Write| match write {
        Write::Character(change) => (change.id(), change.expect()),
        _ => panic!("a write of another kind"),
    };
    let seen: Vec<_> = seen.lock().unwrap().iter().map(expected).collect();
    assert_eq!(
        seen,
        [(id, Some(Expect::Revision(Revision(4)))), (id, Some(Expect::Any)), (id, Some(Expect::Revision(Revision(4)))),]
    );
}
