//! The schemas and examples of CloudEvents 1.0 around the data.

use crate::{
    catalog::{Direction, Entry, Subject},
    data_schema::data_schema,
};
use serde_json::{Value, json};

/// The media type of one event in structured mode.
pub(crate) const STRUCTURED: &str = "application/cloudevents+json";
/// The name of the schema of an event in structured mode.
pub(crate) const ENVELOPE: &str = "CloudEvent";
/// The name of the schema of the headers of an event in binary mode.
pub(crate) const HEADERS: &str = "CloudEventHeaders";

const SEQUENCE: &str = "00000000000000000007";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The attributes that every event may have: the name, the schema, and whether it is required.
fn attributes() -> [(&'static str, Value, bool); 10] {
    let text = |description: &str, example: &str| {
        json!({
            "type": "string", "minLength": 1, "maxLength": 4096, "description": description, "examples": [example],
        })
    };
    let with = |mut schema: Value, name: &str, value: &str| {
        schema[name] = json!(value);
        schema
    };
    [
        ("specversion", json!({ "const": "1.0", "description": "The version of CloudEvents." }), true),
        (
            "id",
            text(
                "Unique within the source. A subscriber that has handled it drops later deliveries of it.",
                "01936d2a-8f00-7000-8000-0000000000fe",
            ),
            true,
        ),
        ("source", with(text("The service that published it.", "/characters"), "format", "uri-reference"), true),
        ("type", text("The type of the event.", "character.created"), true),
        (
            "subject",
            text(
                "What the event is about, and the unit of order: a character, by its id; for events of campaigns, the campaign.",
                "01936d2a-8f00-7000-8000-000000000001",
            ),
            false,
        ),
        (
            "time",
            with(text("When it happened, RFC 3339, UTC.", "2026-11-26T14:00:00.000000Z"), "format", "date-time"),
            false,
        ),
        ("datacontenttype", text("The media type of the data. Absent: `application/json`.", "application/json"), false),
        (
            "dataschema",
            with(
                text("Which schema the data have, an absolute URI.", "urn:character-service:events:character.created"),
                "format",
                "uri",
            ),
            false,
        ),
        (
            "sequence",
            with(
                text(
                    "The revision of the character after the change, with leading zeros (extension Sequence). Events of one \
                     change have the same.",
                    SEQUENCE,
                ),
                "pattern",
                "^[0-9]{20}$",
            ),
            false,
        ),
        (
            "traceparent",
            text(
                "The W3C `traceparent` of the call that caused the event (extension Distributed Tracing).",
                TRACEPARENT,
            ),
            false,
        ),
    ]
}

/// The schema of an event in structured mode, with any type and data.
pub(crate) fn envelope() -> Value {
    let mut properties: Value = attributes().into_iter().map(|(name, schema, _)| (name.to_owned(), schema)).collect();
    properties["data"] = json!({ "description": "The data of the event." });
    let required: Vec<_> = attributes().iter().filter(|it| it.2).map(|it| it.0).collect();
    json!({
        "type": "object",
        "description": "An event in the JSON format of CloudEvents 1.0.",
        "required": required,
        "properties": properties,
    })
}

/// The schema of the headers of an event in binary mode, of any type.
pub(crate) fn headers() -> Value {
    let header = |name: &str| format!("ce-{name}");
    let mut properties: Value = attributes().into_iter().map(|(name, schema, _)| (header(name), schema)).collect();
    properties["Nats-Msg-Id"] = json!({
        "type": "string",
        "description": "By which JetStream recognises a repeat: the length of the source in bytes, a colon, the source and the id of the event, or a hash of this text when it has more than 256 bytes. A replay by an operator has another one.",
    });
    properties["traceparent"] = json!({ "type": "string", "description": "The same as `ce-traceparent`." });
    let required: Vec<_> = attributes().iter().filter(|it| it.2).map(|it| header(it.0)).collect();
    json!({
        "type": "object",
        "description": "The attributes of CloudEvents 1.0 in binary mode. Bytes that are not printable ASCII, and space, `\"` and `%`, are percent-encoded.",
        "required": required,
        "properties": properties,
    })
}

/// The attributes that an event of this type has in addition to the required ones.
fn present(direction: Direction) -> &'static [&'static str] {
    match direction {
        Direction::Sent => &["subject", "time", "datacontenttype"],
        Direction::Received => &[],
    }
}

