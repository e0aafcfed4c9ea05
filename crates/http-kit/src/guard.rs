//! Refuses what a web page can make a browser send to a service that trusts its network: requests under a name that the
//! page's owner bound to our address, and changes on behalf of pages of other origins.

use crate::{AllowedHosts, AllowedOrigins, Problem, middleware::checked, whole_number};
use actix_web::{
    Error,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode, Version,
        header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN},
        uri::Authority,
    },
    middleware::Next,
};
use futures_util::future::LocalBoxFuture;
use url::Url;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What one listener refuses before any handler sees it. The default checks no host and permits no other origin.
#[derive(Clone, Debug, Default)]
pub struct BrowserGuard {
    /// The hosts under which the listener answers; `None`: any.
    pub hosts: Option<AllowedHosts>,
    /// Paths at and below this one are answered under any host.
    pub any_host_below: Option<&'static str>,
    /// The origins whose pages may change something beside those of the service itself.
    pub origins: Option<AllowedOrigins>,
}

impl BrowserGuard {
    /// A middleware that answers what is refused. Wrap it inside of [`account`](crate::middleware::account), so that
    /// refusals are logged and carry the id of the request.
    pub fn middleware(
        self,
    ) -> impl Fn(ServiceRequest, Next<BoxBody>) -> LocalBoxFuture<'static, Result<ServiceResponse, Error>> + Clone {
        checked(move |request| self.check(request))
    }

    fn check(&self, request: &ServiceRequest) -> Result<(), Problem> {
        self.check_host(request)?;
        self.check_origin(request)
    }

    fn check_host(&self, request: &ServiceRequest) -> Result<(), Problem> {
        let Some(hosts) = &self.hosts else { return Ok(()) };
        if self.any_host_below.is_some_and(|base| is_below(request.path(), base)) {
            return Ok(());
        }
        let named = host_of(request.headers())?;
        if named.is_none() && request.version() == Version::HTTP_11 {
            return Err(malformed_host("the header Host is missing; HTTP/1.1 requires it"));
        }
        // A target in absolute form names a host too, and a server may go by either.
        for authority in named.iter().chain(request.uri().authority()) {
            if !has_port(authority.as_str(), authority) {
                return Err(malformed_host("the target must name a host, optionally with a port"));
            }
            if !hosts.allow(authority) {
                let title = "The service does not answer under this host";
                let detail = format!(
                    "this listener does not answer under the host {}; an operator can permit it in ALLOWED_HOSTS",
                    authority.host()
                );
                let problem = Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected-request", title);
                return Err(problem.with_detail(detail));
            }
        }
        Ok(())
    }

    fn check_origin(&self, request: &ServiceRequest) -> Result<(), Problem> {
        if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        let headers = request.headers();
        if self.origins.as_ref().is_some_and(|origins| origins.origin_of(headers).is_some()) {
            return Ok(());
        }
        let own = headers.contains_key(ORIGIN).then(|| is_own_origin(headers));
        let site = headers.get_all(SEC_FETCH_SITE).try_fold(Site::Unknown, |site, value| match value.as_bytes() {
            b"none" | b"same-origin" => Some(site),
            b"same-site" => Some(Site::Same),
            _ => None,
        });
        let is_permitted = match site {
            None => false,
            Some(Site::Same) => own == Some(true),
            Some(Site::Unknown) => own != Some(false),
        };
        if is_permitted { Ok(()) } else { Err(foreign_origin()) }
    }
}

/// What a browser says of the page that sends a request, beside its origin.
enum Site {
    /// Nothing, or that it is a page of this service.
    Unknown,
    /// It is a page of a host with the same registered name.
    Same,
}

fn is_below(path: &str, base: &str) -> bool {
    path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The host that a request names; `None` when it names none.
fn host_of(headers: &HeaderMap) -> Result<Option<Authority>, Problem> {
    let mut hosts = headers.get_all(HOST);
    let Some(host) = hosts.next() else { return Ok(None) };
    if hosts.next().is_some() {
        return Err(malformed_host("the header Host must be given once"));
    }
    let text = host.to_str().ok().filter(|text| !text.contains('@'));
    let authority = text.and_then(|text| text.parse().ok().filter(|authority| has_port(text, authority)));
    authority.map(Some).ok_or_else(|| malformed_host("the header Host must be a host, optionally with a port"))
}

/// Whether what follows the host is a port, or nothing: the type also holds ports that there cannot be, and then names none.
fn has_port(text: &str, authority: &Authority) -> bool {
    let port = text.get(authority.host().len()..).map(|rest| rest.strip_prefix(':').unwrap_or(rest));
    port.is_some_and(|port| port.is_empty() || whole_number::<u16>(port).is_some())
}

fn malformed_host(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed-host", "The host of the request is malformed").with_detail(detail)
}

fn foreign_origin() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "foreign-origin", "A web page of another origin may not change anything")
        .with_detail("an operator can permit the origin of the page (the header Origin) in CORS_ALLOWED_ORIGINS")
}

/// Whether the request comes from a page of the host that it is for. The scheme is left out, because a proxy in front may
/// speak another one than the service does.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(ORIGIN);
    let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
    let Ok(Some(host)) = host_of(headers) else { return false };
    own_port(origin, &host).is_some()
}

