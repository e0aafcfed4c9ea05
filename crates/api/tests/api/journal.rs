use crate::client::{Client, has, path};
use serde_json::{Value, json};

/// A client with a character, and the path of that character.
async fn hero() -> (Client, String) {
    let client = Client::new();
    let hero = path(&client.created("Torormir").await);
    (client, hero)
}

/// The same, with the path of an entry of its journal.
async fn writer() -> (Client, String, String) {
    let (client, hero) = hero().await;
    let journal = format!("{hero}/journal");
    let entry = has(&client, &journal, &json!({ "title": "Session 1" })).await;
    (client, hero, of(&journal, &entry))
}

fn of(place: &str, row: &Value) -> String {
    format!("{place}/{}", row["id"].as_str().unwrap())
}

async fn listed(client: &Client, path: &str, field: &str) -> Vec<String> {
    let answer = client.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["items"].as_array().unwrap().iter().map(|row| row[field].as_str().unwrap().to_owned()).collect()
}

/// What lies under an entry: the last part of its path, the least that makes one, and its defaults.
fn chapters() -> [(&'static str, Value, Value); 3] {
    [
        (
            "experience",
            json!({ "amount": 300 }),
            json!({ "amount": 300, "source": "story", "reason": "", "session_id": null, "data": {} }),
        ),
        (
            "quests",
            json!({ "title": "Find the heir" }),
            json!({
                "title": "Find the heir", "description": "", "status": "active", "importance": "normal",
                "assigned_by": null, "rewards": {}, "progress": [], "data": {},
            }),
        ),
        (
            "npc-relationships",
            json!({ "npc_name": "Ada" }),
            json!({
                "npc_id": null, "npc_name": "Ada", "relationship_type": "acquaintance", "standing": 0, "notes": null,
                "last_interaction": null, "data": {},
            }),
        ),
    ]
}

#[actix_web::test]
async fn an_entry_is_made_with_its_defaults_looked_at_and_not_sent_twice() {
    let (client, hero) = hero().await;
    let journal = format!("{hero}/journal");
    let answer = client.json("POST", &journal, &[], &json!({ "title": "Session 1" })).await;
    assert_eq!((answer.status, answer.header("etag")), (201, Some("\"1\"")));
    let entry = answer.json();
    let place = of(&journal, &entry);
    assert_eq!(answer.header("location"), Some(place.as_str()));
    for (field, value) in [
        ("entry_type", json!("note")),
        ("content", json!("")),
        ("tags", json!([])),
        ("session_number", Value::Null),
        ("session_date", Value::Null),
        ("dm_name", Value::Null),
        ("session_summary", Value::Null),
        ("is_active", json!(true)),
        ("data", json!({})),
        ("revision", json!(1)),
        ("deleted_at", Value::Null),
    ] {
        assert_eq!(entry[field], value, "{field}");
    }
    assert!(entry["timestamp"].as_str() <= entry["created_at"].as_str(), "it happened when it was written down");
    let seen = client.get(&place).await;
    assert_eq!((seen.json(), seen.header("cache-status")), (entry, Some("character-service; fwd=miss")));
    assert_eq!(client.send("GET", &place, &[("If-None-Match", "\"1\"")], None).await.status, 304);
}

#[actix_web::test]
async fn every_field_of_an_entry_is_kept_and_times_to_the_microsecond() {
    let (client, hero) = hero().await;
    let body = json!({
        "id": "0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11", "entry_type": "session",
        "timestamp": "2025-02-11T18:29:29.2796909+01:00", "title": "Session 1", "content": "We\nran.",
        "tags": ["travel", "npc"], "session_number": 1, "session_date": "2025-02-11T00:00:00Z", "dm_name": "Jo",
        "session_summary": "Running", "is_active": false, "data": { "mood": "reverent" },
    });
    let entry = has(&client, &format!("{hero}/journal"), &body).await;
    let mut expected = body.clone();
    expected["timestamp"] = json!("2025-02-11T17:29:29.279690Z");
    expected["session_date"] = json!("2025-02-11T00:00:00.000000Z");
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(entry[field], *value, "{field}");
    }
}

