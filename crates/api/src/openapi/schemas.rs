//! Completes the schemas of the document: what the annotations of the bodies cannot say, or would say many times.

use super::examples::{ID, TIME};
use super::walk::{each, each_property, is_nullable, members, operations_mut, referred, schema_reference, types};
use super::{problems::INVENTORY_RULES, sparse};
use crate::PROBLEMS;
use character_http_kit::inline_parts;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The keywords that limit a value.
const LIMITS: [&str; 8] =
    ["minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "uniqueItems", "pattern"];
/// A short text has at least one visible character.
const VISIBLE: &str = r"\S";

/// Completes the schemas of this document.
pub(super) fn complete(document: &mut Value) {
    rename(document);
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        insert_parts(schemas);
    }
    accept_read_only_fields_in_replacements(document);
    let Some(Value::Object(mut schemas)) = document.pointer_mut("/components/schemas").map(Value::take) else { return };
    refer_to_components(&mut schemas);
    show_whole(&mut schemas, "Character");
    let requests = reachable(document, &schemas, |operation| vec![&operation["requestBody"]]);
    let responses = reachable(document, &schemas, |operation| {
        members(&operation["responses"]).map(|(_, response)| response).collect()
    });
    for (name, schema) in &mut schemas {
        each(schema, &mut open_free_documents);
        if responses.contains(name) {
            each(schema, &mut require_what_is_always_there);
        } else if requests.contains(name) {
            each(schema, &mut refuse_unknown_members);
            each_property(schema, &mut |_, property| want_visible_characters(property));
        }
    }
    spread_limits(&mut schemas);
    if let Some(problem) = schemas.get_mut("Problem") {
        problem["properties"]["code"]["enum"] = PROBLEMS.iter().map(|kind| kind.code).collect();
    }
    if let Some(loosened) = schemas.get_mut("Loosened") {
        loosened["properties"]["code"]["enum"] = json!(INVENTORY_RULES);
    }
    sparse::define(&mut schemas);
    document["components"]["schemas"] = Value::Object(schemas);
}

/// Puts the schemas of ids, times, revisions and documents into the schemas that use them.
fn insert_parts(schemas: &mut Map<String, Value>) {
    let is_part = |name: &str, schema: &Value| name == "Document" || schema.get("format").is_some();
    let (parts, named): (BTreeMap<_, _>, BTreeMap<_, _>) =
        std::mem::take(schemas).into_iter().partition(|(name, schema)| is_part(name, schema));
    schemas.extend(named);
    schemas.values_mut().for_each(|schema| inline_parts(schema, &parts));
}

/// Names the schemas as clients would: `Character`, `CharacterPage`.
fn rename(document: &mut Value) {
    each(document, &mut |value| {
        if let Some(name) = referred(value).map(public_name)
            && let Value::Object(reference) = value
        {
            reference.extend(schema_reference(&name).as_object().cloned().unwrap_or_default());
        }
    });
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        *schemas = std::mem::take(schemas).into_iter().map(|(name, schema)| (public_name(&name), schema)).collect();
    }
}

fn public_name(name: &str) -> String {
    let short = |name: &str| name.strip_suffix("Body").unwrap_or(name).to_owned();
    match name {
        "BulkRequest" => "BulkCharactersRequest".to_owned(),
        "BulkCreatedBody" => "CharacterBulkCreated".to_owned(),
        "BulkOutcomeBody" => "CharacterBulkOutcome".to_owned(),
        "BulkItemBody" => "CharacterBulkResult".to_owned(),
        _ => match name.split_once('_') {
            Some((holder, row)) => short(row) + &short(holder),
            None => short(name),
        },
    }
}

/// Puts the fields of `Meta` among those of a row, which then is one object, with an example.
fn show_whole(schemas: &mut Map<String, Value>, name: &str) {
    let meta = schemas["Meta"].clone();
    let Some(row) = schemas.get_mut(name) else { return };
    let mut whole = row["allOf"][1].take();
    for (name, property) in members(&meta["properties"]) {
        whole["properties"][name] = property.clone();
    }
    whole["required"] =
        [&whole["required"], &meta["required"]].into_iter().filter_map(Value::as_array).flatten().cloned().collect();
    whole["description"] = row["description"].take();
    whole["example"] = json!({
        "id": ID, "parent_id": null, "theme": "traditional", "name": "Torormir",
        "user_id": "6f1c2f0e-58a0-4d7b-8d1e-6a3c1f7f9a10", "campaign_id": null, "data": { "level": 3 },
        "is_active": true, "revision": 1, "created_at": TIME, "updated_at": TIME, "deleted_at": null,
    });
    *row = whole;
}

