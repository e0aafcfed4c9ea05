//! Scans a text before a parser reads it.

use super::token::{is_in_word, string_at, word_at};
use crate::size;
use std::borrow::Cow;

/// The prefix of names that the parser reserves for its own values. An object with such a member would be parsed as
/// something else, so no document may have one.
pub const RESERVED: &str = "$serde_json::private::";

/// Longest path in an error, in Unicode scalar values.
const MAX_PATH: usize = 300;

/// Why a text is not acceptable JSON, before any type is considered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Nested deeper than allowed.
    #[error("nested deeper than {levels} levels")]
    TooDeep {
        /// The allowed number of levels.
        levels: usize,
        /// The name of the member of the outermost object that is too deep, cut like a path; `None` when the text is no object.
        member: Option<String>,
    },
    /// More JSON values than allowed.
    #[error("{}", size::too_many_values(*.0))]
    TooMany(usize),
    /// A forbidden member.
    #[error("{path}: {reason}")]
    Member {
        /// Its path: `data.spells[3].name`. Long paths are cut.
        path: String,
        /// The fault, as a sentence fragment.
        reason: &'static str,
    },
}

/// An object or an array that is not closed yet.
struct Open {
    /// How many names all objects outside of it have together.
    names_before: usize,
    /// The place of the current item; `None` in an object.
    item: Option<usize>,
    /// Whether each name so far is plain and greater than the one before, so that no two are equal.
    is_sorted: bool,
    /// Whether no name so far has an escape.
    is_plain: bool,
}

/// Scans the text once and rejects what a parser would crash on or alter: deep nesting, repeated members, and names
/// that are [`RESERVED`]; and more than `max_values` values, for which the parser would need far more memory than the
/// text. It does not check the syntax; the parser does.
///
/// It needs no recursion, time in proportion to the length of the text (and to its logarithm where members are in no
/// order), and memory of a few bytes for each member name.
///
/// # Errors
/// [`ScanError`] with the first fault.
pub fn scan(text: &[u8], max_depth: usize, max_values: usize) -> Result<(), ScanError> {
    let mut open: Vec<Open> = Vec::new();
    // The names of all open objects, as they are written, the innermost last.
    let mut names: Vec<&[u8]> = Vec::new();
    let (mut is_name_next, mut at, mut values) = (false, 0, 0);
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let (string, is_plain) = string_at(text, at);
                values += usize::from(!is_name_next);
                if std::mem::take(&mut is_name_next)
                    && let Some(object) = open.last_mut()
                {
                    let before = (names.len() > object.names_before).then(|| names.last()).flatten();
                    object.is_plain &= is_plain;
                    object.is_sorted &= is_plain && before.is_none_or(|before| *before < string);
                    names.push(string);
                    if (string.starts_with(b"$") || !is_plain) && decoded(string).starts_with(RESERVED.as_bytes()) {
                        return Err(refused(&open, &names, "is a reserved name"));
                    }
                }
                at += string.len() + 1;
            }
            b'{' | b'[' => {
                is_name_next = byte == b'{';
                values += 1;
                let item = (byte == b'[').then_some(0);
                open.push(Open { names_before: names.len(), item, is_sorted: true, is_plain: true });
                if open.len() > max_depth {
                    return Err(ScanError::TooDeep { levels: max_depth, member: outermost(&open, &names) });
                }
            }
            b'}' | b']' => {
                is_name_next = false;
                if let Some(closed) = open.last() {
                    let own = names.get_mut(closed.names_before..).unwrap_or_default();
                    if !closed.is_sorted
                        && let Some(twice) = twice(own, closed.is_plain)
                    {
                        names.push(twice);
                        return Err(refused(&open, &names, "must not be given twice"));
                    }
                    names.truncate(closed.names_before);
                    open.pop();
                }
            }
            b',' => match open.last_mut() {
                Some(Open { item: Some(item), .. }) => *item += 1,
                innermost => is_name_next = innermost.is_some(),
            },
            byte if is_in_word(byte) => {
                values += 1;
                at += word_at(text, at);
            }
            _ => {}
        }
        if values > max_values {
            return Err(ScanError::TooMany(max_values));
        }
    }
    Ok(())
}

/// The properties of the text of one well-formed JSON value, found without parsing it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// How deep it is nested; 0 for a value that is neither an object nor an array.
    pub(crate) depth: usize,
    /// The number of its values, including itself.
    pub(crate) values: usize,
    /// Whether a text or a name in it has the character U+0000.
    pub(crate) has_nul: bool,
    /// Whether a name in it is [`RESERVED`].
    pub(crate) has_reserved: bool,
}

