//! Versions and their change records.

use super::{changes::SHORT, *};
use crate::{Document, UserId, size::MAX_DOCUMENT};
use proptest::prelude::*;
use serde_json::{Map, json};

fn character(data: &Value) -> Character {
    let data = Document::from(data.as_object().cloned().unwrap());
    Character { data, ..Character::new(UserId::new(), "Torormir", crate::now()) }
}

#[test]
fn the_changes_make_the_one_sheet_of_the_other() {
    let before = character(&json!({ "a/b": 1, "x~y": [1, 2, 3], "gone": {}, "same": [{ "deep": [true] }], "n": null }));
    for data in [
        json!({ "a/b": 2, "x~y": [1, 9], "same": [{ "deep": [false, "new"] }], "new": { "x": 1 } }),
        json!({}),
        json!({ "x~y": [1, 2, 3, 4, 5], "n": 0, "": "empty" }),
        json!({ "x~y": { "an": "object" }, "same": 1.5 }),
    ] {
        let after = Character {
            name: "Grey".into(),
            data: Document::from(data.as_object().cloned().unwrap()),
            ..before.clone()
        };
        let patch: json_patch::Patch = serde_json::from_value(changes(&before, &after).into()).unwrap();
        let mut sheet_before = Value::Object(sheet(&before));
        json_patch::patch(&mut sheet_before, &patch).unwrap();
        assert_eq!(sheet_before, Value::Object(sheet(&after)));
    }
}

#[test]
fn an_unchanged_character_has_no_changes() {
    let it = character(&json!({ "a": [1, { "b": 2.5 }] }));
    assert_eq!(changes(&it, &it), Vec::<Value>::new());
}

#[test]
fn a_version_of_a_sheet_128_levels_deep_breaks_no_rule() {
    let mut deep = json!({});
    for _ in 1..128 {
        deep = json!({ "a": deep });
    }
    let (before, after) = (character(&json!({})), character(&deep));
    let after = Character { id: before.id, ..after };
    let changes = changes(&before, &after);
    let version = CharacterVersion::of(Some(&before), after, "character.updated", crate::now());
    assert_eq!(CharacterVersion { changes, ..version }.check(), Violations::default());
}

/// Room in a record for the fields beside `data`, and for the operation around a whole `data`.
const FIELDS: usize = 1 << 10;

/// The most bytes that the making of a record holds at once for each byte of the two sheets: the steps to short values,
/// and the values of the record.
const ROOM: usize = 64;

fn changed(before: &Character, data: Value) -> Character {
    let Value::Object(members) = data else { panic!("a sheet is an object") };
    Character { data: Document::from(members), ..before.clone() }
}

/// The record leads from the one sheet to the other, obeys the rules of a version, and is not much longer than the new
/// sheet. Returns the record.
fn sound_record(before: &Value, after: &Value) -> Vec<Value> {
    let before = character(before);
    let after = changed(&before, after.clone());
    let length = |value: &Document| serde_json::to_string(value).unwrap().len();
    let mut record = Vec::new();
    let counted = allocation_counter::measure(|| record = changes(&before, &after));
    let most = ROOM * (length(&before.data) + length(&after.data) + SHORT);
    assert!(counted.bytes_max < most as u64, "{} bytes at once, where {most} are too many", counted.bytes_max);
    let written = serde_json::to_string(&record).unwrap().len();
    assert!(written <= SHORT.max(length(&after.data)) + FIELDS, "{written} bytes");
    let mut replayed = Value::Object(sheet(&before));
    let patch: json_patch::Patch = serde_json::from_value(record.clone().into()).unwrap();
    json_patch::patch(&mut replayed, &patch).unwrap();
    assert!(replayed == Value::Object(sheet(&after)), "the record leads to another sheet");
    if length(&after.data) <= MAX_DOCUMENT {
        let version = CharacterVersion::of(Some(&before), after, "character.updated", crate::now());
        assert_eq!(CharacterVersion { changes: record.clone(), ..version }.check(), Violations::default());
    }
    record
}

/// `count` members with short names, each of this value.
fn members(count: usize, value: &Value) -> Value {
    (0..count).map(|name| (name.to_string(), value.clone())).collect::<Map<_, _>>().into()
}

/// A key of the kind that grows when it is written in a pointer and in JSON.
fn long_key(letter: &str, bytes: usize) -> String {
    letter.repeat(bytes / serde_json::to_string(letter).unwrap().len())
}

