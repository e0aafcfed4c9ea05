//! An event with the attributes of CloudEvents 1.0.

use crate::{
    AttributeName, InvalidAttribute,
    attribute::{time, value},
    format,
};
use bytes::Bytes;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// The data of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum EventData {
    /// JSON, with the content type `application/json` unless [`CloudEvent::content_type`] names another JSON type.
    Json(Value),
    /// Anything else, of the type that [`CloudEvent::content_type`] names.
    Binary(Bytes),
}

/// Something that happened, with the attributes of CloudEvents 1.0. Its attributes are checked when they are set, so an event
/// that exists can be sent in every mode.
///
/// The pair of [`source`](Self::source) and [`id`](Self::id) identifies an event. The
/// [`subject`](Self::subject) is the unit of order: events of one subject are delivered in the order in which they were
/// published.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudEvent {
    pub(crate) id: Arc<str>,
    pub(crate) source: Arc<str>,
    pub(crate) event_type: Arc<str>,
    pub(crate) subject: Option<Arc<str>>,
    pub(crate) time: Option<Arc<str>>,
    pub(crate) content_type: Option<Arc<str>>,
    pub(crate) schema: Option<Arc<str>>,
    pub(crate) extensions: BTreeMap<AttributeName, Arc<str>>,
    pub(crate) data: Option<EventData>,
}

impl CloudEvent {
    /// An event with the required attributes. Each must have 1 to 4096 bytes without control characters.
    ///
    /// # Errors
    /// The first attribute that breaks this.
    pub fn new(
        id: impl Into<Arc<str>>,
        source: impl Into<Arc<str>>,
        event_type: impl Into<Arc<str>>,
    ) -> Result<Self, InvalidAttribute> {
        Ok(Self {
            id: value("id", id)?,
            source: value("source", source)?,
            event_type: value("type", event_type)?,
            subject: None,
            time: None,
            content_type: None,
            schema: None,
            extensions: BTreeMap::new(),
            data: None,
        })
    }

    /// Sets the subject: what the event is about, and the unit of order.
    ///
    /// # Errors
    /// When it is empty, longer than 4096 bytes, or has control characters.
    pub fn with_subject(mut self, subject: impl Into<Arc<str>>) -> Result<Self, InvalidAttribute> {
        self.subject = Some(value("subject", subject)?);
        Ok(self)
    }

    /// Sets when it happened.
    ///
    /// # Errors
    /// When it is not a time of RFC 3339.
    pub fn with_time(mut self, text: impl Into<Arc<str>>) -> Result<Self, InvalidAttribute> {
        self.time = Some(time(text)?);
        Ok(self)
    }

    /// Sets the address of the schema of the data.
    ///
    /// # Errors
    /// As [`with_subject`](Self::with_subject).
    pub fn with_schema(mut self, schema: impl Into<Arc<str>>) -> Result<Self, InvalidAttribute> {
        self.schema = Some(value("dataschema", schema)?);
        Ok(self)
    }

    /// Sets an extension attribute, such as `traceparent`.
    ///
    /// # Errors
    /// When the name or the value breaks the rules.
    pub fn with_extension(mut self, name: &str, text: impl Into<Arc<str>>) -> Result<Self, InvalidAttribute> {
        self.extensions.insert(name.parse()?, value(name, text)?);
        Ok(self)
    }

    /// Sets the data, of the type `application/json`.
    #[must_use]
    pub fn with_json(mut self, data: Value) -> Self {
        self.content_type = Some("application/json".into());
        self.data = Some(EventData::Json(data));
        self
    }

    /// Sets the data, of any type.
    ///
    /// # Errors
    /// When the content type breaks the rules of attributes.
    pub fn with_data(mut self, content_type: impl Into<Arc<str>>, data: EventData) -> Result<Self, InvalidAttribute> {
        self.content_type = Some(value("datacontenttype", content_type)?);
        self.data = Some(data);
        Ok(self)
    }

    /// Checks the formats of the attributes before the event is published: the source is a URI reference, the schema a URI with a
    /// scheme, and the content type a media type. A hub delivers an event unchanged that was published before it checked them.
    ///
    /// # Errors
    /// The first attribute that breaks this.
    pub fn check(&self) -> Result<(), InvalidAttribute> {
        let refused = |attribute, reason| Err(InvalidAttribute::new(attribute, reason));
        if !format::is_uri_reference(&self.source) {
            return refused("source", "must be a URI reference, such as /characters; encode other characters as %XX");
        }
        if self.schema.as_deref().is_some_and(|schema| !format::is_uri(schema)) {
            return refused("dataschema", "must be a URI with a scheme, such as https://example.com/schema");
        }
        if self.content_type.as_deref().is_some_and(|content_type| !format::is_media_type(content_type)) {
            return refused("datacontenttype", "must be a media type, such as application/json");
        }
        Ok(())
    }

    /// CloudEvents `id`: unique within the source.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// CloudEvents `source`: where it happened, a URI reference.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// CloudEvents `type`, such as `character.created`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// CloudEvents `subject`: what it is about, and the unit of order.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// CloudEvents `time`, of RFC 3339.
    #[must_use]
    pub fn time(&self) -> Option<&str> {
        self.time.as_deref()
    }

    /// CloudEvents `datacontenttype`. Absent: `application/json`.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// CloudEvents `dataschema`.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The value of an extension attribute.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions.get(name).map(AsRef::as_ref)
    }

    /// Every extension attribute, by name.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.extensions.iter().map(|(name, text)| (name.as_str(), &**text))
    }

    /// CloudEvents `data`.
    #[must_use]
    pub fn data(&self) -> Option<&EventData> {
        self.data.as_ref()
    }

    /// The data, when they are JSON.
    #[must_use]
    pub fn json(&self) -> Option<&Value> {
        match &self.data {
            Some(EventData::Json(value)) => Some(value),
            _ => None,
        }
    }
}
