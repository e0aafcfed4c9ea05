//! Cross-origin requests of browsers (the CORS protocol of the Fetch standard): which origins are allowed, and the headers
//! that say so. The preflight of a path is answered by its [`Endpoint`](crate::Endpoint), which knows the
//! methods.

use crate::middleware::mark;
use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap,
            HeaderValue, ORIGIN, VARY,
        },
    },
    middleware::Next,
};
use futures_util::future::LocalBoxFuture;
use std::{collections::BTreeSet, sync::Arc};
use url::Url;

/// How long a browser may remember a preflight, in seconds.
const MAX_AGE: &str = "3600";

/// The origins whose web pages may use the service. Pages of other origins read nothing,
/// and a [`BrowserGuard`](crate::BrowserGuard) refuses what they would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedOrigins(Arc<BTreeSet<String>>);

/// A text that is no list of origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidOrigins {
    /// `*` would let every page that a user visits act for the user, because the service trusts its network.
    Any,
    /// The part at this place, from 1, is not written as browsers write an origin. It is not shown: it may hold a password.
    Part(usize),
}

impl std::fmt::Display for InvalidOrigins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("* is not supported; name each origin, such as https://play.example"),
            Self::Part(part) => write!(
                f,
                "part {part} is not an origin as browsers write it: http:// or https://, a host in lower case, and a port unless it \
                 is the default one; no path"
            ),
        }
    }
}

impl std::error::Error for InvalidOrigins {}

impl AllowedOrigins {
    /// Reads origins separated by commas.
    ///
    /// # Errors
    /// [`InvalidOrigins`].
    pub fn parse(text: &str) -> Result<Self, InvalidOrigins> {
        let origin = |(index, part): (usize, &str)| {
            if part == "*" {
                return Err(InvalidOrigins::Any);
            }
            let parsed = Url::parse(part).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            match parsed.map(|url| url.origin().ascii_serialization()) {
                // A pattern would match nothing: browsers send the host itself.
                Some(written) if written == part && !written.contains('*') => Ok(written),
                _ => Err(InvalidOrigins::Part(index + 1)),
            }
        };
        Ok(Self(Arc::new(text.split(',').map(str::trim).enumerate().map(origin).collect::<Result<_, _>>()?)))
    }

    /// The origin of a request, when it is one of these.
    pub(crate) fn origin_of<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let mut origins = headers.get_all(ORIGIN);
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        origin.to_str().is_ok_and(|origin| self.0.contains(origin)).then_some(origin)
    }

    /// Whether the request asks whether another request would be allowed.
    pub(crate) fn is_preflight(&self, request: &ServiceRequest) -> bool {
        request.method() == Method::OPTIONS
            && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
            && self.origin_of(request.headers()).is_some()
    }
}

/// What pages of some origins may send and read.
#[derive(Clone, Debug)]
pub struct Cors {
    /// The origins of the pages.
    pub origins: AllowedOrigins,
    /// Every request header that the service reads, separated by commas.
    pub request_headers: &'static str,
    /// The headers of answers that a page may read, separated by commas.
    pub exposed_headers: &'static str,
}

impl Cors {
    /// What a preflight is answered with, beside what every answer has.
    pub(crate) fn describe(&self, methods: HeaderValue, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(self.request_headers));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
    }

    /// A middleware that lets pages of these origins read every answer, also those that tell of a failure. Outermost, so
    /// that it sees them all.
    pub fn middleware<B: MessageBody + 'static>(
        self,
    ) -> impl Fn(ServiceRequest, Next<B>) -> LocalBoxFuture<'static, Result<ServiceResponse<B>, Error>> + Clone {
        move |request, next| {
            let origin = self.origins.origin_of(request.headers()).cloned();
            let exposed = HeaderValue::from_static(self.exposed_headers);
            Box::pin(async move {
                let mut answer = next.call(request).await;
                mark(&mut answer, |headers| permit(origin, exposed, headers));
                answer
            })
        }
    }
}

fn permit(origin: Option<HeaderValue>, exposed: HeaderValue, headers: &mut HeaderMap) {
    // For caches between browser and service: the answer to one origin is not that to another.
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_taken_only_as_browsers_write_it() {
        for right in [
            "https://play.example",
            "http://127.0.0.1:3000",
            "http://[::1]:8080",
            "https://a.example, http://b.example",
        ] {
            assert!(AllowedOrigins::parse(right).is_ok(), "{right}");
        }
        for wrong in [
            "*",
            "null",
            "",
            "play.example",
            "https://play.example/",
            "https://play.example/app",
            "https://Play.example",
            "https://play.example:443",
            "ftp://play.example",
            "https://user@play.example",
            "https://*.example",
            "https://a.example,",
            "https://a.example https://b.example",
            "file:///tmp",
        ] {
            assert!(AllowedOrigins::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_part_is_named_by_its_place_and_not_shown() {
        let error = AllowedOrigins::parse("https://a.example, https://user:hunter2@b.example").unwrap_err().to_string();
        assert!(error.starts_with("part 2 is not an origin") && !error.contains("hunter2"), "{error}");
    }
}
