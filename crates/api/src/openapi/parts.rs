//! Puts the schemas of ids, times, revisions and documents into the schemas that use them.

use super::walk::{each, referred, types};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Whether a schema has no name of its own in the document.
fn is_part(name: &str, schema: &Value) -> bool {
    name == "Document" || schema.get("format").is_some()
}

/// Replaces each reference to a part by its schema. What may also be `null` becomes one schema of several types.
pub(super) fn insert(schemas: &mut Map<String, Value>) {
    let (parts, named): (BTreeMap<_, _>, BTreeMap<_, _>) =
        std::mem::take(schemas).into_iter().partition(|(name, schema)| is_part(name, schema));
    schemas.extend(named);
    schemas.values_mut().for_each(|schema| {
        each(schema, &mut |value| {
            if let Some(part) = referred(value).and_then(|name| parts.get(name)) {
                let mut members = value.as_object_mut().map(std::mem::take).unwrap_or_default();
                members.remove("$ref");
                *value = merged(part.clone(), members);
            }
            if let Some([one, null]) = value["oneOf"].as_array().map(Vec::as_slice)
                && one.get("type").is_some()
                && null == &json!({ "type": "null" })
            {
                let mut one = one.clone();
                let named = types(&one).filter(|name| *name != "null").chain(["null"]).collect::<Vec<_>>();
                one["type"] = json!(named);
                let mut members = value.as_object_mut().map(std::mem::take).unwrap_or_default();
                members.remove("oneOf");
                *value = merged(one, members);
            }
        });
    });
}

/// The schema, with these members instead of its own.
fn merged(mut schema: Value, members: Map<String, Value>) -> Value {
    if let Value::Object(own) = &mut schema {
        own.extend(members);
    }
    schema
}
