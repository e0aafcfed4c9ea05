//! What an entry of the log says of its commit.

use crate::{
    kinds::{Sample, must_commit, one_of_each, twin, with},
    sample::{
        at, beginning, character, create, creation, deletion, event, follow_from, kept, logged, must, party,
        replacement, with_data,
    },
};
use character_domain::{Character, Document, Meta, Revision};
use character_storage_port::{
    Change, Committed, Entity, ErrorKind, Expect, LoggedCommit, MAX_FOLLOWED, RowChange, Scope, StoragePort,
    Transaction, Write, every_kind,
};
use serde_json::json;
use std::{slice, sync::Arc};
use uuid::Uuid;

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The only commit that the storage keeps.
async fn only_entry(storage: &dyn StoragePort) -> Arc<LoggedCommit> {
    let mut entries = logged(storage).await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

fn sorted(mut owners: Vec<Scope>) -> Vec<Scope> {
    owners.sort();
    owners
}

/// An entry names kind, id and revision of each row in the order of the writes, whatever that order is.
pub async fn an_entry_names_each_row_in_the_order_of_the_writes(storage: Arc<dyn StoragePort>) {
    let start = beginning(&*storage).await;
    let mut rows = one_of_each(Uuid::new_v4);
    rows.rotate_left(4);
    rows.swap(0, 7);
    let id_of_all = Uuid::new_v4();
    let same_id = one_of_each(|| id_of_all);
    rows.extend(same_id);
    let all = |write: fn(&crate::kinds::SomeRow) -> Write| Transaction {
        writes: rows.iter().map(write).collect(),
        ..Transaction::new()
    };
    let mut mixed = all(|row| row.create.clone());
    for (revision, writes) in [
        (1, all(|row| row.create.clone())),
        (2, all(|row| row.replace.clone())),
        (3, all(|row| row.delete.clone())),
        (4, all(|row| row.restore.clone())),
    ] {
        storage.commit(writes).await.expect("each change is allowed");
        let entries = follow_from(&*storage, start.clone(), MAX_FOLLOWED).await.0;
        let named: Vec<_> = entries.last().and_then(|entry| entry.rows.as_ref()).into_iter().flatten().collect();
        let named: Vec<_> = named.iter().map(|row| (row.kind, row.id, row.revision.0)).collect();
        assert_eq!(named, rows.iter().map(|row| (row.kind, row.id, revision)).collect::<Vec<_>>());
    }
    // One change of each sort in one transaction.
    let (new, deleted) = (party(2), character());
    create(&*storage, slice::from_ref(&deleted)).await;
    must(&*storage, deletion(deleted.id, Expect::Any)).await;
    mixed.writes = vec![
        rows[3].replace.clone(),
        Character::write(Change::Create(new[1].clone())),
        rows[0].delete.clone(),
        Character::write(Change::Restore { id: deleted.id, expect: Expect::Any, at: at(3) }),
        Character::write(Change::Create(new[0].clone())),
    ];
    let id = mixed.id;
    storage.commit(mixed).await.expect("each change is allowed");
    let entries = logged(&*storage).await;
    let entry = entries.iter().find(|entry| entry.transaction == id).expect("it is logged");
    let named: Vec<_> = entry.rows.iter().flatten().map(|row| (row.id, row.revision.0)).collect();
    assert_eq!(named, [(rows[3].id, 5), (new[1].id.0, 1), (rows[0].id, 5), (deleted.id.0, 3), (new[0].id.0, 1)]);
}

async fn names_owners<E: Sample>(storage: &Arc<dyn StoragePort>) {
    let start = storage.head().await.expect("the head is answered");
    let full = E::full();
    let (moved, bare, expect) = (full.changed(), full.bare(), Expect::Any);
    let imported = with(&twin(&full), |row| {
        *row.meta_mut() =
            Meta { revision: Revision(7), created_at: at(0), updated_at: at(20), deleted_at: Some(at(20)) };
    });
    let none = Vec::new;
    let steps = [
        (Change::Create(full.clone()), 1, none(), full.owners()),
        (Change::Replace { entity: moved.clone(), expect }, 2, full.owners(), moved.owners()),
        (Change::Delete { id: full.id(), expect, at: at(3) }, 3, moved.owners(), moved.owners()),
        (Change::Revive { entity: full.clone(), expect }, 4, moved.owners(), full.owners()),
        (Change::Replace { entity: bare.clone(), expect }, 5, full.owners(), bare.owners()),
        (Change::Replace { entity: full.clone(), expect }, 6, bare.owners(), full.owners()),
        (Change::Delete { id: full.id(), expect, at: at(7) }, 7, full.owners(), full.owners()),
        (Change::Restore { id: full.id(), expect, at: at(8) }, 8, full.owners(), full.owners()),
        (Change::Import(imported.clone()), 7, none(), imported.owners()),
        (Change::Create(twin(&bare)), 1, none(), bare.owners()),
    ];
    let mut expected = Vec::new();
    for (change, revision, before, after) in steps {
        let id = change.id().into();
        must_commit(storage, change).await;
        expected.push((id, revision, sorted(before), sorted(after)));
    }
    let described = |row: &RowChange| {
        assert_eq!(row.kind, E::KIND);
        (row.id, row.revision.0, sorted(row.before.clone()), sorted(row.after.clone()))
    };
    let entries = follow_from(&**storage, start, MAX_FOLLOWED).await.0;
    let rows = entries.iter().flat_map(|entry| entry.rows.iter().flatten());
    let described: Vec<_> = rows.filter(|row| row.kind == E::KIND).map(described).collect();
    assert_eq!(described, expected, "the changes of {}", E::KIND);
}

/// An entry names the owners of a row before and after every change of every kind: creation, import, a replacement that
/// moves the row, deletion, restoration and revival. An absent row has none before, and a deleted row keeps its own.
pub async fn an_entry_names_the_owners_before_and_after_every_change(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => names_owners::<Row>(&storage).await);
}

