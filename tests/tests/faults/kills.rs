//! SIGKILL of the real processes under load.

use super::{
    load::Load,
    world::{World, beside_others, each_of},
};
use character_tests::{PostgresServer, RedisServer};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_of_any_process_loses_doubles_or_halves_a_write() {
    let _shared = beside_others().await;
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let world = World::new(&postgres, Some(&redis), &[]);
    let load = Load::begin(&world).await;
    let rounds = each_of(1).as_secs() / 10 + 2;
    let processes: [(&str, &dyn Fn()); 4] = [
        ("storage-service", &|| {
            world.storage.kill();
            world.storage.restart();
        }),
        ("PostgreSQL", &|| postgres.restart()),
        ("character-service", &|| {
            world.service.kill();
            world.service.restart();
        }),
        ("Redis", &|| redis.restart()),
    ];
    for _ in 0..rounds {
        for (name, kill_and_restart) in processes {
            tokio::time::sleep(Duration::from_millis(500)).await;
            kill_and_restart();
            world.recovers(name).await;
        }
    }
    let report = load.end().await;
    assert!(report.with_status(|status| status == 200) > 500, "{report:?}");
    assert!(report.with_status(|status| status == 0 || status >= 500) > 0, "{report:?}");
}
