//! Invariant 6 for every field of every kind: what goes in comes out, and what cannot be kept is refused by all alike.

use crate::{
    kinds::{Sample, held, listed, must_commit, must_refuse, put, twin, with},
    sample::{at, character, kept, limit},
};
use character_domain::{
    CampaignEvent, Character, CharacterId, CharacterProgress, CharacterVersion, Document, EventImpact, ExperienceEntry,
    InventoryItem, JournalEntry, JournalEntryId, NpcRelationship, Quest, campaign::MAX_MAGNITUDE,
    inventory::MAX_QUANTITY, journal::MAX_TAGS, json::MAX_DEPTH, progress::MAX_EXPERIENCE, size::MAX_VALUES, version,
};
use character_storage_port::{
    Change, CharacterVersionQuery, ErrorKind, Expect, InventoryItemQuery, MAX_ANSWER_ENVELOPE, PageRequest, StorageExt,
    StoragePort, Transaction, every_kind,
};
use serde_json::{Map, Value, json};
use std::{slice, sync::Arc};

/// Objects and lists in turn, this number of levels deep, the value itself counted as one.
fn nested(levels: usize) -> Value {
    (1..levels).fold(json!({}), |inner, level| if level % 2 == 0 { json!({ "in": inner }) } else { json!([inner]) })
}

/// A document of this number of levels.
fn deep(levels: usize) -> Document {
    Document::from(json!({ "in": nested(levels - 1) }).as_object().cloned().unwrap_or_default())
}

/// Values that storages are known to change.
pub(crate) fn odd() -> Document {
    let values = json!({
        "": { "": [] },
        "null": null,
        "integers": [u64::MAX, i64::MIN, 9_007_199_254_740_993_u64, 0],
        "floats": [0.1, -0.0, 5e-324, f64::MAX, 1.0, 100.0],
        "texts": ["", "\u{1f409}", "cafe\u{301}", "\" \\ \n \u{7f} \u{1}", "1", "true", "null", "2026-01-01"],
        "$ref": { "a.b": 1, "a": { "b": 2 } },
        "x": { "y": [[], {}, [[null]]] },
    });
    Document::from(values.as_object().cloned().unwrap_or_default())
}

/// The text too, since equal numbers may be written in different ways.
async fn comes_back<E: Sample>(storage: &Arc<dyn StoragePort>, row: E, place: &str) {
    put(storage, slice::from_ref(&row)).await;
    let held = held::<E>(storage, row.id()).await.expect("the row was created");
    assert_eq!(json!(held).to_string(), json!(row).to_string(), "{place} of {}", E::KIND);
    assert!(held == row, "{place} of {}", E::KIND);
}

/// Fails unless the row is refused for this place alone.
async fn is_invalid<E: Sample>(storage: &Arc<dyn StoragePort>, row: E, place: &str) {
    let error = must_refuse(storage, Change::Create(row.clone())).await;
    let ErrorKind::Invalid(violations) = error.kind() else { panic!("{place} of {}: {error}", E::KIND) };
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, [format!("writes[0].{place}")], "{}", E::KIND);
    assert_eq!(held::<E>(storage, row.id()).await, None);
}

async fn filled<E: Sample>(storage: &Arc<dyn StoragePort>, document: &Document) {
    for (place, put_in) in E::documents() {
        let row = with(&twin(&E::full()), |row| put_in(row, document.clone()));
        comes_back(storage, row, place).await;
    }
}

async fn too_full<E: Sample>(storage: &Arc<dyn StoragePort>, document: &Document) {
    for (place, put_in) in E::documents() {
        is_invalid(storage, with(&twin(&E::full()), |row| put_in(row, document.clone())), place).await;
    }
}

/// Numbers, texts, nulls and odd member names come back to the letter in every document of every kind.
pub async fn every_document_of_every_kind_comes_back(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => filled::<Row>(&storage, &odd()).await);
}

/// Every document of every kind may be 128 levels deep.
pub async fn every_document_may_be_128_levels_deep(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => filled::<Row>(&storage, &deep(MAX_DEPTH)).await);
}

