//! Both services as processes: how they start, what they refuse, how they end, and what they leave.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "process/deadline.rs"]
mod deadline;
#[path = "process/heads.rs"]
mod heads;
#[path = "process/log_lines.rs"]
mod log_lines;
#[path = "process/renewal.rs"]
mod renewal;
#[path = "process/rotation.rs"]
mod rotation;
#[path = "process/sockets.rs"]
mod sockets;
#[path = "process/stalled_log.rs"]
mod stalled_log;
#[path = "process/starting.rs"]
mod starting;
mod support;
#[path = "process/tls.rs"]
mod tls;
#[path = "process/tls_of_one_side.rs"]
mod tls_of_one_side;
#[path = "process/vanished.rs"]
mod vanished;

use character_tests::{PostgresServer, Service, ServiceBuilder, free_port, query_sqlite};
use serde_json::{Value, json};
use std::{
    ffi::OsStr,
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::Path,
    time::Duration,
};
use support::{Answer, client, send, sheet, try_send, until};

const TOKEN: &str = "token-of-the-tests";

fn storage() -> ServiceBuilder {
    Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN)
}

fn over(storage: &Service) -> ServiceBuilder {
    Service::character().env("STORAGE_SERVICE_URL", storage.url("")).env("STORAGE_SERVICE_TOKEN", TOKEN)
}

fn both() -> [ServiceBuilder; 2] {
    [Service::character(), storage()]
}

/// Creates characters with several writers until the service goes away, and answers the acknowledged ids. It notifies `enough`
/// when there are some.
async fn write_until_it_ends(url: String, enough: std::sync::Arc<tokio::sync::Notify>) -> Vec<String> {
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (url, enough) = (url.clone(), enough.clone());
        writers.spawn(async move {
            let (client, mut ids) = (client(), Vec::new());
            loop {
                match try_send(client.post(&url).json(&sheet("Kept"))).await {
                    Ok(answer) if answer.status == 201 => ids.push(answer.id()),
                    _ => return ids,
                }
                if ids.len() == 10 {
                    enough.notify_one();
                }
            }
        });
    }
    writers.join_all().await.concat()
}

