//! What the tier costs, beside the same commands through the bare client, in the same run.
//!
//! `cargo bench -p character-cache-redis --bench shared`
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has failed")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use bytes::Bytes;
use character_cache::{Lock, Lookup, SharedTier};
use character_cache_redis::{RedisTier, RedisTierMetrics, RedisTierOptions};
use character_tests::RedisServer;
use redis::{Value, aio::MultiplexedConnection, cmd};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

const ROUNDS: usize = 41;
const TIMES: u32 = 250;

/// The size of a character with all its data.
const SIZE: usize = 4_096;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // `cargo test --benches` runs this, too, and is not to wait for figures.
    if std::env::args().any(|argument| argument == "--bench") {
        measure().await;
    }
}

fn report(what: &str, rounds: &mut [Duration], floor: Option<f64>) -> f64 {
    rounds.sort();
    let each = rounds[rounds.len() / 2].as_secs_f64() * 1e6 / f64::from(TIMES);
    let ratio = floor.map(|floor| format!("  {:.2} of the floor", each / floor)).unwrap_or_default();
    println!("  {what:<52} median {each:>8.1} µs{ratio}");
    each
}

async fn timed(rounds: &mut Vec<Duration>, mut once: impl AsyncFnMut()) {
    let start = Instant::now();
    for _ in 0..TIMES {
        once().await;
    }
    rounds.push(start.elapsed());
}

/// What a miss asks of Redis: the value that is not there, the lock, then the value.
async fn bare_miss(connection: &mut MultiplexedConnection, value: &[u8]) {
    let absent: Value = cmd("GET").arg("absent").query_async(connection).await.unwrap();
    let locked: Value =
        cmd("SET").arg("lock").arg(1).arg("NX").arg("PX").arg(1_000).query_async(connection).await.unwrap();
    assert!(absent == Value::Nil && locked == Value::Okay);
    let mut put = redis::pipe();
    put.cmd("SET").arg("put").arg(value).arg("PX").arg(86_400_000).ignore().cmd("UNLINK").arg("lock").ignore();
    put.query_async::<()>(connection).await.unwrap();
}

async fn measure() {
    let server = RedisServer::start();
    // A machine that is busy with other things is not to end the measurement.
    let patient = Duration::from_secs(2);
    let options =
        RedisTierOptions { operation: patient, connect: patient, ..RedisTierOptions::new(server.url().into()) };
    let tier = RedisTier::connect(options, RedisTierMetrics::default()).unwrap();
    assert!(tier.ready(Duration::from_secs(20)).await);
    let value = Bytes::from(vec![b'x'; SIZE]);
    assert!(tier.put("hit", value.clone()).await);
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    cmd("SET").arg("raw").arg(&value[..]).query_async::<()>(&mut connection).await.unwrap();

    println!("a value of {SIZE} bytes");
    let (mut get, mut hit, mut misses, mut miss) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // In turns, so that all see the same weather.
    for _ in 0..ROUNDS {
        timed(&mut get, async || {
            drop(black_box(cmd("GET").arg("raw").query_async::<Vec<u8>>(&mut connection).await.unwrap()));
        })
        .await;
        timed(&mut hit, async || assert!(matches!(tier.get("hit").await, Lookup::Found(_)))).await;
        timed(&mut misses, async || bare_miss(&mut connection, &value).await).await;
        timed(&mut miss, async || {
            assert_eq!(tier.get("absent").await, Lookup::Absent);
            assert_eq!(tier.lock("put").await, Lock::Taken);
            assert!(tier.put("put", value.clone()).await);
        })
        .await;
    }
    let floor = report("a bare GET", &mut get, None);
    report("a hit in the tier", &mut hit, Some(floor));
    let floor = report("a bare GET of nothing, SET NX, SET and UNLINK", &mut misses, None);
    report("a miss in the tier, with lock and put", &mut miss, Some(floor));
}
