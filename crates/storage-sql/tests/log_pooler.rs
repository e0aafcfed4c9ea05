//! Behind PgBouncer in transaction mode nothing may depend on a session of the server.
#[path = "log_pooler/outcomes.rs"]
mod outcomes;
#[path = "log_pooler/refusals.rs"]
mod refusals;
#[allow(dead_code, unused_macros, clippy::allow_attributes, reason = "not every test needs every helper")]
mod support;

use character_domain::Character;
use character_storage_port::{
    Change, Commit, Consumers, Deleted, Expect, HolderId, Log, Probe, Snapshot, StorageError, Store, Transaction,
};
use character_storage_sql::{SqlOptions, SqlStorage};
use character_tests::{PgBouncer, PostgresServer};
use futures_util::TryStreamExt;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{
    character, create, event,
    writers::{Told, race},
};

const WAIT: Duration = Duration::from_secs(20);

async fn open() -> (SqlStorage, PgBouncer, PostgresServer) {
    let server = PostgresServer::start();
    let pooler = PgBouncer::start(&server);
    let storage = SqlStorage::connect(&pooler.url(), SqlOptions::default()).await;
    let storage = storage.unwrap_or_else(|error| panic!("{error:?}\n{}", pooler.log()));
    (storage, pooler, server)
}

async fn unread() -> (SqlStorage, (PgBouncer, PostgresServer)) {
    let (storage, pooler, server) = open().await;
    (storage, (pooler, server))
}

behaviours!(unread:
    answers_as_the_reference_does,
    keeps_and_lists_every_kind_as_the_reference_does,
    applies_a_concurrent_repeat_once,
    forgets_old_transactions,
    begins_no_epoch_for_a_place_that_a_client_made_up,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_share_few_sessions_and_no_commit_is_missed() {
    let (storage, pooler, server) = open().await;
    let options = SqlOptions { connections: 12, ..SqlOptions::default() };
    let other = SqlStorage::connect(&pooler.url(), options).await.unwrap();
    let head = storage.head().await.unwrap();
    let done: Arc<Mutex<Option<_>>> = Arc::default();
    let followers = [storage.clone(), other.clone()].map(|storage| {
        let (done, head) = (Arc::clone(&done), head.clone());
        tokio::spawn(async move { Told::default().follow(&storage, head, || done.lock().unwrap().clone()).await })
    });
    let all = race(&other, 12, 20).await;
    *done.lock().unwrap() = Some(all);
    for follower in followers {
        follower.await.unwrap();
    }
    let prepared = server.query("SELECT count(*) FROM pg_prepared_statements");
    assert_eq!(prepared, "0");
    // Nothing listens, and everybody is told that.
    assert_eq!(storage.log_status().await.unwrap().notifies, Some(false));
}

fn takes_writes(pooler: &PgBouncer) -> String {
    format!("{}&target_session_attrs=read-write", pooler.url())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_behind_a_pooler_answers_nothing_until_it_is_promoted() {
    let primary = PostgresServer::start();
    let standby = primary.synchronous_standby();
    let pooler = PgBouncer::start(&primary);
    let storage = SqlStorage::connect(&takes_writes(&pooler), SqlOptions::default()).await.unwrap();
    let entity = character("Before");
    storage.commit(create(&entity)).await.unwrap();
    let head = storage.head().await.unwrap();
    // An operator does it in the wrong order, or a virtual address moves before the promotion.
    pooler.lead_to(&standby);
    let says_why = |error: StorageError| {
        let detail = error.detail().unwrap_or_default().to_owned();
        assert!(error.is_outage() && error.certainly_not_applied(), "{error:?}");
        assert!(detail.contains("takes writes"), "{error:?}");
    };
    let find = async || Store::<Character>::find(&storage, entity.id, Deleted::Exclude).await;
    says_why(find().await.unwrap_err());
    says_why(storage.commit(create(&character("Refused"))).await.unwrap_err());
    says_why(storage.follow(&head, 10, Duration::ZERO).await.unwrap_err());
    says_why(storage.probe().await.unwrap_err());

    primary.kill();
    standby.promote();
    // The pooler has connections to it from before, and what it reports of them is from then too.
    find().await.unwrap().value.unwrap();
    storage.commit(create(&character("After"))).await.unwrap();
    assert_eq!(storage.follow(&head, 10, WAIT).await.unwrap().commits.len(), 1);
    assert_eq!(standby.query("SELECT count(*) FROM characters"), "2");
}

#[tokio::test]
async fn the_limits_of_time_hold_and_all_parts_of_the_port_work() {
    let (storage, pooler, server) = open().await;
    storage.probe().await.unwrap();
    let entity = character("Pooled");
    storage.commit(create(&entity).with_event(event(entity.id, 0))).await.unwrap();
    let items: Vec<_> = storage.snapshot().await.unwrap().try_collect().await.unwrap();
    assert_eq!(items.len(), 1);
    let hub = "hub".parse().unwrap();
    let leased = storage.lease(&hub, HolderId::new(), WAIT).await.unwrap().unwrap();
    let batch = storage.follow(&leased.cursor, 10, WAIT).await.unwrap();
    storage.park(&leased.token, &batch.commits[0].events[0], "a reason").await.unwrap();
    storage.advance(&leased.token, &batch.next).await.unwrap();
    let parked = storage.parked(&hub, None, 10).await.unwrap();
    assert_eq!(storage.unpark(&hub, &[parked[0].event.id]).await.unwrap(), 1);
    assert_eq!(storage.discard(&hub, &[parked[0].event.id]).await.unwrap(), 1);

    // A statement that waits for a lock ends by the limit of the server, whatever session it has got.
    let options = SqlOptions { timeout: Duration::from_millis(700), ..SqlOptions::default() };
    let hasty = SqlStorage::connect(&pooler.url(), options).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("BEGIN; LOCK TABLE characters").await.unwrap();
    let change = Transaction::new().with(Change::Replace { entity: entity.clone(), expect: Expect::Any });
    assert!(hasty.commit(change.clone()).await.unwrap_err().is_outage());
    client.batch_execute("ROLLBACK").await.unwrap();
    hasty.commit(change).await.unwrap();
    let found = Store::<Character>::find(&storage, entity.id, Deleted::Exclude).await.unwrap().value.unwrap();
    assert_eq!(found.meta.revision.0, 2);
}
