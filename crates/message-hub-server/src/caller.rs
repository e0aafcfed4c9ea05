//! How long the caller of a request waits, from its header.

use crate::refusal::{Answer, Refusal};
use actix_web::http::header::HeaderMap;
use character_message_hub::{Applied, ErrorKind, HubError};
use character_message_hub_wire as wire;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The name of the limit of a request in errors.
pub(crate) const LIMIT: &str = "the timeout of the request";
/// The longest time that the header [`TIMEOUT_MS`](wire::TIMEOUT_MS) counts for.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The time that the caller waits, from the header [`TIMEOUT_MS`](wire::TIMEOUT_MS): at least a millisecond, and never more
/// than `most`.
pub(crate) fn timeout(headers: &HeaderMap, default: Duration, most: Duration) -> Answer<Duration> {
    Ok(given(headers)?.unwrap_or(default).min(most))
}

fn given(headers: &HeaderMap) -> Answer<Option<Duration>> {
    let Some(text) = crate::body::text(headers, wire::TIMEOUT_MS)? else { return Ok(None) };
    match text.trim().parse() {
        Ok(number @ 1..) => Ok(Some(Duration::from_millis(number))),
        _ => Err(Refusal::field(wire::TIMEOUT_MS, &format!("must be a whole number from 1 to {}", u64::MAX))),
    }
}

/// When the caller of a request stops waiting, if the request says it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerDeadline(Option<(Duration, Instant)>);

impl CallerDeadline {
    /// The deadline of a request that arrives now.
    pub(crate) fn of(headers: &HeaderMap) -> Answer<Self> {
        let length = given(headers)?.map(|length| length.min(LONGEST));
        Ok(Self(length.map(|length| (length, Instant::now() + length))))
    }

    /// The earlier one of both times.
    pub(crate) fn or_earlier(self, at: Instant) -> Instant {
        self.0.map_or(at, |(_, deadline)| deadline.min(at))
    }

    /// A limit of the hub itself and its length, or that of the caller when it ends earlier.
    pub(crate) fn or_shorter(self, limit: &'static str, length: Duration) -> (&'static str, Duration) {
        match (self.0, self.left()) {
            (Some((given, _)), Some(left)) if left < length => (LIMIT, given),
            _ => (limit, length),
        }
    }

    /// What the caller still waits.
    pub(crate) fn left(self) -> Option<Duration> {
        self.0.map(|(_, at)| at.saturating_duration_since(Instant::now()))
    }

    /// What `work` returns, or `Timeout` when the caller has stopped waiting. `applied`: whether `work` may have had an effect
    /// then.
    pub(crate) async fn limit<T>(
        self,
        operation: &'static str,
        applied: Applied,
        work: impl Future<Output = Answer<T>>,
    ) -> Answer<T> {
        let Some((length, at)) = self.0 else { return work.await };
        let late = |_| HubError::new(ErrorKind::Timeout, operation).with_applied(applied).within(LIMIT, length);
        timeout_at(at, work).await.map_err(late)?
    }
}