/// The ids of all characters in a copy of the main file alone.
fn ids_in_a_copy_of(main: &Path) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.sqlite");
    fs::copy(main, &copy).unwrap();
    let ids = query_sqlite(&copy, "SELECT hex(id) FROM characters");
    ids.lines().map(|id| uuid::Uuid::parse_str(id).unwrap().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_sigterm_under_load_the_main_file_alone_holds_all_that_was_acknowledged() {
    for round in 0..6 {
        // The embedded database, and that of the Storage Service, in turn.
        let owner = (round % 2 == 1).then(|| storage().start());
        let service = owner.as_ref().map_or_else(Service::character, over).start();
        let enough = std::sync::Arc::new(tokio::sync::Notify::new());
        let writing = tokio::spawn(write_until_it_ends(service.url("/api/v2/characters"), enough.clone()));
        enough.notified().await;
        let (stopped, file) = match &owner {
            Some(owner) => (owner, "storage.sqlite"),
            None => (&service, "character.sqlite"),
        };
        assert_eq!(stopped.terminate(), 0, "{}", stopped.output());
        let acknowledged = writing.await.unwrap();
        assert!(acknowledged.len() >= 10);
        let main = stopped.data_dir().join(file);
        let kept = ids_in_a_copy_of(&main);
        for id in &acknowledged {
            assert!(kept.contains(id), "round {round}: {id} is missing among {}", kept.len());
        }
        assert!(!main.with_extension("sqlite-wal").exists(), "round {round}");
    }
}

#[test]
fn a_command_too_leaves_the_main_file_alone_complete() {
    let folder = tempfile::tempdir().unwrap();
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/demo-data");
    let imported = Service::character().env("DATA_DIR", folder.path()).arg("import").arg(demo).run();
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let main = folder.path().join("character.sqlite");
    assert_eq!(ids_in_a_copy_of(&main).len(), 100);
    assert!(!main.with_extension("sqlite-wal").exists());
}

#[test]
fn every_mistake_is_reported_in_one_run_with_status_2_also_those_that_a_client_would_find() {
    let bad = OsStr::from_bytes(b"http://127.0.0.1:1/\xff");
    let character = Service::character()
        .env("DATA_DIR", "")
        .env("STORAGE_SERVICE_URL", "http://user:hunter2@127.0.0.1:1")
        .env("STORAGE_SERVICE_TOKEN", "hunter2 hunter2")
        .env("REDIS_URL", "redis://:hunter2@127.0.0.1/first")
        .env("SENTRY_DSN", bad)
        .env("LOG_LEVEL", "verbose")
        .env("CORS_ALLOWED_ORIGINS", "*")
        .run();
    let storage = Service::storage()
        .env("DATABASE_URL", "sqlite://hunter2?mode=ro")
        .env("STORAGE_SERVICE_TOKEN", "hunter2\u{e9}")
        .env("LOG_LEVEL", "verbose")
        .env("LISTEN_ADDR", bad)
        .run();
    for (finished, names) in [
        (
            character,
            &[
                "DATA_DIR",
                "STORAGE_SERVICE_URL",
                "STORAGE_SERVICE_TOKEN",
                "REDIS_URL",
                "SENTRY_DSN",
                "LOG_LEVEL",
                "CORS_ALLOWED_ORIGINS",
            ][..],
        ),
        (storage, &["DATABASE_URL", "STORAGE_SERVICE_TOKEN", "LOG_LEVEL", "LISTEN_ADDR"][..]),
    ] {
        assert_eq!(finished.code, Some(2), "{finished:?}");
        for name in names {
            assert!(finished.errors.lines().any(|line| line.trim().starts_with(name)), "{name}: {finished:?}");
        }
        assert!(!finished.errors.contains("hunter2"), "{finished:?}");
    }
}

#[tokio::test]
async fn the_page_at_the_root_links_to_the_source_code_when_its_address_is_configured() {
    let address = "https://forge.example/characters";
    for (value, link) in [(address, json!(address)), ("", Value::Null)] {
        let service = Service::character().env("REPOSITORY_URL", value).start();
        let page = send(client().get(service.url("/"))).await;
        assert_eq!((page.status, &page.body["links"]["repository"]), (200, &link));
        assert_eq!(page.body["links"]["health"], "/health");
    }
}

#[test]
fn a_bad_byte_in_the_address_of_the_storage_does_not_select_an_embedded_database() {
    let folder = tempfile::tempdir().unwrap();
    let finished = Service::character()
        .env("DATA_DIR", folder.path())
        .env("STORAGE_SERVICE_URL", OsStr::from_bytes(b"http://127.0.0.1:1/\xff"))
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .run();
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.errors.contains("STORAGE_SERVICE_URL: is not valid UTF-8"), "{finished:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_port_in_use_is_named_for_each_listener() {
    for builder in both() {
        let [api, admin, probes] = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let address = |listener: &TcpListener| listener.local_addr().unwrap().to_string();
        let builder = builder.env("LISTEN_ADDR", address(&api)).env("ADMIN_ADDR", address(&admin));
        let finished = builder.env("HEALTH_ADDR", address(&probes)).run();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        for (variable, listener) in [("LISTEN_ADDR", &api), ("ADMIN_ADDR", &admin), ("HEALTH_ADDR", &probes)] {
            let named = format!("{variable} {}", address(listener));
            assert!(finished.errors.contains(&named), "{named}: {finished:?}");
        }
    }
}

#[test]
fn only_a_service_that_may_creates_an_sqlite_file_and_a_check_never_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("storage.db");
    let url = |mode: &str| format!("sqlite://{}?mode={mode}", file.display());
    let runs = [("rw", "serve"), ("rw", "check"), ("rwc", "check")];
    for (mode, command) in runs {
        let missing = storage().env("DATABASE_URL", url(mode)).arg(command).run();
        assert_eq!(missing.code, Some(1), "{mode} {command}: {missing:?}");
        assert!(!file.exists(), "{mode} {command}");
    }
    let owner = storage().env("DATABASE_URL", url("rwc")).start();
    assert!(file.exists());
    assert_eq!(storage().env("DATABASE_URL", url("rw")).arg("check").run().code, Some(0));
    drop(owner);
}

