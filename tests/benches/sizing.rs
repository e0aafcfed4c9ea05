//! What the services need: memory, disk per character and per change, requests per second.
//!
//! `cargo bench -p character-tests --bench sizing`
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has failed")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use character_tests::{PostgresServer, Service};
use serde_json::{Value, json};
use std::{
    fs,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

const CHARACTERS: usize = 1_000;
const CHANGES: usize = 2_000;
const CLIENTS: usize = 16;
const ROUND: Duration = Duration::from_secs(4);
const TOKEN: &str = "token-of-the-benchmarks";

fn main() {
    if std::env::args().any(|argument| argument == "--bench") {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            embedded().await;
            central().await;
        });
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap()
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn memory(what: &str, service: &Service) {
    let (now, most) = (mebibytes(service.memory("VmRSS:")), mebibytes(service.memory("VmHWM:")));
    println!("  memory of {what}: {now:.0} MiB, at most {most:.0} MiB");
}

async fn embedded() {
    println!("character-service with its embedded database");
    let service = Service::character().env("LOG_LEVEL", "warn").start();
    memory("an idle process", &service);
    let file = service.data_dir().join("character.sqlite");
    let size = |service: &Service| {
        assert_eq!(service.terminate(), 0);
        let bytes = fs::metadata(&file).unwrap().len();
        service.restart();
        bytes
    };
    growth(&service, || size(&service)).await;
    rates(&service).await;
    memory("the process after this load", &service);
}

async fn central() {
    println!("character-service, storage-service and PostgreSQL");
    let postgres = PostgresServer::start();
    let storage = Service::storage()
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("DATABASE_URL", postgres.url())
        .env("LOG_LEVEL", "warn")
        .start();
    let service = Service::character()
        .env("STORAGE_SERVICE_URL", storage.url(""))
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("LOG_LEVEL", "warn")
        .start();
    memory("an idle Character Service", &service);
    memory("an idle Storage Service", &storage);
    let size = || postgres.query("SELECT pg_database_size(current_database())").trim().parse().unwrap();
    growth(&service, size).await;
    rates(&service).await;
    memory("the Character Service after this load", &service);
    memory("the Storage Service after this load", &storage);
}

/// A sheet of 5 KB, with texts that do not compress well.
fn sheet(number: usize) -> Value {
    let skill = |bonus: usize| json!({ "ability": "dexterity", "proficient": true, "bonus": bonus, "notes": format!("as trained {}", uuid::Uuid::new_v4()) });
    let data: serde_json::Map<String, Value> =
        (0..40).map(|skill_number| (format!("skill_{skill_number}"), skill(skill_number))).collect();
    json!({ "name": format!("Hero {number}"), "user_id": uuid::Uuid::new_v4(), "data": data })
}

async fn growth(service: &Service, size: impl Fn() -> u64) {
    let url = service.url("/api/v2/characters");
    println!("  a sheet of {} bytes", sheet(1)["data"].to_string().len());
    let empty = size();
    let heroes = create(&url, CHARACTERS).await;
    let created = size();
    println!("  disk: {:.1} MiB for {CHARACTERS} characters with one version each", mebibytes(created - empty));
    let mut tasks = JoinSet::new();
    for client in 0..CLIENTS {
        let (url, heroes) = (url.clone(), heroes.clone());
        tasks.spawn(async move {
            let http = http();
            for number in (client..CHANGES).step_by(CLIENTS) {
                patch(&http, &url, &heroes[number % heroes.len()], number).await;
            }
        });
    }
    tasks.join_all().await;
    let changed = size();
    println!("  disk: {:.1} KB for each change of one field", (changed - created) as f64 / CHANGES as f64 / 1_000.0);
}

async fn create(url: &str, number: usize) -> Vec<String> {
    let http = http();
    let mut heroes = Vec::with_capacity(number);
    for index in 0..number {
        let created: Value = http.post(url).json(&sheet(index)).send().await.unwrap().json().await.unwrap();
        heroes.push(created["id"].as_str().unwrap().to_owned());
    }
    heroes
}

async fn patch(http: &reqwest::Client, url: &str, hero: &str, number: usize) {
    let body = json!({ "data": { "skill_1": { "bonus": number } } }).to_string();
    let request = http.patch(format!("{url}/{hero}")).header("content-type", "application/merge-patch+json").body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

async fn read(http: &reqwest::Client, url: &str) {
    let response = http.get(url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap();
}

async fn rates(service: &Service) {
    let url = service.url("/api/v2/characters");
    let heroes = create(&url, 200).await;
    for what in ["read a character", "read a list of 20", "change a field", "create a character"] {
        let (begin, mut tasks) = (Instant::now(), JoinSet::new());
        for client in 0..CLIENTS {
            let (url, heroes) = (url.clone(), heroes.clone());
            tasks.spawn(async move {
                let (http, mut answers) = (http(), 0_usize);
                while begin.elapsed() < ROUND {
                    let number = client + answers * CLIENTS;
                    let hero = &heroes[number % heroes.len()];
                    match what {
                        "change a field" => patch(&http, &url, hero, number).await,
                        "create a character" => {
                            assert_eq!(http.post(&url).json(&sheet(number)).send().await.unwrap().status(), 201);
                        }
                        "read a character" => read(&http, &format!("{url}/{hero}")).await,
                        _ => read(&http, &format!("{url}?limit=20")).await,
                    }
                    answers += 1;
                }
                answers
            });
        }
        let answers: usize = tasks.join_all().await.into_iter().sum();
        println!("  {what:<20} {:>8.0} requests/s", answers as f64 / begin.elapsed().as_secs_f64());
    }
}
