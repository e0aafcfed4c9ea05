use crate::client::{Client, USER, path};
use serde_json::json;

/// Lesson 61: the tag that a read gives is the one that a change checks.
#[actix_web::test]
async fn a_client_that_has_the_revision_is_told_so_without_a_body() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    for tags in ["\"1\"", "W/\"1\"", "*", "\"0\", \"1\"", "\"x\",W/\"1\""] {
        for method in ["GET", "HEAD"] {
            let answer = client.send(method, &place, &[("If-None-Match", tags)], None).await;
            assert_eq!((answer.status, answer.text.as_str()), (304, ""), "{tags}");
            assert_eq!(answer.header("etag"), Some("\"1\""));
            assert!(answer.header("cache-status").is_some());
        }
    }
    for tags in ["\"2\"", "\"01\"", "W/\"11\""] {
        assert_eq!(client.send("GET", &place, &[("If-None-Match", tags)], None).await.status, 200, "{tags}");
    }
}

#[actix_web::test]
async fn every_change_is_refused_under_another_revision_and_the_problem_names_both() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    let whole = json!({ "name": "Second", "user_id": USER });
    for wrong in ["\"7\"", "W/\"1\"", "\"01\"", "\"x\"", "\"7\", \"8\""] {
        let header = [("If-Match", wrong)];
        let answers = [
            client.json("PUT", &place, &header, &whole).await,
            client.json("PATCH", &place, &header, &json!({ "name": "Second" })).await,
            client.json("PATCH", &place, &header, &json!({})).await,
            client.send("DELETE", &place, &header, None).await,
            client.send("POST", &format!("{place}/restore"), &header, None).await,
            client.send("GET", &place, &header, None).await,
        ];
        for answer in answers {
            assert_eq!(answer.is_problem(412, "precondition-failed")["actual_revision"], 1);
        }
    }
    let problem = client.send("DELETE", &place, &[("If-Match", "\"7\"")], None).await.json();
    assert_eq!(problem["expected_revisions"], json!([7]));
}

/// Lesson 60: there is a way to change only what one has seen.
#[actix_web::test]
async fn a_change_goes_through_under_its_revision_a_list_that_holds_it_or_a_star() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    let cases = [("\"1\"", "\"2\""), ("\"9\", W/\"2\", \"2\"", "\"3\""), ("*", "\"4\"")];
    for (i, (given, next)) in cases.into_iter().enumerate() {
        let patch = json!({ "name": format!("Name {i}") });
        let answer = client.json("PATCH", &place, &[("If-Match", given)], &patch).await;
        assert_eq!((answer.status, answer.header("etag")), (200, Some(next)));
    }
    assert_eq!(client.send("DELETE", &place, &[("If-Match", "\"4\"")], None).await.status, 204);
    let restored = client.send("POST", &format!("{place}/restore"), &[("If-Match", "\"5\"")], None).await;
    assert_eq!(restored.header("etag"), Some("\"6\""));
}

/// Lesson 1: a conflict is reported as one, with a status and a code of its own, and is no failure of the service.
#[actix_web::test]
async fn of_two_writers_under_one_revision_exactly_one_wins() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    let patches = [json!({ "name": "A" }), json!({ "name": "B" })];
    let both = patches.iter().map(|patch| client.json("PATCH", &place, &[("If-Match", "\"1\"")], patch));
    let mut statuses: Vec<_> = futures_util::future::join_all(both).await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

/// Lesson 9: a precondition that the service does not understand is never passed over.
#[actix_web::test]
async fn a_precondition_that_cannot_be_read_is_refused_rather_than_ignored() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    for odd in ["1", "\"1", "", "w/\"1\"", "\"1\" \"2\"", "*,\"1\""] {
        client.send("DELETE", &place, &[("If-Match", odd)], None).await.is_problem(400, "malformed-precondition");
        client.send("GET", &place, &[("If-None-Match", odd)], None).await.is_problem(400, "malformed-precondition");
    }
    assert_eq!(client.get(&place).await.status, 200);
}

#[actix_web::test]
async fn a_change_that_asks_for_absence_is_refused_where_something_is() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    let whole = json!({ "name": "Second", "user_id": USER });
    for tags in ["*", "\"1\"", "W/\"1\""] {
        let answer = client.json("PUT", &place, &[("If-None-Match", tags)], &whole).await;
        answer.is_problem(412, "precondition-failed");
    }
    assert_eq!(client.json("PUT", &place, &[("If-None-Match", "\"9\"")], &whole).await.status, 200);
}

#[actix_web::test]
async fn a_body_that_would_be_refused_anyway_is_refused_before_the_precondition() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    client.json("PUT", &place, &[("If-Match", "\"7\"")], &json!({})).await.is_invalid(&["name", "user_id"]);
}

#[actix_web::test]
async fn a_weak_tag_in_if_match_is_named_in_the_refusal() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    for method in ["DELETE", "GET"] {
        let answer = client.send(method, &place, &[("If-Match", "W/\"1\"")], None).await;
        let problem = answer.is_problem(412, "precondition-failed");
        assert!(problem["detail"].as_str().unwrap().contains("weak"), "{problem}");
    }
    let late = client.send("DELETE", &place, &[("If-Match", "\"7\"")], None).await;
    let problem = late.is_problem(412, "precondition-failed");
    assert_eq!(problem["detail"], "the current revision is 1; read the row, and send a precondition that it meets");
}
