use super::*;
use crate::sample::{character, creation};
use character_domain::Character;
use character_storage_port::{
    ADVANCE, CONSUMERS, Commit, Consumers, DISCARD, Deleted, FOLLOW, HEAD, HolderId, LEASE, Log, LogCursor,
    MemoryStorage, PARK, PARKED, Probe, RELEASE, Store, Transaction, UNPARK,
};
use std::error::Error;

fn storage() -> ScriptedFaults {
    ScriptedFaults::new(Arc::new(MemoryStorage::new()))
}

const DOWN: ErrorKind = ErrorKind::Unavailable { retry_after: None };

#[tokio::test]
async fn a_call_that_fails_before_is_not_applied_and_one_whose_answer_is_lost_is() {
    let (storage, rows) = (storage(), [character(), character()]);
    storage.next(Fault::FailBefore(DOWN));
    storage.next(Fault::LoseAnswer(ErrorKind::RateLimited { retry_after: None }));
    assert_eq!(storage.commit(creation(&rows[..1])).await.unwrap_err().kind(), &DOWN);
    assert!(!storage.commit(creation(&rows[1..])).await.unwrap_err().certainly_not_applied());
    assert_eq!(Store::<Character>::find(&storage, rows[0].id, Deleted::Exclude).await.unwrap().value, None);
    assert_eq!(
        Store::<Character>::find(&storage, rows[1].id, Deleted::Exclude).await.unwrap().value,
        Some(rows[1].clone())
    );
}

#[tokio::test]
async fn a_fault_of_one_operation_waits_for_it() {
    let storage = storage();
    storage.next_of(Operation::Probe, Fault::FailBefore(DOWN));
    Store::<Character>::find(&storage, character().id, Deleted::Exclude).await.unwrap();
    assert_eq!(storage.scripted(), 1);
    storage.probe().await.unwrap_err();
    storage.probe().await.unwrap();
    assert_eq!((storage.calls(Operation::Find), storage.calls(Operation::Probe), storage.scripted()), (1, 2, 0));
}

/// The operation that the error of a scripted fault names.
async fn named<T>(
    storage: &ScriptedFaults,
    operation: Operation,
    call: impl Future<Output = Result<T>>,
) -> &'static str {
    let calls = storage.calls(operation);
    storage.next_of(operation, Fault::FailBefore(DOWN));
    let error = call.await.err().unwrap();
    assert_eq!((storage.calls(operation), storage.scripted()), (calls + 1, 0));
    error.operation()
}

