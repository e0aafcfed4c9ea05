//! A subscriber of the hub.

use super::HUB_TOKEN;
use crate::support::client;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// A subscriber with an inbox: it acknowledges what it has kept, and drops repeats by their ids.
#[derive(Default)]
pub(crate) struct Inbox {
    /// The events of each character, in the order of their first delivery.
    pub(crate) handled: Mutex<BTreeMap<String, Vec<Value>>>,
    ids: Mutex<BTreeSet<String>>,
    pub(crate) repeats: AtomicU64,
}

impl Inbox {
    pub(crate) fn handle(&self, event: &Value) {
        let id = event["id"].as_str().unwrap().to_owned();
        if !self.ids.lock().unwrap().insert(id) {
            self.repeats.fetch_add(1, Relaxed);
            return;
        }
        let subject = event["subject"].as_str().unwrap().to_owned();
        self.handled.lock().unwrap().entry(subject).or_default().push(event.clone());
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.lock().unwrap().len()
    }
}

/// Polls the hub and settles what it receives, until the test stops it.
pub(crate) async fn consume(url: String, inbox: Arc<Inbox>, stop: Arc<AtomicBool>) {
    let client = client();
    while !stop.load(Relaxed) {
        let polled = client
            // A hub in NATS delivers nothing after it was killed until the time for settling has passed.
            .get(format!(
                "{url}/v1/events?subscription=test&types=character.*&limit=100&wait_ms=500&settle_within_ms=3000"
            ))
            .bearer_auth(HUB_TOKEN)
            .send()
            .await;
        let body = match polled {
            Ok(response) if response.status() == 200 => response.json::<Value>().await,
            _ => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let Ok(body) = body else { continue };
        let deliveries = body["deliveries"].as_array().unwrap();
        if deliveries.is_empty() {
            continue;
        }
        for delivery in deliveries {
            inbox.handle(&delivery["event"]);
        }
        let acks: Vec<_> =
            deliveries.iter().map(|delivery| json!({ "receipt": delivery["receipt"], "action": "ack" })).collect();
        // Lost settlements mean another delivery, which the inbox recognizes.
        let settled = client.post(format!("{url}/v1/events/settle")).bearer_auth(HUB_TOKEN);
        drop(settled.json(&json!({ "settlements": acks })).send().await);
    }
}