#[actix_web::test]
async fn what_lies_under_an_entry_is_made_with_its_defaults_changed_and_deleted() {
    let (client, _, entry) = writer().await;
    for (last, body, defaults) in chapters() {
        let place = format!("{entry}/{last}");
        let answer = client.json("POST", &place, &[], &body).await;
        assert_eq!((answer.status, answer.header("etag")), (201, Some("\"1\"")), "{}", answer.text);
        let row = answer.json();
        assert_eq!(answer.header("location"), Some(of(&place, &row).as_str()));
        for (field, value) in defaults.as_object().unwrap() {
            assert_eq!(row[field], *value, "{last}: {field}");
        }
        assert!(entry.ends_with(row["journal_entry_id"].as_str().unwrap()));
        let seen = client.get(&of(&place, &row)).await;
        assert_eq!((seen.json(), seen.header("etag")), (row.clone(), Some("\"1\"")));
        assert_eq!(client.send("GET", &of(&place, &row), &[("If-None-Match", "\"1\"")], None).await.status, 304);
        let patch = json!({ "data": { "seen": true } });
        let patched = client.json("PATCH", &of(&place, &row), &[("If-Match", "\"1\"")], &patch).await;
        assert_eq!((patched.status, patched.header("etag")), (200, Some("\"2\"")));
        assert_eq!(patched.json()["data"], json!({ "seen": true }));
        let late = client.json("PATCH", &of(&place, &row), &[("If-Match", "\"1\"")], &patch).await;
        late.is_problem(412, "precondition-failed");
        let late = client.send("DELETE", &of(&place, &row), &[("If-Match", "\"1\"")], None).await;
        late.is_problem(412, "precondition-failed");
        assert_eq!(client.send("DELETE", &of(&place, &row), &[("If-Match", "\"2\"")], None).await.status, 204);
        client.get(&of(&place, &row)).await.is_problem(404, "not-found");
        assert_eq!(client.get(&place).await.json()["items"], json!([]));
        let all = client.get(&format!("{place}?include_deleted=true")).await.json();
        assert_eq!(all["items"][0]["id"], row["id"]);
        let restore = format!("{}/restore", of(&place, &row));
        let late = client.send("POST", &restore, &[("If-Match", "\"2\"")], None).await;
        late.is_problem(412, "precondition-failed");
        let restored = client.send("POST", &restore, &[], None).await;
        assert_eq!((restored.status, restored.header("etag")), (200, Some("\"4\"")), "{}", restored.text);
        assert_eq!(client.get(&of(&place, &row)).await.json(), restored.json());
        assert_eq!(client.send("POST", &restore, &[], None).await.json(), restored.json(), "it is live already");
    }
}

#[actix_web::test]
async fn a_record_of_experience_adds_none() {
    let (client, hero, entry) = writer().await;
    has(&client, &format!("{entry}/experience"), &json!({ "amount": 300 })).await;
    assert_eq!(client.get(&format!("{hero}/progress")).await.json()["experience_points"], 0);
    assert_eq!(client.get(&hero).await.header("etag"), Some("\"1\""), "the sheet is as it was");
}

#[actix_web::test]
async fn every_field_at_fault_is_named() {
    let (client, hero, entry) = writer().await;
    let journal = format!("{hero}/journal");
    let body = json!({ "timestamp": "yesterday", "tags": "travel", "session_number": 1.5, "is_active": "yes",
        "character_id": null, "colour": "red" });
    client.json("POST", &journal, &[], &body).await.is_invalid(&[
        "character_id",
        "title",
        "timestamp",
        "tags",
        "session_number",
        "is_active",
        "colour",
    ]);
    let body = json!({ "title": " ", "tags": ["a,b", "c", "c"], "session_number": -1 });
    client.json("POST", &journal, &[], &body).await.is_invalid(&["title", "tags[0]", "tags[2]", "session_number"]);
    for (last, body, fields) in [
        ("experience", json!({ "session_id": "one" }), &["amount", "session_id"][..]),
        ("experience", json!({ "amount": -1, "source": "" }), &["amount", "source"]),
        (
            "quests",
            json!({ "status": "done", "importance": 1, "progress": {} }),
            &["title", "status", "importance", "progress"],
        ),
        ("quests", json!({ "title": "x", "journal_entry_id": null }), &["journal_entry_id"]),
        ("npc-relationships", json!({ "npc_id": 1, "standing": "good" }), &["npc_name", "npc_id", "standing"]),
        ("npc-relationships", json!({ "npc_name": "x", "standing": -101 }), &["standing"]),
    ] {
        client.json("POST", &format!("{entry}/{last}"), &[], &body).await.is_invalid(fields);
    }
    client.get(&format!("{journal}?session_number=one&limit=0&colour=red")).await.is_invalid(&[
        "session_number",
        "limit",
        "colour",
    ]);
    client.get(&format!("{hero}/quests?status=done&importance=1")).await.is_invalid(&["status", "importance"]);
    client.get(&format!("{entry}/experience?status=active")).await.is_invalid(&["status"]);
    client.get(&format!("{journal}/first")).await.is_invalid(&["entry"]);
    client.get(&format!("{entry}/quests/first")).await.is_invalid(&["quest"]);
}