/// A document of any kind that is 129 levels deep is `Invalid`, and so is one that holds U+0000.
pub async fn a_document_of_any_kind_that_is_too_deep_is_invalid(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => too_full::<Row>(&storage, &deep(MAX_DEPTH + 1)).await);
    every_kind!(Row => too_full::<Row>(&storage, &Document::from(json!({ "a": "\0" }).as_object().cloned().unwrap_or_default())).await);
}

/// A document of any kind may hold 65,536 JSON values, and one of more is `Invalid`.
pub async fn a_document_of_too_many_values_is_invalid(storage: Arc<dyn StoragePort>) {
    let wide = |values: usize| Document::from(Map::from_iter([("list".to_owned(), vec![0; values - 2].into())]));
    every_kind!(Row => filled::<Row>(&storage, &wide(MAX_VALUES)).await);
    every_kind!(Row => too_full::<Row>(&storage, &wide(MAX_VALUES + 1)).await);
}

/// The steps of a quest, milestones and achievements are any JSON, in order, as deep as it fits into a document.
pub async fn lists_of_any_json_come_back(storage: Arc<dyn StoragePort>) {
    let values =
        vec![Value::Object(odd().0.into_map()), json!(null), json!("\u{1f409}"), json!(-1), nested(MAX_DEPTH - 1)];
    let too_deep = vec![json!(0), nested(MAX_DEPTH)];
    let quest = Quest::full();
    comes_back(&storage, Quest { progress: values.clone(), ..quest.clone() }, "progress").await;
    is_invalid(&storage, twin(&Quest { progress: too_deep.clone(), ..quest }), "progress[1]").await;
    let progress = CharacterProgress { milestones: values.clone(), achievements: values, ..CharacterProgress::full() };
    comes_back(&storage, progress.clone(), "milestones").await;
    let progress = CharacterProgress { milestones: too_deep, ..progress };
    is_invalid(&storage, twin(&progress), "milestones[1]").await;
}

/// A version of a sheet of 128 levels comes back, with the changes that made it.
pub async fn a_version_of_a_sheet_of_128_levels_comes_back(storage: Arc<dyn StoragePort>) {
    let before = character();
    let after = Character { data: deep(MAX_DEPTH), ..before.clone() };
    let successor = |before: &Character, after: &Character, second| CharacterVersion {
        changes: version::changes(before, after),
        ..CharacterVersion::of(Some(before), after.clone(), "character.updated", at(second))
    };
    let (there, back) = (successor(&before, &after, 1), successor(&after, &before, 2));
    let back = CharacterVersion { id: twin(&back).id, ..back };
    assert!(!there.changes.is_empty() && !back.changes.is_empty());
    comes_back(&storage, there.clone(), "changes").await;
    comes_back(&storage, back.clone(), "changes").await;
    let query = CharacterVersionQuery { character_id: Some(there.character_id), ..Default::default() };
    assert!(
        listed::<CharacterVersion>(&storage, &query).await == [back, there],
        "a list must hold both versions as they are"
    );
}

/// An answer that holds a whole row with a document of 128 levels is kept and returned; a deeper one is `Invalid`.
pub async fn an_answer_that_holds_a_deep_document_is_kept(storage: Arc<dyn StoragePort>) {
    for levels in [MAX_DEPTH, MAX_DEPTH + MAX_ANSWER_ENVELOPE] {
        let mut transaction = Transaction::new();
        transaction.answer = Some(kept(&nested(levels)));
        for _ in 0..2 {
            let committed = storage.commit(transaction.clone()).await.expect("the answer is not too deep");
            assert!(committed.answer == transaction.answer, "an answer of {levels} levels was changed");
        }
    }
    let mut transaction = Transaction::new();
    transaction.answer = Some(kept(&nested(MAX_DEPTH + MAX_ANSWER_ENVELOPE + 1)));
    let error = storage.commit(transaction).await.expect_err("the answer is too deep");
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
}