#[test]
fn a_record_of_the_largest_sheets_takes_no_more_room_than_the_new_sheet() {
    for letter in ["x", "~", "/", "\u{1}", "\"", "\u{1f409}"] {
        let key = long_key(letter, 400_000);
        let sheet = |value: Value| json!({ &key: members(30_000, &value) });
        let record = sound_record(&sheet(json!(0)), &sheet(json!(1)));
        assert_eq!(record.len(), 1);
        sound_record(&sheet(json!(0)), &json!({ &key: {} }));
        sound_record(&json!({ &key: {} }), &sheet(json!(0)));
        sound_record(&json!({ &key: vec![0; 60_000] }), &json!({ &key: vec![1; 50_000] }));
        sound_record(&json!({ &key: vec![0; 10] }), &json!({ &key: vec![0; 60_000] }));
    }
    // Nothing in common, at the limit.
    let filled = |name: &str| json!({ name: "x".repeat(MAX_DOCUMENT - json!({ name: "" }).to_string().len()) });
    sound_record(&filled("a"), &filled("b"));
    // A long key at each of many levels.
    let nested = |leaf: Value| (0..120).fold(leaf, |inner, _| json!({ long_key("~", 8_000): inner }));
    sound_record(
        &json!({ "a": nested(members(2_000, &json!(0))) }),
        &json!({ "a": nested(members(2_000, &json!(1))) }),
    );
}

#[test]
fn a_small_request_makes_a_small_record() {
    let key = "x".repeat(22_500);
    let sheet = |value: Value| json!({ &key: members(2_800, &value) });
    let record = sound_record(&sheet(json!(0)), &sheet(json!(1)));
    assert!(serde_json::to_string(&record).unwrap().len() < 64 << 10);
}

#[test]
fn a_small_edit_of_a_large_sheet_is_recorded_on_its_own() {
    let mut list: Vec<Value> = (0..50_000).map(Value::from).collect();
    let before = json!({ "list": list, "other": members(10_000, &json!(true)) });
    list[40_000] = json!("edited");
    list.push(json!("last"));
    let mut after = json!({ "list": list, "other": members(10_000, &json!(true)) });
    after["other"]["5000"] = json!(false);
    let record = sound_record(&before, &after);
    let paths: Vec<_> = record.iter().map(|step| step["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/data/list/40000", "/data/list/50000", "/data/other/5000"]);
}

#[test]
fn only_the_part_that_changed_everywhere_is_replaced_as_a_whole() {
    let sheet = |value: Value| json!({ "skills": members(3_000, &value), "notes": "x".repeat(50_000), "level": value });
    let record = sound_record(&sheet(json!(0)), &sheet(json!(1)));
    let paths: Vec<_> = record.iter().map(|step| step["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/data/level", "/data/skills"]);
}

/// Sheets of some hundred kilobytes in the shapes that make a record long.
fn large_sheet() -> impl Strategy<Value = Value> {
    let letter = prop::sample::select(vec!["x", "~", "/", "\u{1}", "\\", "~1", "\u{e9}"]);
    let key = (letter, prop_oneof![3 => 1_usize..8, 1 => 1_000_usize..60_000]);
    let key = key.prop_map(|(letter, bytes)| long_key(letter, bytes.max(6)));
    let leaf = prop_oneof![
        Just(Value::Null),
        (0..3).prop_map(Value::from),
        Just(json!({})),
        Just(json!([])),
        Just(json!("\u{1}\u{1}")),
    ];
    let wide = (leaf.clone(), 1_usize..3_000, any::<bool>(), 0_u8..3).prop_map(|(leaf, count, is_array, edited)| {
        let mut value = if is_array { Value::from(vec![leaf; count]) } else { members(count, &leaf) };
        match &mut value {
            Value::Array(items) => items[count / 2] = edited.into(),
            Value::Object(members) => drop(members.insert((count / 2).to_string(), edited.into())),
            _ => {}
        }
        value
    });
    let deep = (key.clone(), 1_usize..60, wide.clone(), any::<bool>()).prop_map(|(key, levels, inner, is_array)| {
        let key = key.chars().take(2_000).collect::<String>();
        (0..levels).fold(inner, |inner, _| if is_array { json!([0, inner]) } else { json!({ &key: inner }) })
    });
    let member = (key, prop_oneof![leaf, wide, deep]);
    prop::collection::vec(member, 0..4).prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_record_leads_to_the_new_sheet_in_no_more_room(before in large_sheet(), after in large_sheet()) {
        sound_record(&before, &after);
        // Both sheets have a long part in common, and all else differs.
        sound_record(&json!({ "a": before, "b": 0 }), &json!({ "a": after, "b": before }));
    }
}
