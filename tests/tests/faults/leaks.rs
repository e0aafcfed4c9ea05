//! What is left of many calls that failed.

use super::{
    load::CLIENTS,
    shapes,
    world::{World, alone, each_of},
};
use crate::support::{client, sheet, try_send};
use character_fault_proxy::{Fault, Plan};
use character_tests::{PostgresServer, RedisServer, Service};
use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

#[derive(Debug, Clone, Copy)]
struct Held {
    files: usize,
    memory: u64,
    threads: u64,
}

fn held(service: &Service) -> Held {
    let folder = format!("/proc/{}", service.pid().unwrap());
    let status = fs::read_to_string(format!("{folder}/status")).unwrap();
    let number = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    Held {
        files: fs::read_dir(format!("{folder}/fd")).unwrap().count(),
        memory: number("VmRSS:") * 1024,
        threads: number("Threads:"),
    }
}

/// Sixty-four clients who read and write for so long, and of whom every third call is given up early.
async fn calls(world: &World, known: &str, lasting: Duration) -> u64 {
    let (base, known) = (Arc::new(world.characters()), Arc::new(world.character(known)));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let (base, known) = (Arc::clone(&base), Arc::clone(&known));
        clients.spawn(async move {
            let (begin, client, mut calls) = (Instant::now(), client(), 0u64);
            while begin.elapsed() < lasting {
                let request = match calls % 3 {
                    0 => client.get(known.as_str()),
                    1 => client.get(format!("{base}/{}", uuid::Uuid::new_v4())),
                    _ => client
                        .patch(known.as_str())
                        .header("content-type", "application/merge-patch+json")
                        .body(format!(r#"{{"name":"{number} {calls}"}}"#)),
                };
                let patience = if calls % 3 == 2 { Duration::from_millis(60) } else { Duration::from_secs(10) };
                // What is answered is of no interest here, and to be given up is part of it.
                let _ = tokio::time::timeout(patience, try_send(request)).await;
                calls += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            calls
        });
    }
    let mut sum = 0;
    while let Some(calls) = clients.join_next().await {
        sum += calls.unwrap();
    }
    sum
}

/// Those that leave something half done.
fn faults() -> impl Iterator<Item = (&'static str, Plan)> {
    let leave_something = ["reset", "accept and never answer", "stall in a request", "by chance"];
    shapes::all().into_iter().filter(move |(name, _)| leave_something.contains(name))
}

async fn one_round(world: &World, known: &str, each: Duration) -> u64 {
    let mut sum = 0;
    for (_, plan) in faults() {
        for proxy in [&world.to_storage, &world.to_database, world.redis()] {
            proxy.strike(plan.clone());
        }
        sum += calls(world, known, each).await;
        for proxy in [&world.to_storage, &world.to_database, world.redis()] {
            proxy.strike(Fault::Pass);
        }
        world.recovers("after a fault on every way").await;
    }
    sum
}

/// What is held once nothing is in flight any more.
async fn settled(world: &World) -> [Held; 2] {
    // A write that its client has given up ends within its own deadlines.
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.recovers("before measuring").await;
    [held(&world.service), held(&world.storage)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_fail_or_are_given_up_leave_neither_connections_nor_files_nor_threads_nor_memory() {
    let _alone = alone().await;
    let redis = RedisServer::start();
    let world = World::new(PostgresServer::shared(), Some(&redis), &[("STORAGE_BREAKER_RECOVERY_SECS", "1")]);
    let created = try_send(client().post(world.characters()).json(&sheet("Known"))).await.unwrap();
    let known = created.id();
    let each = each_of(faults().count() * 2);
    // Pools, caches and allocators fill first.
    one_round(&world, &known, each).await;
    let before = settled(&world).await;
    let calls = one_round(&world, &known, each).await;
    let after = settled(&world).await;
    eprintln!("{calls} calls: {before:?}, then {after:?}");
    assert!(calls > 200, "{calls}");
    for (before, after) in before.iter().zip(&after) {
        assert!(after.files <= before.files + 32, "{before:?}, then {after:?}");
        assert!(after.threads <= before.threads + 4, "{before:?}, then {after:?}");
        assert!(after.memory <= before.memory + (24 << 20), "{before:?}, then {after:?}");
    }
    for (proxy, most) in [(&world.to_storage, 64), (&world.to_database, 10), (world.redis(), 24)] {
        assert!(proxy.counts().open <= most, "{proxy:?}");
    }
}