async fn timed<E: Sample>(storage: &Arc<dyn StoragePort>) {
    let times = [
        "0001-01-01T00:00:00Z",
        "1815-12-10T12:00:00.000001Z",
        "1969-12-31T23:59:59.999999Z",
        "2026-02-28T23:59:59.100000Z",
        "9999-12-30T22:00:00.500000Z",
        "9999-12-31T23:59:59.999999Z",
    ];
    for (place, put_in) in E::times() {
        for time in times {
            let row = with(&twin(&E::full()), |row| put_in(row, time.parse().expect("a time")));
            comes_back(storage, row, place).await;
        }
    }
}

/// Times in fields keep their microseconds, long ago and far ahead.
pub async fn times_in_every_field_keep_their_microseconds(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => timed::<Row>(&storage).await);
}

async fn worded<E: Sample>(storage: &Arc<dyn StoragePort>) {
    let texts = [
        " spaces around ",
        "\u{1f409} caf\u{e9} cafe\u{301} \u{5e9}\u{5dc}\u{5d5}\u{5dd}",
        "'; DROP TABLE x; -- \" \\ % _ ? $1 {} &amp;",
        "null",
        "\u{feff}\u{200b}x\u{10ffff}",
    ];
    for (place, put_in) in E::texts() {
        for text in texts {
            comes_back(storage, with(&twin(&E::full()), |row| put_in(row, text.to_owned())), place).await;
        }
    }
}

/// Texts in every field of every kind come back to the letter: neither trimmed, normalised, escaped nor interpreted.
pub async fn texts_in_every_field_come_back_exact(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => worded::<Row>(&storage).await);
}

/// Long texts come back: of several lines, with control characters, empty ones, and the longest, counted in characters.
pub async fn the_longest_texts_come_back(storage: Arc<dyn StoragePort>) {
    for text in [String::new(), "\r\n\t\u{1} line\n\n".to_owned(), "\u{1f409}".repeat(100_000)] {
        let entry = JournalEntry { content: text.clone(), session_summary: Some(text.clone()), ..JournalEntry::full() };
        comes_back(&storage, entry, "content").await;
        let item = InventoryItem { notes: Some(text.clone()), ..InventoryItem::full() };
        comes_back(&storage, item, "notes").await;
        let quest = Quest { description: text, ..Quest::full() };
        comes_back(&storage, quest, "description").await;
    }
}

/// A text that may be absent is absent or empty as it was given; the one is not taken for the other.
pub async fn an_empty_text_is_not_an_absent_one(storage: Arc<dyn StoragePort>) {
    for notes in [None, Some(String::new())] {
        comes_back(&storage, InventoryItem { notes: notes.clone(), ..InventoryItem::full() }, "notes").await;
        comes_back(&storage, NpcRelationship { notes: notes.clone(), ..NpcRelationship::full() }, "notes").await;
        comes_back(&storage, EventImpact { notes: notes.clone(), ..EventImpact::full() }, "notes").await;
        comes_back(&storage, JournalEntry { session_summary: notes, ..JournalEntry::full() }, "session_summary").await;
    }
}

/// Tags come back all of them, in the order given, also a hundred of the longest.
pub async fn tags_come_back_in_their_order(storage: Arc<dyn StoragePort>) {
    let longest = (0..MAX_TAGS).rev().map(|number| format!("{number:0>2}{}", "\u{1f409}".repeat(62))).collect();
    for tags in [vec![], vec!["b".to_owned(), "a".to_owned(), "B".to_owned()], longest] {
        comes_back(&storage, JournalEntry { tags, ..JournalEntry::full() }, "tags").await;
    }
}