#[actix_web::test]
async fn a_journal_of_nobody_and_what_another_entry_tells_of_are_not_found() {
    let (client, hero, entry) = writer().await;
    let journal = format!("{hero}/journal");
    let other = of(&journal, &has(&client, &journal, &json!({ "title": "Other" })).await);
    let gone = of(&journal, &has(&client, &journal, &json!({ "title": "Gone" })).await);
    let stranger = path(&client.created("Stranger").await);
    let theirs = entry.replace(&hero, &stranger);
    let nobody = "/api/v2/characters/00000000-0000-4000-8000-000000000001";
    for last in ["journal", "quests", "npc-relationships"] {
        client.get(&format!("{nobody}/{last}")).await.is_problem(404, "not-found");
    }
    client.json("POST", &format!("{nobody}/journal"), &[], &json!({ "title": "x" })).await.is_problem(404, "not-found");
    client.get(&theirs).await.is_problem(404, "not-found");
    client.json("PATCH", &theirs, &[], &json!({ "title": "x" })).await.is_problem(404, "not-found");
    client.send("DELETE", &theirs, &[], None).await.is_problem(404, "not-found");
    client.send("POST", &format!("{theirs}/restore"), &[], None).await.is_problem(404, "not-found");
    for (last, body, _) in chapters() {
        let row = has(&client, &format!("{entry}/{last}"), &body).await;
        let under = |entry: &str| of(&format!("{entry}/{last}"), &row);
        has(&client, &format!("{gone}/{last}"), &body).await;
        for place in [under(&other), under(&gone), under(&theirs), under(&entry.replace(&hero, nobody))] {
            client.get(&place).await.is_problem(404, "not-found");
            client.json("PATCH", &place, &[], &json!({ "data": { "a": 1 } })).await.is_problem(404, "not-found");
            client.send("DELETE", &place, &[], None).await.is_problem(404, "not-found");
        }
        for entry in [&theirs, &entry.replace(&hero, nobody)] {
            client.get(&format!("{entry}/{last}")).await.is_problem(404, "not-found");
            client.json("POST", &format!("{entry}/{last}"), &[], &body).await.is_problem(404, "not-found");
        }
    }
    assert_eq!(client.send("DELETE", &gone, &[], None).await.status, 204);
    client.get(&gone).await.is_problem(404, "not-found");
    for (last, body, _) in chapters() {
        client.get(&format!("{gone}/{last}")).await.is_problem(404, "not-found");
        client.json("POST", &format!("{gone}/{last}"), &[], &body).await.is_problem(404, "not-found");
    }
    let restored = client.send("POST", &format!("{gone}/restore"), &[], None).await;
    // It was created, got three records, was deleted and restored.
    assert_eq!((restored.status, restored.header("etag")), (200, Some("\"6\"")));
    assert_eq!(listed(&client, &format!("{gone}/quests"), "title").await, ["Find the heir"]);
}

