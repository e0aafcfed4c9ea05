//! The messages of the document: each event type in structured mode and in binary mode.

use crate::{
    catalog::Entry,
    cloud_event::{STRUCTURED, binary_headers, example_headers, reference, structured_example, structured_payload},
};
use serde_json::{Value, json};

/// How the attributes of an event travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// With the data, in one JSON object.
    Structured,
    /// In headers; the payload is the data.
    Binary,
}

impl Mode {
    pub(crate) const ALL: [Self; 2] = [Self::Structured, Self::Binary];
}

/// The key of a message among the components.
pub(crate) fn key(entry: &Entry, mode: Mode) -> String {
    match mode {
        Mode::Structured => entry.name.to_owned(),
        Mode::Binary => format!("{}.binary", entry.name),
    }
}

/// The message of an event type.
pub(crate) fn message(entry: &Entry, mode: Mode) -> Value {
    let examples: Vec<_> =
        (1..).zip(&entry.examples).map(|(number, data)| example(entry, mode, number, data)).collect();
    match mode {
        Mode::Structured => json!({
            "name": entry.name,
            "title": entry.title(),
            "summary": entry.summary,
            "contentType": STRUCTURED,
            "payload": structured_payload(entry),
            "examples": examples,
        }),
        Mode::Binary => json!({
            "name": entry.name,
            "title": format!("{} (binary mode)", entry.title()),
            "summary": entry.summary,
            "contentType": "application/json",
            "headers": binary_headers(entry),
            "payload": { "$ref": reference(&entry.schema.name) },
            "examples": examples,
        }),
    }
}

fn example(entry: &Entry, mode: Mode, number: usize, data: &Value) -> Value {
    let name = format!("{}-{number}", entry.name);
    match mode {
        Mode::Structured => json!({ "name": name, "payload": structured_example(entry, data) }),
        Mode::Binary => json!({ "name": name, "headers": example_headers(entry, data), "payload": data }),
    }
}
