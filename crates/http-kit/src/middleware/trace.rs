//! A span around each request, in the trace that the client began.

use super::{CurrentRequest, Ended, MOST_OF_METHOD, cut};
use actix_web::{dev::ServiceRequest, http::header::HeaderMap};
use opentelemetry::{Context, global, propagation::Extractor, trace::TraceContextExt};
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The name of the span around each request. Its field `request_id` is the id of the request.
pub const REQUEST_SPAN: &str = "http.request";

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Bounds of W3C Trace Context for what every participant passes on.
const MOST_OF_STATE: usize = 512;
const MOST_MEMBERS: usize = 32;

/// The trace context of a request as far as W3C Trace Context accepts it. The propagator alone is more lenient.
struct TraceHeaders<'a> {
    parent: &'a str,
    state: Option<String>,
}

impl<'a> TraceHeaders<'a> {
    /// `None` when there is no trace to continue.
    fn of(headers: &'a HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(TRACEPARENT);
        let parent = parents.next()?.to_str().ok()?;
        if parents.next().is_some() || !is_parent(parent) {
            return None;
        }
        Some(Self { parent, state: state(headers) })
    }
}

impl Extractor for TraceHeaders<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            TRACEPARENT => Some(self.parent),
            TRACESTATE => self.state.as_deref(),
            _ => None,
        }
    }
    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT, TRACESTATE]
    }
}

/// Version, trace id, parent id and flags; a later version may say more after another dash.
fn is_parent(text: &str) -> bool {
    const LENGTH: usize = 55;
    const DASHES: [usize; 3] = [2, 35, 52];
    let bytes = text.as_bytes();
    let is_hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let fields = bytes.iter().take(LENGTH).enumerate();
    let fields_fit =
        fields.into_iter().all(|(at, byte)| if DASHES.contains(&at) { *byte == b'-' } else { is_hexadecimal(*byte) });
    let length_fits = match bytes.get(LENGTH) {
        None => bytes.len() == LENGTH,
        Some(next) => !text.starts_with("00") && *next == b'-',
    };
    // The propagator refuses ids of zeros alone.
    fields_fit && length_fits && !text.starts_with("ff")
}

/// The members of all `tracestate` headers in their order; `None` when there are none, or more than need be passed on.
fn state(headers: &HeaderMap) -> Option<String> {
    let texts = headers.get_all(TRACESTATE).map(|value| value.to_str().ok()).collect::<Option<Vec<_>>>()?;
    let members = texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|member| !member.is_empty());
    let members: Vec<_> = members.take(MOST_MEMBERS + 1).collect();
    let state = members.join(",");
    ((1..=MOST_MEMBERS).contains(&members.len()) && state.len() <= MOST_OF_STATE).then_some(state)
}

/// A span that continues the trace of the request's `traceparent`, by the global propagator.
pub(super) fn begin(request: &ServiceRequest, current: &CurrentRequest) -> Span {
    let span = tracing::info_span!(
        REQUEST_SPAN,
        otel.kind = "server",
        http.request.method = cut(request.method().as_str(), MOST_OF_METHOD).as_ref(),
        url.path = current.path,
        http.route = Empty,
        http.response.status_code = Empty,
        polled = Empty,
        request_id = current.id,
    );
    if !span.is_disabled()
        && let Some(headers) = TraceHeaders::of(request.headers())
    {
        let parent = global::get_text_map_propagator(|propagator| propagator.extract(&headers));
        // It fails only when no tracer listens, and then there is no trace to continue.
        let _ = span.set_parent(parent);
    }
    span
}

/// The field of [`REQUEST_SPAN`] that is true where programs send the requests all the time: see
/// [`Endpoint::polled`](crate::Endpoint::polled). A sampler knows it, when no span was begun within the request before its endpoint
/// was found.
pub const POLLED: &str = "polled";

/// Notes in the current span that programs send such requests all the time.
pub(super) fn note_poll() {
    Span::current().record(POLLED, true);
}

/// Notes in the current span how its request ended, and returns the place of the span in its trace.
pub(super) fn end(ended: &Ended) -> Context {
    let span = Span::current();
    if span.is_disabled() {
        return Context::new();
    }
    let context = span.context();
    // What no collector is told need not be written.
    if context.span().is_recording() {
        tracing::record_all!(span, http.route = ended.route, http.response.status_code = ended.status);
        context.span().update_name(format!("{} {}", ended.method_text(), ended.route));
    }
    context
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers<'a>(name: &'static str, values: impl IntoIterator<Item = &'a str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_traceparent_with_any_other_character_is_refused() {
        assert!(is_parent(PARENT) && is_parent(&PARENT.replacen("00", "cc", 1)));
        for at in 0..PARENT.len() {
            for wrong in ["g", "A", " ", "+", ""] {
                let text = [&PARENT[..at], wrong, &PARENT[at + 1..]].concat();
                assert!(!is_parent(&text), "{text}");
            }
        }
        for wrong in [PARENT.replacen("00", "ff", 1), format!("{PARENT}-more"), format!("{PARENT} "), String::new()] {
            assert!(!is_parent(&wrong), "{wrong}");
        }
        assert!(is_parent(&format!("{}-more", PARENT.replacen("00", "01", 1))));
    }

    #[test]
    fn a_second_traceparent_is_as_none() {
        assert!(TraceHeaders::of(&headers(TRACEPARENT, [PARENT])).is_some());
        assert!(TraceHeaders::of(&headers(TRACEPARENT, [PARENT, PARENT])).is_none());
        assert!(TraceHeaders::of(&headers(TRACEPARENT, [])).is_none());
    }

    #[test]
    fn a_tracestate_is_passed_on_up_to_512_characters_and_32_members() {
        let joined = headers(TRACESTATE, ["a=1, b=2", "", "c=3,"]);
        assert_eq!(state(&joined).as_deref(), Some("a=1,b=2,c=3"));
        for members in 0..40 {
            let text: Vec<_> = (0..members).map(|member| format!("k{member}=v")).collect();
            let passed = state(&headers(TRACESTATE, [text.join(",").as_str()]));
            assert_eq!(passed.is_some(), (1..=32).contains(&members), "{members}");
        }
        for length in 500..530 {
            let text = format!("k={}", "v".repeat(length - 2));
            assert_eq!(state(&headers(TRACESTATE, [text.as_str()])).is_some(), length <= 512, "{length}");
        }
    }
}
