//! How a Storage Service starts without its database, and how the schema is brought up to date.

use super::{PATIENCE, TOKEN, storage};
use crate::support::{Answer, client, send, until};
use character_tests::{PostgresServer, Service};
use std::time::Duration;

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

#[test]
fn a_storage_service_that_waits_for_its_database_ends_when_it_is_asked_to() {
    let nowhere = format!("postgres://u:hunter2@127.0.0.1:{}/d", character_tests::free_port());
    let service = storage().env("DATABASE_URL", nowhere).start();
    let output = service.await_output("the database cannot be reached");
    assert!(!output.contains("hunter2"), "{output}");
    assert_eq!(service.terminate(), 0, "{}", service.output());
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
