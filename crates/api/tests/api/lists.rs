use crate::client::{CHARACTERS, Client, USER, path};
use serde_json::{Value, json};

async fn names(client: &Client, query: &str) -> Vec<String> {
    let answer = client.get(&format!("{CHARACTERS}?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    answer.json()["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn a_list_is_newest_first_and_says_that_it_is_whole() {
    let client = Client::new();
    for name in ["A", "B", "C"] {
        client.created(name).await;
    }
    let answer = client.get(CHARACTERS).await;
    assert_eq!(answer.json()["next_cursor"], Value::Null);
    assert_eq!(answer.json().as_object().unwrap().len(), 2);
    assert_eq!((answer.header("link"), answer.header("cache-status")), (None, Some("character-service; fwd=miss")));
    assert_eq!(names(&client, "").await, ["C", "B", "A"]);
}

#[actix_web::test]
async fn every_filter_narrows_the_list_and_they_narrow_together() {
    let client = Client::new();
    let other = "00000000-0000-4000-8000-000000000001";
    for (name, user, campaign, theme, active) in [
        ("A", USER, Some(other), "traditional", true),
        ("B", USER, None, "steam & punk", true),
        ("C", other, Some(other), "traditional", false),
    ] {
        let body =
            json!({ "name": name, "user_id": user, "campaign_id": campaign, "theme": theme, "is_active": active });
        assert_eq!(client.post(&body).await.status, 201);
    }
    assert_eq!(names(&client, &format!("user_id={USER}")).await, ["B", "A"]);
    assert_eq!(names(&client, &format!("campaign_id={other}&active_only=false")).await, ["C", "A"]);
    assert_eq!(names(&client, "theme=steam%20%26+punk").await, ["B"]);
    assert_eq!(names(&client, "active_only=true").await, ["B", "A"]);
    assert_eq!(names(&client, "active_only=false").await, ["C", "B", "A"]);
    assert_eq!(names(&client, &format!("active_only=true&campaign_id={other}&user_id={USER}")).await, ["A"]);
    let all = client.get(&format!("{CHARACTERS}?active_only=false")).await.json();
    client.send("DELETE", &path(&all["items"][0]), &[], None).await;
    assert_eq!(names(&client, "active_only=false").await, ["B", "A"]);
    assert_eq!(names(&client, "include_deleted=true").await, ["B", "A"]);
    assert_eq!(names(&client, "active_only=false&include_deleted=true").await, ["C", "B", "A"]);
}

#[actix_web::test]
async fn the_link_to_the_next_page_keeps_the_filters_and_leads_through_the_whole_list_once() {
    let client = Client::new();
    for i in 0..5 {
        let body = json!({ "name": i.to_string(), "user_id": USER, "theme": "steam & punk" });
        assert_eq!(client.post(&body).await.status, 201);
        client.created("other theme").await;
    }
    let mut next = Some(format!("{CHARACTERS}?theme=steam%20%26%20punk&limit=2"));
    let mut seen = Vec::new();
    while let Some(place) = next {
        let answer = client.get(&place).await;
        let page = answer.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()));
        next = answer.link("next").inspect(|place| {
            assert!(place.ends_with(&format!("cursor={}", page["next_cursor"].as_str().unwrap())), "{place}");
        });
        assert_eq!(next.is_none(), page["next_cursor"].is_null());
    }
    assert_eq!(seen, ["4", "3", "2", "1", "0"]);
}

#[actix_web::test]
async fn an_offset_leaves_out_so_many_and_its_next_page_goes_on_by_cursor() {
    let client = Client::new();
    for name in ["A", "B", "C", "D"] {
        client.created(name).await;
    }
    assert_eq!(names(&client, "limit=2&offset=1").await, ["C", "B"]);
    let page = client.get(&format!("{CHARACTERS}?limit=2&offset=1")).await;
    let next = page.link("next").unwrap();
    assert!(!next.contains("offset"), "{next}");
    assert_eq!(client.get(&next).await.json()["items"][0]["name"], "A");
    assert!(names(&client, "offset=9").await.is_empty());
}

#[actix_web::test]
async fn a_parameter_that_is_out_of_range_malformed_unknown_or_doubled_is_named() {
    let client = Client::new();
    for (query, fields) in [
        ("limit=0", vec!["limit"]),
        ("limit=1001", vec!["limit"]),
        ("limit=-1", vec!["limit"]),
        ("limit=x", vec!["limit"]),
        ("limit=", vec!["limit"]),
        ("offset=-1", vec!["offset"]),
        ("offset=4294967296", vec!["offset"]),
        ("cursor=x", vec!["cursor"]),
        ("cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&offset=1", vec!["cursor"]),
        ("user_id=x", vec!["user_id"]),
        ("user_id=", vec!["user_id"]),
        ("campaign_id=6f1c2f0e58a04d7b8d1e6a3c1f7f9a10", vec!["campaign_id"]),
        ("active_only=1", vec!["active_only"]),
        ("include_deleted=TRUE", vec!["include_deleted"]),
        ("theme=%00", vec!["theme"]),
        ("colour=red", vec!["colour"]),
        ("limit=1&limit=2", vec!["limit"]),
        ("user_id=x&limit=0&colour=red", vec!["user_id", "limit", "colour"]),
    ] {
        client.get(&format!("{CHARACTERS}?{query}")).await.is_invalid(&fields);
    }
    for query in ["limit=1", "limit=1000", "offset=0", "theme=", "cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(client.get(&format!("{CHARACTERS}?{query}")).await.status, 200, "{query}");
    }
}

#[actix_web::test]
async fn a_page_links_to_the_first_and_the_previous_one() {
    let client = Client::new();
    for name in ["A", "B", "C", "D", "E"] {
        client.created(name).await;
    }
    let items = async |place: &str| client.get(place).await.json()["items"].clone();
    let page = client.get(&format!("{CHARACTERS}?limit=2&offset=3&theme=traditional")).await;
    assert_eq!(page.link("prev").unwrap(), format!("{CHARACTERS}?limit=2&theme=traditional&offset=1"));
    assert_eq!(page.link("first").unwrap(), format!("{CHARACTERS}?limit=2&theme=traditional"));
    assert_eq!(page.link("next"), None);
    let previous = client.get(&page.link("prev").unwrap()).await;
    assert_eq!(previous.link("prev").unwrap(), format!("{CHARACTERS}?limit=2&theme=traditional"));
    assert_eq!(items(&previous.link("prev").unwrap()).await, items(&page.link("first").unwrap()).await);
    let second = client.get(&client.get(&format!("{CHARACTERS}?limit=2")).await.link("next").unwrap()).await;
    assert_eq!((second.link("first").unwrap(), second.link("prev")), (format!("{CHARACTERS}?limit=2"), None));
    assert_eq!(client.get(CHARACTERS).await.header("link"), None);
}

#[actix_web::test]
async fn a_list_that_has_not_changed_is_not_sent_again() {
    let client = Client::new();
    let hero = path(&client.created("Torormir").await);
    let versions = format!("{hero}/versions/tree");
    for list in [CHARACTERS, &versions] {
        let first = client.get(list).await;
        let tag = first.header("etag").unwrap().to_owned();
        assert!(tag.starts_with("W/\""), "{tag}");
        let known = async |tags: &str| client.send("GET", list, &[("If-None-Match", tags)], None).await;
        for tags in [tag.as_str(), "*", &format!("\"x\", {tag}"), &tag["W/".len()..]] {
            let again = known(tags).await;
            assert_eq!(
                (again.status, again.text.as_str(), again.header("etag")),
                (304, "", Some(tag.as_str())),
                "{tags}"
            );
        }
        assert_eq!(known("\"1\"").await.text, first.text);
        known("x").await.is_problem(400, "malformed-precondition");
        client.json("PATCH", &hero, &[], &json!({ "name": list })).await;
        let changed = known(&tag).await;
        assert_eq!(changed.status, 200);
        assert_ne!(changed.header("etag"), Some(tag.as_str()));
    }
}
