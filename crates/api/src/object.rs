//! The object in a request body. What a client sends as a document stays text.

use crate::body::parse;
use character_domain::{
    Document,
    json::{self, Bounds},
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The members of a JSON object, by name. Those that are objects themselves are kept as their text: a tree of a sheet is many
/// times larger, and building, writing and dropping it takes longer than everything else with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object(BTreeMap<String, Member>);

/// The value of a member.
#[derive(Clone, Debug)]
pub(crate) enum Member {
    Value(Value),
    Document(Document),
}

impl Member {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Value(Value::Null))
    }

    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Document(document) => Value::Object(document.0.into_map()),
        }
    }

    /// The document; `None`: it is no object.
    pub(crate) fn into_document(self) -> Option<Document> {
        match self {
            Self::Document(document) => Some(document),
            Self::Value(Value::Object(members)) => {
                character_domain::Members::from(members).into_text().map(Document).ok()
            }
            Self::Value(_) => None,
        }
    }
}

impl Object {
    /// The object in a text, by one pass over it. `None`: something is wrong, which [`character`](crate::body::character) names.
    pub(crate) fn read(text: &[u8], bounds: Bounds) -> Option<Self> {
        let members = json::members(str::from_utf8(text).ok()?, bounds).ok()?;
        let member = |member: json::Member<'_>| {
            let value = match member.document {
                Some(document) => Member::Document(document),
                None => Member::Value(parse(member.text.as_bytes()).ok()?),
            };
            Some((member.name.into_owned(), value))
        };
        members.into_iter().map(member).collect::<Option<_>>().map(Self)
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Member> {
        self.0.remove(name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn into_names(self) -> impl Iterator<Item = String> {
        self.0.into_keys()
    }

    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.0.into_iter().map(|(name, member)| (name, member.into_value())).collect())
    }
}

impl From<Map<String, Value>> for Object {
    fn from(members: Map<String, Value>) -> Self {
        Self(members.into_iter().map(|(name, value)| (name, Member::Value(value))).collect())
    }
}
