//! What a follower costs while PostgreSQL is away. Alone in its process, whose processor time it measures.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

#[allow(dead_code, unused_macros, clippy::allow_attributes, reason = "not every test needs every helper")]
mod support;

use character_storage_port::{Commit, Log};
use character_storage_sql::{SqlOptions, SqlStorage};
use character_storage_testkit::sample::transactions;
use character_tests::PostgresServer;
use std::time::{Duration, Instant};
use support::{character, create};

const WAIT: Duration = Duration::from_secs(20);

/// The processor time of this process.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<u64> =
        stat.rsplit(") ").next().unwrap().split(' ').filter_map(|field| field.parse().ok()).collect();
    // User and system time, in hundredths of a second, behind eleven fields of which the first is a letter.
    Duration::from_millis((fields[10] + fields[11]) * 10)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_was_killed_costs_no_commit_and_no_processor_time() {
    let server = PostgresServer::start();
    let storage = SqlStorage::connect(&server.url(), SqlOptions::default()).await.unwrap();
    let mut after = storage.head().await.unwrap();
    for _ in 0..3 {
        server.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'character-storage'",
        );
        let next = storage.commit(create(&character("Heard"))).await.unwrap().id;
        let batch = storage.follow(&after, 10, WAIT).await.unwrap();
        assert_eq!(transactions(&batch.commits), [next]);
        after = batch.next;
    }
    server.stop();
    let error = storage.follow(&after, 10, Duration::ZERO).await.unwrap_err();
    assert!(error.is_outage(), "{error:?}");
    let (before, began) = (processor_time(), Instant::now());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let busy = processor_time() - before;
    assert!(busy < began.elapsed() / 20, "{busy:?} of {:?}", began.elapsed());
    server.restart();
    let next = loop {
        if let Ok(committed) = storage.commit(create(&character("After"))).await {
            break committed.id;
        }
    };
    let batch = loop {
        match storage.follow(&after, 10, WAIT).await {
            Ok(batch) => break batch,
            Err(error) => assert!(error.is_outage(), "{error:?}"),
        }
    };
    assert_eq!(transactions(&batch.commits), [next]);
}
