//! The free JSON document that every entity carries.

use crate::{Violations, json};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

/// A JSON object. Any JSON value within the limits comes back exactly as it went in.
///
/// Limits: nesting of at most [`json::MAX_DEPTH`] levels (the object itself is the first), and no
/// `\u0000` in any string or member name, because PostgreSQL cannot keep it and every adapter must
/// refuse alike.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document(pub Members);

/// The members of a [`Document`]: a map that clones share until one of them changes it. A sheet is read far more often
/// than it is changed, and copying one takes longer than everything else a cache does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members(Arc<Map<String, Value>>);

impl Members {
    /// The map itself; a copy of it when others share it.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        Arc::unwrap_or_clone(self.0)
    }
}

impl Deref for Members {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Members {
    fn deref_mut(&mut self) -> &mut Self::Target {
        Arc::make_mut(&mut self.0)
    }
}

impl From<Map<String, Value>> for Members {
    fn from(members: Map<String, Value>) -> Self {
        Self(Arc::new(members))
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
        self.0.iter()
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
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
