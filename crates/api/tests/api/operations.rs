use crate::client::{CHARACTERS, Client, USER, path};
use character_api::ApiLimits;
use character_http_kit::HealthCheck;
use character_storage_port::MemoryStorage;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

fn check(name: &'static str, probe: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> HealthCheck {
    let probe = Arc::new(probe);
    HealthCheck {
        name,
        critical: true,
        probe: Arc::new(move || {
            let probe = Arc::clone(&probe);
            Box::pin(async move { probe() })
        }),
    }
}

fn with_checks(checks: Vec<HealthCheck>) -> Client {
    Client::with(MemoryStorage::new(), ApiLimits::default(), checks)
}

#[actix_web::test]
async fn health_names_each_dependency_and_is_degraded_when_one_is_down() {
    let client = with_checks(vec![check("storage", || Ok(())), check("redis", || Err("refused".to_owned()))]);
    let answer = client.get("/health").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({ "status": "degraded", "version": "1.2.3", "dependencies": {
            "storage": { "status": "up", "critical": true },
            "redis": { "status": "down", "critical": true, "detail": "refused" },
        } })
    );
    assert_eq!(with_checks(vec![check("storage", || Ok(()))]).get("/health").await.json()["status"], "ok");
}

#[actix_web::test]
async fn a_dependency_that_hangs_is_down_after_a_second_and_no_client_makes_it_probed_more_often() {
    tokio::time::pause();
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let hanging = HealthCheck {
        name: "storage",
        critical: true,
        probe: Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Box::pin(std::future::pending())
        }),
    };
    let client = with_checks(vec![hanging]);
    let started = tokio::time::Instant::now();
    let all = futures_util::future::join_all((0..5).map(|_| client.get("/health"))).await;
    assert!(all.iter().all(|answer| answer.json()["dependencies"]["storage"]["status"] == "down"));
    assert!(started.elapsed() < Duration::from_millis(1_500));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    client.get("/health").await;
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[actix_web::test]
async fn a_service_is_ready_until_it_stops_and_live_throughout() {
    let client = with_checks(vec![check("storage", || Err("down".to_owned()))]);
    assert_eq!(client.get("/health/ready").await.status, 200);
    client.api.health.stop();
    client.get("/health/ready").await.is_problem(503, "stopping");
    assert_eq!(client.get("/health/live").await.status, 200);
}

#[actix_web::test]
async fn a_request_id_is_taken_over_when_it_is_usable_and_made_otherwise() {
    let client = Client::new();
    let asked = async |id: &str| {
        let answer = client.send("GET", CHARACTERS, &[("X-Request-Id", id)], None).await;
        answer.header("x-request-id").unwrap().to_owned()
    };
    let longest = "r".repeat(128);
    for id in ["abc-123", "{weird}/but;visible", &longest] {
        assert_eq!(asked(id).await, id);
    }
    for id in ["", "two words", &"r".repeat(129), "żółw"] {
        let made = asked(id).await;
        assert_eq!(uuid::Uuid::parse_str(&made).unwrap().get_version_num(), 7, "{id}");
    }
    let failed = client.send("GET", "/nowhere", &[("X-Request-Id", "abc-123")], None).await;
    assert_eq!(failed.is_problem(404, "no-such-path")["request_id"], "abc-123");
}

#[actix_web::test]
async fn head_answers_as_get_does() {
    let client = Client::new();
    let place = path(&client.created("Torormir").await);
    for place in [&*place, CHARACTERS, "/health", "/health/live", "/health/ready", "/metrics", "/openapi.json"] {
        let (get, head) = (client.get(place).await, client.send("HEAD", place, &[], None).await);
        assert_eq!((head.status, head.header("etag")), (get.status, get.header("etag")), "{place}");
        assert_eq!((head.status, head.header("content-type")), (200, get.header("content-type")), "{place}");
    }
}

