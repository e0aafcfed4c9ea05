//! What the OpenAPI document says of every operation and every schema.

use crate::conformance::resolved;
use character_api::{PROBLEMS, openapi};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn operations() -> Vec<(String, &'static Value)> {
    let paths = openapi()["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    all.collect()
}

fn schema(name: &str) -> &'static Value {
    &openapi()["components"]["schemas"][name]
}

/// A property, wherever a schema has it.
fn property(name: &str, property: &str) -> &'static Value {
    let schema = schema(name);
    let parts = schema["allOf"].as_array().into_iter().flatten().chain([schema]);
    parts.map(|part| &part["properties"][property]).find(|found| found.is_object()).unwrap_or(&Value::Null)
}

#[test]
fn every_operation_has_a_summary_a_description_an_id_of_its_own_and_examples() {
    let mut ids = BTreeSet::new();
    for (place, operation) in operations() {
        for field in ["summary", "description", "operationId"] {
            assert!(
                operation[field].as_str().is_some_and(|text| !text.is_empty() && text.trim() == text),
                "{place}: {field}"
            );
        }
        assert!(!operation["summary"].as_str().unwrap().contains('\n'), "{place}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{place}");
        let bodies = operation["requestBody"]["content"].as_object().into_iter().flatten().map(|(_, content)| content);
        let responses = operation["responses"].as_object().unwrap().values().map(resolved);
        let answers =
            responses.flat_map(|response| response["content"].as_object().into_iter().flatten()).map(|(_, it)| it);
        for content in bodies.chain(answers) {
            assert!(content.get("example").is_some() || content["examples"].is_object(), "{place}: {content}");
        }
    }
    assert!(ids.contains("getHealth") && ids.contains("getReadiness") && !ids.contains("report"));
}

#[test]
fn every_operation_declares_what_the_service_around_it_may_answer() {
    for (place, operation) in operations() {
        let declared = |status: &str| operation["responses"].get(status).map(resolved);
        for status in ["400", "405", "421", "422", "431", "500"] {
            assert!(declared(status).is_some(), "{place}: {status}");
        }
        assert!(declared("405").unwrap()["headers"]["Allow"].is_object());
        if place.contains("/api/") {
            for status in ["502", "503", "504"] {
                assert!(declared(status).is_some(), "{place}: {status}");
            }
            assert!(declared("503").unwrap()["headers"]["Retry-After"].is_object(), "{place}");
        }
        let takes_body = operation["requestBody"].is_object();
        assert_eq!((declared("413").is_some(), declared("415").is_some()), (takes_body, takes_body), "{place}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = resolved(response);
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{place}: {status}");
            assert!(response["headers"]["X-Request-Id"].is_object(), "{place}: {status}");
            if status.starts_with(['4', '5']) {
                let examples = response["content"]["application/problem+json"]["examples"].as_object().unwrap();
                for example in examples.values().map(resolved) {
                    assert_eq!(example["value"]["status"].to_string(), *status, "{place}");
                }
            }
        }
        let named = |name: &str| operation["parameters"].as_array().unwrap().iter().any(|it| it["name"] == name);
        assert_eq!(named("X-User-Id"), place.contains("/api/") && !place.starts_with("get"), "{place}");
    }
}

