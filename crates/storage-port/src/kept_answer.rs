//! The answer of an act, kept with its transaction.

use character_domain::json;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use std::{fmt, sync::Arc};

/// An answer as JSON text. It may hold all rows of a bulk, whose values would take many times the memory of their text, so
/// a storage keeps it and returns it without reading it. Clones share the text.
#[derive(Clone)]
pub struct KeptAnswer(Arc<RawValue>);

impl KeptAnswer {
    /// The text of this answer.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn of(answer: &impl Serialize) -> serde_json::Result<Self> {
        to_raw_value(answer).map(|text| Self(text.into()))
    }

    /// Reads a member that holds an answer, for `#[serde(default, deserialize_with = "KeptAnswer::present")]`: `null` is an
    /// answer like any other, and only a member that is absent is none.
    ///
    /// # Errors
    /// When it is no JSON text.
    pub fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Self::deserialize(deserializer).map(Some)
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

impl fmt::Debug for KeptAnswer {
    /// The value, so that equal answers are shown equally.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.read::<Value>() {
            Ok(value) => write!(f, "KeptAnswer({value})"),
            Err(_) => write!(f, "KeptAnswer({})", self.0.get()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Committed, Tick, Transaction, TransactionId};

    #[test]
    fn null_is_an_answer_and_an_absent_one_is_none() {
        let null = Transaction { answer: Some(KeptAnswer::of(&()).unwrap()), ..Transaction::new() };
        for transaction in [null, Transaction::new()] {
            let read: Transaction = json::parse(&serde_json::to_vec(&transaction).unwrap()).unwrap();
            assert_eq!(read, transaction);
            let (id, answer) = (TransactionId::new(), transaction.answer);
            let committed = Committed { id, tick: Tick(1), written: Vec::new(), changes: Vec::new(), answer };
            let read: Committed = json::parse(&serde_json::to_vec(&committed).unwrap()).unwrap();
            assert_eq!(read, committed);
        }
    }

    #[test]
    fn equal_answers_are_shown_equally() {
        let [one, other] = [r#"{"a":1,"b":null}"#, r#"{ "b": null, "a": 1 }"#]
            .map(|text| KeptAnswer(Arc::from(RawValue::from_string(text.to_owned()).unwrap())));
        assert_eq!(one, other);
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }
}
