//! Events as messages of NATS, by the CloudEvents binding: binary mode out, binary and structured mode in.

use crate::percent;
use async_nats::HeaderMap;
use bytes::Bytes;
use character_message_hub::{CloudEvent, ErrorKind, EventData, HubError, Message, PUBLISH, Result};
use serde_json::Value;
use std::{borrow::Cow, sync::Arc};

/// The header by which JetStream recognises a repeat.
pub(crate) const MESSAGE_ID: &str = "Nats-Msg-Id";
const CONTENT_TYPE: &str = "Content-Type";
const PREFIX: &str = "ce-";
const STRUCTURED: &str = "application/cloudevents+json";

/// Whether a media type is JSON.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

/// Headers and payload of a message.
///
/// An event whose content type does not say what its data are goes in structured mode, which says it.
pub(crate) fn encode(message: &Message) -> Result<(HeaderMap, Bytes)> {
    let event = &*message.event;
    let mut headers = HeaderMap::new();
    headers.insert(MESSAGE_ID, percent::header(&message.message_id));
    if let Some(traceparent) = event.extension("traceparent") {
        headers.insert("traceparent", percent::header(traceparent));
    }
    let text = |value: serde_json::Result<Vec<u8>>| {
        value.map(Bytes::from).map_err(|error| HubError::new(ErrorKind::Invalid, PUBLISH).with_source(error))
    };
    let payload = match (event.data(), event.content_type()) {
        (None, None) => Some(Bytes::new()),
        (Some(EventData::Json(value)), Some(content_type)) if is_json(content_type) => {
            Some(text(serde_json::to_vec(value))?)
        }
        (Some(EventData::Binary(bytes)), Some(content_type)) if !is_json(content_type) => Some(bytes.clone()),
        _ => None,
    };
    let Some(payload) = payload else {
        headers.insert(CONTENT_TYPE, STRUCTURED);
        return Ok((headers, text(serde_json::to_vec(event))?));
    };
    let attributes = [
        ("specversion", Some("1.0")),
        ("id", Some(event.id())),
        ("source", Some(event.source())),
        ("type", Some(event.event_type())),
        ("subject", event.subject()),
        ("time", event.time()),
        ("datacontenttype", event.content_type()),
        ("dataschema", event.schema()),
    ];
    let present = attributes.into_iter().filter_map(|(name, value)| Some((name, value?)));
    for (name, value) in present.chain(event.extensions()) {
        headers.insert(format!("{PREFIX}{name}"), percent::header(value));
    }
    Ok((headers, payload))
}

/// Why a message is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoEvent(Cow<'static, str>);