#[tokio::test]
async fn log_and_consumers_have_faults_of_their_own_under_their_operation_names() {
    let (storage, holder, name) = (storage(), HolderId::new(), crate::sample::consumer());
    let event = crate::sample::event(character().id, 1);
    let leased = storage.lease(&name, holder, Duration::from_secs(60)).await.unwrap().unwrap();
    let (token, cursor) = (leased.token, leased.cursor);
    assert_eq!(named(&storage, Operation::Follow, storage.follow(&cursor, 1, Duration::ZERO)).await, FOLLOW);
    assert_eq!(named(&storage, Operation::Head, storage.head()).await, HEAD);
    assert_eq!(named(&storage, Operation::Lease, storage.lease(&name, holder, Duration::ZERO)).await, LEASE);
    assert_eq!(named(&storage, Operation::Advance, storage.advance(&token, &cursor)).await, ADVANCE);
    assert_eq!(named(&storage, Operation::Release, storage.release(&token)).await, RELEASE);
    assert_eq!(named(&storage, Operation::Park, storage.park(&token, &event, "refused")).await, PARK);
    assert_eq!(named(&storage, Operation::Parked, storage.parked(&name, None, 1)).await, PARKED);
    assert_eq!(named(&storage, Operation::Unpark, storage.unpark(&name, &[event.id])).await, UNPARK);
    assert_eq!(named(&storage, Operation::Discard, storage.discard(&name, &[event.id])).await, DISCARD);
    assert_eq!(named(&storage, Operation::Consumers, storage.consumers()).await, CONSUMERS);
    storage.next_of(Operation::Park, Fault::LoseAnswer(ErrorKind::Timeout));
    assert!(!storage.park(&token, &event, "refused").await.unwrap_err().certainly_not_applied());
    assert_eq!(storage.parked(&name, None, 1).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_breakdown_lasts_until_it_is_healed() {
    let storage = storage();
    storage.break_down(Fault::Hang);
    tokio::time::timeout(Duration::from_secs(3600), storage.probe()).await.unwrap_err();
    storage.break_down(Fault::FailBefore(DOWN));
    let outcomes = storage.commit_each(vec![Transaction::new(), Transaction::new()]).await;
    assert!(outcomes.len() == 2 && outcomes.iter().all(Result::is_err));
    storage.next(Fault::Delay(Duration::from_secs(5)));
    let start = tokio::time::Instant::now();
    storage.probe().await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    storage.heal();
    storage.probe().await.unwrap();
}

#[tokio::test]
async fn a_gate_before_holds_the_effect_of_a_call_and_one_after_holds_its_answer() {
    let (storage, row, before, after) = (storage(), character(), Gate::closed(), Gate::closed());
    let (passed, arrived) = (before.clone(), after.clone());
    let answered = async move {
        arrived.pass().await;
        Ok(())
    };
    storage.next_of(Operation::Commit, Course::default().before(passed.pass()).after(answered));
    let commit = tokio::spawn({
        let (storage, row) = (storage.clone(), row.clone());
        async move { storage.commit(creation(&[row])).await }
    });
    storage.called(Operation::Commit, 1).await;
    let found = async || Store::<Character>::find(&storage, row.id, Deleted::Exclude).await.unwrap().value;
    assert_eq!(found().await, None);
    before.open();
    while found().await.is_none() {
        tokio::task::yield_now().await;
    }
    assert!(!commit.is_finished());
    after.open();
    assert_eq!(commit.await.unwrap().unwrap().tick.0, 1);
}

#[tokio::test]
async fn an_answer_is_lost_when_what_happens_after_the_call_says_so() {
    let (storage, row) = (storage(), character());
    storage.next(Course::default().after(async { Err(DOWN) }));
    let error = storage.commit(creation(std::slice::from_ref(&row))).await.unwrap_err();
    assert!(!error.certainly_not_applied());
    assert_eq!(error.source().unwrap().to_string(), SCRIPTED_CAUSE);
    assert_eq!(Store::<Character>::find(&storage, row.id, Deleted::Exclude).await.unwrap().value, Some(row));
}

#[tokio::test]
async fn a_director_decides_for_each_call_that_the_script_has_nothing_for() {
    let storage = storage();
    storage.direct(|operation| match operation {
        Operation::Probe => Fault::FailBefore(DOWN).into(),
        _ => Course::default(),
    });
    storage.next_of(Operation::Probe, Fault::Pass);
    storage.probe().await.unwrap();
    storage.probe().await.unwrap_err();
    storage.head().await.unwrap();
}

#[tokio::test]
async fn transactions_that_are_committed_one_by_one_have_a_course_each() {
    let storage = storage().committing_one_by_one();
    storage.next(Fault::Pass);
    storage.next(Fault::FailBefore(DOWN));
    let outcomes = storage.commit_each(vec![Transaction::new(), Transaction::new(), Transaction::new()]).await;
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!((storage.calls(Operation::Commit), storage.calls(Operation::CommitEach)), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_follow_answers_within_the_bounds_of_the_script() {
    let storage = storage().following(2, Duration::from_secs(1));
    let begin = storage.head().await.unwrap();
    for _ in 0..3 {
        storage.commit(creation(&[character()])).await.unwrap();
    }
    let follow = async |after: &LogCursor| storage.follow(after, 100, Duration::from_secs(60)).await.unwrap();
    let first = follow(&begin).await;
    assert_eq!((first.commits.len(), first.more), (2, true));
    let head = follow(&first.next).await.next;
    let start = tokio::time::Instant::now();
    assert_eq!(follow(&head).await.commits.len(), 0);
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}
