//! What every operation of its kind refuses, as the document tells which they are.

use crate::{
    client::{Client, id_of, path},
    conformance::resolved,
};
use character_api::openapi;
use character_storage_port::MemoryStorage;
use character_storage_testkit::sample::logged_events;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A service with a row of each kind that the paths name.
struct World {
    storage: MemoryStorage,
    client: Client,
    /// The placeholders of the paths, each with the id of its row.
    ids: Vec<(&'static str, String)>,
}

impl World {
    async fn new() -> Self {
        let storage = MemoryStorage::new();
        let client = Client::over(storage.clone());
        let hero = client.created("Torormir").await;
        let place = path(&hero);
        let created = async |path: String, body: Value| id_of(&client, &path, body).await;
        let entry = created(format!("{place}/journal"), json!({ "title": "T" })).await;
        let under = format!("{place}/journal/{entry}");
        let event = json!({ "event_type": "training", "impact_type": "other", "impact_magnitude": 1 });
        let ids = vec![
            ("{item}", created(format!("{place}/inventory"), json!({ "name": "Rope" })).await),
            ("{campaign}", created("/api/v2/campaigns".to_owned(), json!({ "name": "The Dale" })).await),
            ("{quest}", created(format!("{under}/quests"), json!({ "title": "T" })).await),
            ("{experience}", created(format!("{under}/experience"), json!({ "amount": 5 })).await),
            ("{relationship}", created(format!("{under}/npc-relationships"), json!({ "npc_name": "Ada" })).await),
            ("{event}", created(format!("{place}/events"), event).await),
            (
                "{version}",
                client.get(&format!("{place}/versions")).await.json()["items"][0]["id"].as_str().unwrap().into(),
            ),
            ("{entry}", entry),
            ("{id}", hero["id"].as_str().unwrap().to_owned()),
        ];
        Self { storage, client, ids }
    }

    /// Each operation of the API: its method, its path with the ids of rows, and what the document says of it.
    fn operations(&self) -> Vec<(String, String, &'static Value)> {
        let mut all = Vec::new();
        for (template, item) in openapi()["paths"].as_object().unwrap() {
            if !template.starts_with("/api/") {
                continue;
            }
            let place = self.ids.iter().fold(template.clone(), |path, (name, id)| path.replace(name, id));
            assert!(!place.contains('{'), "{place}");
            let methods = item.as_object().unwrap().iter();
            all.extend(methods.map(|(method, operation)| (method.to_uppercase(), place.clone(), operation)));
        }
        all
    }

    /// Those that change something.
    fn changes(&self) -> Vec<(String, String, &'static Value)> {
        self.operations().into_iter().filter(|(method, ..)| method != "GET").collect()
    }

    /// How many events were published: one more for each change.
    async fn events(&self) -> usize {
        logged_events(&self.storage).await.len()
    }

