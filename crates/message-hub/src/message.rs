//! An event on its way to the hub, and the answer to it.

use crate::{CloudEvent, ErrorKind, HubError, PUBLISH, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{fmt::Write as _, io, sync::Arc};

/// The maximum number of events of one call of [`MessageHub::publish`](crate::MessageHub::publish).
pub const MAX_BATCH: usize = 1_000;
/// The maximum size of an event in the JSON format of CloudEvents, in bytes. An adapter may have a lower limit.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;
/// The maximum length of a message id, in bytes.
pub const MAX_MESSAGE_ID: usize = 256;

/// An event to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The event.
    pub event: Arc<CloudEvent>,
    /// What the hub recognises a repeat by. 1 to 256 bytes without control characters.
    pub message_id: Arc<str>,
}

impl Message {
    /// The message of an event, under a message id of its source and its id: published again, it is a duplicate. Events with
    /// different sources or ids have different message ids.
    #[must_use]
    pub fn of(event: Arc<CloudEvent>) -> Self {
        Self { message_id: bounded(identity(&event)), event }
    }

    /// The same event under a new message id, which contains `mark`, so that a hub that has it delivers it once more.
    /// The event keeps its id, and a consumer with an inbox still handles it once.
    #[must_use]
    pub fn replay(event: Arc<CloudEvent>, mark: &str) -> Self {
        Self { message_id: bounded(format!("replay:{}:{mark}{}", mark.len(), identity(&event))), event }
    }

    /// Refuses a message that no hub takes.
    ///
    /// # Errors
    /// `Invalid`: the message id, or an attribute ([`CloudEvent::check`]), which the detail names. `TooLarge`: the event has more than [`MAX_EVENT_BYTES`].
    pub fn check(&self) -> Result<()> {
        if !(1..=MAX_MESSAGE_ID).contains(&self.message_id.len()) || self.message_id.chars().any(char::is_control) {
            let detail = "the message id must have 1 to 256 bytes without control characters";
            return Err(HubError::new(ErrorKind::Invalid, PUBLISH).with_detail(detail));
        }
        let attributes = self.event.check();
        attributes.map_err(|fault| HubError::new(ErrorKind::Invalid, PUBLISH).with_detail(fault.to_string()))?;
        let mut counted = Counted(0);
        let written = serde_json::to_writer(&mut counted, &*self.event);
        written.map_err(|error| HubError::new(ErrorKind::Invalid, PUBLISH).with_source(error))?;
        if counted.0 > MAX_EVENT_BYTES {
            let (limit, size) = (MAX_EVENT_BYTES as u64, counted.0 as u64);
            return Err(HubError::new(ErrorKind::TooLarge { limit, size }, PUBLISH));
        }
        Ok(())
    }
}

/// Source and id as one text. The length comes first, because every character of the source may also begin the id.
fn identity(event: &CloudEvent) -> String {
    format!("{}:{}{}", event.source.len(), event.source, event.id)
}

/// The text, or its hash when the text is longer than a message id may be.
fn bounded(text: String) -> Arc<str> {
    if text.len() <= MAX_MESSAGE_ID {
        return text.into();
    }
    let mut hashed = String::from("sha256:");
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a `String` cannot fail.
        let _ = write!(hashed, "{byte:02x}");
    }
    hashed.into()
}

/// Counts what is written, and keeps nothing.
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The hub keeps the event: it survives a crash of the hub, and every matching subscription receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Whether the hub had the message already. That is a success: the event is kept once.
    pub duplicate: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn event(source: &str, id: &str) -> Arc<CloudEvent> {
        Arc::new(CloudEvent::new(id, source, "t").unwrap())
    }

    #[test]
    fn each_pair_of_source_and_id_and_each_replay_of_it_has_a_message_id_of_its_own() {
        let long = "x".repeat(4096);
        let texts =
            ["/a", "/a/", "/", "a", "1", "1:", "2:/a", "/a1", "replay:1:a2:/a", "a b", "ä", &long, &long[..4095]];
        let mut seen = HashMap::new();
        for source in texts {
            for id in texts {
                let event = event(source, id);
                let plain = (Message::of(Arc::clone(&event)), "");
                let replays = ["1", "12", "1:", "2:/a"].map(|mark| (Message::replay(Arc::clone(&event), mark), mark));
                for (message, mark) in replays.into_iter().chain([plain]) {
                    assert!((1..=MAX_MESSAGE_ID).contains(&message.message_id.len()), "{source} {id} {mark}");
                    let other = seen.insert(message.message_id, (source, id, mark));
                    assert_eq!(other, None, "the same message id as {source} {id} {mark}");
                }
            }
        }
        assert_eq!(Message::of(event("/a", "1")), Message::of(event("/a", "1")), "a repeat has the same message id");
    }

    #[test]
    fn a_message_id_is_readable_unless_it_would_be_too_long() {
        assert_eq!(&*Message::of(event("/characters", "7")).message_id, "11:/characters7");
        assert_eq!(&*Message::replay(event("/characters", "7"), "x").message_id, "replay:1:x11:/characters7");
        assert_eq!(Message::of(event("/a", &"i".repeat(252))).message_id.len(), 256);
        assert!(Message::of(event("/a", &"i".repeat(253))).message_id.starts_with("sha256:"));
    }
}
