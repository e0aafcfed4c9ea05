//! How long a caller waits for the answer to its request.

use crate::FieldError;
use actix_web::http::header::{HeaderMap, HeaderName};
use futures_util::future::{Either, select};
use std::{
    future::Future,
    pin::pin,
    time::{Duration, Instant},
};
use tokio::time::sleep_until;

/// The header of requests that names the time the caller waits: a whole number of milliseconds.
pub const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout-ms");
const NAME: &str = "X-Request-Timeout-Ms";
/// A caller that waits longer waits this long.
const LONGEST: Duration = Duration::from_secs(3600);

/// The time that the caller waits, at most an hour. `None`: it names none. Zero: its time is over already.
///
/// # Errors
/// The header occurs twice, or is no whole number.
pub fn request_timeout(headers: &HeaderMap) -> Result<Option<Duration>, FieldError> {
    let mut values = headers.get_all(REQUEST_TIMEOUT);
    let Some(value) = values.next() else { return Ok(None) };
    let is_whole = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (value.to_str().ok().filter(is_whole), values.next()) {
        // A number with more digits than fit is longer than the longest time.
        (Some(text), None) => Ok(Some(text.parse().map_or(LONGEST, Duration::from_millis).min(LONGEST))),
        _ => Err(FieldError::new(NAME, "must be given once, as a whole number of milliseconds")),
    }
}

/// The output of `work`, or `None` when the time is over before. At the same moment the time decides, so that `work` reports
/// no failure of its own to a caller that has stopped waiting.
pub async fn until<T>(at: Instant, work: impl Future<Output = T>) -> Option<T> {
    // A timer that is over already is not ready when it is first asked.
    if Instant::now() >= at {
        return None;
    }
    match select(pin!(sleep_until(at.into())), pin!(work)).await {
        Either::Left(_) => None,
        Either::Right((output, _)) => Some(output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn given(values: &[&'static str]) -> Result<Option<Duration>, FieldError> {
        let mut headers = HeaderMap::new();
        values.iter().for_each(|value| headers.append(REQUEST_TIMEOUT, HeaderValue::from_static(value)));
        request_timeout(&headers)
    }

    #[test]
    fn the_time_is_a_whole_number_of_milliseconds() {
        assert_eq!(given(&[]).unwrap(), None);
        assert_eq!(given(&["250"]).unwrap(), Some(Duration::from_millis(250)));
        assert_eq!(given(&["0"]).unwrap(), Some(Duration::ZERO));
        assert_eq!(given(&["99999999999999999999999"]).unwrap(), Some(LONGEST));
        for wrong in [&["-1"][..], &["1.5"], &[""], &["soon"], &["+1"], &["1", "2"]] {
            assert!(given(wrong).is_err(), "{wrong:?}");
        }
    }

    #[actix_web::test]
    async fn the_time_ends_what_is_not_done_and_decides_at_the_same_moment() {
        let now = Instant::now();
        assert_eq!(until(now + Duration::from_secs(60), async { 1 }).await, Some(1));
        assert_eq!(until(now, async { 1 }).await, None);
        assert_eq!(until(now + Duration::from_millis(5), std::future::pending::<()>()).await, None);
    }
}
