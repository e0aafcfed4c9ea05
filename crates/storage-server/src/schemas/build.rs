//! The parts that schemas and parameters are made of.

use character_storage_port::{EntityKind, Limit, Order};
use utoipa::openapi::{
    KnownFormat, Object, ObjectBuilder, OneOfBuilder, Ref, RefOr, Required, Schema, SchemaFormat, Type,
    path::{Parameter, ParameterBuilder, ParameterIn},
    schema::{ArrayBuilder, SchemaType},
};

pub(crate) fn parameter(
    name: &str,
    place: ParameterIn,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

pub(crate) fn string() -> Object {
    typed(Type::String)
}

/// A text of at most `max` characters.
pub(crate) fn short_string(max: usize) -> Object {
    ObjectBuilder::new().schema_type(Type::String).max_length(Some(max)).build()
}

pub(crate) fn uuid() -> Object {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).build()
}

pub(crate) fn order() -> Object {
    choice(&Order::ALL.iter().map(|order| order.as_str()).collect::<Vec<_>>())
}

pub(crate) fn deleted() -> Object {
    choice(&["include", "exclude"])
}

pub(crate) fn limit() -> Object {
    number(1, Limit::MAX.get() as usize, Limit::default().get() as usize)
}

/// A whole number in a range, with its default.
pub(crate) fn number(min: usize, max: usize, default: usize) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(min))
        .maximum(Some(max))
        .default(Some(default.into()))
        .build()
}

/// A required parameter.
pub(crate) fn required(mut parameter: Parameter) -> Parameter {
    parameter.required = Required::True;
    parameter
}

pub(crate) fn offset() -> Object {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build()
}

pub(crate) fn typed(schema_type: Type) -> Object {
    ObjectBuilder::new().schema_type(schema_type).build()
}

pub(crate) fn choice(values: &[&str]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values.iter().copied())).build()
}

pub(crate) fn kind() -> Object {
    choice(&EntityKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>())
}

pub(crate) fn nullable(format: Option<KnownFormat>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .format(format.map(SchemaFormat::KnownFormat))
        .build()
        .into()
}

pub(crate) fn anything(description: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some(description)).build().into()
}

pub(crate) fn named(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

pub(crate) fn array(items: impl Into<RefOr<Schema>>) -> RefOr<Schema> {
    ArrayBuilder::new().items(items.into()).build().into()
}

pub(crate) fn many(items: RefOr<Schema>, max: usize) -> RefOr<Schema> {
    ArrayBuilder::new().items(items).max_items(Some(max)).build().into()
}

/// An object whose members are all required, except those in `optional`.
pub(crate) fn object(properties: &[(&str, RefOr<Schema>)], optional: &[&str]) -> RefOr<Schema> {
    let mut object = ObjectBuilder::new().schema_type(Type::Object);
    for (name, schema) in properties {
        object = object.property(*name, schema.clone());
        if !optional.contains(name) {
            object = object.required(*name);
        }
    }
    object.build().into()
}

/// An object with exactly one of these members.
pub(super) fn variants(description: &str, members: &[(&str, RefOr<Schema>)]) -> RefOr<Schema> {
    let mut one_of = OneOfBuilder::new().description(Some(description));
    for member in members {
        one_of = one_of.item(object(std::slice::from_ref(member), &[]));
    }
    Schema::OneOf(one_of.build()).into()
}
