//! How much a service does at the same time.

use super::{
    Variable,
    variables::{Reader, number},
};

pub(crate) const MAX_IN_FLIGHT_BYTES: Variable = Variable::new(
    "MAX_IN_FLIGHT_BYTES",
    "maximum size of all large requests and responses in flight, in bytes; requests beyond it get 503 or 429",
    "50331648",
)
.changing();

pub(crate) const MAX_REQUESTS_IN_FLIGHT: Variable = Variable::new(
    "MAX_REQUESTS_IN_FLIGHT",
    "maximum number of requests that are handled at the same time, at most three quarters of them changes; others get 503 or 429 at once, with Retry-After",
    "256",
)
.changing();

/// Reads [`MAX_REQUESTS_IN_FLIGHT`].
pub(crate) fn max_requests_in_flight(reader: &mut Reader<'_>) -> Option<usize> {
    reader.read(&MAX_REQUESTS_IN_FLIGHT, requests_in_flight)
}

/// The value of [`MAX_REQUESTS_IN_FLIGHT`].
pub(crate) fn requests_in_flight(text: &str) -> Result<usize, String> {
    number(1, 1_000_000)(text).and_then(|most| usize::try_from(most).map_err(|error| error.to_string()))
}

/// Reads [`MAX_IN_FLIGHT_BYTES`].
pub(crate) fn max_in_flight_bytes(reader: &mut Reader<'_>) -> Option<u64> {
    reader.read(&MAX_IN_FLIGHT_BYTES, in_flight_bytes)
}

/// The value of [`MAX_IN_FLIGHT_BYTES`].
pub(crate) fn in_flight_bytes(text: &str) -> Result<u64, String> {
    number(1 << 20, 1 << 38)(text)
}
