//! A row in a response: the row of the domain, with the members of its `meta` among its own.

use character_domain::Meta;
use character_storage_port::Entity;
use serde::{
    Serialize, Serializer,
    ser::{Error, Impossible, SerializeStruct},
};
use std::borrow::Cow;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{AllOfBuilder, Object, Ref, RefOr, Schema},
};

/// The field of a row that has no member of its own.
const META: &str = "meta";

/// A row in a response. Its schema is that of the row, with a reference to that of `meta`.
#[derive(Debug)]
pub struct RowBody<E>(E);

impl<E> From<E> for RowBody<E> {
    fn from(row: E) -> Self {
        Self(row)
    }
}

impl<E: Entity> Serialize for RowBody<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Flattened { to: serializer, meta: self.0.meta() })
    }
}

impl<E: ToSchema> PartialSchema for RowBody<E> {
    fn schema() -> RefOr<Schema> {
        let mut own = fields::<E>();
        let about = own.description.take();
        let meta = own.properties.remove(META).unwrap_or_else(|| Ref::from_schema_name(Meta::name()).into());
        own.required.retain(|name| name != META);
        Schema::AllOf(AllOfBuilder::new().description(about).item(meta).item(own).build()).into()
    }
}

impl<E: ToSchema> ToSchema for RowBody<E> {
    fn name() -> Cow<'static, str> {
        E::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        E::schemas(schemas);
    }
}

/// The schema of the fields of a row.
pub(crate) fn fields<E: PartialSchema>() -> Object {
    match E::schema() {
        RefOr::T(Schema::Object(fields)) => fields,
        _ => Object::default(),
    }
}

/// Serializes a row, with the members of `meta` where its field is.
struct Flattened<'a, S> {
    to: S,
    meta: &'a Meta,
}

impl<S: SerializeStruct> SerializeStruct for Flattened<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), S::Error> {
        if name != META {
            return self.to.serialize_field(name, value);
        }
        let Meta { revision, created_at, updated_at, deleted_at } = self.meta;
        self.to.serialize_field("revision", revision)?;
        self.to.serialize_field("created_at", created_at)?;
        self.to.serialize_field("updated_at", updated_at)?;
        self.to.serialize_field("deleted_at", deleted_at)
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.to.end()
    }
}

/// What a row does not serialize as.
macro_rules! refused {
    ($($method:ident($($argument:ty),*) -> $answer:ty;)*) => {
        $(fn $method(self $(, _: $argument)*) -> Result<$answer, S::Error> {
            Err(S::Error::custom("a row must serialize as a struct"))
        })*
    };
}

impl<'a, S: Serializer> Serializer for Flattened<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Impossible<S::Ok, S::Error>;
    type SerializeTuple = Impossible<S::Ok, S::Error>;
    type SerializeTupleStruct = Impossible<S::Ok, S::Error>;
    type SerializeTupleVariant = Impossible<S::Ok, S::Error>;
    type SerializeMap = Impossible<S::Ok, S::Error>;
    type SerializeStruct = Flattened<'a, S::SerializeStruct>;
    type SerializeStructVariant = Impossible<S::Ok, S::Error>;

    fn serialize_struct(self, name: &'static str, fields: usize) -> Result<Self::SerializeStruct, S::Error> {
        // `meta` has four fields, and is one.
        Ok(Flattened { to: self.to.serialize_struct(name, fields + 3)?, meta: self.meta })
    }

    refused! {
        serialize_bool(bool) -> S::Ok;
        serialize_i8(i8) -> S::Ok;
        serialize_i16(i16) -> S::Ok;
        serialize_i32(i32) -> S::Ok;
        serialize_i64(i64) -> S::Ok;
        serialize_u8(u8) -> S::Ok;
        serialize_u16(u16) -> S::Ok;
        serialize_u32(u32) -> S::Ok;
        serialize_u64(u64) -> S::Ok;
        serialize_f32(f32) -> S::Ok;
        serialize_f64(f64) -> S::Ok;
        serialize_char(char) -> S::Ok;
        serialize_str(&str) -> S::Ok;
        serialize_bytes(&[u8]) -> S::Ok;
        serialize_none() -> S::Ok;
        serialize_unit() -> S::Ok;
        serialize_unit_struct(&'static str) -> S::Ok;
        serialize_unit_variant(&'static str, u32, &'static str) -> S::Ok;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_domain::{CharacterId, JournalEntryId, Quest, now};
    use serde_json::json;

    #[test]
    fn a_row_is_its_fields_and_those_of_its_meta_and_a_document_stays_its_text() {
        let (character, entry) = (CharacterId::new(), JournalEntryId::new());
        let mut quest = Quest::new(character, entry, "Recover the lost heir", now());
        quest.data = serde_json::from_str(r#"{"b":1e400,"a":[{}]}"#).unwrap();
        let written = json!(quest.meta);
        let expected = format!(
            r#"{{"id":"{}","character_id":"{character}","journal_entry_id":"{entry}","title":"Recover the lost heir","description":"","status":"active","importance":"normal","assigned_by":null,"rewards":{{}},"progress":[],"data":{},"revision":1,"created_at":{at},"updated_at":{at},"deleted_at":null}}"#,
            quest.id,
            quest.data.0.text().unwrap(),
            at = written["created_at"],
        );
        assert_eq!(serde_json::to_string(&RowBody::from(quest)).unwrap(), expected);
    }

    #[test]
    fn what_is_no_struct_is_no_row() {
        let meta = Meta::created(now());
        let flattened = || Flattened { to: serde_json::value::Serializer, meta: &meta };
        assert!(json!({ "id": 1 }).serialize(flattened()).is_err());
        assert!("row".serialize(flattened()).is_err());
    }
}
