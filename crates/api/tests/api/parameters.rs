//! Query parameters: each operation refuses those that it does not have, before it does anything.

use crate::client::{CHARACTERS, Client, USER, path};
use character_api::openapi;
use character_storage_port::{CharacterQuery, MemoryStorage, PageRequest, StorageExt};
use character_storage_testkit::sample::logged_events;
use serde_json::{Value, json};

/// Every operation of the document: its method, and its path with this id in each placeholder.
fn operations(id: &str) -> Vec<(String, String)> {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let parts: Vec<_> = path.split('/').map(|part| if part.starts_with('{') { id } else { part }).collect();
        let methods = item
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| ["get", "post", "put", "patch", "delete"].contains(&name.as_str()));
        all.extend(methods.map(|method| (method.to_uppercase(), parts.join("/"))));
    }
    assert!(all.len() > 60, "the document describes only {} operations", all.len());
    all
}

/// All that a client could have changed: the characters, and how many events there are.
async fn state(storage: &MemoryStorage) -> (Value, usize) {
    let query = CharacterQuery { include_deleted: true, ..CharacterQuery::live() };
    let page = storage.list_characters(&query, PageRequest::default()).await.unwrap().value;
    (json!(page.items), logged_events(storage).await.len())
}

#[actix_web::test]
async fn every_operation_refuses_a_parameter_that_it_does_not_have_and_changes_nothing() {
    let storage = MemoryStorage::new();
    let client = Client::over(storage.clone());
    let character = client.created("Torormir").await;
    let before = state(&storage).await;
    for (method, place) in operations(character["id"].as_str().unwrap()) {
        for query in ["surprise=1", "surprise", "limit=1&surprise=%00&surprise=2"] {
            let answer = client.json(&method, &format!("{place}?{query}"), &[], &json!({ "name": "x" })).await;
            let problem = answer.is_problem(422, "invalid");
            let errors = problem["errors"].as_array().unwrap();
            assert!(errors.iter().any(|error| error["field"] == "surprise"), "{method} {place}: {problem}");
        }
        let head = client.send("HEAD", &format!("{place}?surprise=1"), &[], None).await;
        assert!([405, 422].contains(&head.status), "HEAD {place}: {}", head.status);
        assert_eq!(state(&storage).await, before, "{method} {place} changed something");
    }
}

/// Every parameter of the document that is a free text: the path of its operation, its name, and its maximum length.
fn text_filters(id: &str) -> Vec<(String, String, Option<usize>)> {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let parts: Vec<_> = path.split('/').map(|part| if part.starts_with('{') { id } else { part }).collect();
        for parameter in item["get"]["parameters"].as_array().into_iter().flatten() {
            let schema = &parameter["schema"];
            let is_text = schema["type"] == "string" || schema["type"] == json!(["string", "null"]);
            if parameter["in"] == "query" && is_text && schema["format"].is_null() {
                let longest = schema["maxLength"].as_u64().map(|longest| usize::try_from(longest).unwrap());
                all.push((parts.join("/"), parameter["name"].as_str().unwrap().to_owned(), longest));
            }
        }
    }
    all
}

#[actix_web::test]
async fn a_filter_that_is_longer_than_its_field_is_refused_before_anything_is_read() {
    let storage = MemoryStorage::new();
    let client = Client::over(storage.clone());
    let character = client.created("Torormir").await;
    let filters = text_filters(character["id"].as_str().unwrap());
    for name in ["theme", "name", "entry_type", "relationship_type", "tags"] {
        assert!(filters.iter().any(|(_, filter, _)| filter == name), "{name} is not in the document");
    }
    for (place, name, _) in filters {
        for value in ["/".repeat(15_000), "a,".repeat(7_000), "%F0%9F%90%89".repeat(300)] {
            let answer = client.get(&format!("{place}?{name}={value}")).await;
            let problem = answer.is_problem(422, "invalid");
            let errors = problem["errors"].as_array().unwrap();
            assert!(errors.iter().all(|error| error["field"] == *name), "{place}: {name}: {problem}");
            assert!(answer.text.len() < 2_000, "the answer does not quote the filter");
        }
        for value in ["/".repeat(22_000), "a,".repeat(16_000)] {
            client.get(&format!("{place}?{name}={value}")).await.is_problem(431, "head-too-large");
        }
    }
}

