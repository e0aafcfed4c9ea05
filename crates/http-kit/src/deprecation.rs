//! Operations and parameters that are to be removed: the headers `Deprecation` (RFC 9745) and `Sunset` (RFC 8594).

use crate::middleware;
use actix_web::{
    Error,
    dev::ServiceResponse,
    http::{
        Method,
        header::{HeaderMap, HeaderName, HeaderValue, HttpDate, LINK},
    },
};
use jiff::civil::{Date, date};
use std::time::{Duration, UNIX_EPOCH};

/// Since when the operation, or the parameter of the request, is deprecated: `@` and seconds since 1970.
pub const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
/// When it will be removed, at the earliest.
pub const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// A day in UTC, from 1970 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

impl Day {
    /// The day of this date in the Gregorian calendar; `month` and `day` begin at 1.
    ///
    /// # Panics
    /// No calendar has the date. A constant with such a date does not compile.
    #[must_use]
    pub const fn new(year: i16, month: i8, day: i8) -> Self {
        Self(date(year, month, day))
    }

    /// Its first second, in seconds since 1970; zero before that.
    #[must_use]
    pub fn seconds(self) -> u64 {
        let since = self.0.duration_since(date(1970, 1, 1));
        u64::try_from(since.as_secs()).unwrap_or_default()
    }
}

/// An operation that is to be removed, or a query parameter of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deprecated {
    /// The method: `GET`, which stands for `HEAD` too.
    pub method: &'static str,
    /// The path, with placeholders, as the document and [`Endpoint::at`](crate::Endpoint::at) have it.
    pub path: &'static str,
    /// The query parameter; `None`: the operation itself.
    pub parameter: Option<&'static str>,
    /// Since when.
    pub since: Day,
    /// When it will be removed, at the earliest.
    pub sunset: Day,
    /// What clients use instead, as a sentence.
    pub instead: &'static str,
}

/// What a service has deprecated, and where the policy is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deprecations {
    /// The operations and parameters.
    pub parts: &'static [Deprecated],
    /// The address of a page about them, for `Link`; without a quote or an angle bracket.
    pub page: &'static str,
}