/// The names of the members that differ, `meta` aside.
fn differing<E: Entity>(before: &E, after: &E) -> Vec<String> {
    let (before, after) = (json!(before), json!(after));
    let names = before.as_object().into_iter().flat_map(|row| row.keys());
    let mut names: Vec<_> = names.filter(|name| *name != "meta" && before[*name] != after[*name]).cloned().collect();
    names.sort_unstable();
    names
}

async fn names_changed_fields<E: Sample>(storage: &Arc<dyn StoragePort>) {
    let start = storage.head().await.expect("the head is answered");
    let full = E::full();
    let (changed, bare, expect) = (full.changed(), full.bare(), Expect::Any);
    let (id, none) = (full.id(), Vec::new);
    let mut steps = vec![
        (Change::Create(full.clone()), none()),
        (Change::Replace { entity: full.clone(), expect }, none()),
        (Change::Replace { entity: changed.clone(), expect }, differing(&full, &changed)),
        (Change::Delete { id, expect, at: at(3) }, none()),
        (Change::Revive { entity: full.clone(), expect }, differing(&changed, &full)),
        (Change::Replace { entity: bare.clone(), expect }, differing(&full, &bare)),
        (Change::Replace { entity: full.clone(), expect }, differing(&bare, &full)),
        (Change::Delete { id, expect, at: at(7) }, none()),
        (Change::Restore { id, expect, at: at(8) }, none()),
        (Change::Import(twin(&full)), none()),
    ];
    let texts = E::texts().into_iter().map(|(_, set)| with(&full, |row| set(row, "Changed".to_owned())));
    let others = E::documents().into_iter().map(|(_, set)| with(&full, |row| set(row, Document::default())));
    for entity in texts.chain(others).collect::<Vec<_>>() {
        let fields = differing(&full, &entity);
        assert_eq!(fields.len(), 1, "one field of {} differs", E::KIND);
        steps.push((Change::Replace { entity: entity.clone(), expect }, fields));
        steps.push((Change::Replace { entity: full.clone(), expect }, differing(&entity, &full)));
    }
    let mut expected = Vec::new();
    for (change, fields) in steps {
        must_commit(storage, change).await;
        expected.push(fields);
    }
    let entries = follow_from(&**storage, start, MAX_FOLLOWED).await.0;
    let rows = entries.iter().flat_map(|entry| entry.rows.iter().flatten()).filter(|row| row.kind == E::KIND);
    let named: Vec<Vec<_>> = rows.map(|row| row.changed.iter().map(|field| field.to_string()).collect()).collect();
    assert_eq!(named, expected, "the changed fields of {}", E::KIND);
}