fn own_port(origin: &HeaderValue, host: &Authority) -> Option<u16> {
    let origin = Url::parse(origin.to_str().ok()?).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let port = origin.port_or_known_default()?;
    let is_same = origin.host_str()?.eq_ignore_ascii_case(host.host()) && host.port_u16().is_none_or(|own| own == port);
    // A host without a port is at the default port of the scheme, and so is an origin without one.
    (is_same && (host.port_u16().is_some() || origin.port().is_none())).then_some(port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostNames;
    use actix_web::test::TestRequest;

    fn guard(origins: Option<&str>) -> BrowserGuard {
        BrowserGuard {
            hosts: Some(AllowedHosts::new("127.0.0.1".parse().unwrap(), HostNames::parse("play.example").unwrap())),
            any_host_below: Some("/open"),
            origins: origins.map(|origins| AllowedOrigins::parse(origins).unwrap()),
        }
    }

    fn status(guard: &BrowserGuard, method: Method, target: &str, headers: &[(&str, &str)]) -> u16 {
        let request = TestRequest::default().method(method).uri(target);
        let request = headers.iter().fold(request, |request, header| request.append_header(*header));
        guard.check(&request.to_srv_request()).map_or_else(|problem| problem.status().as_u16(), |()| 200)
    }

    #[test]
    fn a_host_is_needed_once_and_must_be_one_of_ours() {
        let ask = |target: &str, headers: &[(&str, &str)]| status(&guard(None), Method::GET, target, headers);
        assert_eq!(ask("/", &[("host", "127.0.0.1:8000")]), 200);
        assert_eq!(ask("/", &[("host", "PLAY.example.")]), 200);
        assert_eq!(ask("/", &[("host", "evil.example")]), 421);
        assert_eq!(ask("/", &[]), 400);
        for host in ["127.0.0.1:", "127.0.0.1:65535", "[::ffff:127.0.0.1]:0"] {
            assert_eq!(ask("/", &[("host", host)]), 200, "{host:?}");
        }
        let no_port = [
            "127.0.0.1:65536",
            "127.0.0.1:99999999999",
            "127.0.0.1:x",
            "[::1]:65536",
            "127.0.0.1:+80",
            "127.0.0.1:8 0",
        ];
        for host in ["", "a b", "user@127.0.0.1", "127.0.0.1/x", "\u{fc}"].into_iter().chain(no_port) {
            assert_eq!(ask("/", &[("host", host)]), 400, "{host:?}");
        }
        assert_eq!(ask("/", &[("host", "127.0.0.1"), ("host", "127.0.0.1")]), 400);
        assert_eq!(ask("http://evil.example/", &[("host", "127.0.0.1")]), 421);
        assert_eq!(ask("http://127.0.0.1/", &[("host", "evil.example")]), 421);
        assert_eq!(ask("http://localhost/", &[("host", "127.0.0.1")]), 200);
        assert_eq!(
            (ask("/open/x", &[("host", "evil.example")]), ask("/opened", &[("host", "evil.example")])),
            (200, 421)
        );
    }

    #[test]
    fn the_oldest_clients_need_no_host() {
        let request = TestRequest::get().version(Version::HTTP_10).to_srv_request();
        assert!(guard(None).check(&request).is_ok());
    }

    #[test]
    fn every_change_of_a_foreign_page_is_refused_and_nothing_else() {
        const HOST: (&str, &str) = ("host", "127.0.0.1:8000");
        let cases: [(u16, &[(&str, &str)]); 18] = [
            (200, &[]),
            (200, &[("origin", "http://127.0.0.1:8000")]),
            (200, &[("origin", "https://127.0.0.1:8000"), ("sec-fetch-site", "same-origin")]),
            (200, &[("sec-fetch-site", "none")]),
            (200, &[("sec-fetch-site", "same-origin")]),
            (200, &[("origin", "http://127.0.0.1:8000"), ("sec-fetch-site", "same-site")]),
            (403, &[("origin", "http://127.0.0.1:3000")]),
            (403, &[("origin", "http://127.0.0.1")]),
            (403, &[("origin", "http://localhost:8000")]),
            (403, &[("origin", "https://evil.example")]),
            (403, &[("origin", "null")]),
            (403, &[("origin", "")]),
            (403, &[("origin", "http://127.0.0.1:8000"), ("origin", "http://127.0.0.1:8000")]),
            (403, &[("sec-fetch-site", "cross-site")]),
            (403, &[("sec-fetch-site", "same-site")]),
            (403, &[("sec-fetch-site", "Same-Origin")]),
            (403, &[("origin", "http://127.0.0.1:8000"), ("sec-fetch-site", "cross-site")]),
            (403, &[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")]),
        ];
        for (expected, headers) in cases {
            let headers: Vec<_> = std::iter::once(HOST).chain(headers.iter().copied()).collect();
            for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "INVENTED"] {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                assert_eq!(status(&guard(None), method.clone(), "/", &headers), expected, "{method} {headers:?}");
            }
            for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                assert_eq!(status(&guard(None), method, "/", &headers), 200, "{headers:?}");
            }
        }
    }

    #[test]
    fn an_origin_at_its_default_port_is_that_of_a_host_without_one() {
        for (origin, host, expected) in [
            ("https://play.example", "play.example", 200),
            ("http://play.example", "play.example", 200),
            ("http://play.example", "play.example:80", 200),
            ("https://play.example", "play.example:443", 200),
            ("https://play.example", "play.example:80", 403),
            ("https://play.example:8443", "play.example", 403),
            ("https://play.example:8443", "play.example:8443", 200),
        ] {
            let found = status(&guard(None), Method::POST, "/", &[("host", host), ("origin", origin)]);
            assert_eq!(found, expected, "{origin} {host}");
        }
    }

    #[test]
    fn a_page_that_cors_permits_may_change_something() {
        let guard = guard(Some("https://a.example"));
        let ask = |origin| {
            let headers = [("host", "127.0.0.1"), ("origin", origin), ("sec-fetch-site", "cross-site")];
            status(&guard, Method::POST, "/", &headers)
        };
        assert_eq!((ask("https://a.example"), ask("https://b.example")), (200, 403));
    }
}