/// Scans a text once, without allocating memory.
pub(crate) fn survey(text: &[u8]) -> Survey {
    let (mut survey, mut depth, mut at) = (Survey::default(), 0_usize, 0);
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let (string, is_plain) = string_at(text, at);
                at += string.len() + 1;
                let rest = text.get(at..).unwrap_or_default();
                let is_name = rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
                survey.values += usize::from(!is_name);
                survey.has_reserved |= is_name && string.starts_with(RESERVED.as_bytes());
                survey.has_nul |= !is_plain && has_nul(string);
            }
            b'{' | b'[' => {
                depth += 1;
                survey.values += 1;
                survey.depth = survey.depth.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            byte if is_in_word(byte) => {
                survey.values += 1;
                at += word_at(text, at);
            }
            _ => {}
        }
    }
    survey
}

/// The number of JSON values in a text.
#[must_use]
pub fn values(text: &[u8]) -> usize {
    survey(text).values
}

/// Whether a string, as it is written, has the character U+0000.
fn has_nul(string: &[u8]) -> bool {
    let mut rest = string;
    while let Some(escape) = rest.iter().position(|byte| *byte == b'\\') {
        rest = rest.get(escape + 1..).unwrap_or_default();
        if rest.starts_with(b"u0000") {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

/// A string without escapes. One that cannot be read stays as it is written.
fn decoded(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'\\') {
        return raw.into();
    }
    let quoted = [b"\"", raw, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).map_or(raw.into(), |name| name.into_bytes().into())
}

/// A name that is repeated among these.
fn twice<'a>(names: &mut [&'a [u8]], are_plain: bool) -> Option<&'a [u8]> {
    if are_plain {
        // Any order finds equal names, and most lengths differ.
        names.sort_unstable_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
    } else {
        names.sort_unstable_by(|one, other| decoded(one).cmp(&decoded(other)));
    }
    names.windows(2).find_map(|pair| match pair {
        [one, other] if one == other || (!are_plain && decoded(one) == decoded(other)) => Some(*other),
        _ => None,
    })
}

/// The name of the open member of the outermost object.
fn outermost(open: &[Open], names: &[&[u8]]) -> Option<String> {
    open.first().filter(|outermost| outermost.item.is_none())?;
    let name = names.get(open.get(1)?.names_before.checked_sub(1)?)?;
    Some(String::from_utf8_lossy(&decoded(name)).chars().take(MAX_PATH).collect())
}

