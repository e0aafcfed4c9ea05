//! Events per second to a stream in files, over different subjects and over one: `cargo bench -p character-message-hub-nats`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement prints what it found, or ends")]

use character_message_hub::{CloudEvent, Message, MessageHub, Subscription};
use character_message_hub_nats::{NatsHub, NatsHubConfig};
use character_tests::{NatsRelease, NatsServer};
use futures_util::future::join_all;
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const LIMIT: Duration = Duration::from_secs(60);

/// Messages like those of the service, of some 300 bytes of data.
fn batch(prefix: &str, subjects: usize, count: usize) -> Vec<Message> {
    let of = |number: usize| {
        let event = CloudEvent::new(format!("{prefix}-{number}"), "/characters", "character.changed").unwrap();
        let event = event.with_subject(format!("{prefix}-{}", number % subjects)).unwrap();
        let event = event.with_time("2026-11-26T14:00:00.000001Z").unwrap();
        Message::of(Arc::new(event.with_json(json!({ "revision": number, "text": "x".repeat(280) }))))
    };
    (0..count).map(of).collect()
}

async fn published(hub: &NatsHub, name: &str, callers: usize, subjects: usize, per_caller: usize) {
    let batches: Vec<_> = (0..callers).map(|caller| batch(&format!("{name}-{caller}"), subjects, per_caller)).collect();
    let begun = Instant::now();
    join_all(batches.iter().map(|batch| async {
        for call in batch.chunks(1_000) {
            let results = hub.publish(call, LIMIT).await;
            assert!(results.iter().all(Result::is_ok), "{:?}", results.iter().find(|result| result.is_err()));
        }
    }))
    .await;
    report(name, callers * per_caller, begun.elapsed());
}

fn report(name: &str, count: usize, took: Duration) {
    println!("{name:32} {:9.0} events/s ({count} in {took:.2?})", count as f64 / took.as_secs_f64());
}

async fn measure(release: NatsRelease) {
    let server = NatsServer::start(release);
    let hub = NatsHub::connect(NatsHubConfig::new(server.url())).await.unwrap();
    while hub.probe().await.is_err() {}
    println!("{release:?}");
    published(&hub, "one caller, many subjects", 1, 1_000, 40_000).await;
    published(&hub, "eight callers, many subjects", 8, 1_000, 10_000).await;
    published(&hub, "one caller, 32 subjects", 1, 32, 10_000).await;
    published(&hub, "one caller, one subject", 1, 1, 2_000).await;
    let name = Subscription { max_in_flight: 500, ..Subscription::new("reader".parse().unwrap(), Default::default()) };
    let mut deliveries = hub.subscribe(&name).await.unwrap();
    let (begun, count) = (Instant::now(), 20_000);
    let mut settling = Vec::new();
    for _ in 0..count {
        let delivery = deliveries.next().await.unwrap();
        settling.push(tokio::spawn(delivery.ack()));
        if settling.len() == 256 {
            join_all(settling.drain(..)).await.into_iter().for_each(|settled| settled.unwrap().unwrap());
        }
    }
    report("delivered and acknowledged", count, begun.elapsed());
}

#[tokio::main]
async fn main() {
    for release in [NatsRelease::Oldest, NatsRelease::Current] {
        measure(release).await;
    }
}
