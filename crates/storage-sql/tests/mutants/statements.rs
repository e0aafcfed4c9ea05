//! The changes of the files of SQL, which are made in their texts while the program runs.

use std::ops::Range;

/// One change of a file of SQL.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) at: Range<usize>,
    pub(crate) other: &'static str,
}

/// An order that has a line to itself.
const ORDER: &str = "ORDER BY";

/// What is changed, and to what. Longer ones come first.
const OTHERS: &[(&str, &[&str])] = &[
    ("IS NOT NULL", &["IS NULL"]),
    ("IS NULL", &["IS NOT NULL"]),
    ("NOT EXISTS", &["EXISTS"]),
    ("FOR UPDATE", &[""]),
    ("FOR SHARE", &[""]),
    ("DISTINCT", &[""]),
    ("UNION ALL", &["INTERSECT"]),
    ("NOT", &[""]),
    ("AND", &["OR"]),
    ("OR", &["AND"]),
    ("DESC", &["ASC"]),
    ("MIN", &["MAX"]),
    ("MAX", &["MIN"]),
    ("min", &["max"]),
    ("max", &["min"]),
    ("LEAST", &["GREATEST"]),
    ("GREATEST", &["LEAST"]),
    ("<>", &["="]),
    ("<=", &["<", ">"]),
    (">=", &[">", "<"]),
    ("<", &["<=", ">"]),
    (">", &[">=", "<"]),
    ("=", &["<>"]),
    ("+ 1", &["", "+ 2"]),
    ("- 1", &[""]),
    ("+", &["-"]),
    ("-", &["+"]),
];

/// Every change of a file.
pub(crate) fn changes_of(text: &str) -> Vec<Change> {
    let (mut changes, mut at) = (Vec::new(), 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("--") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        if let Some(inner) = rest.strip_prefix('\'') {
            at += inner.find('\'').map_or(rest.len(), |end| end + 2);
            continue;
        }
        let line = rest.lines().next().unwrap_or_default();
        if line.starts_with(ORDER) && text[..at].lines().next_back().is_none_or(|before| before.trim().is_empty()) {
            let number = text[..at].matches('\n').count() + 1;
            changes.push(Change {
                line: number,
                what: format!("leaves out {line}"),
                at: at..at + line.len(),
                other: "",
            });
        }
        if let Some((word, others)) = OTHERS.iter().find(|(word, _)| stands_at(text, at, word)) {
            let line = text[..at].matches('\n').count() + 1;
            let about = text.lines().nth(line - 1).unwrap_or_default().trim();
            changes.extend(others.iter().map(|other| {
                let to = if other.is_empty() { "nothing" } else { other };
                Change { line, what: format!("{word} => {to} in {about}"), at: at..at + word.len(), other }
            }));
            at += word.len();
            continue;
        }
        at += rest.chars().next().map_or(1, char::len_utf8);
    }
    changes
}

/// Whether the word stands there, and is no part of a longer one.
fn stands_at(text: &str, at: usize, word: &str) -> bool {
    let is_letter = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    let is_sign = |letter: Option<char>| letter.is_some_and(|letter| "<>=|:-".contains(letter));
    let (before, behind) =
        (text[..at].chars().next_back(), text[at..].strip_prefix(word).map(|rest| rest.chars().next()));
    let Some(behind) = behind else { return false };
    if word.starts_with(char::is_alphabetic) {
        !is_letter(before) && !is_letter(behind)
    } else {
        !(is_sign(before) || is_sign(behind) || word.ends_with('1') && is_letter(behind))
    }
}