/// A `PUT` also accepts what a `GET` returned.
fn accept_read_only_fields_in_replacements(document: &mut Value) {
    let meta = document["components"]["schemas"]["Meta"]["properties"].clone();
    for row in ["Character", "Campaign"] {
        let mut whole = document["components"]["schemas"][format!("New{row}")].clone();
        whole["description"] = json!(format!(
            "All fields of a {}. Absent fields get their defaults; unknown fields are rejected. The revision and the times are \
             accepted and ignored, so that a client can send back what it read.",
            row.to_lowercase()
        ));
        for (name, property) in members(&meta) {
            whole["properties"][name] = property.clone();
        }
        let name = format!("{row}Replacement");
        for (_, method, operation) in operations_mut(document) {
            let schema = operation.pointer_mut("/requestBody/content/application~1json/schema");
            if let Some(schema) = schema.filter(|_| method == "put")
                && referred(schema) == Some(&format!("New{row}"))
            {
                *schema = schema_reference(&name);
            }
        }
        document["components"]["schemas"][name] = whole;
    }
}

/// Replaces each copy of a component by a reference to it.
fn refer_to_components(schemas: &mut Map<String, Value>) {
    let is_object = |schema: &Value| schema.get("properties").is_some() || schema.get("allOf").is_some();
    let known: Vec<_> = schemas
        .iter()
        .filter(|(_, schema)| is_object(schema))
        .map(|(name, schema)| (name.clone(), schema.clone()))
        .collect();
    for schema in schemas.values_mut() {
        refer_inside(schema, &known);
    }
}

fn refer_inside(value: &mut Value, known: &[(String, Value)]) {
    let inner: Vec<&mut Value> = match value {
        Value::Object(members) => members.values_mut().collect(),
        Value::Array(items) => items.iter_mut().collect(),
        _ => return,
    };
    for value in inner {
        match known.iter().find(|(_, schema)| schema == value) {
            Some((name, _)) => *value = schema_reference(name),
            None => refer_inside(value, known),
        }
    }
}

/// The names of the schemas that these parts of the operations refer to, directly or through others.
fn reachable(
    document: &mut Value,
    schemas: &Map<String, Value>,
    parts: impl Fn(&Value) -> Vec<&Value>,
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, _, operation) in operations_mut(document) {
        parts(operation).into_iter().for_each(|part| follow(part, schemas, &mut found));
    }
    found
}

fn follow(value: &Value, schemas: &Map<String, Value>, found: &mut BTreeSet<String>) {
    if let Some(name) = referred(value)
        && found.insert(name.to_owned())
        && let Some(schema) = schemas.get(name)
    {
        follow(schema, schemas, found);
    }
    members(value).for_each(|(_, value)| follow(value, schemas, found));
    value.as_array().into_iter().flatten().for_each(|value| follow(value, schemas, found));
}

fn is_object(value: &Value) -> bool {
    types(value).any(|name| name == "object")
}

/// An object without named properties may have any.
fn open_free_documents(schema: &mut Value) {
    if is_object(schema) && schema.get("properties").is_none() && schema.get("additionalProperties").is_none() {
        schema["additionalProperties"] = json!(true);
    }
}

/// A property of a response that may be `null` is always there; one that may be absent is never `null`.
fn require_what_is_always_there(schema: &mut Value) {
    if schema.get("properties").is_none() {
        return;
    }
    let nullable = members(&schema["properties"]).filter(|(_, property)| is_nullable(property)).map(|(name, _)| name);
    let mut required: BTreeSet<String> = nullable.cloned().collect();
    required.extend(schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
}

fn refuse_unknown_members(schema: &mut Value) {
    if is_object(schema) && schema.get("properties").is_some() {
        schema["additionalProperties"] = json!(false);
    }
}

fn want_visible_characters(property: &mut Value) {
    if types(property).any(|name| name == "string")
        && property.get("minLength").is_some()
        && property.get("pattern").is_none()
    {
        property["pattern"] = json!(VISIBLE);
    }
}

/// The limits of what is new are those of what is stored.
fn spread_limits(schemas: &mut Map<String, Value>) {
    let new: Vec<_> =
        schemas.iter().filter(|(name, _)| name.starts_with("New")).map(|(n, s)| (n.clone(), s.clone())).collect();
    for (name, new) in new {
        let Some(schema) = schemas.get_mut(name.trim_start_matches("New")) else { continue };
        each_property(schema, &mut |name, property| {
            let limited = &new["properties"][name];
            for keyword in LIMITS.into_iter().filter(|keyword| limited.get(keyword).is_some()) {
                property[keyword] = limited[keyword].clone();
            }
        });
    }
}
