//! Processor time of the services for each request, beside what a plain service and the limit take for it in the same run.
//! Prints the table, writes it into `docs/benchmarks.md`, and fails when a ratio is more than a tenth above its aim.
//!
//! `cargo bench -p character-tests --bench service`; with `-- --scale` the Storage Service over a large database beside a small one.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement that cannot be made has failed")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

mod floors;
mod load;
mod processes;
mod scale;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use character_tests::{PostgresServer, RedisServer, Service, median, processor_time};
use load::{Requests, ask, request, send};
use processes::Floor;
use serde_json::{Value, json};
use uuid::Uuid;

/// The one of the binaries, for both sides of each comparison.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const CHARACTERS: &str = "/api/v2/characters";
const STORED: &str = "/storage/v1/characters";
const ROUNDS: usize = 5;
const MARKS: (&str, &str) = ("<!-- table of the service -->\n", "<!-- end of the table -->");
/// Characters in play, all of which a cache holds.
const HOT: usize = 1_000;
/// Characters of which a cache of a mebibyte holds few.
const COLD: usize = 12_000;
/// A ratio may be above its aim by this factor before the benchmark fails.
const TOLERANCE: f64 = 1.1;

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some(role @ ("limit" | "plain" | "plain-storage")) => {
            actix_web::rt::System::new().block_on(floors::serve(role));
            Ok(())
        }
        _ if arguments.iter().any(|argument| argument == "--bench") => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let is_scale = arguments.iter().any(|argument| argument == "--scale");
            runtime.block_on(async { if is_scale { scale::all().await } else { all().await } })
        }
        _ => Ok(()),
    }
}

/// One of the servers that a row compares.
#[derive(Clone)]
struct Side {
    address: SocketAddr,
    /// Whose processor time counts.
    pids: Vec<u32>,
}

impl Side {
    fn of(service: &Service) -> Self {
        Self { address: service.address(), pids: vec![service.pid().unwrap()] }
    }

    fn floor(floor: &Floor) -> Self {
        Self { address: floor.address, pids: vec![floor.pid()] }
    }

    fn with(mut self, pid: Option<u32>) -> Self {
        self.pids.extend(pid);
        self
    }
}

/// A row of the table, in µs.
struct Row {
    what: &'static str,
    ours: f64,
    beside: &'static str,
    floor: f64,
    aim: f64,
}

/// The processor time of a request at each side, in µs: the median of rounds that run in turn.
async fn measure(count: usize, sides: &[(&Side, &Requests)], before: impl Fn()) -> Vec<f64> {
    let mut figures = vec![Vec::new(); sides.len()];
    for _ in 0..ROUNDS {
        for ((side, requests), figures) in sides.iter().zip(&mut figures) {
            before();
            let start = processor_time(&side.pids);
            send(side.address, count, requests).await;
            let spent = processor_time(&side.pids) - start;
            figures.push(spent.as_secs_f64() * 1e6 / count as f64);
        }
    }
    figures.into_iter().map(median).collect()
}

async fn all() -> Result<(), String> {
    let mut rows = character_rows().await;
    rows.extend(storage_rows(&rows).await);
    let table = table(&rows);
    println!("{table}");
    write_into_the_page(MARKS, &table);
    let above: Vec<_> =
        rows.iter().filter(|row| row.ours / row.floor > row.aim * TOLERANCE).map(|row| row.what).collect();
    if above.is_empty() { Ok(()) } else { Err(format!("above the aim: {}", above.join(", "))) }
}

