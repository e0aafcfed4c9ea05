//! Walks over the JSON of the OpenAPI document.

use serde_json::{Map, Value, json};

/// Where the schemas are that others refer to.
const SCHEMAS: &str = "#/components/schemas/";

/// Calls `change` with every value inside of this one and with the value itself, the inner ones first.
pub(super) fn each(value: &mut Value, change: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Object(members) => members.values_mut().for_each(|value| each(value, change)),
        Value::Array(items) => items.iter_mut().for_each(|value| each(value, change)),
        _ => {}
    }
    change(value);
}

/// The members of an object; none of any other value.
pub(super) fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The same, to be changed.
pub(super) fn members_mut(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

/// Each operation of the document: its path, its method, and the operation.
pub(super) fn operations_mut(document: &mut Value) -> impl Iterator<Item = (&String, &String, &mut Value)> {
    document
        .get_mut("paths")
        .into_iter()
        .flat_map(members_mut)
        .flat_map(|(path, item)| members_mut(item).map(move |(method, operation)| (path, method, operation)))
}

/// A reference to the schema of this name.
pub(super) fn schema_reference(name: &str) -> Value {
    json!({ "$ref": format!("{SCHEMAS}{name}") })
}

/// The name of the schema that this value refers to.
pub(super) fn referred(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()?.strip_prefix(SCHEMAS)
}

/// The types that a schema names.
pub(super) fn types(schema: &Value) -> impl Iterator<Item = &str> {
    let named = schema.get("type");
    let several = named.and_then(Value::as_array).into_iter().flatten();
    named.and_then(Value::as_str).into_iter().chain(several.filter_map(Value::as_str))
}

/// Whether a schema accepts `null`.
pub(crate) fn is_nullable(schema: &Value) -> bool {
    let alternatives = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    types(schema).any(|name| name == "null")
        || alternatives.into_iter().any(|part| types(part).any(|name| name == "null"))
}

/// Calls `change` with each property of a schema of an object, those of its parts included.
pub(super) fn each_property(schema: &mut Value, change: &mut impl FnMut(&str, &mut Value)) {
    schema.get_mut("properties").into_iter().flat_map(members_mut).for_each(|(name, property)| change(name, property));
    let parts = schema.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten();
    parts.for_each(|part| each_property(part, change));
}

/// The object at this name, which is created when it is absent.
pub(super) fn object<'a>(parent: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    parent.entry(name).or_insert_with(|| json!({})).as_object_mut()
}
