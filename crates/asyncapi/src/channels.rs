//! Servers, channels and operations: where events go, and which way.

use crate::{
    catalog::{Direction, Entry, Subject},
    message::{Mode, key},
};
use serde_json::{Map, Value, json};

/// The channel of the Message Hub.
const HUB: &str = "hub";

/// The subjects of NATS for the events of one kind of subject.
struct Subjects {
    channel: &'static str,
    address: &'static str,
    /// The name of the part of the address that is the subject of the event.
    parameter: &'static str,
}

impl Subjects {
    fn of(subject: Subject) -> Self {
        let (channel, address, parameter) = match subject {
            Subject::Character => ("natsCharacterEvents", "character.event.{character}.{type}", "character"),
            Subject::Service => ("natsErrorReports", "error.event.{service}.{type}", "service"),
            Subject::Campaign => ("natsCampaignEvents", "campaign.event.{campaign}.{type}", "campaign"),
        };
        Self { channel, address, parameter }
    }
}

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

fn about(entries: &[Entry], subject: Subject) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(move |entry| entry.subject == subject)
}

/// The channel of the events of one kind of subject in NATS.
fn subjects(entries: &[Entry], subject: Subject) -> Value {
    let Subjects { address, parameter, .. } = Subjects::of(subject);
    let types: Vec<_> = about(entries, subject).map(|entry| entry.name).collect();
    json!({
        "address": address,
        "title": address.replace(&format!("{{{parameter}}}"), "*").replace("{type}", ">"),
        "description": "Kept in the JetStream stream CHARACTER_EVENTS. The messages are in binary mode; a client may publish in structured mode too.",
        "servers": [{ "$ref": "#/servers/nats" }],
        "parameters": {
            parameter: { "description": "The subject of the event.", "location": "$message.header#/ce-subject" },
            "type": {
                "description": "The type of the event. It contains dots, so it is more than one token of the subject.",
                "enum": types,
                "location": "$message.header#/ce-type",
            },
        },
        "messages": messages(about(entries, subject), Mode::Binary),
    })
}

/// The addresses of events.
pub(crate) fn channels(entries: &[Entry]) -> Value {
    let hub = json!({
        "address": "/v1/events",
        "title": "The events of the Message Hub",
        "description": "POST publishes one event, or up to 1,000 as application/cloudevents-batch+json. GET returns the deliveries of a durable subscription (?subscription=NAME&types=character.*), by long poll or as server-sent events. Events of one subject are delivered in their order, one at a time; an event that is not acknowledged is delivered again.",
        "servers": [{ "$ref": "#/servers/hub" }],
        "messages": messages(entries.iter(), Mode::Structured),
    });
    let nats = Subject::ALL.map(|subject| (Subjects::of(subject).channel.to_owned(), subjects(entries, subject)));
    Value::Object([(HUB.to_owned(), hub)].into_iter().chain(nats).collect())
}

/// What this service does with the channels: for each kind of subject one operation for each server.
pub(crate) fn operations(entries: &[Entry]) -> Value {
    let mut operations = Map::new();
    for subject in Subject::ALL {
        let (name, words, summary) = match subject {
            Subject::Character => (
                "publish",
                "Publish events of characters",
                "Publishes the events of committed changes: at least once, and per character in their order.",
            ),
            Subject::Service => (
                "reportErrors",
                "Report failed operations",
                "Reports failed operations. A report that the hub does not take at once is dropped.",
            ),
            Subject::Campaign => {
                ("consume", "Consume events of campaigns", "Applies events of campaigns, each one once.")
            }
        };
        let (action, method, way) = match subject.direction() {
            Direction::Sent => ("send", "POST", "To"),
            Direction::Received => ("receive", "GET", "From"),
        };
        let operation = |channel: &str, server: &str, mode: Mode| {
            let refer =
                |entry: &Entry| json!({ "$ref": format!("#/channels/{channel}/messages/{}", key(entry, mode)) });
            json!({
                "action": action,
                "channel": { "$ref": format!("#/channels/{channel}") },
                "title": format!("{words} ({server})"),
                "summary": summary,
                "messages": about(entries, subject).map(refer).collect::<Vec<_>>(),
            })
        };
        let mut hub = operation(HUB, "Message Hub", Mode::Structured);
        hub["bindings"] = json!({ "http": { "method": method, "bindingVersion": "0.3.0" } });
        operations.insert(format!("{name}{way}Hub"), hub);
        let nats = operation(Subjects::of(subject).channel, "NATS", Mode::Binary);
        operations.insert(format!("{name}{way}Nats"), nats);
    }
    Value::Object(operations)
}