#[actix_web::test]
async fn head_of_the_stream_has_the_headers_of_a_stream_and_opens_none_that_stays() {
    let client = Client::new();
    let hero = client.created("Torormir").await;
    let stream = format!("/api/v2/stream?character={}", hero["id"].as_str().unwrap());
    let head = client.send("HEAD", &stream, &[], None).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")), "{}", head.text);
    assert_eq!((head.text.as_str(), head.header("cache-control")), ("", Some("no-store, no-transform")));
    assert!(format!("{:?}", client.api.live).contains("streams: 0"), "{:?}", client.api.live);
    assert_eq!(client.send("HEAD", "/api/v2/stream", &[], None).await.status, 422);
}

#[actix_web::test]
async fn requests_are_counted_by_route_and_status_and_no_client_can_make_a_label() {
    let client = Client::new();
    for i in 0..3 {
        client.get(&format!("/nowhere/{i}")).await;
        client.send(&format!("BREW{i}"), CHARACTERS, &[], None).await;
        client.get(&format!("{CHARACTERS}/{}", uuid::Uuid::new_v4())).await;
    }
    let plain = client.get("/metrics").await;
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(plain.text.contains("# TYPE http_server_requests_total counter\n"), "{}", plain.text);
    let accepted = [("accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
    let answer = client.send("GET", "/metrics", &accepted, None).await;
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(media));
    for line in [
        "http_server_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 3",
        "http_server_requests_total{method=\"other\",route=\"/api/v2/characters\",status=\"405\"} 3",
        "http_server_requests_total{method=\"GET\",route=\"/api/v2/characters/{id}\",status=\"404\"} 3",
        "http_server_request_duration_seconds_count{method=\"GET\",route=\"/api/v2/characters/{id}\"} 3",
    ] {
        assert!(plain.text.contains(line), "{line} in\n{}", plain.text);
        assert!(answer.text.contains(line), "{line} in\n{}", answer.text);
    }
    assert!(answer.text.ends_with("# EOF\n"));
}

#[actix_web::test]
async fn the_page_of_the_documentation_and_all_it_loads_come_from_the_service() {
    let client = Client::new();
    let redirect = client.get("/docs").await;
    assert_eq!((redirect.status, redirect.header("location")), (308, Some("/docs/")));
    let page = client.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("<title>Character Service API</title>"), "{}", page.text);
    assert!(!page.text.contains("src=\"http") && !page.text.contains("href=\"http"), "{}", page.text);
    for part in page.text.split(['"', '\'']).filter(|part| part.starts_with("./")) {
        let answer = client.send("GET", &format!("/docs/{}", &part[2..]), &[], None).await;
        assert_eq!(answer.status, 200, "{part}");
    }
    let start = client.get("/docs/swagger-initializer.js").await.text;
    assert!(start.contains("/openapi.json"), "{start}");
}

#[actix_web::test]
async fn the_openapi_document_knows_every_operation_with_its_problems_and_every_reference_leads_somewhere() {
    let document = Client::new().get("/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let operations: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}")))
        .collect();
    for needed in ["get /api/v2/characters/{id}", "post /api/v2/characters/{id}/inventory/{item}/equip", "get /health"]
    {
        assert!(operations.contains(needed), "{needed}");
    }
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 40);
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    let patch = &document["paths"]["/api/v2/characters/{id}"]["patch"];
    assert!(patch["requestBody"]["content"]["application/merge-patch+json"].is_object());
    let stale = patch["responses"]["412"]["$ref"].as_str().unwrap();
    assert!(document.pointer(&stale[1..]).unwrap()["content"]["application/problem+json"].is_object());
}

fn collect_references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| match value {
            Value::String(text) if key == "$ref" => into.push(text.clone()),
            _ => collect_references(value, into),
        }),
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, into)),
        _ => {}
    }
}

#[actix_web::test]
async fn every_operation_of_the_openapi_document_is_there() {
    let client = Client::new();
    let document = client.get("/openapi.json").await.json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path: String =
            path.split('/').map(|part| if part.starts_with('{') { USER } else { part }).collect::<Vec<_>>().join("/");
        for method in methods.as_object().unwrap().keys() {
            let answer = client.send(&method.to_uppercase(), &path, &[], None).await;
            let code =
                serde_json::from_str::<Value>(&answer.text).map(|problem| problem["code"].clone()).unwrap_or_default();
            assert!(code != "no-such-path" && code != "method-not-allowed", "{method} {path}: {}", answer.text);
        }
    }
}
