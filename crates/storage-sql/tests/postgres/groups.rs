//! Operations that wait for one another: commits share a transaction of the database, and finds a statement.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use crate::support::{character, create, event};
use character_domain::{Character, CharacterId, Revision, now};
use character_storage_port::{
    Change, CharacterQuery, Commit, Committed, Deleted, ErrorKind, Expect, Log, LogCursor, PageRequest, Result, Store,
    Tick, Transaction, TransactionId,
};
use character_storage_sql::{SqlOptions, SqlStorage};
use character_tests::PostgresServer;
use futures_util::{FutureExt as _, future::join_all};
use std::{collections::BTreeSet, pin::pin, time::Duration};

/// How many times a group may turn out small, because the machine was busy.
const TRIES: usize = 5;

async fn open() -> SqlStorage {
    open_at(&PostgresServer::shared().fresh_schema_url()).await
}

async fn open_at(url: &str) -> SqlStorage {
    // No operation is too late, however busy the machine is.
    let options = SqlOptions { timeout: Duration::from_secs(60), ..SqlOptions::default() };
    SqlStorage::connect(url, options).await.unwrap()
}

/// Sends all at the same time.
async fn commit_at_once(storage: &SqlStorage, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
    join_all(transactions.into_iter().map(|transaction| storage.commit(transaction))).await
}

fn with_event(character: &Character) -> Transaction {
    create(character).with_event(event(character.id, 1))
}

fn renamed(character: &Character, name: &str, expect: Expect) -> Transaction {
    let entity = Character { name: name.to_owned(), ..character.clone() };
    Transaction::new().with(Change::Replace { entity, expect })
}

/// The numbers of the transactions of the database.
fn ticks(outcomes: &[Result<Committed>]) -> BTreeSet<Tick> {
    outcomes.iter().flatten().map(|committed| committed.tick).collect()
}

async fn name_of(storage: &SqlStorage, id: CharacterId) -> Option<(String, Revision)> {
    let found = Store::<Character>::find(storage, id, Deleted::Include).await.unwrap().value;
    found.map(|found| (found.name, found.meta.revision))
}

#[tokio::test]
async fn commits_that_wait_share_a_transaction_and_each_has_its_entry_of_the_log() {
    let storage = open().await;
    let mut few = None;
    for _ in 0..TRIES {
        let start = storage.head().await.unwrap();
        let characters: Vec<_> = (0..100).map(|number| character(&number.to_string())).collect();
        let outcomes = commit_at_once(&storage, characters.iter().map(with_event).collect()).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        each_is_applied_and_logged_once(&storage, &start, &characters, &outcomes).await;
        few = Some(ticks(&outcomes).len()).filter(|few| *few < 20);
        if few.is_some() {
            break;
        }
    }
    assert!(few.is_some(), "no hundred of commits had fewer than 20 transactions");
}

async fn each_is_applied_and_logged_once(
    storage: &SqlStorage,
    start: &LogCursor,
    characters: &[Character],
    outcomes: &[Result<Committed>],
) {
    for character in characters {
        assert_eq!(name_of(storage, character.id).await, Some((character.name.clone(), Revision::FIRST)));
    }
    let batch = storage.follow(start, 1_000, Duration::ZERO).await.unwrap();
    let logged: BTreeSet<TransactionId> = batch.commits.iter().map(|commit| commit.transaction).collect();
    let subjects: BTreeSet<_> =
        batch.commits.iter().flat_map(|commit| &commit.events).map(|event| event.subject).collect();
    assert_eq!((logged.len(), batch.commits.len()), (100, 100));
    assert_eq!(subjects, characters.iter().map(|character| character.id).collect());
    for (commit, outcome) in batch
        .commits
        .iter()
        .map(|commit| (commit, outcomes.iter().flatten().find(|outcome| outcome.id == commit.transaction).unwrap()))
    {
        assert_eq!((commit.tick, commit.rows.as_ref()), (outcome.tick, Some(&outcome.changes)));
    }
}

