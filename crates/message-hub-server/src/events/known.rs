//! What a server knows of the record of a subscription that another server may hold.

use character_message_hub::{ErrorKind, HubError, ServiceName};
use std::time::Duration;
use tokio::time::Instant;

/// How long another server sees a record unchanged before it replaces it: longer than the term of a holder, for what a holder does
/// between its reading of the clock and the end of a response.
pub(super) const LAPSE: Duration = Duration::from_secs(7);
/// How long a holder that renews its record leaves the requests of this server unanswered before it is replaced.
const UNANSWERED: Duration = Duration::from_secs(10);
/// A request that is not answered so long after the one before it begins another [`UNANSWERED`].
const GAP: Duration = Duration::from_secs(5);
/// How long a record of another holder counts without being read again.
const FRESH: Duration = Duration::from_secs(1);

/// A record when it was read last.
#[derive(Debug)]
struct Seen {
    revision: u64,
    /// The other server that it names.
    other: Option<ServiceName>,
    /// Since when it is unchanged.
    since: Instant,
    read: Instant,
    /// Whether deliveries are made at the other server until the record is to be read again.
    counts: bool,
}

/// The requests of this server that a holder has left unanswered, without an answer in between.
#[derive(Debug)]
struct Unanswered {
    holder: ServiceName,
    /// When the first and the last one were not answered.
    since: Instant,
    last: Instant,
}

/// Where deliveries are made by what is known of a record, or whether this server may replace it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// At this other server.
    At(ServiceName),
    /// Nowhere: this server may replace the record and begin at once.
    Free,
    /// Perhaps at another server, for at most [`LAPSE`] after this server has replaced the record.
    Ending,
}

/// What a server knows of a record.
#[derive(Debug, Default)]
pub(super) struct KnownRecord {
    seen: Option<Seen>,
    unanswered: Option<Unanswered>,
    /// This server has begun to replace a holder that may still make deliveries.
    replaces: bool,
}

impl KnownRecord {
    /// The other server that makes the deliveries, by a record that was read lately.
    pub(super) fn other(&self, now: Instant) -> Option<&ServiceName> {
        self.seen.as_ref().filter(|seen| seen.counts && now < seen.read + FRESH)?.other.as_ref()
    }

    /// Notes a record that was read, and the other server that it names.
    pub(super) fn see(&mut self, revision: u64, other: Option<ServiceName>, now: Instant) -> Verdict {
        // A stream that was deleted begins again with the first revision.
        let before = self.seen.as_ref().filter(|seen| seen.revision == revision && seen.other == other);
        let since = before.map_or(now, |seen| seen.since);
        let verdict = match &other {
            Some(other) if now < since + LAPSE && self.leaves_unanswered(other, now) => Verdict::Ending,
            Some(other) if now < since + LAPSE => Verdict::At(other.clone()),
            None if revision == 0 && self.names_other() => Verdict::Ending,
            _ => Verdict::Free,
        };
        let counts = matches!(verdict, Verdict::At(_));
        match verdict {
            // The answer to a replacement may be lost, and the record then names this server.
            Verdict::Ending => self.replaces = true,
            Verdict::At(_) => self.replaces = false,
            Verdict::Free => {}
        }
        self.seen = Some(Seen { revision, other, since, read: now, counts });
        verdict
    }

    fn leaves_unanswered(&self, holder: &ServiceName, now: Instant) -> bool {
        let unanswered = self.unanswered.as_ref().filter(|unanswered| unanswered.holder == *holder);
        unanswered.is_some_and(|unanswered| now >= unanswered.since + UNANSWERED && now < unanswered.last + GAP)
    }

    /// The record is to be read again, unless that was done since `begun`.
    pub(super) fn doubt(&mut self, begun: Instant) {
        if let Some(seen) = self.seen.as_mut().filter(|seen| seen.read <= begun) {
            seen.counts = false;
        }
    }

    /// Notes whether a holder has answered a request.
    pub(super) fn heard(&mut self, holder: &ServiceName, error: Option<&HubError>, now: Instant) {
        let before = self.unanswered.take();
        let before = before.filter(|unanswered| unanswered.holder == *holder && now < unanswered.last + GAP);
        // Any other error is an answer, or this server has lost its own connection.
        if let Some(ErrorKind::NoResponder | ErrorKind::Timeout) = error.map(HubError::kind) {
            let since = before.map_or(now, |unanswered| unanswered.since);
            self.unanswered = Some(Unanswered { holder: holder.clone(), since, last: now });
        }
    }

    /// It is perhaps this server that is cut off, and not the holder that does not answer.
    pub(super) fn cannot_be_read(&mut self) {
        self.unanswered = None;
    }

    /// Whether the server that was replaced may still make deliveries.
    pub(super) fn has_replaced(&mut self) -> bool {
        std::mem::take(&mut self.replaces)
    }

    /// Whether the record names another server.
    pub(super) fn names_other(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.other.is_some())
    }

    /// Whether the record has changed within this time.
    pub(super) fn is_younger(&self, age: Duration, now: Instant) -> bool {
        self.seen.as_ref().is_some_and(|seen| now < seen.since + age)
    }
}
