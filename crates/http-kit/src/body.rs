//! Reading request bodies, within limits.

use actix_web::{
    error::PayloadError,
    http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap},
    web::Payload,
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What one request body may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// Its maximum size, in bytes, at least 1.
    pub bytes: usize,
    /// How long it may take to arrive, beside the time that it takes at `rate`. At least 1 ms.
    pub timeout: Duration,
    /// The slowest average upload that is waited for, in bytes a second, at least 1.
    pub rate: u32,
}

/// A limit with which no body could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit {limit} of request bodies is {found}: it must be {range}")]
#[non_exhaustive]
pub struct InvalidBodyLimits {
    /// The field of [`BodyLimits`].
    pub limit: &'static str,
    /// Its value.
    pub found: String,
    /// The values that it may have.
    pub range: &'static str,
}

impl BodyLimits {
    /// Refuses limits with which no body could be read. A service does it once, when it starts; [`read_body`] does not.
    ///
    /// # Errors
    /// The first such limit, with its value.
    pub fn check(&self) -> Result<(), InvalidBodyLimits> {
        for (limit, number) in [("bytes", self.bytes as u64), ("rate", self.rate.into())] {
            if number == 0 {
                return Err(InvalidBodyLimits { limit, found: number.to_string(), range: "at least 1" });
            }
        }
        if self.timeout < Duration::from_millis(1) {
            let found = format!("{:?}", self.timeout);
            return Err(InvalidBodyLimits { limit: "timeout", found, range: "at least 1 ms" });
        }
        Ok(())
    }
}

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is announced to be larger than the limit, or is.
    #[error("the body is too large")]
    TooLarge,
    /// It has two headers `Content-Type`: a service and a proxy before it may each take another one for that of the body.
    #[error("Content-Type must be given once")]
    TwoMediaTypes,
    /// It did not arrive in time.
    #[error("the body did not arrive in time")]
    Late,
    /// The connection or the encoding failed.
    #[error("the body cannot be read: {0}")]
    Unreadable(PayloadError),
}

