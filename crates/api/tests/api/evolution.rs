use crate::client::{Client, path};
use character_domain::{Character, CharacterVersion, Revision};
use character_storage_port::{Deleted, MemoryStorage, StorageExt, Store};
use serde_json::{Value, json};
use std::sync::Arc;

/// A client with a character that was renamed once, and its path.
async fn grown() -> (Client, String) {
    let client = Client::new();
    let hero = path(&client.created("Torormir").await);
    assert_eq!(client.json("PATCH", &hero, &[], &json!({ "name": "Grey", "data": { "hp": 7 } })).await.status, 200);
    (client, hero)
}

/// The versions at this path, newest first.
async fn versions(client: &Client, hero: &str) -> Vec<Value> {
    let answer = client.get(&format!("{hero}/versions")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["items"].as_array().unwrap().clone()
}

fn of(hero: &str, version: &Value) -> String {
    format!("{hero}/versions/{}", version["id"].as_str().unwrap())
}

const NOBODY: &str = "/api/v2/characters/00000000-0000-4000-8000-000000000001";
const NOTHING: &str = "00000000-0000-4000-8000-000000000002";

#[actix_web::test]
async fn versions_are_listed_without_their_states_and_told_with_them() {
    let client = Client::new();
    let created = client.created("Torormir").await;
    let hero = path(&created);
    let patch = json!({ "name": "Grey" });
    client.json("PATCH", &hero, &[("X-User-Id", "gandalf")], &patch).await;
    let listed = versions(&client, &hero).await;
    assert_eq!(listed.len(), 2);
    let newest = &listed[0];
    for (field, value) in [
        ("number", json!(2)),
        ("reason", json!("character.updated")),
        ("author", json!("gandalf")),
        ("label", Value::Null),
        ("restored_from", Value::Null),
        ("parent_id", listed[1]["id"].clone()),
        ("character_id", created["id"].clone()),
        ("changes", json!([{ "op": "replace", "path": "/name", "value": "Grey" }])),
        ("related", json!([])),
        ("revision", json!(1)),
        ("state", Value::Null),
    ] {
        assert_eq!(newest[field], value, "{field}");
    }
    assert_eq!(listed[1]["parent_id"], Value::Null);
    let told = client.get(&of(&hero, newest)).await;
    let (mut whole, state) = (told.json(), client.get(&format!("{}/state", of(&hero, newest))).await);
    assert_eq!(told.header("etag"), Some("\"1\""));
    assert_eq!((state.json(), state.header("etag")), (client.get(&hero).await.json(), Some("\"2\"")));
    assert_eq!(whole["state"].take(), state.json());
    whole.as_object_mut().unwrap().remove("state");
    assert_eq!(&whole, newest);
    assert_eq!(client.get(&format!("{}/state", of(&hero, &listed[1]))).await.json(), created);
    for (place, tag) in [(of(&hero, newest), "\"1\""), (format!("{}/state", of(&hero, newest)), "\"2\"")] {
        assert_eq!(client.send("GET", &place, &[("If-None-Match", tag)], None).await.status, 304);
    }
}

#[actix_web::test]
async fn the_list_and_the_tree_come_in_pages() {
    let (client, hero) = grown().await;
    client.json("PATCH", &hero, &[], &json!({ "name": "White" })).await;
    for list in ["versions", "versions/tree"] {
        let whole = client.get(&format!("{hero}/{list}")).await.json();
        let (mut seen, mut place) = (Vec::new(), format!("{hero}/{list}?limit=2"));
        loop {
            let part = client.get(&place).await;
            seen.extend(part.json()["items"].as_array().unwrap().clone());
            let Some(next) = part.link("next") else { break };
            place = next;
        }
        assert_eq!(json!({ "items": seen, "next_cursor": null }), whole);
        assert_eq!(seen.len(), 3);
    }
    client.get(&format!("{hero}/versions?limit=0&colour=red")).await.is_invalid(&["limit", "colour"]);
    client.get(&format!("{hero}/versions/tree?offset=1")).await.is_invalid(&["offset"]);
}

#[actix_web::test]
async fn a_node_of_the_tree_names_its_parent_and_not_its_state() {
    let (client, hero) = grown().await;
    let tree = client.get(&format!("{hero}/versions/tree")).await.json();
    let fields: Vec<_> = tree["items"][0].as_object().unwrap().keys().cloned().collect();
    let mut expected =
        ["id", "parent_id", "character_id", "number", "reason", "author", "label", "restored_from", "created_at"];
    expected.sort_unstable();
    let mut found: Vec<_> = fields.iter().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(tree["items"][0]["parent_id"], tree["items"][1]["id"]);
}

#[actix_web::test]
async fn a_comparison_is_a_patch_that_makes_the_one_state_the_other() {
    let (client, hero) = grown().await;
    let listed = versions(&client, &hero).await;
    let (from, to) = (listed[1]["id"].as_str().unwrap(), listed[0]["id"].as_str().unwrap());
    let compared = client.get(&format!("{hero}/versions/compare?from={from}&to={to}")).await.json();
    assert_eq!((&compared["from"], &compared["to"]), (&json!(from), &json!(to)));
    let mut state = client.get(&format!("{hero}/versions/{from}/state")).await.json();
    let patch: json_patch::Patch = serde_json::from_value(compared["changes"].clone()).unwrap();
    json_patch::patch(&mut state, &patch).unwrap();
    let mut expected = client.get(&format!("{hero}/versions/{to}/state")).await.json();
    for field in ["revision", "updated_at"] {
        expected[field] = state[field].clone();
    }
    assert_eq!(state, expected);
    client.get(&format!("{hero}/versions/compare")).await.is_invalid(&["from", "to"]);
    client.get(&format!("{hero}/versions/compare?from=1&to={to}")).await.is_invalid(&["from"]);
    client.get(&format!("{hero}/versions/compare?from={from}&to={NOTHING}")).await.is_problem(404, "not-found");
}

#[actix_web::test]
async fn restoring_brings_a_state_back_on_top() {
    let (client, hero) = grown().await;
    let first = of(&hero, &versions(&client, &hero).await[1]);
    let restore = format!("{first}/restore");
    client.send("POST", &restore, &[("If-Match", "\"1\"")], None).await.is_problem(412, "precondition-failed");
    let headers = [("If-Match", "\"2\""), ("Idempotency-Key", "back")];
    for _ in 0..2 {
        let answer = client.send("POST", &restore, &headers, None).await;
        assert_eq!((answer.status, answer.header("etag")), (200, Some("\"3\"")), "{}", answer.text);
        let restored = answer.json();
        assert_eq!((&restored["name"], &restored["data"]), (&json!("Torormir"), &json!({})));
        assert_eq!((&restored["not_restored"], &restored["not_restored_total"]), (&json!([]), &json!(0)));
        let mut character = restored;
        character.as_object_mut().unwrap().retain(|name, _| !name.starts_with("not_restored"));
        assert_eq!(client.get(&hero).await.json(), character);
    }
    let listed = versions(&client, &hero).await;
    assert_eq!((listed.len(), &listed[0]["restored_from"]), (3, &listed[2]["id"]));
}

#[actix_web::test]
async fn a_version_is_called_something_or_nothing() {
    let (client, hero) = grown().await;
    let version = versions(&client, &hero).await.remove(0);
    let place = format!("{}/label", of(&hero, &version));
    let answer = client.json("POST", &place, &[("If-Match", "\"1\"")], &json!({ "label": "Turning point" })).await;
    assert_eq!((answer.status, answer.header("etag")), (200, Some("\"2\"")));
    assert_eq!(answer.json()["label"], "Turning point");
    assert_eq!(versions(&client, &hero).await[0], answer.json());
    let stale = client.json("POST", &place, &[("If-Match", "\"1\"")], &json!({ "label": null })).await;
    stale.is_problem(412, "precondition-failed");
    assert_eq!(client.json("POST", &place, &[], &json!({ "label": null })).await.json()["label"], Value::Null);
    for body in [json!({}), json!({ "label": 7 }), json!({ "label": "" }), json!({ "label": "x".repeat(256) })] {
        client.json("POST", &place, &[], &body).await.is_invalid(&["label"]);
    }
    let strange = json!({ "label": "a", "reason": "b" });
    client.json("POST", &place, &[], &strange).await.is_invalid(&["reason"]);
}

#[actix_web::test]
async fn a_character_is_told_as_it_was_at_a_time() {
    let (client, hero) = grown().await;
    let listed = versions(&client, &hero).await;
    let at =
        async |version: &Value| client.get(&format!("{hero}?at={}", version["created_at"].as_str().unwrap())).await;
    let first = at(&listed[1]).await;
    assert_eq!((first.json()["name"].as_str(), first.header("etag")), (Some("Torormir"), Some("\"1\"")));
    assert_eq!(at(&listed[0]).await.json(), client.get(&hero).await.json());
    client.get(&format!("{hero}?at=2001-01-01T00:00:00Z")).await.is_problem(404, "not-found");
    client.send("DELETE", &hero, &[], None).await;
    assert_eq!(at(&listed[1]).await.json(), first.json(), "what is deleted now was there then");
    client.get(&format!("{hero}?at=9999-01-01T00:00:00Z")).await.is_problem(404, "not-found");
    for wrong in ["yesterday", "", "2026-11-23", "1700000000"] {
        client.get(&format!("{hero}?at={wrong}")).await.is_invalid(&["at"]);
    }
    client.get(&format!("{hero}?then=2001-01-01T00:00:00Z")).await.is_invalid(&["then"]);
}

#[actix_web::test]
async fn a_change_of_theme_makes_another_character_with_its_items() {
    let (client, hero) = grown().await;
    let inventory = format!("{hero}/inventory");
    let sword = client.json("POST", &inventory, &[], &json!({ "name": "Sword", "equipped": true })).await.json();
    client.json("POST", &inventory, &[], &json!({ "name": "Hat" })).await;
    let old = client.get(&hero).await.json();
    let body = json!({ "new_theme": "steampunk", "chapter_id": NOTHING,
        "equipment_transitions": [{ "equipment_id": sword["id"], "transition": "adapt_new" }] });
    let place = format!("{hero}/theme-transition");
    client.json("POST", &place, &[("If-Match", "\"1\"")], &body).await.is_problem(412, "precondition-failed");
    let key = [("Idempotency-Key", "airship")];
    let answer = client.json("POST", &place, &key, &body).await;
    assert_eq!((answer.status, answer.header("etag")), (201, Some("\"1\"")), "{}", answer.text);
    let made = answer.json();
    let new = path(&made["character"]);
    assert_eq!(answer.header("location"), Some(new.as_str()));
    assert_eq!(client.json("POST", &place, &key, &body).await.json(), made);
    assert_eq!(client.get(&new).await.json(), made["character"]);
    for (field, value) in [("parent_id", &old["id"]), ("theme", &json!("steampunk")), ("data", &old["data"])] {
        assert_eq!(&made["character"][field], value, "{field}");
    }
    let items: Vec<_> = made["items"].as_array().unwrap().iter().map(|it| (&it["name"], &it["theme"])).collect();
    assert_eq!(items, [(&json!("Sword"), &json!("steampunk")), (&json!("Hat"), &json!("traditional"))]);
    assert_eq!((&made["items"][0]["root_id"], &made["items"][0]["equipped"]), (&sword["id"], &json!(true)));
    assert_eq!(client.get(&format!("{inventory}/{}", sword["id"].as_str().unwrap())).await.json(), sword);
    assert_eq!(versions(&client, &new).await[0]["parent_id"], versions(&client, &hero).await[0]["id"]);

    let home = json!({ "new_theme": "traditional",
        "equipment_transitions": [{ "equipment_id": made["items"][0]["id"], "transition": "theme_reset" }] });
    let back = client.json("POST", &format!("{new}/theme-transition"), &[], &home).await.json();
    assert_eq!(back["items"][0]["theme"], "traditional");

    let graph = client.get(&format!("{hero}/version-graph")).await.json();
    let kinds = |kind: &str| graph["edges"].as_array().unwrap().iter().filter(|it| it["kind"] == kind).count();
    assert_eq!(graph["nodes"].as_array().unwrap().len(), 9);
    assert_eq!(["parent", "root", "equipped", "created"].map(kinds), [2, 4, 3, 6]);
    assert_eq!(graph["complete"], true);
}

#[actix_web::test]
async fn every_fault_of_a_change_of_theme_is_named() {
    let (client, hero) = grown().await;
    let place = format!("{hero}/theme-transition");
    let refused = async |body: Value| client.json("POST", &place, &[], &body).await;
    refused(json!({})).await.is_invalid(&["new_theme"]);
    refused(json!({ "new_theme": "traditional" })).await.is_invalid(&["new_theme"]);
    refused(json!({ "new_theme": "" })).await.is_invalid(&["new_theme"]);
    refused(json!({ "new_theme": "x", "equipment_transitions": {} })).await.is_invalid(&["equipment_transitions"]);
    let wrong = json!({ "new_theme": 1, "chapter_id": "one", "equipment_transitions": [
        7, {}, { "equipment_id": NOTHING, "transition": "melt" }, { "equipment_id": 1, "transition": "keep_current", "x": 1 }
    ], "colour": "red" });
    refused(wrong).await.is_invalid(&[
        "new_theme",
        "chapter_id",
        "equipment_transitions[0]",
        "equipment_transitions[1].equipment_id",
        "equipment_transitions[1].transition",
        "equipment_transitions[2].transition",
        "equipment_transitions[3].equipment_id",
        "equipment_transitions[3].x",
        "colour",
    ]);
    let strange = json!([{ "equipment_id": NOTHING, "transition": "keep_current" }]);
    refused(json!({ "new_theme": "x", "equipment_transitions": strange }))
        .await
        .is_invalid(&["equipment_transitions[0].equipment_id"]);
    assert_eq!(versions(&client, &hero).await.len(), 2, "a refused act changes nothing");
}

#[actix_web::test]
async fn the_graph_is_drawn() {
    let (client, hero) = grown().await;
    client.json("POST", &format!("{hero}/inventory"), &[], &json!({ "name": "<script>&" })).await;
    let drawn = client.get(&format!("{hero}/version-graph.svg")).await;
    assert_eq!((drawn.status, drawn.header("content-type")), (200, Some("image/svg+xml; charset=utf-8")));
    assert!(drawn.text.starts_with("<svg ") && drawn.text.ends_with("</svg>"));
    assert!(drawn.text.contains("&lt;script&gt;&amp;") && !drawn.text.contains("<script"), "{}", drawn.text);
    assert_eq!(drawn.header("x-content-type-options"), Some("nosniff"));
    assert!(drawn.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert_eq!(client.get(&format!("{hero}/version-graph.svg")).await.text, drawn.text);
    for graph in ["version-graph", "version-graph.svg"] {
        client.get(&format!("{hero}/{graph}?depth=1")).await.is_invalid(&["depth"]);
    }
}

#[actix_web::test]
async fn versions_of_nobody_and_versions_of_another_are_not_found() {
    let (client, hero) = grown().await;
    let foreign = path(&client.created("Other").await);
    let version = versions(&client, &foreign).await.remove(0);
    for place in [NOBODY, hero.as_str()] {
        let version = of(place, &version);
        for answer in [
            client.get(&version).await,
            client.get(&format!("{version}/state")).await,
            client.send("POST", &format!("{version}/restore"), &[], None).await,
            client.json("POST", &format!("{version}/label"), &[], &json!({ "label": "mine" })).await,
        ] {
            answer.is_problem(404, "not-found");
        }
    }
    let to = version["id"].as_str().unwrap();
    for answer in [
        client.get(&format!("{NOBODY}/versions")).await,
        client.get(&format!("{NOBODY}/versions/tree")).await,
        client.get(&format!("{NOBODY}/versions/compare?from={to}&to={to}")).await,
        client.get(&format!("{hero}/versions/compare?from={to}&to={to}")).await,
        client.get(&format!("{NOBODY}/version-graph")).await,
        client.get(&format!("{NOBODY}/version-graph.svg")).await,
        client.get(&format!("{NOBODY}?at=9999-01-01T00:00:00Z")).await,
        client.json("POST", &format!("{NOBODY}/theme-transition"), &[], &json!({ "new_theme": "x" })).await,
    ] {
        answer.is_problem(404, "not-found");
    }
    client.get(&format!("{hero}/versions/first")).await.is_invalid(&["version"]);
}

#[actix_web::test]
async fn the_versions_of_a_deleted_character_are_read_on_request_only() {
    let (client, hero) = grown().await;
    let all = versions(&client, &hero).await;
    assert_eq!(client.send("DELETE", &hero, &[], None).await.status, 204);
    let (one, state) = (of(&hero, &all[0]), format!("{}/state", of(&hero, &all[0])));
    let compare = format!("from={}&to={}", all[1]["id"].as_str().unwrap(), all[0]["id"].as_str().unwrap());
    for (path, query) in [
        (format!("{hero}/versions"), ""),
        (format!("{hero}/versions/tree"), ""),
        (format!("{hero}/versions/compare"), compare.as_str()),
        (one, ""),
        (state, ""),
    ] {
        client.get(&format!("{path}?{query}")).await.is_problem(404, "not-found");
        let answer = client.get(&format!("{path}?{query}&include_deleted=true")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        client.get(&format!("{path}?{query}&include_deleted=perhaps")).await.is_invalid(&["include_deleted"]);
    }
    let listed = client.get(&format!("{hero}/versions?include_deleted=true")).await.json();
    assert_eq!(listed["items"][0]["reason"], "character.deleted");
}

#[actix_web::test]
async fn the_entity_tag_of_a_list_of_versions_names_the_changes_that_other_versions_decide() {
    let storage = Arc::new(MemoryStorage::new());
    let client = Client::over(Arc::clone(&storage));
    let created = client.created("a").await;
    let id = created["id"].as_str().unwrap().parse().unwrap();
    let character = Store::<Character>::find(&*storage, id, Deleted::Exclude).await.unwrap().value.unwrap();
    let state = |name: &str, revision: u64| {
        let mut state = Character { name: name.into(), ..character.clone() };
        state.meta.revision = Revision(revision);
        state
    };
    let (earlier, later) = (character.meta.created_at.next(), character.meta.created_at.next().next());
    let version = |before: Character, after: Character, at| CharacterVersion::of(Some(&before), after, "imported", at);
    storage.create(version(state("c", 8), state("d", 9), later)).await.unwrap();
    // The version of revision 8 comes later, as in the middle of an import.
    let first = client.get(&format!("{}/versions?limit=1", path(&created))).await;
    storage.create(version(state("d", 7), state("d", 8), earlier)).await.unwrap();
    let tag = first.header("etag").unwrap();
    let second =
        client.send("GET", &format!("{}/versions?limit=1", path(&created)), &[("If-None-Match", tag)], None).await;
    assert_eq!(second.status, 200, "{}", second.text);
    assert_ne!(first.json()["items"][0]["changes"], second.json()["items"][0]["changes"]);
}
