//! `Idempotency-Replayed`, and `Storage-Position`: what a client has changed through one process, it finds changed through every other.

use crate::Problem;
use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
};
use character_http_kit::middleware::{answered, mark};
use character_repositories::{Replay, noting_replay};
use character_storage_port::{Tick, at_least};

/// The header of requests and answers: a whole number.
pub(crate) const STORAGE_POSITION: HeaderName = HeaderName::from_static("storage-position");

/// The header of a response that an earlier request with the same idempotency key received already.
pub(crate) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A middleware that answers a request with a `Storage-Position` at least as new as that, and tells the position of what a
/// request has changed.
///
/// # Errors
/// A problem when the header is no whole number. What is an error stays one.
pub(crate) async fn keep_position<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let least = position(request.headers()).map_err(|problem| answered(&problem))?;
    let ((mut answer, reached), replay) = noting_replay(at_least(least, next.call(request))).await;
    if replay == Replay::Yes {
        mark(&mut answer, |headers| {
            headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true")).for_each(drop)
        });
    }
    // A repeat is answered with its first commit, which may be older than what the client knows already. A new commit is older only
    // than the position of another storage, such as one before a restore, which the client must forget.
    let reached = if replay == Replay::Yes { reached.max(least) } else { reached };
    if let Some(tick) = reached {
        mark(&mut answer, |headers| headers.insert(STORAGE_POSITION, HeaderValue::from(tick.0)).for_each(drop));
    }
    answer
}

fn position(headers: &HeaderMap) -> Result<Option<Tick>, Problem> {
    let mut values = headers.get_all(STORAGE_POSITION);
    let Some(value) = values.next() else { return Ok(None) };
    let is_whole = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    // The document promises 64 bits with a sign.
    let tick = value.to_str().ok().filter(is_whole).and_then(|text| text.parse::<i64>().ok());
    let tick = tick.and_then(|tick| u64::try_from(tick).ok());
    match (tick, values.next()) {
        (Some(tick), None) => Ok(Some(Tick(tick))),
        _ => Err(Problem::field("Storage-Position", "must be given once, with the whole number of an earlier answer")),
    }
}
