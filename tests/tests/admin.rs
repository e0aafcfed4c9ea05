//! `/admin/storage` of real processes: what a person on call sees, and can do.

#[path = "admin/consumers.rs"]
mod consumers;
#[path = "admin/neighbours.rs"]
mod neighbours;
mod support;

use character_tests::{RedisServer, Service, free_port};
use serde_json::{Value, json};
use std::time::Duration;
use support::{Answer, client, send, sheet, try_send, until};

const TOKEN: &str = "token-of-the-tests";

fn storage() -> Service {
    Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).start()
}

/// A Character Service, and where it shows its state.
fn characters(storage: &Service, settings: &[(&str, &str)]) -> (Service, String) {
    let admin = format!("127.0.0.1:{}", free_port());
    let mut builder = Service::character()
        .env("STORAGE_SERVICE_URL", storage.url(""))
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("STORAGE_RETRY_BASE_MS", "5")
        .env("ADMIN_ADDR", &admin);
    for (name, value) in settings {
        builder = builder.env(name, *value);
    }
    (builder.start(), format!("http://{admin}/admin/storage"))
}

async fn report(admin: &str) -> Value {
    let answer = send(client().get(admin)).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
    answer.body
}

async fn set_breaker(admin: &str, state: &str) -> Answer {
    send(change(client().post(format!("{admin}/breaker"))).json(&json!({ "state": state }))).await
}

