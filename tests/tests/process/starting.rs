//! How a Storage Service starts without its database, and how the schema is brought up to date.

use super::{PATIENCE, TOKEN, storage};
use crate::support::{Answer, client, metrics, send, until};
use character_tests::{PgBouncer, PostgresServer, Service, free_port};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpStream, time::sleep};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_service_waits_for_its_database_and_is_not_ready_meanwhile() {
    let database = PostgresServer::start();
    let url = database.fresh_schema_url();
    database.kill();
    let service = storage().env("DATABASE_URL", url).env("LOG_FORMAT", "json").start();
    let ready = || client().get(service.url("/health/ready"));
    let waiting = until(PATIENCE, "an answer", ready, |_| true).await;
    assert_eq!((waiting.status, &waiting.body["code"]), (503, &"starting".into()), "{waiting:?}");
    assert!(waiting.body["detail"].as_str().unwrap().contains("database"), "{waiting:?}");
    let health = send(client().get(service.url("/health"))).await;
    let detail = health.body["dependencies"]["database"]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("refused"), "{health:?}");
    // Not 404, which would mean that the row does not exist.
    let row = service.url(&format!("/storage/v1/characters/{}", uuid::Uuid::new_v4()));
    let asked = send(client().get(&row).bearer_auth(TOKEN)).await;
    assert_eq!((asked.status, asked.header("retry-after")), (503, "1"), "{asked:?}");
    service.await_output("the database cannot be reached; the service is not ready");
    database.restart();
    until(PATIENCE, "a start", ready, |answer| answer.status == 200).await;
    assert_eq!(send(client().get(&row).bearer_auth(TOKEN)).await.status, 404);
    service.await_output("migration applied");
    assert_eq!(service.terminate(), 0, "{}", service.output());
}