#[actix_web::test]
async fn the_longest_filter_of_the_document_is_the_longest_that_is_taken() {
    let client = Client::new();
    let character = client.created("Torormir").await;
    let mut limited = 0;
    for (place, name, longest) in text_filters(character["id"].as_str().unwrap()) {
        let Some(longest) = longest else { continue };
        limited += 1;
        for (length, is_taken) in [(longest, true), (longest + 1, false)] {
            let answer = client.get(&format!("{place}?{name}={}", "%C3%A9".repeat(length))).await;
            let is_too_long = answer.text.contains("must not be longer than");
            assert_eq!(is_too_long, !is_taken, "{place}: {length} characters of {name}: {}", answer.text);
        }
    }
    assert!(limited >= 8, "only {limited} filters have a limit");
}

#[actix_web::test]
async fn a_deletion_with_an_unknown_parameter_deletes_nothing_and_one_without_does() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    let refused = client.send("DELETE", &format!("{place}?hard=true"), &[], None).await;
    refused.is_invalid(&["hard"]);
    assert_eq!(client.get(&place).await.status, 200);
    assert_eq!(client.send("DELETE", &place, &[], None).await.status, 204);
}

#[actix_web::test]
async fn the_parameters_that_an_operation_has_are_not_taken_for_unknown() {
    let client = Client::new();
    let document = serde_json::to_value(openapi()).unwrap();
    let id = client.created("Torormir").await["id"].as_str().unwrap().to_owned();
    let mut tried = 0;
    for (template, item) in document["paths"].as_object().unwrap() {
        for parameter in item["get"]["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] != "query" {
                continue;
            }
            let place = template.split('/').map(|part| if part.starts_with('{') { &id } else { part });
            let place = place.collect::<Vec<_>>().join("/");
            let name = parameter["name"].as_str().unwrap();
            let answer = client.get(&format!("{place}?{name}=x")).await;
            assert!(!answer.text.contains("is not a parameter"), "{place}?{name}: {}", answer.text);
            tried += 1;
        }
    }
    assert!(tried > 30, "only {tried} parameters are described");
}

