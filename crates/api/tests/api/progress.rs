use crate::client::{Client, path};
use serde_json::{Value, json};

/// A client with a character, and the path of that.
async fn hero(sheet: Value) -> (Client, String) {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    let answer = client.json("PATCH", &place, &[], &json!({ "data": sheet })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    (client, place)
}

async fn award(client: &Client, place: &str, headers: &[(&str, &str)], amount: i64) -> Value {
    let body = json!({ "amount": amount, "source": "combat", "reason": "Defeated a wyvern" });
    let answer = client.json("POST", &format!("{place}/progress/experience"), headers, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[actix_web::test]
async fn progress_is_what_the_sheet_says_until_something_was_won() {
    let (client, place) = hero(json!({ "experience_points": 950, "level": 4 })).await;
    let answer = client.get(&format!("{place}/progress")).await;
    assert_eq!((answer.status, answer.header("etag")), (200, Some("\"2\"")));
    let seen = answer.json();
    for (field, value) in [
        ("experience_points", json!(950)),
        ("current_level", json!(4)),
        ("proficiency_bonus", json!(2)),
        ("next_level_at", json!(6_500)),
        ("level_updated_at", Value::Null),
        ("milestones", json!([])),
        ("achievements", json!([])),
        ("revision", json!(2)),
    ] {
        assert_eq!(seen[field], value, "{field}");
    }
    let known = client.send("GET", &format!("{place}/progress"), &[("If-None-Match", "\"2\"")], None).await;
    assert_eq!(known.status, 304);
}

#[actix_web::test]
async fn an_award_says_what_was_gained_and_is_seen_everywhere() {
    let (client, place) = hero(json!({ "experience_points": 2_000, "level": 3, "species": "Dwarf" })).await;
    let body = json!({ "amount": 4_600, "source": "quest", "reason": "Freed the mill" });
    let answer = client.json("POST", &format!("{place}/progress/experience"), &[("If-Match", "\"2\"")], &body).await;
    assert_eq!((answer.status, answer.header("etag")), (200, Some("\"3\"")), "{}", answer.text);
    let awarded = answer.json();
    for (field, value) in [
        ("amount", json!(4_600)),
        ("experience_points", json!(6_600)),
        ("leveled_up", json!(true)),
        ("levels_gained", json!(2)),
        ("level_before", json!(3)),
        ("level_after", json!(5)),
        ("proficiency_bonus_before", json!(2)),
        ("proficiency_bonus_after", json!(3)),
        ("ability_score_improvements", json!([4])),
        ("next_level_at", json!(14_000)),
        ("revision", json!(3)),
    ] {
        assert_eq!(awarded[field], value, "{field}");
    }
    let character = client.get(&place).await.json();
    let sheet = json!({ "experience_points": 6_600, "level": 5, "proficiency_bonus": 3, "species": "Dwarf" });
    assert_eq!((&character["data"], &character["revision"]), (&sheet, &json!(3)));
    let progress = client.get(&format!("{place}/progress")).await.json();
    assert_eq!((&progress["current_level"], &progress["previous_level"]), (&json!(5), &json!(3)));
    assert!(progress["level_updated_at"].as_str().is_some_and(|at| at.len() == 27));
    let small = award(&client, &place, &[], 1).await;
    assert_eq!((&small["leveled_up"], &small["ability_score_improvements"]), (&json!(false), &json!([])));
}

#[actix_web::test]
async fn an_award_repeated_under_its_key_counts_once() {
    let (client, place) = hero(json!({ "species": "Dwarf" })).await;
    let headers = [("Idempotency-Key", "once")];
    let first = award(&client, &place, &headers, 100).await;
    assert_eq!(award(&client, &place, &headers, 100).await, first);
    assert_eq!(client.get(&format!("{place}/progress")).await.json()["experience_points"], 100);
    let other = client.json("POST", &format!("{place}/progress/experience"), &headers, &json!({ "amount": 7 })).await;
    other.is_problem(422, "idempotency-mismatch");
}

#[actix_web::test]
async fn twenty_awards_at_once_add_up_exactly() {
    let (client, place) = hero(json!({ "species": "Dwarf" })).await;
    let all = futures_util::future::join_all((1..=20).map(|amount| award(&client, &place, &[], amount))).await;
    let most = all.iter().map(|awarded| awarded["experience_points"].as_i64().unwrap()).max();
    assert_eq!(most, Some(210));
    let progress = client.get(&format!("{place}/progress")).await.json();
    assert_eq!((&progress["experience_points"], &progress["revision"]), (&json!(210), &json!(22)));
}

#[actix_web::test]
async fn milestones_and_achievements_are_recorded_and_no_achievement_twice() {
    let (client, place) = hero(json!({ "species": "Dwarf" })).await;
    let milestones = format!("{place}/progress/milestones");
    let body = json!({ "title": "First blood", "type": "combat", "achieved_at": "2026-01-02T03:04:05Z",
        "data": { "foe": "rat" } });
    let answer = client.json("POST", &milestones, &[], &body).await;
    assert_eq!((answer.status, answer.header("etag")), (201, Some("\"3\"")), "{}", answer.text);
    let milestone = answer.json();
    assert_eq!(
        (&milestone["achieved_at"], &milestone["description"]),
        (&json!("2026-01-02T03:04:05.000000Z"), &json!(""))
    );
    assert_eq!((&milestone["type"], &milestone["data"]), (&json!("combat"), &json!({ "foe": "rat" })));
    assert_eq!(client.json("POST", &milestones, &[], &body).await.status, 201);
    let achievements = format!("{place}/progress/achievements");
    let won = client.json("POST", &achievements, &[], &json!({ "title": "Dragonslayer" })).await;
    assert_eq!((won.status, &won.json()["type"]), (201, &json!("story")));
    client
        .json("POST", &achievements, &[], &json!({ "title": "Dragonslayer" }))
        .await
        .is_problem(409, "achievement-exists");
    let progress = client.get(&format!("{place}/progress")).await.json();
    assert_eq!((progress["milestones"].as_array().unwrap().len(), &progress["milestones"][0]), (2, &milestone));
    assert_eq!(progress["achievements"], json!([won.json()]));
}

#[actix_web::test]
async fn every_field_at_fault_is_named_and_nobody_has_no_progress() {
    let (client, place) = hero(json!({ "species": "Dwarf" })).await;
    let experience = format!("{place}/progress/experience");
    client.json("POST", &experience, &[], &json!({})).await.is_invalid(&["amount"]);
    for amount in [json!(0), json!(-5), json!(1_000_000_000_001_i64), json!(1.5), json!("1")] {
        client.json("POST", &experience, &[], &json!({ "amount": amount })).await.is_invalid(&["amount"]);
    }
    let body = json!({ "amount": 1, "source": 7, "journal_entry_id": "x", "level": 3 });
    let fields = ["source", "journal_entry_id", "level"];
    client.json("POST", &experience, &[], &body).await.is_invalid(&fields);
    let body = json!({ "amount": 1, "journal_entry_id": "00000000-0000-4000-8000-000000000001" });
    client.json("POST", &experience, &[], &body).await.is_invalid(&["journal_entry_id"]);
    let body = json!({ "id": null, "type": "", "achieved_at": "yesterday" });
    client.json("POST", &format!("{place}/progress/milestones"), &[], &body).await.is_invalid(&[
        "id",
        "title",
        "achieved_at",
        "type",
    ]);
    let body = json!({ "amount": 0, "source": "x".repeat(65), "level": 3 });
    client.json("POST", &experience, &[], &body).await.is_invalid(&["level", "amount", "source"]);
    client
        .json("POST", &experience, &[("If-Match", "\"1\"")], &json!({ "amount": 1 }))
        .await
        .is_problem(412, "precondition-failed");
    let most = json!({ "amount": 1_000_000_000_000_i64 });
    assert_eq!(client.json("POST", &experience, &[], &most).await.status, 200);
    client.json("POST", &experience, &[], &json!({ "amount": 1 })).await.is_problem(409, "too-much-experience");
    let nobody = "/api/v2/characters/00000000-0000-4000-8000-000000000001/progress";
    client.get(nobody).await.is_problem(404, "not-found");
    for (last, body) in [
        ("experience", json!({ "amount": 1 })),
        ("milestones", json!({ "title": "x" })),
        ("achievements", json!({ "title": "x" })),
    ] {
        client.json("POST", &format!("{nobody}/{last}"), &[], &body).await.is_problem(404, "not-found");
    }
}