async fn character_rows() -> Vec<Row> {
    let redis = RedisServer::start();
    let storage = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("LOG_LEVEL", "warn").start();
    let ours = |level: &str, cache: usize| {
        let service = Service::character().env("STORAGE_SERVICE_URL", storage.url(""));
        let service = service.env("STORAGE_SERVICE_TOKEN", TOKEN).env("REDIS_URL", redis.url());
        service.env("LOG_LEVEL", level).env("CACHE_MAX_BYTES", cache.to_string()).start()
    };
    let (quiet, logging, small) = (ours("warn", 64 << 20), ours("info", 64 << 20), ours("warn", 1 << 20));
    let (limit, stub) = (Floor::start("limit", &[]), Floor::start("limit", &[]));
    let plain = Floor::start("plain", &[("STORAGE", &stub.address.to_string()), ("REDIS", &redis.url())]);

    let ids: Arc<Vec<Uuid>> = Arc::new((0..COLD).map(|_| Uuid::new_v4()).collect());
    for part in ids.chunks(500) {
        let characters: Vec<Value> = part.iter().map(|id| with_id(*id)).collect();
        let body = json!({ "atomic": true, "characters": characters }).to_string();
        drop(ask(quiet.address(), &request("POST", &format!("{CHARACTERS}/bulk"), "", &body)).await);
    }
    let fill = putting(&ids, COLD);
    for floor in [&limit, &stub] {
        send(floor.address, COLD, &fill).await;
    }

    let (quiet, logging, small) = (Side::of(&quiet), Side::of(&logging), Side::of(&small));
    let (limit, plain) = (Side::floor(&limit), Side::floor(&plain));
    let none = || {};
    let mut rows = Vec::new();
    let get = getting(&ids, HOT);
    for side in [&quiet, &logging, &limit, &plain] {
        send(side.address, 2 * HOT, &get).await;
    }
    let figures = measure(30_000, &[(&quiet, &get), (&logging, &get), (&limit, &get)], none).await;
    rows.push(Row { what: "hot `GET`", ours: figures[0], beside: "limit", floor: figures[2], aim: 1.2 });
    rows.push(Row { what: "hot `GET`, access log", ours: figures[1], beside: "limit", floor: figures[2], aim: 1.6 });

    let list: Requests =
        Arc::new(|number| request("GET", &format!("{CHARACTERS}?limit=100&offset={}", number % 10 * 100), "", ""));
    let figures = measure(1_500, &[(&quiet, &list), (&limit, &list)], none).await;
    rows.push(Row { what: "list of 100", ours: figures[0], beside: "limit", floor: figures[1], aim: 1.1 });

    // Each id is read once in two rounds; before each, Redis is empty.
    let next = AtomicUsize::new(0);
    let all = Arc::clone(&ids);
    let cold: Requests = Arc::new(move |_| {
        request("GET", &format!("{CHARACTERS}/{}", all[next.fetch_add(1, Ordering::Relaxed) % COLD]), "", "")
    });
    let figures = measure(COLD / 2, &[(&small, &cold), (&plain, &cold)], || redis.flush()).await;
    rows.push(Row { what: "cold `GET`", ours: figures[0], beside: "plain", floor: figures[1], aim: 1.2 });

    let (get, put) = (getting(&ids, HOT), putting(&ids, HOT));
    let (one, another) = (Arc::clone(&get), Arc::clone(&put));
    let mixed: Requests = Arc::new(move |number| if number % 10 == 0 { another(number) } else { one(number) });
    let figures = measure(10_000, &[(&quiet, &mixed), (&plain, &mixed)], none).await;
    rows.push(Row { what: "nine `GET` and a `PUT`", ours: figures[0], beside: "plain", floor: figures[1], aim: 1.3 });

    let post: Requests = Arc::new(|number| request("POST", CHARACTERS, "", &sheet(number).to_string()));
    let figures = measure(3_000, &[(&quiet, &post), (&plain, &post)], none).await;
    rows.push(Row { what: "`POST`", ours: figures[0], beside: "plain", floor: figures[1], aim: 2.0 });
    let figures = measure(3_000, &[(&quiet, &put), (&plain, &put)], none).await;
    rows.push(Row { what: "`PUT`", ours: figures[0], beside: "plain", floor: figures[1], aim: 2.5 });
    rows
}

/// The Storage Service by itself, with the database; on SQLite beside the plain service, which stands for the speed of the
/// machine: its `POST` and `PUT` took 122 and 126 µs where the aims of 400 and 500 µs were set.
async fn storage_rows(characters: &[Row]) -> Vec<Row> {
    let postgres = PostgresServer::start();
    postgres.query(
        "CREATE TABLE plain (id uuid PRIMARY KEY, user_id uuid NOT NULL, campaign_id uuid, body jsonb NOT NULL, \
                    revision bigint NOT NULL DEFAULT 1, changed timestamptz NOT NULL DEFAULT now()); \
         CREATE INDEX ON plain (user_id); CREATE INDEX ON plain (campaign_id)",
    );
    let service = |url: Option<String>| {
        let service = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("LOG_LEVEL", "warn");
        url.into_iter().fold(service, |service, url| service.env("DATABASE_URL", url)).start()
    };
    let (on_postgres, on_sqlite) = (service(Some(postgres.fresh_schema_url())), service(None));
    let plain = Floor::start("plain-storage", &[("DATABASE", &postgres.url())]);
    let ids: Arc<Vec<Uuid>> = Arc::new((0..HOT).map(|_| Uuid::new_v4()).collect());
    let create = |known: Option<Arc<Vec<Uuid>>>| -> Requests {
        Arc::new(move |number| {
            let id = known.as_ref().map_or_else(Uuid::new_v4, |ids| ids[number % HOT]);
            transaction(id, &json!({ "create": entity(id, number) }))
        })
    };
    let replaced = Arc::clone(&ids);
    let replace: Requests = Arc::new(move |number| {
        let id = replaced[spread(number, HOT)];
        transaction(id, &json!({ "replace": { "entity": entity(id, number), "expect": "any" } }))
    });
    for service in [&on_postgres, &on_sqlite] {
        send(service.address(), HOT, &create(Some(Arc::clone(&ids)))).await;
    }
    send(plain.address, HOT, &putting(&ids, HOT)).await;

    let read = Arc::clone(&ids);
    let find: Requests =
        Arc::new(move |number| request("GET", &format!("{STORED}/{}", read[spread(number, HOT)]), &bearer(), ""));
    let post: Requests = Arc::new(|number| request("POST", CHARACTERS, "", &sheet(number).to_string()));
    let ours = Side::of(&on_postgres).with(postgres.pid());
    let plain = Side::floor(&plain).with(postgres.pid());
    let none = || {};
    let mut rows = Vec::new();
    let mut add = |what, figures: Vec<f64>, aim| {
        rows.push(Row { what, ours: figures[0], beside: "plain storage", floor: figures[1], aim });
    };
    let get = getting(&ids, HOT);
    add("PostgreSQL: find", measure(6_000, &[(&ours, &find), (&plain, &get)], none).await, 1.05);
    add("PostgreSQL: create", measure(3_000, &[(&ours, &create(None)), (&plain, &post)], none).await, 1.3);
    let put = putting(&ids, HOT);
    add("PostgreSQL: replace", measure(3_000, &[(&ours, &replace), (&plain, &put)], none).await, 1.3);

    let sqlite = Side::of(&on_sqlite);
    let plain = |what: &str| characters.iter().find(|row| row.what == what).unwrap().floor;
    let created = measure(3_000, &[(&sqlite, &create(None))], none).await[0];
    let changed = measure(3_000, &[(&sqlite, &replace)], none).await[0];
    let beside = "plain service";
    rows.push(Row { what: "SQLite: create", ours: created, beside, floor: plain("`POST`"), aim: 400.0 / 122.0 });
    rows.push(Row { what: "SQLite: replace", ours: changed, beside, floor: plain("`PUT`"), aim: 500.0 / 126.0 });
    rows
}

