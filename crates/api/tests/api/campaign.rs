use crate::client::{Client, USER, path};
use serde_json::{Value, json};

const CAMPAIGN: &str = "1fb7f628-0037-4c0d-92dd-34d68744d3c0";
const NOBODY: &str = "/api/v2/characters/00000000-0000-4000-8000-000000000001";

fn sheet() -> Value {
    json!({
        "hit_points": { "current": 20, "maximum": 40, "temporary": 0 }, "ability_scores": { "wisdom": 12 },
        "experience_points": 250, "level": 1, "proficiency_bonus": 2,
    })
}

/// A client with a character, and the path of that.
async fn hero() -> (Client, String) {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    assert_eq!(client.json("PATCH", &place, &[], &json!({ "data": sheet() })).await.status, 200);
    (client, place)
}

/// The path of an event that was just made.
async fn event(client: &Client, place: &str, body: &Value) -> String {
    let answer = client.json("POST", &format!("{place}/events"), &[], body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.header("location").unwrap().to_owned()
}

async fn act(client: &Client, event: &str, act: &str) -> Value {
    let answer = client.send("POST", &format!("{event}/{act}"), &[], None).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[actix_web::test]
async fn a_character_joins_a_campaign_is_listed_there_and_leaves() {
    let (client, place) = hero().await;
    let (membership, list) = (format!("{place}/campaign"), format!("/api/v2/campaigns/{CAMPAIGN}/characters"));
    assert_eq!(client.get(&list).await.json(), json!({ "items": [], "next_cursor": null }));
    let joined = client.json("PUT", &membership, &[], &json!({ "campaign_id": CAMPAIGN })).await;
    assert_eq!((joined.status, joined.header("etag")), (200, Some("\"3\"")));
    assert_eq!(joined.json()["campaign_id"], CAMPAIGN);
    let again = client.json("PUT", &membership, &[], &json!({ "campaign_id": CAMPAIGN })).await;
    assert_eq!(again.json(), joined.json(), "nothing changed");
    assert_eq!(client.get(&list).await.json()["items"], json!([joined.json()]));
    client.send("DELETE", &membership, &[("If-Match", "\"2\"")], None).await.is_problem(412, "precondition-failed");
    for _ in 0..2 {
        let left = client.send("DELETE", &membership, &[], None).await;
        assert_eq!((left.status, left.header("etag"), left.text.as_str()), (204, Some("\"4\""), ""));
    }
    assert_eq!(client.get(&place).await.json()["campaign_id"], Value::Null);
    assert_eq!(client.get(&list).await.json()["items"], json!([]));
    client
        .json("PUT", &membership, &[], &json!({ "campaign": CAMPAIGN }))
        .await
        .is_invalid(&["campaign_id", "campaign"]);
    client.get("/api/v2/campaigns/x/characters").await.is_invalid(&["campaign"]);
}

#[actix_web::test]
async fn the_characters_of_a_campaign_come_in_pages() {
    let client = Client::new();
    for name in ["First", "Second", "Third"] {
        let place = path(&client.created(name).await);
        client.json("PUT", &format!("{place}/campaign"), &[], &json!({ "campaign_id": CAMPAIGN })).await;
    }
    let list = format!("/api/v2/campaigns/{CAMPAIGN}/characters");
    let page = client.get(&format!("{list}?limit=2")).await;
    let names =
        |page: &Value| page["items"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&page.json()), ["Third", "Second"]);
    let next = page.json()["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(names(&client.get(&format!("{list}?limit=2&cursor={next}")).await.json()), ["First"]);
    client.get(&format!("{list}?user=7")).await.is_invalid(&["user"]);
}

#[actix_web::test]
async fn an_event_is_made_with_its_defaults_and_looked_at() {
    let (client, place) = hero().await;
    let place_of = event(&client, &place, &json!({ "impact_type": "other" })).await;
    let seen = client.get(&place_of).await;
    assert_eq!((seen.status, seen.header("etag")), (200, Some("\"1\"")));
    let seen = seen.json();
    for (field, value) in [
        ("event_type", json!("campaign_event")),
        ("event_data", json!({})),
        ("impact_type", json!("other")),
        ("impact_magnitude", json!(0)),
        ("journal_entry_id", Value::Null),
        ("applied", json!(false)),
        ("applied_at", Value::Null),
        ("data", json!({})),
    ] {
        assert_eq!(seen[field], value, "{field}");
    }
    assert_eq!(client.get(&format!("{place}/events")).await.json()["items"], json!([seen]));
    assert_eq!(client.get(&format!("{place}/events?applied_only=true")).await.json()["items"], json!([]));
    assert_eq!(client.get(&place).await.header("etag"), Some("\"2\""), "the character did not change");
}

#[actix_web::test]
async fn applying_changes_the_sheet_once_and_reverting_takes_that_back_once() {
    let (client, place) = hero().await;
    let hurt = event(&client, &place, &json!({ "impact_type": "hit_points", "impact_magnitude": -50 })).await;
    let applied = act(&client, &hurt, "apply").await;
    assert_eq!((&applied["applied"], &applied["is_reverted"]), (&json!(true), &json!(false)));
    assert_eq!(act(&client, &hurt, "apply").await, applied);
    let character = client.get(&place).await.json();
    assert_eq!((&character["data"]["hit_points"]["current"], &character["revision"]), (&json!(0), &json!(3)));
    assert_eq!(client.get(&hurt).await.json()["applied"], true);
    client.json("PATCH", &place, &[], &json!({ "data": { "hit_points": { "current": 7 } } })).await;
    let reverted = act(&client, &hurt, "revert").await;
    assert_eq!((&reverted["id"], &reverted["is_reverted"]), (&applied["id"], &json!(true)));
    assert_eq!(act(&client, &hurt, "revert").await, reverted);
    let character = client.get(&place).await.json();
    assert_eq!(character["data"]["hit_points"]["current"], 27, "20 were lost, 7 won since");
    assert_eq!(character["revision"], 5);
    assert_eq!(client.get(&hurt).await.json()["applied"], false);
    let anew = act(&client, &hurt, "apply").await;
    assert_ne!(anew["id"], applied["id"]);
}

#[actix_web::test]
async fn experience_of_an_event_makes_levels_and_an_absent_ability_counts_as_ten() {
    let (client, place) = hero().await;
    let won = event(&client, &place, &json!({ "impact_type": "experience", "impact_magnitude": 50 })).await;
    act(&client, &won, "apply").await;
    let progress = client.get(&format!("{place}/progress")).await.json();
    assert_eq!((&progress["experience_points"], &progress["current_level"]), (&json!(300), &json!(2)));
    act(&client, &won, "revert").await;
    assert_eq!(client.get(&place).await.json()["data"], sheet());
    let stronger =
        json!({ "impact_type": "ability_score", "impact_magnitude": 25, "event_data": { "ability": "strength" } });
    let stronger = event(&client, &place, &stronger).await;
    act(&client, &stronger, "apply").await;
    let scores = &client.get(&place).await.json()["data"]["ability_scores"];
    assert_eq!(*scores, json!({ "wisdom": 12, "strength": 30 }));
    act(&client, &stronger, "revert").await;
    assert_eq!(client.get(&place).await.json()["data"], sheet());
}

#[actix_web::test]
async fn what_the_rules_forbid_is_409_with_the_reason_and_changes_nothing() {
    let (client, place) = hero().await;
    let lost = event(&client, &place, &json!({ "impact_type": "experience", "impact_magnitude": -251 })).await;
    client.send("POST", &format!("{lost}/apply"), &[], None).await.is_problem(409, "not-enough-experience");
    client.send("POST", &format!("{lost}/revert"), &[], None).await.is_problem(409, "not-applied");
    let healed = event(&client, &place, &json!({ "impact_type": "hit_points", "impact_magnitude": 5 })).await;
    act(&client, &healed, "apply").await;
    client.json("PATCH", &place, &[], &json!({ "data": { "hit_points": null } })).await;
    let refused = client.send("POST", &format!("{healed}/revert"), &[], None).await;
    let problem = refused.is_problem(409, "not-reversible");
    assert_eq!(problem["detail"], "the sheet has no hit points today");
    let hurt = event(&client, &place, &json!({ "impact_type": "hit_points", "impact_magnitude": -5 })).await;
    client.send("POST", &format!("{hurt}/apply"), &[], None).await.is_problem(409, "no-hit-points");
    assert_eq!(client.get(&place).await.header("etag"), Some("\"4\""));
    client
        .send("POST", &format!("{hurt}/apply"), &[("If-Match", "\"9\"")], None)
        .await
        .is_problem(412, "precondition-failed");
}

#[actix_web::test]
async fn impacts_are_listed_by_event_and_by_character_and_filtered() {
    let (client, place) = hero().await;
    let body = json!({ "impact_type": "hit_points", "impact_magnitude": 1 });
    let (first, second) = (event(&client, &place, &body).await, event(&client, &place, &body).await);
    act(&client, &first, "apply").await;
    let undone = act(&client, &first, "revert").await;
    let again = act(&client, &first, "apply").await;
    let other = act(&client, &second, "apply").await;
    for (list, expected) in [
        (format!("{place}/impacts"), json!([other, again, undone])),
        (format!("{place}/impacts?applied_only=true"), json!([other, again])),
        (format!("{place}/impacts?reverted_only=true"), json!([undone])),
        (format!("{first}/impacts"), json!([again, undone])),
        (format!("{first}/impacts?applied_only=true"), json!([again])),
        (format!("{place}/impacts?limit=1&offset=1"), json!([again])),
    ] {
        assert_eq!(client.get(&list).await.json()["items"], expected, "{list}");
    }
    for list in [format!("{place}/impacts"), format!("{first}/impacts")] {
        client.get(&format!("{list}?applied_only=true&reverted_only=true")).await.is_invalid(&["reverted_only"]);
        client.get(&format!("{list}?state=applied")).await.is_invalid(&["state"]);
    }
}

#[actix_web::test]
async fn every_field_of_an_event_at_fault_is_named() {
    let (client, place) = hero().await;
    let events = format!("{place}/events");
    client.json("POST", &events, &[], &json!({})).await.is_invalid(&["impact_type"]);
    let body = json!({ "impact_type": "mood", "event_data": [], "timestamp": "now", "applied": true, "colour": 1 });
    client.json("POST", &events, &[], &body).await.is_invalid(&[
        "applied",
        "impact_type",
        "event_data",
        "timestamp",
        "colour",
    ]);
    client.json("POST", &events, &[], &json!({ "impact_type": "experience" })).await.is_invalid(&["impact_magnitude"]);
    let body = json!({ "impact_type": "ability_score", "impact_magnitude": 1_000_000_001 });
    client.json("POST", &events, &[], &body).await.is_invalid(&["impact_magnitude", "event_data.ability"]);
    let body = json!({ "impact_type": "other", "journal_entry_id": CAMPAIGN });
    client.json("POST", &events, &[], &body).await.is_invalid(&["journal_entry_id"]);
    client.get(&format!("{events}/x")).await.is_invalid(&["event"]);
}

#[actix_web::test]
async fn an_event_of_another_character_or_of_nobody_is_not_found() {
    let (client, place) = hero().await;
    let other = path(&client.created("Other").await);
    let foreign = event(&client, &other, &json!({ "impact_type": "other" })).await;
    let foreign = foreign.replace(&other, &place);
    for place in [foreign, format!("{NOBODY}/events/{CAMPAIGN}")] {
        client.get(&place).await.is_problem(404, "not-found");
        client.get(&format!("{place}/impacts")).await.is_problem(404, "not-found");
        client.send("POST", &format!("{place}/apply"), &[], None).await.is_problem(404, "not-found");
        client.send("POST", &format!("{place}/revert"), &[], None).await.is_problem(404, "not-found");
    }
    for list in ["events", "impacts"] {
        client.get(&format!("{NOBODY}/{list}")).await.is_problem(404, "not-found");
    }
    client
        .json("POST", &format!("{NOBODY}/events"), &[], &json!({ "impact_type": "other" }))
        .await
        .is_problem(404, "not-found");
    let joined = client.json("PUT", &format!("{NOBODY}/campaign"), &[], &json!({ "campaign_id": CAMPAIGN })).await;
    joined.is_problem(404, "not-found");
    client.send("DELETE", &format!("{NOBODY}/campaign"), &[], None).await.is_problem(404, "not-found");
}

const CAMPAIGNS: &str = "/api/v2/campaigns";

#[actix_web::test]
async fn a_campaign_is_created_read_replaced_patched_deleted_and_restored() {
    let client = Client::new();
    let new = json!({ "name": "The Sunless Keep", "dm_user_id": USER, "data": { "started": "1492 DR" } });
    let created = client.json("POST", CAMPAIGNS, &[], &new).await;
    assert_eq!((created.status, created.header("etag")), (201, Some("\"1\"")), "{}", created.text);
    let place = created.header("location").unwrap().to_owned();
    assert_eq!(place, format!("{CAMPAIGNS}/{}", created.json()["id"].as_str().unwrap()));
    assert_eq!(created.json()["theme"], "traditional");
    assert_eq!(client.get(&place).await.json(), created.json());

    let put_back = client.json("PUT", &place, &[("If-Match", "\"1\"")], &created.json()).await;
    assert_eq!((put_back.status, put_back.header("etag")), (200, Some("\"1\"")), "nothing changed");
    let patched = client.json("PATCH", &place, &[], &json!({ "dm_name": "Ada", "data": { "started": null } })).await;
    assert_eq!((&patched.json()["dm_name"], &patched.json()["data"]), (&json!("Ada"), &json!({})));
    let late = client.json("PATCH", &place, &[("If-Match", "\"1\"")], &json!({ "dm_name": "Grace" })).await;
    late.is_problem(412, "precondition-failed");
    client.json("PATCH", &place, &[], &json!({ "name": null })).await.is_invalid(&["name"]);
    client
        .json("POST", CAMPAIGNS, &[], &json!({ "revision": 3, "colour": 1 }))
        .await
        .is_invalid(&["revision", "name", "colour"]);

    assert_eq!(client.send("DELETE", &place, &[], None).await.status, 204);
    client.get(&place).await.is_problem(404, "not-found");
    let again = client.json("POST", CAMPAIGNS, &[], &json!({ "id": created.json()["id"], "name": "x" })).await;
    assert!(again.is_problem(409, "already-exists")["detail"].as_str().unwrap().contains("can be restored"));
    let restored = client.send("POST", &format!("{place}/restore"), &[], None).await;
    assert_eq!((restored.status, restored.header("etag")), (200, Some("\"4\"")));
}

#[actix_web::test]
async fn campaigns_are_listed_by_their_game_master_and_theme() {
    let client = Client::new();
    for (name, leader, theme) in [("A", Some(USER), "noir"), ("B", Some(USER), "gothic"), ("C", None, "noir")] {
        let new = json!({ "name": name, "dm_user_id": leader, "theme": theme });
        assert_eq!(client.json("POST", CAMPAIGNS, &[], &new).await.status, 201);
    }
    let names = async |query: &str| {
        let page = client.get(&format!("{CAMPAIGNS}?{query}")).await.json();
        let names = page["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names("limit=10").await, ["C", "B", "A"]);
    assert_eq!(names(&format!("dm_user_id={USER}")).await, ["B", "A"]);
    assert_eq!(names("theme=noir").await, ["C", "A"]);
    assert_eq!(names(&format!("theme=noir&dm_user_id={USER}")).await, ["A"]);
    client.get(&format!("{CAMPAIGNS}?dm_user_id=x&colour=1")).await.is_invalid(&["dm_user_id", "colour"]);
}
