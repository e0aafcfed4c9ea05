//! An event on its way to the hub, and the answer to it.

use crate::{CloudEvent, ErrorKind, HubError, PUBLISH, Result};
use serde::{Deserialize, Serialize};
use std::{io, sync::Arc};

/// The maximum number of events of one call of [`MessageHub::publish`](crate::MessageHub::publish).
pub const MAX_BATCH: usize = 1_000;
/// The maximum size of an event in the JSON format of CloudEvents, in bytes. An adapter may have a lower limit.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// An event to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The event.
    pub event: Arc<CloudEvent>,
    /// What the hub recognises a repeat by. 1 to 256 bytes without control characters.
    pub message_id: Arc<str>,
}

impl Message {
    /// The message of an event, under the id of the event: published again, it is a duplicate.
    #[must_use]
    pub fn of(event: Arc<CloudEvent>) -> Self {
        Self { message_id: event.id.clone(), event }
    }

    /// The same event under a new message id, `<event id>/replay-<mark>`, so that a hub that has it delivers it once more.
    /// The event keeps its id, and a consumer with an inbox still handles it once.
    #[must_use]
    pub fn replay(event: Arc<CloudEvent>, mark: &str) -> Self {
        Self { message_id: format!("{}/replay-{mark}", event.id).into(), event }
    }

    /// Refuses a message that no hub takes.
    ///
    /// # Errors
    /// `Invalid`: the message id. `TooLarge`: the event has more than [`MAX_EVENT_BYTES`].
    pub fn check(&self) -> Result<()> {
        if !(1..=256).contains(&self.message_id.len()) || self.message_id.chars().any(char::is_control) {
            let detail = "the message id must have 1 to 256 bytes without control characters";
            return Err(HubError::new(ErrorKind::Invalid, PUBLISH).with_detail(detail));
        }
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
