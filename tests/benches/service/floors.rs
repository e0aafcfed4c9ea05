//! What the services are compared with: a plain service as most teams would write it, the storage behind it, and the limit,
//! which returns the bytes from its memory. None of them has versions, events, checks or idempotency.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data, Path, Query, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use deadpool_redis::redis::{AsyncCommands as _, pipe};
use serde_json::value::RawValue;
use uuid::Uuid;

/// As many as the services have on two cores.
const WORKERS: usize = 2;
const CHARACTERS: &str = "/api/v2/characters";

/// Serves as one of them until the process is killed. The first line of the output is the address.
pub(crate) async fn serve(role: &str) {
    match role {
        "limit" => {
            let rows = Data::new(Rows::default());
            run(move |config| memory(config, rows.clone())).await;
        }
        "plain" => run(|config| plain(config, Data::new(Plain::from_environment()))).await,
        "plain-storage" => run(|config| plain_storage(config, Data::new(Table::from_environment()))).await,
        other => panic!("there is no {other}"),
    }
}

async fn run(configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) {
    let app = move || App::new().app_data(web::PayloadConfig::new(64 << 20)).configure(configure.clone());
    let server = HttpServer::new(app).workers(WORKERS).bind(("127.0.0.1", 0)).unwrap();
    println!("{}", server.addrs()[0]);
    server.disable_signals().run().await.unwrap();
}

fn json(status: StatusCode, body: Bytes) -> HttpResponse {
    HttpResponse::build(status).content_type("application/json").body(body)
}

type Members = HashMap<String, Box<RawValue>>;

/// The body with an id: it is parsed and written once.
fn with_id(id: Uuid, body: &[u8]) -> Bytes {
    let mut members: Members = serde_json::from_slice(body).unwrap();
    members.insert("id".to_owned(), RawValue::from_string(format!("\"{id}\"")).unwrap());
    serde_json::to_vec(&members).unwrap().into()
}

/// Rows in memory, and in which order they were created.
#[derive(Default)]
struct Rows(RwLock<(HashMap<Uuid, Bytes>, Vec<Uuid>)>);

impl Rows {
    fn get(&self, id: Uuid) -> Option<Bytes> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).0.get(&id).cloned()
    }

    fn put(&self, id: Uuid, body: Bytes) {
        let mut rows = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if rows.0.insert(id, body).is_none() {
            rows.1.push(id);
        }
    }

    fn list(&self, offset: usize, limit: usize) -> Bytes {
        let rows = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut page = vec![b'['];
        for (index, body) in rows.1.iter().skip(offset).take(limit).filter_map(|id| rows.0.get(id)).enumerate() {
            page.extend(if index > 0 { &b","[..] } else { b"" });
            page.extend(body);
        }
        page.push(b']');
        page.into()
    }
}

fn memory(config: &mut ServiceConfig, rows: Data<Rows>) {
    let get = |rows: Data<Rows>, id: Path<Uuid>| async move {
        rows.get(*id).map_or_else(|| HttpResponse::NotFound().finish(), |body| json(StatusCode::OK, body))
    };
    let list = |rows: Data<Rows>, query: Query<HashMap<String, usize>>| async move {
        let number = |name: &str, default| query.get(name).copied().unwrap_or(default);
        json(StatusCode::OK, rows.list(number("offset", 0), number("limit", 100)))
    };
    let create = |rows: Data<Rows>, body: Bytes| async move {
        let id = Uuid::now_v7();
        let body = with_id(id, &body);
        rows.put(id, body.clone());
        json(StatusCode::CREATED, body)
    };
    let replace = |rows: Data<Rows>, id: Path<Uuid>, body: Bytes| async move {
        let body = with_id(*id, &body);
        rows.put(*id, body.clone());
        json(StatusCode::OK, body)
    };
    let all = web::resource(CHARACTERS).route(web::get().to(list)).route(web::post().to(create));
    let one = web::resource("/api/v2/characters/{id}").route(web::get().to(get)).route(web::put().to(replace));
    config.app_data(rows).service(all).service(one);
}

/// A service with a cache in Redis before a storage that is called by HTTP.
struct Plain {
    client: reqwest::Client,
    storage: String,
    redis: deadpool_redis::Pool,
}

impl Plain {
    fn from_environment() -> Self {
        let [storage, redis] = ["STORAGE", "REDIS"].map(|name| std::env::var(name).unwrap());
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy().build().unwrap();
        let redis = deadpool_redis::Config::from_url(redis).create_pool(Some(deadpool_redis::Runtime::Tokio1)).unwrap();
        Self { client, storage: format!("http://{storage}{CHARACTERS}"), redis }
    }

