use crate::client::{Client, has, path};
use serde_json::{Value, json};

/// A client with a character, and the path of its inventory.
async fn owner() -> (Client, String) {
    let client = Client::new();
    let inventory = format!("{}/inventory", path(&client.created("Torormir").await));
    (client, inventory)
}

/// A client with a character of this sheet, and the path of the character.
async fn hero(sheet: &Value) -> (Client, String) {
    let client = Client::new();
    let body = json!({ "name": "Torormir", "user_id": uuid::Uuid::now_v7(), "data": sheet });
    let answer = client.post(&body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let character = path(&answer.json());
    (client, character)
}

fn of(inventory: &str, item: &Value) -> String {
    format!("{inventory}/{}", item["id"].as_str().unwrap())
}

#[actix_web::test]
async fn an_item_is_made_with_its_defaults_looked_at_and_not_sent_twice() {
    let (client, inventory) = owner().await;
    let answer = client.json("POST", &inventory, &[], &json!({ "name": "Sword" })).await;
    assert_eq!((answer.status, answer.header("etag")), (201, Some("\"1\"")));
    let item = answer.json();
    let place = of(&inventory, &item);
    assert_eq!(answer.header("location"), Some(place.as_str()));
    for (field, value) in [
        ("quantity", json!(1)),
        ("equipped", json!(false)),
        ("attunement", json!("none")),
        ("container", Value::Null),
        ("root_id", Value::Null),
        ("theme", json!("traditional")),
        ("item_type", json!("other")),
        ("data", json!({})),
        ("revision", json!(1)),
        ("deleted_at", Value::Null),
    ] {
        assert_eq!(item[field], value, "{field}");
    }
    let seen = client.get(&place).await;
    assert_eq!((seen.json(), seen.header("cache-status")), (item, Some("character-service; fwd=miss")));
    assert_eq!(client.send("GET", &place, &[("If-None-Match", "\"1\"")], None).await.status, 304);
}

#[actix_web::test]
async fn an_item_of_no_pieces_is_equipped_in_no_way_and_the_last_piece_of_an_equipped_one_may_be_used_up() {
    let (client, inventory) = owner().await;
    let arrow = has(&client, &inventory, &json!({ "name": "Arrow", "quantity": 0 })).await;
    let arrow = of(&inventory, &arrow);
    let worn = json!({ "name": "Arrow", "quantity": 0, "equipped": true });
    client.send("POST", &format!("{arrow}/equip"), &[], None).await.is_problem(409, "nothing-there");
    client.json("PATCH", &arrow, &[], &json!({ "equipped": true })).await.is_problem(409, "nothing-there");
    client.json("POST", &inventory, &[], &worn).await.is_problem(409, "nothing-there");
    let bulk = format!("{inventory}/bulk");
    let refused = client.json("POST", &bulk, &[], &json!({ "items": [worn] })).await.is_invalid(&["items[0]"]);
    assert!(refused["errors"][0]["reason"].as_str().unwrap().starts_with("nothing-there: "), "{refused}");

    let torch = has(&client, &inventory, &json!({ "name": "Torch", "equipped": true })).await;
    let torch = of(&inventory, &torch);
    let used_up = client.json("PATCH", &torch, &[], &json!({ "quantity": 0 })).await;
    assert_eq!((used_up.status, &used_up.json()["equipped"]), (200, &json!(true)), "{}", used_up.text);
    for answer in [
        client.send("POST", &format!("{torch}/equip"), &[], None).await,
        client.json("PATCH", &torch, &[], &json!({ "equipped": true })).await,
    ] {
        assert_eq!((answer.status, answer.header("etag")), (200, used_up.header("etag")), "{}", answer.text);
    }
    assert_eq!(client.send("DELETE", &torch, &[], None).await.status, 204);
    let restored = client.send("POST", &format!("{torch}/restore"), &[], None).await.json();
    assert_eq!((&restored["equipped"], &restored["loosened"][0]["code"]), (&json!(false), &json!("nothing-there")));
}

#[actix_web::test]
async fn every_field_at_fault_is_named() {
    let (client, inventory) = owner().await;
    let body = json!({ "quantity": -1, "equipped": "yes", "attunement": "loose", "container": "bag", "root_id": null,
        "data": { "weight": "heavy" }, "colour": "red" });
    client.json("POST", &inventory, &[], &body).await.is_invalid(&[
        "root_id",
        "name",
        "equipped",
        "attunement",
        "container",
        "colour",
        "quantity",
        "data.weight",
    ]);
    let body = json!({ "name": "x", "quantity": -1, "data": { "weight": "heavy" } });
    client.json("POST", &inventory, &[], &body).await.is_invalid(&["quantity", "data.weight"]);
    client.get(&format!("{inventory}?equipped_only=perhaps&limit=0")).await.is_invalid(&["equipped_only", "limit"]);
    client.get(&format!("{inventory}/sword")).await.is_invalid(&["item"]);
}

#[actix_web::test]
async fn an_inventory_of_nobody_is_not_found() {
    let (client, inventory) = owner().await;
    let nobody = "/api/v2/characters/00000000-0000-4000-8000-000000000001/inventory";
    let item = has(&client, &inventory, &json!({ "name": "Sword" })).await;
    for answer in [
        client.get(nobody).await,
        client.json("POST", nobody, &[], &json!({ "name": "x" })).await,
        client.get(&of(nobody, &item)).await,
        client.get(&format!("{nobody}/weight")).await,
        client.get(&format!("{nobody}/currency")).await,
        client.send("POST", &format!("{}/equip", of(nobody, &item)), &[], None).await,
        client.send("DELETE", &of(nobody, &item), &[], None).await,
    ] {
        answer.is_problem(404, "not-found");
    }
}

#[actix_web::test]
async fn lists_filter_and_page() {
    let (client, inventory) = owner().await;
    let bag = has(&client, &inventory, &json!({ "name": "Bag", "data": { "capacity": 30 } })).await;
    let coin = has(&client, &inventory, &json!({ "name": "Coin", "container": bag["id"] })).await;
    let hat = has(&client, &inventory, &json!({ "name": "Hat", "equipped": true })).await;
    client.send("DELETE", &of(&inventory, &hat), &[], None).await;
    let cap = has(&client, &inventory, &json!({ "name": "Cap", "equipped": true })).await;
    let names = async |query: &str| -> Vec<String> {
        let answer = client.get(&format!("{inventory}?{query}")).await;
        answer.json()["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("").await, ["Cap", "Coin", "Bag"]);
    assert_eq!(names("include_deleted=true").await, ["Cap", "Hat", "Coin", "Bag"]);
    assert_eq!(names("equipped_only=true").await, ["Cap"]);
    assert_eq!(names(&format!("container={}", bag["id"].as_str().unwrap())).await, ["Coin"]);
    let first = client.get(&format!("{inventory}?limit=2")).await;
    assert_eq!(first.json()["items"], json!([cap, coin]));
    let link = first.header("link").unwrap();
    let next = link.strip_prefix('<').unwrap().split('>').next().unwrap();
    assert_eq!(client.get(next).await.json(), json!({ "items": [bag], "next_cursor": null }));
}

#[actix_web::test]
async fn acts_change_the_item_and_refusals_say_why() {
    let (client, inventory) = owner().await;
    let bag = has(&client, &inventory, &json!({ "name": "Bag", "data": { "capacity": 5 } })).await;
    let sword =
        has(&client, &inventory, &json!({ "name": "Sword", "container": bag["id"], "data": { "weight": 3 } })).await;
    let act = async |item: &Value, act: &str| {
        client.send("POST", &format!("{}/{act}", of(&inventory, item)), &[], None).await
    };
    let worn = act(&sword, "equip").await;
    assert_eq!((worn.status, worn.header("etag")), (200, Some("\"2\"")));
    assert_eq!((&worn.json()["equipped"], &worn.json()["container"]), (&json!(true), &Value::Null));
    assert_eq!(act(&sword, "unequip").await.json()["equipped"], false);
    let to = async |item: &Value, container: &Value| {
        let path = format!("{}/move", of(&inventory, item));
        client.json("POST", &path, &[], &json!({ "container": container })).await
    };
    assert_eq!(to(&sword, &bag["id"]).await.json()["container"], bag["id"]);
    to(&bag, &bag["id"]).await.is_problem(409, "container-cycle");
    to(&bag, &sword["id"]).await.is_problem(409, "not-a-container");
    let path = format!("{}/move", of(&inventory, &sword));
    client.json("POST", &path, &[], &json!({})).await.is_invalid(&["container"]);
    let ring = json!({ "name": "Ring", "quantity": 1, "data": { "requires_attunement": true } });
    for index in 0..4 {
        let ring = has(&client, &inventory, &ring).await;
        let answer = act(&ring, "attune").await;
        if index < 3 {
            assert_eq!(answer.json()["attunement"], "attuned");
        } else {
            let problem = answer.is_problem(409, "too-many-attuned");
            assert_eq!(problem["detail"], "at most 3 items can be attuned at once");
        }
        assert_eq!(act(&ring, "unattune").await.status, 200);
        assert_eq!(act(&ring, "attune").await.status, if index < 3 { 200 } else { 409 });
    }
    act(&sword, "attune").await.is_problem(409, "attunement-not-required");
    assert_eq!(client.send("DELETE", &of(&inventory, &bag), &[], None).await.status, 204);
    assert_eq!(client.get(&of(&inventory, &sword)).await.json()["container"], Value::Null);
    assert_eq!(act(&bag, "restore").await.json()["deleted_at"], Value::Null);
}

#[actix_web::test]
async fn a_patch_is_judged_by_the_rules_and_by_its_precondition() {
    let (client, inventory) = owner().await;
    let item =
        has(&client, &inventory, &json!({ "name": "Rope", "notes": "frayed", "data": { "weight": 10, "a": 1 } })).await;
    let place = of(&inventory, &item);
    let patched = client
        .json(
            "PATCH",
            &place,
            &[("If-Match", "\"1\"")],
            &json!({ "notes": null, "quantity": 2, "data": { "a": null } }),
        )
        .await;
    assert_eq!((patched.status, patched.header("etag")), (200, Some("\"2\"")));
    assert_eq!((&patched.json()["notes"], &patched.json()["data"]), (&Value::Null, &json!({ "weight": 10 })));
    client
        .json("PATCH", &place, &[("If-Match", "\"1\"")], &json!({ "quantity": 3 }))
        .await
        .is_problem(412, "precondition-failed");
    client
        .json("PATCH", &place, &[], &json!({ "character_id": null, "revision": 7 }))
        .await
        .is_invalid(&["character_id", "revision"]);
    client.json("PATCH", &place, &[], &json!({ "quantity": -1 })).await.is_invalid(&["quantity"]);
    client.json("PATCH", &place, &[], &json!({ "colour": "red" })).await.is_invalid(&["colour"]);
    let problem = client.json("PATCH", &place, &[], &json!({ "container": item["id"] })).await;
    problem.is_problem(409, "container-cycle");
    assert_eq!(client.get(&place).await.json(), patched.json(), "a refused act changes nothing");
}

#[actix_web::test]
async fn coins_never_go_below_zero_and_an_act_repeated_under_its_key_is_done_once() {
    let (client, inventory) = owner().await;
    let purse = format!("{inventory}/currency");
    assert_eq!(client.get(&purse).await.json(), json!({ "cp": 0, "sp": 0, "ep": 0, "gp": 0, "pp": 0 }));
    let key = [("Idempotency-Key", "reward-1")];
    for _ in 0..2 {
        let answer = client.json("POST", &purse, &key, &json!({ "gp": 15 })).await;
        assert_eq!((answer.status, answer.json()["gp"].as_i64()), (200, Some(15)));
    }
    client.json("POST", &purse, &key, &json!({ "gp": 16 })).await.is_problem(422, "idempotency-mismatch");
    client.json("POST", &purse, &[], &json!({ "gp": -16 })).await.is_problem(409, "not-enough-coins");
    client.json("POST", &purse, &[], &json!({ "dollars": 1 })).await.is_invalid(&["gp", "dollars"]);
    client.json("POST", &purse, &[], &json!({ "gp": 1.5 })).await.is_invalid(&["gp"]);
    assert_eq!(client.get(&purse).await.json()["gp"], 15);
}

#[actix_web::test]
async fn many_items_are_made_at_once_all_or_none_or_each_for_itself() {
    let (client, inventory) = owner().await;
    let bulk = format!("{inventory}/bulk");
    let items = json!([{ "name": "A" }, { "name": "" }, {}]);
    client.json("POST", &bulk, &[], &json!({ "items": items })).await.is_invalid(&["items[1].name", "items[2].name"]);
    let answer = client.json("POST", &bulk, &[], &json!({ "atomic": false, "items": items })).await;
    assert_eq!(answer.status, 207);
    let statuses: Vec<_> = answer.json()["results"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(statuses, [201, 422, 422]);
    let answer = client.json("POST", &bulk, &[], &json!({ "items": [{ "name": "B" }, { "name": "C" }] })).await;
    assert_eq!((answer.status, answer.json()["items"].as_array().unwrap().len()), (201, 2));
    client.json("POST", &bulk, &[], &json!({ "items": [] })).await.is_invalid(&["items"]);
}

#[actix_web::test]
async fn the_load_is_told() {
    let (client, inventory) = owner().await;
    has(&client, &inventory, &json!({ "name": "Bag", "data": { "capacity": 30, "weight": 5 } })).await;
    let load = client.get(&format!("{inventory}/weight")).await.json();
    assert_eq!((load["carried"].as_f64(), &load["capacity"]), (Some(5.0), &Value::Null));
    assert_eq!(load["containers"][0]["name"], "Bag");
}

#[actix_web::test]
async fn weights_are_exact_whatever_their_order() {
    let (client, inventory) = owner().await;
    let pouch = has(&client, &inventory, &json!({ "name": "Pouch", "data": { "capacity": 1.2, "weight": 3.5 } })).await;
    let pebbles = json!({ "name": "Pebbles", "quantity": 12, "container": pouch["id"], "data": { "weight": 0.1 } });
    has(&client, &inventory, &pebbles).await;
    let one_more = json!({ "name": "Pebble", "container": pouch["id"], "data": { "weight": 0.1 } });
    client.json("POST", &inventory, &[], &one_more).await.is_problem(409, "container-full");
    let load = client.get(&format!("{inventory}/weight")).await;
    let expected = r#"{"carried":4.7,"capacity":null,"containers":[{"#;
    assert!(load.text.starts_with(expected), "{}", load.text);
    assert!(load.text.ends_with(r#""contents":1.2,"capacity":1.2}]}"#), "{}", load.text);
}

#[actix_web::test]
async fn the_coins_have_the_entity_tag_of_the_character_and_are_not_sent_again_to_a_client_that_has_them() {
    let (client, character) = hero(&json!({ "currency": { "gp": 10 } })).await;
    let purse = format!("{character}/inventory/currency");
    let tag = client.get(&purse).await.header("etag").unwrap().to_owned();
    for (known, status, text) in [(tag.as_str(), 304, ""), ("\"99\"", 200, r#"{"cp":0,"sp":0,"ep":0,"gp":10,"pp":0}"#)]
    {
        let answer = client.send("GET", &purse, &[("If-None-Match", known)], None).await;
        assert_eq!((answer.status, answer.text.as_str(), answer.header("etag")), (status, text, Some(tag.as_str())));
    }
    for part in ["currency", "weight"] {
        let headers = [("If-Match", "\"99\"")];
        let answer = client.send("GET", &format!("{character}/inventory/{part}"), &headers, None).await;
        answer.is_problem(412, "precondition-failed");
    }
}

#[actix_web::test]
async fn no_client_keeps_a_read_of_a_character_without_asking_again() {
    let (client, character) = hero(&json!({})).await;
    let versions = client.get(&format!("{character}/versions")).await.json();
    let version = versions["items"][0]["id"].as_str().unwrap().to_owned();
    for read in [
        "".to_owned(),
        "/inventory".to_owned(),
        "/inventory/currency".to_owned(),
        "/inventory/weight".to_owned(),
        "/progress".to_owned(),
        "/version-graph".to_owned(),
        "/version-graph.svg".to_owned(),
        "/versions/tree".to_owned(),
        format!("/versions/compare?from={version}&to={version}"),
        format!("/versions/{version}/state"),
    ] {
        let answer = client.get(&format!("{character}{read}")).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("private, no-cache")), "{read}");
    }
}

#[actix_web::test]
async fn coins_that_are_no_whole_numbers_are_refused_and_stay() {
    for (currency, member) in [
        (json!({ "gp": 12.5 }), "data.currency.gp is 12.5"),
        (json!({ "sp": "15" }), "data.currency.sp is \"15\""),
        (json!({ "gp": u64::MAX }), "data.currency.gp is 18446744073709551615"),
        (json!([1, 2]), "data.currency is [1,2]"),
    ] {
        let (client, character) = hero(&json!({ "currency": currency })).await;
        let purse = format!("{character}/inventory/currency");
        for answer in [client.get(&purse).await, client.json("POST", &purse, &[], &json!({ "gp": 1 })).await] {
            answer.is_problem(409, "unreadable-member");
            assert!(answer.json()["detail"].as_str().unwrap().starts_with(member), "{}", answer.text);
        }
        assert_eq!(client.get(&character).await.json()["data"]["currency"], currency);
    }
    let (client, character) = hero(&json!({ "currency": { "gp": 10.0 } })).await;
    let paid = client.json("POST", &format!("{character}/inventory/currency"), &[], &json!({ "gp": -3 })).await;
    assert_eq!((paid.status, &paid.json()["gp"]), (200, &json!(7)));
}
