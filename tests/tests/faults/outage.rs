//! What is answered while the Storage Service is down.

use super::world::{RECOVERY, World, alone};
use crate::support::{Answer, client, send, sheet, until};
use character_fault_proxy::Fault;
use character_tests::PostgresServer;
use std::time::{Duration, Instant};

/// An answer that sends no request.
const AT_ONCE: Duration = Duration::from_millis(250);

fn says_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1), "{answer:?}");
    assert!(answer.header("content-type").starts_with("application/problem+json"), "{answer:?}");
    assert_eq!(answer.body["code"], "storage-unavailable", "{answer:?}");
}

/// Reads and changes, until one of each is refused without asking the storage.
async fn opened(world: &World) {
    let unknown = || client().get(world.character(&uuid::Uuid::new_v4().to_string()));
    let new = || client().post(world.characters()).json(&sheet("New"));
    refused_at_once(world, unknown).await;
    refused_at_once(world, new).await;
}

async fn refused_at_once(world: &World, request: impl Fn() -> reqwest::RequestBuilder) {
    let end = Instant::now() + Duration::from_secs(10);
    // Twice: one call to the storage hides behind a question to the log that fails meanwhile.
    let mut refused = 0;
    while refused < 2 {
        let before = world.asked().await;
        let answer = send(request()).await;
        let at_once = answer.status == 503 && world.asked().await <= before;
        refused = if at_once { refused + 1 } else { 0 };
        assert!(Instant::now() < end, "the breaker does not open: {answer:?}");
    }
}

/// How often the storage was asked, once the questions to the log that were in flight are known to have failed: no more than
/// `expected`, or what it is after a second.
async fn until_settled(world: &World, expected: i64) -> i64 {
    let end = Instant::now() + Duration::from_secs(1);
    loop {
        let asked = world.asked().await;
        if asked <= expected || Instant::now() >= end {
            return asked;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_storage_is_down_what_is_known_is_marked_stale_and_everything_else_says_so_at_once() {
    let _alone = alone().await;
    let settings =
        [("REDIS_CACHE_TTL", "1"), ("STORAGE_BREAKER_RECOVERY_SECS", "3"), ("STORAGE_BREAKER_PROBE_MS", "0")];
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
    let before = world.asked().await;
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
    let asked = until_settled(&world, before).await;
    assert!(asked <= before, "an open breaker asked {} times", asked - before);

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

/// Refused writes end within this time of the return of the storage: two probes and what is left of an interval.
const BACK_WITHIN: Duration = Duration::from_secs(3);

/// Writes 80 times a second, while the storage is away for `away` and until it has been back for a while. Returns how many
/// writes were refused, how long after the return the last one was, and how often the absent storage was asked,
/// the follower of the log left out.
async fn absence(world: &World, away: Duration) -> (usize, Duration, i64) {
    let url = world.characters();
    let mut writes = tokio::task::JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_micros(12_500));
    let begin = Instant::now();
    let (mut asked_before, mut back) = (None, None);
    loop {
        ticks.tick().await;
        let elapsed = begin.elapsed();
        if asked_before.is_none() && elapsed >= Duration::from_millis(300) {
            world.to_storage.strike(Fault::Reset);
            asked_before = Some((Instant::now(), 0));
        }
        if let Some((since, counted @ 0)) = &mut asked_before
            && since.elapsed() >= Duration::from_millis(250)
        {
            // By then the breaker is open.
            *counted = world.asked().await;
        }
        if let (Some((since, _)), None) = (asked_before, back)
            && since.elapsed() >= away
        {
            let asked = world.asked().await;
            world.to_storage.strike(Fault::Pass);
            back = Some((Instant::now(), asked));
        }
        if back.is_some_and(|(at, _)| at.elapsed() >= BACK_WITHIN + Duration::from_secs(1)) {
            break;
        }
        let write = client().post(&url).json(&sheet("Blink"));
        writes.spawn(async move { (send(write).await.status, Instant::now()) });
    }
    let (Some((_, before)), Some((back, asked))) = (asked_before, back) else { unreachable!("both were set") };
    let ended = writes.join_all().await;
    let refused: Vec<_> = ended.iter().filter(|(status, _)| *status != 201).collect();
    let last = refused.iter().map(|(_, at)| at.saturating_duration_since(back)).max().unwrap_or_default();
    (refused.len(), last, asked - before)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_absence_of_the_storage_is_over_soon_after_it_returns_however_long_it_was() {
    let _alone = alone().await;
    let settings = [("STORAGE_BREAKER_RECOVERY_SECS", "60"), ("STORAGE_RETRY_BASE_MS", "1000")];
    let world = World::new(PostgresServer::shared(), None, &settings);
    let long = std::env::var_os("HUNT_SECONDS").map(|_| 60.0);
    for seconds in [0.3, 1.0, 10.0].into_iter().chain(long) {
        let away = Duration::from_secs_f64(seconds);
        let (refused, last, asked) = absence(&world, away).await;
        eprintln!(
            "away for {away:?}: {refused} refused, the last {last:?} after the return, {asked} connections tried"
        );
        assert!(refused > 0, "the breaker was never open");
        assert!(last <= BACK_WITHIN, "refused for {last:?} after an absence of {away:?}");
        // One probe a second, and a question to the log whose connection was counted before its failure.
        assert!(
            asked <= i64::try_from(away.as_secs()).unwrap() + 2,
            "{asked} connections to a storage that was away for {away:?}"
        );
    }
}
