//! The free JSON document that every entity carries.

use crate::{Violations, json};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, value::RawValue};
use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, OnceLock},
};

/// A JSON object. Any JSON value within the limits comes back exactly as it went in.
///
/// Limits: nesting of at most [`json::MAX_DEPTH`] levels (the object itself is the first), and no
/// `\u0000` in any string or member name, because PostgreSQL cannot keep it and every adapter must
/// refuse alike.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document(pub Members);

/// The members of a [`Document`]: a map that clones share until one of them changes it, and its text once somebody has
/// asked for that. A sheet is read far more often than it is changed, and to copy or to write one takes longer than
/// everything else on the way of a cached answer.
#[derive(Clone, Debug, Default)]
pub struct Members(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    members: Map<String, Value>,
    text: OnceLock<Box<RawValue>>,
}

impl Clone for Shared {
    /// Without the text: a copy is made in order to be changed.
    fn clone(&self) -> Self {
        Self { members: self.members.clone(), text: OnceLock::new() }
    }
}

impl PartialEq for Members {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.members == other.0.members
    }
}

impl Members {
    /// The map itself; a copy of it when others share it.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        Arc::unwrap_or_clone(self.0).members
    }

    /// The members as JSON text, written once for all clones.
    ///
    /// # Errors
    /// Those of the writer; it has none for a map of JSON values.
    pub fn text(&self) -> serde_json::Result<&RawValue> {
        if let Some(text) = self.0.text.get() {
            return Ok(text);
        }
        let text = serde_json::value::to_raw_value(&self.0.members)?;
        Ok(self.0.text.get_or_init(|| text))
    }

    /// For `#[serde(serialize_with)]` where JSON text is written: as [`Serialize`], from [`Members::text`].
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize_text<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text().map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl Deref for Members {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.0.members
    }
}

impl DerefMut for Members {
    fn deref_mut(&mut self) -> &mut Self::Target {
        let shared = Arc::make_mut(&mut self.0);
        // What was written before says nothing of what will be here.
        shared.text = OnceLock::new();
        &mut shared.members
    }
}

impl From<Map<String, Value>> for Members {
    fn from(members: Map<String, Value>) -> Self {
        Self(Arc::new(Shared { members, text: OnceLock::new() }))
    }
}

impl FromIterator<(String, Value)> for Members {
    fn from_iter<T: IntoIterator<Item = (String, Value)>>(members: T) -> Self {
        Map::from_iter(members).into()
    }
}

impl<'a> IntoIterator for &'a Members {
    type Item = (&'a String, &'a Value);
    type IntoIter = serde_json::map::Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.members.iter()
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.members.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Into::into)
    }
}

impl Document {
    /// Adds what breaks the limits to `violations`, under `field`.
    pub fn check(&self, field: &str, violations: &mut Violations) {
        check_values(field, self.0.iter().map(|(name, value)| (Some(name), value)), json::MAX_DEPTH - 1, violations);
    }
}

/// Adds what breaks the limits of a document to `violations`, when `value` may be nested `max_depth` levels deep.
pub fn check_value(field: &str, value: &Value, max_depth: usize, violations: &mut Violations) {
    check_values(field, std::iter::once((None, value)), max_depth, violations);
}

fn check_values<'a>(
    field: &str,
    values: impl Iterator<Item = (Option<&'a String>, &'a Value)>,
    max_depth: usize,
    violations: &mut Violations,
) {
    // An explicit stack: the depth of the document is the caller's, that of our call stack is ours.
    let mut stack: Vec<(usize, &Value)> = Vec::new();
    let (mut deep, mut nul) = (false, false);
    for (name, value) in values {
        nul |= name.is_some_and(|name| name.contains('\0'));
        stack.push((1, value));
    }
    while let Some((depth, value)) = stack.pop() {
        match value {
            Value::String(text) => nul |= text.contains('\0'),
            Value::Array(_) | Value::Object(_) if depth > max_depth => deep = true,
            Value::Array(items) => stack.extend(items.iter().map(|v| (depth + 1, v))),
            Value::Object(members) => {
                for (key, value) in members {
                    nul |= key.contains('\0');
                    stack.push((depth + 1, value));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    if deep {
        violations.push(field, format!("must not be nested deeper than {} levels", json::MAX_DEPTH));
    }
    if nul {
        violations.push(field, "must not contain the character U+0000");
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

    #[derive(Serialize)]
    struct AsText<'a>(#[serde(serialize_with = "Members::serialize_text")] &'a Members);

    fn members() -> Members {
        serde_json::from_value(json!({ "b": [1, 0.1, u64::MAX, null], "a": { "ü\"": "\u{1f409}" } })).unwrap()
    }

    #[test]
    fn the_text_is_what_the_members_are_written_as() {
        let members = members();
        for _ in 0..2 {
            assert_eq!(serde_json::to_string(&AsText(&members)).unwrap(), serde_json::to_string(&members).unwrap());
        }
        assert_eq!(members.text().unwrap().get(), members.clone().text().unwrap().get());
    }

    #[test]
    fn a_change_shows_in_the_text_and_not_in_the_clones() {
        let mut members = members();
        let before = members.clone();
        let text = before.text().unwrap().get().to_owned();
        members.insert("c".into(), json!(true));
        assert_eq!(members.text().unwrap().get(), serde_json::to_string(&*members).unwrap());
        assert!(members.text().unwrap().get().contains("\"c\":true"));
        assert_eq!((before.text().unwrap().get(), before == members), (text.as_str(), false));
        // Changed once more where nobody else holds it.
        drop(before);
        members.remove("c");
        assert_eq!((members.text().unwrap().get(), members == self::members()), (text.as_str(), true));
    }
}