fn health_says(service: &Service) -> impl Fn() -> reqwest::RequestBuilder {
    let url = service.url("/health");
    move || client().get(&url)
}

fn is_down(name: &'static str, cause: &'static str) -> impl Fn(&Answer) -> bool {
    move |answer| {
        let dependency = &answer.body["dependencies"][name];
        dependency["status"] == "down" && dependency["detail"].as_str().is_some_and(|detail| detail.contains(cause))
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_notices_a_database_that_has_no_room_for_writes() {
    let owner = storage().largest_file(2048).start();
    let remote = over(&owner).env("STORAGE_RETRY_MAX", "0").start();
    let embedded = Service::character().largest_file(2048).start();
    for (service, database, name) in [(&embedded, &embedded, "storage"), (&remote, &owner, "database")] {
        let healthy = send(health_says(database)()).await;
        assert_eq!(healthy.body["status"], "ok", "{healthy:?}");
        let url = service.url("/api/v2/characters");
        let mut large = sheet("Large");
        large["data"]["text"] = json!("x".repeat(100_000));
        let first = send(client().post(&url).json(&large)).await;
        assert_eq!(first.status, 201, "{first:?}");
        until(PATIENCE, "no room", || client().post(&url).json(&large), |answer| answer.status == 503).await;
        let down = until(PATIENCE, "a report", health_says(database), is_down(name, "database")).await;
        assert_eq!(down.body["status"], "degraded", "{down:?}");
        // What is there is still served.
        let found = send(client().get(format!("{url}/{}", first.id()))).await;
        assert_eq!(found.status, 200, "{found:?}");
    }
    until(PATIENCE, "the storage's own report", health_says(&remote), is_down("storage", "database")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_notices_a_database_that_is_read_only_and_says_so() {
    let server = PostgresServer::start();
    let owner = storage().env("DATABASE_URL", server.url()).start();
    assert_eq!(send(health_says(&owner)()).await.body["status"], "ok");
    server.query("ALTER SYSTEM SET default_transaction_read_only = on");
    server.restart();
    until(PATIENCE, "a report", health_says(&owner), is_down("database", "read-only")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_says_why_a_dependency_cannot_be_reached_without_secrets() {
    let redis = character_tests::RedisServer::shared();
    let (closed, plain) = (free_port(), storage().start());
    for (url, cause) in [
        (format!("redis://:hunter2@127.0.0.1:{closed}"), "refused"),
        (format!("redis://:hunter2@127.0.0.1:{}", redis.port()), "authentication"),
        (format!("redis://127.0.0.1:{}/99999", redis.port()), "no database of this number"),
        (format!("rediss://:hunter2@{}", plain.address()), "TLS"),
    ] {
        let service = Service::character().env("REDIS_URL", url).env("REDIS_CONNECT_TIMEOUT_MS", "2000").start();
        let down = until(PATIENCE, cause, health_says(&service), is_down("redis", cause)).await;
        assert!(!down.body.to_string().contains("hunter2"), "{down:?}");
    }
    for (url, cause) in [
        (format!("http://127.0.0.1:{closed}"), "refused"),
        ("http://no-such-host.invalid".to_owned(), "DNS"),
        (plain.url("").replace("http:", "https:"), "TLS"),
    ] {
        let service = Service::character()
            .env("STORAGE_SERVICE_URL", url)
            .env("STORAGE_SERVICE_TOKEN", "hunter2")
            .env("STORAGE_RETRY_MAX", "0")
            .env("STORAGE_BREAKER_FAILURES", "1000")
            .start();
        let down = until(PATIENCE, cause, health_says(&service), is_down("storage", cause)).await;
        assert!(!down.body.to_string().contains("hunter2"), "{down:?}");
    }
}

#[test]
fn the_start_says_why_the_database_cannot_be_reached_without_secrets() {
    let server = PostgresServer::shared();
    let url = server.url().replace("postgres@", "postgres:hunter2@");
    let (start, _) = url.rsplit_once('/').unwrap();
    for (url, cause) in [
        (format!("{start}/nothing-here"), "no database of this name"),
        (url.replace("postgres:hunter2@", "nobody:hunter2@"), "authentication"),
    ] {
        let finished = storage().env("DATABASE_URL", url).run();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.errors.contains(cause) && !finished.errors.contains("hunter2"), "{cause}: {finished:?}");
    }
    // What may come back is waited for, but not by a command.
    let url = format!("postgres://u:hunter2@127.0.0.1:{}/d", free_port());
    let finished = storage().env("DATABASE_URL", url).arg("check").run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let said = format!("{}{}", finished.output, finished.errors);
    assert!(said.contains("refused") && !said.contains("hunter2"), "{finished:?}");
}

#[test]
fn what_a_scanner_sends_is_no_error_in_the_log() {
    for builder in both() {
        let service = builder.env("LOG_FORMAT", "json").start();
        for garbage in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
            b"SSH-2.0-Go\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET  /\x00 HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: many\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            &[b'A'; 200_000],
        ] {
            let mut stream = TcpStream::connect(service.address()).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            // The service may close before it has read all of it.
            let sent = stream.write_all(garbage).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
            let read = stream.read_to_end(&mut Vec::new());
            assert!(sent.is_ok() || read.is_ok() || garbage.len() > 100_000, "{sent:?} {read:?}");
        }
        assert_eq!(service.terminate(), 0);
        let output = service.output();
        let levels: Vec<serde_json::Value> =
            output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert!(levels.iter().any(|line| line["level"] == "INFO"), "{output}");
        assert!(!levels.iter().any(|line| line["level"] == "ERROR"), "{output}");
    }
}

#[tokio::test]
async fn a_wrong_author_names_the_header() {
    let service = Service::character().start();
    let url = service.url("/api/v2/characters");
    let id = send(client().post(&url).json(&sheet("Authored"))).await.id();
    let patch = || {
        client()
            .patch(format!("{url}/{id}"))
            .header("content-type", "application/merge-patch+json")
            .body(r#"{"name":"x"}"#)
    };
    let long = "x".repeat(201);
    for request in [
        patch().header("x-user-id", "a\tb"),
        patch().header("x-user-id", long.as_str()),
        patch().header("x-user-id", ""),
        patch().header("x-user-id", "Gr\u{e9}y"),
        patch().header("x-user-id", "one").header("x-user-id", "two"),
    ] {
        let answer = send(request).await;
        assert_eq!((answer.status, answer.body["errors"][0]["field"].as_str()), (422, Some("X-User-Id")), "{answer:?}");
    }
    assert_eq!(send(client().get(format!("{url}/{id}"))).await.body["revision"], 1);
    assert_eq!(send(patch().header("x-user-id", "x".repeat(200))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_of_a_database_belong_to_their_owner_alone_whatever_the_umask() {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for (builder, file) in both().into_iter().zip(["character.sqlite", "storage.sqlite"]) {
        let service = builder.umask("000").start();
        let folder = service.data_dir();
        // The log and its index are there as long as the service runs.
        let names = [file.to_owned(), format!("{file}-wal"), format!("{file}-shm"), "service.lock".to_owned()];
        assert_eq!(mode(&folder), 0o700);
        for name in &names {
            assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
        }
        assert!(!service.output().contains("other users of this machine"), "{}", service.output());
        // What an operator has opened stays open, with a warning.
        for name in &names {
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o644)).unwrap();
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        service.restart();
        let output = service.output();
        for path in [&folder, &folder.join(file), &folder.join("service.lock")] {
            let warned = output.lines().any(|line| {
                line.contains("other users of this machine") && line.contains(&format!("path={} ", path.display()))
            });
            assert!(warned, "{}: {output}", path.display());
        }
        assert_eq!((mode(&folder), mode(&folder.join(file))), (0o755, 0o644));
    }
}
