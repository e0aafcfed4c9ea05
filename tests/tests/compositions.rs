//! `client ∘ server ∘ adapter` behaves as `adapter` does, and so does a cache in front of it: the suite over whole
//! compositions, with real sockets and real databases.

#![expect(clippy::unwrap_used, reason = "a composition that cannot be set up has failed")]

#[path = "compositions/misses.rs"]
mod misses;
#[path = "compositions/recent.rs"]
mod recent;
#[path = "compositions/redaction.rs"]
mod redaction;
#[path = "compositions/through_hub.rs"]
mod through_hub;

use actix_web::{App, HttpServer, dev::ServerHandle, rt::System, web::ServiceConfig};
use character_app::observed::{Observed, OperationMetrics};
use character_cache::{CacheMetrics, CacheOptions, Cached};
use character_cache_redis::{RedisTier, RedisTierMetrics, RedisTierOptions};
use character_domain::{Attunement, Character, CharacterId, InventoryItem, UserId, now};
use character_http_kit::AcceptedTokens;
use character_repositories::{Repositories, RequestContext, StorageContext};
use character_storage_http::{HttpStorage, HttpStorageConfig};
use character_storage_port::{Change, Commit, MemoryStorage, StorageExt, StoragePort, Transaction};
use character_storage_server::{Limits, StorageServer};
use character_storage_sql::{SqlOptions, SqlStorage};
use character_storage_testkit::{Harness, storage_conformance, unreadable};
use character_tests::{PostgresServer, RedisServer};
use std::{
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

const TOKEN: &str = "token";

/// A server in this process, on a port of its own; stopped when dropped.
struct Serving {
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    /// Serves `storage`, and a client of it with the whole transport stack.
    fn start(storage: Arc<dyn StoragePort>) -> (Self, Arc<dyn StoragePort>) {
        let (serving, url) = Self::bound(storage);
        // Debug builds on a busy machine take seconds for a page of 8 MiB.
        let patient = Duration::from_secs(30);
        let config = HttpStorageConfig::new(url.parse().unwrap(), TOKEN.to_owned().into());
        let config = HttpStorageConfig { attempt_timeout: patient, deadline: patient, ..config };
        let client = HttpStorage::connect(config).unwrap();
        (serving, Arc::new(client))
    }

    /// Serves `storage` at an address of its own.
    fn bound(storage: Arc<dyn StoragePort>) -> (Self, String) {
        let tokens = AcceptedTokens::new([TOKEN.to_owned().into()]).unwrap();
        let storage = StorageServer::new(storage, tokens, Limits::default()).unwrap();
        Self::of(move |config| storage.configure(config))
    }

    /// Serves this application at an address of its own.
    fn of(application: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> (Self, String) {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            System::new().block_on(async move {
                let server = HttpServer::new(move || App::new().configure(application.clone()))
                    .workers(1)
                    .disable_signals()
                    .bind("127.0.0.1:0")
                    .unwrap();
                let address = *server.addrs().first().unwrap();
                let server = server.run();
                sender.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, handle) = receiver.recv().unwrap();
        (Self { handle, thread: Some(thread) }, format!("http://{address}"))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The command is sent by the call; the future would only wait for its end, as the join does.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}

/// Client, server, PostgreSQL, measured as the services measure it.
struct OverPostgres;

impl Harness for OverPostgres {
    type Guard = Serving;

    async fn fresh() -> (Serving, Arc<dyn StoragePort>) {
        let options = SqlOptions { connections: 4, ..SqlOptions::default() };
        let database = SqlStorage::connect(&PostgresServer::shared().fresh_schema_url(), options).await.unwrap();
        let (serving, client) = Serving::start(Arc::new(database));
        let mut registry = prometheus_client::registry::Registry::default();
        (serving, Arc::new(Observed::new(Arc::new(client), OperationMetrics::register(&mut registry))))
    }
}

storage_conformance!(http_server_postgres, OverPostgres);

/// Cache, client, server, SQLite.
struct CachedOverSqlite;

impl Harness for CachedOverSqlite {
    type Guard = (Serving, tempfile::TempDir);

    async fn fresh() -> (Self::Guard, Arc<dyn StoragePort>) {
        let folder = tempfile::tempdir().unwrap();
        let database = SqlStorage::sqlite(folder.path().join("storage.sqlite")).await.unwrap();
        let (serving, client) = Serving::start(Arc::new(database));
        let log = Arc::clone(&client) as _;
        let (cached, follower) =
            Cached::new(client, log, CacheOptions::default(), None, CacheMetrics::default()).unwrap();
        tokio::spawn(follower.run());
        ((serving, folder), Arc::new(cached))
    }
}

storage_conformance!(cached_http_server_sqlite, CachedOverSqlite);

/// Cache, Redis, memory.
struct CachedWithRedis;

impl Harness for CachedWithRedis {
    type Guard = ();

    async fn fresh() -> ((), Arc<dyn StoragePort>) {
        // A Redis of each test's own, as good as.
        let prefix = format!("{}:", uuid::Uuid::new_v4());
        let url = RedisServer::shared().url().into();
        let options = RedisTierOptions { prefix, operation: Duration::from_secs(1), ..RedisTierOptions::new(url) };
        let tier = RedisTier::connect(options, RedisTierMetrics::default()).unwrap();
        assert!(tier.ready(Duration::from_secs(10)).await, "{:?}", tier.failure());
        let inner: Arc<dyn StoragePort> = Arc::new(MemoryStorage::new());
        // Without room in the process, each answer shows what Redis holds.
        let options = CacheOptions { max_bytes: 0, ..CacheOptions::default() };
        let log = Arc::clone(&inner) as _;
        let (cached, follower) =
            Cached::new(inner, log, options, Some(Arc::new(tier)), CacheMetrics::default()).unwrap();
        tokio::spawn(follower.run());
        assert!(cached.ready(Duration::from_secs(10)).await);
        ((), Arc::new(cached))
    }
}

storage_conformance!(cached_redis_memory, CachedWithRedis);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_cannot_be_read_are_reported_over_http() {
    let (server, options) = (PostgresServer::shared(), SqlOptions { connections: 4, ..SqlOptions::default() });
    let url = server.fresh_schema_url();
    let schema = url.rsplit("%3D").next().unwrap();
    let database = SqlStorage::connect(&url, options).await.unwrap();
    // With the circuit breaker as it is: an answer that came whole is no failure, whatever is in it.
    let (_serving, client) = Serving::start(Arc::new(database));
    unreadable::are_reported(&*client, async |id| {
        server.query(&format!("UPDATE {schema}.characters SET data = '{{' WHERE id = '{id}'"));
    })
    .await;
}

/// 200 items of a megabyte each are more than one answer of the storage may hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acts_read_all_rows_of_a_character_whatever_their_size() {
    let folder = tempfile::tempdir().unwrap();
    let database = SqlStorage::sqlite(folder.path().join("storage.sqlite")).await.unwrap();
    let hero = Character::new(UserId::new(), "Torormir", now());
    database.create_character(hero.clone()).await.unwrap();
    let items: Vec<_> = (0..200).map(|number| large_item(hero.id, number)).collect();
    for part in items.chunks(10) {
        let create = part.iter().fold(Transaction::new(), |all, item| all.with(Change::Create(item.clone())));
        database.commit(create).await.unwrap();
    }
    let (_serving, client) = Serving::start(Arc::new(database));
    let repositories = Repositories::new(&StorageContext::new(client));
    // The weight is the sum over all items, and all of them are counted before one more is attuned.
    let load = repositories.inventory.weight(hero.id, &RequestContext::default()).await.unwrap();
    assert_eq!(load.carried.to_string(), "200");
    let attuned = repositories.inventory.attune(hero.id, items[0].id, &RequestContext::default()).await.unwrap();
    assert_eq!(attuned.attunement, Attunement::Attuned);
}

fn large_item(of: CharacterId, number: usize) -> InventoryItem {
    let mut item = InventoryItem::new(of, format!("Tome {number}"), now());
    item.data.0.insert("weight".to_owned(), 1.into());
    item.data.0.insert("requires_attunement".to_owned(), true.into());
    item.data.0.insert("text".to_owned(), "x".repeat(1_000_000).into());
    item
}
