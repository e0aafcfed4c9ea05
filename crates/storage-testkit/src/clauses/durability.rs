//! What a storage that keeps what it acknowledged has when it is opened again.

use super::snapshots::{fill, snapshot};
use crate::{
    Reopen,
    clauses::{
        cancellation::dropped_after,
        fields::odd,
        leases::{behind, lease, must_lease, rest, write},
    },
    kinds::{Sample, must_commit, must_refuse, one_of_each, page, with},
    sample::{
        Call, LONG, beginning, character, consumer, creation, event, follow_from, found, kept, logged, party, revision,
    },
};
use character_domain::{Character, CharacterId, Revision};
use character_storage_port::{
    Change, Committed, ErrorKind, Expect, HolderId, Limit, LogCursor, LoggedCommit, MAX_FOLLOWED, MAX_PARKED,
    PageRequest, StoragePort, Transaction, Write, every_kind,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::{
    slice,
    sync::{Arc, Mutex},
    time::Duration,
};
use uuid::Uuid;

/// The storage, closed and opened again.
async fn restarted(storage: Arc<dyn StoragePort>, reopen: Reopen<'_>) -> Arc<dyn StoragePort> {
    drop(storage);
    reopen().await
}

async fn listed<E: Sample>(storage: &dyn StoragePort, lists: &Mutex<Vec<Value>>) {
    for query in [E::every_live(), with(&E::every_live(), E::include_deleted)] {
        let page = page::<E>(storage, &query, PageRequest::first(Limit::MAX)).await;
        lists.lock().expect("no panic holds it").push(json!(page.items));
    }
}

async fn lists(storage: &dyn StoragePort) -> Vec<Value> {
    let lists = Mutex::default();
    every_kind!(Row => listed::<Row>(storage, &lists).await);
    lists.into_inner().expect("no panic held it")
}

/// Rows of every kind, deleted ones included, are in a storage that is opened again as they were acknowledged, by every read, and
/// count on from their revisions.
pub async fn rows_survive_a_restart(mut storage: Arc<dyn StoragePort>, reopen: Reopen<'_>) {
    every_kind!(Row => fill::<Row>(&storage, &Mutex::default()).await);
    let rows = one_of_each(Uuid::new_v4);
    let all = |write: fn(&crate::kinds::SomeRow) -> &Write| Transaction {
        writes: rows.iter().map(|row| write(row).clone()).collect(),
        ..Transaction::new()
    };
    let changes = [all(|row| &row.create), all(|row| &row.replace), all(|row| &row.delete), all(|row| &row.restore)];
    for (change, call) in changes.into_iter().zip(Call::BOTH.iter().copied().cycle()) {
        call.commit_one(&*storage, change).await.expect("no other call writes");
    }
    let imported = with(&Character::full(), |row| row.meta.revision = Revision(1 << 40));
    must_commit(&*storage, Change::Import(imported.clone())).await;
    must_commit(&*storage, Change::Create(Character { data: odd(), ..character() })).await;
    for round in 0..2 {
        let (held, read) = (snapshot(&*storage).await, lists(&*storage).await);
        storage = restarted(storage, reopen).await;
        let again = snapshot(&*storage).await;
        assert_eq!(again.len(), held.len());
        for (again, held) in again.iter().zip(&held) {
            assert_eq!(again, held);
        }
        assert!(lists(&*storage).await == read, "a list differs after the restart");
        let replace = |expect| Change::Replace { entity: imported.changed(), expect };
        let error = must_refuse(&*storage, replace(revision(1))).await;
        let actual = Revision((1 << 40) + round);
        assert_eq!(error.kind(), &ErrorKind::Conflict { expected: Revision(1), actual });
        must_commit(&*storage, replace(Expect::Revision(actual))).await;
    }
}

/// What was acknowledged last is there, however soon afterwards the storage is closed.
pub async fn the_last_commit_survives_a_restart(mut storage: Arc<dyn StoragePort>, reopen: Reopen<'_>) {
    for (number, call) in (1..=6).zip(Call::BOTH.iter().copied().cycle()) {
        let row = character();
        let transaction = creation(slice::from_ref(&row)).with_event(event(row.id, number as u64));
        call.commit_one(&*storage, transaction.clone()).await.expect("the row is new");
        storage = restarted(storage, reopen).await;
        assert_eq!(found(&*storage, row.id).await, Some(row), "after {call:?}");
        let logged = logged(&*storage).await;
        assert_eq!(logged.len(), number, "entries of the log");
        let last = &logged[number - 1];
        assert_eq!((last.transaction, &last.events), (transaction.id, &transaction.events));
    }
}

/// Hundreds of commits of concurrent callers are there after a restart, as they were acknowledged: the log has all of them in the
/// same order, and each row is as the last of them left it.
pub async fn hundreds_of_concurrent_commits_survive_a_restart_in_their_order(
    mut storage: Arc<dyn StoragePort>,
    reopen: Reopen<'_>,
) {
    let rows = party(4);
    storage.commit(creation(&rows)).await.expect("the rows are new");
    for round in 0..2 {
        let writers = (0..8).map(|writer| {
            let (storage, rows) = (Arc::clone(&storage), rows.clone());
            tokio::spawn(async move {
                for (number, call) in (0..50).zip(Call::BOTH.iter().copied().cycle()) {
                    let name = format!("{round}.{writer}.{number}");
                    let row = Character { name, ..rows[number % rows.len()].clone() };
                    let change = Transaction::new().with(Change::Replace { entity: row, expect: Expect::Any });
                    call.commit_one(&*storage, change).await.expect("any revision is expected");
                }
            })
        });
        for writer in join_all(writers).await {
            writer.expect("the writer ends");
        }
        let (held, written) = (snapshot(&*storage).await, logged(&*storage).await);
        storage = restarted(storage, reopen).await;
        assert_eq!(snapshot(&*storage).await, held);
        let again = logged(&*storage).await;
        assert_eq!(again.len(), written.len(), "entries of the log");
        for (again, written) in again.iter().zip(&written) {
            assert_eq!(again, written);
        }
    }
}

/// What a read has shown of a commit whose call was dropped is there after a restart.
pub async fn what_a_dropped_commit_has_shown_survives_a_restart(mut storage: Arc<dyn StoragePort>, reopen: Reopen<'_>) {
    for (polls, call) in (0..16).zip(Call::BOTH.iter().copied().cycle()) {
        let row = character();
        dropped_after(polls, call.commit_one(&*storage, creation(slice::from_ref(&row)))).await;
        let shown = found(&*storage, row.id).await;
        storage = restarted(storage, reopen).await;
        let again = found(&*storage, row.id).await;
        assert!(shown.is_none() || again == shown, "{again:?} after {shown:?} was shown, dropped after {polls} polls");
    }
}

/// A repeat after a restart gives the first answer, another request with its id is refused, also one that differs in its events alone, and what was refused before may be
/// sent again.
pub async fn repeats_are_known_after_a_restart(mut storage: Arc<dyn StoragePort>, reopen: Reopen<'_>) {
    let answers = [Some(kept(&json!({ "text": "Ärger \u{1f409}" }))), Some(kept(&Value::Null)), None];
    let (mut rows, mut first): (Vec<CharacterId>, Vec<(Transaction, Committed)>) = (Vec::new(), Vec::new());
    for answer in answers {
        for &call in Call::BOTH {
            let row = character();
            let transaction = Transaction { answer: answer.clone(), ..creation(slice::from_ref(&row)) };
            let transaction = transaction.with_event(event(row.id, 1));
            let committed = call.commit_one(&*storage, transaction.clone()).await.expect("the row is new");
            first.push((transaction, committed));
            must_commit(&*storage, Change::Replace { entity: row.clone(), expect: revision(1) }).await;
            rows.push(row.id);
        }
    }
    let late = character();
    let refused = Transaction::new().with(Change::Replace { entity: late.clone(), expect: Expect::Any });
    storage.commit(refused.clone()).await.expect_err("the row is absent");
    for _ in 0..2 {
        storage = restarted(storage, reopen).await;
        for (transaction, committed) in &first {
            for &call in Call::BOTH {
                let repeat = call.commit_one(&*storage, transaction.clone()).await.expect("it is a repeat");
                assert_eq!(&repeat, committed, "by {call:?}");
                let other = Transaction { id: transaction.id, ..creation(&[character()]) };
                let without_event = Transaction { events: Vec::new(), ..transaction.clone() };
                for other in [other, without_event] {
                    let error = call.commit_one(&*storage, other).await.expect_err("the id was used");
                    assert_eq!(error.kind(), &ErrorKind::TransactionReused, "by {call:?}");
                }
            }
        }
        for row in &rows {
            let revision = found(&*storage, *row).await.map(|row| row.meta.revision);
            assert_eq!(revision, Some(Revision(2)), "a repeat was applied");
        }
        assert_eq!(logged(&*storage).await.len(), 2 * first.len(), "entries of the log");
    }
    storage.commit(creation(&[late])).await.expect("the row is new");
    storage.commit(refused).await.expect("the row is there by now");
}

/// The log continues after a restart: its entries stay the same, every cursor of before leads to the rest, and later commits have
/// higher ticks.
pub async fn the_log_goes_on_after_a_restart(mut storage: Arc<dyn StoragePort>, reopen: Reopen<'_>) {
    let mut places: Vec<LogCursor> = vec![beginning(&*storage).await];
    let mut entries: Vec<Arc<LoggedCommit>> = Vec::new();
    let mut before = character();
    for round in 0..3 {
        for (number, call) in (0..4).zip(Call::BOTH.iter().copied().cycle()) {
            let row = character();
            let traceparent = (number == 1).then(|| "00-trace".to_owned());
            let mut transaction = Transaction { traceparent, ..creation(slice::from_ref(&row)) };
            if number == 3 {
                transaction = transaction.with(Change::Replace { entity: before.changed(), expect: Expect::Any });
            }
            before = row.clone();
            let transaction = transaction.with_event(event(row.id, number)).with_event(event(row.id, number + 1));
            let committed = call.commit_one(&*storage, transaction).await.expect("the row is new");
            let last = places.last().expect("there is the beginning");
            let batch = storage.follow(last, 1, Duration::ZERO).await.expect("the cursor is good");
            assert_eq!(batch.commits.len(), 1, "commits behind the last cursor in round {round}");
            let entry = Arc::clone(&batch.commits[0]);
            assert_eq!((entry.transaction, entry.tick), (committed.id, committed.tick));
            assert!(entries.last().is_none_or(|last| last.tick < entry.tick), "{entry:?} after {entries:?}");
            entries.push(entry);
            places.push(batch.next);
        }
        let head = storage.head().await.expect("the head is answered");
        storage = restarted(storage, reopen).await;
        let epoch = storage.head().await.expect("the head is answered").epoch();
        for (passed, place) in places.iter().enumerate() {
            assert_eq!(place.epoch(), epoch, "the epoch of a cursor behind {passed} commits");
            let (received, _) = follow_from(&*storage, place.clone(), MAX_FOLLOWED).await;
            assert_eq!(received, entries[passed..], "behind {passed} commits");
        }
        let later = write(&*storage, 1).await;
        let behind_the_head = rest(&*storage, &head).await;
        assert_eq!(behind_the_head.last(), later.last());
        // It is not among those whose places are known.
        let (mut received, next) = follow_from(&*storage, places[places.len() - 1].clone(), MAX_FOLLOWED).await;
        assert_eq!(received.len(), 1);
        assert!(entries.last().is_some_and(|last| last.tick < received[0].tick), "{received:?} after {entries:?}");
        entries.append(&mut received);
        places.push(next);
    }
}

/// Consumers survive a restart: their names, how far each has come, who holds them by which token, and their parked events with
/// reasons, times and marks.
pub async fn consumers_survive_a_restart(mut storage: Arc<dyn StoragePort>, reopen: Reopen<'_>) {
    let ids = write(&*storage, 6).await;
    let (name, holder) = (consumer(), HolderId::new());
    let leased = must_lease(&*storage, &name, holder).await;
    let passed = behind(&*storage, &leased.cursor, 2).await;
    storage.advance(&leased.token, &passed).await.expect("the lease is held");
    let mut events: Vec<_> = (0..3).map(|number| event(character().id, number)).collect();
    events.sort_by_key(|event| event.id);
    for event in &events {
        storage.park(&leased.token, event, "refused: \u{1f409}").await.expect("the lease is held");
    }
    storage.unpark(&name, &[events[1].id]).await.expect("an unpark is answered");
    let free = consumer();
    let released = must_lease(&*storage, &free, HolderId::new()).await;
    let end = behind(&*storage, &released.cursor, 6).await;
    storage.advance(&released.token, &end).await.expect("the lease is held");
    storage.release(&released.token).await.expect("a release is answered");
    let parked =
        async |storage: &dyn StoragePort| storage.parked(&name, None, MAX_PARKED).await.expect("a list is answered");
    for left in [4, 3] {
        let (states, set_aside) = (storage.consumers().await.expect("a list is answered"), parked(&*storage).await);
        let before = must_lease(&*storage, &name, holder).await;
        storage = restarted(storage, reopen).await;
        assert_eq!(storage.consumers().await.expect("a list is answered"), states);
        assert_eq!(parked(&*storage).await, set_aside);
        assert_eq!(lease(&*storage, &name, HolderId::new(), LONG).await, None, "another holder got the lease");
        let after = must_lease(&*storage, &name, holder).await;
        assert_eq!((&after.token, &after.replays), (&before.token, &before.replays));
        assert_eq!(rest(&*storage, &after.cursor).await, ids[6 - left..]);
        // The token of before still moves it.
        let to = behind(&*storage, &after.cursor, 1).await;
        storage.advance(&leased.token, &to).await.expect("the lease is held");
        storage.park(&leased.token, &events[2], "refused again").await.expect("the lease is held");
        let other = must_lease(&*storage, &free, HolderId::new()).await;
        assert_eq!(rest(&*storage, &other.cursor).await, []);
        storage.release(&other.token).await.expect("a release is answered");
    }
}
