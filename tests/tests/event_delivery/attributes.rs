//! The attributes of the events that arrive, in both modes of CloudEvents.

use super::{HUB_TOKEN, Inbox, consume};
use crate::support::{client, send, sheet};
use async_nats::HeaderMap;
use character_asyncapi::{EventValidator, data_schema};
use character_tests::{NatsRelease, NatsServer, Service};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(30);

/// The headers as the AsyncAPI document describes them. None of these values needs an encoding.
fn object(headers: &HeaderMap) -> Value {
    headers.iter().map(|(name, values)| (name.to_string(), json!(values[0].as_str()))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_nats_names_the_schema_of_its_type_in_a_header() {
    let nats = NatsServer::start(NatsRelease::Current);
    let listener = async_nats::connect(nats.url()).await.unwrap();
    let mut messages = listener.subscribe("character.event.>").await.unwrap();
    listener.flush().await.unwrap();
    let service = Service::character().env("MESSAGE_HUB_URL", nats.url()).start();
    send(client().post(service.url("/api/v2/characters")).json(&sheet("Ada"))).await.id();
    let message = timeout(LIMIT, messages.next()).await.unwrap().unwrap();
    let headers = object(message.headers.as_ref().unwrap());
    assert_eq!(headers["ce-type"], "character.created");
    assert_eq!(headers["ce-dataschema"], json!(data_schema("character.created")));
    EventValidator::new().unwrap().check_headers(&headers).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_the_message_hub_names_the_schema_of_its_type() {
    let hub = Service::message_hub().env("MESSAGE_HUB_TOKEN", HUB_TOKEN).start();
    let service = Service::character().env("MESSAGE_HUB_URL", hub.url("")).env("MESSAGE_HUB_TOKEN", HUB_TOKEN).start();
    let id = send(client().post(service.url("/api/v2/characters")).json(&sheet("Ada"))).await.id();
    let (inbox, stop) = (Arc::new(Inbox::default()), Arc::new(AtomicBool::new(false)));
    let consumer = tokio::spawn(consume(hub.url(""), Arc::clone(&inbox), Arc::clone(&stop)));
    let end = Instant::now() + LIMIT;
    while inbox.len() == 0 {
        assert!(Instant::now() < end, "the event does not arrive");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.store(true, Relaxed);
    consumer.await.unwrap();
    let event = inbox.handled.lock().unwrap()[&id][0].clone();
    assert_eq!(event["dataschema"], json!(data_schema("character.created")));
    EventValidator::new().unwrap().check(&event).unwrap();
}
