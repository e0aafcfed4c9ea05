//! `include_total`: the number of rows of a list.

use crate::client::{CHARACTERS, Client, USER, id_of, path};
use character_api::openapi;
use character_domain::{Character, UserId, now};
use character_storage_port::{ErrorKind, MemoryStorage, StorageExt, StoragePort};
use character_storage_testkit::{Fault, Operation, ScriptedFaults};
use serde_json::{Value, json};
use std::sync::Arc;

#[actix_web::test]
async fn a_total_is_returned_on_request_and_counts_what_the_filters_let_through() {
    let client = Client::new();
    for (name, active) in [("A", true), ("AB", true), ("B", true), ("C", false)] {
        let body = json!({ "name": name, "user_id": USER, "is_active": active });
        assert_eq!(client.post(&body).await.status, 201);
    }
    for (query, total) in [
        ("limit=1", Value::Null),
        ("limit=1&include_total=false", Value::Null),
        ("limit=1&include_total=true", json!(3)),
        ("limit=1&include_total=true&active_only=false", json!(4)),
        ("limit=1&include_total=true&name=a&order=name", json!(2)),
        ("limit=100&include_total=true", json!(3)),
        ("limit=1&offset=2&include_total=true", json!(3)),
        ("limit=1&offset=7&include_total=true", json!(3)),
        ("include_total=true&name=zzz", json!(0)),
    ] {
        let answer = client.get(&format!("{CHARACTERS}?{query}")).await;
        assert_eq!((answer.status, &answer.json()["total"]), (200, &total), "{query}");
    }
    client.get(&format!("{CHARACTERS}?include_total=yes&limit=0")).await.is_invalid(&["limit", "include_total"]);
}

#[actix_web::test]
async fn the_entity_tag_of_a_list_covers_its_total() {
    let client = Client::new();
    for name in ["A", "B"] {
        client.created(name).await;
    }
    let list = format!("{CHARACTERS}?limit=1&order=name&include_total=true");
    let before = client.get(&list).await;
    let known = [("If-None-Match", before.header("etag").unwrap())];
    assert_eq!(client.send("GET", &list, &known, None).await.status, 304);
    let without = client.get(&format!("{CHARACTERS}?limit=1&order=name")).await;
    assert_ne!(without.header("etag"), before.header("etag"));
    // The page stays the same, but for its total.
    client.created("C").await;
    let after = client.send("GET", &list, &known, None).await;
    assert_eq!((after.status, &after.json()["total"]), (200, &json!(3)));
    assert_eq!(after.json()["items"], before.json()["items"]);
}

#[actix_web::test]
async fn every_list_of_the_document_can_return_its_total() {
    let client = Client::new();
    let hero = client.created("Torormir").await;
    let place = path(&hero);
    let created = async |path: String, body: Value| id_of(&client, &path, body).await;
    let mut ids = vec![("{id}", hero["id"].as_str().unwrap().to_owned())];
    for number in 0..2 {
        let (named, titled) = (json!({ "name": format!("N{number}") }), json!({ "title": format!("T{number}") }));
        created(format!("{place}/inventory"), named.clone()).await;
        let entry = created(format!("{place}/journal"), titled.clone()).await;
        let campaign = created("/api/v2/campaigns".to_owned(), named).await;
        if number == 0 {
            ids.extend([("{entry}", entry), ("{campaign}", campaign)]);
        }
        let under = format!("{place}/journal/{}", ids[1].1);
        created(format!("{under}/quests"), titled).await;
        created(format!("{under}/experience"), json!({ "amount": 5 })).await;
        created(format!("{under}/npc-relationships"), json!({ "npc_name": "Ada" })).await;
        let event = json!({ "event_type": "training", "impact_type": "other", "impact_magnitude": 1 });
        let event = created(format!("{place}/events"), event).await;
        if number == 0 {
            ids.push(("{event}", event));
        }
    }
    let applied = format!("{place}/events/{}", ids[3].1);
    for act in ["apply", "revert", "apply"] {
        assert_eq!(client.send("POST", &format!("{applied}/{act}"), &[], None).await.status, 200);
    }
    for _ in 0..2 {
        let body = json!({ "name": "Member", "user_id": USER, "campaign_id": ids[2].1 });
        assert_eq!(client.post(&body).await.status, 201);
    }
    let mut lists = 0;
    for (template, item) in openapi()["paths"].as_object().unwrap() {
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        if !schema.as_str().is_some_and(|name| name.ends_with("Page")) {
            continue;
        }
        lists += 1;
        let place = ids.iter().fold(template.clone(), |path, (name, id)| path.replace(name, id));
        let whole = client.get(&format!("{place}?limit=1000&include_total=true")).await.json();
        let rows = whole["items"].as_array().unwrap().len();
        assert!(rows >= 2, "{place} has only {rows} rows");
        assert_eq!(whole["total"], json!(rows), "{place}");
        let first = client.get(&format!("{place}?limit=1&include_total=true")).await.json();
        assert_eq!((&first["total"], first["items"].as_array().unwrap().len()), (&json!(rows), 1), "{place}");
        let next = format!("{place}?limit=1&include_total=true&cursor={}", first["next_cursor"].as_str().unwrap());
        assert_eq!(client.get(&next).await.json()["total"], json!(rows), "{place}");
        assert_eq!(client.get(&format!("{place}?limit=1")).await.json().get("total"), None, "{place}");
        let parameters = item["get"]["parameters"].as_array().unwrap();
        let declared = parameters.iter().find(|parameter| parameter["name"] == "include_total").unwrap();
        assert_eq!(declared["schema"], json!({ "type": "boolean", "default": false }), "{place}");
    }
    assert!(lists >= 14, "only {lists} lists were found");
}

#[actix_web::test]
async fn a_storage_that_cannot_count_fails_the_lists_that_ask_for_their_total_alone() {
    let storage = ScriptedFaults::new(Arc::new(MemoryStorage::new()) as Arc<dyn StoragePort>);
    for name in ["A", "B"] {
        storage.create_character(Character::new(UserId::new(), name, now())).await.unwrap();
    }
    let client = Client::over(storage.clone());
    for (kind, status, code) in
        [(ErrorKind::Unsupported, 501, "storage-unsupported"), (ErrorKind::Timeout, 504, "storage-timeout")]
    {
        storage.next_of(Operation::Count, Fault::FailBefore(kind));
        client.get(&format!("{CHARACTERS}?limit=1&include_total=true")).await.is_problem(status, code);
        assert_eq!(client.get(&format!("{CHARACTERS}?limit=1")).await.status, 200);
    }
}