#[tokio::test]
async fn what_is_refused_in_a_group_changes_nothing_and_all_others_are_applied() {
    let storage = open().await;
    let (known, repeated, reused) = (character("known"), character("repeated"), character("reused"));
    let repeat = create(&repeated);
    let other = Transaction { id: TransactionId::new(), ..create(&reused) };
    for transaction in [create(&known), repeat.clone(), other.clone()] {
        storage.commit(transaction).await.unwrap();
    }
    let new: Vec<_> = (0..20).map(|number| character(&number.to_string())).collect();
    let absent = character("absent");
    let mut transactions: Vec<_> = new.iter().map(create).collect();
    transactions.extend([
        renamed(&known, "too late", Expect::Revision(Revision(7))),
        create(&known),
        repeat,
        Transaction { id: other.id, ..create(&character("other")) },
        renamed(&absent, "absent", Expect::Any),
    ]);
    let outcomes = commit_at_once(&storage, transactions).await;
    let (applied, judged) = outcomes.split_at(20);
    assert!(applied.iter().all(Result::is_ok), "{applied:?}");
    let kinds: Vec<_> = judged.iter().map(|outcome| outcome.as_ref().map_err(|error| error.kind().clone())).collect();
    assert!(
        matches!(
            kinds.as_slice(),
            [
                Err(ErrorKind::Conflict { expected: Revision(7), actual: Revision(1) }),
                Err(ErrorKind::AlreadyExists),
                Ok(_),
                Err(ErrorKind::TransactionReused),
                Err(ErrorKind::NotFound),
            ]
        ),
        "{kinds:?}"
    );
    for character in &new {
        assert!(name_of(&storage, character.id).await.is_some());
    }
    assert_eq!(name_of(&storage, known.id).await, Some(("known".into(), Revision::FIRST)));
    assert_eq!(name_of(&storage, repeated.id).await, Some(("repeated".into(), Revision::FIRST)));
}

#[tokio::test]
async fn commits_share_a_transaction_whatever_is_refused_beside_them() {
    let storage = open().await;
    let (known, repeated) = (character("known"), create(&character("repeated")));
    for transaction in [create(&known), repeated.clone()] {
        storage.commit(transaction).await.unwrap();
    }
    let late = |_| renamed(&known, "too late", Expect::Revision(Revision(7)));
    let reused = |_| Transaction { id: repeated.id, ..create(&character("other")) };
    let partly = |_| {
        let (new, absent) = (character("undone"), character("absent"));
        create(&new).with(Change::Replace { entity: absent, expect: Expect::Any })
    };
    let refusals: [(&str, &dyn Fn(usize) -> Transaction); 3] =
        [("late", &late), ("reused", &reused), ("partly", &partly)];
    for (name, refusal) in refusals {
        // A group that takes long lets others begin, so that a busy machine makes more and smaller ones.
        let mut fewest = usize::MAX;
        for _ in 0..TRIES {
            let new: Vec<_> = (0..100).map(|number| character(&number.to_string())).collect();
            let transactions = new.iter().enumerate().flat_map(|(number, new)| {
                let refused = (number % 20 == 0).then(|| refusal(number));
                refused.into_iter().chain([create(new)])
            });
            let outcomes = commit_at_once(&storage, transactions.collect()).await;
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 5, "{outcomes:?}");
            fewest = fewest.min(ticks(&outcomes).len());
            for new in &new {
                assert_eq!(name_of(&storage, new.id).await, Some((new.name.clone(), Revision::FIRST)));
            }
            if fewest < 20 {
                break;
            }
        }
        assert!(fewest < 20, "{name}: {fewest}");
    }
    let all = Store::<Character>::list(&storage, &CharacterQuery::default(), PageRequest::default()).await.unwrap();
    assert!(all.value.items.iter().all(|row| row.name != "undone" && row.name != "too late"));
}

#[tokio::test]
async fn refusals_of_hot_rows_fail_no_other_commit() {
    let storage = open().await;
    let hot: Vec<_> = (0..4).map(|number| character(&number.to_string())).collect();
    commit_at_once(&storage, hot.iter().map(create).collect()).await;
    for _ in 0..10 {
        // Each makes one of its two writes before the other one is refused.
        let stale = (0..40).map(|number| {
            let late = Change::Replace { entity: hot[number % 4].clone(), expect: Expect::Revision(Revision(7)) };
            create(&character("undone")).with(late)
        });
        let new: Vec<_> = (0..40).map(|number| create(&character(&number.to_string()))).collect();
        let outcomes = commit_at_once(&storage, stale.zip(new).flat_map(<[_; 2]>::from).collect()).await;
        for pair in outcomes.chunks(2) {
            assert!(matches!(pair[0].as_ref().unwrap_err().kind(), ErrorKind::Conflict { .. }), "{:?}", pair[0]);
            assert!(pair[1].is_ok(), "{:?}", pair[1]);
        }
    }
}

#[tokio::test]
async fn of_many_commits_that_expect_one_revision_at_once_one_is_applied() {
    let storage = open().await;
    let contested = character("contested");
    storage.commit(create(&contested)).await.unwrap();
    let rivals = |number| renamed(&contested, &format!("{number}"), Expect::Revision(Revision::FIRST));
    let others: Vec<_> = (0..40).map(|number| character(&number.to_string())).collect();
    let transactions = (0..40).map(rivals).zip(others.iter().map(create)).flat_map(<[_; 2]>::from).collect();
    let outcomes = commit_at_once(&storage, transactions).await;
    let (rivals, others): (Vec<_>, Vec<_>) = outcomes.chunks(2).map(|pair| (pair[0].is_ok(), pair[1].is_ok())).unzip();
    assert_eq!(rivals.iter().filter(|applied| **applied).count(), 1);
    assert!(others.iter().all(|applied| *applied));
    assert_eq!(name_of(&storage, contested.id).await.map(|(_, revision)| revision), Some(Revision(2)));
}

