//! Refusals and failures as problem documents (RFC 9457).

use crate::middleware::{current_request, cut, problem_types};
use actix_web::{
    HttpRequest, HttpResponse, Responder, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use serde::Serialize;
use std::{borrow::Cow, fmt};
use utoipa::ToSchema;

/// Maximum number of bytes of a text in a problem.
const MOST_OF_TEXT: usize = 1024;
/// Maximum number of bytes of a field or a path in a problem. A client may send a name of a megabyte.
const MOST_OF_NAME: usize = 256;

/// How the problems of one listener are typed, which [`account`](crate::middleware::account) knows of every request. Two
/// services share this crate and not their problem types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemTypes(Option<&'static str>);

impl ProblemTypes {
    /// Every type is `about:blank`: a problem says nothing but its status and its code. Problems outside of a request that
    /// is accounted for are typed so too.
    pub const BLANK: Self = Self(None);

    /// A type is this prefix, such as `/problems/`, and the code of the problem.
    #[must_use]
    pub const fn below(prefix: &'static str) -> Self {
        Self(Some(prefix))
    }

    /// The type of the problems with this code.
    #[must_use]
    pub fn uri(self, code: &str) -> Cow<'static, str> {
        self.0.map_or(Cow::Borrowed("about:blank"), |prefix| Cow::Owned(format!("{prefix}{code}")))
    }
}

/// Why a request was not done. Answered as `application/problem+json`.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    title: &'static str,
    detail: Option<String>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// A problem document.
#[derive(Debug, Serialize)]
pub struct ProblemBody {
    /// The URI of the problem type.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// The kind of problem in words, always the same for one code.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The kind of problem for programs; stable.
    pub code: Cow<'static, str>,
    /// What happened this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The id under which the service logged the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The fields at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// A field at fault.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// The field, as a path: `name`, `characters[3].name`.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FieldError {
    /// Of texts that may quote the request, and are cut when they quote much of it.
    #[must_use]
    pub fn new(field: &str, reason: &str) -> Self {
        Self { field: cut(field, MOST_OF_NAME).into_owned(), reason: cut(reason, MOST_OF_TEXT).into_owned() }
    }
}

impl Problem {
    /// A problem of this kind. `code` and `title` belong together.
    #[must_use]
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, title: &'static str) -> Self {
        Self { status, code: code.into(), title, detail: None, errors: Vec::new(), headers: Vec::new() }
    }

    /// Says what happened this time. It must not hold secrets, and is cut when it quotes much of the request.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(cut(&detail.into(), MOST_OF_TEXT).into_owned());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// 500, without saying why: that is in the log.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error of the service")
    }

    /// 503 of a service that has not started yet, since it waits for `what`, such as `its database`.
    #[must_use]
    pub fn starting(what: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "starting", "The service is starting")
            .with_detail(format!("it waits for {what}"))
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// 422 with each field at fault.
    #[must_use]
    pub fn invalid(errors: impl IntoIterator<Item = FieldError>) -> Self {
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The request breaks a rule");
        Self { errors: errors.into_iter().collect(), ..problem }
    }

    /// 404: no endpoint has this path.
    #[must_use]
    pub fn no_such_path(path: &str) -> Self {
        let title = "The path does not exist";
        Self::new(StatusCode::NOT_FOUND, "no-such-path", title).with_detail(cut(path, MOST_OF_NAME))
    }

    /// 405: the path has these methods only.
    #[must_use]
    pub fn method_not_allowed(allow: &str) -> Self {
        let problem =
            Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The path does not support this method")
                .with_detail(format!("the path supports {allow}"));
        match HeaderValue::from_str(allow) {
            Ok(allow) => problem.with_header(header::ALLOW, allow),
            Err(_) => problem,
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The document, in the answer to the current request.
    #[must_use]
    pub fn body(&self) -> ProblemBody {
        let request = current_request();
        ProblemBody {
            kind: problem_types().uri(&self.code),
            title: self.title,
            status: self.status.as_u16(),
            code: self.code.clone(),
            detail: self.detail.clone(),
            instance: request.as_ref().map(|request| request.path.clone()),
            request_id: request.map(|request| request.id),
            errors: self.errors.clone(),
        }
    }

    /// The answer with this document, which may hold more than [`body`](Self::body).
    pub fn answer_with(&self, body: &impl Serialize) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        // Texts and numbers alone, which can always be written.
        let body = serde_json::to_vec(body).unwrap_or_default();
        response.content_type("application/problem+json").body(body)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.code)?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.answer_with(&self.body())
    }
}

impl Responder for Problem {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoint, Endpoints, HttpMetrics, middleware::account};
    use actix_web::{App, middleware::from_fn, test, web};
    use serde_json::Value;

    async fn refuse() -> Problem {
        Problem::invalid([FieldError::new("name", "is required")])
    }

    async fn panicking() -> HttpResponse {
        panic!("the text of a caller")
    }

    /// The problems at these paths, by a service whose problems have these types.
    async fn problems<const N: usize>(types: ProblemTypes, paths: [&str; N]) -> [Value; N] {
        let mut endpoints = Endpoints::default();
        Endpoint::at("/invalid").get(refuse).register(&mut endpoints);
        Endpoint::at("/panic").get(panicking).register(&mut endpoints);
        let app = App::new().default_service(endpoints).wrap(from_fn(account(types, HttpMetrics::default())));
        let service = test::init_service(app).await;
        let mut found = [const { Value::Null }; N];
        for (found, path) in found.iter_mut().zip(paths) {
            let request = test::TestRequest::get().uri(path).insert_header(("x-request-id", "abc-123")).to_request();
            let answer = match actix_web::dev::Service::call(&service, request).await {
                Ok(answer) => test::read_body(answer).await,
                Err(error) => actix_web::body::to_bytes(error.error_response().into_body()).await.unwrap(),
            };
            *found = serde_json::from_slice(&answer).unwrap();
        }
        found
    }

    #[actix_web::test]
    async fn every_problem_has_a_type_of_the_service_that_answers() {
        let long = format!("/{}", "x".repeat(20_000));
        let paths = ["/invalid", "/nowhere", "/panic", &long];
        let codes = ["invalid", "no-such-path", "internal", "head-too-large"];
        for (types, prefix) in
            [(ProblemTypes::below("urn:one:"), "urn:one:"), (ProblemTypes::below("urn:two:"), "urn:two:")]
        {
            for (problem, code) in problems(types, paths).await.iter().zip(codes) {
                assert_eq!((&problem["type"], &problem["code"]), (&format!("{prefix}{code}").into(), &code.into()));
                assert_eq!(problem["request_id"], "abc-123");
            }
        }
        for problem in problems(ProblemTypes::BLANK, paths).await {
            assert_eq!(problem["type"], "about:blank");
        }
    }

    #[actix_web::test]
    async fn a_problem_outside_of_an_accounted_request_belongs_to_no_service() {
        let service = test::init_service(App::new().default_service(web::to(refuse))).await;
        let answer = test::call_service(&service, test::TestRequest::get().to_request()).await;
        let problem: Value = serde_json::from_slice(&test::read_body(answer).await).unwrap();
        assert_eq!((&problem["type"], problem.get("request_id")), (&"about:blank".into(), None));
    }
}
