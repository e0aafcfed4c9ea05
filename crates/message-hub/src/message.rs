//! An event on its way to the hub, and the answer to it.

use crate::CloudEvent;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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
}

/// The hub keeps the event: it survives a crash of the hub, and every matching subscription receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Whether the hub had the message already. That is a success: the event is kept once.
    pub duplicate: bool,
}
