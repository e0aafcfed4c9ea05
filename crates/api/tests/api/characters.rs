use crate::client::{CHARACTERS, Client, USER, path};
use serde_json::{Value, json};

#[actix_web::test]
async fn a_created_character_is_answered_with_its_place_and_tag_and_is_found_there() {
    let client = Client::new();
    let answer = client.post(&json!({ "name": "Torormir", "user_id": USER })).await;
    assert_eq!(answer.status, 201);
    let made = answer.json();
    assert_eq!(answer.header("location"), Some(path(&made).as_str()));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let found = client.get(&path(&made)).await;
    assert_eq!((found.status, found.json()), (200, made.clone()));
    assert_eq!(found.header("etag"), Some("\"1\""));
    assert_eq!(found.header("cache-status"), Some("character-service; fwd=miss"));
    assert_eq!(found.header("cache-control"), Some("private, no-cache"));
    let fields: Vec<_> = made.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = vec![
        "id",
        "parent_id",
        "theme",
        "name",
        "user_id",
        "campaign_id",
        "data",
        "is_active",
        "revision",
        "created_at",
        "updated_at",
        "deleted_at",
    ];
    expected.sort_unstable();
    assert_eq!(fields, expected);
    assert_eq!((&made["theme"], &made["data"], &made["is_active"]), (&json!("traditional"), &json!({}), &json!(true)));
    assert_eq!((&made["revision"], &made["deleted_at"]), (&json!(1), &Value::Null));
    let time = made["created_at"].as_str().unwrap();
    assert!(time.len() == "2026-11-23T03:43:28.123456Z".len() && time.ends_with('Z'), "{time}");
}

#[actix_web::test]
async fn a_client_may_choose_the_id_and_every_other_field() {
    let client = Client::new();
    let sheet = json!({ "big": 18_446_744_073_709_551_615_u64, "small": -1e-7, "text": "żółw 🐢", "deep": [[{}]] });
    let body = json!({
        "id": "0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11", "parent_id": null, "theme": "steampunk", "name": "Ada",
        "user_id": USER, "campaign_id": USER, "data": sheet, "is_active": false,
    });
    let answer = client.post(&body).await;
    assert_eq!(answer.status, 201);
    let made = answer.json();
    for (field, value) in body.as_object().unwrap() {
        assert_eq!(&made[field], value);
    }
    client.post(&body).await.is_problem(409, "already-exists");
}

#[actix_web::test]
async fn only_a_change_of_theme_sets_the_parent_of_a_character() {
    let client = Client::new();
    let (stranger, hero) = (client.created("Stranger").await, client.created("Hero").await);
    let theme = json!({ "new_theme": "steampunk" });
    let changed = client.json("POST", &format!("{}/theme-transition", path(&hero)), &[], &theme).await.json();
    let heir = &changed["character"];
    let new = json!({ "name": "x", "user_id": USER, "parent_id": stranger["id"] });
    client.post(&new).await.is_invalid(&["parent_id"]);
    let nobody = json!({ "name": "", "user_id": USER, "parent_id": "x" });
    client.post(&nobody).await.is_invalid(&["parent_id", "name"]);
    let bulk = json!({ "characters": [{ "name": "y", "user_id": USER }, new] });
    client.json("POST", "/api/v2/characters/bulk", &[], &bulk).await.is_invalid(&["characters[1].parent_id"]);
    for (row, others) in
        [(&hero, vec![&stranger["id"], &heir["id"]]), (heir, vec![&stranger["id"], &heir["id"], &Value::Null])]
    {
        for other in others {
            let mut whole = row.clone();
            whole["parent_id"] = other.clone();
            client.json("PUT", &path(row), &[], &whole).await.is_invalid(&["parent_id"]);
            let patch = json!({ "parent_id": other });
            client.json("PATCH", &path(row), &[], &patch).await.is_invalid(&["parent_id"]);
        }
        assert_eq!(client.json("PUT", &path(row), &[], row).await.json()["parent_id"], row["parent_id"]);
        let absent = json!({ "name": "Kept", "user_id": USER });
        assert_eq!(client.json("PUT", &path(row), &[], &absent).await.json()["parent_id"], row["parent_id"]);
        let patch = json!({ "parent_id": row["parent_id"], "name": "Renamed" });
        assert_eq!(client.json("PATCH", &path(row), &[], &patch).await.status, 200);
    }
    let graph = client.get(&format!("{}/version-graph", path(&hero))).await;
    assert!(!graph.text.contains("Stranger"), "{}", graph.text);
}

