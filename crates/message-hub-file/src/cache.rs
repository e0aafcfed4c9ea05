//! The newest events in memory, so that a delivery soon after the publication reads no file.

use character_message_hub::CloudEvent;
use std::{collections::BTreeMap, sync::Arc};

/// The maximum size of the events in memory, in bytes of their JSON. 32 MiB.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Events by sequence. The oldest leave first.
#[derive(Debug, Default)]
pub(crate) struct EventCache {
    events: BTreeMap<u64, (Arc<CloudEvent>, usize)>,
    bytes: usize,
}

impl EventCache {
    pub(crate) fn insert(&mut self, sequence: u64, event: Arc<CloudEvent>, bytes: usize) {
        self.bytes += bytes;
        self.events.insert(sequence, (event, bytes));
        while self.bytes > MAX_BYTES
            && let Some((_, (_, bytes))) = self.events.pop_first()
        {
            self.bytes -= bytes;
        }
    }

    pub(crate) fn get(&self, sequence: u64) -> Option<Arc<CloudEvent>> {
        self.events.get(&sequence).map(|(event, _)| Arc::clone(event))
    }

    /// Drops the events up to this sequence: the file does not have them any more.
    pub(crate) fn forget_through(&mut self, sequence: u64) {
        let kept = self.events.split_off(&(sequence + 1));
        self.bytes = kept.values().map(|(_, bytes)| bytes).sum();
        self.events = kept;
    }
}
