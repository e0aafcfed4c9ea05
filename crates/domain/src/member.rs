//! Reads the members of a document that acts compute with. This is the only place: an act with an unreadable member is
//! rejected, so that it does not overwrite unknown data.

use crate::{Document, Refusal, Violation, number};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// The rule that rejects an act with an unreadable member.
pub const UNREADABLE: &str = "unreadable-member";

/// Longest part of an unreadable value in a rejection, in Unicode scalar values.
const SHOWN: usize = 60;

/// A member of a document. `null` counts as missing.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    path: String,
    value: Option<&'a Value>,
}

/// A member that an act cannot compute with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    path: String,
    found: String,
    wanted: String,
}

impl Unreadable {
    /// The rejection of an act, by a specific rule.
    pub(crate) fn refused_by(self, rule: &'static str) -> Refusal {
        Refusal { rule: rule.into(), ..self.into() }
    }

    /// The fault of a row with this member.
    pub(crate) fn into_violation(self) -> Violation {
        Violation::new(self.path, format!("must be {}", self.wanted))
    }
}

impl From<Unreadable> for Refusal {
    fn from(Unreadable { path, found, wanted }: Unreadable) -> Self {
        Self::new(UNREADABLE, format!("{path} is {found}, and must be {wanted}"))
    }
}

impl<'a> Member<'a> {
    /// The member `name` of a row's document, which the row calls `field`.
    pub(crate) fn of(document: &'a Document, field: &str, name: &str) -> Self {
        Self::within(Some(&document.0), field, name)
    }

    /// The member `name` of an object at `path`; missing when the object is.
    pub(crate) fn within(object: Option<&'a Map<String, Value>>, path: &str, name: &str) -> Self {
        let value = object.and_then(|members| members.get(name)).filter(|value| !value.is_null());
        Self { path: format!("{path}.{name}"), value }
    }

    /// Its path from the row: `data.currency.gp`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// An object; `None` when it is missing.
    pub(crate) fn object(&self) -> Result<Option<&'a Map<String, Value>>, Unreadable> {
        self.read(Value::as_object, || "an object".to_owned())
    }

    /// A whole number; `None` when it is missing.
    pub(crate) fn whole(&self, range: RangeInclusive<i64>) -> Result<Option<i64>, Unreadable> {
        let read = |value| number::whole(value).filter(|number| range.contains(number));
        self.read(read, || format!("a whole number from {} to {}", range.start(), range.end()))
    }

    /// A whole number of any size that fits 64 bits; `None` when it is missing.
    pub(crate) fn any_whole(&self) -> Result<Option<i64>, Unreadable> {
        self.read(number::whole, || "a whole number of 64 bits".to_owned())
    }

    /// A number from 0 to `max`; `None` when it is missing.
    pub(crate) fn decimal(&self, max: Decimal) -> Result<Option<Decimal>, Unreadable> {
        let read = |value| number::decimal(value).filter(|number| (Decimal::ZERO..=max).contains(number));
        self.read(read, || format!("a number from 0 to {max} with at most 28 digits"))
    }

    /// `true` or `false`; `None` when it is missing.
    pub(crate) fn flag(&self) -> Result<Option<bool>, Unreadable> {
        self.read(Value::as_bool, || "true or false".to_owned())
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&'a Value) -> Option<T>,
        wanted: impl FnOnce() -> String,
    ) -> Result<Option<T>, Unreadable> {
        let Some(value) = self.value else { return Ok(None) };
        let unreadable = || {
            let text = value.to_string();
            let mut found: String = text.chars().take(SHOWN).collect();
            if found.len() < text.len() {
                found.push('…');
            }
            Unreadable { path: self.path.clone(), found, wanted: wanted() }
        };
        read(value).map(Some).ok_or_else(unreadable)
    }
}

/// Puts a whole number into an object, and leaves the spelling of one that is equal.
pub(crate) fn put_whole(object: &mut Map<String, Value>, name: &str, number: i64) {
    if object.get(name).and_then(number::whole) != Some(number) {
        object.insert(name.to_owned(), number.into());
    }
}