/// The refusal of the member whose name is the last of `names`.
fn refused(open: &[Open], names: &[&[u8]], reason: &'static str) -> ScanError {
    let mut path = String::new();
    for (level, outer) in open.iter().enumerate() {
        if let Some(item) = outer.item {
            path.push_str(&format!("[{item}]"));
            continue;
        }
        let names_here = open.get(level + 1).map_or(names.len(), |inner| inner.names_before);
        let name = names_here.checked_sub(1).and_then(|last| names.get(last)).copied().unwrap_or_default();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&String::from_utf8_lossy(&decoded(name)));
        if path.len() > MAX_PATH {
            break;
        }
    }
    ScanError::Member { path: path.chars().take(MAX_PATH).collect(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::{collections::BTreeMap, time::Instant};

    const MANY: usize = 1_000_000;

    fn member(path: &str, reason: &'static str) -> Result<(), ScanError> {
        Err(ScanError::Member { path: path.to_owned(), reason })
    }

    #[test]
    fn a_text_at_the_limit_passes_and_one_level_more_does_not() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert_eq!(scan(nested(128).as_bytes(), 128, MANY), Ok(()));
        assert_eq!(scan(nested(129).as_bytes(), 128, MANY), Err(ScanError::TooDeep { levels: 128, member: None }));
        assert_eq!(scan(br#""[[[[[\"[[[[""#, 2, MANY), Ok(()));
    }

    #[test]
    fn a_member_that_is_there_twice_is_named_by_its_path() {
        for (text, path) in [
            (r#"{"a":1,"a":1}"#, "a"),
            (r#"{"b":1,"a":2,"b":3}"#, "b"),
            (r#"{"a":{"b":1},"c":[0,{"d":{"e":1,"f":2,"e":3}}]}"#, "c[1].d.e"),
            (r#"[{"x":1},{"x":1,"\u0078":2}]"#, "[1].x"),
            (r#"{"":1,"a":2,"":3}"#, ""),
            (r#"{"\n":1,"\u000a":2}"#, "\n"),
            (r#"{"a":{"z":{},"y":[]},"a":0}"#, "a"),
        ] {
            assert_eq!(scan(text.as_bytes(), 9, MANY), member(path, "must not be given twice"), "{text}");
        }
    }

    #[test]
    fn equal_names_in_different_objects_are_no_duplicates() {
        for text in [
            r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#,
            r#"[{"a":1},{"a":1}]"#,
            r#"{"a":"a","b":["a","a"]}"#,
            r#"{"a":"\"a\":1,\"a\":2"}"#,
            r#"{"b":1,"A":2,"a":3,"a ":4}"#,
        ] {
            assert_eq!(scan(text.as_bytes(), 9, MANY), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_reserved_name_is_refused_however_it_is_spelled() {
        for text in [
            r#"{"a":{"$serde_json::private::Number":"1"}}"#,
            r#"{"a":{"x":1,"$serde_json::private::RawValue":"1"}}"#,
            r#"{"a":{"\u0024serde_json::private::":1}}"#,
            r#"{"a":{"$serde_json\u003a:private::RawValue":1}}"#,
        ] {
            let Err(ScanError::Member { path, reason }) = scan(text.as_bytes(), 9, MANY) else { panic!("{text}") };
            assert!(path.starts_with("a.$serde_json::private::"), "{path}");
            assert_eq!(reason, "is a reserved name");
        }
        assert_eq!(scan(br#"{"$serde_json::privat":"$serde_json::private::Number"}"#, 9, MANY), Ok(()));
    }

    #[test]
    fn a_text_of_the_largest_number_of_values_passes_and_one_value_more_does_not() {
        for (text, values) in [
            ("0", 1),
            ("[]", 1),
            (r#" [ 1 , -2.5e+3,true,null,"x" ] "#, 6),
            (r#"{"a":"b","c":{"d":[{}]},"":[[],[]]}"#, 8),
            (r#"{"a,b:c":"1,2 [3]","d":"\",\"" }"#, 3),
        ] {
            assert_eq!(super::values(text.as_bytes()), values, "{text}");
            assert_eq!(scan(text.as_bytes(), 9, values), Ok(()), "{text}");
            assert_eq!(scan(text.as_bytes(), 9, values - 1), Err(ScanError::TooMany(values - 1)), "{text}");
        }
        assert_eq!(scan(&[b'['; 1_000], 2_000, 10), Err(ScanError::TooMany(10)), "also of a text that never ends");
    }

    #[test]
    fn a_path_in_an_error_is_short() {
        let name = "\u{1f409}".repeat(100_000);
        let text = format!(r#"{{"{name}":{{"a":1,"a":2}}}}"#);
        let Err(ScanError::Member { path, .. }) = scan(text.as_bytes(), 9, MANY) else { panic!("a is there twice") };
        assert_eq!(path.chars().count(), MAX_PATH);
    }

    #[test]
    fn many_members_and_long_numbers_take_no_quadratic_time() {
        let began = Instant::now();
        let backwards: Vec<_> = (0..200_000).rev().map(|name| format!(r#""{name:07}":1"#)).collect();
        let escaped: Vec<_> = (0..50_000).rev().map(|name| format!(r#""\u0061{name:07}":1"#)).collect();
        for members in [backwards, escaped] {
            assert_eq!(scan(format!("{{{}}}", members.join(",")).as_bytes(), 9, MANY), Ok(()));
        }
        let number = format!("[{}]", "7".repeat(4_000_000));
        assert_eq!(scan(number.as_bytes(), 9, MANY), Ok(()));
        assert_eq!(serde_json::from_str::<Value>(&number).unwrap().to_string(), number);
        // Quadratic time would be minutes here.
        assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    }

    /// Objects within objects, as the list of their members in any order, with few names so that some are equal.
    #[derive(Clone, Debug)]
    enum Tree {
        Leaf,
        Array(Vec<Tree>),
        Object(Vec<(String, Tree)>),
    }

    impl Tree {
        fn write(&self) -> String {
            match self {
                Self::Leaf => "\"a\"".to_owned(),
                Self::Array(items) => format!("[{}]", items.iter().map(Self::write).collect::<Vec<_>>().join(",")),
                Self::Object(members) => {
                    let members = members.iter().map(|(name, value)| format!("{}:{}", json!(name), value.write()));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(" , "))
                }
            }
        }

        fn has_duplicate(&self) -> bool {
            match self {
                Self::Leaf => false,
                Self::Array(items) => items.iter().any(Self::has_duplicate),
                Self::Object(members) => {
                    members.iter().map(|(name, _)| (name, ())).collect::<BTreeMap<_, _>>().len() < members.len()
                        || members.iter().any(|(_, value)| value.has_duplicate())
                }
            }
        }
    }

    fn tree() -> impl Strategy<Value = Tree> {
        Just(Tree::Leaf).prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::Array),
                prop::collection::vec(("[a-f\"\\\\\n]{0,2}", inner), 0..4).prop_map(Tree::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn exactly_the_texts_with_a_member_twice_are_refused(tree in tree()) {
            let text = tree.write();
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
            prop_assert_eq!(scan(text.as_bytes(), 64, MANY).is_err(), tree.has_duplicate(), "{}", text);
        }

        #[test]
        fn no_text_makes_the_scan_panic(text in "[\\[\\]{}\",:\\\\a1\u{e9}]{0,40}") {
            let _ = scan(text.as_bytes(), 64, MANY);
        }
    }
}
