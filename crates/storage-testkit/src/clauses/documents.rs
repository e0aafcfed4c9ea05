//! Invariant 6: what goes in comes out, or is refused as `Invalid` by every storage alike.

use crate::sample::{
    at, character, commit, create, event, found, list, logged_events, must, of_user, party, replacement, revision,
    with_data,
};
use character_domain::{CampaignId, Character, CharacterId, Document, json::MAX_DEPTH, size::MAX_DOCUMENT};
use character_storage_port::{CHARACTER_CREATED, Change, DomainEvent, ErrorKind, StoragePort, Transaction};
use serde_json::{Map, Value, json};
use std::{slice, sync::Arc};

/// Creates a character with this sheet, replaces another by it, and reads both back by find and by list.
async fn comes_back(storage: &Arc<dyn StoragePort>, data: Value) {
    let created = with_data(character(), &data);
    create(storage, slice::from_ref(&created)).await;
    let replaced = Character { user_id: created.user_id, ..character() };
    create(storage, slice::from_ref(&replaced)).await;
    must(storage, replacement(&with_data(replaced.clone(), &data), revision(1))).await;
    let mut held = list(storage, &of_user(created.user_id)).await;
    held.extend(found(storage, created.id).await);
    held.extend(found(storage, replaced.id).await);
    assert_eq!(held.len(), 4);
    for row in held {
        // Compared as text too: a comparison of values takes -0.0 for 0.0.
        let (read, given) = (Value::Object(row.data.0.into_map()), &data);
        assert!(read == *given && text(&read) == text(given), "{}", shortened(&read, given));
    }
}

fn shortened(read: &Value, given: &Value) -> String {
    let short = |value: &Value| value.to_string().chars().take(300).collect::<String>();
    format!("read back {} instead of {}", short(read), short(given))
}

/// A sheet of this number of levels, objects and lists in turn.
fn nested(levels: usize) -> Value {
    let inner = (2..levels).fold(
        json!([]),
        |inner, level| {
            if level % 2 == 0 { json!({ "in": inner }) } else { json!([inner]) }
        },
    );
    json!({ "in": inner })
}

async fn is_invalid(storage: &Arc<dyn StoragePort>, row: Character, field: &str) {
    let present = Character { id: row.id, ..character() };
    for _ in 0..2 {
        let change = match found(storage, row.id).await {
            None => Change::Create(row.clone()),
            Some(_) => replacement(&row, revision(1)),
        };
        let before = found(storage, row.id).await;
        let error = commit(storage, change).await.expect_err("the row breaks a rule");
        let ErrorKind::Invalid(violations) = error.kind() else { panic!("{error}") };
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, [format!("writes[0].{field}")]);
        assert_eq!(found(storage, row.id).await, before, "an invalid row was stored");
        if before.is_none() {
            create(storage, slice::from_ref(&present)).await;
        }
    }
}

/// Every field of a character comes back as it was given.
pub async fn every_field_comes_back(storage: Arc<dyn StoragePort>) {
    let full = Character {
        parent_id: Some(CharacterId::new()),
        campaign_id: Some(CampaignId::new()),
        theme: "Steampunk".to_owned(),
        name: "Ada \"the Engine\" O'Lovelace; DROP TABLE characters --".to_owned(),
        is_active: false,
        ..with_data(character(), &json!({ "level": 3, "tags": ["a", "b"] }))
    };
    let bare = character();
    create(&storage, &[full.clone(), bare.clone()]).await;
    assert_eq!(found(&storage, full.id).await, Some(full));
    assert_eq!(found(&storage, bare.id).await, Some(bare));
}

/// Names, themes and sheets in any script come back to the letter, neither normalised nor trimmed.
pub async fn unicode_comes_back_exact(storage: Arc<dyn StoragePort>) {
    let texts = [
        "Þórr Ægisson",
        "山田 太郎",
        "Ἀχιλλεύς",
        "שלום עולם",
        "हिन्दी",
        "e\u{301} is not \u{e9}",
        "\u{1f409}\u{200d}\u{1f525}",
        "  spaces around  ",
        "\u{feff}byte order mark",
        "ﬃ ligature",
        "İstanbul ı",
        "\u{10ffff}",
        "\u{2028}line\u{2029}separators",
    ];
    let user = character().user_id;
    let rows: Vec<_> = texts
        .iter()
        .map(|text| {
            let named = Character { user_id: user, name: (*text).to_owned(), theme: (*text).to_owned(), ..character() };
            with_data(named, &json!({ (*text): text, "in": [{ (*text): [text] }] }))
        })
        .collect();
    create(&storage, &rows).await;
    for row in rows {
        assert_eq!(found(&storage, row.id).await, Some(row));
    }
}