/// A request that changes something says who sends it.
fn change(request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    request.header("x-requested-by", "Ann of the tests")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_tells_how_breaker_budget_cache_and_redis_are_and_what_failed_last_without_secrets_or_contents() {
    let redis = RedisServer::start();
    let storage = storage();
    let (service, admin) =
        characters(&storage, &[("REDIS_URL", &redis.url()), ("STORAGE_BREAKER_RECOVERY_SECS", "60")]);
    let url = service.url("/api/v2/characters");
    let created = send(client().post(&url).json(&sheet("MARKER"))).await;
    assert_eq!(send(client().get(format!("{url}/{}", created.id()))).await.status, 200);
    // The gauge of Redis follows its first heartbeat.
    let up = |answer: &Answer| answer.body["cache"]["shared"]["up"] == true;
    let healthy = until(Duration::from_secs(10), "Redis in use", || client().get(&admin), up).await.body;
    assert_eq!(
        (&healthy["service"], &healthy["breakers"]["reads"]["state"]),
        (&"character-service".into(), &"closed".into())
    );
    assert_eq!(healthy["failures"], json!([]));
    assert_eq!((&healthy["retry_budget"]["capacity"], &healthy["in_flight"]["operations"]), (&json!(20.0), &0.into()));
    assert!(healthy["cache"]["local"]["entries"].as_u64() >= Some(1), "{healthy}");
    assert!(
        healthy.get("database").is_none() && healthy["breakers"]["reads"].get("seconds_to_probe").is_none(),
        "{healthy}"
    );

    storage.kill();
    let unknown = uuid::Uuid::new_v4();
    for _ in 0..4 {
        let get = client().get(format!("{url}/{unknown}")).header("x-request-id", "asked-by-the-test");
        assert_eq!(send(get).await.status, 503);
    }
    let post = client().post(&url).json(&sheet("MARKER"));
    assert_eq!(send(post).await.status, 503);
    let down = report(&admin).await;
    let breaker = &down["breakers"]["reads"];
    assert_eq!((&breaker["state"], &breaker["is_forced"]), (&"open".into(), &false.into()), "{down}");
    let wait = breaker["seconds_to_probe"].as_f64().unwrap();
    assert!(breaker["consecutive_failures"].as_u64() >= Some(5) && wait > 0.0 && wait <= 60.0, "{breaker}");
    assert!(breaker["since"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert!(down["retry_budget"]["left"].as_f64() < Some(20.0), "{down}");
    let failures = down["failures"].as_array().unwrap();
    let kinds: Vec<_> = failures.iter().map(|entry| entry["failure"]["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"unavailable") && kinds.contains(&"circuit-open"), "{kinds:?}");
    // An operator sees the first cause wherever they look, also when the breaker is all that is left of it.
    let innermost =
        |chain: &Value| chain.as_array().and_then(|chain| chain.last()?.as_str()).unwrap_or_default().to_owned();
    assert!(innermost(&breaker["opened_by"]).contains("refused"), "{breaker}");
    for entry in failures {
        assert!(innermost(&entry["failure"]["chain"]).contains("refused"), "{entry}");
    }
    let metrics = send(client().get(service.url("/metrics"))).await;
    let metrics = metrics.body.as_str().unwrap();
    let refused = r#"storage_client_requests_total{operation="character_find",outcome="circuit_open",cause="connect"}"#;
    let count = metrics.lines().find_map(|line| line.strip_prefix(refused)).unwrap().trim().parse::<f64>().unwrap();
    assert!(count >= 1.0 && metrics.contains(r#"circuit_breaker_forced{breaker="reads"} 0"#), "{count}: {metrics}");
    let output = service.await_output("the circuit breaker is open");
    let line = output.lines().find(|line| line.contains("the circuit breaker is open")).unwrap();
    assert!(line.contains("cause=") && line.contains("refused"), "{line}");
    let told = failures.iter().map(|entry| entry["count"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(told, 5, "each failed operation is told once, however often it was tried: {failures:#?}");
    let is_read = |failure: &&Value| failure["operation"] == "character.find" && failure["kind"] == "unavailable";
    let found = failures.iter().map(|entry| &entry["failure"]).find(is_read).unwrap();
    assert_eq!(found["row"]["id"], unknown.to_string());
    assert_eq!((&found["attempts"], &found["request_id"]), (&4.into(), &"asked-by-the-test".into()));
    assert!(found["trace_id"].as_str().is_some_and(|id| id.len() == 32), "{found}");
    assert!(found["chain"].as_array().unwrap().len() >= 2, "{found}");
    let text = down.to_string();
    assert!(!text.contains("MARKER") && !text.contains(TOKEN), "{text}");
    let output = service.await_output("character_error_report");
    assert!(!output.contains(TOKEN) && !output.contains("MARKER"), "{output}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_breaker_can_be_forced_open_and_closed_and_be_left_to_itself_again() {
    let storage = storage();
    let (service, admin) =
        characters(&storage, &[("STORAGE_RETRY_MAX", "0"), ("STORAGE_BREAKER_RECOVERY_SECS", "600")]);
    let url = service.url("/api/v2/characters");
    let ask = || client().get(format!("{url}/{}", uuid::Uuid::new_v4()));
    assert_eq!(send(ask()).await.status, 404);

    let order = json!({ "state": "open", "breaker": "changes" });
    let one = send(change(client().post(format!("{admin}/breaker")).json(&order))).await;
    let forced = |name: &str| one.body["breakers"][name]["is_forced"].clone();
    assert_eq!((forced("reads"), forced("changes")), (false.into(), true.into()));
    let metrics = send(client().get(service.url("/metrics"))).await.body;
    assert!(metrics.as_str().unwrap().contains(r#"circuit_breaker_forced{breaker="changes"} 1"#), "{metrics}");
    assert_eq!(send(ask()).await.status, 404, "reads go on");
    let forced = set_breaker(&admin, "open").await;
    assert_eq!((forced.status, &forced.body["breakers"]["reads"]["is_forced"]), (200, &true.into()));
    assert_eq!(send(ask()).await.status, 503, "the storage works and is not asked");
    assert_eq!(set_breaker(&admin, "automatic").await.body["breakers"]["reads"]["state"], "closed");
    assert_eq!(send(ask()).await.status, 404);

    assert_eq!(set_breaker(&admin, "closed").await.body["breakers"]["reads"]["is_forced"], true);
    storage.kill();
    for _ in 0..8 {
        assert_eq!(send(ask()).await.status, 503);
    }
    let closed = report(&admin).await;
    assert_eq!(
        (&closed["breakers"]["reads"]["state"], &closed["breakers"]["reads"]["rejected"]),
        (&"closed".into(), &1.into())
    );
    storage.restart();
    assert_eq!(send(ask()).await.status, 404, "without waiting ten minutes for a probe");
    assert_eq!(set_breaker(&admin, "automatic").await.body["breakers"]["reads"]["is_forced"], false);

    service.await_output("requested_by=\"Ann of the tests\"");
    for name in ["reads", "changes"] {
        for state in ["open", "closed", "automatic"] {
            service.await_output(&format!("the circuit breaker for {name} was set to {state}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_the_lists_of_a_user_or_everything_can_be_dropped_from_the_cache() {
    let redis = RedisServer::start();
    let storage = storage();
    let (service, admin) = characters(&storage, &[("REDIS_URL", &redis.url())]);
    let body = sheet("Cached");
    let user = body["user_id"].as_str().unwrap().to_owned();
    let id = send(client().post(service.url("/api/v2/characters")).json(&body)).await.id();
    let row = service.url(&format!("/api/v2/characters/{id}"));
    let list = service.url(&format!("/api/v2/characters?user_id={user}"));
    // With the channel up, what was read once is answered from memory.
    let is_hit = |answer: &Answer| answer.header("cache-status").contains("; hit");
    let warm = async || {
        for url in [&row, &list] {
            until(Duration::from_secs(10), "a hit", || client().get(url), is_hit).await;
        }
    };
    let drop_cache = async |query: &str| send(change(client().delete(format!("{admin}/cache?{query}")))).await.status;

    warm().await;
    assert_eq!(drop_cache(&format!("kind=character&id={id}")).await, 204);
    assert!(!is_hit(&send(client().get(&row)).await), "the row comes from the storage");
    warm().await;
    assert_eq!(drop_cache(&format!("tag=user_id:{user}")).await, 204);
    assert!(is_hit(&send(client().get(&row)).await), "the row stays");
    assert!(!is_hit(&send(client().get(&list)).await), "the list comes from the storage");
    warm().await;
    assert_eq!(drop_cache("all=true").await, 204);
    assert!(!is_hit(&send(client().get(&row)).await) && !is_hit(&send(client().get(&list)).await));
    assert_eq!(service.output().matches("dropped from the cache:").count(), 3, "{}", service.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_a_problem_and_does_nothing() {
    let storage = storage();
    let (service, admin) = characters(&storage, &[]);
    let breaker = || change(client().post(format!("{admin}/breaker")));
    let cache = |query: &str| change(client().delete(format!("{admin}/cache{query}")));
    for (request, status, code) in [
        (breaker().json(&json!({ "state": "ajar" })), 400, "malformed"),
        (breaker().json(&json!({})), 400, "malformed"),
        (breaker().json(&json!({ "state": "open", "for": 5 })), 400, "malformed"),
        (breaker().header("content-type", "text/plain").body(r#"{"state":"open"}"#), 400, "malformed"),
        (breaker().header("content-type", "application/json").body("x".repeat(5_000)), 400, "malformed"),
        (cache(""), 400, "malformed"),
        (cache("?all=false"), 400, "malformed"),
        (cache("?tag=user_id:nobody"), 400, "malformed"),
        (cache("?kind=character"), 400, "malformed"),
        (client().get(format!("{admin}/breaker")), 405, "method-not-allowed"),
        (change(client().post(&admin)), 405, "method-not-allowed"),
        (client().get(format!("{admin}/nothing")), 404, "no-such-path"),
    ] {
        let answer = send(request).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{answer:?}");
        assert!(answer.header("content-type").starts_with("application/problem+json"), "{answer:?}");
    }
    let after = report(&admin).await;
    assert_eq!(after["breakers"]["reads"]["is_forced"], false);
    assert_eq!(send(client().get(service.url("/admin/storage"))).await.status, 404, "the API does not show it");
    assert_eq!(service.terminate(), 0, "{}", service.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_storage_service_shows_its_database_and_has_neither_breaker_nor_cache() {
    let admin = format!("127.0.0.1:{}", free_port());
    let storage = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("ADMIN_ADDR", &admin).start();
    let admin = format!("http://{admin}/admin/storage");
    let state = report(&admin).await;
    assert_eq!((&state["service"], &state["database"]["open"]), (&"storage-service".into(), &4.into()), "{state}");
    for part in ["breakers", "cache", "retry_budget"] {
        assert!(state.get(part).is_none(), "{state}");
    }
    for answer in
        [set_breaker(&admin, "open").await, send(change(client().delete(format!("{admin}/cache?all=true")))).await]
    {
        assert_eq!((answer.status, answer.body["code"].as_str()), (404, Some("no-such-part")), "{answer:?}");
    }
    assert_eq!(storage.terminate(), 0, "{}", storage.output());
    assert!(try_send(client().get(&admin)).await.is_err(), "it ends with the service");
}

#[test]
fn it_is_off_by_default_and_refuses_an_address_that_others_can_reach() {
    let refused = Service::character().env("ADMIN_ADDR", "0.0.0.0:0").arg("check").run();
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.errors.contains("ADMIN_ADDR") && refused.errors.contains("ADMIN_ALLOW_REMOTE"), "{refused:?}");
    let service = Service::character().start();
    assert!(!service.output().contains("/admin/storage"), "{}", service.output());
}
