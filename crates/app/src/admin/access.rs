//! Who may use the listener for a person on call.

use actix_web::{
    Error,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{HeaderName, HeaderValue, WWW_AUTHENTICATE},
    },
    middleware::Next,
};
use character_http_kit::{AcceptedTokens, Problem, middleware::checked};
use futures_util::future::LocalBoxFuture;

/// A header that no web page can send to another origin without a preflight request, which is never answered here.
pub(super) const REQUESTED_BY: HeaderName = HeaderName::from_static("x-requested-by");
/// The maximum length of its value, in bytes.
const LONGEST_NAME: usize = 128;
/// What an orchestrator asks without credentials; it reveals nothing but that the process runs.
const PROBES: [&str; 2] = ["/health/live", "/health/ready"];

/// What a request to the listener must carry.
#[derive(Clone, Debug)]
pub(crate) enum AdminAccess {
    /// One of these bearer tokens, whatever it asks for.
    Token(AcceptedTokens),
    /// For a change, the header `X-Requested-By`.
    RequestedBy,
}

impl AdminAccess {
    /// A middleware that answers what may not be asked.
    pub(super) fn middleware(
        self,
    ) -> impl Fn(ServiceRequest, Next<BoxBody>) -> LocalBoxFuture<'static, Result<ServiceResponse, Error>> + Clone {
        checked(move |request| self.check(request))
    }

    fn check(&self, request: &ServiceRequest) -> Result<(), Problem> {
        let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
        match self {
            _ if is_reading && PROBES.contains(&request.path()) => Ok(()),
            Self::Token(tokens) => tokens.accept(request.headers()).then_some(()).ok_or_else(unauthorized),
            Self::RequestedBy if is_reading || request.method() == Method::OPTIONS => Ok(()),
            Self::RequestedBy => requested_by(request.headers().get(REQUESTED_BY)).map(drop).ok_or_else(unrequested),
        }
    }
}

/// The name that a request gives its sender, if it can be shown in a log line.
pub(super) fn requested_by(value: Option<&HeaderValue>) -> Option<&str> {
    value?.to_str().ok().filter(|name| {
        (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    })
}

fn unauthorized() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "The request needs an accepted token")
        .with_detail("send the header Authorization: Bearer with one of the tokens in ADMIN_TOKEN")
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

fn unrequested() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "requested-by-missing", "The header X-Requested-By is missing or malformed")
        .with_detail(
            "a change needs the header X-Requested-By with 1 to 128 visible ASCII characters, such as your name",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn status(access: &AdminAccess, method: Method, path: &str, headers: &[(&str, &str)]) -> u16 {
        let request = TestRequest::default().method(method).uri(path);
        let request = headers.iter().fold(request, |request, header| request.append_header(*header));
        access.check(&request.to_srv_request()).map_or_else(|problem| problem.status().as_u16(), |()| 200)
    }

    #[test]
    fn without_a_token_every_change_names_its_sender_and_reads_are_free() {
        let ask =
            |method, headers: &[(&str, &str)]| status(&AdminAccess::RequestedBy, method, "/admin/storage", headers);
        let long = "x".repeat(129);
        for method in ["POST", "PUT", "PATCH", "DELETE", "INVENTED"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(ask(method.clone(), &[("x-requested-by", "Ann on call")]), 200);
            assert_eq!(ask(method.clone(), &[]), 403);
            for name in ["", "a\tb", "\u{e9}", long.as_str()] {
                assert_eq!(ask(method.clone(), &[("x-requested-by", name)]), 403, "{name:?}");
            }
        }
        assert_eq!(ask(Method::GET, &[]), 200);
    }

    #[test]
    fn with_a_token_nothing_but_the_probes_is_answered_without_it() {
        let tokens = ["a-token-for-operators".to_owned().into(), "the-next-token".to_owned().into()];
        let access = AdminAccess::Token(AcceptedTokens::new(tokens).unwrap());
        let right = ("authorization", "Bearer the-next-token");
        for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE, Method::OPTIONS] {
            for path in ["/admin/storage", "/metrics", "/health", "/health/live/x", "/nowhere"] {
                assert_eq!(status(&access, method.clone(), path, &[right]), 200);
                let wrong = [("authorization", "Bearer wrong"), ("x-requested-by", "Ann")];
                for headers in [&[][..], &wrong, &[right, right]] {
                    assert_eq!(status(&access, method.clone(), path, headers), 401, "{method} {path} {headers:?}");
                }
            }
        }
        assert_eq!(
            (status(&access, Method::GET, "/health/ready", &[]), status(&access, Method::POST, "/health/live", &[])),
            (200, 401)
        );
    }
}
