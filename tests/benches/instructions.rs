//! How many instructions a request takes on the main paths, counted by callgrind. Unlike a time, that does not depend on what
//! else the machine does. Lists are missing: they are made on a thread of their own, and what threads do to wait for one another
//! is a fifth of the count, and chance. Fails when a path takes 3 % more or fewer than `docs/benchmarks.md` says; `--keep` writes the new
//! figures there. They are those of the compiler and of the instruction set of the machine.
//!
//! `cargo bench -p character-tests --bench instructions [-- --keep]`
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has failed")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use actix_web::{
    App, Error,
    body::MessageBody,
    dev::{Service, ServiceResponse},
    http::{Method, StatusCode, header::ContentType},
    test::{TestRequest, call_service, init_service, read_body},
};
use character_api::{Api, ApiLimits};
use character_cache::{CacheMetrics, CacheOptions, Cached};
use character_domain::{Character, UserId, now};
use character_http_kit::{AcceptedTokens, Admission, Health, HttpMetrics, RequestLimit};
use character_live_updates::LiveUpdates;
use character_repositories::{Repositories, StorageContext};
use character_storage_port::{MemoryStorage, StorageExt as _, StoragePort};
use character_storage_server::{Limits, StorageServer};
use prometheus_client::registry::Registry;
use serde_json::json;
use std::{fmt::Write as _, fs, process::Command, sync::Arc, time::Duration};
use uuid::Uuid;

/// The one of the binaries.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const NAME: &str = "Torormir";
/// In the place of the id of a transaction.
const ID: &str = "the id of the transaction";
const CHARACTERS: &str = "/api/v2/characters";
/// Two runs of a path: what they have in common is not counted.
const COUNTS: (u64, u64) = (200, 600);
/// The part of its instructions by which a path may change unnoticed.
const TOLERANCE: f64 = 0.03;
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/benchmarks.md");
const MARKS: (&str, &str) = ("<!-- table of instructions -->\n", "<!-- end of the instructions -->");

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    Get,
    Post,
    Put,
    Replace,
}

impl Path {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Get, "`GET` of a cached character"),
        (Self::Post, "`POST` of a character"),
        (Self::Put, "`PUT` of a character"),
        (Self::Replace, "the Storage Service replaces a character"),
    ];

    /// Sends this number of requests.
    async fn run(self, count: u64) {
        let storage = MemoryStorage::new();
        let hero = storage.create_character(sheet()).await.unwrap();
        let one = format!("{CHARACTERS}/{}", hero.id);
        match self {
            Self::Get => {
                let app =
                    init_service(App::new().configure(character_api::configure(api(cached(storage).await)))).await;
                for _ in 0..count {
                    send(&app, Method::GET, &one, None, StatusCode::OK).await;
                }
            }
            Self::Post | Self::Put => {
                let app = init_service(App::new().configure(character_api::configure(api(Arc::new(storage))))).await;
                let (method, path, status) = if self == Self::Post {
                    (Method::POST, CHARACTERS, StatusCode::CREATED)
                } else {
                    (Method::PUT, one.as_str(), StatusCode::OK)
                };
                let Character { name, user_id, data, .. } = sheet();
                let body = json!({ "name": name, "user_id": user_id, "data": data }).to_string();
                for number in 1..=count {
                    send(&app, method.clone(), path, Some(numbered(&body, number)), status).await;
                }
            }
            Self::Replace => {
                let tokens = AcceptedTokens::new([TOKEN.to_owned().into()]).unwrap();
                let server = StorageServer::new(Arc::new(storage), tokens, Limits::default()).unwrap();
                let app = init_service(App::new().configure(|config| server.configure(config))).await;
                let entity = Character { id: hero.id, ..sheet() };
                let write = json!({ "character": { "replace": { "entity": entity, "expect": "any" } } });
                let body = json!({ "id": ID, "writes": [write], "events": [] }).to_string();
                for number in 1..=count {
                    let id = Uuid::from_u128(u128::from(number)).to_string();
                    let body = numbered(&body, number).replacen(ID, &id, 1);
                    send(&app, Method::POST, "/storage/v1/transactions", Some(body), StatusCode::OK).await;
                }
            }
        }
    }
}

