//! Admits large requests and answers while the process has room for them.
//!
//! A small request is always admitted. A large one is refused at once with `Retry-After` when it does not fit, and a read
//! that may have a long answer waits for its turn among a few, because most long answers are soon made. So what one caller can make
//! this process hold in memory is bounded, and callers with small requests do not notice.

mod budget;
mod requests;

pub use budget::{Admission, DEFAULT_BUDGET};
pub use requests::{DEFAULT_REQUESTS, RequestLimit, limit_requests};

use actix_web::{
    Error, HttpMessage, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::{
        Method,
        header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING},
    },
    middleware::Next,
};
use budget::Reserved;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, future::LocalBoxFuture};
use std::{
    cell::{Cell, RefCell},
    io,
    pin::Pin,
    rc::Rc,
};

/// A body of at most this length is small, in bytes. 64 KiB.
const SMALL_BODY: u64 = 64 * 1024;
/// An answer of at most this length is small, in bytes. 256 KiB.
const SMALL_ANSWER: u64 = 256 * 1024;

/// The requests that may have a long answer.
#[derive(Clone, Copy, Debug)]
pub struct LongAnswers {
    /// Finds them, by method and path.
    pub of: fn(&Method, &str) -> bool,
    /// What is reserved for an answer before it is made, in bytes.
    pub bytes: u64,
}

/// A middleware that admits large requests while `admission` has room for them, and answers the others with `refusal`.
pub fn admit(
    admission: Admission,
    long: LongAnswers,
    refusal: fn() -> HttpResponse,
) -> impl Fn(ServiceRequest, Next<BoxBody>) -> LocalBoxFuture<'static, Result<ServiceResponse, Error>> + Clone {
    move |mut request, next| {
        let admission = admission.clone();
        Box::pin(async move {
            let refused = |request, way| {
                admission.count_refusal(way);
                Ok(ServiceResponse::new(request, refusal()))
            };
            let mut received = None;
            if may_have_large_body(request.headers()) {
                if !admission.fits(announced(request.headers())) {
                    return refused(request.into_parts().0, "in");
                }
                received = Some(metered(&admission, &mut request));
            }
            let mut reserved = None;
            // As the endpoints read it: `/%61pi` is `/api`.
            if (long.of)(request.method(), request.match_info().unprocessed()) {
                reserved = admission.reserve(long.bytes).await;
                if reserved.is_none() {
                    return refused(request.into_parts().0, "out");
                }
            }
            let answer = next.call(request).await?;
            if received.is_some_and(|received| received.is_exhausted.get()) {
                return refused(answer.into_parts().0, "in");
            }
            let length = match answer.response().body().size() {
                BodySize::Sized(length) if length > SMALL_ANSWER => length,
                _ => return Ok(answer),
            };
            let held = match reserved {
                Some(mut reserved) => {
                    reserved.shrink(length);
                    let more = length.min(admission.capacity()).saturating_sub(reserved.bytes());
                    admission.try_reserve(more).map(|more| {
                        reserved.merge(more);
                        reserved
                    })
                }
                None => admission.try_reserve(length),
            };
            match held {
                Some(reserved) => Ok(answer.map_body(|_, body| holding(body, reserved))),
                None => refused(answer.into_parts().0, "out"),
            }
        })
    }
}

/// Whether a request with these headers may have a body of more than 64 KiB: it announces one, or no length.
#[must_use]
pub fn may_have_large_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) || announced(headers) > SMALL_BODY
}

fn announced(headers: &HeaderMap) -> u64 {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

/// What the body of one request has reserved. It lives as long as the request is handled, since what was read is used
/// until then.
#[derive(Debug, Default)]
struct Received {
    reserved: RefCell<Option<Reserved>>,
    is_exhausted: Cell<bool>,
}

impl Received {
    /// Reserves what a body of this many bytes needs; `false` when the budget is used up.
    fn grow(&self, admission: &Admission, bytes: u64) -> bool {
        let mut reserved = self.reserved.borrow_mut();
        let held = reserved.as_ref().map_or(0, Reserved::bytes);
        let wanted = bytes.saturating_sub(SMALL_BODY).min(admission.capacity());
        if wanted <= held {
            return true;
        }
        match (admission.try_reserve(wanted - held), reserved.as_mut()) {
            (Some(more), Some(reserved)) => reserved.merge(more),
            (Some(more), None) => *reserved = Some(more),
            (None, _) => {
                self.is_exhausted.set(true);
                return false;
            }
        }
        true
    }
}

/// Has the body reserve its bytes while they arrive, so that a slow upload holds no more than it has sent.
fn metered(admission: &Admission, request: &mut ServiceRequest) -> Rc<Received> {
    let received = Rc::new(Received::default());
    let (admission, metering, mut bytes) = (admission.clone(), Rc::clone(&received), 0);
    let body = request.take_payload().map(move |part| {
        let part = part?;
        bytes += part.len() as u64;
        let used_up = || PayloadError::Io(io::Error::other("the budget for large requests is used up"));
        metering.grow(&admission, bytes).then_some(part).ok_or_else(used_up)
    });
    let body: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> = Box::pin(body);
    request.set_payload(Payload::from(body));
    received
}

/// The same body, which returns its part of the budget when the last of its bytes is dropped: sent, or given up with its
/// connection, on whatever thread that is.
fn holding(body: BoxBody, reserved: Reserved) -> BoxBody {
    match body.try_into_bytes() {
        Ok(bytes) => BoxBody::new(Bytes::from_owner(Held { bytes, _reserved: reserved })),
        // Made in parts, so that it is not in memory as a whole.
        Err(body) => body,
    }
}

struct Held {
    bytes: Bytes,
    _reserved: Reserved,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests;
