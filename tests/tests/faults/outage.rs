//! What is answered while the Storage Service is down.

use super::world::{RECOVERY, World, alone};
use crate::support::{Answer, client, send, sheet, until};
use character_fault_proxy::{Fault, FaultProxy};
use character_tests::PostgresServer;
use std::time::{Duration, Instant};

/// An answer that asks nobody.
const AT_ONCE: Duration = Duration::from_millis(250);

fn says_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1), "{answer:?}");
    assert!(answer.header("content-type").starts_with("application/problem+json"), "{answer:?}");
    assert_eq!(answer.body["code"], "storage-unavailable", "{answer:?}");
}

/// Requests to characters that nobody knows, until one is refused without asking the storage.
async fn opened(world: &World) {
    let unknown = || client().get(world.character(&uuid::Uuid::new_v4().to_string()));
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let before = reached(&world.to_storage);
        let answer = send(unknown()).await;
        if answer.status == 503 && reached(&world.to_storage) == before {
            return;
        }
        assert!(Instant::now() < end, "the breaker does not open: {answer:?}");
    }
}

fn reached(proxy: &FaultProxy) -> u64 {
    let counts = proxy.counts();
    counts.connections + counts.requests
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_storage_is_down_what_is_known_is_marked_stale_and_everything_else_says_so_at_once() {
    let _alone = alone().await;
    let settings = [("REDIS_CACHE_TTL", "1"), ("STORAGE_BREAKER_RECOVERY_SECS", "3")];
    let world = World::new(PostgresServer::shared(), None, &settings);
    let known = send(client().post(world.characters()).json(&sheet("Known"))).await.id();
    let deleted = send(client().post(world.characters()).json(&sheet("Deleted"))).await.id();
    for id in [&known, &deleted] {
        assert_eq!(send(client().get(world.character(id))).await.status, 200);
    }
    assert_eq!(send(client().delete(world.character(&deleted))).await.status, 204);
    // The value is no longer fresh when the storage fails.
    let warm = Instant::now();
    while warm.elapsed() < Duration::from_millis(1_100) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.to_storage.strike(Fault::Reset);
    opened(&world).await;

    let begin = Instant::now();
    let stale = send(client().get(world.character(&known))).await;
    assert_eq!((stale.status, stale.body["name"].as_str()), (200, Some("Known")), "{stale:?}");
    assert!(stale.header("cache-status").contains("stale-circuit-open"), "{stale:?}");
    assert!(stale.header("age").parse::<u64>().is_ok_and(|age| age >= 1), "{stale:?}");
    says_unavailable(&send(client().get(world.character(&uuid::Uuid::new_v4().to_string()))).await);
    let gone = send(client().get(world.character(&deleted))).await;
    assert!(matches!(gone.status, 404 | 503), "a deleted character is never served: {gone:?}");
    let before = reached(&world.to_storage);
    let patch = client().patch(world.character(&known)).header("content-type", "application/merge-patch+json");
    for write in [
        patch.body(r#"{"name":"Other"}"#),
        client().post(world.characters()).json(&sheet("New")),
        client().delete(world.character(&known)),
        client().post(format!("{}/restore", world.character(&deleted))),
        client()
            .post(format!("{}/inventory/currency", world.character(&known)))
            .body(r#"{"gp":1}"#)
            .header("content-type", "application/json"),
    ] {
        let begin = Instant::now();
        let answer = send(write).await;
        says_unavailable(&answer);
        assert!(begin.elapsed() <= AT_ONCE, "{:?} for {answer:?}", begin.elapsed());
    }
    assert!(begin.elapsed() < Duration::from_secs(3), "the breaker was open all the time");
    assert_eq!(reached(&world.to_storage), before, "an open breaker asks nobody");

    world.to_storage.strike(Fault::Pass);
    let back = Instant::now();
    let fresh = |answer: &Answer| answer.status == 200 && !answer.header("cache-status").contains("stale");
    let limit = Duration::from_secs(3) + Duration::from_secs(3);
    let known = until(limit, "recovery", || client().get(world.character(&known)), fresh).await;
    eprintln!("fresh {:?} after the storage was back", back.elapsed());
    assert_eq!((known.body["name"].as_str(), known.body["revision"].as_u64()), (Some("Known"), Some(1)));
    assert_eq!(send(client().get(world.character(&deleted))).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shape_of_outage_ends_without_a_restart() {
    let _alone = alone().await;
    let world = World::new(PostgresServer::shared(), None, &[]);
    for fault in [Fault::Refuse, Fault::Reset, Fault::AcceptAndNeverAnswer, Fault::stall_after_headers()] {
        world.to_storage.strike(fault);
        opened(&world).await;
        world.to_storage.strike(Fault::Pass);
        let back = Instant::now();
        world.recovers(fault.as_str()).await;
        assert!(back.elapsed() <= RECOVERY + Duration::from_secs(3), "{fault:?}: {:?}", back.elapsed());
    }
}
