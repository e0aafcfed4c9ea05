//! What is accepted can be read again, and sent back as it was read.
use crate::client::{Answer, CHARACTERS, Client, USER, path};
use character_domain::size::MAX_DOCUMENT;
use serde_json::{Value, json};

/// A sheet of numbers in every spelling, as the service writes it.
const NUMBERS: &str = concat!(
    r#"{"digits":1234567890123456789012345678901234567890,"exponents":[1e+2,1e+400,1e-400,-1.50e-7],"#,
    r#""fraction":12345678901234567890.5,"whole":[-0,0,100.0,1.50,18446744073709551616]}"#
);

#[track_caller]
fn has(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{:.500}", answer.text);
    assert!(answer.text.contains(text), "{text:.100} is missing in {:.500}", answer.text);
}

/// Creates a character with this sheet, and does everything with it that a client can do: the sheet stays as it is.
async fn lives(client: &Client, data: &str) {
    let body = format!(r#"{{"name":"Torormir","user_id":"{USER}","data":{data}}}"#);
    let created = client.text("POST", CHARACTERS, &[], &body).await;
    has(&created, 201, data);
    let hero = path(&created.json());
    let read = client.get(&hero).await;
    has(&read, 200, data);
    has(&client.get(&format!("{CHARACTERS}?user_id={USER}")).await, 200, data);
    let put = client.text("PUT", &hero, &[], &read.text).await;
    has(&put, 200, data);
    has(&client.json("PATCH", &hero, &[], &json!({ "name": "Grey" })).await, 200, data);
    let versions = client.get(&format!("{hero}/versions")).await.json();
    let first = versions["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    has(&client.get(&format!("{hero}/versions/{first}/state")).await, 200, data);
    has(&client.get(&format!("{hero}?at=9999-12-31T23:59:59.999999Z")).await, 200, data);
    let emptied = client.json("PUT", &hero, &[], &json!({ "name": "x", "user_id": USER })).await;
    assert_eq!(emptied.status, 200);
    let restored = client.send("POST", &format!("{hero}/versions/{first}/restore"), &[], None).await;
    has(&restored, 200, data);
    let theme = json!({ "new_theme": "cyberpunk" });
    let moved = client.json("POST", &format!("{hero}/theme-transition"), &[], &theme).await;
    assert_eq!(moved.status, 201, "{:.500}", moved.text);
    assert_eq!(client.send("DELETE", &hero, &[], None).await.status, 204);
    has(&client.send("POST", &format!("{hero}/restore"), &[], None).await, 200, data);
}

#[actix_web::test]
async fn a_sheet_of_numbers_in_every_spelling_stays_as_it_is() {
    lives(&Client::new(), NUMBERS).await;
}

#[actix_web::test]
async fn an_exponent_is_answered_with_its_sign_and_stays_so() {
    let body = format!(r#"{{"name":"x","user_id":"{USER}","data":{{"n":[1e2,1E2,1E+2,1e-2]}}}}"#);
    has(&Client::new().text("POST", CHARACTERS, &[], &body).await, 201, "[1e+2,1e+2,1e+2,1e-2]");
}

#[actix_web::test]
async fn the_largest_sheet_stays_as_it_is_and_one_byte_more_is_refused() {
    let client = Client::new();
    let frame = r#"{"text":""}"#.len();
    let sized = |bytes: usize| json!({ "text": "x".repeat(bytes - frame) });
    lives(&client, &sized(MAX_DOCUMENT).to_string()).await;
    let body = |bytes: usize| json!({ "name": "x", "user_id": USER, "data": sized(bytes) });
    client.post(&body(MAX_DOCUMENT + 1)).await.is_invalid(&["data"]);
    let hero = path(&client.post(&body(MAX_DOCUMENT)).await.json());
    client.json("PUT", &hero, &[], &body(MAX_DOCUMENT + 1)).await.is_invalid(&["data"]);
    client.json("PATCH", &hero, &[], &json!({ "data": { "a": 1 } })).await.is_invalid(&["data"]);
    // Spaces and escapes are no part of the sheet.
    let escaped = body(MAX_DOCUMENT).to_string().replace('x', "\\u0078").replace(':', " :  ");
    assert_eq!(client.text("PUT", &hero, &[], &escaped).await.status, 200);
}

#[actix_web::test]
async fn an_act_that_would_make_a_sheet_too_large_is_refused_and_changes_nothing() {
    let client = Client::new();
    let data = |text: usize| json!({ "hit_points": { "current": 9, "maximum": 100 }, "text": "x".repeat(text) });
    let room = MAX_DOCUMENT - data(0).to_string().len();
    let hero = client.post(&json!({ "name": "x", "user_id": USER, "data": data(room) })).await;
    assert_eq!(hero.status, 201, "{:.500}", hero.text);
    let hero = path(&hero.json());
    let healing = json!({ "event_type": "rest", "impact_type": "hit_points", "impact_magnitude": 50 });
    let event = client.json("POST", &format!("{hero}/events"), &[], &healing).await;
    assert_eq!(event.status, 201, "{:.500}", event.text);
    let event = event.json()["id"].as_str().unwrap().to_owned();
    client.send("POST", &format!("{hero}/events/{event}/apply"), &[], None).await.is_invalid(&["data"]);
    let read = client.get(&hero).await;
    assert_eq!(read.json()["data"]["hit_points"]["current"], 9);
    assert_eq!(client.text("PUT", &hero, &[], &read.text).await.status, 200);
}

#[actix_web::test]
async fn whole_numbers_are_taken_in_every_spelling_and_answered_as_integers() {
    let client = Client::new();
    let hero = path(&client.created("Torormir").await);
    for (written, quantity) in [("2.0", 2), ("2e0", 2), ("0.3e1", 3), ("1000e-2", 10)] {
        let body = format!(r#"{{"name":"Arrow","quantity":{written}}}"#);
        let item = client.text("POST", &format!("{hero}/inventory"), &[], &body).await;
        has(&item, 201, &format!(r#""quantity":{quantity},"#));
    }
    for wrong in ["2.5", "1e-1", "1e400", "99999999999999999999", "\"2\""] {
        let body = format!(r#"{{"name":"Arrow","quantity":{wrong}}}"#);
        client.text("POST", &format!("{hero}/inventory"), &[], &body).await.is_invalid(&["quantity"]);
    }
}

#[actix_web::test]
async fn a_time_for_ever_is_taken_in_every_field_and_read_again() {
    let client = Client::new();
    let hero = path(&client.created("Torormir").await);
    for (given, read) in [
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"),
        ("9999-12-30T22:00:00.5Z", "9999-12-30T22:00:00.500000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.9999999999Z", "9999-12-31T23:59:59.999999Z"),
    ] {
        let entry = json!({ "title": "x", "timestamp": given, "session_date": given });
        let entry = client.json("POST", &format!("{hero}/journal"), &[], &entry).await;
        has(&entry, 201, read);
        let entry = format!("{hero}/journal/{}", entry.json()["id"].as_str().unwrap());
        let told: Value = client.get(&entry).await.json();
        assert_eq!((told["timestamp"].as_str(), told["session_date"].as_str()), (Some(read), Some(read)));
        has(&client.get(&format!("{hero}/journal")).await, 200, read);
        has(&client.json("PATCH", &entry, &[], &json!({ "title": "y" })).await, 200, read);
        let experience = json!({ "amount": 1, "source": "story", "timestamp": given });
        has(&client.json("POST", &format!("{entry}/experience"), &[], &experience).await, 201, read);
        let event = json!({ "event_type": "x", "impact_type": "other", "impact_magnitude": 0, "timestamp": given });
        has(&client.json("POST", &format!("{hero}/events"), &[], &event).await, 201, read);
    }
    for outside in ["10000-01-01T00:00:00Z", "9999-12-31T23:59:59-00:01", "0000-12-31T23:59:59Z", "tomorrow"] {
        let entry = json!({ "title": "x", "timestamp": outside });
        client.json("POST", &format!("{hero}/journal"), &[], &entry).await.is_invalid(&["timestamp"]);
        let reason = client.get(&format!("{hero}?at={outside}")).await.is_invalid(&["at"]);
        assert!(reason["errors"][0]["reason"].as_str().unwrap().starts_with("must be a time "));
    }
}

#[actix_web::test]
async fn every_fault_of_a_request_is_named_also_those_beside_an_unknown_field() {
    let client = Client::new();
    let hero = path(&client.created("Torormir").await);
    let inventory = format!("{hero}/inventory");
    let wrong = json!({ "name": "x", "quantity": -5, "theme": "", "attunement": "full", "colour": 1 });
    client.json("POST", &inventory, &[], &wrong).await.is_invalid(&["attunement", "colour", "theme", "quantity"]);
    let item = client.json("POST", &inventory, &[], &json!({ "name": "Rope" })).await.json();
    let place = format!("{inventory}/{}", item["id"].as_str().unwrap());
    let change = json!({ "quantity": -5, "equipped": 1, "theme": "" });
    client.json("PATCH", &place, &[], &change).await.is_invalid(&["equipped", "theme", "quantity"]);
    let entry = json!({ "title": "", "session_number": -1, "colour": 1 });
    client.json("POST", &format!("{hero}/journal"), &[], &entry).await.is_invalid(&[
        "colour",
        "title",
        "session_number",
    ]);
    let campaign = json!({ "theme": "", "colour": 1 });
    client.json("POST", "/api/v2/campaigns", &[], &campaign).await.is_invalid(&["name", "colour", "theme"]);
    let event = json!({ "impact_type": "other", "impact_magnitude": 2_000_000_000, "event_type": "", "colour": 1 });
    let faults = ["colour", "event_type", "impact_magnitude"];
    client.json("POST", &format!("{hero}/events"), &[], &event).await.is_invalid(&faults);
}

#[actix_web::test]
async fn an_empty_object_for_an_act_is_answered_with_what_is_missing() {
    let client = Client::new();
    let hero = path(&client.created("Torormir").await);
    for (act, missing) in [
        ("inventory/currency", &["gp"][..]),
        ("inventory/currency/give", &["to", "gp"]),
        ("theme-transition", &["new_theme"]),
        ("progress/experience", &["amount"]),
        ("progress/milestones", &["title"]),
        ("events", &["impact_type"]),
    ] {
        client.json("POST", &format!("{hero}/{act}"), &[], &json!({})).await.is_invalid(missing);
    }
    let huge = json!({ "amount": 99_999_999_999_999_999_999_u128 });
    client.json("POST", &format!("{hero}/progress/experience"), &[], &huge).await.is_invalid(&["amount"]);
}
