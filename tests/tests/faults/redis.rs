//! Between character-service and Redis: whatever happens to it, no client sees it.

use super::{
    load::{Load, Report},
    shapes,
    world::{DEADLINE, NOISE, World, alone, each_of},
};
use crate::support::{client, send, sheet, until};
use character_fault_proxy::{Fault, Way};
use character_tests::{PostgresServer, RedisServer, percentile};
use std::time::{Duration, Instant};

/// The longest that a request may take when it finds Redis failing.
const ADDED: Duration = Duration::from_millis(50);

type Act<'a> = &'a dyn Fn();

/// Until the shared tier is in use again.
async fn in_use(world: &World, what: &str) {
    world.redis().set(Fault::Pass);
    let ask = || client().get(world.service.url("/metrics"));
    until(Duration::from_secs(15), what, ask, |answer| answer.metric("cache_redis_up") == Some(1_u64)).await;
}

fn bounded(report: &Report) {
    for read in ["read", "read purse"] {
        assert!(report.slowest[read] <= NOISE + ADDED, "{report:?}");
    }
    // A change looks, commits, and begins anew when somebody was faster; each of it asks Redis.
    for change in ["write", "earn"] {
        assert!(report.slowest[change] <= 3 * DEADLINE + NOISE, "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_on_the_way_to_redis_is_an_error_to_anyone_or_makes_an_answer_wrong() {
    let _alone = alone().await;
    let redis = RedisServer::start();
    let world = World::new(PostgresServer::shared(), Some(&redis), &[]);
    in_use(&world, "the start").await;
    let shapes = shapes::all();
    let load = Load::begin(&world).await;
    let each = each_of(shapes.len() + 1);
    for (name, plan) in shapes {
        world.redis().strike(plan);
        tokio::time::sleep(each).await;
        world.redis().strike(Fault::Pass);
        in_use(&world, name).await;
    }
    world.redis().freeze_open();
    tokio::time::sleep(each).await;
    in_use(&world, "frozen connections").await;
    let report = load.end().await;
    assert_eq!(report.with_status(|status| status == 0 || status >= 500), 0, "{report:?}");
    assert_eq!(report.stale, 0, "{report:?}");
    bounded(&report);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_restarted_flushed_full_or_read_only_is_an_error_to_nobody_and_makes_no_answer_wrong() {
    let _alone = alone().await;
    let redis = RedisServer::start();
    let world = World::new(PostgresServer::shared(), Some(&redis), &[]);
    in_use(&world, "the start").await;
    let set = |name: &str, value: &str| {
        redis.command(&["CONFIG", "SET", name, value]);
    };
    let load = Load::begin(&world).await;
    let each = each_of(5);
    let troubles: [(&str, Act<'_>, Act<'_>); 5] = [
        ("restarted empty", &|| redis.restart(), &|| {}),
        ("flushed", &|| redis.flush(), &|| {}),
        ("out of memory", &|| set("maxmemory", "1mb"), &|| set("maxmemory", "0")),
        ("read-only", &|| drop(redis.command(&["REPLICAOF", "127.0.0.1", "1"])), &|| {
            drop(redis.command(&["REPLICAOF", "NO", "ONE"]));
        }),
        ("without its replicas", &|| set("min-replicas-to-write", "1"), &|| set("min-replicas-to-write", "0")),
    ];
    for (name, begin, end) in troubles {
        begin();
        tokio::time::sleep(each).await;
        end();
        in_use(&world, name).await;
    }
    let report = load.end().await;
    assert_eq!(report.with_status(|status| status == 0 || status >= 500), 0, "{report:?}");
    assert_eq!(report.stale, 0, "{report:?}");
    bounded(&report);
}

/// The duration of each of this number of cold reads.
async fn cold_reads(world: &World, count: usize) -> Vec<Duration> {
    let client = client();
    let mut times = Vec::new();
    for _ in 0..count {
        let begin = Instant::now();
        let answer = send(client.get(world.character(&uuid::Uuid::new_v4().to_string()))).await;
        times.push(begin.elapsed());
        assert_eq!(answer.status, 404, "{answer:?}");
    }
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_costs_one_caller_at_most_fifty_milliseconds_and_then_nothing() {
    let _alone = alone().await;
    let redis = RedisServer::start();
    let world = World::new(PostgresServer::shared(), Some(&redis), &[]);
    let known = send(client().post(world.characters()).json(&sheet("Known"))).await.id();
    for (name, fault) in [
        ("hangs", Fault::AcceptAndNeverAnswer),
        ("is dead", Fault::Refuse),
        ("is slow", Fault::Delay { way: Way::ToClient, by: Duration::from_millis(500) }),
    ] {
        in_use(&world, name).await;
        let usual = cold_reads(&world, 40).await;
        let (middle, longest) = (percentile(&usual, 50), usual.iter().max().copied().unwrap());
        world.redis().set(fault);
        match fault {
            Fault::AcceptAndNeverAnswer => world.redis().freeze_open(),
            _ => world.redis().reset_open(),
        }
        let meanwhile = cold_reads(&world, 40).await;
        let worst = meanwhile.iter().max().copied().unwrap();
        eprintln!(
            "Redis {name}: {middle:?} and at most {longest:?} before, {:?} and at most {worst:?} now",
            percentile(&meanwhile, 50)
        );
        // One operation may find the failure; scheduling may add what it added before.
        assert!(worst <= longest + ADDED + Duration::from_millis(50), "{name}: {worst:?}, before {longest:?}");
        assert!(
            percentile(&meanwhile, 50) <= middle + Duration::from_millis(10),
            "{name}: {meanwhile:?}, before {middle:?}"
        );
        let warm = send(client().get(world.character(&known))).await;
        assert_eq!(warm.status, 200, "{warm:?}");
        world.redis().reset_open();
    }
}
