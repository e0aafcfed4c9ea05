//! The hunts on a real Redis, and on scripts that have one flaw each.

#[path = "../../cache/tests/common/hunt.rs"]
mod hunt;
#[path = "../../cache/tests/common/interleavings.rs"]
mod interleavings;

use crate::{RedisTier, RedisTierMetrics, RedisTierOptions, scripts::Scripts};
use character_cache::{CacheMetrics, CacheOptions, Cached, Fence, Key, Lease, Lookup, Settlement, SharedTier};
use character_storage_port::StoragePort;
use character_tests::RedisServer;
use hunt::{Bag, Disturbance, Origin, Plan, World};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(20);

fn options(redis: &RedisServer) -> RedisTierOptions {
    RedisTierOptions {
        prefix: format!("character:hunt:{}:", Uuid::new_v4()),
        // Many tests share few cores here; the bound itself is tested with the default.
        operation: Duration::from_secs(2),
        connect: Duration::from_secs(2),
        heartbeat: Duration::from_millis(100),
        ..RedisTierOptions::new(redis.url().into())
    }
}

/// One line of a script, and what it is mutilated to.
type Flaw = (&'static str, &'static str);

/// Flaws that leave the tier itself wrong.
static FLAWS: [Flaw; 10] = [
    // A fill does not look whose placeholder there is.
    ("if redis.pcall('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end", ""),
    // A write leaves the placeholder of a load.
    ("'d', 1, 'w', 1, 't', ARGV[1], 'u'", "'d', 1, 'w', 1, 'u'"),
    // A write leaves the value current.
    ("'d', 1, 'w', 1, 't'", "'w', 1, 't'"),
    // A value that is not current is a hit.
    ("if h[1] and not h[3] and age", "if h[1] and age"),
    // Two writers do not see each other.
    ("if own and not h[2] then", "if own then"),
    // What was not current before the writer came is so after its refusal.
    ("if ARGV[3] == 'restore' and h[4] then", "if ARGV[3] == 'restore' then"),
    // A load takes the place of whoever is there.
    ("if h[4] and till > now and till <= now + ARGV[3] then return {h[6] and 0 or 3, h[1], age} end", ""),
    // A writer leaves what it finds instead of its own placeholder.
    (
        "if ARGV[3] == 'store' then\n  redis.call('DEL', KEYS[1])",
        "if ARGV[3] == 'store' then\n  if own then redis.call('DEL', KEYS[1]) end",
    ),
    // A writer in doubt leaves the placeholder of a load that may have read too early.
    ("elseif own or ARGV[3] == 'doubt' then", "elseif own then"),
    // A writer never lets go.
    ("redis.call('HDEL', KEYS[1], 't', 'u', 'w', 'c', 'r')", ""),
];

fn tier(options: &RedisTierOptions, flaws: &'static [Flaw]) -> Arc<RedisTier> {
    let scripts = Scripts::written_by(|code| {
        flaws.iter().fold(code.to_owned(), |code, (line, mutilated)| code.replace(line, mutilated))
    });
    Arc::new(RedisTier::connect_with(scripts, options.clone(), RedisTierMetrics::default()).expect("they are right"))
}