/// The schema of the subject of an event.
fn subject(subject: Subject) -> Value {
    match subject {
        Subject::Character => json!({ "type": "string", "format": "uuid", "description": "The character." }),
        Subject::Service => json!({ "type": "string", "description": "The name of the service that failed." }),
        Subject::Campaign => json!({
            "type": "string",
            "description": "The campaign. Events of one subject are received in the order in which they were published.",
        }),
    }
}

/// The schemas of the attributes that depend on the type.
fn of_type(entry: &Entry) -> impl Iterator<Item = (&'static str, Value)> {
    let schema = data_schema(entry.name).map(|schema| ("dataschema", json!({ "const": schema })));
    [("type", json!({ "const": entry.name })), ("subject", subject(entry.subject))].into_iter().chain(schema)
}

/// The schema of the payload of an event of this type in structured mode.
pub(crate) fn structured_payload(entry: &Entry) -> Value {
    let required: Vec<_> = present(entry.subject.direction()).iter().copied().chain(["data"]).collect();
    let mut properties: Value = of_type(entry).map(|(name, schema)| (name.to_owned(), schema)).collect();
    properties["data"] = json!({ "$ref": reference(&entry.schema.name) });
    json!({
        "allOf": [
            { "$ref": reference(ENVELOPE) },
            { "type": "object", "required": required, "properties": properties },
        ],
    })
}

/// The schema of the headers of an event of this type in binary mode.
pub(crate) fn binary_headers(entry: &Entry) -> Value {
    let required: Vec<_> = present(entry.subject.direction()).iter().map(|name| format!("ce-{name}")).collect();
    let properties: Value = of_type(entry).map(|(name, schema)| (format!("ce-{name}"), schema)).collect();
    json!({
        "type": "object",
        "allOf": [
            { "$ref": reference(HEADERS) },
            { "type": "object", "required": required, "properties": properties },
        ],
    })
}

/// The attributes of an example of this type.
fn example_attributes(entry: &Entry, data: &Value) -> Vec<(&'static str, Value)> {
    let (source, subject) = match entry.subject {
        Subject::Character => ("/characters", &data["character_id"]),
        Subject::Service => ("/character-service", &data["service"]),
        Subject::Campaign => ("/campaigns", &data["campaign_id"]),
    };
    let sequence = matches!(entry.subject, Subject::Character).then(|| ("sequence", json!(SEQUENCE)));
    let attributes = [
        ("specversion", json!("1.0")),
        ("id", json!("01936d2a-8f00-7000-8000-0000000000fe")),
        ("source", json!(source)),
        ("type", json!(entry.name)),
        ("subject", subject.clone()),
        ("time", json!("2026-11-26T14:00:00.000000Z")),
        ("datacontenttype", json!("application/json")),
        ("traceparent", json!(TRACEPARENT)),
    ];
    let schema = data_schema(entry.name).map(|schema| ("dataschema", json!(schema)));
    attributes.into_iter().chain(sequence).chain(schema).collect()
}

/// An example in structured mode.
pub(crate) fn structured_example(entry: &Entry, data: &Value) -> Value {
    let attributes = example_attributes(entry, data).into_iter().map(|(name, value)| (name.to_owned(), value));
    attributes.chain([("data".to_owned(), data.clone())]).collect()
}

/// The headers of an example in binary mode.
pub(crate) fn example_headers(entry: &Entry, data: &Value) -> Value {
    example_attributes(entry, data).into_iter().map(|(name, value)| (format!("ce-{name}"), value)).collect()
}

/// A reference to a schema of the document.
pub(crate) fn reference(schema: &str) -> String {
    format!("#/components/schemas/{schema}")
}