#[test]
fn every_list_links_to_its_other_pages_and_every_creation_to_the_reads_of_its_row() {
    let mut lists = 0;
    for (place, operation) in operations() {
        let answer = &operation["responses"]["200"];
        if answer["content"]["application/json"]["schema"]["$ref"].as_str().is_some_and(|name| name.ends_with("Page")) {
            lists += 1;
            assert!(answer["headers"]["Link"].is_object() && operation["responses"]["304"].is_object(), "{place}");
        }
    }
    assert!(lists >= 14, "only {lists} lists were found");
    let links = |path: &str| &openapi()["paths"][path]["post"]["responses"]["201"]["links"];
    assert_eq!(
        links("/api/v2/characters")["getCharacter"],
        json!({ "operationId": "getCharacter", "parameters": { "id": "$response.body#/id" } })
    );
    assert_eq!(
        links("/api/v2/characters/{id}/events")["applyEvent"],
        json!({ "operationId": "applyEvent", "parameters": { "id": "$request.path.id", "event": "$response.body#/id" } })
    );
    for (path, id) in [("bulk", "items/0"), ("{id}/theme-transition", "character")] {
        let read = &links(&format!("/api/v2/characters/{path}"))["getCharacter"];
        assert_eq!(read["parameters"], json!({ "id": format!("$response.body#/{id}/id") }), "{path}");
    }
    let ids: BTreeSet<_> = operations().into_iter().map(|(_, it)| it["operationId"].as_str().unwrap()).collect();
    for (path, read) in [
        ("/api/v2/campaigns", "getCampaign"),
        ("/api/v2/characters/bulk", "getCharacter"),
        ("/api/v2/characters/{id}/inventory/bulk", "getInventoryItem"),
        ("/api/v2/characters/{id}/theme-transition", "listInventory"),
        ("/api/v2/characters/{id}/inventory", "getInventoryItem"),
        ("/api/v2/characters/{id}/journal", "getJournalEntry"),
        ("/api/v2/characters/{id}/journal/{entry}/quests", "getQuest"),
    ] {
        assert!(links(path)[read].is_object(), "{path}");
        assert!(links(path).as_object().unwrap().keys().all(|id| ids.contains(id.as_str())), "{path}");
    }
}

#[test]
fn requests_refuse_unknown_members_and_state_their_limits_words_and_defaults() {
    for name in ["NewCharacter", "CharacterPatch", "CharacterReplacement", "NewQuest", "PurseChange", "LabelRequest"] {
        assert_eq!(schema(name)["additionalProperties"], false, "{name}");
    }
    assert_eq!(schema("PurseChange").get("required"), None);
    for (new, changes, field) in [
        ("NewCharacter", "CharacterPatch", "name"),
        ("NewQuest", "QuestPatch", "title"),
        ("NewInventoryItem", "InventoryItemPatch", "quantity"),
        ("NewNpcRelationship", "NpcRelationshipPatch", "standing"),
        ("NewJournalEntry", "JournalEntryPatch", "tags"),
    ] {
        for limit in ["minLength", "maxLength", "minimum", "maximum", "maxItems", "pattern"] {
            assert_eq!(
                property(new, field).get(limit),
                property(changes, field).get(limit),
                "{changes}.{field}: {limit}"
            );
        }
    }
    for name in ["NewNpcRelationship", "NpcRelationshipPatch", "NpcRelationship"] {
        let standing = property(name, "standing");
        assert_eq!((&standing["minimum"], &standing["maximum"]), (&json!(-100), &json!(100)), "{name}");
    }
    assert_eq!(schema("QuestStatus")["enum"], json!(["active", "completed", "failed", "abandoned"]));
    assert_eq!(schema("QuestImportance")["enum"], json!(["low", "normal", "high", "critical"]));
    assert_eq!(schema("Attunement")["enum"], json!(["none", "attuning", "attuned", "broken"]));
    assert_eq!(schema("ImpactType")["enum"], json!(["hit_points", "experience", "ability_score", "other"]));
    assert_eq!(schema("Transition")["enum"], json!(["theme_reset", "adapt_new", "keep_current"]));
    let codes: Vec<_> = PROBLEMS.iter().map(|kind| kind.code).collect();
    assert_eq!(schema("Problem")["properties"]["code"]["enum"], json!(codes));
    assert_eq!(schema("Loosened")["properties"]["code"]["enum"].as_array().unwrap().len(), 10);
    assert_eq!(property("NewQuest", "status")["default"], "active");
    for (name, field) in [("Character", "data"), ("CampaignEvent", "event_data"), ("NewCharacter", "data")] {
        assert_eq!(property(name, field)["additionalProperties"], true, "{name}.{field}");
    }
    assert_eq!(property("VersionSummary", "changes")["items"]["additionalProperties"], true);
}

