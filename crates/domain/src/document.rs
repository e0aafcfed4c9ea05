//! The free JSON document that every entity carries.

mod members;

pub use members::Members;

use crate::{
    Violations,
    json::{self, Survey},
    size::{self, MAX_DOCUMENT, MAX_VALUES},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

/// A JSON object. Any JSON value within the limits is returned unchanged, numbers of any length and precision included;
/// only an exponent is always written with `e` and its sign.
///
/// Limits: nesting of at most [`json::MAX_DEPTH`] levels (the object itself is the first), no `\u0000` in any string or
/// member name, because PostgreSQL cannot store it and every adapter must reject alike, and no member name that begins
/// with [`json::RESERVED`]. Its JSON text is at most [`MAX_DOCUMENT`] bytes long and holds at most [`MAX_VALUES`]
/// values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document(pub Members);

impl Document {
    /// The document in the text of an object, which is in its one form.
    pub(crate) fn of_canonical(text: &str, survey: Survey) -> serde_json::Result<Self> {
        Members::of_canonical(text, survey).map(Self)
    }

    /// Adds what breaks the limits to `violations`, under `field`.
    pub fn check(&self, field: &str, violations: &mut Violations) {
        self.check_nested(field, 0, violations);
        let size = match self.0.known_text() {
            Some(text) => Some(text.get().len()),
            None => size::within(MAX_DOCUMENT, &*self.0),
        };
        if size.is_none_or(|size| size > MAX_DOCUMENT) {
            violations.push(field, size::too_large(MAX_DOCUMENT));
        }
    }

    /// Adds what breaks the limits to `violations`, but for the size, when the row has the document under `levels` more
    /// levels than its own documents.
    pub(crate) fn check_nested(&self, field: &str, levels: usize, violations: &mut Violations) {
        let survey = match self.0.known_survey() {
            Some(survey) => survey,
            None => {
                let mut survey = surveyed(self.0.values().map(|value| (2, value)).collect());
                survey.values += 1;
                survey.depth = survey.depth.max(1);
                survey.has_nul |= self.0.keys().any(|name| name.contains('\0'));
                survey.has_reserved |= self.0.keys().any(|name| name.starts_with(json::RESERVED));
                survey
            }
        };
        report(field, survey, json::MAX_DEPTH - levels, violations);
    }
}

/// Adds what breaks the limits of a document to `violations`, when `value` may be nested `max_depth` levels deep.
pub fn check_value(field: &str, value: &Value, max_depth: usize, violations: &mut Violations) {
    report(field, surveyed(vec![(1, value)]), max_depth, violations);
}

/// Adds what breaks the limits of a document to `violations`, but for its size, when a well-formed `text` may be nested
/// `max_depth` levels deep.
pub fn check_text(field: &str, text: &RawValue, max_depth: usize, violations: &mut Violations) {
    let survey = json::survey(text.get().as_bytes());
    report(field, Survey { values: 0, ..survey }, max_depth, violations);
}

/// How large a list of a row may be as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListLimits {
    /// How deep each of its values may be nested.
    pub(crate) depth: usize,
    /// The largest JSON text, in bytes.
    pub(crate) bytes: usize,
    /// The maximum number of JSON values.
    pub(crate) values: usize,
}

impl ListLimits {
    /// Those of a document, which the list is one level of.
    pub(crate) const DOCUMENT: Self = Self { depth: json::MAX_DEPTH - 1, bytes: MAX_DOCUMENT, values: MAX_VALUES };
}

/// Adds what breaks the limits of a list of a row to `violations`.
pub(crate) fn check_list(field: &str, values: &[Value], limits: ListLimits, violations: &mut Violations) {
    if size::within(limits.bytes, values).is_none() {
        violations.push(field, size::too_large(limits.bytes));
    }
    let mut count = 0;
    for (index, value) in values.iter().enumerate() {
        let survey = surveyed(vec![(1, value)]);
        count += survey.values;
        // The list is reported as a whole.
        report(&format!("{field}[{index}]"), Survey { values: 0, ..survey }, limits.depth, violations);
    }
    if count > limits.values {
        violations.push(field, size::too_many_values(limits.values));
    }
}

/// What there is to know of the values on the stack, each with the depth that it has when it is an object or an array. The
/// stack is explicit, because the depth of a document is the caller's and that of the call stack is ours.
fn surveyed(mut stack: Vec<(usize, &Value)>) -> Survey {
    let mut survey = Survey::default();
    while let Some((depth, value)) = stack.pop() {
        survey.values += 1;
        match value {
            Value::String(text) => survey.has_nul |= text.contains('\0'),
            Value::Array(items) => {
                survey.depth = survey.depth.max(depth);
                stack.extend(items.iter().map(|item| (depth + 1, item)));
            }
            Value::Object(members) => {
                survey.depth = survey.depth.max(depth);
                for (name, value) in members {
                    survey.has_nul |= name.contains('\0');
                    survey.has_reserved |= name.starts_with(json::RESERVED);
                    stack.push((depth + 1, value));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    survey
}

fn report(field: &str, survey: Survey, max_depth: usize, violations: &mut Violations) {
    if survey.depth > max_depth {
        violations.push(field, format!("must not be nested deeper than {} levels", json::MAX_DEPTH));
    }
    if survey.has_nul {
        violations.push(field, "must not contain the character U+0000");
    }
    if survey.has_reserved {
        violations.push(field, format!("must not have a member whose name begins with {}", json::RESERVED));
    }
    if survey.values > MAX_VALUES {
        violations.push(field, size::too_many_values(MAX_VALUES));
    }
}

impl From<Map<String, Value>> for Document {
    fn from(map: Map<String, Value>) -> Self {
        Self(map.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_map_and_its_text_break_the_same_limits() {
        let nested = |depth: usize| (1..depth).fold(json!({}), |inner, _| json!({ "a": inner }));
        for (value, reasons) in [
            (nested(json::MAX_DEPTH), vec![]),
            (nested(json::MAX_DEPTH + 1), vec!["must not be nested deeper than 128 levels"]),
            (json!({ "a": "\0" }), vec!["must not contain the character U+0000"]),
            (json!({ "\0": 1 }), vec!["must not contain the character U+0000"]),
            (json!({ "a": "\\u0000", "\\\\u0000": 1 }), vec![]),
            (json!({ "a": vec![0; MAX_VALUES - 2] }), vec![]),
            (json!({ "a": vec![0; MAX_VALUES - 1] }), vec!["must not hold more than 65536 JSON values"]),
            (json!({ "a": "x".repeat(MAX_DOCUMENT) }), vec!["must not be larger than 1048576 bytes of JSON"]),
        ] {
            let map = Document::from(value.as_object().cloned().unwrap());
            let text = Document(map.0.clone().into_text().unwrap());
            for document in [map, text] {
                let mut violations = Violations::default();
                document.check("data", &mut violations);
                assert_eq!(violations.iter().map(|it| it.reason.as_str()).collect::<Vec<_>>(), reasons);
            }
        }
    }
}