    async fn keep(&self, id: Uuid, body: &[u8]) {
        let mut connection = self.redis.get().await.unwrap();
        let mut both = pipe();
        both.set_ex(format!("character:{id}"), body, 3600).set_ex(format!("character:last:{id}"), body, 86_400);
        both.exec_async(&mut connection).await.unwrap();
    }

    async fn get(&self, id: Uuid) -> HttpResponse {
        let found: Option<Vec<u8>> = self.redis.get().await.unwrap().get(format!("character:{id}")).await.unwrap();
        if let Some(body) = found {
            return json(StatusCode::OK, body.into());
        }
        let response = self.client.get(format!("{}/{id}", self.storage)).send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.status());
        let body = response.bytes().await.unwrap();
        self.keep(id, &body).await;
        json(StatusCode::OK, body)
    }

    /// Reads the names of the body, sends it on, and keeps what the storage returns.
    async fn change(&self, call: reqwest::RequestBuilder, id: Option<Uuid>, body: Bytes) -> HttpResponse {
        let members: Members = serde_json::from_slice(&body).unwrap();
        assert!(members.contains_key("name"));
        let body = serde_json::to_vec(&members).unwrap();
        let call = call.header("content-type", "application/json").body(body);
        let response = call.send().await.unwrap();
        let status = StatusCode::from_u16(response.status().as_u16()).unwrap();
        let body = response.bytes().await.unwrap();
        let stored: Members = serde_json::from_slice(&body).unwrap();
        let id = id.unwrap_or_else(|| serde_json::from_str(stored["id"].get()).unwrap());
        self.keep(id, &body).await;
        json(status, body)
    }
}

fn plain(config: &mut ServiceConfig, plain: Data<Plain>) {
    let get = |plain: Data<Plain>, id: Path<Uuid>| async move { plain.get(*id).await };
    let create = |plain: Data<Plain>, body: Bytes| async move {
        plain.change(plain.client.post(&plain.storage), None, body).await
    };
    let replace = |plain: Data<Plain>, id: Path<Uuid>, body: Bytes| async move {
        plain.change(plain.client.put(format!("{}/{id}", plain.storage)), Some(*id), body).await
    };
    let all = web::resource(CHARACTERS).route(web::post().to(create));
    let one = web::resource("/api/v2/characters/{id}").route(web::get().to(get)).route(web::put().to(replace));
    config.app_data(plain).service(all).service(one);
}

/// A storage with one table, as most would write it: the document as `jsonb`, an index for each of two ids, and the row as answer.
struct Table(deadpool_postgres::Pool);

impl Table {
    fn from_environment() -> Self {
        let config: tokio_postgres::Config = std::env::var("DATABASE").unwrap().parse().unwrap();
        let manager = deadpool_postgres::Manager::new(config, tokio_postgres::NoTls);
        Self(deadpool_postgres::Pool::builder(manager).max_size(16 / WORKERS).build().unwrap())
    }

    async fn get(&self, id: Uuid) -> HttpResponse {
        let connection = self.0.get().await.unwrap();
        let statement = connection.prepare_cached("SELECT CAST(body AS text) FROM plain WHERE id = $1").await.unwrap();
        let row = connection.query_one(&statement, &[&id]).await.unwrap();
        json(StatusCode::OK, row.get::<_, String>(0).into())
    }

    async fn put(&self, id: Uuid, body: Bytes, status: StatusCode) -> HttpResponse {
        let body = with_id(id, &body);
        let text = std::str::from_utf8(&body).unwrap();
        let connection = self.0.get().await.unwrap();
        let put = "INSERT INTO plain (id, user_id, body) VALUES ($1, $2, CAST(CAST($3 AS text) AS jsonb)) \
                   ON CONFLICT (id) DO UPDATE SET body = excluded.body, revision = plain.revision + 1, changed = now() \
                   RETURNING CAST(body AS text)";
        let statement = connection.prepare_cached(put).await.unwrap();
        let row = connection.query_one(&statement, &[&id, &Uuid::from_u128(7), &text]).await.unwrap();
        json(status, row.get::<_, String>(0).into())
    }
}

fn plain_storage(config: &mut ServiceConfig, table: Data<Table>) {
    let get = |table: Data<Table>, id: Path<Uuid>| async move { table.get(*id).await };
    let create =
        |table: Data<Table>, body: Bytes| async move { table.put(Uuid::now_v7(), body, StatusCode::CREATED).await };
    let replace =
        |table: Data<Table>, id: Path<Uuid>, body: Bytes| async move { table.put(*id, body, StatusCode::OK).await };
    let all = web::resource(CHARACTERS).route(web::post().to(create));
    let one = web::resource("/api/v2/characters/{id}").route(web::get().to(get)).route(web::put().to(replace));
    config.app_data(table).service(all).service(one);
}
