//! What the hub takes.

use super::support::{event, json_of, listening};
use character_message_hub_server::HubServerConfig;
use reqwest::Method;
use serde_json::{Value, json};

#[actix_web::test]
async fn a_message_id_for_a_whole_batch_is_refused_and_nothing_is_published() {
    let hub = listening(HubServerConfig::default()).await;
    for batch in [json!([event("1")]), json!([event("1"), event("2")]), json!([])] {
        let request = hub.publishing("application/cloudevents-batch+json", batch.to_string());
        let problem = json_of(request.header("Message-Id", "mine").send().await.unwrap(), 422).await;
        assert_eq!(problem["errors"][0]["field"], "message-id", "{problem}");
    }
    assert!(hub.hub.published().is_empty());
}

#[actix_web::test]
async fn attributes_of_another_format_are_refused_in_every_mode_with_their_names() {
    let hub = listening(HubServerConfig::default()).await;
    for (attribute, wrong) in [
        ("source", json!("a b")),
        ("dataschema", json!("/schemas/1")),
        ("datacontenttype", json!("json")),
        ("sequence", json!(2_147_483_648_i64)),
    ] {
        let mut event = event("1");
        event[attribute] = wrong.clone();
        let structured = hub.publishing("application/cloudevents+json", event.to_string()).send().await.unwrap();
        assert_eq!(json_of(structured, 422).await["errors"][0]["field"], attribute);
        let batch = hub.publishing("application/cloudevents-batch+json", json!([event]).to_string());
        let problem = json_of(batch.send().await.unwrap(), 422).await;
        assert_eq!(problem["errors"][0]["field"], format!("[0].{attribute}"));
        let binary = |name: &str, value: &str| {
            let content_type = if name == "content-type" { value } else { "application/json" };
            let request = hub.request(Method::POST, "/v1/events").body("1").header("content-type", content_type);
            let set = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/a"), ("ce-type", "t")];
            let set = set.into_iter().filter(|(given, _)| *given != name);
            let request = set.fold(request, |request, (name, value)| request.header(name, value));
            if name.starts_with("ce-") { request.header(name, value) } else { request }
        };
        let header = match attribute {
            "datacontenttype" => "content-type".to_owned(),
            "sequence" => continue,
            other => format!("ce-{other}"),
        };
        let response = binary(&header, wrong.as_str().unwrap()).send().await.unwrap();
        assert_eq!(json_of(response, 422).await["errors"][0]["field"], header);
        let quoted = binary("ce-subject", "\"a b\"").send().await.unwrap();
        assert_eq!(json_of(quoted, 200).await["results"][0]["id"], "1");
    }
    let published = hub.hub.published();
    assert_eq!((published.len(), published[0].subject()), (1, Some("a b")), "a quoted value loses its quotes");
}

