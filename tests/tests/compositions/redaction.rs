//! No log line of either service holds what an error quotes: secrets, addresses, what was sent or stored.

use super::{Serving, TOKEN};
use actix_web::{
    App,
    test::{TestRequest, init_service, try_call_service},
};
use character_api::{Api, ApiLimits, configure};
use character_app::{
    config::{LogConfig, LogFormat, ReportConfig},
    reported::Reported,
    reporting::Reporting,
    telemetry,
};
use character_domain::{Character, Revision, Violations};
use character_error_reporter::Redactor;
use character_http_kit::{Admission, Health, HttpMetrics, RequestLimit};
use character_live_updates::LiveUpdates;
use character_repositories::{Repositories, StorageContext};
use character_storage_http::{HttpStorage, HttpStorageConfig};
use character_storage_port::{COMMIT, Entity, ErrorKind, StorageError, StoragePort};
use character_storage_testkit::MockStorage;
use serde_json::json;
use std::{
    fs, io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const SECRET: &str = "MARKER-of-the-configuration";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What errors of libraries quote.
const SOURCES: [&str; 12] = [
    "invalid type: string \"MARKER\", expected u64 at line 1 column 9",
    "unknown variant `MARKER`, expected one of `a`, `b`",
    "stored value: near 'MARKER': syntax error",
    "Key (name)=(MARKER the Grey) already exists.",
    "error sending request for url (http://user:MARKER@127.0.0.1:8100/a?name=MARKER)",
    "redis://:MARKER@127.0.0.1/0 refused the connection",
    "postgres://u:p@h/d?password=MARKER is not reachable",
    "password=MARKER host=h",
    "Authorization: Bearer MARKER is not accepted",
    "cut off in \"the middle of MARKER",
    "MARKER-of-the-configuration is not accepted",
    "refused:MARKER-of-the-configuration:twice",
];

/// What a broken storage answers.
const BODIES: [&str; 5] =
    ["{\"items\": [{\"name\": \"MARKER\"}]}", "{\"MARKER\": 1}", "MARKER", "\"MARKER", "[1, \"MARKER\"]"];
const STATUSES: [u16; 7] = [200, 400, 404, 409, 422, 500, 503];

fn kinds() -> Vec<ErrorKind> {
    let (retry_after, revision) = (Some(Duration::from_secs(1)), Revision(7));
    let kinds = vec![
        ErrorKind::NotFound,
        ErrorKind::Conflict { expected: revision, actual: revision },
        ErrorKind::AlreadyExists,
        ErrorKind::TransactionReused,
        ErrorKind::Invalid(Violations::one("name", "\"MARKER\" is not taken")),
        ErrorKind::Unauthorized,
        ErrorKind::Forbidden,
        ErrorKind::RateLimited { retry_after },
        ErrorKind::Unavailable { retry_after },
        ErrorKind::CircuitOpen { retry_after: Duration::from_secs(1) },
        ErrorKind::Timeout,
        ErrorKind::Corrupt,
        ErrorKind::Unsupported,
        ErrorKind::Gone,
        ErrorKind::LeaseLost,
    ];
    assert_eq!(kinds.iter().map(ErrorKind::code).collect::<Vec<_>>(), ErrorKind::CODES);
    kinds
}

fn reports() -> ReportConfig {
    ReportConfig { per_minute: 100_000, sentry_dsn: None }
}

/// As the services wire it: what fails is reported to the log.
fn reported<S: StoragePort>(service: &'static str, storage: S) -> Arc<dyn StoragePort> {
    let reporting = Reporting::start(service, &reports(), vec![SECRET.to_owned().into()], None, None).unwrap();
    Arc::new(Reported::new(storage, reporting))
}

/// A storage that fails each call in this way, for one source after the other.
fn failing(kind: &ErrorKind) -> MockStorage {
    let mut mock = MockStorage::new();
    let error = |operation| {
        let (kind, calls) = (kind.clone(), AtomicUsize::new(0));
        move || {
            let source = SOURCES[calls.fetch_add(1, Ordering::Relaxed) % SOURCES.len()];
            StorageError::new(kind.clone(), operation).with_source(io::Error::other(io::Error::other(source)))
        }
    };
    let (found, listed, committed) = (error(Character::FIND), error(Character::LIST), error(COMMIT));
    mock.expect_find::<Character>().returning(move |_, _| Err(found()));
    mock.expect_list::<Character>().returning(move |_, _| Err(listed()));
    mock.expect_commit().returning(move |_| Err(committed()));
    mock
}

/// Asks the API over this storage to find, list and create, this number of times.
async fn ask(storage: Arc<dyn StoragePort>, rounds: usize) {
    let api = Api {
        live: LiveUpdates::new(Arc::clone(&storage) as _),
        repositories: Repositories::new(&StorageContext::new(storage)),
        limits: ApiLimits::default(),
        repository: None,
        health: Arc::new(Health::new("1", Vec::new())),
        http_metrics: HttpMetrics::default(),
        admission: Admission::default(),
        requests: RequestLimit::default(),
        registry: Arc::default(),
    };
    let service = init_service(App::new().configure(configure(Arc::new(api)))).await;
    let (user, path) = (uuid::Uuid::new_v4(), "/api/v2/characters");
    for _ in 0..rounds {
        for request in [
            TestRequest::get().uri(&format!("{path}/{user}")),
            TestRequest::get().uri(path),
            TestRequest::post().uri(path).set_json(json!({ "name": "MARKER", "user_id": user })),
        ] {
            drop(try_call_service(&service, request.to_request()).await);
        }
    }
}

fn client(url: &str, token: &str) -> HttpStorage<character_storage_http::TransportStack> {
    let config = HttpStorageConfig::new(url.parse().unwrap(), token.to_owned().into());
    HttpStorage::connect(HttpStorageConfig { retry_max: 0, breaker_failures: 1_000_000, ..config }).unwrap()
}

#[actix_web::test]
async fn no_error_of_any_kind_brings_what_it_quotes_into_a_log_line() {
    let lines = Lines::default();
    let writer = lines.clone();
    let log =
        LogConfig { format: LogFormat::Json, filter: "debug".to_owned(), repeats_per_minute: 1_000_000, otlp: None };
    telemetry::start(&log, move || writer.clone()).unwrap();
    Redactor::new([SECRET.to_owned().into()]).install();
    let kinds = kinds();
    // Both services, each with an error of its own below it.
    for kind in &kinds {
        // A race that is always lost is tried again many times.
        let rounds = if matches!(kind, ErrorKind::NotFound | ErrorKind::Conflict { .. }) { 1 } else { SOURCES.len() };
        ask(reported("character-service", failing(kind)), rounds).await;
        let (_server, url) = Serving::bound(reported("storage-service", failing(kind)));
        ask(reported("character-service", client(&url, TOKEN)), rounds).await;
    }
    // What goes wrong between them.
    let broken = wiremock::MockServer::start().await;
    let calls = AtomicUsize::new(0);
    let answer = move |_: &wiremock::Request| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        let body = BODIES[call % BODIES.len()];
        wiremock::ResponseTemplate::new(STATUSES[call % STATUSES.len()]).set_body_raw(body, "application/json")
    };
    wiremock::Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&broken).await;
    let rounds = BODIES.len() * STATUSES.len();
    ask(reported("character-service", client(&format!("{}/MARKER", broken.uri()), SECRET)), rounds).await;
    ask(reported("character-service", client("http://127.0.0.1:1/MARKER", SECRET)), 1).await;

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for told in ["\"the storage failed\"", "\"an operation failed\"", "storage-service", "character_storage_server"] {
        assert!(text.contains(told), "{told} is missing among {} lines", text.lines().count());
    }
    let leaks: Vec<_> = text.lines().filter(|line| line.contains("MARKER")).take(5).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// The arguments of each macro of `tracing` that writes a line, in code that is no test.
