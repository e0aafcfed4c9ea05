//! Reads JSON text: rejects what a parser would alter or crash on, and keeps the spelling of numbers.

mod canonical;
mod scan;
mod token;

pub(crate) use canonical::canonical_with_survey;
pub use canonical::{Bounds, Member, canonical, members};
pub use scan::{RESERVED, ScanError, scan, values};
pub(crate) use scan::{Survey, survey};

use crate::size;
use serde::de::DeserializeOwned;
use token::{is_escaped_as_written, string_at, word_at};

/// Maximum nesting of a [`Document`](crate::Document), including its own level.
pub const MAX_DEPTH: usize = 128;

/// Maximum nesting of a whole message: a document inside the envelopes of our contracts.
pub const MAX_MESSAGE_DEPTH: usize = MAX_DEPTH + 16;

/// Scans and parses a message of our own contracts, at the nesting those need.
///
/// # Errors
/// What the [`scan`] rejects, or the error of the parser with line and column.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    parse_within(text, size::MAX_MESSAGE_VALUES)
}

/// The same, of a text of at most `max_values` JSON values.
pub(crate) fn parse_within<T: DeserializeOwned>(text: &[u8], max_values: usize) -> serde_json::Result<T> {
    if let Err(error) = scan(text, MAX_MESSAGE_DEPTH, max_values) {
        return Err(<serde_json::Error as serde::de::Error>::custom(error));
    }
    parse_scanned(text)
}

/// Parses a text that is known to pass the scan.
pub(crate) fn parse_scanned<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    deserializer.disable_recursion_limit();
    let value = T::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// What a [`survey`] finds in the text of one JSON value, which is known to be well-formed, when it equals what `serde_json`
/// writes for its value: no spaces, members sorted, no two of one name and none reserved, exponents and strings in their one
/// form. `None` also where the check would be expensive, and for nesting deeper than `max_depth`.
pub(crate) fn survey_as_written(text: &str, max_depth: usize) -> Option<Survey> {
    let bytes = text.as_bytes();
    // Of each open object the name before; `None` for an array.
    let mut open: Vec<Option<&[u8]>> = Vec::new();
    let mut survey = Survey::default();
    let (mut name_next, mut i) = (false, 0);
    while let Some(&byte) = bytes.get(i) {
        i += 1;
        match byte {
            b'"' => {
                // U+0000 can be written only by an escape that is not let pass here.
                let (string, is_plain) = string_at(bytes, i);
                if !is_plain && (name_next || !is_escaped_as_written(string)) {
                    return None;
                }
                i += string.len() + 1;
                survey.values += usize::from(!name_next);
                if let (true, Some(Some(before))) = (std::mem::take(&mut name_next), open.last_mut()) {
                    // The first of an object is marked by the quote that no name begins with.
                    if string.starts_with(RESERVED.as_bytes()) || (*before != b"\"" && string <= *before) {
                        return None;
                    }
                    *before = string;
                }
            }
            b'{' | b'[' => {
                name_next = byte == b'{';
                open.push(name_next.then_some(b"\""));
                survey.values += 1;
                survey.depth = survey.depth.max(open.len());
                if open.len() > max_depth {
                    return None;
                }
            }
            b'}' | b']' => {
                open.pop();
                name_next = false;
            }
            b',' => name_next = matches!(open.last(), Some(Some(_))),
            b'-' | b'0'..=b'9' => {
                let rest = bytes.get(i..).unwrap_or_default();
                let length = rest.iter().take_while(|byte| is_in_number(**byte)).count();
                if !bytes.get(i - 1..i + length).is_some_and(is_number_as_written) {
                    return None;
                }
                survey.values += 1;
                i += length;
            }
            b':' => {}
            b'a'..=b'z' => {
                survey.values += 1;
                i += word_at(bytes, i);
            }
            _ => return None,
        }
    }
    Some(survey)
}