#[actix_web::test]
async fn an_event_of_another_source_is_published_in_every_mode_although_its_id_is_known() {
    let hub = listening(HubServerConfig::default()).await;
    let of_source = |source: &str| {
        let mut event = event("1");
        event["source"] = json!(source);
        event
    };
    let statuses = |results: Value| {
        let results = results["results"].as_array().unwrap().clone();
        results.into_iter().map(|result| result["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let batch = || json!([of_source("/a"), of_source("/b"), of_source("/a")]);
    assert_eq!(statuses(hub.publish_batch(batch()).await), ["published", "published", "duplicate"]);
    for (source, status) in [("/c", "published"), ("/c", "duplicate"), ("/a", "duplicate")] {
        let structured = hub.publishing("application/cloudevents+json", of_source(source).to_string());
        assert_eq!(statuses(json_of(structured.send().await.unwrap(), 200).await), [status], "{source}");
    }
    for (source, status) in [("/d", "published"), ("/d", "duplicate"), ("/c", "duplicate")] {
        let binary = hub.publishing("application/json", "1").header("ce-specversion", "1.0").header("ce-id", "1");
        let binary = binary.header("ce-source", source).header("ce-type", "character.created");
        assert_eq!(statuses(json_of(binary.send().await.unwrap(), 200).await), [status], "{source}");
    }
    let named = hub.publishing("application/cloudevents+json", of_source("/e").to_string());
    let named = named.header("message-id", "mine").send().await.unwrap();
    assert_eq!(statuses(json_of(named, 200).await), ["published"], "an explicit message id is taken unchanged");
}

#[actix_web::test]
async fn a_batch_has_one_result_per_event_and_a_repeat_is_a_duplicate() {
    let hub = listening(HubServerConfig::default()).await;
    let mut replay = event("1");
    replay["hubmessageid"] = json!("1/replay-a");
    let results = hub.publish_batch(json!([event("1"), event("2"), event("1"), replay])).await;
    let statuses: Vec<_> =
        results["results"].as_array().unwrap().iter().map(|result| result["status"].clone()).collect();
    assert_eq!(statuses, ["published", "published", "duplicate", "published"]);
    assert_eq!(results["results"][3]["id"], "1");
    let published = hub.hub.published();
    assert_eq!(published.len(), 3);
    assert_eq!(published[2].extension("hubmessageid"), None, "the hub removes the message id");
    assert_eq!(serde_json::to_value(&*published[0]).unwrap(), event("1"));
}

#[actix_web::test]
async fn an_event_is_taken_in_structured_and_in_binary_mode() {
    let hub = listening(HubServerConfig::default()).await;
    let structured = hub.publishing("application/cloudevents+json; charset=utf-8", event("1").to_string());
    let result = json_of(structured.header("message-id", "other").send().await.unwrap(), 200).await;
    assert_eq!(result, json!({ "results": [{ "id": "1", "status": "published" }] }));
    let binary = |id: &str| {
        hub.publishing("application/json", r#"{"name":"Ada"}"#)
            .header("ce-specversion", "1.0")
            .header("ce-id", id)
            .header("ce-source", "/tests")
            .header("ce-type", "character.created")
            .header("ce-subject", "Torm%C3%ADr")
            .header("ce-traceparent", "00-1-2-01")
    };
    json_of(binary("2").send().await.unwrap(), 200).await;
    let repeat = binary("3").header("message-id", "other").send().await.unwrap();
    assert_eq!(json_of(repeat, 200).await["results"][0]["status"], "duplicate");
    let published = hub.hub.published();
    assert_eq!(published[1].subject(), Some("Tormír"));
    assert_eq!(published[1].extension("traceparent"), Some("00-1-2-01"));
    assert_eq!(published[1].json(), Some(&json!({ "name": "Ada" })));
}

#[actix_web::test]
async fn bad_events_are_refused_with_their_place_and_nothing_is_published() {
    let hub = listening(HubServerConfig::default()).await;
    let mut nameless = event("2");
    nameless["type"] = Value::Null;
    let mut odd = event("3");
    odd["Odd"] = json!("x");
    let batch = json!([event("1"), nameless, odd, 7]);
    let refused = hub.publishing("application/cloudevents-batch+json", batch.to_string()).send().await.unwrap();
    let problem = json_of(refused, 422).await;
    assert_eq!(problem["type"], "urn:problem-type:message-hub:invalid");
    assert_eq!(problem["certainly_not_applied"], true);
    let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, ["[1].type", "[2].Odd", "[3]"]);
    let many: Vec<_> = (0..1_001).map(|number| event(&number.to_string())).collect();
    let cases = [
        ("application/cloudevents-batch+json", json!(many).to_string(), 422, "invalid"),
        ("application/cloudevents-batch+json", event("1").to_string(), 400, "malformed"),
        ("application/cloudevents+json", "{".to_owned(), 400, "malformed"),
        ("application/cloudevents+json", "[]".to_owned(), 422, "invalid"),
        ("application/cloudevents+xml", "<event/>".to_owned(), 415, "unsupported-media-type"),
        ("application/json", event("1").to_string(), 415, "unsupported-media-type"),
    ];
    for (media_type, body, status, code) in cases {
        let response = hub.publishing(media_type, body).send().await.unwrap();
        assert_eq!(json_of(response, status).await["code"], code, "{media_type}");
    }
    let compressed = hub.publishing("application/cloudevents+json", "x").header("content-encoding", "gzip");
    assert_eq!(json_of(compressed.send().await.unwrap(), 415).await["code"], "unsupported-media-type");
    let large = hub.publishing("application/cloudevents+json", vec![b' '; 16 * 1024 * 1024 + 1]).send().await;
    // The hub may answer before it has read the body, and close the connection.
    if let Ok(response) = large {
        let problem = json_of(response, 413).await;
        assert_eq!((&problem["code"], &problem["limit"]), (&json!("too-large"), &json!(16_777_216)));
    }
    assert_eq!(hub.hub.published(), []);
}
