//! What surrounds every request: [`account`].

mod access_log;
mod admission;
mod answered;
mod coding;
mod compress;
mod cut;
mod head;
mod http_metrics;
mod panics;
mod request_id;
mod security_headers;
mod trace;
mod unauthorized;
mod upgrade;

pub use admission::{
    Admission, DEFAULT_BUDGET, DEFAULT_REQUESTS, LongAnswers, RequestLimit, admit, limit_requests, may_have_large_body,
};
pub use answered::{answered, checked, mark};
pub use compress::{CompressedAnswers, compress};
pub(crate) use cut::cut;
pub use http_metrics::HttpMetrics;
pub use request_id::{CurrentRequest, current_request, note_principal};
pub(crate) use request_id::{problem_types, tell_route};
pub use security_headers::security_headers;
pub use trace::{POLLED, REQUEST_SPAN};
pub use unauthorized::Unauthorized;

use crate::{ProblemTypes, endpoint::UsedBy};
use actix_web::{
    Error,
    body::{BodySize, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{CACHE_STATUS, CONTENT_LENGTH, HeaderMap, HeaderValue},
    },
    middleware::Next,
};
use futures_util::future::LocalBoxFuture;
use std::{
    borrow::Cow,
    net::IpAddr,
    time::{Duration, Instant},
};
use tracing::Instrument;
use upgrade::Upgrade;

/// Maximum number of bytes of a method in the log. Clients may invent methods.
const MOST_OF_METHOD: usize = 32;

/// A middleware that gives each request its id, a span that continues the trace of its `traceparent`, and, once it is
/// answered, a line in the log under the target `access` and its place in `metrics`. A panic on the way is answered 500, and a
/// request head of more than 16 KiB 431. A request for another protocol (`Upgrade`) is answered as without. Problems on the way have
/// these types.
///
/// The id is the `X-Request-Id` of the request when that is 1 to 128 visible ASCII characters, else a new one (UUID
/// version 7); the answer bears it. Wrap it with [`from_fn`](actix_web::middleware::from_fn), outermost.
pub fn account<B: MessageBody + 'static>(
    types: ProblemTypes,
    metrics: HttpMetrics,
) -> impl Fn(ServiceRequest, Next<B>) -> LocalBoxFuture<'static, Result<ServiceResponse<B>, Error>> + Clone {
    move |mut request, next| {
        let metrics = metrics.clone();
        Box::pin(async move {
            let started = Instant::now();
            let current = CurrentRequest::of(&request);
            let id = current.header();
            let span = trace::begin(&request, &current);
            let _in_flight = metrics.enter();
            let upgrade = Upgrade::ignore(&mut request);
            let answered = async {
                let asked = Asked::of(&request);
                let answer = match head::check(&request) {
                    Ok(()) => panics::caught(async { next.call(request).await }).await,
                    Err(refusal) => Err(refusal),
                };
                let ended = Ended::with(asked, &answer, started.elapsed());
                let context = trace::end(&ended);
                access_log::write(&ended, &context);
                metrics.observe(ended, &context);
                answer
            };
            let mut answer = request_id::within(current, types, answered.instrument(span)).await;
            request_id::tell(&mut answer, id);
            upgrade.tell(&mut answer);
            answer
        })
    }
}

/// What is known of a request before it is answered.
struct Asked {
    method: Method,
    /// The address of the other end of the connection: the client, or a proxy in front of the service.
    client: Option<IpAddr>,
    /// How long the body of the request is, as announced.
    bytes: Option<u64>,
}

impl Asked {
    fn of(request: &ServiceRequest) -> Self {
        let client = request.peer_addr().map(|address| address.ip());
        Self { method: request.method().clone(), client, bytes: announced(request.headers()) }
    }
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// How a request ended.
struct Ended {
    asked: Asked,
    /// The route that answered, such as `/api/v2/characters/{id}`: a bounded set, unlike paths.
    route: &'static str,
    /// What sends requests to this route.
    used_by: UsedBy,
    /// The status of the answer, also when that is an error which no handler turned into one.
    status: u16,
    /// How long the body of the answer is, where that is known.
    bytes: Option<u64>,
    /// Where the answer came from, as `Cache-Status` says it; `None` where no cache is involved.
    cache_status: Option<HeaderValue>,
    duration: Duration,
}

impl Ended {
    /// The method as it is logged.
    fn method_text(&self) -> Cow<'_, str> {
        cut(self.asked.method.as_str(), MOST_OF_METHOD)
    }

    fn with<B: MessageBody>(asked: Asked, answer: &Result<ServiceResponse<B>, Error>, duration: Duration) -> Self {
        let (status, bytes, cache_status) = match answer {
            Ok(response) => {
                let bytes = match response.response().body().size() {
                    BodySize::None => Some(0),
                    BodySize::Sized(bytes) => Some(bytes),
                    BodySize::Stream => None,
                };
                (response.status(), bytes, response.headers().get(CACHE_STATUS).cloned())
            }
            Err(error) => (error.as_response_error().status_code(), None, None),
        };
        let (route, used_by) = request_id::route().unwrap_or(("unmatched", UsedBy::Clients));
        Self { asked, route, used_by, status: status.as_u16(), bytes, cache_status, duration }
    }
}
