//! The names of the schemas of event data, for the CloudEvents attribute `dataschema`.

use crate::catalog::ERROR_REPORTED;
use character_domain::event::EventType;

/// The `id` of the document.
pub(crate) const DOCUMENT: &str = "urn:character-service:events";

/// CloudEvents `dataschema` of an event type that this service publishes: the `id` of the document and the type. The message
/// with the name of the type has the schema. `None`: this service does not publish the type.
///
/// ```
/// let schema = character_asyncapi::data_schema("character.created");
/// assert_eq!(schema.as_deref(), Some("urn:character-service:events:character.created"));
/// assert_eq!(character_asyncapi::data_schema("character.vanished"), None);
/// ```
#[must_use]
pub fn data_schema(event_type: &str) -> Option<String> {
    let is_published = event_type == ERROR_REPORTED || EventType::of(event_type).is_some();
    is_published.then(|| format!("{DOCUMENT}:{event_type}"))
}