/// The event of a message.
pub(crate) fn decode(headers: Option<&HeaderMap>, payload: &Bytes) -> Result<CloudEvent, NoEvent> {
    let headers = headers.ok_or(NoEvent("it has no headers".into()))?;
    // The names of headers of NATS keep their case; the binding compares them without it.
    let named = |wanted: &str| {
        let found = headers.iter().find(|(name, _)| name.to_string().eq_ignore_ascii_case(wanted));
        found.and_then(|(_, values)| values.first()).map(|value| value.as_str())
    };
    if named(CONTENT_TYPE).is_some_and(|value| value.trim().to_ascii_lowercase().starts_with("application/cloudevents"))
    {
        return serde_json::from_slice(payload).map_err(|error| NoEvent(error.to_string().into()));
    }
    let mut map = serde_json::Map::new();
    for (name, values) in headers.iter() {
        let name = name.to_string().to_ascii_lowercase();
        let Some(name) = name.strip_prefix(PREFIX) else { continue };
        let value = values.first().and_then(|value| percent::decode(value.as_str()));
        let value = value.ok_or_else(|| NoEvent(format!("{PREFIX}{name}: it is not percent-encoded UTF-8").into()))?;
        map.insert(name.to_owned(), Value::String(value));
    }
    if map.is_empty() {
        return Err(NoEvent("it has neither ce- headers nor the content type application/cloudevents+json".into()));
    }
    let content_type: Option<Arc<str>> =
        map.get("datacontenttype").and_then(Value::as_str).or_else(|| named(CONTENT_TYPE)).map(Arc::from);
    let event = CloudEvent::try_from(map).map_err(|error| NoEvent(error.to_string().into()))?;
    if payload.is_empty() && content_type.is_none() {
        return Ok(event);
    }
    let content_type = content_type.unwrap_or_else(|| "application/json".into());
    let data = match is_json(&content_type) {
        true => {
            EventData::Json(serde_json::from_slice(payload).map_err(|error| NoEvent(format!("data: {error}").into()))?)
        }
        false => EventData::Binary(payload.clone()),
    };
    event.with_data(content_type, data).map_err(|error| NoEvent(error.to_string().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn header_map(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, *value);
        }
        headers
    }

    #[test]
    fn binary_mode_has_each_attribute_in_a_header_and_the_data_alone() {
        let event = CloudEvent::new("1 %", "/characters", "character.created").unwrap();
        let event = event.with_subject("Ünï").unwrap().with_json(json!({ "name": "Ada" }));
        let event = event.with_extension("traceparent", "00-1-2-01").unwrap();
        let (headers, payload) = encode(&Message::of(Arc::new(event.clone()))).unwrap();
        let value = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
        assert_eq!(payload, r#"{"name":"Ada"}"#);
        assert_eq!(value("ce-id").as_deref(), Some("1%20%25"));
        assert_eq!(value("ce-subject").as_deref(), Some("%C3%9Cn%C3%AF"));
        assert_eq!(value("Nats-Msg-Id").as_deref(), Some("11:/characters1%20%25"));
        assert_eq!(value("ce-traceparent"), value("traceparent"));
        assert_eq!(decode(Some(&headers), &payload), Ok(event));
    }

    #[test]
    fn data_that_their_content_type_does_not_describe_go_in_structured_mode() {
        let json = r#"{"specversion":"1.0","id":"1","source":"/","type":"t","data_base64":"AAH/"}"#;
        let event: CloudEvent = serde_json::from_str(json).unwrap();
        let (headers, payload) = encode(&Message::of(Arc::new(event.clone()))).unwrap();
        assert_eq!(headers.get(CONTENT_TYPE).unwrap().as_str(), STRUCTURED);
        assert_eq!(decode(Some(&headers), &payload), Ok(event));
    }

    #[test]
    fn messages_of_other_publishers_are_read_in_both_modes() {
        let structured = header_map(&[("content-type", "Application/CloudEvents+json; charset=utf-8")]);
        let payload = Bytes::from_static(br#"{"specversion":"1.0","id":"1","source":"/","type":"t","data":[1]}"#);
        assert_eq!(decode(Some(&structured), &payload).unwrap().json(), Some(&json!([1])));
        let binary = header_map(&[("CE-Id", "1"), ("Ce-Source", "/"), ("ce-type", "t"), ("ce-specversion", "1.0")]);
        assert_eq!(decode(Some(&binary), &payload).unwrap().json().unwrap()["id"], json!("1"));
    }

    #[test]
    fn what_is_no_event_is_refused_with_the_reason() {
        let payload = Bytes::from_static(b"{");
        let whole = [("ce-id", "1"), ("ce-source", "/"), ("ce-type", "t"), ("ce-specversion", "1.0")];
        let with = |pair| header_map(&[&whole[..], &[pair]].concat());
        let cases = [
            (None, "no headers"),
            (Some(HeaderMap::new()), "neither"),
            (Some(header_map(&whole[1..])), "id: is required"),
            (Some(with(("ce-subject", "%C0%A0"))), "ce-subject"),
            (Some(with(("ce-datacontenttype", "application/json"))), "data: "),
            (Some(header_map(&[("Content-Type", STRUCTURED)])), "EOF"),
        ];
        for (headers, reason) in cases {
            let refused = decode(headers.as_ref(), &payload).unwrap_err().to_string();
            assert!(refused.contains(reason), "{reason}: {refused}");
        }
    }
}
