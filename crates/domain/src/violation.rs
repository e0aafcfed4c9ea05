//! Broken rules, by field.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
};
use std::{fmt, ops::Deref};

/// One field and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The field, as a path: `name`, `data.hit_points`, `characters[3].name`.
    pub field: String,
    /// What is wrong, as a sentence fragment: `must not be empty`.
    pub reason: String,
}

impl Violation {
    /// A violation of `field` for `reason`.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    /// The same violation, seen from the document that holds this one under `prefix`.
    #[must_use]
    pub fn under(self, prefix: &str) -> Self {
        let field = if self.field.is_empty() { prefix.to_owned() } else { format!("{prefix}.{}", self.field) };
        Self { field, ..self }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            return f.write_str(&self.reason);
        }
        write!(f, "{}: {}", self.field, self.reason)
    }
}

/// The broken rules of one document, never empty when returned as an error.
///
/// A document may break a rule in each of a million places, so at most [`MAX_LISTED`] violations are kept and the others
/// are counted. The last of the list then says how many there are: `and 4711 more faults`, of no field. Long fields and
/// reasons, which may quote what a caller sent, are cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations {
    listed: Vec<Violation>,
    /// How many are not listed. When there are any, the last of the list counts them.
    more: usize,
}

/// The maximum number of violations in one list, without the last that counts the others.
pub const MAX_LISTED: usize = 100;

/// Longest field of a violation, in Unicode scalar values.
pub const MAX_FIELD: usize = 300;

/// Longest reason of a violation, in Unicode scalar values.
pub const MAX_REASON: usize = 500;

impl Violations {
    /// A single violation.
    pub fn one(field: impl Into<String>, reason: impl Into<String>) -> Self {
        let mut one = Self::default();
        one.push(field, reason);
        one
    }

    /// Adds a violation, or counts it when there are enough.
    pub fn push(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        if self.listed.len() < MAX_LISTED {
            self.listed.push(Violation { field: cut(field.into(), MAX_FIELD), reason: cut(reason.into(), MAX_REASON) });
        } else {
            self.count(1);
        }
    }

    /// Adds all of `others`.
    pub fn append(&mut self, others: Self) {
        let more = others.more;
        self.extend(others.into_listed());
        self.count(more);
    }

    fn count(&mut self, more: usize) {
        if more > 0 {
            self.listed.truncate(MAX_LISTED);
            self.more = self.more.saturating_add(more);
            self.listed.push(Violation::new("", format!("{BEFORE}{}{BEHIND}", self.more)));
        }
    }

    /// The list without its last, when that only counts the others.
    fn into_listed(mut self) -> Vec<Violation> {
        if self.more > 0 {
            self.listed.pop();
        }
        self.listed
    }

    /// Keeps the first `most` and counts the others.
    pub fn shorten(&mut self, most: usize) {
        let Self { mut listed, more } = Self { more: self.more, listed: std::mem::take(self).into_listed() };
        let rest = listed.len().saturating_sub(most);
        listed.truncate(most);
        *self = Self { listed, more: 0 };
        self.count(rest.saturating_add(more));
    }

    /// `Ok` when nothing is wrong.
    ///
    /// # Errors
    /// Itself, when at least one rule is broken.
    pub fn into_result(self) -> Result<(), Self> {
        if self.listed.is_empty() { Ok(()) } else { Err(self) }
    }

    /// All of them, seen from the document that holds this one under `prefix`.
    #[must_use]
    pub fn under(self, prefix: &str) -> Self {
        self.map(|violation| violation.under(prefix))
    }

    /// All of them, each changed by `change`.
    #[must_use]
    pub fn map(self, change: impl FnMut(Violation) -> Violation) -> Self {
        let mut mapped = Self::default();
        let more = self.more;
        mapped.extend(self.into_listed().into_iter().map(change));
        mapped.count(more);
        mapped
    }
}

const BEFORE: &str = "and ";
const BEHIND: &str = " more faults";

/// The number in the last violation of a list that is not complete.
fn counted(violation: &Violation) -> Option<usize> {
    let number = violation.reason.strip_prefix(BEFORE)?.strip_suffix(BEHIND)?;
    number.parse().ok().filter(|_| violation.field.is_empty())
}

/// At most `most` Unicode scalar values of a text, and an ellipsis when there are more.
pub(crate) fn cut(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

impl Deref for Violations {
    type Target = [Violation];

    fn deref(&self) -> &[Violation] {
        &self.listed
    }
}

impl IntoIterator for Violations {
    type Item = Violation;
    type IntoIter = std::vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.listed.into_iter()
    }
}

impl Extend<Violation> for Violations {
    fn extend<T: IntoIterator<Item = Violation>>(&mut self, violations: T) {
        violations.into_iter().for_each(|violation| self.push(violation.field, violation.reason));
    }
}

impl FromIterator<Violation> for Violations {
    fn from_iter<T: IntoIterator<Item = Violation>>(violations: T) -> Self {
        let mut all = Self::default();
        all.extend(violations);
        all
    }
}

impl Serialize for Violations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.listed.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Violations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Violations;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of violations")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Violations, A::Error> {
                let mut all = Violations::default();
                while let Some(violation) = list.next_element::<Violation>()? {
                    match counted(&violation) {
                        Some(more) => all.count(more),
                        None => all.push(violation.field, violation.reason),
                    }
                }
                Ok(all)
            }
        }
        deserializer.deserialize_seq(List)
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, violation) in self.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            fmt::Display::fmt(violation, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(count: usize) -> Violations {
        (0..count).map(|place| Violation::new(format!("data[{place}]"), "is wrong")).collect()
    }

    #[test]
    fn the_first_hundred_are_listed_and_the_others_are_counted() {
        assert_eq!(many(100).len(), 100);
        let violations = many(1_000_000);
        assert_eq!(violations.len(), 101);
        assert_eq!(violations[99].field, "data[99]");
        assert_eq!(violations[100], Violation::new("", "and 999900 more faults"));
        assert!(violations.to_string().ends_with("data[99]: is wrong; and 999900 more faults"));
    }

    #[test]
    fn lists_that_are_put_together_keep_the_count() {
        let mut all = many(70);
        all.append(many(150));
        all.append(many(5));
        let all = all.under("rows[1]");
        assert_eq!((all.len(), &*all[99].field, &*all[100].reason), (101, "rows[1].data[29]", "and 125 more faults"));
        let mut shorter = all;
        shorter.shorten(1);
        assert_eq!(shorter.to_string(), "rows[1].data[0]: is wrong; and 224 more faults");
    }

    #[test]
    fn a_list_is_the_same_after_it_was_sent_and_a_longer_one_is_cut_on_arrival() {
        for count in [0, 1, 100, 101, 5_000] {
            let text = serde_json::to_string(&many(count)).unwrap();
            assert_eq!(serde_json::from_str::<Violations>(&text).unwrap(), many(count));
        }
        let foreign: Vec<_> = many(100).into_iter().chain(many(100)).collect();
        let read: Violations = serde_json::from_str(&serde_json::to_string(&foreign).unwrap()).unwrap();
        assert_eq!((read.len(), &*read[100].reason), (101, "and 100 more faults"));
    }

    #[test]
    fn a_long_text_is_cut() {
        let long = "\u{1f409}".repeat(100_000);
        let violations = Violations::one(long.clone(), long);
        assert_eq!(violations[0].field.chars().count(), MAX_FIELD + 1);
        assert!(violations[0].reason.ends_with("\u{1f409}…") && violations[0].reason.len() < 4 * MAX_REASON + 4);
    }
}
