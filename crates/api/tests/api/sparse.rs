//! `fields`: answers with some fields of a row.

use crate::client::{CHARACTERS, Client, USER, has, path};
use character_api::openapi;
use serde_json::{Value, json};

const SPARSE: &str = "application/vnd.character-service.sparse+json";

async fn hero(client: &Client) -> Value {
    let data = json!({ "level": 3, "hit_points": { "current": 20, "maximum": 30 }, "exact": 1 });
    has(client, CHARACTERS, &json!({ "name": "Torormir", "user_id": USER, "data": data })).await
}

async fn backpack(client: &Client, hero: &Value) -> Value {
    let body = json!({ "name": "Backpack", "data": { "weight": 5, "capacity": 30 } });
    has(client, &format!("{}/inventory", path(hero)), &body).await
}

#[actix_web::test]
async fn a_row_has_the_named_fields_and_the_entity_tag_of_the_whole() {
    let client = Client::new();
    let hero = hero(&client).await;
    let item = backpack(&client, &hero).await;
    let item_path = format!("{}/inventory/{}", path(&hero), item["id"].as_str().unwrap());
    for (place, fields, expected) in [
        (path(&hero), "name", json!({ "name": "Torormir" })),
        (
            path(&hero),
            "name,data.hit_points.current",
            json!({ "name": "Torormir", "data": { "hit_points": { "current": 20 } } }),
        ),
        (path(&hero), "data.none,deleted_at", json!({ "data": {}, "deleted_at": null })),
        (item_path.clone(), "revision,data.capacity", json!({ "revision": 1, "data": { "capacity": 30 } })),
    ] {
        let whole = client.get(&place).await;
        let part = client.get(&format!("{place}?fields={fields}")).await;
        assert_eq!((part.status, part.json()), (200, expected), "{fields}");
        assert_eq!(part.header("content-type"), Some(SPARSE));
        assert_eq!(part.header("etag"), whole.header("etag"));
        let known = [("If-None-Match", whole.header("etag").unwrap())];
        assert_eq!(client.send("GET", &format!("{place}?fields={fields}"), &known, None).await.status, 304);
        let stale = [("If-None-Match", "\"77\"")];
        assert_eq!(client.send("GET", &format!("{place}?fields={fields}"), &stale, None).await.status, 200);
    }
    let then = hero["created_at"].as_str().unwrap();
    let earlier = client.get(&format!("{}?at={then}&fields=data.level", path(&hero))).await;
    assert_eq!(earlier.json(), json!({ "data": { "level": 3 } }));
}

#[actix_web::test]
async fn each_row_of_a_list_has_the_named_fields_and_the_list_its_own_entity_tag_and_links() {
    let client = Client::new();
    let campaign = "00000000-0000-4000-8000-000000000001";
    let first = hero(&client).await;
    backpack(&client, &first).await;
    for name in ["A", "B"] {
        let body = json!({ "name": name, "user_id": USER, "campaign_id": campaign });
        assert_eq!(client.post(&body).await.status, 201);
    }
    for (list, expected) in [
        (CHARACTERS.to_owned(), json!([{ "name": "B" }, { "name": "A" }])),
        (format!("/api/v2/campaigns/{campaign}/characters"), json!([{ "name": "B" }, { "name": "A" }])),
        (format!("{}/inventory", path(&first)), json!([{ "name": "Backpack" }])),
    ] {
        let whole = client.get(&format!("{list}?limit=2")).await;
        let part = client.get(&format!("{list}?limit=2&fields=name")).await;
        assert_eq!((part.json()["items"].clone(), part.header("content-type")), (expected, Some(SPARSE)));
        assert_eq!(part.json()["next_cursor"], whole.json()["next_cursor"]);
        assert_eq!(part.header("etag"), whole.header("etag"), "{list}");
        let known = [("If-None-Match", whole.header("etag").unwrap())];
        assert_eq!(client.send("GET", &format!("{list}?limit=2&fields=name"), &known, None).await.status, 304);
    }
    let part = client.get(&format!("{CHARACTERS}?limit=2&fields=name")).await;
    let next = client.get(&part.link("next").unwrap()).await;
    assert_eq!(next.json()["items"], json!([{ "name": "Torormir" }]));
}

#[actix_web::test]
async fn names_that_a_row_does_not_have_are_told_one_by_one_with_every_other_fault() {
    let client = Client::new();
    let hero = hero(&client).await;
    let place = path(&hero);
    let problem =
        client.get(&format!("{place}?fields=colour,name.first,id&at=x")).await.is_invalid(&["at", "fields", "fields"]);
    let reason = problem["errors"][1]["reason"].as_str().unwrap();
    assert!(reason.starts_with("colour is not a field here; the fields are id, parent_id, "), "{reason}");
    client.get(&format!("{place}?fields=")).await.is_invalid(&["fields"]);
    client.get(&format!("{CHARACTERS}?fields=character_id")).await.is_invalid(&["fields"]);
    client.get(&format!("{place}/inventory?fields=user_id")).await.is_invalid(&["fields"]);
    // Other rows are always whole.
    client.get(&format!("{place}/journal?fields=id")).await.is_invalid(&["fields"]);
    client.get(&format!("{place}/progress?fields=id")).await.is_invalid(&["fields"]);
}

#[actix_web::test]
async fn every_field_of_a_row_can_be_named_and_the_document_says_so() {
    let client = Client::new();
    let hero = hero(&client).await;
    let item = backpack(&client, &hero).await;
    let item_path = format!("{}/inventory/{}", path(&hero), item["id"].as_str().unwrap());
    let operation = |path: &str| &openapi()["paths"][path]["get"];
    for (template, place) in
        [("/api/v2/characters/{id}", path(&hero)), ("/api/v2/characters/{id}/inventory/{item}", item_path)]
    {
        let whole = client.get(&place).await.json();
        for (name, value) in whole.as_object().unwrap() {
            let part = client.get(&format!("{place}?fields={name}")).await;
            assert_eq!(part.json(), json!({ name: value }), "{place}");
        }
        let parameters = operation(template)["parameters"].as_array().unwrap();
        let pattern =
            parameters.iter().find(|it| it["name"] == "fields").unwrap()["schema"]["pattern"].as_str().unwrap();
        assert!(whole.as_object().unwrap().keys().all(|name| pattern.contains(name.as_str())), "{pattern}");
        assert!(operation(template)["responses"]["200"]["content"][SPARSE].is_object());
    }
    let sparse: Vec<_> = openapi()["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, item)| item["get"]["responses"]["200"]["content"][SPARSE].is_object())
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(
        sparse,
        [
            "/api/v2/campaigns/{campaign}/characters",
            "/api/v2/characters",
            "/api/v2/characters/{id}",
            "/api/v2/characters/{id}/inventory",
            "/api/v2/characters/{id}/inventory/{item}",
        ]
    );
}
