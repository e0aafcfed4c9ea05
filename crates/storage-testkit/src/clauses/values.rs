//! Invariant 6 as a property: whatever the value, a storage returns what it accepted, and a refusal names the field.

use crate::{
    kinds::{Sample, held, listed, must_refuse, put, twin, with},
    sample::{at, character},
};
use character_domain::{Character, CharacterVersion, Document, Timestamp, json, size::MAX_DOCUMENT, version};
use character_storage_port::{Change, Entity, ErrorKind, StoragePort, every_kind};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::{BoxedStrategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::{Map, Value, json};
use std::{slice, sync::Arc};

/// Values that are tried in each place of each kind.
const CASES: usize = 6;

/// The same values for each storage, so that all are judged alike.
fn generated<T: std::fmt::Debug>(values: fn() -> BoxedStrategy<T>, runner: &mut TestRunner) -> Vec<T> {
    let values = values();
    let mut tree = || values.new_tree(runner).map(|tree| tree.current()).expect("the strategy rejects nothing");
    (0..CASES).map(|_| tree()).collect()
}

/// Times at both ends of the range, around those of other libraries, and anywhere.
fn any_time() -> BoxedStrategy<Timestamp> {
    let (first, last) = (Timestamp::MIN.as_microsecond(), Timestamp::MAX.as_microsecond());
    let around = |microseconds: i64| (microseconds - 2_000_000).max(first)..=(microseconds + 2_000_000).min(last);
    prop_oneof![
        Just(first),
        Just(last),
        around(first),
        around(last),
        // 9999-12-30T22:00:00Z, where some libraries end; 1970; 2262-04-11, where nanoseconds end; 2038-01-19.
        around(253_402_207_200_000_000),
        around(0),
        around(i64::MAX / 1_000),
        around(i64::from(i32::MAX) * 1_000_000),
        first..=last,
    ]
    .prop_map(|microseconds| Timestamp::from_microsecond(microseconds).expect("it is within the range"))
    .boxed()
}

/// Numbers in every spelling, of up to a hundred digits.
fn any_number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "-?(0|[1-9][0-9]{0,60})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,9})?"
            .prop_map(|text| serde_json::from_str(&text).expect("a number")),
    ]
}

/// Texts of all kinds of characters, rarely one that no storage takes.
fn any_text() -> BoxedStrategy<String> {
    let character = prop_oneof![
        20 => any::<char>(),
        10 => prop::char::range(' ', '~'),
        5 => prop::sample::select(vec!['"', '\\', '/', '\n', '\r', '\t', '\u{1}', '\u{7f}', '\u{85}', '\u{200b}']),
        5 => prop::sample::select(vec!['\u{301}', '\u{fdd0}', '\u{feff}', '\u{2028}', '\u{fffd}', '\u{10ffff}']),
        1 => prop::sample::select(vec!['\0', ',']),
    ];
    vec(character, 0..20).prop_map(String::from_iter).boxed()
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => any_text(),
        5 => "[a-z]{1,8}",
        2 => Just(String::new()),
        1 => Just(format!("{}Number", json::RESERVED)),
    ]
}

/// Documents of all of that, also as deep as they may be and deeper.
fn any_document() -> BoxedStrategy<Document> {
    let leaf = prop_oneof![
        any_number(),
        any_text().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null)
    ];
    let value = leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            vec((any_name(), inner), 0..6).prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    });
    let levels = prop_oneof![6 => Just(0), 1 => json::MAX_DEPTH - 8..json::MAX_DEPTH + 2];
    (vec((any_name(), value), 0..6), levels)
        .prop_map(|(members, levels)| {
            let within = |inner: Map<String, Value>| Map::from_iter([("in".to_owned(), Value::Object(inner))]);
            Document::from((0..levels).fold(Map::from_iter(members), |inner, _| within(inner)))
        })
        .boxed()
}

/// Creates those of the rows that break no rule and reads them by find and by list; the others must be refused for
/// this place alone.
async fn judged<E: Sample>(storage: &Arc<dyn StoragePort>, place: &str, rows: Vec<E>) {
    let (taken, refused): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.check().is_empty());
    for row in refused {
        let error = must_refuse(storage, Change::Create(row.clone())).await;
        let ErrorKind::Invalid(violations) = error.kind() else { panic!("{place} of {}: {error}", E::KIND) };
        let place = format!("writes[0].{place}");
        let strangers = violations.iter().filter(|violation| !violation.field.starts_with(&place));
        assert_eq!(strangers.count(), 0, "{place} of {}: {violations}", E::KIND);
        assert_eq!(held::<E>(storage, row.id()).await, None);
    }
    put(storage, &taken).await;
    let mut everything = E::Query::default();
    E::include_deleted(&mut everything);
    let list = listed::<E>(storage, &everything).await;
    for row in taken {
        let found = held::<E>(storage, row.id()).await.expect("the row was created");
        let in_list = list.iter().find(|listed| listed.id() == row.id()).expect("the row is in the list");
        for read in [&found, in_list] {
            assert_eq!(json!(read).to_string(), json!(row).to_string(), "{place} of {}", E::KIND);
            assert!(*read == row, "{place} of {}", E::KIND);
        }
    }
}

