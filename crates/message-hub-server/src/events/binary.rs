//! The binary mode of CloudEvents over HTTP: attributes as headers `ce-…`, the data as the body.

use crate::{
    body,
    refusal::{Answer, Refusal},
};
use actix_web::{
    http::header::{CONTENT_TYPE, HeaderMap},
    web::Bytes,
};
use character_message_hub::{CloudEvent, EventData, InvalidAttribute};
use character_message_hub_wire as wire;
use std::collections::BTreeMap;

const PREFIX: &str = "ce-";

/// The event of a request in binary mode.
pub(super) fn event(headers: &HeaderMap, body: Bytes) -> Answer<CloudEvent> {
    let mut attributes = BTreeMap::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix(PREFIX) else { continue };
        let field = name.as_str();
        let text = decoded(value.as_bytes());
        let text = text.ok_or_else(|| Refusal::field(field, "must be UTF-8, as it is or percent-encoded"))?;
        if attributes.insert(attribute.to_owned(), text).is_some() {
            return Err(Refusal::field(field, "must not be given twice"));
        }
    }
    let mut take = |attribute: &str| attributes.remove(attribute);
    let required = |attribute: &str, text: Option<String>| {
        text.ok_or_else(|| Refusal::field(&format!("{PREFIX}{attribute}"), "is required"))
    };
    let refused = |fault: InvalidAttribute| Refusal::field(&format!("{PREFIX}{}", fault.attribute), fault.reason);
    if required("specversion", take("specversion"))? != "1.0" {
        return Err(Refusal::field("ce-specversion", "must be 1.0"));
    }
    let (id, source) = (required("id", take("id"))?, required("source", take("source"))?);
    let mut event = CloudEvent::new(id, source, required("type", take("type"))?).map_err(refused)?;
    if let Some(subject) = take("subject") {
        event = event.with_subject(subject).map_err(refused)?;
    }
    if let Some(time) = take("time") {
        event = event.with_time(time).map_err(refused)?;
    }
    if let Some(schema) = take("dataschema") {
        event = event.with_schema(schema).map_err(refused)?;
    }
    // The attribute is the header Content-Type in this mode.
    if take("datacontenttype").is_some() {
        return Err(Refusal::field("ce-datacontenttype", "must be the header Content-Type instead"));
    }
    if take(wire::MESSAGE_ID_EXTENSION).is_some() {
        let field = format!("{PREFIX}{}", wire::MESSAGE_ID_EXTENSION);
        return Err(Refusal::field(&field, "must be the header Message-Id instead"));
    }
    for (name, text) in attributes {
        event = event.with_extension(&name, text).map_err(refused)?;
    }
    event.check().map_err(refused)?;
    with_data(event, headers, body)
}

fn with_data(event: CloudEvent, headers: &HeaderMap, body: Bytes) -> Answer<CloudEvent> {
    if body.is_empty() {
        return Ok(event);
    }
    let content_type = body::text(headers, CONTENT_TYPE.as_str())?;
    let is_json = content_type.is_none_or(|content_type| {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == wire::JSON || essence.ends_with("+json")
    });
    let data = match is_json {
        true => EventData::Json(
            serde_json::from_slice(&body)
                .map_err(|error| Refusal::malformed(format!("the body is not JSON, as its type says: {error}")))?,
        ),
        false => EventData::Binary(body),
    };
    let event = event.with_data(content_type.unwrap_or(wire::JSON), data);
    // The content type alone is not checked yet.
    let checked = event.and_then(|event| event.check().map(|()| event));
    checked.map_err(|fault| Refusal::field(CONTENT_TYPE.as_str(), fault.reason))
}

/// The text of a header with its quotes and its percent-encoding undone, in this order. `None`: it is not UTF-8, overlong forms
/// included.
fn decoded(value: &[u8]) -> Option<String> {
    let unquoted = unquoted(value);
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = unquoted.as_deref().unwrap_or(value);
    while let Some((first, after)) = rest.split_first() {
        let encoded = (*first == b'%').then(|| after.get(..2)).flatten();
        let encoded = encoded.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let byte = encoded.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// What a quoted string of RFC 9110 holds. `None`: the value is none.
fn unquoted(value: &[u8]) -> Option<Vec<u8>> {
    let mut rest = value.strip_prefix(b"\"")?;
    let mut held = Vec::with_capacity(value.len());
    loop {
        match rest {
            [b'"'] => return Some(held),
            [b'\\', escaped, after @ ..] => {
                held.push(*escaped);
                rest = after;
            }
            [b'"' | b'\\', ..] | [] => return None,
            [plain, after @ ..] => {
                held.push(*plain);
                rest = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn a_quoted_value_loses_its_quotes_before_its_percent_encoding_is_undone() {
        for (text, expected) in [
            (r#""a b""#, "a b"),
            (r#""""#, ""),
            (r#""a \"b\" \\ c%20%22d""#, r#"a "b" \ c "d"#),
            (r#""open"#, r#""open"#),
            (r#""a"b"#, r#""a"b"#),
            (r#"a"b""#, r#"a"b""#),
            (r#""a\""#, r#""a\""#),
            ("%22a%22", r#""a""#),
        ] {
            assert_eq!(decoded(text.as_bytes()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn percent_encoding_is_undone_and_what_is_no_utf_8_is_refused() {
        for (text, expected) in [
            ("plain", Some("plain")),
            ("Torm%C3%ADr%20%22the%22%2050%25", Some("Tormír \"the\" 50%")),
            ("50%", Some("50%")),
            ("%zz%+1", Some("%zz%+1")),
            ("%C0%A0", None),
            ("%FF", None),
        ] {
            assert_eq!(decoded(text.as_bytes()).as_deref(), expected, "{text}");
        }
    }
}
