//! Examples of bodies, from their schemas.

use super::walk::{is_nullable, members, referred, types};
use serde_json::{Map, Value, json};

/// An id.
pub(super) const ID: &str = "0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11";
/// A time.
pub(super) const TIME: &str = "2026-11-23T03:43:28.123456Z";
/// Texts of examples, by the name of the property. Any other property shows its own name.
const TEXTS: [(&str, &str); 20] = [
    ("change", "replace"),
    ("code", "container-full"),
    ("detail", "Backpack holds at most 30 pounds, and its contents would weigh 33"),
    ("description", "The prince was last seen at the ford."),
    ("entry_type", "session"),
    ("event_type", "training"),
    ("item_type", "weapon"),
    ("kind", "inventory_item"),
    ("name", "Torormir"),
    ("new_theme", "steampunk"),
    ("next_cursor", ""),
    ("npc_name", "Ada of Redwater"),
    ("problem", "the stored row is not JSON"),
    ("reason", "character.updated"),
    ("relationship_type", "friend"),
    ("source", "combat"),
    ("theme", "traditional"),
    ("title", "Recover the lost heir"),
    ("type", "story"),
    ("version", "0.1.0"),
];

/// An example of a value of this schema, which is the property of this name.
pub(super) fn sample(schemas: &Value, schema: &Value, name: &str) -> Value {
    let given = schema.get("example").or_else(|| schema.get("default").filter(|value| !value.is_null()));
    if let Some(value) = given {
        return value.clone();
    }
    if let Some(component) = referred(schema) {
        return sample(schemas, &schemas[component], name);
    }
    if is_nullable(schema) {
        return Value::Null;
    }
    if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
        let parts = parts.iter().map(|part| sample(schemas, part, name));
        return Value::Object(parts.filter_map(|part| part.as_object().cloned()).flatten().collect());
    }
    if let Some(first) = schema.get("enum").and_then(|words| words.get(0)) {
        return first.clone();
    }
    match types(schema).next() {
        Some("object") => object(schemas, schema),
        Some("array") if schema["items"] == json!({}) => json!([]),
        Some("array") => json!([sample(schemas, &schema["items"], name)]),
        Some("boolean") => json!(false),
        Some("integer" | "number") => number(schema, name),
        _ => text(schema, name),
    }
}

fn object(schemas: &Value, schema: &Value) -> Value {
    // A request shows what is needed, a response all that is there.
    let is_request = schema["additionalProperties"] == false;
    let required = schema["required"].as_array();
    let is_shown = |name: &str| required.is_some_and(|names| names.iter().any(|needed| needed == name));
    let shown = members(&schema["properties"]).filter(|(name, _)| !is_request || is_shown(name));
    let optional = ["unreadable", "problem"];
    let shown = shown.filter(|(name, _)| is_shown(name) || !optional.contains(&name.as_str()));
    Value::Object(shown.map(|(name, property)| (name.clone(), sample(schemas, property, name))).collect::<Map<_, _>>())
}

fn number(schema: &Value, name: &str) -> Value {
    match name {
        "index" | "position" => json!(0),
        "status" => json!(201),
        _ => schema
            .get("minimum")
            .filter(|least| least.as_i64().is_some_and(|least| least > 0))
            .cloned()
            .unwrap_or(json!(1)),
    }
}

fn text(schema: &Value, name: &str) -> Value {
    match schema.get("format").and_then(Value::as_str) {
        Some("uuid") => json!(ID),
        Some("date-time") => json!(TIME),
        _ => json!(TEXTS.iter().find(|(of, _)| *of == name).map_or(name, |(_, text)| text)),
    }
}

/// An example of a body that is not JSON.
pub(super) fn of_media_type(media_type: &str) -> Value {
    json!(match media_type {
        "text/event-stream" => "retry: 2000\nid: 0-1\nevent: hello\ndata: {}\n\n",
        "image/svg+xml" => "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>",
        _ => "# TYPE http_server_requests_total counter\nhttp_server_requests_total{method=\"GET\"} 3\n",
    })
}