/// Numbers that visit all rows in no simple order.
fn spread(number: usize, among: usize) -> usize {
    number.wrapping_mul(7_919) % among
}

fn getting(ids: &Arc<Vec<Uuid>>, among: usize) -> Requests {
    let ids = Arc::clone(ids);
    Arc::new(move |number| request("GET", &format!("{CHARACTERS}/{}", ids[spread(number, among)]), "", ""))
}

fn putting(ids: &Arc<Vec<Uuid>>, among: usize) -> Requests {
    let ids = Arc::clone(ids);
    Arc::new(move |number| {
        let path = format!("{CHARACTERS}/{}", ids[spread(number, among)]);
        request("PUT", &path, "", &sheet(number).to_string())
    })
}

fn bearer() -> String {
    format!("Authorization: Bearer {TOKEN}\r\n")
}

/// A request of the storage wire: a change of one row, with an event.
fn transaction(id: Uuid, change: &Value) -> Vec<u8> {
    let event = json!({
        "id": Uuid::new_v4(), "type": "character.updated", "subject": id, "time": "2026-01-31T00:00:00Z", "data": {},
    });
    let body = json!({ "id": Uuid::new_v4(), "writes": [{ "character": change }], "events": [event] });
    request("POST", "/storage/v1/transactions", &bearer(), &body.to_string())
}

fn entity(id: Uuid, number: usize) -> Value {
    let at = "2026-01-31T00:00:00Z";
    let mut entity = sheet(number);
    entity["id"] = json!(id);
    for (name, value) in [
        ("parent_id", Value::Null),
        ("theme", json!("traditional")),
        ("campaign_id", Value::Null),
        ("is_active", json!(true)),
        ("meta", json!({ "revision": 1, "created_at": at, "updated_at": at, "deleted_at": null })),
    ] {
        entity[name] = value;
    }
    entity
}

fn with_id(id: Uuid) -> Value {
    let mut character = sheet(0);
    character["id"] = json!(id);
    character
}

/// A character whose sheet has 4 KB as JSON; each number makes another one. It can be compressed no better than a real one.
fn sheet(number: usize) -> Value {
    let mut data = serde_json::Map::new();
    for skill in 0..40 {
        let bonus = (number + skill) % 30;
        // Each text differs from all others.
        let notes = format!("{:x}", (number * 40 + skill + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let skill_of = json!({ "ability": "dexterity", "proficient": true, "bonus": bonus, "notes": notes });
        data.insert(format!("skill_{skill}"), skill_of);
    }
    json!({ "name": "Torormir", "user_id": Uuid::from_u128(7), "data": data })
}

fn table(rows: &[Row]) -> String {
    let mut table = String::from("| What | Ours, µs | Beside | µs | Ratio | Aim |\n|---|---|---|---|---|---|\n");
    for Row { what, ours, beside, floor, aim } in rows {
        let ratio = ours / floor;
        writeln!(table, "| {what} | {ours:.0} | {beside} | {floor:.0} | {ratio:.2} | {aim:.2} |").unwrap();
    }
    table
}

/// Replaces the table between the marks.
fn write_into_the_page((begin, end): (&str, &str), table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    std::fs::write(path, format!("{before}{begin}{table}{end}{after}")).unwrap();
}