#[tokio::test]
async fn a_group_does_not_wait_for_the_row_that_an_open_transaction_holds() {
    let url = PostgresServer::shared().fresh_schema_url();
    let storage = open_at(&url).await;
    let held = character("held");
    storage.commit(create(&held)).await.unwrap();
    let (operator, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    operator.batch_execute("BEGIN; UPDATE characters SET name = name").await.unwrap();

    let new: Vec<_> = (0..40).map(|number| character(&number.to_string())).collect();
    let mut waits = pin!(async {
        let first = new[..4].iter().map(create);
        let change = std::iter::once(renamed(&held, "changed", Expect::Any));
        let (change, new) = (first.chain(change), new[4..].iter().map(create));
        commit_at_once(&storage, change.chain(new).collect()).await
    });
    // The change alone is held up, and with it the end of them all.
    loop {
        assert!(waits.as_mut().now_or_never().is_none());
        let mut applied = 0;
        for character in &new {
            applied += usize::from(name_of(&storage, character.id).await.is_some());
        }
        if applied == new.len() {
            break;
        }
    }
    operator.batch_execute("COMMIT").await.unwrap();
    let outcomes = waits.await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(name_of(&storage, held.id).await, Some(("changed".into(), Revision(2))));
}

#[tokio::test]
async fn a_commit_that_waits_is_not_begun_when_its_caller_has_gone() {
    let storage = open().await;
    let (kept, gone): (Vec<_>, Vec<_>) = (0..20).map(|_| (character("kept"), character("gone"))).unzip();
    let all = join_all(kept.iter().map(|kept| storage.commit(create(kept))));
    let mut all = pin!(all);
    // They have the slots, or wait.
    assert!(all.as_mut().now_or_never().is_none());
    {
        let leaving = join_all(gone.iter().map(|gone| storage.commit(create(gone))));
        assert!(leaving.now_or_never().is_none());
    }
    let outcomes = all.await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    storage.commit(create(&character("last"))).await.unwrap();
    for gone in &gone {
        assert_eq!(name_of(&storage, gone.id).await, None);
    }
}

#[tokio::test]
async fn rows_that_are_looked_for_at_once_are_found_each_by_its_own_id() {
    let url = PostgresServer::shared().fresh_schema_url();
    let storage = open_at(&url).await;
    let characters: Vec<_> = (0..60).map(|number| character(&number.to_string())).collect();
    commit_at_once(&storage, characters.iter().map(create).collect()).await;
    let (deleted, damaged) = (characters[7].id, characters[9].id);
    let delete = Change::<Character>::Delete { id: deleted, expect: Expect::Any, at: now() };
    storage.commit(Transaction::new().with(delete)).await.unwrap();
    let (operator, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    operator.execute("UPDATE characters SET data = '{' WHERE id = $1", &[&damaged.0]).await.unwrap();

    let absent = character("absent");
    // Each is looked for three times, mostly by one statement.
    let all: Vec<_> = characters.iter().chain([&absent]).flat_map(|wanted| [wanted; 3]).collect();
    let finds = all.iter().map(|wanted| Store::<Character>::find(&storage, wanted.id, Deleted::Exclude));
    for (wanted, found) in all.iter().zip(join_all(finds).await) {
        let name = found.map(|read| read.value.map(|found| found.name));
        match name {
            Err(error) if wanted.id == damaged => assert_eq!(error.kind(), &ErrorKind::Corrupt),
            name if wanted.id == deleted || wanted.id == absent.id => assert_eq!(name.unwrap(), None),
            name => assert_eq!(name.unwrap(), Some(wanted.name.clone())),
        }
    }
}

#[test]
fn a_runtime_that_ends_with_many_waiting_commits_ends_in_order() {
    let other = tokio::runtime::Runtime::new().unwrap();
    let storage = other.block_on(open());
    let contested = character("contested");
    other.block_on(storage.commit(create(&contested))).unwrap();
    let ending = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    ending.block_on(async {
        for number in 0..2_000 {
            let (storage, change) = (storage.clone(), renamed(&contested, &number.to_string(), Expect::Any));
            tokio::spawn(async move { storage.commit(change).await });
        }
        tokio::task::yield_now().await;
    });
    drop(ending);
    other.block_on(storage.commit(create(&character("later")))).unwrap();
    drop((storage, other));
}

#[tokio::test]
async fn an_operation_that_is_not_polled_keeps_no_others_waiting() {
    let storage = open().await;
    let mut held: Vec<_> = (0..4).map(|_| Box::pin(storage.commit(create(&character("held"))))).collect();
    for held in &mut held {
        assert!(held.now_or_never().is_none());
    }
    // If it waited for them, it would fail at its end.
    storage.commit(create(&character("next"))).await.unwrap();
    for outcome in join_all(held).await {
        outcome.unwrap();
    }
}
