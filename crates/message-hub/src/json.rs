//! The JSON format of CloudEvents 1.0: `application/cloudevents+json`, and `application/cloudevents-batch+json` for a list.

use crate::{CloudEvent, EventData, InvalidAttribute, attribute::DEFINED};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeMap as _};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The version of the specification.
const SPEC_VERSION: &str = "1.0";

impl Serialize for CloudEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", SPEC_VERSION)?;
        map.serialize_entry("id", &*self.id)?;
        map.serialize_entry("source", &*self.source)?;
        map.serialize_entry("type", &*self.event_type)?;
        let optional = [
            ("subject", &self.subject),
            ("time", &self.time),
            ("datacontenttype", &self.content_type),
            ("dataschema", &self.schema),
        ];
        for (name, text) in optional {
            if let Some(text) = text {
                map.serialize_entry(name, &**text)?;
            }
        }
        for (name, text) in self.extensions() {
            map.serialize_entry(name, text)?;
        }
        match &self.data {
            Some(EventData::Json(value)) => map.serialize_entry("data", value)?,
            Some(EventData::Binary(bytes)) => map.serialize_entry("data_base64", &BASE64_STANDARD.encode(bytes))?,
            None => {}
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for CloudEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        CloudEvent::try_from(Map::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn required(map: &mut Map<String, Value>, name: &str) -> Result<Arc<str>, InvalidAttribute> {
    optional(map, name)?.ok_or_else(|| InvalidAttribute::new(name, "is required"))
}

/// The text of an attribute. An attribute that is `null` counts as absent.
fn optional(map: &mut Map<String, Value>, name: &str) -> Result<Option<Arc<str>>, InvalidAttribute> {
    match map.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.into())),
        Some(_) => Err(InvalidAttribute::new(name, "must be a string")),
    }
}

impl TryFrom<Map<String, Value>> for CloudEvent {
    type Error = InvalidAttribute;

    /// The event of a JSON object.
    ///
    /// # Errors
    /// The first attribute that breaks the specification.
    fn try_from(mut map: Map<String, Value>) -> Result<Self, InvalidAttribute> {
        if *required(&mut map, "specversion")? != *SPEC_VERSION {
            return Err(InvalidAttribute::new("specversion", "must be \"1.0\""));
        }
        let (id, source, event_type) =
            (required(&mut map, "id")?, required(&mut map, "source")?, required(&mut map, "type")?);
        let mut event = Self::new(id, source, event_type)?;
        if let Some(subject) = optional(&mut map, "subject")? {
            event = event.with_subject(subject)?;
        }
        if let Some(time) = optional(&mut map, "time")? {
            event = event.with_time(time)?;
        }
        if let Some(schema) = optional(&mut map, "dataschema")? {
            event = event.with_schema(schema)?;
        }
        if let Some(content_type) = optional(&mut map, "datacontenttype")? {
            event.content_type = Some(crate::attribute::value("datacontenttype", content_type)?);
        }
        event.data = match (map.remove("data"), optional(&mut map, "data_base64")?) {
            (Some(_), Some(_)) => return Err(InvalidAttribute::new("data_base64", "must not stand beside data")),
            (Some(value), None) => Some(EventData::Json(value)),
            (None, Some(text)) => {
                let bytes = BASE64_STANDARD.decode(text.as_bytes());
                Some(EventData::Binary(
                    bytes.map_err(|_| InvalidAttribute::new("data_base64", "must be Base64"))?.into(),
                ))
            }
            (None, None) => None,
        };
        for (name, value) in map {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Bool(value) => value.to_string(),
                Value::Number(number) if number.as_i64().is_some_and(|integer| i32::try_from(integer).is_ok()) => {
                    number.to_string()
                }
                Value::Number(_) => return Err(InvalidAttribute::new(name, "must be an integer of 32 bits")),
                _ => return Err(InvalidAttribute::new(name, "must be a string, an integer or a boolean")),
            };
            debug_assert!(!DEFINED.contains(&name.as_str()), "{name} was taken out above");
            event = event.with_extension(&name, text)?;
        }
        Ok(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn full() -> Value {
        json!({
            "specversion": "1.0", "id": "1", "source": "/characters", "type": "character.created", "subject": "ada",
            "time": "2026-11-26T14:00:00.000001Z", "datacontenttype": "application/json", "dataschema": "/schemas/1",
            "traceparent": "00-1-2-01", "data": { "name": "Ada", "weight": 1.50 },
        })
    }

    #[test]
    fn an_event_is_written_as_it_was_read() {
        let event: CloudEvent = serde_json::from_value(full()).unwrap();
        assert_eq!(serde_json::to_value(&event).unwrap(), full());
        assert_eq!(event.extension("traceparent"), Some("00-1-2-01"));
        let binary = json!({ "specversion": "1.0", "id": "1", "source": "/", "type": "t", "data_base64": "AAH/" });
        let event: CloudEvent = serde_json::from_value(binary.clone()).unwrap();
        assert_eq!(event.data(), Some(&EventData::Binary(vec![0, 1, 255].into())));
        assert_eq!(serde_json::to_value(&event).unwrap(), binary);
    }

    #[test]
    fn an_event_that_is_kept_from_before_its_formats_were_checked_is_read_and_not_published_again() {
        for (attribute, kept) in [("source", "a b"), ("dataschema", "/schemas/1"), ("datacontenttype", "json")] {
            let mut map = full();
            map["dataschema"] = json!("urn:schemas:1");
            map[attribute] = json!(kept);
            let event: CloudEvent = serde_json::from_value(map.clone()).unwrap();
            assert_eq!(serde_json::to_value(&event).unwrap(), map);
            assert_eq!(event.check().unwrap_err().attribute, attribute);
        }
    }

    #[test]
    fn integers_and_booleans_of_extensions_become_their_text_and_null_is_absent() {
        let mut map = full();
        map["sequence"] = json!(7);
        map["most"] = json!(i32::MAX);
        map["least"] = json!(i32::MIN);
        map["sampled"] = json!(true);
        map["subject"] = Value::Null;
        let event: CloudEvent = serde_json::from_value(map).unwrap();
        assert_eq!((event.extension("sequence"), event.extension("sampled")), (Some("7"), Some("true")));
        assert_eq!(event.subject(), None);
    }

    #[test]
    fn an_event_that_breaks_the_specification_is_refused_with_the_name_of_the_attribute() {
        let faults = [
            ("specversion", json!("0.3")),
            ("specversion", Value::Null),
            ("id", json!("")),
            ("id", json!(1)),
            ("source", Value::Null),
            ("type", json!("a\nb")),
            ("time", json!("yesterday")),
            ("subject", json!("s".repeat(4097))),
            ("data_base64", json!("AA==")),
            ("Trace", json!("x")),
            ("sequence", json!(1.5)),
            ("sequence", json!(2_147_483_648_i64)),
            ("sequence", json!(-2_147_483_649_i64)),
            ("list", json!([])),
        ];
        for (name, value) in faults {
            let mut map = full();
            map[name] = value;
            let error = serde_json::from_value::<CloudEvent>(map).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name}: ")), "{name}: {error}");
        }
    }
}