fn log_lines(code: &str) -> Vec<&str> {
    let code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut found = Vec::new();
    for level in ["error", "warn", "info", "debug", "trace"] {
        for (start, opening) in code.match_indices(&format!("tracing::{level}!(")) {
            let arguments = &code[start + opening.len()..];
            let mut depth = 1;
            let end = arguments.find(|c| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                depth == 0
            });
            found.push(&arguments[..end.unwrap_or(arguments.len())]);
        }
    }
    found
}

#[test]
fn every_error_in_the_code_that_logs_goes_through_the_redactor() {
    let crates = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates"));
    let (mut folders, mut lines) = (vec![crates.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") && !path.ends_with("benches") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let code = fs::read_to_string(&path).unwrap();
                for line in log_lines(&code) {
                    lines += 1;
                    for raw in ["%error", "?error", "{error", "%fault,", "?fault", "%cause", "?cause", "source"] {
                        assert!(!line.contains(raw), "{}: {raw} in {line}", path.display());
                    }
                    let errors = line.match_indices("error = ").map(|(start, _)| &line[start..]);
                    for error in errors {
                        let is_fit = error.contains("redacted") || error.contains("failure.chain");
                        assert!(is_fit, "{}: {error}", path.display());
                    }
                }
            }
        }
    }
    assert!(lines > 30, "only {lines} lines were found");
}
