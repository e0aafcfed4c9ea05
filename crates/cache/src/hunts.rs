//! The hunt over this cache, with and without a shared tier, and over caches that break one rule each.

#[path = "../tests/common/hunt.rs"]
mod hunt;
#[path = "../tests/common/interleavings.rs"]
mod interleavings;
#[path = "../tests/common/naive.rs"]
mod naive;

use crate::{
    CacheMetrics, CacheOptions, Cached, Fence, Invalidations, Key, Lease, Lookup, MemorySharedTier, Settlement,
    SharedTier, rule::Rule,
};
use character_storage_port::StoragePort;
use hunt::{Bag, Disturbance, Origin, Plan, World, any_of};
use naive::Naive;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Which processes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fleet {
    /// One, without a shared tier.
    One,
    /// One whose tier now and then loses the news of others.
    OneThatLosesTouch,
    /// Two, and what each sees first is its own memory.
    Two,
    /// Two without a memory of their own, so that every answer shows what the shared tier holds.
    TwoForgetful,
}

const FLEETS: [Fleet; 4] = [Fleet::One, Fleet::OneThatLosesTouch, Fleet::Two, Fleet::TwoForgetful];

fn origin() -> Origin {
    Origin { lost: any_of(&[0, 20, 200]), ..Origin::default() }
}

fn fleet(fleet: Fleet, origin: &Origin, options: CacheOptions) -> (Vec<Cached>, Disturbance) {
    let inner: Arc<dyn StoragePort> = Arc::new(origin.clone());
    let tier = MemorySharedTier::new();
    let another = tier.another();
    let max_bytes = if fleet == Fleet::TwoForgetful { 0 } else { options.max_bytes };
    let options = CacheOptions { max_bytes, ..options };
    let cached = |tier| Cached::new(Arc::clone(&inner), options, tier, CacheMetrics::default());
    let caches = match fleet {
        Fleet::One | Fleet::OneThatLosesTouch => vec![cached(None)],
        Fleet::Two | Fleet::TwoForgetful => vec![cached(Some(Arc::new(tier) as _)), cached(Some(Arc::new(another)))],
    };
    let disturbed = caches.clone();
    let disturbance: Disturbance = Arc::new(move || {
        let cache = disturbed[rand::random_range(0..disturbed.len())].clone();
        Box::pin(async move {
            if fleet == Fleet::OneThatLosesTouch {
                cache.tiers.local.channel_lost();
                tokio::task::yield_now().await;
                cache.tiers.local.channel_heard(tokio::time::Instant::now() + Duration::from_secs(60));
            } else {
                cache.clear().await;
            }
        })
    });
    (caches, disturbance)
}

/// Small in everything, so that all of it happens often.
fn options(world: usize) -> CacheOptions {
    CacheOptions {
        doubt: Duration::from_millis(1),
        // Every third world has room for a few values only, and every fifth has values that soon grow old.
        max_bytes: if world % 3 == 2 { 4 * 1024 } else { 64 * 1024 * 1024 },
        fresh: if world % 5 == 4 { Duration::from_millis(2) } else { Duration::from_secs(3_600) },
        ..CacheOptions::default()
    }
}

async fn hunt_in(kind: Fleet, options: CacheOptions, plan: Plan) -> Bag {
    let origin = origin();
    let (caches, disturbance) = fleet(kind, &origin, options);
    let bag = World::new(&origin, caches, plan, disturbance).await.hunt().await;
    assert!(origin.reads.load(std::sync::atomic::Ordering::Relaxed) > 0, "the origin is asked");
    bag
}

async fn hunt(operations: u64) -> Bag {
    let mut bag = Bag::default();
    let mut world = 0;
    while bag.operations < operations {
        let plan = Plan::default();
        bag.add(hunt_in(FLEETS[world % FLEETS.len()], options(world), plan).await);
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
async fn the_hunt_catches_a_cache_without_placeholders() {
    let mut bag = Bag::default();
    while bag.went_back == 0 || bag.stale_for_good == 0 {
        assert!(bag.operations < 200_000, "{bag:?}");
        let origin = origin();
        let naive = vec![Naive::over(origin.clone())];
        bag.add(World::new(&origin, naive, Plan::default(), Arc::new(|| Box::pin(async {}))).await.hunt().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_hunt_catches_a_cache_that_breaks_any_one_of_its_rules() {
    for rule in Rule::ALL {
        let mut bag = Bag::default();
        let mut world = 0;
        while bag.is_empty() {
            assert!(bag.operations < 200_000, "{rule:?} was broken and nothing was found");
            let options = CacheOptions { broken: Some(rule), ..options(world) };
            bag.add(hunt_in(FLEETS[world % FLEETS.len()], options, Plan { rounds: 1, ..Plan::default() }).await);
            world += 1;
        }
        eprintln!("{rule:?} broken: found in {} operations", bag.operations);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_interleaving_of_three_on_one_key_leaves_the_shared_tier_right() {
    let tier = Arc::new(MemorySharedTier::new());
    let evicted = Arc::clone(&tier);
    let evict: interleavings::Evict = Arc::new(move |key| {
        let tier = Arc::clone(&evicted);
        Box::pin(async move { tier.remove(&[key]).await })
    });
    let processes = vec![Arc::clone(&tier) as _, Arc::new(tier.another()) as _];
    let (count, wrong) = interleavings::explore(processes, evict, 1).await;
    assert_eq!((count, wrong), (24_640, None));
}
