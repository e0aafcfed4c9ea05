//! Puts the document together.

use crate::{
    catalog::entries,
    channels::{channels, operations, security_schemes, servers},
    cloud_event::{ENVELOPE, HEADERS, STRUCTURED, envelope, headers},
    data_schema::DOCUMENT,
    message::{Mode, key, message},
};
use serde_json::{Map, Value, json};

/// The AsyncAPI 3.0 document of the events of this service.
///
/// Each event type has two messages, one in the structured mode of CloudEvents and one in binary mode. Members are sorted by
/// name, so equal documents have equal texts.
#[must_use]
pub fn document() -> Value {
    let entries = entries();
    let mut schemas: Map<String, Value> = entries.iter().flat_map(|entry| entry.schema.schemas.clone()).collect();
    schemas.insert(ENVELOPE.to_owned(), envelope());
    schemas.insert(HEADERS.to_owned(), headers());
    let messages: Map<String, Value> =
        entries.iter().flat_map(|entry| Mode::ALL.map(|mode| (key(entry, mode), message(entry, mode)))).collect();
    json!({
        "asyncapi": "3.0.0",
        "id": DOCUMENT,
        "info": {
            "title": "Events of the Character Service",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the Character Service publishes about characters and failed operations, and what it receives about campaigns, as CloudEvents 1.0. An event has identifiers and what changed; the API of the service returns the current state.\n\n`dataschema` of an event that this service publishes is the `id` of this document, a colon and the type. The payload of the message with the name of the type has the schema. Other members may be added under the same `dataschema`; an incompatible change has another one.\n\nA subscriber ignores members that it does not know: later versions may add some.",
            "license": { "name": "MIT OR Apache-2.0" },
            "tags": [{ "name": "characters" }, { "name": "campaigns" }, { "name": "errors" }],
        },
        "defaultContentType": STRUCTURED,
        "servers": servers(),
        "channels": channels(&entries),
        "operations": operations(&entries),
        "components": { "schemas": schemas, "messages": messages, "securitySchemes": security_schemes() },
    })
}
