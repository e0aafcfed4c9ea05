//! The answer of an act, kept with its transaction.

use character_domain::json;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use std::sync::Arc;

/// An answer as JSON text. It may hold all rows of a bulk, whose values would take many times the memory of their text, so
/// a storage keeps it and returns it without reading it. Clones share the text.
#[derive(Clone, Debug)]
pub struct KeptAnswer(Arc<RawValue>);

impl KeptAnswer {
    /// The text of this answer.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn of(answer: &impl Serialize) -> serde_json::Result<Self> {
        to_raw_value(answer).map(|text| Self(text.into()))
    }

    /// The answer, read from its text.
    ///
    /// # Errors
    /// When it is no answer of this type.
    pub fn read<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        json::parse(self.0.get().as_bytes())
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &RawValue {
        &self.0
    }
}

impl PartialEq for KeptAnswer {
    /// Whether both are the same value. A storage may write the text of an answer in its own way.
    fn eq(&self, other: &Self) -> bool {
        let values = || Some(self.read::<Value>().ok()? == other.read::<Value>().ok()?);
        self.0.get() == other.0.get() || values().unwrap_or(false)
    }
}

impl Serialize for KeptAnswer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for KeptAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|text| Self(text.into()))
    }
}
