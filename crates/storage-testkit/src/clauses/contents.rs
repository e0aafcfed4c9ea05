//! Invariant 2: what makes two transactions the same request, field by field.

use crate::{
    kinds::{Sample, put, twin, with},
    sample::{Call, at, character, event, logged, revision},
};
use character_domain::{Character, CharacterId, Meta, Revision};
use character_storage_port::{
    Change, DomainEvent, Entity, ErrorKind, Expect, Fingerprint, StoragePort, Transaction, TransactionId, every_kind,
};
use serde_json::{Value, json};
use std::{slice, sync::Arc};

/// The value with one of its members after the other taken from `other`, at every depth.
fn crossed(value: &Value, other: &Value) -> Vec<Value> {
    let mut variants = Vec::new();
    match (value, other) {
        (Value::Object(members), Value::Object(others)) if members.keys().eq(others.keys()) => {
            for (name, member) in members {
                for variant in crossed(member, &others[name]) {
                    let mut members = members.clone();
                    members.insert(name.clone(), variant);
                    variants.push(Value::Object(members));
                }
            }
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            for (place, item) in items.iter().enumerate() {
                for variant in crossed(item, &others[place]) {
                    let mut items = items.clone();
                    items[place] = variant;
                    variants.push(Value::Array(items));
                }
            }
        }
        _ if value != other => variants.push(other.clone()),
        _ => {}
    }
    variants
}

/// An event that differs from those of [`requests`] in everything.
fn other_event() -> DomainEvent {
    DomainEvent::new("character.other", CharacterId::new(), at(77), json!({ "number": 77, "more": null }))
}

/// A transaction for each change of a row of its own, beside one that differs in every field, and the rows to begin with.
fn requests<E: Sample>() -> (Vec<(Transaction, Transaction)>, Vec<E>) {
    let (mut pairs, mut rows) = (Vec::new(), Vec::new());
    let (expect, other_expect) = (revision(1), revision(2));
    for number in 0..6 {
        let row = twin(&E::full());
        let changed = with(&twin(&row.changed()), |row| {
            let (created_at, updated_at) = (at(70), at(71));
            *row.meta_mut() = Meta { revision: Revision(8), created_at, updated_at, deleted_at: Some(at(72)) };
        });
        let (id, other_id) = (row.id(), changed.id());
        let entity = with(&row, |row| row.meta_mut().revision = Revision(1));
        let (change, other) = match number {
            0 => (Change::Create(entity), Change::Create(changed)),
            1 => (Change::Import(entity), Change::Import(changed)),
            2 => (Change::Replace { entity, expect }, Change::Replace { entity: changed, expect: other_expect }),
            3 => (
                Change::Delete { id, expect, at: at(5) },
                Change::Delete { id: other_id, expect: other_expect, at: at(6) },
            ),
            4 => (
                Change::Restore { id, expect, at: at(5) },
                Change::Restore { id: other_id, expect: other_expect, at: at(6) },
            ),
            _ => (Change::Revive { entity, expect }, Change::Revive { entity: changed, expect: other_expect }),
        };
        match number {
            0 | 1 => {}
            2 | 3 => rows.push(row),
            _ => rows.push(with(&row, |row| row.meta_mut().deleted_at = Some(at(4)))),
        }
        let subject = character().id;
        let transaction = Transaction::new().with(change).with_event(event(subject, 1)).with_event(event(subject, 2));
        let other = Transaction::new().with(other).with_event(other_event()).with_event(other_event());
        pairs.push((transaction, other));
    }
    (pairs, rows)
}

/// The same change with another expectation or of another sort, where there is one.
fn other_sorts<E: Entity>(change: &Change<E>) -> Vec<Change<E>> {
    let expect = Expect::Any;
    match change.clone() {
        Change::Create(entity) => vec![Change::Import(entity)],
        Change::Import(entity) => vec![Change::Create(entity)],
        Change::Replace { entity, expect: given } => {
            vec![Change::Replace { entity: entity.clone(), expect }, Change::Revive { entity, expect: given }]
        }
        Change::Revive { entity, expect: given } => {
            vec![Change::Revive { entity: entity.clone(), expect }, Change::Replace { entity, expect: given }]
        }
        Change::Delete { id, expect: given, at } => {
            vec![Change::Delete { id, expect, at }, Change::Restore { id, expect: given, at }]
        }
        Change::Restore { id, expect: given, at } => {
            vec![Change::Restore { id, expect, at }, Change::Delete { id, expect: given, at }]
        }
    }
}

/// Every valid transaction with the id of `transaction` whose contents differ from its own in one place.
fn others(transaction: &Transaction, other: &Transaction) -> Vec<Transaction> {
    let contents = |transaction: &Transaction| json!((&transaction.writes, &transaction.events));
    let mut others: Vec<Transaction> = crossed(&contents(transaction), &contents(other))
        .into_iter()
        .filter_map(|contents| serde_json::from_value(contents).ok())
        .map(|(writes, events)| Transaction { writes, events, ..transaction.clone() })
        .collect();
    let write = &transaction.writes[0];
    let sorts = character_storage_port::for_write!(write, change => {
        other_sorts(change).into_iter().map(Entity::write).collect::<Vec<_>>()
    });
    others.extend(sorts.into_iter().map(|write| Transaction { writes: vec![write], ..transaction.clone() }));
    let events = &transaction.events;
    for events in [
        vec![events[1].clone(), events[0].clone()],
        events[..1].to_vec(),
        events[1..].to_vec(),
        [&events[..], &events[1..]].concat(),
        [&events[..], &[other_event()]].concat(),
        Vec::new(),
    ] {
        others.push(Transaction { events, ..transaction.clone() });
    }
    others.push(Transaction { writes: Vec::new(), ..transaction.clone() });
    others.retain(|transaction| transaction.check().is_ok());
    others
}