#[actix_web::test]
async fn entries_are_filtered_and_paged() {
    let (client, hero) = hero().await;
    let journal = format!("{hero}/journal");
    for body in [
        json!({ "title": "A", "entry_type": "session", "session_number": 1, "tags": ["travel", "npc"] }),
        json!({ "title": "B", "entry_type": "session", "session_number": 2, "tags": ["travel"] }),
        json!({ "title": "C", "tags": ["npc", "travel", "loot"] }),
    ] {
        has(&client, &journal, &body).await;
    }
    let gone = has(&client, &journal, &json!({ "title": "D", "tags": ["npc"] })).await;
    client.send("DELETE", &of(&journal, &gone), &[], None).await;
    let titles = async |query: &str| listed(&client, &format!("{journal}?{query}"), "title").await;
    assert_eq!(titles("").await, ["C", "B", "A"]);
    assert_eq!(titles("include_deleted=true").await, ["D", "C", "B", "A"]);
    assert_eq!(titles("entry_type=session").await, ["B", "A"]);
    assert_eq!(titles("session_number=2").await, ["B"]);
    assert_eq!(titles("tags=npc").await, ["C", "A"]);
    assert_eq!(titles("tags=npc,travel").await, ["C", "A"]);
    assert_eq!(titles("tags=npc%2Cloot&include_deleted=true").await, ["C"]);
    assert_eq!(titles("tags=npc,travel&entry_type=session&session_number=1").await, ["A"]);
    assert_eq!(titles("tags=dragons").await, [""; 0]);
    let first = client.get(&format!("{journal}?limit=1&tags=travel,npc")).await;
    let next = first.header("link").unwrap().strip_prefix('<').unwrap().split('>').next().unwrap().to_owned();
    assert!(next.contains("tags=travel%2Cnpc") && next.contains("limit=1"), "{next}");
    assert_eq!(listed(&client, &next, "title").await, ["A"]);
    let last = client.get(&next).await;
    assert_eq!((last.link("next"), &last.json()["next_cursor"]), (None, &Value::Null));
    assert_eq!(titles("offset=1&limit=1").await, ["B"]);
}

#[actix_web::test]
async fn quests_and_relationships_are_listed_under_their_entry_and_across_the_journal() {
    let (client, hero, one) = writer().await;
    let journal = format!("{hero}/journal");
    let two = of(&journal, &has(&client, &journal, &json!({ "title": "Session 2" })).await);
    has(&client, &format!("{one}/quests"), &json!({ "title": "A", "status": "completed" })).await;
    has(&client, &format!("{two}/quests"), &json!({ "title": "B", "importance": "high" })).await;
    has(&client, &format!("{two}/quests"), &json!({ "title": "C", "status": "completed", "importance": "high" })).await;
    let quests = async |place: &str| listed(&client, place, "title").await;
    assert_eq!(quests(&format!("{two}/quests")).await, ["C", "B"]);
    assert_eq!(quests(&format!("{two}/quests?status=active")).await, ["B"]);
    assert_eq!(quests(&format!("{hero}/quests")).await, ["C", "B", "A"]);
    assert_eq!(quests(&format!("{hero}/quests?status=completed")).await, ["C", "A"]);
    assert_eq!(quests(&format!("{hero}/quests?status=completed&importance=high")).await, ["C"]);
    let first = client.get(&format!("{hero}/quests?limit=2")).await;
    let next = first.header("link").unwrap().strip_prefix('<').unwrap().split('>').next().unwrap().to_owned();
    assert_eq!(quests(&next).await, ["A"]);

    has(&client, &format!("{one}/npc-relationships"), &json!({ "npc_name": "Ada" })).await;
    has(&client, &format!("{two}/npc-relationships"), &json!({ "npc_name": "Bob", "relationship_type": "rival" }))
        .await;
    let names = async |place: &str| listed(&client, place, "npc_name").await;
    assert_eq!(names(&format!("{one}/npc-relationships")).await, ["Ada"]);
    assert_eq!(names(&format!("{hero}/npc-relationships")).await, ["Bob", "Ada"]);
    assert_eq!(names(&format!("{hero}/npc-relationships?relationship_type=rival")).await, ["Bob"]);
    client.send("DELETE", &two, &[], None).await;
    assert_eq!(quests(&format!("{hero}/quests")).await, ["C", "B", "A"], "a quest outlives the entry about it");
}

