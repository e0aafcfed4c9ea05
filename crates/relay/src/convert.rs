//! From an event of the log to a CloudEvent.

use character_domain::Revision;
use character_message_hub::{CloudEvent, InvalidAttribute, Message};
use character_storage_port::{DomainEvent, ParkedEvent};
use std::sync::Arc;

/// The attributes of the events of a relay that their domain events do not have.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// CloudEvents `source` of every event.
    pub source: Arc<str>,
    /// CloudEvents `dataschema` of an event of this type.
    pub schema_of: fn(&str) -> Option<String>,
}

impl Envelope {
    /// This source, and no `dataschema`.
    pub fn new(source: impl Into<Arc<str>>) -> Self {
        Self { source: source.into(), schema_of: |_| None }
    }
}

/// The CloudEvent of a domain event. Id, type, subject, time and data are those of the event; `traceparent` is that of the
/// call that caused it; `sequence` is the revision of the character after the commit, with leading zeros, so that consumers
/// can order the events of a character and notice a gap.
///
/// # Errors
/// The first attribute that CloudEvents does not permit.
pub fn cloud_event(
    event: &DomainEvent,
    envelope: &Envelope,
    revision: Option<Revision>,
    traceparent: Option<&str>,
) -> Result<CloudEvent, InvalidAttribute> {
    let mut cloud = CloudEvent::new(event.id.to_string(), Arc::clone(&envelope.source), event.event_type.as_ref())?
        .with_subject(event.subject.to_string())?
        .with_time(event.time.to_string())?
        .with_json(event.data.clone());
    if let Some(schema) = (envelope.schema_of)(&event.event_type) {
        cloud = cloud.with_schema(schema)?;
    }
    if let Some(revision) = revision {
        // The extension is compared as text.
        cloud = cloud.with_extension("sequence", format!("{:020}", revision.0))?;
    }
    match traceparent.filter(|text| !text.is_empty()) {
        Some(traceparent) => cloud.with_extension("traceparent", traceparent),
        None => Ok(cloud),
    }
}

/// The message of a parked event that an operator has marked for a replay. Its message id contains the time at which the
/// event was parked: a replay with an unknown outcome is repeated under the same id, and an event that is parked again
/// gets another one.
///
/// # Errors
/// As [`cloud_event`].
pub fn replay_message(parked: &ParkedEvent, envelope: &Envelope) -> Result<Message, InvalidAttribute> {
    let event = Arc::new(cloud_event(&parked.event, envelope, None, None)?);
    Ok(Message::replay(event, &parked.parked_at.as_microsecond().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_storage_port::{CharacterId, now};
    use serde_json::json;

    fn event() -> DomainEvent {
        DomainEvent::new("character.created", CharacterId::new(), now(), json!({ "name": "Ada" }))
    }

    #[test]
    fn an_event_keeps_its_id_type_subject_time_and_data() {
        let envelope = Envelope {
            schema_of: |event_type| Some(format!("urn:schemas:{event_type}")),
            ..Envelope::new("/characters")
        };
        let event = event();
        let cloud = cloud_event(&event, &envelope, Some(Revision(7)), Some("00-1-2-01")).unwrap();
        assert_eq!(
            serde_json::to_value(&cloud).unwrap(),
            json!({
                "specversion": "1.0", "id": event.id, "source": "/characters", "type": "character.created",
                "subject": event.subject, "time": event.time, "datacontenttype": "application/json",
                "dataschema": "urn:schemas:character.created", "sequence": "00000000000000000007",
                "traceparent": "00-1-2-01", "data": { "name": "Ada" },
            })
        );
        for absent in [None, Some("")] {
            assert_eq!(cloud_event(&event, &envelope, None, absent).unwrap().extension("traceparent"), None);
        }
    }

    #[test]
    fn an_event_that_cloud_events_does_not_permit_is_refused_with_the_attribute() {
        let event = DomainEvent { event_type: "two\nlines".into(), ..event() };
        assert_eq!(cloud_event(&event, &Envelope::new("/characters"), None, None).unwrap_err().attribute, "type");
    }

    #[test]
    fn a_replay_has_a_new_message_id_for_each_time_that_the_event_was_parked() {
        let mut parked = ParkedEvent { event: event(), reason: String::new(), parked_at: now(), replay: true };
        let envelope = Envelope::new("/characters");
        let first = replay_message(&parked, &envelope).unwrap();
        assert_eq!(first.event.id(), parked.event.id.to_string());
        assert_ne!(first, Message::of(Arc::clone(&first.event)));
        assert_eq!(replay_message(&parked, &envelope).unwrap(), first);
        parked.parked_at = parked.parked_at.next();
        assert_ne!(replay_message(&parked, &envelope).unwrap().message_id, first.message_id);
    }
}
