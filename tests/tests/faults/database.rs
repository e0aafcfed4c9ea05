//! Between storage-service and PostgreSQL.

use super::{
    load::Load,
    shapes,
    world::{DEADLINE, NOISE, PEACE, World, alone, each_of},
};
use character_fault_proxy::{Fault, Way};
use character_tests::PostgresServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_on_the_way_to_the_database_loses_doubles_or_halves_a_write_or_outlives_its_deadline() {
    let _alone = alone().await;
    let world = World::new(PostgresServer::shared(), None, &[]);
    let shapes = shapes::all();
    let load = Load::begin(&world).await;
    let each = each_of(shapes.len());
    for (name, plan) in shapes {
        world.to_database.strike(plan);
        tokio::time::sleep(each).await;
        world.to_database.strike(Fault::Pass);
        world.recovers(name).await;
        tokio::time::sleep(PEACE).await;
    }
    // What was open and is forgotten on the way, as by a firewall.
    world.to_database.freeze_open();
    tokio::time::sleep(each).await;
    world.recovers("frozen connections").await;
    let report = load.end().await;
    assert!(report.with_status(|status| status == 200) > 300, "{report:?}");
    assert!(report.with_status(|status| status >= 500) > 0, "{report:?}");
    assert_eq!(report.with_status(|status| status == 0), 0, "the service itself always answers: {report:?}");
    assert!(report.slowest["read"] <= DEADLINE + NOISE, "{report:?}");
    for change in ["write", "earn"] {
        assert!(report.slowest[change] <= 3 * DEADLINE + NOISE, "{change}: {report:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn corrupted_bytes_from_the_database_are_a_failure_in_time_and_leave_nothing_behind() {
    let _alone = alone().await;
    let world = World::new(PostgresServer::shared(), None, &[]);
    world.to_database.strike(Fault::Corrupt { way: Way::ToClient, one_in: 20, seed: character_fault_proxy::seed() });
    let client = crate::support::client();
    for _ in 0..50 {
        let begin = std::time::Instant::now();
        let answer = crate::support::send(client.get(world.character(&uuid::Uuid::new_v4().to_string()))).await;
        assert!(matches!(answer.status, 404 | 502..=504), "{answer:?}");
        assert!(begin.elapsed() <= DEADLINE + NOISE);
    }
    world.to_database.strike(Fault::Pass);
    world.recovers("corruption").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pooled_connections_that_hang_without_saying_so_are_replaced() {
    let _alone = alone().await;
    let world = World::new(PostgresServer::shared(), None, &[]);
    // Many at once, so that the pool is full.
    let client = crate::support::client();
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let request = client.get(world.character(&uuid::Uuid::new_v4().to_string()));
        reads.spawn(crate::support::send(request));
    }
    while let Some(read) = reads.join_next().await {
        read.unwrap();
    }
    let pooled = world.to_database.counts().open;
    world.to_database.freeze_open();
    world.recovers("frozen connections").await;
    assert!(pooled >= 4, "{pooled}");
}