#[actix_web::test]
async fn a_patch_goes_field_by_field_and_null_goes_back_to_the_default() {
    let (client, hero) = hero().await;
    let journal = format!("{hero}/journal");
    let body = json!({ "title": "Session 1", "dm_name": "Jo", "tags": ["a"], "entry_type": "session",
        "data": { "mood": "grim", "size": 3 } });
    let entry = has(&client, &journal, &body).await;
    let place = of(&journal, &entry);
    let patch = json!({ "dm_name": null, "entry_type": null, "tags": ["b", "c"], "data": { "mood": null } });
    let patched = client.json("PATCH", &place, &[("If-Match", "\"1\"")], &patch).await;
    assert_eq!((patched.status, patched.header("etag")), (200, Some("\"2\"")), "{}", patched.text);
    let now = patched.json();
    assert_eq!((&now["dm_name"], &now["entry_type"]), (&Value::Null, &json!("note")));
    assert_eq!((&now["tags"], &now["data"]), (&json!(["b", "c"]), &json!({ "size": 3 })));
    assert_eq!((&now["title"], &now["timestamp"]), (&entry["title"], &entry["timestamp"]));
    let late = client.json("PATCH", &place, &[("If-Match", "\"1\"")], &json!({ "title": "x" })).await;
    late.is_problem(412, "precondition-failed");
    let wrong = json!({ "title": null, "timestamp": null });
    client.json("PATCH", &place, &[], &wrong).await.is_invalid(&["timestamp", "title"]);
    let wrong = json!({ "character_id": hero, "revision": 7 });
    client.json("PATCH", &place, &[], &wrong).await.is_invalid(&["character_id", "revision"]);
    client.json("PATCH", &place, &[], &json!({ "colour": "red" })).await.is_invalid(&["colour"]);
    client.json("PATCH", &place, &[], &json!({ "tags": ["x", "x"] })).await.is_invalid(&["tags[1]"]);
    let late = client.send("DELETE", &place, &[("If-Match", "\"1\"")], None).await;
    late.is_problem(412, "precondition-failed");
    assert_eq!(client.get(&place).await.json(), now, "a refused act changes nothing");
}

#[actix_web::test]
async fn what_is_repeated_under_its_key_is_made_once() {
    let (client, hero, entry) = writer().await;
    let journal = format!("{hero}/journal");
    let key = [("Idempotency-Key", "session-2")];
    let body = json!({ "title": "Session 2" });
    let first = client.json("POST", &journal, &key, &body).await;
    let again = client.json("POST", &journal, &key, &body).await;
    assert_eq!((again.status, again.json()), (201, first.json()));
    client.json("POST", &journal, &key, &json!({ "title": "x" })).await.is_problem(422, "idempotency-mismatch");
    assert_eq!(listed(&client, &journal, "title").await, ["Session 2", "Session 1"]);
    for (last, body, _) in chapters() {
        let place = format!("{entry}/{last}");
        let first = client.json("POST", &place, &key, &body).await;
        let again = client.json("POST", &place, &key, &body).await;
        assert_eq!((again.status, again.json()), (201, first.json()), "{}", first.text);
        assert_eq!(client.get(&place).await.json()["items"].as_array().unwrap().len(), 1);
    }
}

#[actix_web::test]
async fn many_entries_are_made_at_once_all_or_none_or_each_for_itself() {
    let (client, hero) = hero().await;
    let (journal, bulk) = (format!("{hero}/journal"), format!("{hero}/journal/bulk"));
    let entries = json!([{ "title": "A" }, { "title": "" }, {}]);
    let answer = client.json("POST", &bulk, &[], &json!({ "entries": entries })).await;
    answer.is_invalid(&["entries[1].title", "entries[2].title"]);
    assert_eq!(listed(&client, &journal, "title").await, [""; 0], "nothing was made");
    let answer = client.json("POST", &bulk, &[], &json!({ "atomic": false, "entries": entries })).await;
    assert_eq!(answer.status, 207);
    let statuses: Vec<_> = answer.json()["results"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(statuses, [201, 422, 422]);
    let key = [("Idempotency-Key", "many")];
    let two = json!({ "entries": [{ "title": "B" }, { "title": "C" }] });
    let answer = client.json("POST", &bulk, &key, &two).await;
    assert_eq!((answer.status, answer.json()["items"].as_array().unwrap().len()), (201, 2));
    assert_eq!(client.json("POST", &bulk, &key, &two).await.json(), answer.json());
    let mut titles = listed(&client, &journal, "title").await;
    titles.sort();
    assert_eq!(titles, ["A", "B", "C"]);
    client.json("POST", &bulk, &[], &json!({ "entries": [] })).await.is_invalid(&["entries"]);
}
