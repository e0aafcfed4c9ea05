//! Schemas of an OpenAPI document that are parts of others.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Replaces each reference in `schema` to one of `parts` by that part, with the members that stood beside the reference
/// instead of its own. A choice of a type and `null` becomes one schema of both types.
///
/// ```
/// use character_http_kit::inline_parts;
/// use serde_json::json;
///
/// let parts = [("Id".to_owned(), json!({ "type": "string", "format": "uuid" }))].into();
/// let mut schema = json!({ "properties": {
///     "id": { "$ref": "#/components/schemas/Id", "description": "The id." },
///     "owner": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Owner" }] },
///     "root": { "oneOf": [{ "$ref": "#/components/schemas/Id" }, { "type": "null" }] },
/// } });
/// inline_parts(&mut schema, &parts);
/// assert_eq!(schema["properties"], json!({
///     "id": { "type": "string", "format": "uuid", "description": "The id." },
///     "owner": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Owner" }] },
///     "root": { "type": ["string", "null"], "format": "uuid" },
/// }));
/// ```
pub fn inline_parts(schema: &mut Value, parts: &BTreeMap<String, Value>) {
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.rsplit('/').next());
    if let Some(part) = reference.and_then(|name| parts.get(name)) {
        replace(schema, "$ref", part.clone());
        // A part may consist of a reference.
        return inline_parts(schema, parts);
    }
    match schema {
        Value::Object(members) => members.values_mut().for_each(|member| inline_parts(member, parts)),
        Value::Array(items) => items.iter_mut().for_each(|item| inline_parts(item, parts)),
        _ => {}
    }
    if let Some([one, null]) = schema.get("oneOf").and_then(Value::as_array).map(Vec::as_slice)
        && null == &json!({ "type": "null" })
        && let Some(types) = one.get("type")
    {
        let types = types.as_array().cloned().unwrap_or_else(|| vec![types.clone()]);
        let types = types.into_iter().filter(|name| name != "null").chain([json!("null")]).collect::<Vec<_>>();
        let mut one = one.clone();
        one["type"] = types.into();
        replace(schema, "oneOf", one);
    }
}

/// Replaces the member `name` of `schema` by the members of `other` that the schema does not have.
fn replace(schema: &mut Value, name: &str, other: Value) {
    let (Some(members), Value::Object(mut all)) = (schema.as_object_mut().map(std::mem::take), other) else { return };
    all.extend(members.into_iter().filter(|(member, _)| member != name));
    *schema = Value::Object(all);
}
