//! Between character-service and storage-service.

use super::{
    load::Load,
    shapes,
    world::{DEADLINE, NOISE, PEACE, World, alone, each_of},
};
use character_fault_proxy::{Fault, Way};
use character_tests::PostgresServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_on_the_way_to_the_storage_service_loses_doubles_or_halves_a_write_or_outlives_its_deadline() {
    let _alone = alone().await;
    // With a breaker that opens at the fifth failure, hardly anyone would meet the fault; what it does is seen elsewhere.
    let world = World::new(PostgresServer::shared(), None, &[("STORAGE_BREAKER_FAILURES", "1000000")]);
    let shapes = shapes::all();
    let load = Load::begin(&world).await;
    let each = each_of(shapes.len());
    for (name, plan) in shapes {
        world.to_storage.strike(plan);
        tokio::time::sleep(each).await;
        world.to_storage.strike(Fault::Pass);
        world.recovers(name).await;
        tokio::time::sleep(PEACE).await;
    }
    let injected = world.to_storage.counts().by_fault;
    let report = load.end().await;
    assert!(injected.len() >= 7, "{injected:?}");
    assert!(report.with_status(|status| status == 200) > 300, "{report:?}");
    assert!(report.with_status(|status| status >= 500) > 0, "{report:?}");
    assert_eq!(report.with_status(|status| status == 0), 0, "the service itself always answers: {report:?}");
    assert!(report.slowest["read"] <= DEADLINE + NOISE, "{report:?}");
    // A change looks, commits, and looks again when somebody was faster, each within a deadline.
    for change in ["write", "earn"] {
        assert!(report.slowest[change] <= 3 * DEADLINE + NOISE, "{change}: {report:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn corrupted_bytes_from_the_storage_service_are_a_failure_in_time_and_leave_nothing_behind() {
    let _alone = alone().await;
    let world = World::new(PostgresServer::shared(), None, &[]);
    world.to_storage.strike(Fault::Corrupt { way: Way::Both, one_in: 40, seed: character_fault_proxy::seed() });
    let client = crate::support::client();
    for _ in 0..50 {
        let begin = std::time::Instant::now();
        let answer = crate::support::send(client.get(world.character(&uuid::Uuid::new_v4().to_string()))).await;
        // Whatever a corrupted answer looks like, it is not a character, and is answered as some problem.
        assert!(answer.status >= 400 && answer.body["code"].is_string(), "{answer:?}");
        assert!(begin.elapsed() <= DEADLINE + NOISE);
    }
    world.to_storage.strike(Fault::Pass);
    world.recovers("corruption").await;
}