impl Deprecations {
    /// Those that a request for this path uses, the ones that are removed first in front.
    pub(crate) fn used(&self, path: &str, method: &Method, query: &str) -> Vec<Deprecated> {
        if self.parts.is_empty() {
            return Vec::new();
        }
        let method = if method == Method::HEAD { "GET" } else { method.as_str() };
        let has = |wanted: &str| url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == wanted);
        let is_used = |part: &&Deprecated| part.path == path && part.method == method && part.parameter.is_none_or(has);
        let mut used: Vec<_> = self.parts.iter().filter(is_used).copied().collect();
        used.sort_by_key(|part| part.sunset);
        used
    }

    /// Adds the headers to the answer of a request that used these parts.
    pub(crate) fn tell(&self, used: &[Deprecated], answer: &mut Result<ServiceResponse, Error>) {
        let Some(first) = used.first() else { return };
        let since = used.iter().map(|part| part.since).min().unwrap_or(first.since);
        middleware::mark(answer, |headers| self.write(headers, since, first.sunset));
    }

    fn write(&self, headers: &mut HeaderMap, since: Day, sunset: Day) {
        let sunset = HttpDate::from(UNIX_EPOCH + Duration::from_secs(sunset.seconds()));
        let texts = [
            (DEPRECATION, format!("@{}", since.seconds())),
            (SUNSET, sunset.to_string()),
            (LINK, format!("<{}>; rel=\"deprecation\"", self.page)),
        ];
        for (name, text) in texts {
            // Numbers, dates and an address of our own are texts of headers.
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.append(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoint, Endpoints, Problem};
    use actix_web::{App, HttpRequest, HttpResponse, test};

    const PARTS: &[Deprecated] = &[
        Deprecated {
            method: "GET",
            path: "/heroes/{id}",
            parameter: None,
            since: Day::new(2026, 11, 26),
            sunset: Day::new(2027, 6, 1),
            instead: "Use `/characters/{id}`.",
        },
        Deprecated {
            method: "GET",
            path: "/heroes/{id}",
            parameter: Some("deep"),
            since: Day::new(2024, 2, 29),
            sunset: Day::new(2027, 3, 1),
            instead: "Nothing replaces it.",
        },
        Deprecated {
            method: "POST",
            path: "/heroes",
            parameter: Some("mode"),
            since: Day::new(1970, 1, 2),
            sunset: Day::new(2000, 3, 1),
            instead: "Nothing replaces it.",
        },
    ];

    #[actix_web::test]
    async fn a_day_is_that_of_the_calendar() {
        for (day, seconds) in [
            (Day::new(1970, 1, 1), 0),
            (Day::new(1999, 12, 31), 946_598_400),
            (Day::new(2000, 2, 29), 951_782_400),
            (Day::new(2000, 3, 1), 951_868_800),
            (Day::new(2026, 11, 26), 1_795_651_200),
            (Day::new(2100, 3, 1), 4_107_542_400),
        ] {
            assert_eq!(day.seconds(), seconds, "{day:?}");
        }
    }

    /// `Deprecation`, `Sunset` and `Link`.
    async fn told(method: Method, path: &str) -> [Option<String>; 3] {
        let hero = |request: HttpRequest| async move {
            match request.query_string().contains("fail") {
                true => Err(Problem::no_such_path("/none")),
                false => Ok(HttpResponse::Ok().insert_header((LINK, "</next>; rel=\"next\"")).finish()),
            }
        };
        let mut endpoints = Endpoints::default().with_deprecations(Deprecations { parts: PARTS, page: "/changes" });
        Endpoint::at("/heroes/{id}").get(hero).delete(hero).register(&mut endpoints);
        Endpoint::at("/heroes").get(hero).post(hero).register(&mut endpoints);
        let service = test::init_service(App::new().default_service(endpoints)).await;
        let request = test::TestRequest::default().method(method).uri(path).to_request();
        let headers = match test::try_call_service(&service, request).await {
            Ok(response) => response.headers().clone(),
            Err(error) => error.error_response().headers().clone(),
        };
        [DEPRECATION, SUNSET, LINK].map(|name| {
            let values: Vec<_> = headers.get_all(name).map(|value: &HeaderValue| value.to_str().unwrap()).collect();
            (!values.is_empty()).then(|| values.join(", "))
        })
    }

    #[actix_web::test]
    async fn every_answer_of_a_deprecated_operation_says_since_when_and_until_when() {
        let page = "</changes>; rel=\"deprecation\"";
        let (since, sunset) = ("@1795651200".to_owned(), "Tue, 01 Jun 2027 00:00:00 GMT".to_owned());
        let links = format!("</next>; rel=\"next\", {page}");
        for method in [Method::GET, Method::HEAD] {
            let expected = [Some(since.clone()), Some(sunset.clone()), Some(links.clone())];
            assert_eq!(told(method, "/heroes/7").await, expected);
        }
        assert_eq!(told(Method::GET, "/heroes/7?fail").await, [Some(since), Some(sunset), Some(page.to_owned())]);
        assert_eq!(told(Method::DELETE, "/heroes/7?fail").await, [None, None, None]);
    }

    #[actix_web::test]
    async fn a_deprecated_parameter_is_told_to_those_who_send_it_and_the_earliest_removal_counts() {
        let [since, sunset, _] = told(Method::GET, "/heroes/7?deep=1").await;
        assert_eq!(since.as_deref(), Some("@1709164800"));
        assert_eq!(sunset.as_deref(), Some("Mon, 01 Mar 2027 00:00:00 GMT"));
        assert_eq!(told(Method::POST, "/heroes?mode").await[0].as_deref(), Some("@86400"));
        assert_eq!(told(Method::POST, "/heroes?fail=mode").await, [None, None, None]);
        assert_eq!(told(Method::GET, "/heroes?mode&fail").await, [None, None, None]);
    }
}