/// Connects to the addresses in turn until it is stopped, and returns how often. Fails when a connection is refused.
async fn connect_until(stop: Arc<AtomicBool>, addresses: Vec<SocketAddr>) -> u64 {
    let mut made = 0;
    while !stop.load(Ordering::Relaxed) {
        for address in &addresses {
            let connected = TcpStream::connect(address).await;
            drop(connected.unwrap_or_else(|error| panic!("{address} after {made} connections: {error}")));
            made += 1;
        }
        // The system keeps the ports of closed connections for a minute, and has no more than some ten thousand.
        sleep(Duration::from_millis(2)).await;
    }
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_service_that_waits_for_its_database_answers_scrapes_and_operators_on_listeners_that_it_keeps() {
    let database = PostgresServer::start();
    let url = database.fresh_schema_url().replace("postgres@", "postgres:hunter2@");
    database.kill();
    let (admin, probes) = (free_port(), free_port());
    let service = storage()
        .env("DATABASE_URL", url)
        .env("ADMIN_ADDR", format!("127.0.0.1:{admin}"))
        .env("ADMIN_TOKEN", "operators-of-the-tests")
        .env("HEALTH_ADDR", format!("127.0.0.1:{probes}"))
        .start();
    let at_admin = |path: &str| format!("http://127.0.0.1:{admin}{path}");
    let operator = |request: reqwest::RequestBuilder| request.bearer_auth("operators-of-the-tests");
    let scrape = || client().get(service.url("/metrics"));
    let is_database =
        |value: u64| move |answer: &Answer| answer.metric("dependency_up{dependency=\"database\"}") == Some(value);
    let build = format!("service_build_info{{service=\"storage-service\",version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    let waiting = until(PATIENCE, "the database is down", scrape, is_database(0)).await;
    assert_eq!((waiting.metric("service_ready"), waiting.metric(&build)), (Some(0_u64), Some(1_u64)), "{waiting:?}");
    let started = waiting.metric::<f64>("process_start_time_seconds");
    assert!(started.is_some() && waiting.metric("process_open_fds") > Some(0_f64), "{waiting:?}");
    let elsewhere = send(scrape().header("host", "rebound.example")).await;
    assert_eq!(elsewhere.status, 421, "{elsewhere:?}");
    let nameless = send(client().get(at_admin("/admin/storage"))).await;
    assert_eq!(nameless.status, 401, "{nameless:?}");
    for request in [client().get(at_admin("/admin/storage")), client().post(at_admin("/admin/storage/breaker"))] {
        let page = send(operator(request)).await;
        assert_eq!((page.status, &page.body["code"]), (503, &"starting".into()), "{page:?}");
        let detail = page.body["detail"].as_str().unwrap();
        assert!(detail.starts_with("it waits for its database: ") && detail.contains("refused"), "{page:?}");
        assert!(!page.body.to_string().contains("hunter2"), "{page:?}");
    }
    let beside = send(operator(client().get(at_admin("/metrics")))).await;
    assert_eq!(beside.metric("service_ready"), Some(0_u64), "{beside:?}");
    let stop = Arc::new(AtomicBool::new(false));
    let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let addresses = vec![service.address(), local(admin), local(probes)];
    let connecting = tokio::spawn(connect_until(Arc::clone(&stop), addresses));
    database.restart();
    let ready = || client().get(format!("http://127.0.0.1:{probes}/health/ready"));
    until(PATIENCE, "a start", ready, |answer| answer.status == 200).await;
    let serving = until(PATIENCE, "the database is up", scrape, is_database(1)).await;
    stop.store(true, Ordering::Relaxed);
    assert!(connecting.await.unwrap() > 0);
    assert_eq!((serving.metric("service_ready"), serving.metric(&build)), (Some(1_u64), Some(1_u64)), "{serving:?}");
    assert_eq!(serving.metric::<f64>("process_start_time_seconds"), started);
    let page = send(operator(client().get(at_admin("/admin/storage")))).await;
    assert_eq!((page.status, &page.body["service"]), (200, &"storage-service".into()), "{page:?}");
    assert_eq!(service.terminate(), 0, "{}", service.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_service_that_waits_for_its_database_shows_its_metrics_only_where_they_are_configured() {
    let admin = free_port();
    let service = storage()
        .env("DATABASE_URL", format!("postgres://u:hunter2@127.0.0.1:{}/d", free_port()))
        .env("ADMIN_ADDR", format!("127.0.0.1:{admin}"))
        .env("METRICS_ON", "admin")
        .start();
    let health = send(client().get(service.url("/health"))).await;
    assert_eq!((health.status, &health.body), (200, &serde_json::json!({ "status": "ok" })), "{health:?}");
    assert_eq!(metrics(&service).await.status, 404);
    let beside = send(client().get(format!("http://127.0.0.1:{admin}/metrics"))).await;
    assert_eq!(beside.metric("service_ready"), Some(0_u64), "{beside:?}");
    let health = send(client().get(format!("http://127.0.0.1:{admin}/health"))).await;
    assert!(health.body["dependencies"]["database"]["detail"].to_string().contains("refused"), "{health:?}");
}

#[test]
fn a_storage_service_that_waits_for_its_database_ends_when_it_is_asked_to() {
    let nowhere = format!("postgres://u:hunter2@127.0.0.1:{}/d", character_tests::free_port());
    let service = storage().env("DATABASE_URL", nowhere).start();
    let output = service.await_output("the database cannot be reached");
    assert!(!output.contains("hunter2"), "{output}");
    assert_eq!(service.terminate(), 0, "{}", service.output());
}

#[test]
fn a_storage_service_does_not_wait_for_a_pooler_or_a_schema_that_its_url_has_wrong() {
    let database = PostgresServer::start();
    let pooler = PgBouncer::start(&database);
    let no_schema = format!("{}?options=-c%20search_path%3Dabsent", database.url());
    for (url, cause) in [
        (
            pooler.url_without_mode(),
            "a pooler is in between: the URL needs the option pool_mode with the value transaction",
        ),
        (no_schema, "the search_path names no schema that exists"),
    ] {
        let finished = storage().env("DATABASE_URL", url).run();
        let log = format!("{}{}", finished.output, finished.errors);
        assert!(finished.code == Some(1) && log.contains(cause), "{log}");
    }
}

#[test]
fn a_service_without_migrations_starts_only_when_another_process_has_applied_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}", folder.path().join("storage.db").display());
    let postgres = PostgresServer::shared().fresh_schema_url();
    for url in [file, postgres] {
        let database = || storage().env("DATABASE_URL", &url);
        let early = database().arg("--no-migrate").run();
        assert_eq!(early.code, Some(1), "{early:?}");
        for _ in 0..2 {
            let migrated = database().arg("migrate").run();
            assert_eq!(migrated.code, Some(0), "{migrated:?}");
            assert!(migrated.output.contains("up to date"), "{migrated:?}");
        }
        let service = database().arg("--no-migrate").start();
        assert_eq!(service.terminate(), 0);
    }
}

#[test]
fn an_embedded_database_can_be_brought_up_to_date_without_a_service() {
    let folder = tempfile::tempdir().unwrap();
    let migrate = || Service::character().env("DATA_DIR", folder.path()).arg("migrate");
    let migrated = migrate().run();
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    assert!(folder.path().join("character.sqlite").is_file());
    assert!(migrated.errors.contains("migration applied"), "{migrated:?}");
    let central = migrate().env("STORAGE_SERVICE_URL", "http://127.0.0.1:1").env("STORAGE_SERVICE_TOKEN", TOKEN).run();
    assert_eq!(central.code, Some(1), "{central:?}");
    assert!(central.errors.contains("storage-service migrate"), "{central:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_signals_are_ignored_with_a_line() {
    let service = Service::character().start();
    for (signal, name) in [("-USR1", "SIGUSR1"), ("-USR2", "SIGUSR2")] {
        service.signal(signal);
        let output = service.await_output(name);
        assert!(output.contains("the signal is ignored"), "{output}");
    }
    let live = || client().get(service.url("/health/live"));
    until(Duration::from_secs(5), "life", live, |answer: &Answer| answer.status == 200).await;
}
