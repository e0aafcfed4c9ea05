//! The platform as real processes while what is between them fails: every fault on every way, under sixty-four
//! clients whose observations must add up. `HUNT_SECONDS` makes each test last so long.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

#[path = "faults/coherence.rs"]
mod coherence;
#[path = "faults/database.rs"]
mod database;
#[path = "faults/engines.rs"]
mod engines;
#[path = "faults/failover.rs"]
mod failover;
#[path = "faults/fleet.rs"]
mod fleet;
#[path = "faults/kills.rs"]
mod kills;
#[path = "faults/leaks.rs"]
mod leaks;
#[path = "faults/load.rs"]
mod load;
#[path = "faults/observer.rs"]
mod observer;
#[path = "faults/outage.rs"]
mod outage;
#[path = "faults/overload.rs"]
mod overload;
#[path = "faults/positions.rs"]
mod positions;
#[path = "faults/redis.rs"]
mod redis;
#[path = "faults/restored.rs"]
mod restored;
#[path = "faults/retries.rs"]
mod retries;
#[path = "faults/shapes.rs"]
mod shapes;
#[path = "faults/storage.rs"]
mod storage;
#[path = "faults/world.rs"]
mod world;
