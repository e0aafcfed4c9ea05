//! The suite and the life of a character against a Storage Service that runs already and holds the rows of others:
//! `TEST_STORAGE_SERVICE_URL` and `TEST_STORAGE_TOKEN` name it. Without them the tests start one of their own and fill it
//! with the demo data. Either way they work on rows of their own, and soft-delete them at the end.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "instance/own_rows.rs"]
mod own_rows;
mod support;

use character_storage_http::{HttpStorage, HttpStorageConfig};
use character_storage_port::{CharacterQuery, Limit, PageRequest, StoragePort, Store};
use character_storage_testkit::{Clause, clauses};
use character_tests::Service;
use own_rows::OwnRows;
use serde_json::json;
use std::{env, sync::Arc, time::Duration};
use support::{client, send};

const TOKEN: &str = "token-of-the-tests";
/// The maximum number of clauses that run at the same time.
const AT_ONCE: usize = 4;
/// How long a clause may take: it looks for its rows among those of everybody.
const PATIENCE: Duration = Duration::from_secs(600);

struct Instance {
    url: String,
    token: String,
    /// One of our own, to be stopped at the end.
    own: Option<Service>,
}

impl Instance {
    fn of_the_environment() -> Self {
        match (env::var("TEST_STORAGE_SERVICE_URL"), env::var("TEST_STORAGE_TOKEN")) {
            (Ok(url), Ok(token)) => Self { url, token, own: None },
            (Err(_), Err(_)) => {
                let service = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).start();
                let instance = Self { url: service.url(""), token: TOKEN.to_owned(), own: Some(service) };
                let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/demo-data");
                let imported = instance.character_service().arg("import").arg(demo).run();
                assert_eq!(imported.code, Some(0), "{}", imported.errors);
                instance
            }
            _ => panic!("set both TEST_STORAGE_SERVICE_URL and TEST_STORAGE_TOKEN, or neither"),
        }
    }

    fn character_service(&self) -> character_tests::ServiceBuilder {
        Service::character().env("STORAGE_SERVICE_URL", &self.url).env("STORAGE_SERVICE_TOKEN", &self.token)
    }

    fn storage(&self) -> Arc<dyn StoragePort> {
        let config = HttpStorageConfig::new(self.url.parse().unwrap(), self.token.clone().into());
        Arc::new(HttpStorage::connect(config).unwrap())
    }
}

/// How a clause went: whether it was left out because it needs a storage of its own, or why it failed.
async fn judged(clause: Clause, instance: Arc<dyn StoragePort>) -> (Clause, Result<bool, String>) {
    let rows = Arc::new(OwnRows::over(instance));
    let run = (clause.run)(Arc::clone(&rows) as Arc<dyn StoragePort>);
    let outcome = tokio::spawn(tokio::time::timeout(PATIENCE, run)).await;
    let cleaned = rows.clean().await;
    let outcome = match outcome {
        _ if rows.needs_a_storage_of_its_own() => Ok(false),
        Ok(Ok(())) => cleaned.map(|()| true),
        Ok(Err(_)) => Err("did not end in time".to_owned()),
        Err(panic) => Err(panic.to_string()),
    };
    (clause, outcome)
}

async fn live_characters(storage: &dyn StoragePort) -> usize {
    let everybody = CharacterQuery { active_only: false, ..CharacterQuery::default() };
    let (mut count, mut request) = (0, PageRequest::first(Limit::MAX));
    loop {
        let page =
            Store::<character_domain::Character>::list(storage, &everybody, request.clone()).await.unwrap().value;
        count += page.items.len();
        let Some(cursor) = page.next else { return count };
        request = request.after(cursor);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_holds_beside_the_rows_of_others_and_leaves_them_alone() {
    let instance = Instance::of_the_environment();
    let storage = instance.storage();
    let before = live_characters(storage.as_ref()).await;
    let (mut waiting, mut running) = (clauses(), tokio::task::JoinSet::new());
    let (mut passed, mut left_out, mut failed) = (0, Vec::new(), Vec::new());
    loop {
        while running.len() < AT_ONCE
            && let Some(clause) = waiting.pop()
        {
            running.spawn(judged(clause, Arc::clone(&storage)));
        }
        let Some(done) = running.join_next().await else { break };
        match done.unwrap() {
            (_, Ok(true)) => passed += 1,
            (clause, Ok(false)) => left_out.push(clause.name),
            (clause, Err(reason)) => failed.push(format!("{}: {reason}", clause.name)),
        }
    }
    assert!(failed.is_empty(), "{} passed, {} failed: {failed:#?}", passed, failed.len());
    // What is left out looks at the log or its consumers, which belong to everybody, or chooses its ids.
    assert!(passed > 2 * left_out.len(), "{passed} passed, left out: {left_out:?}");
    if instance.own.is_some() {
        assert_eq!(live_characters(storage.as_ref()).await, before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_character_lives_on_the_instance_and_is_deleted_again() {
    let instance = Instance::of_the_environment();
    let service = instance.character_service().start();
    let url = service.url("/api/v2/characters");
    let new = json!({ "name": "Torormir", "user_id": uuid::Uuid::new_v4(), "data": { "currency": { "gp": 3 } } });
    let id = send(client().post(&url).header("idempotency-key", "once").json(&new)).await.id();
    let hero = format!("{url}/{id}");
    let item = send(client().post(format!("{hero}/inventory")).json(&json!({ "name": "Sword" }))).await.id();
    let equipped = send(client().post(format!("{hero}/inventory/{item}/equip"))).await;
    assert_eq!((equipped.status, &equipped.body["equipped"]), (200, &json!(true)), "{equipped:?}");
    let paid = send(client().post(format!("{hero}/inventory/currency")).json(&json!({ "gp": -2 }))).await;
    assert_eq!((paid.status, &paid.body["gp"]), (200, &json!(1)), "{paid:?}");
    let versions = send(client().get(format!("{hero}/versions"))).await;
    assert_eq!(versions.body["items"].as_array().map(Vec::len), Some(4), "{versions:?}");
    for path in [format!("{hero}/inventory/{item}"), hero.clone()] {
        assert_eq!(send(client().delete(path)).await.status, 204);
    }
    assert_eq!(send(client().get(&hero)).await.status, 404);
    assert!(service.terminate() == 0 && service.ends_within(Duration::from_secs(10)));
}
