//! The types of fields, as columns.

use crate::value::{Column, ColumnType, FromValue, Row, Unreadable, Value};
use character_domain::{
    Attunement, CampaignEventId, CampaignId, Character, CharacterId, CharacterVersionId, Document, ImpactType,
    InventoryItemId, JournalEntryId, QuestImportance, QuestStatus, RelatedChange, Timestamp, UserId, json,
};
use serde::{Deserialize, de::IntoDeserializer, de::value::Error as NotInTheList};
use uuid::Uuid;

/// A type that fields of rows have.
pub(crate) trait Field: FromValue {
    const HOLDS: ColumnType;

    fn value(&self) -> Result<Value, Unreadable>;
}

impl Column {
    /// The column of a field, which has the name of the field.
    pub(crate) const fn of<E, T: Field>(name: &'static str, _field: fn(&E) -> &T) -> Self {
        Self::new(name, T::HOLDS)
    }
}

impl Row {
    /// Reads the column of a field; an error names it.
    pub(crate) fn field<T: Field>(&mut self, name: &str) -> Result<T, Unreadable> {
        self.read().map_err(|Unreadable(reason)| Unreadable(format!("the column {name}: {reason}")))
    }
}

impl<T: Field> Field for Option<T> {
    const HOLDS: ColumnType = T::HOLDS;
    fn value(&self) -> Result<Value, Unreadable> {
        self.as_ref().map_or(Ok(Value::Null), Field::value)
    }
}

macro_rules! plain {
    ($($field:ty: $holds:ident, |$it:ident| $value:expr;)+) => { $(
        impl Field for $field {
            const HOLDS: ColumnType = ColumnType::$holds;
            fn value(&self) -> Result<Value, Unreadable> {
                let $it = self;
                Ok($value)
            }
        }
    )+ };
}
plain! {
    Uuid: Uuid, |it| Value::Uuid(*it);
    String: Text, |it| Value::Text(it.clone());
    bool: Bool, |it| Value::Bool(*it);
    i64: Int, |it| Value::Int(*it);
    u8: Int, |it| Value::Int((*it).into());
    Timestamp: Int, |it| Value::time(*it);
}

impl FromValue for u8 {
    fn from_value(value: Value) -> Result<Self, Unreadable> {
        Self::try_from(i64::from_value(value)?).map_err(|error| Unreadable(error.to_string()))
    }
}

macro_rules! ids {
    ($($id:ident),+ $(,)?) => { $(
        impl FromValue for $id {
            fn from_value(value: Value) -> Result<Self, Unreadable> {
                Uuid::from_value(value).map(Self)
            }
        }
        impl Field for $id {
            const HOLDS: ColumnType = ColumnType::Uuid;
            fn value(&self) -> Result<Value, Unreadable> {
                Ok(Value::Uuid(self.0))
            }
        }
    )+ };
}
ids!(CampaignEventId, CampaignId, CharacterId, CharacterVersionId, InventoryItemId, JournalEntryId, UserId);

/// Kept as JSON text, so that what goes in comes out, to the letter.
macro_rules! documents {
    ($($document:ty),+ $(,)?) => { $(
        impl FromValue for $document {
            fn from_value(value: Value) -> Result<Self, Unreadable> {
                json::parse(String::from_value(value)?.as_bytes()).map_err(|error| Unreadable(error.to_string()))
            }
        }
        impl Field for $document {
            const HOLDS: ColumnType = ColumnType::Text;
            fn value(&self) -> Result<Value, Unreadable> {
                serde_json::to_string(self).map(Value::Text).map_err(|error| Unreadable(error.to_string()))
            }
        }
    )+ };
}
documents!(Document, Vec<serde_json::Value>, Vec<String>, Vec<RelatedChange>, Character);

/// Kept as the word that JSON has for them.
macro_rules! words {
    ($($word:ident),+ $(,)?) => { $(
        impl FromValue for $word {
            fn from_value(value: Value) -> Result<Self, Unreadable> {
                let word = String::from_value(value)?;
                // The message of serde would repeat what is stored.
                Self::deserialize(word.into_deserializer())
                    .map_err(|_: NotInTheList| Unreadable("the text is none of the words for it".into()))
            }
        }
        impl Field for $word {
            const HOLDS: ColumnType = ColumnType::Text;
            fn value(&self) -> Result<Value, Unreadable> {
                match serde_json::to_value(self) {
                    Ok(serde_json::Value::String(word)) => Ok(Value::Text(word)),
                    Ok(other) => Err(Unreadable(format!("{other} is not a word"))),
                    Err(error) => Err(Unreadable(error.to_string())),
                }
            }
        }
    )+ };
}
words!(Attunement, ImpactType, QuestImportance, QuestStatus);
