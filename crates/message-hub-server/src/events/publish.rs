//! `POST /v1/events`.

use super::binary;
use crate::{
    HubServer, body,
    caller::CallerDeadline,
    metrics::Metrics,
    refusal::{Answer, Refusal, to_client},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_TYPE, HeaderMap},
    web::{Bytes, Data, Payload},
};
use character_http_kit::{FieldError, Problem, QueryParameters};
use character_message_hub::{Applied, CloudEvent, MAX_BATCH, MAX_MESSAGE_ID, Message, PUBLISH};
use character_message_hub_wire::{self as wire, EventResult, PublishResultsBody};
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};

/// How long the hub may take, once the body is there, when the request does not say so, and at most.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The maximum number of faults that one response names.
const MAX_FAULTS: usize = 100;

pub(crate) async fn publish(request: HttpRequest, payload: Payload, server: Data<HubServer>) -> Answer {
    QueryParameters::among(&[], request.query_string()).finish()?;
    let headers = request.headers();
    let deadline = CallerDeadline::of(headers)?;
    body::check_encoding(headers)?;
    let format = Format::of(headers)?;
    let reading = body::read(&request, payload, server.body_limits(wire::MAX_PUBLISH_BYTES));
    let body = deadline.limit(PUBLISH, Applied::No, reading).await?;
    let messages = match format {
        Format::Batch if headers.contains_key(wire::MESSAGE_ID) => {
            let reason = "must not be sent with a batch; name the message id of an event in its attribute hubmessageid";
            return Err(Refusal::field(wire::MESSAGE_ID, reason));
        }
        Format::Batch => batch(&body)?,
        Format::Structured => vec![structured(&body, headers)?],
        Format::Binary => {
            let event = binary::event(headers, body)?;
            vec![message(event, message_id_header(headers)?)]
        }
    };
    let timeout = deadline.left().unwrap_or(DEFAULT_TIMEOUT).min(LONGEST_TIMEOUT);
    let results = server.hub().publish(&messages, timeout).await;
    let results: Vec<_> = results.into_iter().map(|result| result.map_err(to_client)).collect();
    let metrics = &server.metrics().published;
    let results = messages.iter().zip(&results).map(|(message, result)| {
        Metrics::count(
            metrics,
            match result {
                Ok(published) if published.duplicate => "duplicate",
                Ok(_) => "published",
                Err(error) => error.kind().code(),
            },
        );
        EventResult::of(message.event.id(), result)
    });
    Ok(HttpResponse::Ok().json(PublishResultsBody { results: results.collect() }))
}

/// The mode of CloudEvents that a request uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Batch,
    Structured,
    Binary,
}

impl Format {
    fn of(headers: &HeaderMap) -> Answer<Self> {
        let content_type = body::text(headers, CONTENT_TYPE.as_str())?.unwrap_or_default();
        if wire::is_media_type(content_type, wire::BATCH) {
            return Ok(Self::Batch);
        }
        if wire::is_media_type(content_type, wire::EVENT) {
            return Ok(Self::Structured);
        }
        if content_type.trim_start().to_ascii_lowercase().starts_with("application/cloudevents") {
            return Err(Refusal::media_type(format!("events are taken as {} and {}", wire::EVENT, wire::BATCH)));
        }
        if headers.contains_key("ce-specversion") {
            return Ok(Self::Binary);
        }
        Err(Refusal::media_type(format!(
            "the body must be {}, {}, or of any type with the headers of an event in binary mode (ce-specversion, …)",
            wire::EVENT,
            wire::BATCH
        )))
    }
}

fn message(event: CloudEvent, message_id: Option<String>) -> Message {
    let message = Message::of(Arc::new(event));
    match message_id {
        Some(message_id) => Message { message_id: message_id.into(), ..message },
        None => message,
    }
}

fn message_id_header(headers: &HeaderMap) -> Answer<Option<String>> {
    let text = body::text(headers, wire::MESSAGE_ID)?;
    text.map(|text| checked_id(text).map_err(|reason| Refusal::field(wire::MESSAGE_ID, reason))).transpose()
}

fn checked_id(text: &str) -> Result<String, &'static str> {
    let fits = (1..=MAX_MESSAGE_ID).contains(&text.len()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err("must have 1 to 256 bytes without control characters") }
}

fn syntax(error: &serde_json::Error) -> Refusal {
    Refusal::malformed(format!("the body is not JSON: {error}"))
}

fn structured(body: &Bytes, headers: &HeaderMap) -> Answer<Message> {
    let value: Value = serde_json::from_slice(body).map_err(|error| syntax(&error))?;
    let from_header = message_id_header(headers)?;
    let refused = |fault: FieldError| Refusal::of(Problem::invalid([fault]));
    let (event, message_id) = event_of(value, "").map_err(refused)?;
    Ok(message(event, from_header.or(message_id)))
}

fn batch(body: &Bytes) -> Answer<Vec<Message>> {
    let value: Value = serde_json::from_slice(body).map_err(|error| syntax(&error))?;
    let Value::Array(values) = value else { return Err(Refusal::malformed("a batch must be a list of events")) };
    if values.len() > MAX_BATCH {
        let field = format!("[{MAX_BATCH}]");
        return Err(Refusal::field(&field, "a batch must not have more than 1000 events"));
    }
    let (mut messages, mut faults) = (Vec::with_capacity(values.len()), Vec::new());
    for (index, value) in values.into_iter().enumerate() {
        match event_of(value, &format!("[{index}]")) {
            Ok((event, message_id)) => messages.push(message(event, message_id)),
            Err(fault) if faults.len() < MAX_FAULTS => faults.push(fault),
            Err(_) => break,
        }
    }
    if faults.is_empty() { Ok(messages) } else { Err(Refusal::of(Problem::invalid(faults))) }
}

/// The event of a JSON object, and the message id beside it. A fault names the field, with `place` before it.
fn event_of(value: Value, place: &str) -> Result<(CloudEvent, Option<String>), FieldError> {
    let field = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    let Value::Object(mut map) = value else {
        return Err(FieldError::new(if place.is_empty() { "event" } else { place }, "must be an object"));
    };
    let message_id = take_message_id(&mut map);
    let message_id = message_id.map_err(|reason| FieldError::new(&field(wire::MESSAGE_ID_EXTENSION), reason))?;
    let event = CloudEvent::try_from(map).and_then(|event| event.check().map(|()| event));
    let event = event.map_err(|fault| FieldError::new(&field(&fault.attribute), fault.reason))?;
    Ok((event, message_id))
}

fn take_message_id(map: &mut Map<String, Value>) -> Result<Option<String>, &'static str> {
    match map.remove(wire::MESSAGE_ID_EXTENSION) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => checked_id(&text).map(Some),
        Some(_) => Err("must be a string"),
    }
}