/// Integers of 64 bits, signed and unsigned, come back exact.
pub async fn integers_come_back_exact(storage: Arc<dyn StoragePort>) {
    let data = json!({
        "i64": [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX],
        "u64": [u64::MAX, u64::MAX - 1, 1_u64 << 63],
        "beyond doubles": [9_007_199_254_740_993_i64, -9_007_199_254_740_993_i64, 1_234_567_890_123_456_789_i64],
    });
    comes_back(&storage, data).await;
}

/// Floating-point numbers come back to the last bit, the sign of zero included.
pub async fn floats_come_back_exact(storage: Arc<dyn StoragePort>) {
    let data = json!({
        "plain": [0.1, -0.1, 0.2 + 0.1, 1.0 / 3.0, 123_456.789],
        "large": [1e300, -1e300, f64::MAX, f64::MIN],
        "small": [5e-324, -5e-324, f64::MIN_POSITIVE, 1e-300],
        "hard": [2.225_073_858_507_201e-308, 9_007_199_254_740_993.0, 0.000_1, 1e21, 1e-7],
        "zero": [0.0, -0.0],
    });
    comes_back(&storage, data).await;
}

/// A whole floating-point number does not turn into an integer, nor the other way round.
pub async fn a_whole_float_stays_a_float(storage: Arc<dyn StoragePort>) {
    comes_back(&storage, json!({ "floats": [1.0, -1.0, 100.0, 1e15, 1e16], "integers": [1, -1, 100] })).await;
}

/// Empty member names, texts, lists and objects come back.
pub async fn empty_names_and_values_come_back(storage: Arc<dyn StoragePort>) {
    comes_back(&storage, json!({})).await;
    comes_back(&storage, json!({ "": "", " ": [], "o": {}, "deep": { "": { "": [[], {}, [[]], [{}]] } } })).await;
}

/// Members that are null stay members; a null is neither dropped nor taken for absence.
pub async fn null_members_come_back(storage: Arc<dyn StoragePort>) {
    comes_back(&storage, json!({ "null": null, "nulls": [null, null], "deep": { "null": null } })).await;
}

/// Truth values come back as such, beside texts and numbers that look like them.
pub async fn look_alikes_stay_what_they_are(storage: Arc<dyn StoragePort>) {
    let data = json!({
        "boolean": [true, false, "true", "false", 0, 1],
        "number": ["1", 1, "1.0", "1e3", "NaN", "Infinity", "0x10", "007"],
        "null": ["null", "NULL", "undefined"],
        "time": "2026-01-01T00:00:00Z",
        "uuid": "00000000-0000-0000-0000-000000000000",
        "json": "{\"a\":[1,2,{\"b\":null}]}",
    });
    comes_back(&storage, data).await;
}

/// Quotes, backslashes and control characters other than U+0000 come back.
pub async fn quotes_backslashes_and_control_characters_come_back(storage: Arc<dyn StoragePort>) {
    let control: String = (1_u8..32).chain([127]).map(char::from).collect();
    let texts = [
        "\"",
        "'",
        "\\",
        "\\\"",
        "\\n",
        "\\u0041",
        "\\\\u0000",
        "'; DROP TABLE characters; --",
        "%s {} $1 ?",
        "</script>",
    ];
    let members: Map<String, Value> = texts.iter().map(|text| ((*text).to_owned(), json!([text]))).collect();
    comes_back(&storage, json!({ "texts": members, "control": control, control: "a name", "next line": "\u{85}" }))
        .await;
}