/// Integers in fields come back at their bounds.
pub async fn integers_in_fields_come_back_at_their_bounds(storage: Arc<dyn StoragePort>) {
    for quantity in [0, i64::from(i32::MAX) - 1_500_000_000, MAX_QUANTITY] {
        comes_back(&storage, InventoryItem { quantity, ..InventoryItem::full() }, "quantity").await;
    }
    for session_number in [None, Some(0), Some(1 << 53), Some(i64::MAX)] {
        comes_back(&storage, JournalEntry { session_number, ..JournalEntry::full() }, "session_number").await;
    }
    for amount in [0, i64::from(u32::MAX) + 1, MAX_EXPERIENCE] {
        let experience = ExperienceEntry { amount, ..ExperienceEntry::full() };
        comes_back(&storage, experience, "amount").await;
        let progress = CharacterProgress { experience_points: amount, ..CharacterProgress::full() };
        comes_back(&storage, progress, "experience_points").await;
    }
    for impact_magnitude in [-MAX_MAGNITUDE, -1, 0, MAX_MAGNITUDE] {
        let event = CampaignEvent { impact_magnitude, ..CampaignEvent::full() };
        comes_back(&storage, event, "impact_magnitude").await;
    }
    for standing in [-100, -1, 0, 100] {
        comes_back(&storage, NpcRelationship { standing, ..NpcRelationship::full() }, "standing").await;
    }
    for (current_level, previous_level) in [(1, 0), (20, 20)] {
        let progress = CharacterProgress { current_level, previous_level, ..CharacterProgress::full() };
        comes_back(&storage, progress, "current_level").await;
    }
}

/// Every state that a field can be in comes back as itself.
pub async fn every_state_of_a_field_comes_back(storage: Arc<dyn StoragePort>) {
    use character_domain::{Attunement as A, ImpactType as I, QuestImportance as Q, QuestStatus as S};
    for attunement in [A::None, A::Attuning, A::Attuned, A::Broken] {
        comes_back(&storage, InventoryItem { attunement, ..InventoryItem::full() }, "attunement").await;
    }
    for (status, importance) in
        [(S::Active, Q::Low), (S::Completed, Q::Normal), (S::Failed, Q::High), (S::Abandoned, Q::Critical)]
    {
        comes_back(&storage, Quest { status, importance, ..Quest::full() }, "status").await;
    }
    for impact_type in [I::HitPoints, I::Experience, I::AbilityScore, I::Other] {
        let ability = json!({ "ability": "wisdom" }).as_object().cloned().unwrap_or_default();
        let event = CampaignEvent { impact_type, event_data: Document::from(ability), ..CampaignEvent::full() };
        comes_back(&storage, event, "impact_type").await;
        comes_back(&storage, EventImpact { impact_type, ..EventImpact::full() }, "impact_type").await;
    }
}

/// A row may name rows that are not there, or not yet: a storage checks no references.
pub async fn a_row_may_name_rows_that_are_not_there(storage: Arc<dyn StoragePort>) {
    let character = CharacterId::new();
    let entry = JournalEntry::new(character, "Not there yet", at(0));
    let quest = Quest::new(character, entry.id, "The crown", at(0));
    let nowhere = Quest::new(character, JournalEntryId(uuid::Uuid::nil()), "Nowhere", at(1));
    put(&storage, &[quest.clone(), nowhere.clone()]).await;
    must_commit(&storage, Change::Create(entry.clone())).await;
    must_commit(&storage, Change::<JournalEntry>::Delete { id: entry.id, expect: Expect::Any, at: at(9) }).await;
    for row in [quest, nowhere] {
        assert_eq!(held(&storage, row.id).await, Some(row), "a row must not go with the one it names");
    }
}

/// A thousand items in one transaction come back, in pages as they were created.
pub async fn a_thousand_items_commit_together(storage: Arc<dyn StoragePort>) {
    let character = CharacterId::new();
    let items: Vec<_> = (0..1000_i64)
        .map(|number| InventoryItem {
            quantity: number,
            ..InventoryItem::new(character, format!("Item {number}"), at(number))
        })
        .collect();
    let created = storage.bulk_create(items.clone()).await.expect("the items are new");
    assert!(created == items, "the items must be given back as stored");
    let query = InventoryItemQuery { character_id: Some(character), ..InventoryItemQuery::default() };
    let page = storage.list(&query, PageRequest::first(limit(1000))).await;
    let mut listed: Vec<InventoryItem> = page.expect("a list is answered").value.items.into_vec();
    listed.reverse();
    assert!(listed == items, "the thousand items must come back as they were created");
}
