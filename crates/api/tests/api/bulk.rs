use crate::client::{CHARACTERS, Client, USER};
use character_api::ApiLimits;
use character_storage_port::MemoryStorage;
use serde_json::{Value, json};

const BULK: &str = "/api/v2/characters/bulk";

fn character(name: &str) -> Value {
    json!({ "name": name, "user_id": USER })
}

async fn count(client: &Client) -> usize {
    client.get(&format!("{CHARACTERS}?limit=1000")).await.json()["items"].as_array().unwrap().len()
}

#[actix_web::test]
async fn an_atomic_bulk_makes_all_in_the_order_given() {
    let client = Client::new();
    let characters: Vec<_> = (0..1000).map(|i| character(&i.to_string())).collect();
    for body in [json!({ "characters": [character("default")] }), json!({ "atomic": true, "characters": characters })] {
        let answer = client.json("POST", BULK, &[], &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let items = answer.json()["items"].as_array().unwrap().clone();
        let names = |of: &[Value]| of.iter().map(|it| it["name"].clone()).collect::<Vec<_>>();
        assert_eq!(names(&items), names(body["characters"].as_array().unwrap()));
    }
    assert_eq!(count(&client).await, 1000);
}

#[actix_web::test]
async fn an_atomic_bulk_with_faults_names_each_by_its_place_and_makes_none() {
    let client = Client::new();
    let taken = client.created("Taken").await;
    let body = json!({ "atomic": true, "characters": [
        character("Fine"), {}, 7, { "name": "", "user_id": "x", "colour": 1 },
        { "id": taken["id"], "name": "Again", "user_id": USER },
        { "id": USER, "name": "First", "user_id": USER }, { "id": USER, "name": "Second", "user_id": USER },
    ] });
    client.json("POST", BULK, &[], &body).await.is_invalid(&[
        "characters[1].name",
        "characters[1].user_id",
        "characters[2].body",
        "characters[3].user_id",
        "characters[3].colour",
        "characters[3].name",
        "characters[4].id",
        "characters[6].id",
    ]);
    assert_eq!(count(&client).await, 1);
}

/// Lesson 62: many changes go in one request, all or none or each for itself.
#[actix_web::test]
async fn a_bulk_of_each_for_itself_tells_the_status_of_each() {
    let client = Client::new();
    let taken = client.created("Taken").await;
    let text = format!(
        r#"{{ "atomic": false, "characters": [
            {{ "name": "Fine", "user_id": "{USER}" }}, {{ "user_id": "{USER}" }},
            {{ "id": {}, "name": "Again", "user_id": "{USER}" }},
            {{ "name": "Twice", "user_id": "{USER}", "data": {{ "n": 1, "n": 2 }} }},
            {{ "name": "Deep", "user_id": "{USER}", "data": {} }}
        ] }}"#,
        taken["id"],
        r#"{"a":"#.repeat(129) + "1" + &"}".repeat(129),
    );
    let answer = client.text("POST", BULK, &[], &text).await;
    assert_eq!(answer.status, 207, "{}", answer.text);
    let results = answer.json()["results"].as_array().unwrap().clone();
    let told = |key: &str| results.iter().map(|result| result[key].clone()).collect::<Vec<_>>();
    assert_eq!(told("index"), [0, 1, 2, 3, 4]);
    assert_eq!(told("status"), [201, 422, 409, 422, 422]);
    assert_eq!(results[0]["character"]["name"], "Fine");
    assert_eq!(results[0].get("problem"), None);
    assert_eq!(results[1]["problem"]["errors"][0]["field"], "name");
    assert_eq!(results[2]["problem"]["code"], "already-exists");
    assert_eq!(results[3]["problem"]["errors"][0]["field"], "data.n");
    assert_eq!(results[4]["problem"]["errors"][0]["reason"], "must not be nested deeper than 128 levels");
    assert_eq!(count(&client).await, 2);
}

#[actix_web::test]
async fn a_bulk_that_is_no_bulk_is_refused_whole() {
    let client = Client::new();
    let many: Vec<_> = (0..1001).map(|_| character("x")).collect();
    for (body, fields) in [
        (json!([]), vec!["body"]),
        (json!({}), vec!["characters"]),
        (json!({ "characters": [] }), vec!["characters"]),
        (json!({ "characters": many, "atomic": false }), vec!["characters"]),
        (json!({ "characters": {}, "atomic": "yes", "colour": 1 }), vec!["atomic", "characters", "colour"]),
        (
            json!({ "characters": [character("Fine"), { "name": "", "user_id": USER }, 7], "atomic": "yes", "colour": 1 }),
            vec!["atomic", "colour", "characters[1].name", "characters[2].body"],
        ),
    ] {
        client.json("POST", BULK, &[], &body).await.is_invalid(&fields);
    }
    client.text("POST", BULK, &[], "{\"characters\": [").await.is_problem(400, "malformed");
    client.get(BULK).await.is_problem(405, "method-not-allowed");
    assert_eq!(count(&client).await, 0);
}

#[actix_web::test]
async fn a_repeated_bulk_under_its_key_makes_nothing_twice() {
    let client = Client::new();
    for atomic in [true, false] {
        let key = [("Idempotency-Key", if atomic { "all" } else { "each" })];
        let before = count(&client).await;
        let body = json!({ "atomic": atomic, "characters": [character("A"), character("B")] });
        let first = client.json("POST", BULK, &key, &body).await;
        let again = client.json("POST", BULK, &key, &body).await;
        assert_eq!((first.status, first.json()), (again.status, again.json()));
        let other = json!({ "atomic": atomic, "characters": [character("C")] });
        client.json("POST", BULK, &key, &other).await.is_problem(422, "idempotency-mismatch");
        assert_eq!(count(&client).await, before + 2);
    }
}

#[actix_web::test]
async fn one_character_too_large_is_a_fault_of_its_own_and_a_bulk_too_large_of_the_whole() {
    let limits = ApiLimits { body: 200, bulk_body: 1000, ..ApiLimits::default() };
    let client = Client::with(MemoryStorage::new(), limits, Vec::new());
    let large = json!({ "name": "Large", "user_id": USER, "data": { "text": "x".repeat(200) } });
    let body = json!({ "atomic": false, "characters": [character("Fine"), large] });
    let answer = client.json("POST", BULK, &[], &body).await;
    assert_eq!((answer.status, &answer.json()["results"][1]["status"]), (207, &json!(422)));
    let body = json!({ "characters": [large, large, large, large] });
    client.json("POST", BULK, &[], &body).await.is_problem(413, "body-too-large");
}
