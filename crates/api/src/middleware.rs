//! What surrounds every request: [`account`].

mod access_log;
mod admission;
mod answered;
mod cut;
mod head;
mod http_metrics;
mod panics;
mod position;
mod request_id;
mod security_headers;
mod trace;
mod unauthorized;

pub use admission::{Admission, DEFAULT_BUDGET, admit, may_have_large_body};
pub use answered::checked;
pub(crate) use answered::mark;
pub(crate) use cut::cut;
pub use http_metrics::HttpMetrics;
pub(crate) use position::keep_position;
pub(crate) use request_id::tell_route;
pub use request_id::{CurrentRequest, current_request};
pub use security_headers::security_headers;
pub use unauthorized::Unauthorized;

use actix_web::{
    Error,
    body::{BodySize, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
};
use futures_util::future::LocalBoxFuture;
use std::{
    borrow::Cow,
    time::{Duration, Instant},
};
use tracing::Instrument;

/// Maximum number of bytes of a method in the log. Clients may invent methods.
const MOST_OF_METHOD: usize = 32;

/// A middleware that gives each request its id, a span that continues the trace of its `traceparent`, and, once it is
/// answered, a line in the log under the target `access` and its place in `metrics`. A panic on the way is answered 500,
/// and a request head of more than 16 KiB 431.
///
/// The id is the `X-Request-Id` of the request when that is 1 to 128 visible ASCII characters, else a new one (UUID
/// version 7); the answer bears it. Wrap it with [`from_fn`](actix_web::middleware::from_fn), outermost.
pub fn account<B: MessageBody + 'static>(
    metrics: HttpMetrics,
) -> impl Fn(ServiceRequest, Next<B>) -> LocalBoxFuture<'static, Result<ServiceResponse<B>, Error>> + Clone {
    move |request, next| {
        let metrics = metrics.clone();
        Box::pin(async move {
            let started = Instant::now();
            let current = CurrentRequest::of(&request);
            let id = current.header();
            let span = trace::begin(&request, &current);
            let answered = async {
                let method = request.method().clone();
                let answer = match head::check(&request) {
                    Ok(()) => panics::caught(async { next.call(request).await }).await,
                    Err(refusal) => Err(refusal),
                };
                let ended = Ended::with(method, &answer, started.elapsed());
                trace::end(&ended);
                access_log::write(&ended);
                metrics.observe(ended);
                answer
            };
            let mut answer = request_id::within(current, answered.instrument(span)).await;
            request_id::tell(&mut answer, id);
            answer
        })
    }
}

/// How a request ended.
struct Ended {
    method: Method,
    /// The route that answered, such as `/api/v2/characters/{id}`: a bounded set, unlike paths.
    route: Cow<'static, str>,
    /// The status of the answer, also when that is an error which no handler turned into one.
    status: u16,
    /// How long the body of the answer is, where that is known.
    bytes: Option<u64>,
    duration: Duration,
}

impl Ended {
    /// The method as it is logged.
    fn method_text(&self) -> Cow<'_, str> {
        cut(self.method.as_str(), MOST_OF_METHOD)
    }

    fn with<B: MessageBody>(method: Method, answer: &Result<ServiceResponse<B>, Error>, duration: Duration) -> Self {
        let (status, bytes) = match answer {
            Ok(response) => {
                let bytes = match response.response().body().size() {
                    BodySize::None => Some(0),
                    BodySize::Sized(bytes) => Some(bytes),
                    BodySize::Stream => None,
                };
                (response.status(), bytes)
            }
            Err(error) => (error.as_response_error().status_code(), None),
        };
        // What is not an endpoint may be a resource of actix-web.
        let resource = || answer.as_ref().ok()?.request().match_pattern().filter(|pattern| !pattern.is_empty());
        let route = request_id::route().map(Cow::Borrowed).or_else(|| resource().map(Cow::Owned));
        Self { method, route: route.unwrap_or(Cow::Borrowed("unmatched")), status: status.as_u16(), bytes, duration }
    }
}