/// An entry names the fields that a replacement or a revival has changed, for every kind of row, in alphabetical order and
/// without `meta`. It names none for a creation, an import, a deletion, a restoration, and a replacement by an equal state.
pub async fn an_entry_names_the_fields_that_changed(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => names_changed_fields::<Row>(&storage).await);
}

/// An entry holds nothing of the contents of its rows or of the answer that is kept with the transaction.
pub async fn an_entry_holds_no_contents(storage: Arc<dyn StoragePort>) {
    let secret = "only-the-players-know";
    let row = Character { name: secret.to_owned(), theme: secret.to_owned(), ..character() };
    let row = with_data(row, &json!({ secret: { "nested": secret } }));
    let answer = Some(kept(&json!({ "row": row })));
    storage.commit(Transaction { answer, ..creation(slice::from_ref(&row)) }).await.expect("the row is new");
    must(&*storage, replacement(&row, Expect::Any)).await;
    let entries = json!(logged(&*storage).await.iter().map(|entry| (**entry).clone()).collect::<Vec<_>>()).to_string();
    assert!(entries.contains(&row.id.to_string()) && !entries.contains(secret), "{entries}");
}

/// An entry holds every event of its transaction, complete and in order, whatever their subjects are.
pub async fn an_entry_holds_its_events_in_their_order(storage: Arc<dyn StoragePort>) {
    let rows = party(3);
    let mut transaction = creation(&rows);
    for number in [7, 3, 11, 2, 5, 13, 1] {
        transaction = transaction.with_event(event(rows[number % 3].id, number as u64));
    }
    transaction.events[2].data =
        json!({ "text": "\u{1F409} \"quoted\" \\ \u{7}", "number": 1.5, "nothing": null, "list": [{}] });
    storage.commit(transaction.clone()).await.expect("the rows are new");
    let entry = only_entry(&*storage).await;
    assert_eq!((entry.transaction, &entry.events), (transaction.id, &transaction.events));
    let others: Vec<_> = (0..3).map(|number| Transaction::new().with_event(event(rows[0].id, number))).collect();
    for outcome in storage.commit_each(others.clone()).await {
        outcome.expect("events are allowed");
    }
    let events: Vec<_> = logged(&*storage).await.iter().map(|entry| entry.events.clone()).collect();
    let mut expected = vec![transaction.events];
    expected.extend(others.into_iter().map(|transaction| transaction.events));
    assert_eq!(events, expected);
}

/// The entry of a transaction with a thousand rows and a thousand events is complete.
pub async fn an_entry_of_a_thousand_rows_is_complete(storage: Arc<dyn StoragePort>) {
    let rows = party(1000);
    let events = rows.iter().zip(0..).map(|(row, number)| event(row.id, number)).collect();
    let transaction = Transaction { events, ..creation(&rows) };
    let committed = storage.commit(transaction.clone()).await.expect("the rows are new");
    let entry = only_entry(&*storage).await;
    assert!(entry.rows.as_ref() == Some(&committed.changes), "the rows differ from those that were acknowledged");
    assert!(entry.events == transaction.events, "the events differ from those that were committed");
    let ids: Vec<_> = committed.changes.iter().map(|change| change.id).collect();
    assert!(ids == rows.iter().map(|row| row.id.0).collect::<Vec<_>>(), "the rows are not those of the writes");
}

