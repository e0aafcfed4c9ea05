//! The fields that a client writes of a kind of row: the schemas of a new row and of its changes.
//!
//! The row of the domain states each field; how a request without members is read states the defaults, and what is required.

use crate::{fields::Fields, object::Object, openapi::is_nullable, row};
use character_domain::Violations;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::{borrow::Cow, marker::PhantomData};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, Type},
};

/// Additions to the descriptions of fields in a new row, by field.
pub(crate) type Notes = &'static [(&'static str, &'static str)];

/// Examples of requests, for the OpenAPI document.
pub(crate) struct Examples {
    /// A new row.
    pub(crate) new: Value,
    /// Changes of a row.
    pub(crate) patch: Value,
}

/// A kind of row that a client writes.
pub(crate) trait Writable: ToSchema {
    /// Additions to the descriptions of fields in a new row, by field.
    const NOTES: Notes;

    /// The row, in descriptions: `quest`.
    fn called() -> &'static str;

    /// An example of each request.
    fn examples() -> Examples;

    /// What is read from an object without members: the fields of a new row, and the faults of those that are required.
    fn unstated() -> (Map<String, Value>, Violations);
}

/// What `read` makes of an object without members.
pub(crate) fn unstated<T: Serialize>(read: impl FnOnce(&mut Fields) -> T) -> (Map<String, Value>, Violations) {
    let mut fields = Fields::of(Object::default());
    let read = json!(read(&mut fields));
    (read.as_object().cloned().unwrap_or_default(), fields.faults)
}

/// A new row in a request, for the OpenAPI document.
#[derive(Debug)]
pub struct NewBody<E>(PhantomData<E>);

/// Changes of a row in a request, for the OpenAPI document.
#[derive(Debug)]
pub struct PatchBody<E>(PhantomData<E>);

/// A field that a client writes.
struct Field {
    name: String,
    /// Its schema in the row.
    of_row: RefOr<Schema>,
    /// The description there.
    about: String,
    /// The value when a new row does not state it; `None` when it is required.
    default: Option<Value>,
}

impl Field {
    fn all<E: Writable>() -> impl Iterator<Item = Self> {
        let mut of_row = row::fields::<E>().properties;
        let (new, missing) = E::unstated();
        new.into_iter().filter_map(move |(name, value)| {
            let of_row = of_row.remove(&name)?;
            let about = description(&json!(of_row)).unwrap_or_default();
            let is_required = missing.iter().any(|fault| fault.field == name);
            Some(Self { of_row, about, default: (!is_required).then_some(value), name })
        })
    }

    /// The schema in a request that accepts `null`, which means the default.
    fn nullable(self, about: Option<String>, default: Option<Value>) -> RefOr<Schema> {
        let null = ObjectBuilder::new().schema_type(Type::Null);
        let either = OneOfBuilder::new().item(self.of_row).item(null).description(about).default(default);
        Schema::OneOf(either.build()).into()
    }
}

/// The description of a field, which stands in its one alternative when it may be `null`.
fn description(schema: &Value) -> Option<String> {
    let own = schema.get("description").and_then(Value::as_str).map(str::to_owned);
    own.or_else(|| schema.get("oneOf")?.as_array()?.iter().find_map(description))
}

#[expect(deprecated, reason = "the document has one example of each schema, as those of the other types have")]
fn object(about: String, example: Value) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object).description(Some(about)).example(Some(example))
}

impl<E: Writable> PartialSchema for NewBody<E> {
    fn schema() -> RefOr<Schema> {
        let about =
            format!("A new {}. Unknown fields are rejected; `null` means the same as an absent field.", E::called());
        let mut new = object(about, E::examples().new);
        for field in Field::all::<E>() {
            let name = field.name.clone();
            let Some(default) = field.default.clone() else {
                new = new.required(name.clone()).property(name, field.of_row);
                continue;
            };
            let note = E::NOTES.iter().find(|(noted, _)| *noted == name).map(|(_, note)| *note);
            let about = if name == "id" { "Default: a new UUID of version 7." } else { &field.about };
            let about = note.map_or_else(|| about.to_owned(), |note| format!("{about} {note}"));
            // An empty list or object says no more than that the field may be absent.
            let is_stated = default.is_string() || default.is_number() || default.is_boolean();
            let about = (about != field.about).then_some(about);
            new = new.property(name, field.nullable(about, is_stated.then_some(default)));
        }
        new.build().into()
    }
}

impl<E: Writable> PartialSchema for PatchBody<E> {
    fn schema() -> RefOr<Schema> {
        let row = E::called();
        let article = if row.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        let about = format!(
            "Changes of {article} {row} (RFC 7396): absent fields stay, `null` removes a value or restores its default."
        );
        let mut patch = object(about, E::examples().patch);
        for field in Field::all::<E>().filter(|field| field.name != "id") {
            let (name, of_row) = (field.name.clone(), json!(field.of_row));
            let has_default = field.default.as_ref().is_some_and(|default| !default.is_null());
            let about = match field.default {
                Some(Value::Object(_)) => Some("Merged into the stored object, member by member.".to_owned()),
                Some(Value::Array(_)) => Some(format!("{} They replace all that are stored.", field.about)),
                _ => None,
            };
            let property = if has_default || is_nullable(&of_row) { field.nullable(about, None) } else { field.of_row };
            patch = patch.property(name, property);
        }
        patch.build().into()
    }
}

impl<E: Writable> ToSchema for NewBody<E> {
    fn name() -> Cow<'static, str> {
        format!("New{}", E::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        E::schemas(schemas);
    }
}

impl<E: Writable> ToSchema for PatchBody<E> {
    fn name() -> Cow<'static, str> {
        format!("{}Patch", E::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        E::schemas(schemas);
    }
}