/// Member names that mean something to some database or language come back like others.
pub async fn odd_member_names_come_back(storage: Arc<dyn StoragePort>) {
    let data = json!({
        "$ne": 1, "__proto__": { "a": 1 }, "constructor": 2, "a.b": 3, "a[0]": 4, "*": 5, "@type": 6, "id": 7,
        "revision": 8, "deleted_at": null, "meta": { "revision": 9 }, "data": { "data": {} }, "A": 1, "a": 2,
        "$serde_json": "10", "a b": 11, "key": "k".repeat(300), "n".repeat(3000): 12,
    });
    comes_back(&storage, data).await;
}

/// A member whose name is reserved by the parser is `Invalid`, wherever it is.
pub async fn a_reserved_member_name_is_invalid(storage: Arc<dyn StoragePort>) {
    for name in ["$serde_json::private::Number", "$serde_json::private::RawValue", "$serde_json::private::"] {
        is_invalid(&storage, with_data(character(), &json!({ (name): "1" })), "data").await;
        is_invalid(&storage, with_data(character(), &json!({ "deep": [{ "a": 1, (name): "1" }] })), "data").await;
    }
}

/// Numbers of any length and precision come back to the letter: neither rounded, shortened nor made finite.
pub async fn numbers_come_back_to_the_letter(storage: Arc<dyn StoragePort>) {
    let numbers: Vec<Value> = [
        "0",
        "-0",
        "0.0",
        "-0.00",
        "1.50",
        "100.0",
        "1e2",
        "1E+2",
        "1.0e-7",
        "1e400",
        "-1e400",
        "1e-400",
        "12345678901234567890.5",
        "18446744073709551616",
        "-9223372036854775809",
        "1234567890123456789012345678901234567890",
        "0.1234567890123456789012345678901234567890",
        "1e999999999999999999999999",
    ]
    .iter()
    .map(|number| serde_json::from_str(number).expect("a number"))
    .collect();
    let long: Value = serde_json::from_str(&"7".repeat(10_000)).expect("a number");
    comes_back(&storage, json!({ "numbers": numbers, "long": long, "deep": [{ "numbers": numbers }] })).await;
}

/// A sheet of 128 levels, the most that is allowed, comes back.
pub async fn a_document_of_128_levels_comes_back(storage: Arc<dyn StoragePort>) {
    comes_back(&storage, nested(MAX_DEPTH)).await;
}

/// A sheet of 129 levels is `Invalid`.
pub async fn a_document_of_129_levels_is_invalid(storage: Arc<dyn StoragePort>) {
    is_invalid(&storage, with_data(character(), &nested(MAX_DEPTH + 1)), "data").await;
}

/// A sheet of 1 MiB, the largest that is allowed, comes back.
pub async fn a_document_of_one_mebibyte_comes_back(storage: Arc<dyn StoragePort>) {
    let paragraph = "Ærøskøbing \u{1f409} ".repeat(45);
    let story: Vec<_> = (0..1100).map(|page| json!({ "page": page, "text": paragraph })).collect();
    let left = MAX_DOCUMENT - json!({ "story": story, "rest": "" }).to_string().len();
    let row = with_data(character(), &json!({ "story": story, "rest": "x".repeat(left) }));
    assert_eq!(Value::Object(row.data.0.clone().into_map()).to_string().len(), MAX_DOCUMENT);
    create(&storage, slice::from_ref(&row)).await;
    assert!(found(&storage, row.id).await == Some(row), "the sheet of one mebibyte comes back as it was");
}

/// A sheet of many members comes back.
pub async fn a_document_of_many_members_comes_back(storage: Arc<dyn StoragePort>) {
    let members: Map<String, Value> = (0..5_000).map(|i| (format!("member {i}"), json!(i))).collect();
    comes_back(&storage, Value::Object(members)).await;
}

/// The character U+0000 in a text of the sheet is `Invalid`.
pub async fn nul_in_a_text_is_invalid(storage: Arc<dyn StoragePort>) {
    is_invalid(&storage, with_data(character(), &json!({ "text": "a\0b" })), "data").await;
    is_invalid(&storage, with_data(character(), &json!({ "deep": [{ "text": ["\0"] }] })), "data").await;
}

