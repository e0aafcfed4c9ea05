//! Invariant 1: a commit is atomic, events included.

use crate::sample::{
    character, commit, create, creation, deletion, event, found, list, logged_events, must, names, numbers, of_user,
    party, replacement, restoration, revision,
};
use character_domain::{Character, CharacterId, UserId};
use character_storage_port::{
    Change, CharacterQuery, ErrorKind, Expect, MAX_EVENTS, MAX_WRITES, StoragePort, Transaction,
};
use std::sync::Arc;

/// Every row and every event of a transaction is there once it is committed.
pub async fn a_commit_applies_every_write(storage: Arc<dyn StoragePort>) {
    let rows = party(20);
    let mut transaction = creation(&rows);
    for row in &rows {
        transaction = transaction.with_event(event(row.id, 1));
    }
    storage.commit(transaction).await.expect("twenty new rows are allowed");
    for row in &rows {
        assert_eq!(found(&storage, row.id).await.as_ref(), Some(row));
    }
    assert_eq!(logged_events(&storage).await.len(), 20);
}

/// Creates, replacements, deletions and restorations go into one transaction together.
pub async fn a_transaction_mixes_every_kind_of_change(storage: Arc<dyn StoragePort>) {
    let rows = party(4);
    create(&storage, &rows[..3]).await;
    must(&storage, deletion(rows[2].id, Expect::Any)).await;
    let renamed = Character { name: "Renamed".to_owned(), ..rows[0].clone() };
    let mixed = Transaction::new()
        .with(Change::Create(rows[3].clone()))
        .with(replacement(&renamed, revision(1)))
        .with(deletion(rows[1].id, revision(1)))
        .with(restoration(rows[2].id, revision(2)));
    let written = storage.commit(mixed).await.expect("each change is allowed").written;
    let revisions: Vec<u64> = written.iter().map(|meta| meta.revision.0).collect();
    assert_eq!(revisions, [1, 2, 2, 3]);
    let live = CharacterQuery { user_id: Some(rows[0].user_id), ..CharacterQuery::live() };
    assert_eq!(names(&list(&storage, &live).await), ["Member 3", "Member 2", "Renamed"]);
}

/// The outcome names revision and times of each row in the order of the writes.
pub async fn outcomes_are_in_the_order_of_the_writes(storage: Arc<dyn StoragePort>) {
    let mut rows = party(9);
    rows.rotate_left(4);
    let committed = storage.commit(creation(&rows)).await.expect("nine new rows are allowed");
    let expected: Vec<_> = rows.iter().map(|row| row.meta).collect();
    assert_eq!(committed.written, expected);
}

/// Wherever in a transaction the refused write is, none of the other writes and no event takes effect.
pub async fn a_refused_write_undoes_the_whole_transaction(storage: Arc<dyn StoragePort>) {
    let present = character();
    create(&storage, std::slice::from_ref(&present)).await;
    for place in 0..3 {
        let mut changes: Vec<_> = party(2).into_iter().map(Change::Create).collect();
        let others: Vec<CharacterId> = changes.iter().map(Change::id).collect();
        changes.insert(place, replacement(&present, revision(7)));
        let mut transaction = Transaction::new().with_event(event(present.id, 1));
        for change in changes {
            transaction = transaction.with(change);
        }
        storage.commit(transaction).await.expect_err("one write expects a revision that never was");
        for id in others {
            assert_eq!(found(&storage, id).await, None, "a write beside the refused one (place {place}) was applied");
        }
    }
    assert_eq!(found(&storage, present.id).await, Some(present));
    assert_eq!(logged_events(&storage).await, [], "a refused transaction brought an event");
}

/// A transaction with one invalid row changes nothing, and the violation names the place.
pub async fn an_invalid_write_undoes_the_whole_transaction(storage: Arc<dyn StoragePort>) {
    let mut rows = party(3);
    rows[1].name = String::new();
    let error = storage.commit(creation(&rows)).await.expect_err("an empty name is invalid");
    let ErrorKind::Invalid(violations) = error.kind() else { panic!("{error}") };
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["writes[1].name"]);
    assert_eq!(list(&storage, &of_user(rows[0].user_id)).await, []);
}

/// A row that is already there makes a whole bulk creation fail.
pub async fn a_bulk_creation_is_all_or_nothing(storage: Arc<dyn StoragePort>) {
    let rows = party(30);
    create(&storage, &rows[29..]).await;
    let error = storage.commit(creation(&rows)).await.expect_err("the last row exists");
    assert_eq!(error.kind(), &ErrorKind::AlreadyExists);
    assert_eq!(list(&storage, &of_user(rows[0].user_id)).await, rows[29..]);
}