#[test]
fn responses_require_every_field_that_is_always_there_and_name_the_rows_of_lists() {
    let required = |name: &str| {
        let schema = schema(name);
        let parts = schema["allOf"].as_array().into_iter().flatten().chain([schema]);
        let names = parts.flat_map(|part| part["required"].as_array().into_iter().flatten());
        names.map(|name| name.as_str().unwrap()).collect::<BTreeSet<_>>()
    };
    for (name, field) in [
        ("Character", "deleted_at"),
        ("Quest", "assigned_by"),
        ("CharacterPage", "next_cursor"),
        ("Given", "remaining"),
    ] {
        assert!(required(name).contains(field), "{name}.{field}");
    }
    for (name, field) in [("CharacterPage", "unreadable"), ("Problem", "detail"), ("CharacterBulkResult", "problem")] {
        assert!(property(name, field).is_object() && !required(name).contains(field), "{name}.{field}");
    }
    let schemas = openapi()["components"]["schemas"].as_object().unwrap();
    for (name, page) in schemas.iter().filter(|(name, _)| name.ends_with("Page")) {
        let row = page["properties"]["items"]["items"]["$ref"].as_str();
        assert_eq!(row, Some(&*format!("#/components/schemas/{}", name.trim_end_matches("Page"))), "{name}");
    }
    assert!(schemas.keys().all(|name| !name.contains("Body") && !name.contains('_')), "{:?}", schemas.keys());
}

#[test]
fn headers_and_parameters_are_never_null_and_have_their_limits() {
    for (place, operation) in operations() {
        for parameter in operation["parameters"].as_array().unwrap() {
            let schema = &parameter["schema"];
            assert!(schema["type"].is_string(), "{place}: {parameter}");
            match parameter["name"].as_str().unwrap() {
                "limit" => assert_eq!((&schema["maximum"], &schema["default"]), (&json!(1000), &json!(100)), "{place}"),
                "offset" => assert_eq!(schema["maximum"], json!(u32::MAX), "{place}"),
                "order" => assert_eq!(schema["default"], "-created_at", "{place}"),
                "include_deleted" => assert_eq!(schema["default"], false, "{place}"),
                "active_only" => assert_eq!(schema["default"], true, "{place}"),
                "status" => assert_eq!(schema["enum"].as_array().unwrap().len(), 4, "{place}"),
                "Idempotency-Key" | "X-User-Id" | "If-Match" | "If-None-Match" => {
                    assert!(schema["pattern"].is_string(), "{place}: {parameter}");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn an_operation_names_each_precondition_that_its_responses_are_about_and_no_other() {
    for (name, operation) in operations() {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let headers: Vec<&str> = parameters.map(|parameter| parameter["name"].as_str().unwrap()).collect();
        let says = |status: &str| operation["responses"].get(status).is_some();
        assert_eq!(headers.contains(&"If-Match"), says("412"), "{name}");
        assert_eq!(headers.contains(&"If-None-Match") && name.starts_with("get "), says("304"), "{name}");
    }
}

#[test]
fn an_operation_names_a_header_that_cannot_be_read_exactly_when_it_reads_that_header() {
    for (name, operation) in operations() {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let headers: Vec<&str> = parameters.map(|parameter| parameter["name"].as_str().unwrap()).collect();
        let responses = operation["responses"].as_object().unwrap().values().map(resolved);
        let examples = responses.filter_map(|it| it["content"]["application/problem+json"]["examples"].as_object());
        let codes: BTreeSet<&str> = examples.flat_map(|examples| examples.keys()).map(String::as_str).collect();
        let has_condition = headers.contains(&"If-Match") || headers.contains(&"If-None-Match");
        assert_eq!(codes.contains("malformed-precondition"), has_condition, "{name}");
        for code in ["malformed-idempotency-key", "idempotency-mismatch"] {
            assert_eq!(codes.contains(code), headers.contains(&"Idempotency-Key"), "{name}: {code}");
        }
    }
}
