//! The lines of the log: what they tell of a request, how often they are repeated, and what is not logged at all.

use super::{PATIENCE, TOKEN, over, storage};
use crate::support::{Answer, client, send, sheet, until};
use character_tests::{Service, query_sqlite};
use serde_json::Value;

fn lines(service: &Service) -> Vec<Value> {
    service.output().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The lines of one request, once there is one of this target.
async fn of_request(service: &Service, id: &str, target: &str) -> Vec<Value> {
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let found: Vec<_> = lines(service).into_iter().filter(|line| line["request_id"] == id).collect();
        if found.iter().any(|line| line["target"].as_str().is_some_and(|found| found.starts_with(target))) {
            return found;
        }
        assert!(std::time::Instant::now() < end, "no line of {id} with target {target}: {}", service.output());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_id_and_one_trace_are_in_the_lines_of_both_services_and_in_their_warnings() {
    let owner = storage().env("LOG_FORMAT", "json").start();
    let service = over(&owner).env("LOG_FORMAT", "json").env("CACHE_MAX_BYTES", "0").start();
    let url = service.url("/api/v2/characters");
    let id = send(client().post(&url).json(&sheet("Broken")).header("x-request-id", "the-post")).await.id();
    let post = of_request(&owner, "the-post", "access").await;
    assert_eq!((&post[0]["method"], &post[0]["principal"]), (&"POST".into(), &"token 1".into()), "{post:?}");
    assert_eq!(post[0]["client"], "127.0.0.1");
    let row = uuid::Uuid::parse_str(&id).unwrap().simple().to_string();
    let spoil = format!("UPDATE characters SET data = '{{' WHERE id = X'{row}'; SELECT changes()");
    assert_eq!(query_sqlite(&owner.data_dir().join("storage.sqlite"), &spoil), "1");
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let get = client().get(format!("{url}/{id}")).header("x-request-id", "the-get");
    let get = get.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    assert_eq!(send(get).await.status, 502);
    for (service, target) in [(&owner, "character_storage_server"), (&service, "character_api"), (&service, "access")] {
        let found = of_request(service, "the-get", target).await;
        assert!(found.iter().all(|line| line["trace_id"] == trace), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_id_is_in_the_lines_of_both_services_and_of_the_hub_between_them() {
    let owner = storage().env("LOG_FORMAT", "json").start();
    let hub = Service::message_hub()
        .env("MESSAGE_HUB_TOKEN", TOKEN)
        .env("HUB_SERVICES", format!("storage-service={}", owner.url("")))
        .env("LOG_FORMAT", "json")
        .start();
    let service = over(&owner)
        .env("STORAGE_SERVICE_URL", "hub:storage-service")
        .env("MESSAGE_HUB_URL", hub.url(""))
        .env("MESSAGE_HUB_TOKEN", TOKEN)
        .start();
    let post = client().post(service.url("/api/v2/characters")).json(&sheet("Routed"));
    assert_eq!(send(post.header("x-request-id", "routed")).await.status, 201);
    for process in [&owner, &hub] {
        of_request(process, "routed", "access").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_line_of_a_request_names_client_author_and_where_the_answer_came_from() {
    let service = Service::character().env("LOG_FORMAT", "json").start();
    let url = service.url("/api/v2/characters");
    let post = client().post(&url).json(&sheet("Logged")).header("x-user-id", "ann").header("x-request-id", "a-post");
    let id = send(post).await.id();
    let post = of_request(&service, "a-post", "access").await;
    assert_eq!((&post[0]["principal"], &post[0]["client"]), (&"ann".into(), &"127.0.0.1".into()), "{post:?}");
    let get = || client().get(format!("{url}/{id}")).header("x-request-id", "a-get");
    until(PATIENCE, "a hit", get, |answer| answer.header("cache-status").contains("hit")).await;
    let gets = of_request(&service, "a-get", "access").await;
    let sources: Vec<_> = gets.iter().map(|line| line["cache_status"].as_str().unwrap_or_default()).collect();
    assert!(sources.iter().any(|source| source.contains("hit")), "{sources:?}");
    assert!(gets[0].get("principal").is_none(), "{gets:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_have_no_line_unless_they_fail_or_the_filter_asks_for_them() {
    for (filter, has_line) in [("info", false), ("info,access=debug", true)] {
        let service = Service::character().env("LOG_FORMAT", "json").env("LOG_LEVEL", filter).start();
        for path in ["/health", "/health/live", "/health/ready", "/metrics"] {
            assert_eq!(send(client().get(service.url(path)).header("x-request-id", "a-probe")).await.status, 200);
        }
        send(client().delete(service.url("/health/live")).header("x-request-id", "no-probe")).await;
        let refused = of_request(&service, "no-probe", "access").await;
        assert_eq!(refused[0]["status"], 405, "{refused:?}");
        let probes = lines(&service).into_iter().filter(|line| line["request_id"] == "a-probe").count();
        assert_eq!(probes, if has_line { 4 } else { 0 }, "{filter}: {}", service.output());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polls_of_the_log_and_of_leases_have_no_line_in_the_storage_service_unless_the_filter_asks_for_them() {
    let polls = [("GET", "/storage/v1/log"), ("POST", "/storage/v1/consumers/{name}/lease")];
    for (filter, has_line) in [("info", false), ("info,access=debug", true)] {
        let owner = storage().env("LOG_FORMAT", "json").env("LOG_LEVEL", filter).start();
        // The relay takes its lease also when it cannot reach the hub.
        let hub = [("MESSAGE_HUB_URL", "http://127.0.0.1:9"), ("MESSAGE_HUB_TOKEN", TOKEN)];
        let service = hub.into_iter().fold(over(&owner), |service, (name, value)| service.env(name, value)).start();
        for (method, route) in polls {
            let series = format!("http_server_requests_total{{method=\"{method}\",route=\"{route}\",status=\"200\"}}");
            let is_answered = |answer: &Answer| answer.metric::<u64>(&series).is_some();
            until(PATIENCE, "a poll", || client().get(owner.url("/metrics")), is_answered).await;
        }
        // The thread of the log writes in order: what came before this line is there too.
        send(client().delete(owner.url("/health/live")).header("x-request-id", "a-mark")).await;
        of_request(&owner, "a-mark", "access").await;
        for (_, route) in polls {
            let is_of_route = |line: &Value| line["route"] == route && line["status"] == 200;
            assert_eq!(lines(&owner).iter().any(is_of_route), has_line, "{filter}, {route}: {}", owner.output());
        }
        drop(service);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warning_that_is_repeated_is_logged_a_few_times_and_its_number_at_the_end() {
    let owner = storage().start();
    let service = over(&owner).env("LOG_FORMAT", "json").env("LOG_REPEATS_PER_MINUTE", "3").start();
    owner.kill();
    for _ in 0..10 {
        let url = service.url(&format!("/api/v2/characters/{}", uuid::Uuid::new_v4()));
        assert_eq!(send(client().get(url)).await.status, 503);
    }
    assert_eq!(service.terminate(), 0);
    let lines = lines(&service);
    let is_warning = |line: &&Value| line["target"] == "character_api::problem" && line["level"] == "WARN";
    let warnings = lines.iter().filter(is_warning).count();
    let is_summary = |line: &&Value| line["target"] == "character_log";
    let held_back: u64 = lines.iter().filter(is_summary).filter_map(|line| line["held_back"].as_u64()).sum();
    assert!((3..=6).contains(&warnings), "two causes, each three times: {}", service.output());
    assert!(held_back >= 10 - warnings as u64, "{held_back} of 10 with {warnings}: {}", service.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_stop_of_a_service_with_its_own_database_logs_no_warning() {
    for _ in 0..3 {
        let service = Service::character().start();
        let url = service.url("/api/v2/characters");
        assert_eq!(send(client().post(&url).json(&sheet("Last"))).await.status, 201);
        assert_eq!(service.terminate(), 0);
        let log = service.output();
        assert!(!log.contains(" WARN "), "{log}");
    }
}

#[test]
fn a_start_that_fails_reports_each_mistake_in_the_format_of_the_log() {
    let finished = Service::storage().env("LOG_FORMAT", "json").env("LISTEN_ADDR", "nowhere").run();
    assert_eq!(finished.code, Some(2), "{finished:?}");
    let lines: Vec<Value> = finished.errors.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for named in ["LISTEN_ADDR", "STORAGE_SERVICE_TOKEN"] {
        let is_named = |line: &Value| line["message"].as_str().is_some_and(|message| message.starts_with(named));
        assert!(lines.iter().any(|line| is_named(line) && line["level"] == "ERROR"), "{named}: {finished:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let missing = format!("sqlite://{}?mode=rw", folder.path().join("missing").display());
    let finished = storage().env("LOG_FORMAT", "json").env("DATABASE_URL", missing).run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(!finished.errors.contains(TOKEN));
    let last: Value = serde_json::from_str(finished.errors.lines().last().unwrap()).unwrap();
    assert_eq!(last["level"], "ERROR", "{finished:?}");
}
