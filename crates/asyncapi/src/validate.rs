//! Checks events against the document.

use crate::{
    catalog::entries,
    cloud_event::{binary_headers, reference, structured_payload},
    data_schema, document,
};
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
pub struct EventValidator {
    structured: BTreeMap<&'static str, Validator>,
    headers: BTreeMap<&'static str, Validator>,
}

impl EventValidator {
    /// Compiles the schemas of the document.
    ///
    /// # Errors
    /// The schema of an event type is no JSON Schema.
    pub fn new() -> Result<Self, InvalidEvent> {
        let schemas = &document()["components"]["schemas"];
        let validator = |name: &'static str, schema: Value, properties: Value| {
            let schema = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "allOf": [schema],
                "properties": properties,
                "components": { "schemas": schemas },
            });
            let built = jsonschema::options().should_validate_formats(true).build(&schema);
            Ok((name, built.map_err(|error| InvalidEvent(format!("{name}: {error}")))?))
        };
        let entries = entries();
        let structured = entries.iter().map(|entry| {
            let data = json!({ "$ref": reference(&entry.schema.name), "unevaluatedProperties": false });
            validator(entry.name, structured_payload(entry), json!({ "data": data }))
        });
        let headers = entries.iter().map(|entry| validator(entry.name, binary_headers(entry), json!({})));
        Ok(Self { structured: structured.collect::<Result<_, _>>()?, headers: headers.collect::<Result<_, _>>()? })
    }

    /// Checks a CloudEvent in structured mode.
    ///
    /// # Errors
    /// The type is not in the document, or the event is not as the document says; the message names each member.
    pub fn check(&self, event: &Value) -> Result<(), InvalidEvent> {
        check(&self.structured, "type", event)
    }

    /// Checks the headers of a CloudEvent in binary mode.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_headers(&self, headers: &Value) -> Result<(), InvalidEvent> {
        check(&self.headers, "ce-type", headers)
    }

    /// Checks an event of the domain as it is published, and returns its type.
    ///
    /// # Errors
    /// As [`check`](Self::check); also when it is of a type that this service only receives.
    pub fn check_event(&self, event: &DomainEvent) -> Result<EventType, InvalidEvent> {
        let published = json!({
            "specversion": "1.0", "id": event.id, "source": "/characters", "type": event.event_type,
            "subject": event.subject, "time": event.time, "datacontenttype": "application/json", "data": event.data,
            "dataschema": data_schema(&event.event_type).unwrap_or_default(),
        });
        self.check(&published)?;
        let unknown = || InvalidEvent(format!("type: {:?} is not published by this service", event.event_type));
        EventType::of(&event.event_type).ok_or_else(unknown)
    }
}

/// Checks the attributes of an event with the validator of their type, which this member names.
fn check(validators: &BTreeMap<&str, Validator>, member: &str, attributes: &Value) -> Result<(), InvalidEvent> {
    let event_type = attributes[member].as_str().unwrap_or_default();
    let validator = validators.get(event_type);
    let validator =
        validator.ok_or_else(|| InvalidEvent(format!("{member}: {event_type:?} is not in the document")))?;
    let faults: Vec<_> =
        validator.iter_errors(attributes).map(|error| format!("{}: {error}", error.instance_path())).collect();
    if faults.is_empty() { Ok(()) } else { Err(InvalidEvent(format!("{}: {attributes}", faults.join("; ")))) }
}