async fn are_told_apart<E: Sample>(storage: &Arc<dyn StoragePort>) {
    let (pairs, rows) = requests::<E>();
    put(storage, &rows).await;
    let (mut variants, mut applied) = (Vec::new(), Vec::new());
    for (transaction, other) in &pairs {
        applied.push(storage.commit(transaction.clone()).await.expect("the change is allowed"));
        variants.extend(others(transaction, other));
    }
    assert!(variants.len() > 60, "{} variants of {}", variants.len(), E::KIND);
    let logged_before = logged(&**storage).await.len();
    // Every seventh alone too: what is true of a batch may be wrong of a commit.
    let mut outcomes = Vec::new();
    for variant in variants.iter().step_by(7) {
        outcomes.push((variant.clone(), storage.commit(variant.clone()).await));
    }
    let batch = storage.commit_each(variants.clone()).await;
    assert_eq!(batch.len(), variants.len());
    for (variant, outcome) in outcomes.into_iter().chain(variants.into_iter().zip(batch)) {
        let (writes, events) = (&variant.writes, &variant.events);
        let error = outcome.expect_err(&format!("it differs from the first request: {writes:?}, {events:?}"));
        assert_eq!(error.kind(), &ErrorKind::TransactionReused, "{writes:?}, {events:?}");
    }
    for ((transaction, _), first) in pairs.iter().zip(&applied) {
        assert_eq!(&storage.commit(transaction.clone()).await.expect("it is a repeat"), first);
    }
    assert_eq!(logged(&**storage).await.len(), logged_before, "a refused request is in the log");
}

/// Every field of every change of every kind and of every event, each expectation, and the order and number of events tell
/// requests with one id apart, alone and in a batch.
pub async fn every_part_of_the_contents_tells_requests_apart(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => are_told_apart::<Row>(&storage).await);
}

/// The order of its writes tells a request from another.
pub async fn the_order_of_the_writes_tells_requests_apart(storage: Arc<dyn StoragePort>) {
    let rows = crate::sample::party(3);
    let first = crate::sample::creation(&rows);
    let committed = storage.commit(first.clone()).await.expect("the rows are new");
    let other = |order: [usize; 3]| Transaction {
        writes: order.iter().map(|place| first.writes[*place].clone()).collect(),
        ..first.clone()
    };
    let others = vec![other([1, 0, 2]), other([0, 2, 1]), other([2, 1, 0])];
    let mut outcomes = storage.commit_each(others.clone()).await;
    for other in others {
        outcomes.push(storage.commit(other).await);
    }
    for outcome in outcomes {
        assert_eq!(outcome.expect_err("the order differs").kind(), &ErrorKind::TransactionReused);
    }
    assert_eq!(storage.commit(first).await.expect("it is a repeat"), committed);
}

fn request(id: TransactionId, fingerprint: &str, row: &Character) -> Transaction {
    Transaction {
        id,
        fingerprint: Some(Fingerprint(fingerprint.to_owned())),
        ..crate::sample::creation(slice::from_ref(row))
    }
}

/// A fingerprint that holds U+0000 is `Invalid`, alone and in a batch, and nothing is applied.
pub async fn nul_in_a_fingerprint_is_invalid(storage: Arc<dyn StoragePort>) {
    for &call in Call::BOTH {
        for fingerprint in ["\0", "a\0b"] {
            let row = character();
            let error = call.commit_one(&*storage, request(TransactionId::new(), fingerprint, &row)).await;
            let error = error.expect_err("it holds U+0000");
            let ErrorKind::Invalid(violations) = error.kind() else { panic!("{error}") };
            assert_eq!(violations[0].field, "fingerprint", "by {call:?}");
            assert_eq!(crate::sample::found(&storage, row.id).await, None);
        }
    }
}

/// With a fingerprint of its own, a transaction of a batch is a repeat whatever its writes are, and another request with
/// every other fingerprint, however much they look alike.
pub async fn a_batch_keeps_to_the_fingerprints_given(storage: Arc<dyn StoragePort>) {
    let long = "f".repeat(64);
    let fingerprints = ["", "a", "A", "a ", "\u{e4}", "a\u{308}", "null", &long, &format!("{long}f"), "\"", "%", "_"];
    let rows = crate::sample::party(2);
    for fingerprint in fingerprints {
        let id = TransactionId::new();
        let row = twin(&rows[0]);
        let first = storage.commit_each(vec![request(id, fingerprint, &row)]).await.remove(0);
        let first = first.expect("the row is new");
        let again = request(id, fingerprint, &rows[1]);
        let mut repeats = storage.commit_each(vec![again.clone(), Transaction::new(), again.clone()]).await;
        repeats.remove(1).expect("it is empty");
        repeats.push(storage.commit(again).await);
        for repeat in repeats {
            assert_eq!(repeat.expect("it has the fingerprint of the first"), first);
        }
        let others = fingerprints.iter().filter(|other| **other != fingerprint);
        let mut batch: Vec<_> = others.map(|other| request(id, other, &row)).collect();
        batch.push(Transaction { fingerprint: None, ..request(id, "", &row) });
        for (outcome, other) in storage.commit_each(batch.clone()).await.into_iter().zip(&batch) {
            let error = outcome.expect_err("it has another fingerprint");
            assert_eq!(error.kind(), &ErrorKind::TransactionReused, "{:?} after {fingerprint:?}", other.fingerprint);
        }
    }
    assert_eq!(crate::sample::found(&storage, rows[1].id).await, None, "a repeat was applied");
}