async fn with_documents<E: Sample>(storage: &Arc<dyn StoragePort>, runner: &mut TestRunner) {
    for (place, put_in) in E::documents() {
        let row = |document: Document| with(&twin(&E::full()), |row| put_in(row, document));
        judged(storage, place, generated(any_document, runner).into_iter().map(row).collect()).await;
    }
}

/// Whatever is in a document of any kind, what is taken comes back by find and by list, and a refusal names the document.
pub async fn whatever_the_document_what_is_taken_comes_back(storage: Arc<dyn StoragePort>) {
    let mut runner = TestRunner::deterministic();
    every_kind!(Row => with_documents::<Row>(&storage, &mut runner).await);
}

async fn with_texts<E: Sample>(storage: &Arc<dyn StoragePort>, runner: &mut TestRunner) {
    for (place, put_in) in E::texts() {
        let row = |text: String| with(&twin(&E::full()), |row| put_in(row, text));
        judged(storage, place, generated(any_text, runner).into_iter().map(row).collect()).await;
    }
}

/// Whatever is in a text of any kind, what is taken comes back by find and by list, and a refusal names the field.
pub async fn whatever_the_text_what_is_taken_comes_back(storage: Arc<dyn StoragePort>) {
    let mut runner = TestRunner::deterministic();
    every_kind!(Row => with_texts::<Row>(&storage, &mut runner).await);
}

async fn with_times<E: Sample>(storage: &Arc<dyn StoragePort>, runner: &mut TestRunner) {
    let mut places = E::times();
    places.push(("meta.created_at", |row, time| row.meta_mut().created_at = time));
    places.push(("meta.updated_at", |row, time| row.meta_mut().updated_at = time));
    places.push(("meta.deleted_at", |row, time| row.meta_mut().deleted_at = Some(time)));
    for (place, put_in) in places {
        let mut rows: Vec<E> = Vec::new();
        for time in generated(any_time, runner).into_iter().chain([Timestamp::MIN, Timestamp::MAX]) {
            rows.push(with(&twin(&E::full()), |row| put_in(row, time)));
        }
        judged(storage, place, rows).await;
    }
}

/// Every time of the range comes back by find and by list, in every field of every kind.
pub async fn whatever_the_time_it_comes_back(storage: Arc<dyn StoragePort>) {
    let mut runner = TestRunner::deterministic();
    every_kind!(Row => with_times::<Row>(&storage, &mut runner).await);
}

/// A document whose JSON text has this number of bytes.
fn of_size(bytes: usize) -> Document {
    let frame = json!({ "text": "" }).to_string().len();
    Document::from(Map::from_iter([("text".to_owned(), "x".repeat(bytes - frame).into())]))
}

async fn with_the_largest<E: Sample>(storage: &Arc<dyn StoragePort>) {
    for (place, put_in) in E::documents() {
        let row = |bytes: usize| with(&twin(&E::full()), |row| put_in(row, of_size(bytes)));
        let largest = row(MAX_DOCUMENT);
        put(storage, slice::from_ref(&largest)).await;
        assert!(held::<E>(storage, largest.id()).await == Some(largest), "{place} of {}", E::KIND);
        let error = must_refuse(storage, Change::Create(row(MAX_DOCUMENT + 1))).await;
        let ErrorKind::Invalid(violations) = error.kind() else { panic!("{place} of {}: {error}", E::KIND) };
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, [format!("writes[0].{place}")], "{}", E::KIND);
    }
}

/// Every document of every kind may be as large as a document may be, and one byte more is `Invalid`.
pub async fn the_largest_documents_come_back_and_larger_ones_are_invalid(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => with_the_largest::<Row>(&storage).await);
}

/// A version of the largest sheet that has nothing in common with the one before comes back by find and by list.
pub async fn the_largest_version_comes_back(storage: Arc<dyn StoragePort>) {
    let before = Character { data: of_size(MAX_DOCUMENT), ..character() };
    let text = before.data.0.get("text").and_then(Value::as_str).unwrap_or_default().replace('x', "y");
    let after =
        Character { data: Document::from(Map::from_iter([("text".to_owned(), text.into())])), ..before.clone() };
    let changes = version::changes(&before, &after);
    let version =
        CharacterVersion { changes, ..CharacterVersion::of(Some(&before), after, "character.updated", at(1)) };
    put(&storage, slice::from_ref(&version)).await;
    assert!(held::<CharacterVersion>(&storage, version.id()).await.as_ref() == Some(&version));
    assert!(listed::<CharacterVersion>(&storage, &Default::default()).await == [version]);
}
