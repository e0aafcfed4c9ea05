//! The hunt over this cache, in fleets with and without a shared tier, and over caches with one mistake each.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod common;

use character_cache::{CacheMetrics, CacheOptions, Cached, SharedTier};
use character_storage_port::{Epoch, StoragePort};
use common::{
    hunt::{Bag, Disturbance, Origin, Plan, World, any_of},
    interleavings::{Sharing, explore},
    log::{Hearing, ScriptedLog},
    mutants::{Mistake, MistakenLog, MistakenTier, Restorable},
    naive::Naive,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Which processes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fleet {
    One,
    /// Two that share nothing but the storage.
    Two,
    TwoThatShare,
    /// Two that share, without a memory of their own, so that every answer shows what the shared tier holds.
    TwoForgetful,
    /// One with a shared tier beside one without, and a forgetful one that shows what the first has put.
    Mixed,
}

const FLEETS: [Fleet; 5] = [Fleet::One, Fleet::Two, Fleet::TwoThatShare, Fleet::TwoForgetful, Fleet::Mixed];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Memory {
    Keeps,
    Forgets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shared {
    Used,
    Unused,
}

impl Fleet {
    fn processes(self) -> Vec<(Shared, Memory)> {
        match self {
            Self::One => vec![(Shared::Unused, Memory::Keeps)],
            Self::Two => vec![(Shared::Unused, Memory::Keeps); 2],
            Self::TwoThatShare => vec![(Shared::Used, Memory::Keeps); 2],
            Self::TwoForgetful => vec![(Shared::Used, Memory::Forgets); 2],
            Self::Mixed => {
                vec![(Shared::Used, Memory::Keeps), (Shared::Unused, Memory::Keeps), (Shared::Used, Memory::Forgets)]
            }
        }
    }
}

const TRUST: Duration = Duration::from_millis(40);
const LOG_WAIT: Duration = Duration::from_millis(10);

/// A reader may join a load that began within the time of trust, and that took a shared value within it.
const BOUND: Duration = Duration::from_millis(100);

fn plan() -> Plan {
    assert!(BOUND >= TRUST * 2 + LOG_WAIT);
    Plan { bound: BOUND, disturbances: 20, ..Plan::default() }
}

/// Small in everything, so that all of it happens often.
fn options(world: usize) -> CacheOptions {
    CacheOptions {
        trust: TRUST,
        log_wait: LOG_WAIT,
        follow: Duration::from_millis(10),
        // Every third world has room for a few values only, every fifth has values that soon grow old, and every seventh
        // has few slots in its table of changes.
        max_bytes: if world % 3 == 2 { 4 * 1024 } else { 64 * 1024 * 1024 },
        fresh: if world % 5 == 4 { Duration::from_millis(2) } else { Duration::from_secs(3_600) },
        slots: if world % 7 == 6 { 1 << (world % 3) } else { 65_536 },
        ..CacheOptions::default()
    }
}

struct Processes {
    caches: Vec<Cached>,
    logs: Vec<ScriptedLog>,
    tier: Restorable,
}

impl Processes {
    async fn start(fleet: Fleet, origin: &Origin, options: CacheOptions, mistake: Option<Mistake>) -> Self {
        let (tier, mut caches, mut logs) = (Restorable::default(), Vec::new(), Vec::new());
        for (shared, memory) in fleet.processes() {
            let log = ScriptedLog::over(origin.port.clone());
            let heard = Arc::new(MistakenLog::over(&log, mistake));
            let inner: Arc<dyn StoragePort> = Arc::new(origin.port.clone());
            let max_bytes = if memory == Memory::Forgets { 0 } else { options.max_bytes };
            let options = CacheOptions { max_bytes, ..options };
            let ours = MistakenTier::over(&tier, mistake);
            let shared = (shared == Shared::Used).then(|| Arc::new(ours.clone()) as Arc<dyn SharedTier>);
            let (cache, follower) =
                Cached::new(inner, heard, options, shared, CacheMetrics::default()).expect("the options are right");
            ours.belongs_to(&cache);
            tokio::spawn(follower.run());
            assert!(cache.ready(Duration::from_secs(10)).await, "the log is heard");
            caches.push(cache);
            logs.push(log);
        }
        Self { caches, logs, tier }
    }

    fn disturbance(&self, origin: &Origin) -> Disturbance {
        let (caches, logs, tier, origin) = (self.caches.clone(), self.logs.clone(), self.tier.clone(), origin.clone());
        Arc::new(move || {
            let process = rand::random_range(0..caches.len());
            let (cache, log, tier, origin) =
                (caches[process].clone(), logs[process].clone(), tier.clone(), origin.clone());
            Box::pin(async move {
                match rand::random_range(0..40) {
                    // Rarely, since little is promised until everybody has heard of it.
                    0 => origin.epochs.begin(Epoch::new()).await,
                    1..3 => cache.clear().await,
                    3..5 => tier.clear().await,
                    5..9 => tier.save(),
                    9..14 => tier.restore(),
                    14..18 => log.hear(Hearing::Unheard),
                    18..24 => log.hear(Hearing::Held),
                    // While news are late or missing, time makes a difference.
                    24..28 => tokio::time::sleep(TRUST).await,
                    _ => log.hear(Hearing::Good),
                }
            })
        })
    }
}

async fn hunt_in(fleet: Fleet, options: CacheOptions, plan: Plan, mistake: Option<Mistake>) -> Bag {
    let origin = Origin::losing(any_of(&[0, 20, 200]));
    let processes = Processes::start(fleet, &origin, options, mistake).await;
    let disturbance = processes.disturbance(&origin);
    let bag = World::new(&origin, processes.caches, plan, disturbance).await.hunt().await;
    assert!(origin.reads() > 0, "the origin is asked");
    bag
}

async fn hunt(operations: u64) -> Bag {
    let mut bag = Bag::default();
    let mut world = 0;
    while bag.operations < operations && bag.is_empty() {
        let fleet = FLEETS[world % FLEETS.len()];
        let mut found = hunt_in(fleet, options(world), plan(), None).await;
        found.first = found.first.map(|first| format!("world {world}, {fleet:?}: {first}"));
        bag.add(found);
        world += 1;
    }
    bag
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_thousand_operations_on_few_rows_find_nothing_stale() {
    let bag = hunt(20_000).await;
    assert!(bag.is_empty() && bag.operations >= 20_000, "{bag:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes minutes; `make hunt` runs it"]
async fn ten_million_operations_on_few_rows_find_nothing_stale() {
    let start = Instant::now();
    let bag = hunt(10_000_000).await;
    assert!(bag.is_empty() && bag.operations >= 10_000_000, "{bag:?}");
    eprintln!("{} operations in {:?}, nothing stale", bag.operations, start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_hunt_catches_the_cache_that_everyone_writes_first() {
    let mut bag = Bag::default();
    while bag.went_back == 0 || bag.stale_for_good == 0 {
        assert!(bag.operations < 200_000, "{bag:?}");
        let origin = Origin::losing(any_of(&[0, 20, 200]));
        let naive = vec![Naive::over(origin.port.clone())];
        bag.add(World::new(&origin, naive, plan(), Arc::new(|| Box::pin(async {}))).await.hunt().await);
    }
}

/// In which fleets a mistake can do harm.
fn where_it_shows(mistake: Mistake) -> &'static [Fleet] {
    match mistake {
        Mistake::AsOfAfterTheLoad | Mistake::WrongSide | Mistake::ForgetsEpoch => {
            &[Fleet::TwoForgetful, Fleet::TwoThatShare, Fleet::Mixed]
        }
        Mistake::TrustsUnheard | Mistake::LosesOwnersBefore => &[Fleet::Two, Fleet::TwoThatShare, Fleet::Mixed],
        Mistake::SettledTooHigh => &FLEETS,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_hunt_catches_a_cache_that_makes_any_one_mistake() {
    for mistake in Mistake::ALL {
        let fleets = where_it_shows(mistake);
        let (mut bag, mut world) = (Bag::default(), 0);
        while bag.is_empty() {
            assert!(bag.operations < 200_000, "{mistake:?} was made and nothing was found");
            let plan = Plan { rounds: 2, ..plan() };
            let fleet = fleets[world % fleets.len()];
            bag.add(hunt_in(fleet, options(world), plan, Some(mistake)).await);
            world += 1;
        }
        eprintln!("{mistake:?}: found in {} operations: {:?}", bag.operations, bag.first);
    }
}

#[tokio::test(start_paused = true)]
async fn every_interleaving_of_three_on_one_key_is_right_in_processes_that_share_a_tier() {
    assert_eq!(explore(Sharing::Tier, None, 1).await, (6_842, None));
}

#[tokio::test(start_paused = true)]
async fn every_interleaving_of_three_on_one_key_leaves_the_shared_tier_right() {
    assert_eq!(explore(Sharing::TierAlone, None, 1).await, (6_842, None));
}

#[tokio::test(start_paused = true)]
async fn some_interleavings_are_right_in_processes_of_which_one_or_none_has_a_shared_tier() {
    assert_eq!(explore(Sharing::TierOfOne, None, 10).await, (13_612, None));
    assert_eq!(explore(Sharing::Nothing, None, 10).await, (6_842, None));
}

#[tokio::test(start_paused = true)]
#[ignore = "takes half a minute; `make hunt` runs it"]
async fn every_interleaving_is_right_in_processes_of_which_one_or_none_has_a_shared_tier() {
    assert_eq!(explore(Sharing::TierOfOne, None, 1).await, (13_612, None));
    assert_eq!(explore(Sharing::Nothing, None, 1).await, (6_842, None));
}

#[tokio::test(start_paused = true)]
async fn the_interleavings_show_each_mistake_that_order_alone_can_show() {
    for mistake in [Mistake::AsOfAfterTheLoad, Mistake::WrongSide, Mistake::SettledTooHigh] {
        let (count, wrong) = explore(Sharing::TierAlone, Some(mistake), 1).await;
        let wrong = wrong.expect("a mistake is found");
        eprintln!("{mistake:?}: found in {count} orders: {wrong}");
    }
}
