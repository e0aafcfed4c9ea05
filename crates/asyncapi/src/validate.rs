//! Checks events against the document.

use crate::{catalog::entries, cloud_event::structured_payload, document};
use character_domain::event::{DomainEvent, EventType};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::{collections::BTreeMap, error::Error, fmt};

/// Why an event is not as the document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidEvent(String);

impl fmt::Display for InvalidEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for InvalidEvent {}

/// Checks events against the [`document`]. It is stricter than a subscriber should be: the data must have no member that
/// the document does not describe.
#[derive(Debug)]
pub struct EventValidator(BTreeMap<&'static str, Validator>);

impl EventValidator {
    /// Compiles the schemas of the document.
    ///
    /// # Errors
    /// The schema of an event type is no JSON Schema.
    pub fn new() -> Result<Self, InvalidEvent> {
        let schemas = &document()["components"]["schemas"];
        let validator = |name: &str, payload: Value, data: String| {
            let schema = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "allOf": [payload],
                "properties": { "data": { "$ref": data, "unevaluatedProperties": false } },
                "components": { "schemas": schemas },
            });
            jsonschema::options()
                .should_validate_formats(true)
                .build(&schema)
                .map_err(|error| InvalidEvent(format!("{name}: {error}")))
        };
        let compile = |entry: crate::catalog::Entry| {
            let data = crate::cloud_event::reference(&entry.schema.name);
            Ok((entry.name, validator(entry.name, structured_payload(&entry), data)?))
        };
        entries().into_iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// Checks a CloudEvent in structured mode.
    ///
    /// # Errors
    /// The type is not in the document, or the event is not as the document says; the message names each member.
    pub fn check(&self, event: &Value) -> Result<(), InvalidEvent> {
        let event_type = event["type"].as_str().unwrap_or_default();
        let validator = self.0.get(event_type);
        let validator =
            validator.ok_or_else(|| InvalidEvent(format!("type: {event_type:?} is not in the document")))?;
        let faults: Vec<_> =
            validator.iter_errors(event).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if faults.is_empty() { Ok(()) } else { Err(InvalidEvent(format!("{}: {event}", faults.join("; ")))) }
    }

    /// Checks an event of the domain as it is published, and returns its type.
    ///
    /// # Errors
    /// As [`check`](Self::check); also when it is of a type that this service only receives.
    pub fn check_event(&self, event: &DomainEvent) -> Result<EventType, InvalidEvent> {
        let published = json!({
            "specversion": "1.0", "id": event.id, "source": "/characters", "type": event.event_type,
            "subject": event.subject, "time": event.time, "datacontenttype": "application/json", "data": event.data,
        });
        self.check(&published)?;
        let unknown = || InvalidEvent(format!("type: {:?} is not published by this service", event.event_type));
        EventType::of(&event.event_type).ok_or_else(unknown)
    }
}
