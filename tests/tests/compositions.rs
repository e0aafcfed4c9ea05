//! `client ∘ server ∘ adapter` behaves as `adapter` does, and so does a cache in front of it: the suite over whole
//! compositions, with real sockets and real databases.

#![expect(clippy::unwrap_used, reason = "a composition that cannot be set up has failed")]

use actix_web::{App, HttpServer, dev::ServerHandle, rt::System};
use character_app::observed::{Observed, OperationMetrics};
use character_cache::{CacheMetrics, CacheOptions, Cached};
use character_storage_http::{HttpStorage, HttpStorageConfig};
use character_storage_port::StoragePort;
use character_storage_server::{AcceptedTokens, Limits, StorageServer};
use character_storage_sql::{SqlOptions, SqlStorage};
use character_storage_testkit::{Harness, storage_conformance};
use character_tests::PostgresServer;
use std::{
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

/// A Storage Service in this process, on a port of its own; stopped when dropped.
struct Serving {
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    /// Serves `storage`, and a client of it with the whole waist.
    fn start(storage: Arc<dyn StoragePort>) -> (Self, Arc<dyn StoragePort>) {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            System::new().block_on(async move {
                let tokens = AcceptedTokens::new(["token".to_owned().into()]).unwrap();
                let storage = StorageServer::new(storage, tokens, Limits::default());
                let server = HttpServer::new(move || App::new().configure(|config| storage.configure(config)))
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
        let url = format!("http://{address}").parse().unwrap();
        let client = HttpStorage::connect(HttpStorageConfig::new(url, "token".to_owned().into())).unwrap();
        (Self { handle, thread: Some(thread) }, Arc::new(client))
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
        (serving, Arc::new(Observed::new(client, OperationMetrics::register(&mut registry))))
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
        let cached = Cached::new(client, CacheOptions::default(), None, CacheMetrics::default());
        ((serving, folder), Arc::new(cached))
    }
}

storage_conformance!(cached_http_server_sqlite, CachedOverSqlite);