/// The whole body of a request with these headers.
///
/// # Errors
/// [`BodyError`].
pub async fn read_body(headers: &HeaderMap, mut payload: Payload, limits: BodyLimits) -> Result<Bytes, BodyError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limits.bytes as u64) {
        return Err(BodyError::TooLarge);
    }
    let has_two_media_types = headers.get_all(CONTENT_TYPE).count() > 1;
    if has_two_media_types && announced.is_some_and(|length| length > 0) {
        return Err(BodyError::TwoMediaTypes);
    }
    let latest_start = Instant::now() + limits.timeout;
    let mut body = BytesMut::new();
    loop {
        // What arrived pays for more time: a large body may take long, and a slow one is given up early.
        let deadline = latest_start + Duration::from_secs_f64(body.len() as f64 / f64::from(limits.rate.max(1)));
        let arrived = timeout_at(deadline, payload.next()).await.map_err(|_| BodyError::Late)?;
        let Some(chunk) = arrived else { return Ok(body.freeze()) };
        let chunk = chunk.map_err(BodyError::Unreadable)?;
        if has_two_media_types {
            return Err(BodyError::TwoMediaTypes);
        }
        if body.len() + chunk.len() > limits.bytes {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{FromRequest, dev, test::TestRequest};
    use futures_util::{Stream, stream};
    use std::pin::Pin;

    type Parts = Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>>;

    const LIMITS: BodyLimits = BodyLimits { bytes: 1000, timeout: Duration::from_secs(10), rate: 100 };

    async fn read(
        headers: &[(&str, &str)],
        parts: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
    ) -> Result<Bytes, BodyError> {
        let request = headers.iter().fold(TestRequest::post(), |request, header| request.append_header(*header));
        let request = request.to_http_request();
        let mut parts = dev::Payload::from(Box::pin(parts) as Parts);
        let payload = Payload::from_request(&request, &mut parts).await.unwrap();
        read_body(request.headers(), payload, LIMITS).await
    }

    /// Parts of this many bytes, with a pause before each.
    fn slow(parts: usize, bytes: usize, pause: Duration) -> impl Stream<Item = Result<Bytes, PayloadError>> {
        stream::iter(0..parts).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok(vec![b'x'; bytes].into())
        })
    }

    #[actix_web::test]
    async fn a_body_of_two_media_types_is_refused_and_an_empty_one_has_none() {
        let twice = [("content-type", "application/json"), ("content-type", "text/plain")];
        let announced = [twice[0], twice[1], ("content-length", "2")];
        for headers in [&announced[..], &twice] {
            let body = read(headers, stream::iter([Ok(Bytes::from_static(b"{}"))])).await;
            assert!(matches!(body, Err(BodyError::TwoMediaTypes)), "{headers:?}: {body:?}");
        }
        for headers in [&[twice[0], twice[1], ("content-length", "0")][..], &twice] {
            assert_eq!(read(headers, stream::empty()).await.unwrap(), Bytes::new(), "{headers:?}");
        }
    }

    #[test]
    fn a_limit_with_which_no_body_could_be_read_is_refused_with_its_value() {
        assert_eq!(LIMITS.check(), Ok(()));
        for (wrong, expected) in [
            (BodyLimits { bytes: 0, ..LIMITS }, "bytes of request bodies is 0"),
            (BodyLimits { rate: 0, ..LIMITS }, "rate of request bodies is 0"),
            (BodyLimits { timeout: Duration::ZERO, ..LIMITS }, "timeout of request bodies is 0ns"),
        ] {
            let refused = wrong.check().unwrap_err().to_string();
            assert!(refused.starts_with(&format!("the limit {expected}: ")), "{refused}");
        }
    }

    #[actix_web::test]
    async fn a_body_at_the_limit_is_read_and_one_byte_more_is_not() {
        for (parts, bytes) in [(0, 0), (1, 1000), (10, 100)] {
            let body = read(&[], slow(parts, bytes, Duration::ZERO)).await.unwrap();
            assert_eq!(body.len(), parts * bytes);
        }
        for (parts, bytes) in [(1, 1001), (11, 91)] {
            assert!(matches!(read(&[], slow(parts, bytes, Duration::ZERO)).await, Err(BodyError::TooLarge)), "{parts}");
        }
    }

    #[actix_web::test]
    async fn a_body_that_is_announced_too_large_is_not_waited_for() {
        for (length, is_read) in [("1000", true), ("1001", false), ("99999999999999999999", true)] {
            let outcome = read(&[("content-length", length)], slow(1, 1, Duration::ZERO)).await;
            assert_eq!(outcome.is_ok(), is_read, "{length}");
        }
        let silent = read(&[("content-length", "1001")], stream::pending());
        assert!(matches!(silent.await, Err(BodyError::TooLarge)));
    }

    #[actix_web::test]
    async fn a_body_may_take_its_time_while_it_keeps_the_rate() {
        tokio::time::pause();
        let started = Instant::now();
        // 100 bytes in 1.5 s are slower than the rate, which the timeout makes up for.
        assert_eq!(read(&[], slow(9, 100, Duration::from_millis(1500))).await.unwrap().len(), 900);
        assert!(started.elapsed() > LIMITS.timeout);
        assert!(matches!(read(&[], slow(9, 10, Duration::from_millis(1500))).await, Err(BodyError::Late)));
        assert!(matches!(read(&[], stream::pending()).await, Err(BodyError::Late)));
    }

    #[actix_web::test]
    async fn a_body_that_breaks_off_is_not_taken_for_a_short_one() {
        let broken = stream::iter([Ok(Bytes::from_static(b"x")), Err(PayloadError::Incomplete(None))]);
        assert!(matches!(read(&[], broken).await, Err(BodyError::Unreadable(_))));
    }
}