async fn send<B: MessageBody>(
    app: &impl Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    method: Method,
    path: &str,
    body: Option<String>,
    status: StatusCode,
) {
    let mut request =
        TestRequest::with_uri(path).method(method).insert_header(("authorization", format!("Bearer {TOKEN}")));
    if let Some(body) = body {
        request = request.insert_header(ContentType::json()).set_payload(body);
    }
    let response = call_service(app, request.to_request()).await;
    assert_eq!(response.status(), status);
    assert!(!read_body(response).await.is_empty());
}

async fn cached(storage: MemoryStorage) -> Arc<dyn StoragePort> {
    let storage = Arc::new(storage);
    // Under callgrind the threads wait for one another, so the log may be read too late for a shorter time.
    let options = CacheOptions { trust: Duration::from_secs(60), ..CacheOptions::default() };
    let metrics = CacheMetrics::default();
    let (cached, follower) = Cached::new(Arc::clone(&storage) as _, storage, options, None, metrics).unwrap();
    follower.start().unwrap();
    assert!(cached.ready(Duration::from_secs(60)).await);
    Arc::new(cached)
}

fn api(storage: Arc<dyn StoragePort>) -> Arc<Api> {
    let (http_metrics, mut registry) = (HttpMetrics::default(), Registry::default());
    http_metrics.register(&mut registry);
    Arc::new(Api {
        live: LiveUpdates::new(Arc::clone(&storage) as _),
        repositories: Repositories::new(&StorageContext::new(storage)),
        limits: ApiLimits::default(),
        repository: None,
        health: Arc::new(Health::new("bench", Vec::new())),
        http_metrics,
        admission: Admission::default(),
        requests: RequestLimit::default(),
        registry: Arc::new(registry),
    })
}

/// The body with a number in its name, so that it is a change. To build it each time would take more instructions than what is
/// counted.
fn numbered(body: &str, number: u64) -> String {
    body.replacen(NAME, &format!("{NAME} {number}"), 1)
}

/// A character whose sheet has 4 KB as JSON.
fn sheet() -> Character {
    let mut character = Character::new(UserId::from(Uuid::from_u128(7)), NAME, now());
    for skill in 0..40 {
        let bonus = skill % 30;
        let skill_of = json!({ "ability": "dexterity", "proficient": true, "bonus": bonus, "notes": "as trained" });
        character.data.0.insert(format!("skill_{skill}"), skill_of);
    }
    character
}

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, name, count] = arguments.as_slice()
        && command == "run"
    {
        let (path, _) = Path::ALL.into_iter().find(|(path, _)| format!("{path:?}") == *name).unwrap();
        actix_web::rt::System::new().block_on(path.run(count.parse().unwrap()));
        return Ok(());
    }
    if arguments.iter().any(|argument| argument == "--bench") {
        return compare(arguments.iter().any(|argument| argument == "--keep"));
    }
    Ok(())
}

/// Counts each path, and compares it with the page.
fn compare(keep: bool) -> Result<(), String> {
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(MARKS.0).unwrap();
    let (kept, after) = rest.split_once(MARKS.1).unwrap();
    let mut table = String::from("| What | Instructions |\n|---|---|\n");
    let mut changed = Vec::new();
    for (path, what) in Path::ALL {
        let instructions = (counted(path, COUNTS.1)? - counted(path, COUNTS.0)?) / (COUNTS.1 - COUNTS.0);
        let line = kept.lines().find_map(|line| line.strip_prefix(&format!("| {what} | ")));
        let known = line.and_then(|line| line.trim_end_matches(" |").replace(',', "").parse::<f64>().ok());
        let change = known.map_or(f64::INFINITY, |known| instructions as f64 / known - 1.0);
        println!("{what}: {instructions} instructions, {:+.1} %", change * 100.0);
        writeln!(table, "| {what} | {} |", in_groups(instructions)).unwrap();
        if change.abs() > TOLERANCE {
            changed.push(what);
        }
    }
    if keep {
        let (begin, end) = MARKS;
        fs::write(PAGE, format!("{before}{begin}{table}{end}{after}")).unwrap();
        return Ok(());
    }
    if changed.is_empty() { Ok(()) } else { Err(format!("changed by more than 3 %: {}", changed.join(", "))) }
}

/// The instructions of a whole run.
fn counted(path: Path, count: u64) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["run", &format!("{path:?}"), &count.to_string()])
        .output()
        .map_err(|error| format!("valgrind cannot be started ({error}); Debian has it as valgrind"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    collected.filter(|_| output.status.success()).ok_or_else(|| format!("{path:?} cannot be counted: {said}"))
}

/// With a comma before every three digits.
fn in_groups(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}