/// An entry holds the `traceparent` that its transaction was sent with, or none.
pub async fn an_entry_holds_the_traceparent(storage: Arc<dyn StoragePort>) {
    let with_trace = || Transaction { traceparent: Some(TRACEPARENT.to_owned()), ..Transaction::new() };
    storage.commit(with_trace()).await.expect("it is allowed");
    storage.commit(Transaction::new()).await.expect("it is allowed");
    for outcome in storage.commit_each(vec![Transaction::new(), with_trace()]).await {
        outcome.expect("it is allowed");
    }
    let traces: Vec<_> = logged(&*storage).await.iter().map(|entry| entry.traceparent.clone()).collect();
    let trace = Some(TRACEPARENT.to_owned());
    assert_eq!(traces, [trace.clone(), None, None, trace]);
}

/// A repeat with another `traceparent` is a repeat, and the entry keeps the first. One that is no visible ASCII text of at
/// most 128 characters is `Invalid`.
pub async fn a_traceparent_is_no_part_of_the_contents(storage: Arc<dyn StoragePort>) {
    let first = Transaction { traceparent: Some(TRACEPARENT.to_owned()), ..creation(&[character()]) };
    let committed = storage.commit(first.clone()).await.expect("the row is new");
    for traceparent in [None, Some(TRACEPARENT.replace('0', "1"))] {
        let repeat = Transaction { traceparent, ..first.clone() };
        assert_eq!(storage.commit(repeat).await.expect("a repeat is answered"), committed);
    }
    assert_eq!(only_entry(&*storage).await.traceparent, first.traceparent);
    for text in ["x".repeat(129), "00-a b".to_owned(), "00-\u{e4}".to_owned(), "00-\n".to_owned()] {
        let traced = Transaction { traceparent: Some(text), ..creation(&[character()]) };
        let error = storage.commit(traced).await.expect_err("it is no traceparent");
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
    }
    only_entry(&*storage).await;
}

/// Tick and changes in the outcome of a commit, alone or in a batch, equal those in its entry.
pub async fn the_outcome_of_a_commit_equals_its_entry(storage: Arc<dyn StoragePort>) {
    let mut rows = one_of_each(Uuid::new_v4);
    rows.rotate_left(3);
    let writes = |write: fn(&crate::kinds::SomeRow) -> Write| Transaction {
        writes: rows.iter().map(write).collect(),
        ..Transaction::new()
    };
    let mut outcomes: Vec<Committed> = Vec::new();
    for transaction in [writes(|row| row.create.clone()), writes(|row| row.replace.clone()), Transaction::new()] {
        outcomes.push(storage.commit(transaction).await.expect("each change is allowed"));
    }
    let batch = vec![writes(|row| row.delete.clone()), Transaction::new(), writes(|row| row.restore.clone())];
    for outcome in storage.commit_each(batch).await {
        outcomes.push(outcome.expect("each change is allowed"));
    }
    let entries = logged(&*storage).await;
    assert_eq!(entries.len(), outcomes.len());
    for (entry, outcome) in entries.iter().zip(&outcomes) {
        let expected = (outcome.id, outcome.tick, Some(&outcome.changes));
        assert_eq!((entry.transaction, entry.tick, entry.rows.as_ref()), expected);
        let revisions: Vec<_> = outcome.written.iter().map(|meta| meta.revision).collect();
        assert_eq!(outcome.changes.iter().map(|change| change.revision).collect::<Vec<_>>(), revisions);
    }
}

/// A repeat returns the tick and the changes of the first commit, also when the rows have changed since.
pub async fn a_repeat_returns_the_first_tick_and_changes(storage: Arc<dyn StoragePort>) {
    let row = character();
    let moved = Character { user_id: character_domain::UserId::new(), ..row.clone() };
    create(&*storage, slice::from_ref(&row)).await;
    let transaction = Transaction::new().with(replacement(&moved, Expect::Any));
    let first = storage.commit(transaction.clone()).await.expect("the row is live");
    must(&*storage, replacement(&row, Expect::Any)).await;
    let later = must(&*storage, deletion(row.id, Expect::Any)).await;
    assert!(later.tick > first.tick, "{} after {}", later.tick, first.tick);
    let mut repeats = vec![storage.commit(transaction.clone()).await];
    repeats.extend(storage.commit_each(vec![transaction.clone(), transaction]).await);
    for repeat in repeats {
        assert_eq!(repeat.expect("a repeat is answered"), first);
    }
}