/// The character U+0000 in a member name of the sheet is `Invalid`.
pub async fn nul_in_a_member_name_is_invalid(storage: Arc<dyn StoragePort>) {
    is_invalid(&storage, with_data(character(), &json!({ "a\0b": 1 })), "data").await;
    is_invalid(&storage, with_data(character(), &json!({ "deep": [{ "\0": null }] })), "data").await;
}

/// The character U+0000 in a name or theme is `Invalid`.
pub async fn nul_in_a_name_is_invalid(storage: Arc<dyn StoragePort>) {
    is_invalid(&storage, Character { name: "a\0b".to_owned(), ..character() }, "name").await;
    is_invalid(&storage, Character { theme: "a\0b".to_owned(), ..character() }, "theme").await;
}

/// The character U+0000 in the data of an event is `Invalid`, and the transaction is not applied.
pub async fn nul_in_an_event_is_invalid(storage: Arc<dyn StoragePort>) {
    let row = character();
    for data in [json!("\0"), json!({ "\0": 1 }), json!([["a\0"]])] {
        let event = DomainEvent::new(CHARACTER_CREATED, row.id, at(0), data);
        let transaction = Transaction::new().with(Change::Create(row.clone())).with_event(event);
        let error = storage.commit(transaction).await.expect_err("the event breaks a rule");
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
    }
    assert_eq!(found(&storage, row.id).await, None);
}

/// Names and themes that are empty, invisible or too long are `Invalid`, as is a character that is its own parent.
pub async fn a_row_that_breaks_a_rule_is_invalid(storage: Arc<dyn StoragePort>) {
    is_invalid(&storage, Character { name: String::new(), ..character() }, "name").await;
    is_invalid(&storage, Character { name: " \u{3000}".to_owned(), ..character() }, "name").await;
    is_invalid(&storage, Character { name: "x".repeat(256), ..character() }, "name").await;
    is_invalid(&storage, Character { name: "\u{200b}\u{feff}".to_owned(), ..character() }, "name").await;
    is_invalid(&storage, Character { theme: String::new(), ..character() }, "theme").await;
    is_invalid(&storage, Character { theme: "x".repeat(65), ..character() }, "theme").await;
    let row = character();
    is_invalid(&storage, Character { parent_id: Some(row.id), ..row }, "parent_id").await;
}

/// The longest name and theme, counted in characters and not in bytes, come back.
pub async fn the_longest_name_and_theme_come_back(storage: Arc<dyn StoragePort>) {
    let row = Character { name: "\u{1f409}".repeat(255), theme: "\u{4e9c}".repeat(64), ..character() };
    create(&storage, slice::from_ref(&row)).await;
    assert_eq!(found(&storage, row.id).await, Some(row));
}

/// Identifiers of any version come back, the nil and the greatest included.
pub async fn identifiers_of_any_kind_come_back(storage: Arc<dyn StoragePort>) {
    let mut rows = party(4);
    rows[0].id = CharacterId(uuid::Uuid::nil());
    rows[1].id = CharacterId(uuid::Uuid::max());
    rows[2].id = CharacterId(uuid::Uuid::new_v4());
    rows[2].campaign_id = Some(CampaignId(uuid::Uuid::nil()));
    create(&storage, &rows).await;
    for row in rows {
        assert_eq!(found(&storage, row.id).await, Some(row));
    }
}

/// Events come back with all their attributes and any JSON data.
pub async fn an_event_comes_back_exact(storage: Arc<dyn StoragePort>) {
    let subject = CharacterId::new();
    let mut events = vec![event(subject, 0)];
    for data in [
        json!(null),
        json!(true),
        json!("text \u{1f409} \" \\ \n"),
        json!([u64::MAX, i64::MIN, 1.0, 5e-324, null]),
        json!({ "": { "null": null } }),
        json!(-1),
        Value::Object(Document::default().0.into_map()),
    ] {
        events.push(DomainEvent {
            event_type: "com.example/Ünusual.type".into(),
            ..DomainEvent::new("", subject, at(-3), data)
        });
    }
    let transaction = Transaction { events: events.clone(), ..Transaction::new() };
    storage.commit(transaction).await.expect("the events are valid");
    let told = logged_events(&storage).await;
    assert_eq!(told, events);
}

/// The very text, since equal numbers may be written in different ways.
fn text(document: &Value) -> String {
    document.to_string()
}
