//! The pages for people, and the list of the kinds of problems behind them.

use crate::client::{CHARACTERS, Client, REPOSITORY, path};
use character_api::{PROBLEMS, problems_document};
use serde_json::json;
use std::{fs, path::Path};

const BROWSER: [(&str, &str); 1] = [("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")];

#[actix_web::test]
async fn the_start_page_leads_to_everything_and_is_data_for_programs() {
    let client = Client::new();
    let data = client.get("/").await;
    assert_eq!((data.status, data.header("content-type")), (200, Some("application/json")));
    let data = data.json();
    assert_eq!((&data["name"], &data["version"]), (&json!("Character Service"), &json!("1.2.3")));
    let page = client.send("GET", "/", &BROWSER, None).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("vary"), Some("accept"));
    let mut links = data["links"].as_object().unwrap().clone();
    assert_eq!(links.remove("repository"), Some(json!(REPOSITORY)));
    let repository = REPOSITORY.replace('&', "&amp;");
    assert!(page.text.contains(&format!("<a href=\"{repository}\">repository</a>")), "{}", page.text);
    for (name, address) in links {
        let address = address.as_str().unwrap();
        assert!(page.text.contains(&format!("<a href=\"{address}\">{name}</a>")), "{}", page.text);
        assert_eq!(client.get(address).await.status, 200, "{address}");
    }
}

#[actix_web::test]
async fn the_type_of_a_problem_leads_to_a_page_about_it() {
    let client = Client::new();
    let problem = client.get(&format!("{CHARACTERS}?limit=0")).await.is_problem(422, "invalid");
    let place = problem["type"].as_str().unwrap();
    let described = client.get(place).await.json();
    assert_eq!((&described["code"], &described["title"]), (&problem["code"], &problem["title"]));
    let page = client.send("GET", place, &BROWSER, None).await;
    assert!(page.text.contains(problem["title"].as_str().unwrap()), "{}", page.text);
    client.get("/problems/none").await.is_problem(404, "no-such-path");
    let index = client.send("GET", "/problems", &BROWSER, None).await;
    for kind in PROBLEMS {
        assert!(index.text.contains(&format!("\"/problems/{}\"", kind.code)), "{}", kind.code);
        assert_eq!(client.send("GET", &format!("/problems/{}", kind.code), &BROWSER, None).await.status, 200);
    }
}

fn document() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/problems.md")
}

#[test]
fn the_document_about_problems_is_the_list_of_kinds() {
    let written = fs::read_to_string(document()).unwrap_or_default();
    assert_eq!(written, problems_document(), "docs/problems.md is not current: run `make problems`");
}

#[test]
#[ignore = "writes docs/problems.md, for `make problems`"]
fn write_the_document_about_problems() {
    fs::write(document(), problems_document()).unwrap();
}

#[actix_web::test]
async fn a_body_for_an_act_that_takes_none_is_refused_and_nothing_changes() {
    let client = Client::new();
    let hero = path(&client.created("Torormir").await);
    for body in ["{}", "null", "{\"hard\":true}"] {
        client
            .send("DELETE", &hero, &[("content-type", "application/json")], Some(body.into()))
            .await
            .is_invalid(&["body"]);
        client.text("POST", &format!("{hero}/restore"), &[], body).await.is_invalid(&["body"]);
    }
    let parts = [("transfer-encoding", "chunked"), ("content-length", "0")];
    client.send("DELETE", &hero, &parts, Some("{}".into())).await.is_invalid(&["body"]);
    assert_eq!(client.get(&hero).await.status, 200);
    for empty in [&parts[..], &[("content-length", "0")]] {
        assert_eq!(client.send("DELETE", &hero, empty, None).await.status, 204, "{empty:?}");
        assert_eq!(client.send("POST", &format!("{hero}/restore"), empty, None).await.status, 200, "{empty:?}");
    }
}