fn is_in_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// The parser writes the sign of an exponent and a small `e`, and keeps the rest of a number.
fn is_number_as_written(number: &[u8]) -> bool {
    let sign_follows = |at: usize| matches!(number.get(at + 1), Some(b'+' | b'-'));
    number.iter().enumerate().all(|(at, byte)| match byte {
        b'e' => sign_follows(at),
        b'E' => false,
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Text of JSON values of every kind, in unusual spelling: spaces, escapes, members in any order.
    fn any_text() -> impl Strategy<Value = String> {
        let number = prop_oneof![
            any::<i64>().prop_map(|n| n.to_string()),
            any::<u64>().prop_map(|n| n.to_string()),
            any::<f64>().prop_filter("JSON has no other", |n| n.is_finite()).prop_map(|n| format!("{n:?}")),
            any::<f64>().prop_filter("JSON has no other", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
            Just("-0".to_owned()),
            "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,9})?",
        ];
        let string = prop_oneof![
            ".{0,20}".prop_map(|text| serde_json::to_string(&text).unwrap()),
            "[a-c]{0,2}".prop_map(|text| format!("\"{text}\"")),
            Just(r#""\u0041""#.to_owned()),
            Just(r#""\/""#.to_owned()),
            Just(r#""\ud83d\udc09""#.to_owned()),
            Just(r#""\\\"\n""#.to_owned()),
        ];
        let leaf = prop_oneof![number, string.clone(), Just("true".to_owned()), Just("null".to_owned())];
        let comma = prop_oneof![9 => Just(","), 1 => Just(" ,")];
        leaf.prop_recursive(5, 40, 5, move |inner| {
            let members = prop::collection::vec((string.clone(), inner.clone()), 0..5);
            prop_oneof![
                (prop::collection::vec(inner, 0..5), comma.clone())
                    .prop_map(|(items, comma)| format!("[{}]", items.join(comma))),
                (members, comma.clone(), any::<bool>()).prop_map(|(mut members, comma, sorted)| {
                    if sorted {
                        members.sort();
                        members.dedup_by(|one, other| one.0 == other.0);
                    }
                    let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}:{value}")).collect();
                    format!("{{{}}}", members.join(comma))
                }),
            ]
        })
    }

    /// Something that makes a text no JSON, or another one.
    fn edit() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "",
            "",
            ",",
            ":",
            "{",
            "}",
            "[",
            "]",
            "\"",
            "\\",
            "\\u0000",
            "\\x",
            "0",
            "-",
            ".",
            "e",
            "E+",
            "01",
            "tru",
            "null",
            " ",
            "\n",
            "\u{c}",
            "\u{1}",
            "\u{7f}",
            "{}",
            "\"a\":1,",
            "\"$serde_json::private::Number\":1,",
        ])
    }

    const BOUNDS: Bounds = Bounds { depth: 64, values: 1_000 };

    fn canonical(text: &str) -> serde_json::Result<std::borrow::Cow<'_, str>> {
        super::canonical(text, BOUNDS)
    }

    #[test]
    fn half_of_a_surrogate_pair_has_no_canonical_form() {
        assert!(canonical(r#"{"a":["\ud800"]}"#).is_err());
        assert_eq!(canonical(r#"{"b":1E5,"a":"\ud83d\udc09"}"#).unwrap(), "{\"a\":\"\u{1f409}\",\"b\":1e+5}");
    }

    #[test]
    fn an_object_of_too_many_members_is_refused_at_the_first_one_too_many() {
        let bounds = Bounds { depth: 2, values: 4 };
        let members = |count: usize| vec![r#""a":{}"#; count].join(",");
        let text = |count: usize, rest: &str| format!("{{{},\"b\":[]{rest}", members(count));
        assert!(super::members(&text(1, ",\"c\":0}"), bounds).is_ok());
        // Members of one name are found at the end only, and what is behind the bound is not read.
        let refusal = super::members(&text(3, "no JSON"), bounds).unwrap_err();
        assert!(refusal.to_string().contains("too many values"), "{refusal}");
    }

    #[test]
    fn members_are_in_the_order_of_their_names_and_not_of_their_spelling() {
        let canonical = canonical(r##" { "\"" : 1 , "!" : 2 , "#" : {"z":[ ],"y":{ }} } "##).unwrap();
        assert_eq!(canonical, r##"{"!":2,"\"":1,"#":{"y":{},"z":[]}}"##);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn a_text_that_is_as_written_is_what_would_be_written(text in any_text()) {
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            if let Some(found) = survey_as_written(&text, 64) {
                prop_assert_eq!(found, survey(text.as_bytes()));
                prop_assert_eq!(serde_json::to_string(&value).unwrap(), text);
            }
        }

        #[test]
        fn the_canonical_text_is_what_would_be_written(text in any_text()) {
            if scan(text.as_bytes(), 64, 1_000).is_ok() {
                let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                let (canonical, found) = canonical_with_survey(&text, BOUNDS).unwrap();
                prop_assert_eq!(&canonical, &serde_json::to_string(&value).unwrap());
                prop_assert_eq!(found, survey(canonical.as_bytes()));
            } else {
                prop_assert!(canonical(&text).is_err());
            }
        }

        #[test]
        fn what_the_scan_and_the_parser_let_pass_has_a_canonical_form_and_nothing_else(
            text in any_text(),
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), edit()), 1..3),
            depth in 0_usize..6,
            values in 0_usize..20,
        ) {
            let mut bytes = text.into_bytes();
            for (place, removes, edit) in edits {
                let at = place.index(bytes.len() + 1);
                bytes.splice(at..(at + usize::from(removes)).min(bytes.len()), edit.bytes());
            }
            if let Ok(text) = str::from_utf8(&bytes) {
                let parsed = serde_json::from_str::<serde_json::Value>(text);
                let passes = scan(&bytes, depth, values).is_ok() && parsed.is_ok();
                let bounds = Bounds { depth, values };
                prop_assert_eq!(super::canonical(text, bounds).is_ok(), passes, "{}", text);
                let is_object = passes && parsed.as_ref().is_ok_and(serde_json::Value::is_object);
                let members = members(text, bounds);
                prop_assert_eq!(members.is_ok(), is_object, "{}", text);
                if let (Ok(members), Ok(value)) = (members, parsed) {
                    prop_assert_eq!(members.len(), value.as_object().unwrap().len());
                    for member in members {
                        let value = &value[&*member.name];
                        prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(member.text).unwrap(), value);
                        prop_assert_eq!(member.document.is_some(), value.is_object());
                        if let Some(document) = member.document {
                            prop_assert_eq!(document.0.text().unwrap().get(), serde_json::to_string(value).unwrap());
                            let surveyed = survey(document.0.text().unwrap().get().as_bytes());
                            prop_assert_eq!(document.0.known_survey(), Some(surveyed));
                        }
                    }
                }
            }
        }

        #[test]
        fn no_text_makes_the_canonical_form_panic(text in "[\\[\\]{}\",:\\\\ae1\u{e9} -]{0,40}") {
            let _ = canonical(&text);
            let _ = members(&text, BOUNDS);
        }

        #[test]
        fn what_is_written_is_as_written_but_for_rare_escapes(text in any_text()) {
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            let written = serde_json::to_string(&value).unwrap();
            let escaped = written.contains("\\");
            prop_assert!(escaped || survey_as_written(&written, 64).is_some(), "{}", written);
        }
    }
}