    async fn refused(&self, method: &str, place: &str, body: &str) -> Vec<String> {
        let problem = self.client.text(method, place, &[], body).await.is_problem(422, "invalid");
        problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }
}

/// The schema of the body of an operation, if it takes JSON.
fn body_schema(operation: &'static Value) -> Option<&'static Value> {
    let contents = operation["requestBody"]["content"].as_object()?;
    Some(resolved(&contents.values().next()?["schema"]))
}

/// The names of the members that a schema requires.
fn required(schema: &Value) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect()
}

#[actix_web::test]
async fn every_act_that_takes_no_body_refuses_one_and_changes_nothing() {
    let world = World::new().await;
    let before = world.events().await;
    let mut acts = 0;
    for (method, place, operation) in world.changes() {
        if body_schema(operation).is_some() {
            continue;
        }
        acts += 1;
        for body in ["{}", "null", "{\"hard\":true}"] {
            assert_eq!(world.refused(&method, &place, body).await, ["body"], "{method} {place}: {body}");
        }
        assert_eq!(world.events().await, before, "{method} {place} changed something");
    }
    assert!(acts >= 20, "only {acts} acts take no body");
}

#[actix_web::test]
async fn an_empty_object_is_answered_with_everything_that_is_missing_by_every_operation() {
    let world = World::new().await;
    let before = world.events().await;
    let mut operations = 0;
    for (method, place, operation) in world.changes() {
        let Some(schema) = body_schema(operation).filter(|_| method != "PATCH") else { continue };
        let mut missing = required(schema);
        if missing.is_empty() {
            // It needs one of its members, whichever.
            assert!(place.ends_with("/currency"), "{method} {place} requires nothing");
            missing.push("gp");
        }
        operations += 1;
        let named = world.refused(&method, &place, "{}").await;
        for name in missing {
            assert!(named.contains(&name.to_owned()), "{method} {place}: {name} is not among {named:?}");
        }
        assert_eq!(world.events().await, before, "{method} {place} changed something");
    }
    assert!(operations >= 20, "only {operations} operations take a body");
}

/// A value that breaks the schema of a member: out of its range where it has one, of a wrong type otherwise.
fn broken(property: &'static Value) -> Value {
    if property["type"] == "array" || property["type"][0] == "array" {
        return json!({ "wrong": true });
    }
    match (property["minimum"].as_i64(), property["maximum"].as_i64(), property["maxLength"].as_u64()) {
        (Some(least), ..) => json!(least - 1),
        (_, Some(most), _) => json!(most + 1),
        (.., Some(longest)) if longest < 1000 => json!("x".repeat(usize::try_from(longest).unwrap() + 1)),
        _ => json!([["wrong"]]),
    }
}

#[actix_web::test]
async fn every_member_at_fault_is_named_beside_an_unknown_one_by_every_operation() {
    let world = World::new().await;
    let before = world.events().await;
    let mut members = 0;
    for (method, place, operation) in world.changes() {
        let Some(schema) = body_schema(operation) else { continue };
        let properties = schema["properties"].as_object().unwrap();
        let taken = |name: &str| !["revision", "created_at", "updated_at", "deleted_at"].contains(&name);
        let faulty: Vec<_> = properties.keys().map(String::as_str).filter(|name| taken(name)).collect();
        for unknown in [json!(1), Value::Null] {
            let mut body = json!({ "colour": unknown });
            for name in &faulty {
                body[name] = broken(resolved(&properties[*name]));
            }
            let named = world.refused(&method, &place, &body.to_string()).await;
            for name in faulty.iter().chain(&["colour"]) {
                let is_named = |field: &String| field.split(['.', '[']).next() == Some(*name);
                assert!(named.iter().any(is_named), "{method} {place}: {name} of {body} is not among {named:?}");
                members += 1;
            }
            // Each by itself is a fault, too.
            let alone = world.refused(&method, &place, &json!({ "colour": unknown }).to_string()).await;
            assert!(alone.contains(&"colour".to_owned()), "{method} {place}: {alone:?}");
        }
    }
    assert_eq!(world.events().await, before, "something was changed");
    assert!(members >= 150, "only {members} members are in requests");
}

#[actix_web::test]
async fn a_change_with_an_unknown_member_names_no_member_that_it_leaves_alone() {
    let world = World::new().await;
    for (method, place, operation) in world.changes() {
        if method != "PATCH" {
            continue;
        }
        let schema = body_schema(operation).unwrap();
        assert_eq!(world.refused(&method, &place, "{\"colour\":1}").await, ["colour"], "{place}");
        // And each that it may change may be null: cleared, or refused by its name.
        for name in schema["properties"].as_object().unwrap().keys() {
            let answer = world.client.text(&method, &place, &[], &format!("{{\"{name}\":null}}")).await;
            assert!(!answer.text.contains("is not a field of this request"), "{place}: {name}: {}", answer.text);
        }
    }
}

/// The whole numbers of a body. A replacement accepts the revision, and ignores it.
fn numbers_of(schema: &'static Value) -> impl Iterator<Item = (&'static String, &'static Value)> {
    let properties = schema["properties"].as_object().unwrap().iter();
    properties.filter(|(name, property)| *name != "revision" && is_whole(property))
}

fn is_whole(schema: &Value) -> bool {
    let types = &schema["type"];
    types == "integer" || types.as_array().is_some_and(|types| types.contains(&json!("integer")))
}

/// Numbers at and beyond the ends of the range that a schema has, and whether it has them. One without an end has that of 64
/// bits.
fn ends(schema: &Value) -> [(i128, bool); 4] {
    let has_both = schema["minimum"].is_number() && schema["maximum"].is_number();
    assert!(has_both || schema["format"] == "int64", "{schema}: the ends of its type are not tried");
    let least = schema["minimum"].as_i64().unwrap_or(i64::MIN).into();
    let most = schema["maximum"].as_i64().unwrap_or(i64::MAX).into();
    [(least, true), (most, true), (least - 1, false), (most + 1, false)]
}

#[actix_web::test]
async fn the_range_of_a_number_of_a_body_is_the_one_that_the_document_says() {
    let world = World::new().await;
    let mut numbers = 0;
    for (method, place, operation) in world.changes() {
        let Some(schema) = body_schema(operation) else { continue };
        for (name, property) in numbers_of(schema) {
            numbers += 1;
            for (number, is_in_range) in ends(property) {
                // Beside an unknown member, with which nothing is done.
                let named = world.refused(&method, &place, &format!("{{\"{name}\":{number},\"colour\":1}}")).await;
                assert_eq!(!named.contains(name), is_in_range, "{method} {place}: {name} {number}: {named:?}");
            }
        }
    }
    assert!(numbers >= 20, "only {numbers} numbers are in requests");
}

#[actix_web::test]
async fn the_range_of_a_number_of_a_query_or_a_header_is_the_one_that_the_document_says() {
    let world = World::new().await;
    let (mut numbers, mut headers) = (0, BTreeSet::new());
    for (method, place, operation) in world.operations() {
        for parameter in operation["parameters"].as_array().unwrap().iter().filter(|it| is_whole(&it["schema"])) {
            let name = parameter["name"].as_str().unwrap();
            let is_header = parameter["in"] == "header";
            // The headers are the same everywhere. A read of a later position than there is would wait for it.
            if is_header && !headers.insert(name) {
                continue;
            }
            numbers += 1;
            for (number, is_in_range) in ends(&parameter["schema"]) {
                // A time that no number holds is longer than the longest one.
                let is_in_range = is_in_range || (name == "X-Request-Timeout-Ms" && number > 0);
                let number = number.to_string();
                let answer = if is_header {
                    world.client.send(&method, &format!("{place}?colour=1"), &[(name, &number)], None).await
                } else {
                    world.client.get(&format!("{place}?{name}={number}&colour=1")).await
                };
                let problem = serde_json::from_str::<Value>(&answer.text).unwrap_or_default();
                let errors = problem["errors"].as_array().into_iter().flatten();
                let is_named = errors.map(|error| &error["field"]).any(|field| field == name);
                assert_eq!(!is_named, is_in_range, "{method} {place}: {name} {number}: {}", answer.text);
            }
        }
    }
    assert!(numbers >= 30 && headers.len() == 2, "only {numbers} numbers are parameters");
}

#[actix_web::test]
async fn a_number_out_of_range_names_its_own_field_in_every_operation() {
    let world = World::new().await;
    let mut numbers = 0;
    for (method, place, operation) in world.changes() {
        let Some(schema) = body_schema(operation) else { continue };
        for (name, _) in numbers_of(schema) {
            numbers += 1;
            for number in ["99999999999999999999", "-99999999999999999999", "1e400", "1.5"] {
                let named = world.refused(&method, &place, &format!("{{\"{name}\":{number}}}")).await;
                assert!(named.contains(name), "{method} {place}: {name} {number} is not among {named:?}");
                let others: Vec<_> = named.iter().filter(|field| ["data", "body"].contains(&field.as_str())).collect();
                assert!(others.is_empty(), "{method} {place}: {name} {number} is told of {others:?}");
            }
        }
    }
    assert!(numbers >= 12, "only {numbers} numbers are in requests");
}

#[actix_web::test]
async fn a_read_is_answered_under_the_strong_tag_that_it_returns_and_under_no_other() {
    let world = World::new().await;
    let (mut tagged, mut untagged) = (0, 0);
    for (method, place, _) in world.operations() {
        if method != "GET" || place == "/api/v2/stream" {
            continue;
        }
        let version = &world.ids.iter().find(|(name, _)| *name == "{version}").unwrap().1;
        let query = if place.ends_with("/compare") { format!("?from={version}&to={version}") } else { String::new() };
        let read =
            async |tag: &str| world.client.send("GET", &format!("{place}{query}"), &[("If-Match", tag)], None).await;
        let answer = read("*").await;
        assert_eq!(answer.status, 200, "{place}: {}", answer.text);
        let tag = answer.header("etag");
        let has_strong_tag = tag.is_some_and(|tag| !tag.starts_with("W/"));
        tagged += usize::from(has_strong_tag);
        untagged += usize::from(tag.is_none());
        if let Some(tag) = tag {
            assert_eq!(read(tag).await.status, if has_strong_tag { 200 } else { 412 }, "{place}: {tag}");
        }
        let revisions: &[&str] = if has_strong_tag { &["\"77\""] } else { &["\"1\"", "\"2\"", "\"77\""] };
        for revision in revisions {
            read(revision).await.is_problem(412, "precondition-failed");
        }
        read("\"77").await.is_problem(400, "malformed-precondition");
        let headers = [("If-Match", "W/\"77\""), ("If-None-Match", "\"77")];
        let answer = world.client.send("GET", &format!("{place}{query}"), &headers, None).await;
        answer.is_problem(400, "malformed-precondition");
    }
    assert!(tagged >= 9 && untagged >= 4, "{tagged} reads have a strong tag, and {untagged} have none");
}

#[actix_web::test]
async fn a_row_of_its_own_is_never_called_a_list() {
    let world = World::new().await;
    for (template, item) in openapi()["paths"].as_object().unwrap() {
        if item.get("get").is_none() || template == "/api/v2/stream" {
            continue;
        }
        let place = world.ids.iter().fold(template.clone(), |path, (name, id)| path.replace(name, id));
        let problem = world.client.get(&format!("{place}?surprise=1")).await.is_problem(422, "invalid");
        let errors = problem["errors"].as_array().unwrap();
        let surprise = errors.iter().find(|error| error["field"] == "surprise").unwrap();
        assert_eq!(surprise["reason"], "is not a parameter of this operation", "{place}");
    }
}