#[actix_web::test]
async fn many_faults_are_answered_with_the_first_hundred_and_the_number_of_the_others() {
    let client = Client::new();
    let mut body: serde_json::Map<_, _> = (0..5_000).map(|name| (format!("f{name}"), Value::Null)).collect();
    body.insert("x".repeat(100_000), Value::Null);
    let answer = client.post(&Value::Object(body)).await;
    assert!(answer.text.len() < 20_000, "{} bytes", answer.text.len());
    let problem = answer.is_problem(422, "invalid");
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[100]), (101, &json!({ "field": "", "reason": "and 4903 more faults" })));
}

#[actix_web::test]
async fn a_repeat_under_its_key_gets_the_first_answer_and_another_body_is_refused() {
    let client = Client::new();
    let (key, body) = ([("Idempotency-Key", "k-1")], json!({ "name": "Torormir", "user_id": USER }));
    let first = client.json("POST", CHARACTERS, &key, &body).await;
    let made = first.json();
    client.json("PATCH", &path(&made), &[], &json!({ "name": "Changed" })).await;
    let again = client.json("POST", CHARACTERS, &key, &body).await;
    assert_eq!((again.status, again.json()), (201, made.clone()));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("etag"), first.header("etag"));
    let other = json!({ "name": "Other", "user_id": USER });
    client.json("POST", CHARACTERS, &key, &other).await.is_problem(422, "idempotency-mismatch");
    assert_eq!(client.get(CHARACTERS).await.json()["items"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn an_unusable_idempotency_key_is_refused_rather_than_ignored() {
    let client = Client::new();
    let body = json!({ "name": "Torormir", "user_id": USER });
    for key in ["", "two words", &"k".repeat(256)] {
        let answer = client.json("POST", CHARACTERS, &[("Idempotency-Key", key)], &body).await;
        answer.is_problem(400, "malformed-idempotency-key");
    }
    let twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    client.json("POST", CHARACTERS, &twice, &body).await.is_problem(400, "malformed-idempotency-key");
    let longest = "k".repeat(255);
    assert_eq!(client.json("POST", CHARACTERS, &[("Idempotency-Key", &longest)], &body).await.status, 201);
}

#[actix_web::test]
async fn every_fault_of_a_body_is_named_at_once() {
    let client = Client::new();
    let answer = client
        .post(&json!({ "theme": 1, "user_id": "x", "data": [], "is_active": "yes", "colour": "red", "revision": 1 }))
        .await;
    answer.is_invalid(&["revision", "user_id", "name", "theme", "data", "is_active", "colour"]);
    client.post(&json!({ "name": " ", "user_id": null })).await.is_invalid(&["user_id", "name"]);
    client
        .post(&json!({ "name": "x", "user_id": USER, "id": "{6f1c2f0e-58a0-4d7b-8d1e-6a3c1f7f9a10}" }))
        .await
        .is_invalid(&["id"]);
    client.post(&json!({ "name": "x", "user_id": USER, "parent_id": USER })).await.is_invalid(&["parent_id"]);
}

#[actix_web::test]
async fn an_unknown_or_deleted_character_is_not_found_by_any_method() {
    let client = Client::new();
    let deleted = client.created("Torormir").await;
    assert_eq!(client.send("DELETE", &path(&deleted), &[], None).await.status, 204);
    let whole = json!({ "name": "Second", "user_id": USER });
    for place in [path(&deleted), format!("{CHARACTERS}/{USER}")] {
        client.get(&place).await.is_problem(404, "not-found");
        client.json("PUT", &place, &[], &whole).await.is_problem(404, "not-found");
        client.json("PUT", &place, &[("If-Match", "\"1\"")], &whole).await.is_problem(404, "not-found");
        client.json("PATCH", &place, &[], &json!({})).await.is_problem(404, "not-found");
        client.send("DELETE", &place, &[], None).await.is_problem(404, "not-found");
    }
    client.send("POST", &format!("{CHARACTERS}/{USER}/restore"), &[], None).await.is_problem(404, "not-found");
}

#[actix_web::test]
async fn what_was_got_may_be_put_back_and_what_is_absent_goes_back_to_its_default() {
    let client = Client::new();
    let made = client.created("Torormir").await;
    let back = client.json("PUT", &path(&made), &[("If-Match", "\"1\"")], &made).await;
    assert_eq!(back.status, 200, "{}", back.text);
    client.json("PATCH", &path(&made), &[], &json!({ "theme": "steampunk", "data": { "level": 3 } })).await;
    let whole = client.json("PUT", &path(&made), &[], &json!({ "name": "Second", "user_id": USER })).await;
    assert_eq!(whole.status, 200);
    let now = whole.json();
    assert_eq!((&now["theme"], &now["data"], &now["name"]), (&json!("traditional"), &json!({}), &json!("Second")));
    assert_eq!((&now["created_at"], &now["id"]), (&made["created_at"], &made["id"]));
    assert_eq!(whole.header("etag"), Some("\"4\""));
    let mut other = made.clone();
    other["id"] = json!(USER);
    client.json("PUT", &path(&made), &[], &other).await.is_invalid(&["id"]);
    client.json("PUT", &path(&made), &[], &json!({})).await.is_invalid(&["name", "user_id"]);
}

#[actix_web::test]
async fn a_patch_merges_and_null_removes_or_goes_back_to_the_default() {
    let client = Client::new();
    let body = json!({
        "name": "Torormir", "user_id": USER, "campaign_id": USER, "theme": "steampunk", "is_active": false,
        "data": { "level": 3, "gear": { "rope": 1, "lamp": 2 }, "feats": [1, 2] },
    });
    let made = client.post(&body).await.json();
    let patch = json!({ "campaign_id": null, "data": { "level": 4, "gear": { "rope": null }, "feats": [3] } });
    let answer = client.json("PATCH", &path(&made), &[], &patch).await;
    assert_eq!((answer.status, answer.header("etag")), (200, Some("\"2\"")));
    let now = answer.json();
    assert_eq!(now["data"], json!({ "level": 4, "gear": { "lamp": 2 }, "feats": [3] }));
    assert_eq!(
        (&now["campaign_id"], &now["theme"], &now["name"]),
        (&Value::Null, &json!("steampunk"), &json!("Torormir"))
    );
    let reset = json!({ "theme": null, "data": null, "is_active": null });
    let now = client.json("PATCH", &path(&made), &[], &reset).await.json();
    assert_eq!((&now["theme"], &now["data"], &now["is_active"]), (&json!("traditional"), &json!({}), &json!(true)));
}

#[actix_web::test]
async fn a_patch_that_changes_nothing_leaves_the_revision() {
    let client = Client::new();
    let made = client.created("Torormir").await;
    for patch in [json!({}), json!({ "name": "Torormir" }), json!({ "data": {} }), json!({ "parent_id": null })] {
        let answer = client.json("PATCH", &path(&made), &[], &patch).await;
        assert_eq!((answer.status, answer.json()), (200, made.clone()));
    }
}

#[actix_web::test]
async fn a_patch_may_not_remove_what_is_required_nor_touch_what_is_read_only_nor_invent() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    client.json("PATCH", &place, &[], &json!({ "name": null })).await.is_invalid(&["name"]);
    client.json("PATCH", &place, &[], &json!({ "user_id": null, "name": "" })).await.is_invalid(&["user_id", "name"]);
    let read_only =
        json!({ "revision": 7, "created_at": "x", "updated_at": null, "deleted_at": "x", "id": USER, "colour": 1 });
    let fields = ["revision", "created_at", "updated_at", "deleted_at", "id", "colour"];
    client.json("PATCH", &place, &[], &read_only).await.is_invalid(&fields);
    client.json("PATCH", &place, &[], &json!({ "data": "x" })).await.is_invalid(&["data"]);
    client.json("PATCH", &place, &[], &json!([])).await.is_invalid(&["body"]);
    assert_eq!(client.get(&place).await.header("etag"), Some("\"1\""));
}

#[actix_web::test]
async fn a_deleted_character_comes_back_and_restoring_a_live_one_changes_nothing() {
    let client = Client::new();
    let made = client.created("Torormir").await;
    let deleted = client.send("DELETE", &path(&made), &[], None).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    let restore = format!("{}/restore", path(&made));
    let back = client.send("POST", &restore, &[], None).await;
    assert_eq!((back.status, back.header("etag")), (200, Some("\"3\"")));
    assert_eq!(back.json()["deleted_at"], Value::Null);
    let again = client.send("POST", &restore, &[], None).await;
    assert_eq!((again.status, again.json()), (200, back.json()));
}

#[actix_web::test]
async fn concurrent_patches_without_a_precondition_are_all_applied() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    let patches: Vec<_> = (0..10).map(|i| json!({ "data": { format!("field_{i}"): i } })).collect();
    let all = patches.iter().map(|patch| client.json("PATCH", &place, &[], patch));
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(answer.status, 200);
    }
    let last = client.get(&place).await.json();
    assert_eq!((last["data"].as_object().unwrap().len(), &last["revision"]), (10, &json!(11)));
}
