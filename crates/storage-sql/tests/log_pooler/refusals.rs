//! What a real server refuses: a COMMIT, and a connection.

use crate::{
    outcomes::{REFUSED_COMMITS, revision},
    support::{character, create},
};
use character_domain::Character;
use character_storage_port::{Change, Commit as _, Deleted, ErrorKind, Expect, Store, Transaction};
use character_storage_sql::{SqlOptions, SqlStorage};
use character_tests::PostgresServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_the_server_refuses_is_certainly_not_applied() {
    let server = PostgresServer::shared();
    let url = server.fresh_schema_url();
    let schema = url.rsplit("%3D").next().unwrap();
    let storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    let entity = character("Kept");
    storage.commit(create(&entity)).await.unwrap();
    let before = revision(&storage, entity.id).await;
    server.query(&format!("CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'"));
    // It runs when the server reads the COMMIT.
    server.query(&format!(
        "CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON {schema}.characters DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION {schema}.refuse()"
    ));
    for state in REFUSED_COMMITS {
        server.query(&format!(
            "CREATE OR REPLACE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END$$"
        ));
        let change = Change::Replace { entity: entity.clone(), expect: Expect::Any };
        let error = storage.commit(Transaction::new().with(change)).await.unwrap_err();
        assert!(format!("{error:?}").contains(state), "the server has refused with {state}: {error:?}");
        assert!(error.certainly_not_applied(), "{state}: {error:?}");
        assert_eq!(revision(&storage, entity.id).await, before, "{state}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_not_connect_to_the_database_is_no_outage_that_ends_by_itself() {
    let server = PostgresServer::start();
    server.query("CREATE ROLE keeper LOGIN");
    server.query("CREATE DATABASE kept OWNER keeper");
    let url = format!("postgres://keeper@127.0.0.1:{}/kept", server.port());
    let storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    server.query("REVOKE CONNECT ON DATABASE kept FROM PUBLIC, keeper");
    server.query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'keeper'");
    let error = Store::<Character>::find(&storage, character("Any").id, Deleted::Exclude).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Corrupt, "{error:?}");
    assert_eq!(error.detail(), Some("PostgreSQL does not permit this to the user"), "{error:?}");
}
