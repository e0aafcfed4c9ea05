//! The open request for events of a session, and what JetStream has sent for it.

use std::time::Duration;
use tokio::time::Instant;

/// Whether JetStream has sent something to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hears {
    Nothing,
    Jetstream,
}

/// New events that came in place of those that JetStream is to deliver again, which it does not do before their time.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// Whether the open request is for events that come again.
    pub(crate) is_asked: bool,
    received: usize,
    /// From when on as many may come again.
    again_at: Instant,
}

impl Ahead {
    /// How many events to ask for when this number is to come again.
    pub(crate) fn room(&mut self, away: usize, now: Instant) -> usize {
        if now >= self.again_at {
            self.received = 0;
        }
        away.saturating_sub(self.received)
    }

    pub(crate) fn received(&mut self, now: Instant, settle_within: Duration) {
        if self.received == 0 {
            // More than once before those that are to come again are forgotten.
            self.again_at = now + (settle_within / 3).max(Duration::from_secs(1));
        }
        self.received += 1;
    }
}

/// The open request for events.
#[derive(Debug)]
pub(crate) struct Requested {
    /// The number of events that can still come.
    pub(crate) count: usize,
    pub(crate) ahead: Ahead,
    pub(crate) expires_at: Instant,
    /// When it was sent; `None` before the first one.
    pub(crate) asked: Option<Instant>,
    /// When JetStream sent something last; before that, when it was asked first.
    pub(crate) heard: Instant,
    pub(crate) hears: Hears,
    pub(crate) not_before: Instant,
    pub(crate) touch_at: Option<Instant>,
    /// The place of the last delivery in the consumer.
    pub(crate) place: u64,
    /// A delivery went to another subscriber.
    pub(crate) has_missed: bool,
}

impl Default for Requested {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            count: 0,
            ahead: Ahead { is_asked: false, received: 0, again_at: now },
            expires_at: now,
            asked: None,
            heard: now,
            hears: Hears::Nothing,
            not_before: now,
            touch_at: None,
            place: 0,
            has_missed: false,
        }
    }
}