/// No list ever shows some of the rows that one transaction creates and not the others.
pub async fn a_list_never_shows_half_a_transaction(storage: Arc<dyn StoragePort>) {
    let user = UserId::new();
    let writer = {
        let storage = Arc::clone(&storage);
        tokio::spawn(async move {
            for _ in 0..25 {
                let pair: Vec<_> = party(2).into_iter().map(|row| Character { user_id: user, ..row }).collect();
                create(&storage, &pair).await;
            }
        })
    };
    let mut last_look = false;
    loop {
        let rows = list(&storage, &of_user(user)).await.len();
        assert!(rows.is_multiple_of(2), "a list shows {rows} rows while they are created in pairs");
        if last_look {
            assert_eq!(rows, 50);
            break;
        }
        last_look = writer.is_finished();
        // A storage that answers without waiting must still let the writer run.
        tokio::task::yield_now().await;
    }
    writer.await.expect("every pair is created");
}

/// The log tells the events of a transaction as soon as it is committed.
pub async fn events_come_with_their_transaction(storage: Arc<dyn StoragePort>) {
    let row = character();
    let transaction = creation(std::slice::from_ref(&row)).with_event(event(row.id, 1)).with_event(event(row.id, 2));
    let events = transaction.events.clone();
    assert_eq!(logged_events(&storage).await, []);
    storage.commit(transaction).await.expect("a new row is allowed");
    let told = logged_events(&storage).await;
    assert_eq!(told, events);
}

/// A transaction may bring events and no write.
pub async fn a_transaction_of_events_alone_commits(storage: Arc<dyn StoragePort>) {
    let subject = CharacterId::new();
    let transaction = Transaction::new().with_event(event(subject, 3));
    let committed = storage.commit(transaction).await.expect("events alone are allowed");
    assert_eq!(committed.written, []);
    assert_eq!(numbers(&logged_events(&storage).await, subject), [3]);
}

/// A transaction without writes and events commits.
pub async fn an_empty_transaction_commits(storage: Arc<dyn StoragePort>) {
    let transaction = Transaction::new();
    let committed = storage.commit(transaction.clone()).await.expect("nothing is wrong with it");
    assert_eq!((committed.id, committed.written.len(), committed.answer), (transaction.id, 0, None));
}

/// A transaction that writes one row twice is `Invalid`.
pub async fn a_row_written_twice_in_one_transaction_is_invalid(storage: Arc<dyn StoragePort>) {
    let row = character();
    let twice = creation(&[row.clone(), row.clone()]);
    let error = storage.commit(twice).await.expect_err("the row is written twice");
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
    let created_and_replaced = creation(std::slice::from_ref(&row)).with(replacement(&row, Expect::Any));
    let error = storage.commit(created_and_replaced).await.expect_err("the row is written twice");
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
    assert_eq!(found(&storage, row.id).await, None);
}

/// A transaction of more than `MAX_WRITES` writes is `Invalid`.
pub async fn too_many_writes_are_invalid(storage: Arc<dyn StoragePort>) {
    let row = character();
    let mut transaction = creation(std::slice::from_ref(&row));
    for _ in 0..MAX_WRITES {
        transaction = transaction.with(deletion(CharacterId::new(), Expect::Any));
    }
    let error = storage.commit(transaction).await.expect_err("one write too many");
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
    assert_eq!(found(&storage, row.id).await, None);
}

/// A transaction of more than `MAX_EVENTS` events is `Invalid`.
pub async fn too_many_events_are_invalid(storage: Arc<dyn StoragePort>) {
    let subject = CharacterId::new();
    let number = u64::try_from(MAX_EVENTS).unwrap_or(u64::MAX);
    let mut transaction = Transaction::new();
    transaction.events = (0..=number).map(|number| event(subject, number)).collect();
    let error = storage.commit(transaction).await.expect_err("one event too many");
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
    assert_eq!(logged_events(&storage).await, []);
}

/// A transaction of a thousand rows commits.
pub async fn a_transaction_of_a_thousand_rows_commits(storage: Arc<dyn StoragePort>) {
    let rows = party(1000);
    create(&storage, &rows).await;
    let mut held = list(&storage, &of_user(rows[0].user_id)).await;
    held.reverse();
    assert!(held == rows, "the thousand rows must come back as they were created");
    commit(&storage, replacement(&rows[999], revision(1))).await.expect("each of them can be changed");
}
