//! Query parameters and headers that are numbers.

use crate::refusal::{Answer, Refusal};
use actix_web::http::header::HeaderMap;
use std::{collections::BTreeMap, ops::RangeInclusive, str::FromStr, time::Duration};

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

/// The time that the caller waits, from the header [`TIMEOUT_MS`](character_message_hub_wire::TIMEOUT_MS): at least a
/// millisecond, and never more than `most`.
pub(crate) fn timeout(headers: &HeaderMap, default: Duration, most: Duration) -> Answer<Duration> {
    let name = character_message_hub_wire::TIMEOUT_MS;
    let given = crate::body::text(headers, name)?.map(|text| number(name, text.trim(), &(1..=u64::MAX))).transpose()?;
    Ok(given.map_or(default, Duration::from_millis).min(most))
}
