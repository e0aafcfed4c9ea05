//! The Storage Service over 1,000,000 characters with 10,000,000 versions, beside the same over 1,000 characters with 10,000.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use character_tests::{PostgresServer, Service};
use serde_json::json;
use uuid::Uuid;

use crate::load::{Requests, request};
use crate::{Side, TOKEN, TOLERANCE, bearer, entity, measure, spread, transaction, write_into_the_page};

const CHARACTERS: [usize; 2] = [1_000, 1_000_000];
/// Versions of each character.
const VERSIONS: usize = 10;
/// Characters of each user.
const OF_A_USER: usize = 100;
const AIM: f64 = 1.3;
const MARKS: (&str, &str) = ("<!-- table of the scale -->\n", "<!-- end of the scale -->");

/// Ids in the order of their numbers, as those of version 7 are in the order of their times.
fn id(number: usize) -> Uuid {
    Uuid::from_u128((0x0190_u128 << 112) | number as u128)
}

fn user(number: usize) -> Uuid {
    Uuid::from_u128(number as u128)
}

/// One of the two databases, and the service over it.
struct Scale {
    characters: usize,
    postgres: PostgresServer,
    service: Service,
    start_ms: f64,
}

impl Scale {
    fn of(characters: usize) -> Self {
        let postgres = PostgresServer::start_with(&["max_wal_size=2GB", "maintenance_work_mem=256MB"]);
        let service = || {
            let service = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("LOG_LEVEL", "warn");
            service.env("DATABASE_URL", postgres.url()).start()
        };
        // It makes the tables.
        assert_eq!(service().terminate(), 0);
        fill(&postgres, characters);
        let begun = Instant::now();
        let service = service();
        let start_ms = begun.elapsed().as_secs_f64() * 1e3;
        Self { characters, postgres, service, start_ms }
    }

    fn side(&self) -> Side {
        Side::of(&self.service).with(self.postgres.pid())
    }

    fn requests(&self, what: What) -> Requests {
        let (characters, bearer) = (self.characters, bearer());
        let get = move |path: String| request("GET", &path, &bearer, "");
        match what {
            What::Find => made(move |number| get(format!("/storage/v1/characters/{}", id(spread(number, characters))))),
            What::List => made(move |number| {
                let user = user(spread(number, characters / OF_A_USER));
                get(format!("/storage/v1/characters?user_id={user}&limit=100"))
            }),
            What::History => made(move |number| {
                let character = id(spread(number, characters));
                get(format!("/storage/v1/character_versions?character_id={character}&limit=10"))
            }),
            What::Create => made(|number| {
                let id = Uuid::now_v7();
                transaction(id, &json!({ "create": entity(id, number) }))
            }),
            What::Replace => made(move |number| {
                let id = id(spread(number, characters));
                transaction(id, &json!({ "replace": { "entity": entity(id, number), "expect": "any" } }))
            }),
        }
    }
}

/// Requests that go on where the round before ended.
fn made(make: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static) -> Requests {
    let next = AtomicUsize::new(0);
    std::sync::Arc::new(move |_| make(next.fetch_add(1, Ordering::Relaxed)))
}

#[derive(Clone, Copy)]
enum What {
    Find,
    List,
    History,
    Create,
    Replace,
}

/// The rows, without their log: as after its retention.
fn fill(postgres: &PostgresServer, characters: usize) {
    let mut state = entity(Uuid::nil(), 0);
    state["data"] = json!({ "hit_points": { "current": 9, "maximum": 12 } });
    let (data, state, nil) = (state["data"].to_string(), state.to_string(), Uuid::nil());
    let id = |number: &str| format!("('0190' || lpad(to_hex({number}), 28, '0'))::uuid");
    let (character, version) =
        (id("number"), format!("('0191' || lpad(to_hex(number * {VERSIONS} + version), 28, '0'))::uuid"));
    for statement in [
        format!(
            "INSERT INTO characters (id, revision, created_at, updated_at, theme, name, name_folded, user_id, data, is_active) \
             SELECT {character}, {VERSIONS}, number * 1000, number * 1000, 'traditional', 'Member ' || number, \
             'member ' || number, lpad(to_hex(number % {users}), 32, '0')::uuid, '{data}', true \
             FROM generate_series(0, {last}) AS number",
            users = characters / OF_A_USER,
            last = characters - 1,
        ),
        format!(
            "INSERT INTO character_versions (id, revision, created_at, updated_at, character_id, parent_id, reason, state, \
             changes, related) SELECT {version}, 1, number * 1000 + version, number * 1000 + version, {character}, NULL, \
             'character.updated', replace('{state}', '{nil}', {character}::text), '[]', '[]' \
             FROM generate_series(0, {last}) AS number, generate_series(0, {versions}) AS version",
            last = characters - 1,
            versions = VERSIONS - 1,
        ),
        "VACUUM ANALYZE characters".to_owned(),
        "VACUUM ANALYZE character_versions".to_owned(),
        "CHECKPOINT".to_owned(),
    ] {
        postgres.query(&statement);
    }
}

pub(crate) async fn all() -> Result<(), String> {
    let scales = CHARACTERS.map(Scale::of);
    let sides = scales.each_ref().map(Scale::side);
    let mut table =
        String::from("| What | 1,000 characters | 1,000,000 characters | Ratio | Aim |\n|---|---|---|---|---|\n");
    let mut above = Vec::new();
    let mut add = |what: &str, unit: &str, [small, large]: [f64; 2]| {
        let ratio = large / small;
        writeln!(table, "| {what} | {small:.0} {unit} | {large:.0} {unit} | {ratio:.2} | {AIM:.2} |").unwrap();
        if ratio > AIM * TOLERANCE {
            above.push(what.to_owned());
        }
    };
    for (name, what, count) in [
        ("find", What::Find, 10_000),
        ("the 100 characters of a user", What::List, 1_000),
        ("the newest 10 versions of a character", What::History, 5_000),
        ("create", What::Create, 3_000),
        ("replace", What::Replace, 3_000),
    ] {
        let of = scales.each_ref().map(|scale| scale.requests(what));
        let figures = measure(count, &[(&sides[0], &of[0]), (&sides[1], &of[1])], || {}).await;
        add(name, "µs", [figures[0], figures[1]]);
    }
    let memory = scales.each_ref().map(|scale| scale.service.memory("VmRSS:") as f64 / (1 << 20) as f64);
    add("memory of the service after that", "MiB", memory);
    let [small, large] = scales.each_ref().map(|scale| scale.start_ms);
    writeln!(table, "| start until it is ready | {small:.0} ms | {large:.0} ms | {:.2} | |", large / small).unwrap();
    println!("{table}");
    write_into_the_page(MARKS, &table);
    if above.is_empty() { Ok(()) } else { Err(format!("above the aim: {}", above.join(", "))) }
}
