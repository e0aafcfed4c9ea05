//! Query parameters and headers that are numbers.

use crate::refusal::{Answer, Refusal};
use actix_web::http::header::HeaderMap;
use character_message_hub::{Applied, ErrorKind, HubError};
use character_message_hub_wire as wire;
use std::{collections::BTreeMap, ops::RangeInclusive, str::FromStr, time::Duration};
use tokio::time::{Instant, timeout_at};

/// The parameters of a query, each at most once, and none but the known ones.
pub(crate) struct Query(BTreeMap<String, String>);

impl Query {
    pub(crate) fn parse(query: &str, known: &[&str]) -> Answer<Self> {
        let mut parameters = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if !known.contains(&&*name) {
                let reason = format!("is no parameter of this path; it has {}", known.join(", "));
                return Err(Refusal::field(&name, &reason));
            }
            if parameters.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(Refusal::field(&name, "must not be given twice"));
            }
        }
        Ok(Self(parameters))
    }

    /// A parameter as it is.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter with rules of its own.
    pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Answer<Option<T>> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|error: T::Err| Refusal::field(name, &error.to_string()))
    }

    /// A whole number.
    pub(crate) fn number(&self, name: &str, range: RangeInclusive<u64>) -> Answer<Option<u64>> {
        self.0.get(name).map(|text| number(name, text, &range)).transpose()
    }
}

fn number(name: &str, text: &str, range: &RangeInclusive<u64>) -> Answer<u64> {
    let reason = || format!("must be a whole number from {} to {}", range.start(), range.end());
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(Refusal::field(name, &reason())),
    }
}

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
    let name = wire::TIMEOUT_MS;
    let given = crate::body::text(headers, name)?.map(|text| number(name, text.trim(), &(1..=u64::MAX))).transpose()?;
    Ok(given.map(Duration::from_millis))
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