async fn explore(flaws: &'static [Flaw], share: usize) -> (usize, Option<String>) {
    let redis = RedisServer::shared();
    let options = options(redis);
    let tiers = [tier(&options, flaws), tier(&options, flaws)];
    for tier in &tiers {
        assert!(tier.ready(PATIENCE).await, "Redis is in use");
    }
    let client = redis::Client::open(redis.url()).expect("the address is right");
    let connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let evict: interleavings::Evict = Arc::new(move |key| {
        let (mut connection, name) = (connection.clone(), format!("{}{key}", options.prefix));
        Box::pin(async move {
            redis::cmd("DEL").arg(name).query_async::<()>(&mut connection).await.expect("Redis answers");
        })
    });
    interleavings::explore(tiers.map(|tier| tier as Arc<dyn SharedTier>).to_vec(), evict, share).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_in_eight_interleavings_of_three_on_one_key_leaves_redis_right() {
    let (count, wrong) = explore(&[], 8).await;
    assert!(count > 2_000 && wrong.is_none(), "{count}: {wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute; `make hunt` runs it"]
async fn every_interleaving_of_three_on_one_key_leaves_redis_right() {
    let start = Instant::now();
    assert_eq!(explore(&[], 1).await, (24_640, None));
    eprintln!("24640 interleavings on Redis in {:?}, none wrong", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_interleavings_catch_every_flaw_of_the_scripts() {
    for flaw in &FLAWS {
        let whole = |code: &str| code.contains(flaw.0);
        let found = std::cell::Cell::new(false);
        drop(Scripts::written_by(|code| {
            found.set(found.get() || whole(code));
            code.to_owned()
        }));
        assert!(found.get(), "no script has the line {}", flaw.0);
        let (count, wrong) = explore(std::slice::from_ref(flaw), 4).await;
        assert!(wrong.is_some(), "{flaw:?} is not found in {count} interleavings");
    }
}

/// Two processes over one Redis and one origin, while Redis is flushed and the connections that tell of writes die.
async fn hunt(redis: &Arc<RedisServer>, plan: Plan, max_bytes: u64, flaws: &'static [Flaw]) -> Bag {
    let options = options(redis);
    let origin = Origin { lost: 20, slow: 30, ..Origin::default() };
    let inner: Arc<dyn StoragePort> = Arc::new(origin.clone());
    let tiers = [tier(&options, flaws), tier(&options, flaws)];
    for tier in &tiers {
        assert!(tier.ready(PATIENCE).await, "Redis is in use");
    }
    let cache = CacheOptions { doubt: plan.doubt, max_bytes, ..CacheOptions::default() };
    let caches = tiers
        .iter()
        .map(|tier| Cached::new(Arc::clone(&inner), cache, Some(Arc::clone(tier) as _), CacheMetrics::default()));
    let client = redis::Client::open(redis.url()).expect("the address is right");
    let connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let disturbance: Disturbance = Arc::new(move || {
        let mut connection = connection.clone();
        Box::pin(async move {
            let command = match rand::random_range(0..4) {
                0 => redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("PUBSUB").to_owned(),
                1 => redis::cmd("SCRIPT").arg("FLUSH").to_owned(),
                _ => redis::cmd("FLUSHALL"),
            };
            command.query_async::<redis::Value>(&mut connection).await.expect("Redis answers");
        })
    });
    World::new(&origin, caches.collect(), plan, disturbance).await.hunt().await
}

fn plan(rounds: usize) -> Plan {
    Plan {
        rounds,
        operations: 40,
        instant_news: false,
        patience: Duration::from_secs(5),
        doubt: Duration::from_millis(5),
        disturbances: 4,
        ..Plan::default()
    }
}

/// With a memory of their own, and without one, so that every answer shows what Redis holds.
const MEMORIES: [u64; 2] = [64 * 1024 * 1024, 0];

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_a_redis_that_is_flushed_and_cuts_them_off_find_nothing_stale() {
    let redis = Arc::new(RedisServer::start());
    for memory in MEMORIES {
        let bag = hunt(&redis, plan(4), memory, &[]).await;
        assert!(bag.is_empty() && bag.operations > 0, "{bag:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; `make hunt` runs it"]
async fn two_hundred_thousand_operations_of_two_processes_find_nothing_stale() {
    let (redis, start) = (Arc::new(RedisServer::start()), Instant::now());
    let mut bag = Bag::default();
    while bag.operations < 200_000 {
        for memory in MEMORIES {
            bag.add(hunt(&redis, plan(20), memory, &[]).await);
        }
        assert!(bag.is_empty(), "{bag:?}");
    }
    eprintln!("{} operations on Redis in {:?}, nothing stale", bag.operations, start.elapsed());
}

/// Writers tell nobody, neither before their commits nor after.
static SILENCE: [Flaw; 2] =
    [("redis.call('PUBLISH', ARGV[3], ARGV[4])", ""), ("redis.call('PUBLISH', ARGV[5], ARGV[6])", "")];

#[tokio::test(flavor = "multi_thread")]
async fn the_hunt_catches_processes_that_do_not_tell_each_other() {
    let redis = Arc::new(RedisServer::start());
    let plan = Plan { disturbances: 0, patience: Duration::from_millis(200), ..plan(2) };
    let mut bag = Bag::default();
    while bag.stale_for_good == 0 {
        assert!(bag.operations < 100_000, "{bag:?}");
        bag.add(hunt(&redis, plan, MEMORIES[0], &SILENCE).await);
    }
}
