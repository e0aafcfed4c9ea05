//! Servers, channels and operations: where events go, and which way.

use crate::{
    catalog::{Direction, Entry},
    message::{Mode, key},
};
use serde_json::{Value, json};

/// The channel of the Message Hub.
const HUB: &str = "hub";
/// The subjects of NATS with our events.
const CHARACTERS: &str = "natsCharacterEvents";
/// The subjects of NATS with the events of campaigns.
const CAMPAIGNS: &str = "natsCampaignEvents";

/// The servers that events go through. A deployment has one of them.
pub(crate) fn servers() -> Value {
    json!({
        "hub": {
            "host": "message-hub:8200",
            "protocol": "http",
            "title": "Message Hub",
            "description": "MESSAGE_HUB_URL=http://message-hub:8200. Also with TLS, as https://.",
            "security": [{ "$ref": "#/components/securitySchemes/bearer" }],
        },
        "nats": {
            "host": "nats:4222",
            "protocol": "nats",
            "title": "NATS with JetStream",
            "description": "MESSAGE_HUB_URL=nats://nats:4222. Also with TLS, as tls://.",
            "security": [{ "$ref": "#/components/securitySchemes/token" }],
        },
    })
}

/// How a client of the servers authenticates.
pub(crate) fn security_schemes() -> Value {
    json!({
        "bearer": { "type": "http", "scheme": "bearer", "description": "MESSAGE_HUB_TOKEN." },
        "token": { "type": "apiKey", "in": "password", "description": "MESSAGE_HUB_TOKEN, as the token of the connection." },
    })
}

/// References to the messages of some entries in one mode, by key.
fn messages<'a>(entries: impl Iterator<Item = &'a Entry>, mode: Mode) -> Value {
    entries
        .map(|entry| key(entry, mode))
        .map(|key| (key.clone(), json!({ "$ref": format!("#/components/messages/{key}") })))
        .collect()
}

fn of(entries: &[Entry], direction: Direction) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(move |entry| entry.direction == direction)
}

/// The addresses of events.
pub(crate) fn channels(entries: &[Entry]) -> Value {
    let subjects = |address: &str, direction: Direction, subject: &str, description: &str| {
        let types: Vec<_> = of(entries, direction).map(|entry| entry.name).collect();
        let beginning = address.split('.').next().unwrap_or_default();
        json!({
            "address": address,
            "title": format!("{beginning}.event.>"),
            "description": format!("{description} The messages are in binary mode; a client may publish in structured mode too."),
            "servers": [{ "$ref": "#/servers/nats" }],
            "parameters": {
                subject: { "description": "The subject of the event.", "location": "$message.header#/ce-subject" },
                "type": {
                    "description": "The type of the event. It contains dots, so it is more than one token of the subject.",
                    "enum": types,
                    "location": "$message.header#/ce-type",
                },
            },
            "messages": messages(of(entries, direction), Mode::Binary),
        })
    };
    json!({
        HUB: {
            "address": "/v1/events",
            "title": "The events of the Message Hub",
            "description": "POST publishes one event, or up to 1,000 as application/cloudevents-batch+json. GET returns the deliveries of a durable subscription (?subscription=NAME&types=character.*), by long poll or as server-sent events. Events of one subject are delivered in their order, one at a time; an event that is not acknowledged is delivered again.",
            "servers": [{ "$ref": "#/servers/hub" }],
            "messages": messages(entries.iter(), Mode::Structured),
        },
        CHARACTERS: subjects(
            "character.event.{character}.{type}",
            Direction::Sent,
            "character",
            "Kept in the JetStream stream CHARACTER_EVENTS.",
        ),
        CAMPAIGNS: subjects(
            "campaign.event.{campaign}.{type}",
            Direction::Received,
            "campaign",
            "Kept in the JetStream stream CHARACTER_EVENTS.",
        ),
    })
}

/// What this service does with the channels.
pub(crate) fn operations(entries: &[Entry]) -> Value {
    let operation = |action: &str, channel: &str, direction: Direction, mode: Mode, title: &str, summary: &str| {
        let messages: Vec<_> = of(entries, direction)
            .map(|entry| json!({ "$ref": format!("#/channels/{channel}/messages/{}", key(entry, mode)) }))
            .collect();
        json!({
            "action": action,
            "channel": { "$ref": format!("#/channels/{channel}") },
            "title": title,
            "summary": summary,
            "messages": messages,
        })
    };
    let (sent, received) = (Direction::Sent, Direction::Received);
    let publish = "Publishes the events of committed changes: at least once, and per character in their order.";
    let consume = "Applies events of campaigns, each one once.";
    let mut send = operation("send", HUB, sent, Mode::Structured, "Publish to the Message Hub", publish);
    send["bindings"] = json!({ "http": { "method": "POST", "bindingVersion": "0.3.0" } });
    let mut receive = operation("receive", HUB, received, Mode::Structured, "Consume from the Message Hub", consume);
    receive["bindings"] = json!({ "http": { "method": "GET", "bindingVersion": "0.3.0" } });
    json!({
        "publishToHub": send,
        "consumeFromHub": receive,
        "publishToNats": operation("send", CHARACTERS, sent, Mode::Binary, "Publish to NATS", publish),
        "consumeFromNats": operation("receive", CAMPAIGNS, received, Mode::Binary, "Consume from NATS", consume),
    })
}
