//! What a server knows of the record of a subscription that another server may hold.

use character_message_hub::{ErrorKind, HubError, ServiceName};
use std::time::Duration;
use tokio::time::Instant;

/// How long another server sees a record unchanged before it replaces it: longer than the term of a holder, for what a holder does
/// between its reading of the clock and the end of a response.
pub(super) const LAPSE: Duration = Duration::from_secs(7);
/// How long a holder that renews its record leaves the requests of this server unanswered before it is replaced.
const SILENCE: Duration = Duration::from_secs(10);
/// A request that is not answered so long after the one before it begins another [`SILENCE`].
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

/// A holder that answers no request of this server.
#[derive(Debug)]
struct Silent {
    holder: ServiceName,
    /// When a first and a last request was not answered.
    since: Instant,
    last: Instant,
}

/// What a record says about the deliveries.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They are made at this server.
    At(ServiceName),
    /// No server makes any.
    Free,
    /// A server that does not answer may make some, for [`LAPSE`] after its record is replaced.
    Silent,
}

/// What a server knows of a record.
#[derive(Debug, Default)]
pub(super) struct KnownRecord {
    seen: Option<Seen>,
    silent: Option<Silent>,
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
            Some(other) if now < since + LAPSE && self.is_silent(other, now) => Verdict::Silent,
            Some(other) if now < since + LAPSE => Verdict::At(other.clone()),
            _ => Verdict::Free,
        };
        let counts = matches!(verdict, Verdict::At(_));
        match verdict {
            // The answer to a replacement may be lost, and the record then names this server.
            Verdict::Silent => self.replaces = true,
            Verdict::At(_) => self.replaces = false,
            Verdict::Free => {}
        }
        self.seen = Some(Seen { revision, other, since, read: now, counts });
        verdict
    }

    fn is_silent(&self, holder: &ServiceName, now: Instant) -> bool {
        let silent = self.silent.as_ref().filter(|silent| silent.holder == *holder);
        silent.is_some_and(|silent| now >= silent.since + SILENCE && now < silent.last + GAP)
    }

    /// The record is to be read again, unless that was done since `begun`.
    pub(super) fn doubt(&mut self, begun: Instant) {
        if let Some(seen) = self.seen.as_mut().filter(|seen| seen.read <= begun) {
            seen.counts = false;
        }
    }

    /// Notes whether a holder has answered a request.
    pub(super) fn heard(&mut self, holder: &ServiceName, error: Option<&HubError>, now: Instant) {
        let before = self.silent.take().filter(|silent| silent.holder == *holder && now < silent.last + GAP);
        // Any other error is an answer, or this server has lost its own connection.
        if let Some(ErrorKind::NoResponder | ErrorKind::Timeout) = error.map(HubError::kind) {
            let since = before.map_or(now, |silent| silent.since);
            self.silent = Some(Silent { holder: holder.clone(), since, last: now });
        }
    }

    /// It is perhaps this server that is cut off, and not the holder that is silent.
    pub(super) fn cannot_be_read(&mut self) {
        self.silent = None;
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
