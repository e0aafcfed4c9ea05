//! What a failing Storage Service is asked.

use super::{
    load::CLIENTS,
    world::{DEADLINE, NOISE, World, alone},
};
use crate::support::{client, send};
use character_fault_proxy::{Fault, Plan};
use character_tests::PostgresServer;
use std::{sync::Arc, time::Instant};
use tokio::task::JoinSet;

/// The breaker is out of the way, so that only the budget holds retries back.
const WITHOUT_BREAKER: [(&str, &str); 2] = [("STORAGE_BREAKER_FAILURES", "1000000"), ("STORAGE_RETRY_BASE_MS", "1")];

/// Sixty-four clients ask for characters that no client has asked for before; each request is one storage call.
async fn offer(world: &World, each: usize) -> u64 {
    let (base, client) = (Arc::new(world.characters()), client());
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (base, client) = (Arc::clone(&base), client.clone());
        clients.spawn(async move {
            for _ in 0..each {
                let begin = Instant::now();
                let answer = send(client.get(format!("{base}/{}", uuid::Uuid::new_v4()))).await;
                assert!(matches!(answer.status, 503 | 504), "{answer:?}");
                assert!(begin.elapsed() <= DEADLINE + NOISE, "{:?}", begin.elapsed());
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    u64::try_from(CLIENTS * each).unwrap()
}

async fn amplification(world: &World, reached: impl Fn() -> u64, each: usize) -> f64 {
    // Enough to drain the budget of twenty.
    offer(world, 1).await;
    let before = reached();
    let offered = offer(world, each).await;
    let requests = reached() - before;
    assert!(requests >= offered, "{requests} of {offered} requests arrived");
    #[expect(clippy::cast_precision_loss, reason = "some thousand requests")]
    let amplification = requests as f64 / offered as f64;
    amplification
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_budget_drained_a_failing_storage_is_asked_at_most_one_and_a_fifth_times_what_is_offered() {
    let _alone = alone().await;
    let world = World::new(PostgresServer::shared(), None, &WITHOUT_BREAKER);
    for (name, plan, each) in [
        ("reset", Plan::always(Fault::Reset), 20),
        (
            "lost answers",
            Plan::always(Fault::Cut {
                way: character_fault_proxy::Way::ToClient,
                at: character_fault_proxy::Mark::Bytes(0),
            }),
            20,
        ),
        ("silence", Plan::always(Fault::AcceptAndNeverAnswer), 3),
    ] {
        world.to_storage.strike(plan);
        let ratio = amplification(&world, || world.to_storage.counts().connections, each).await;
        eprintln!("{name}: {ratio:.3} requests for one");
        assert!(ratio <= 1.2, "{name}: {ratio}");
        world.to_storage.strike(Fault::Pass);
    }
    // A storage that answers, and says that its own database is gone.
    world.recovers("the faults of the connection").await;
    world.to_database.strike(Fault::Refuse);
    let ratio = amplification(&world, || world.to_storage.counts().requests, 20).await;
    eprintln!("503: {ratio:.3} requests for one");
    assert!(ratio <= 1.2, "503: {ratio}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_breaker_lets_one_probe_in_its_time_through_and_nothing_else() {
    let _alone = alone().await;
    let settings = [("STORAGE_BREAKER_RECOVERY_SECS", "2"), ("STORAGE_BREAKER_PROBE_MS", "0")];
    let world = World::new(PostgresServer::shared(), None, &settings);
    world.to_storage.strike(Fault::Reset);
    offer(&world, 2).await;
    let before = world.asked().await;
    let begin = Instant::now();
    let mut offered = 0;
    while begin.elapsed().as_secs() < 5 {
        offered += offer(&world, 5).await;
    }
    let probes = world.asked().await - before;
    assert!(offered > 500, "{offered}");
    // Three probes, and a question to the log whose connection was counted before its failure.
    assert!((1..=4).contains(&probes), "{probes} requests in five seconds with a probe every two");
}