#[actix_web::test]
async fn lists_of_characters_take_a_name_and_an_order() {
    let client = Client::new();
    for (name, active) in [("Drizzt", true), ("bruenor", true), ("Straße", true), ("ZAKNAFEIN", false)] {
        let body = json!({ "name": name, "user_id": USER, "is_active": active });
        assert_eq!(client.post(&body).await.status, 201);
    }
    let names = async |query: &str| {
        let answer = client.get(&format!("{CHARACTERS}?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let page = answer.json();
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["Straße", "bruenor", "Drizzt"]);
    assert_eq!(names("active_only=true").await, ["Straße", "bruenor", "Drizzt"]);
    assert_eq!(names("active_only=false").await, ["ZAKNAFEIN", "Straße", "bruenor", "Drizzt"]);
    assert_eq!(names("order=name").await, ["bruenor", "Drizzt", "Straße"]);
    assert_eq!(names("order=-name&active_only=false").await, ["ZAKNAFEIN", "Straße", "Drizzt", "bruenor"]);
    assert_eq!(names("order=created_at").await, ["Drizzt", "bruenor", "Straße"]);
    assert_eq!(names("order=-updated_at&limit=1").await, ["Straße"]);
    assert_eq!(names("name=STRASSE").await, ["Straße"]);
    assert_eq!(names("name=R&order=name").await, ["bruenor", "Drizzt", "Straße"]);
    assert_eq!(names("name=%25").await, Vec::<String>::new());

    let first = client.get(&format!("{CHARACTERS}?order=name&limit=2")).await;
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(names(&format!("order=name&cursor={cursor}")).await, ["Straße"]);
    for query in [format!("cursor={cursor}"), format!("order=-name&cursor={cursor}")] {
        client.get(&format!("{CHARACTERS}?{query}")).await.is_invalid(&["cursor"]);
    }
    client.get(&format!("{CHARACTERS}?order=colour")).await.is_invalid(&["order"]);
}

#[actix_web::test]
async fn lists_of_items_take_a_name_and_an_order() {
    let client = Client::new();
    let inventory = format!("{}/inventory", path(&client.created("Torormir").await));
    for name in ["Rope", "cloak", "Torch"] {
        assert_eq!(client.json("POST", &inventory, &[], &json!({ "name": name })).await.status, 201);
    }
    let names = async |query: &str| {
        let page = client.get(&format!("{inventory}?{query}")).await.json();
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("order=name").await, ["cloak", "Rope", "Torch"]);
    assert_eq!(names("name=RO").await, ["Rope"]);
    assert_eq!(names("name=O&order=-name&limit=2").await, ["Torch", "Rope"]);
    let quests = inventory.replace("inventory", "quests");
    client.get(&format!("{quests}?order=name")).await.is_invalid(&["order"]);
}

#[actix_web::test]
async fn names_of_255_characters_are_taken_and_invisible_ones_refused() {
    let client = Client::new();
    let longest = "\u{1f409}".repeat(255);
    assert_eq!(client.created(&longest).await["name"], longest.as_str());
    for name in [longest + "x", "\u{200b}\u{2060}".to_owned(), "\u{3164}".to_owned(), "\u{feff} ".to_owned()] {
        client.post(&json!({ "name": name, "user_id": USER })).await.is_invalid(&["name"]);
    }
    let hero = path(&client.created("Torormir").await);
    let (inventory, journal) = (format!("{hero}/inventory"), format!("{hero}/journal"));
    client.json("POST", &inventory, &[], &json!({ "name": "\u{200b}" })).await.is_invalid(&["name"]);
    client.json("POST", &inventory, &[], &json!({ "name": "Rope", "theme": "\u{2060}" })).await.is_invalid(&["theme"]);
    let entry = json!({ "title": "\u{feff}", "tags": ["keep", " keep", "\u{200b}"] });
    client.json("POST", &journal, &[], &entry).await.is_invalid(&["title", "tags[1]", "tags[2]"]);
    client.json("PATCH", &hero, &[], &json!({ "name": "\u{ad}" })).await.is_invalid(&["name"]);
}

#[actix_web::test]
async fn an_achievement_of_the_same_title_is_found_in_any_spelling_that_a_reader_takes_for_the_same() {
    let client = Client::new();
    let achievements = format!("{}/progress/achievements", path(&client.created("Torormir").await));
    let answer = client.json("POST", &achievements, &[], &json!({ "title": "Caf\u{e9} owner" })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    for title in ["Cafe\u{301} owner", " Caf\u{e9} owner\u{3000}"] {
        let again = client.json("POST", &achievements, &[], &json!({ "title": title })).await;
        assert_eq!(again.status, 409, "{}", again.text);
    }
    let other = client.json("POST", &achievements, &[], &json!({ "title": "caf\u{e9} OWNER" })).await;
    assert_eq!(other.status, 201, "{}", other.text);
}

#[actix_web::test]
async fn a_number_with_a_plus_is_none() {
    let client = Client::new();
    for parameter in ["limit", "offset"] {
        for text in ["%2B5", "+5", "%2B0"] {
            client.get(&format!("{CHARACTERS}?{parameter}={text}")).await.is_invalid(&[parameter]);
        }
    }
}

#[actix_web::test]
async fn a_body_of_two_media_types_is_of_none() {
    let client = Client::new();
    let body = json!({ "name": "x", "user_id": USER }).to_string().into_bytes();
    let json = ("content-type", "application/json");
    for other in [json, ("content-type", "text/plain")] {
        let answer = client.send("POST", CHARACTERS, &[json, other], Some(body.clone())).await;
        answer.is_problem(415, "unsupported-media-type");
    }
}
