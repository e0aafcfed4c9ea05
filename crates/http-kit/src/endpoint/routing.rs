//! From the path of a request to the handler.

use super::{Endpoint, Operations, UsedBy};
use crate::{Cors, Deprecations, HttpMetrics, Problem, middleware};
use actix_web::{
    Error, HttpRequest, HttpResponse, ResponseError, Route,
    dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse, always_ready},
    http::{
        Method,
        header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING},
    },
    web,
};
use futures_util::future::{LocalBoxFuture, OptionFuture};
use std::fmt;

/// How a service answers what none of its endpoints takes. The default is a [`Problem`] for each.
#[derive(Clone, Copy, Debug)]
pub struct Refusals {
    /// Answers a path that no endpoint has.
    pub no_such_path: fn(&HttpRequest) -> HttpResponse,
    /// Answers a method that the path does not have. It receives those that the path has, as the header `Allow` lists them.
    pub method_not_allowed: fn(&str) -> HttpResponse,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            no_such_path: |request| Problem::no_such_path(request.path()).error_response(),
            method_not_allowed: |allow| Problem::method_not_allowed(allow).error_response(),
        }
    }
}

/// The paths of a service. A path that is not among them is answered 404.
///
/// It is the [`default_service`](actix_web::App::default_service) of an application or a scope. A path is found in one
/// walk through a tree, however many there are; actix-web would try one pattern after the other.
#[derive(Debug, Default)]
pub struct Endpoints {
    endpoints: Vec<Endpoint>,
    refusals: Refusals,
    cors: Option<Cors>,
    parameterless: Option<(Operations, Refuse)>,
    bodiless: Option<(Operations, Refuse)>,
    deprecations: Deprecations,
    metrics: Option<HttpMetrics>,
}

/// Answers a request with a part that its operation does not have.
type Refuse = fn(&HttpRequest) -> HttpResponse;

impl Endpoints {
    /// Answers with these refusals what none of the endpoints takes.
    #[must_use]
    pub fn with_refusals(self, refusals: Refusals) -> Self {
        Self { refusals, ..self }
    }

    /// Answers every query parameter of these operations with `refuse`, before their handlers see the request. A handler
    /// of an operation that has parameters refuses the unknown ones among them itself, together with all other faults.
    #[must_use]
    pub fn refusing_parameters_of(self, parameterless: Operations, refuse: Refuse) -> Self {
        Self { parameterless: Some((parameterless, refuse)), ..self }
    }

    /// Answers a body that is sent to these operations with `refuse`, before their handlers see the request.
    #[must_use]
    pub fn refusing_bodies_of(self, bodiless: Operations, refuse: Refuse) -> Self {
        Self { bodiless: Some((bodiless, refuse)), ..self }
    }

    pub(super) fn add(&mut self, endpoint: Endpoint) {
        self.endpoints.push(endpoint);
    }

    /// Adds `Deprecation`, `Sunset` and a `Link` to every answer of these operations, and of those that receive one of these
    /// parameters.
    #[must_use]
    pub fn with_deprecations(self, deprecations: Deprecations) -> Self {
        Self { deprecations, ..self }
    }

    /// Shows the failures of each operation in these metrics, with 0 before the first of them, so that it is an increase.
    #[must_use]
    pub fn counted_in(self, metrics: HttpMetrics) -> Self {
        Self { metrics: Some(metrics), ..self }
    }

    /// Answers the preflight requests of pages of these origins, with the methods of the path.
    #[must_use]
    pub fn with_preflight(self, cors: Cors) -> Self {
        Self { cors: Some(cors), ..self }
    }
}

impl ServiceFactory<ServiceRequest> for Endpoints {
    type Response = ServiceResponse;
    type Error = Error;
    type Config = ();
    type Service = Routing;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Routing, ()>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let nowhere = always(self.refusals.no_such_path).new_service(());
        let parameters_refused = self.parameterless.as_ref().map(|(_, refuse)| always(*refuse).new_service(()));
        let body_refused = self.bodiless.as_ref().map(|(_, refuse)| always(*refuse).new_service(()));
        if let Some(metrics) = &self.metrics {
            for endpoint in &self.endpoints {
                endpoint.methods.iter().for_each(|(method, _)| metrics.expect(method, endpoint.path));
            }
        }
        let endpoints: Vec<_> = self
            .endpoints
            .iter()
            .map(|endpoint| {
                let methods = endpoint.methods.iter().map(|(method, route)| {
                    let parameterless = self.parameterless.as_ref();
                    let takes_parameters =
                        parameterless.is_none_or(|(operations, _)| !operations.contain(endpoint.path, method));
                    let takes_body =
                        self.bodiless.as_ref().is_none_or(|(operations, _)| !operations.contain(endpoint.path, method));
                    (method.clone(), route.new_service(()), takes_parameters, takes_body)
                });
                let others = endpoint.others.as_ref().map(|route| route.new_service(()));
                let preflight = self.cors.as_ref().map(|cors| endpoint.preflight(cors).new_service(()));
                let refusal = endpoint.refusal(self.refusals).new_service(());
                (endpoint.path, endpoint.used_by, methods.collect::<Vec<_>>(), others, refusal, preflight)
            })
            .collect();
        let (cors, deprecations) = (self.cors.clone(), self.deprecations);
        Box::pin(async move {
            let mut places = matchit::Router::new();
            for (path, used_by, makings, others, refusal, preflight) in endpoints {
                let mut methods = Vec::with_capacity(makings.len());
                for (method, making, takes_parameters, takes_body) in makings {
                    methods.push(Answering { method, handling: making.await?, takes_parameters, takes_body });
                }
                let others = OptionFuture::from(others).await.transpose()?;
                let preflight = OptionFuture::from(preflight).await.transpose()?;
                let refusal = refusal.await?;
                let place =
                    Place { path, used_by, placeholders: placeholders(path), methods, others, refusal, preflight };
                places
                    .insert(path, place)
                    .map_err(|conflict| tracing::error!(path, %conflict, "a path cannot be served"))?;
            }
            let parameters_refused = OptionFuture::from(parameters_refused).await.transpose()?;
            let body_refused = OptionFuture::from(body_refused).await.transpose()?;
            Ok(Routing { places, nowhere: nowhere.await?, parameters_refused, body_refused, cors, deprecations })
        })
    }
}

/// The names between braces.
fn placeholders(path: &'static str) -> Vec<&'static str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| name.trim_start_matches('*'))
        .collect()
}

type Handling = <Route as ServiceFactory<ServiceRequest>>::Service;

/// One path, ready to be asked for.
struct Place {
    path: &'static str,
    used_by: UsedBy,
    placeholders: Vec<&'static str>,
    methods: Vec<Answering>,
    /// Answers the methods that are not among them.
    others: Option<Handling>,
    refusal: Handling,
    /// Where preflight requests are answered.
    preflight: Option<Handling>,
}

/// One method of a path.
struct Answering {
    method: Method,
    handling: Handling,
    takes_parameters: bool,
    takes_body: bool,
}

/// What [`Endpoints`] makes: gives each request to the handler of its path and method.
pub struct Routing {
    places: matchit::Router<Place>,
    nowhere: Handling,
    cors: Option<Cors>,
    parameters_refused: Option<Handling>,
    body_refused: Option<Handling>,
    deprecations: Deprecations,
}

impl fmt::Debug for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routing").finish_non_exhaustive()
    }
}

impl Service<ServiceRequest> for Routing {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = <Handling as Service<ServiceRequest>>::Future;

    always_ready!();

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let Ok(found) = self.places.at(request.match_info().unprocessed()) else { return self.nowhere.call(request) };
        let place = found.value;
        let values: Vec<String> = found.params.iter().map(|(_, value)| value.to_owned()).collect();
        for (name, value) in place.placeholders.iter().zip(values) {
            request.match_info_mut().add_static(*name, value);
        }
        middleware::tell_route(place.path, place.used_by);
        if let (Some(cors), Some(preflight)) = (&self.cors, &place.preflight)
            && cors.origins.is_preflight(&request)
        {
            return preflight.call(request);
        }
        let Some(answering) = place.methods.iter().find(|answering| answering.method == request.method()) else {
            let takes = ![Method::CONNECT, Method::TRACE].contains(request.method());
            let others = place.others.as_ref().filter(|_| takes);
            return others.unwrap_or(&place.refusal).call(request);
        };
        let deprecations = self.deprecations;
        let used = deprecations.used(place.path, request.method(), request.query_string());
        let answering = match (&self.parameters_refused, &self.body_refused) {
            (Some(refused), _) if !answering.takes_parameters && !request.query_string().is_empty() => {
                refused.call(request)
            }
            (_, Some(refused)) if !answering.takes_body && has_body(request.headers()) => refused.call(request),
            _ => answering.handling.call(request),
        };
        if used.is_empty() {
            return answering;
        }
        Box::pin(async move {
            let mut answer = answering.await;
            deprecations.tell(&used, &mut answer);
            answer
        })
    }
}

/// Whether a request with these headers has a body that is not empty.
fn has_body(headers: &HeaderMap) -> bool {
    let announced =
        headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes().iter().any(|digit| *digit != b'0'));
    announced || headers.contains_key(TRANSFER_ENCODING)
}

fn always(answer: fn(&HttpRequest) -> HttpResponse) -> Route {
    web::to(move |request: HttpRequest| std::future::ready(answer(&request)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{App, HttpResponse, http::StatusCode, http::header::ALLOW, test};

    /// Answers with the placeholders of the path that was taken.
    fn telling(what: &'static str) -> impl Fn(HttpRequest) -> std::future::Ready<HttpResponse> + Clone {
        move |request| {
            let values: Vec<_> = request.match_info().iter().map(|(name, value)| format!("{name}={value}")).collect();
            std::future::ready(HttpResponse::Ok().body(format!("{what} {}", values.join(" "))))
        }
    }

    fn endpoints() -> Endpoints {
        let mut endpoints = Endpoints::default();
        Endpoint::at("/heroes/{id}").get(telling("one")).delete(telling("gone")).register(&mut endpoints);
        Endpoint::at("/heroes/bulk").post(telling("many")).register(&mut endpoints);
        Endpoint::at("/heroes/{hero}/deeds/{deed}").get(telling("deed")).register(&mut endpoints);
        Endpoint::at("/files/{*name}").get(telling("file")).register(&mut endpoints);
        Endpoint::at("/proxy/{*path}").get(telling("read")).others(telling("other")).register(&mut endpoints);
        endpoints
    }

    async fn ask(method: Method, path: &str) -> (StatusCode, String, Option<String>) {
        let service = test::init_service(App::new().default_service(endpoints())).await;
        let request = test::TestRequest::default().method(method).uri(path).to_request();
        let response = test::call_service(&service, request).await;
        let allow = response.headers().get(ALLOW).map(|value| value.to_str().unwrap().to_owned());
        let status = response.status();
        (status, String::from_utf8(test::read_body(response).await.to_vec()).unwrap(), allow)
    }

    async fn text(path: &str) -> String {
        ask(Method::GET, path).await.1
    }

    #[actix_web::test]
    async fn a_path_may_take_any_method_but_those_of_the_connection() {
        assert_eq!(text("/proxy/a/b").await, "read path=a/b");
        for method in ["POST", "OPTIONS", "PROPFIND", "M-SEARCH", "get"] {
            let (status, text, _) = ask(method.parse().unwrap(), "/proxy/a").await;
            assert_eq!((status, text.as_str()), (StatusCode::OK, "other path=a"), "{method}");
        }
        for method in [Method::CONNECT, Method::TRACE] {
            let (status, _, allow) = ask(method, "/proxy/a").await;
            assert_eq!((status, allow.as_deref()), (StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD, OPTIONS")));
        }
        assert_eq!(ask("PROPFIND".parse().unwrap(), "/files/a").await.0, StatusCode::METHOD_NOT_ALLOWED);
    }

    #[actix_web::test]
    async fn placeholders_have_the_names_of_their_own_path() {
        assert_eq!(text("/heroes/7").await, "one id=7");
        assert_eq!(text("/heroes/7/deeds/slain%20dragon").await, "deed hero=7 deed=slain dragon");
        assert_eq!(text("/files/css/main.css").await, "file name=css/main.css");
    }

    #[actix_web::test]
    async fn a_fixed_part_goes_before_a_placeholder_also_when_its_method_is_refused() {
        assert_eq!(ask(Method::POST, "/heroes/bulk").await.1, "many ");
        let (status, _, allow) = ask(Method::GET, "/heroes/bulk").await;
        assert_eq!((status, allow.as_deref()), (StatusCode::METHOD_NOT_ALLOWED, Some("POST")));
    }

    #[actix_web::test]
    async fn a_method_that_is_not_named_is_told_which_are() {
        let (status, _, allow) = ask(Method::PUT, "/heroes/7").await;
        assert_eq!((status, allow.as_deref()), (StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD, DELETE")));
        assert_eq!(ask(Method::HEAD, "/heroes/7").await.0, StatusCode::OK);
    }

    #[actix_web::test]
    async fn an_endpoint_of_get_alone_does_not_know_head() {
        let mut endpoints = Endpoints::default();
        Endpoint::at("/heroes").get_alone(telling("all")).register(&mut endpoints);
        let service = test::init_service(App::new().default_service(endpoints)).await;
        for (method, status) in [(Method::GET, StatusCode::OK), (Method::HEAD, StatusCode::METHOD_NOT_ALLOWED)] {
            let request = test::TestRequest::default().method(method).uri("/heroes").to_request();
            assert_eq!(test::call_service(&service, request).await.status(), status);
        }
    }

    #[actix_web::test]
    async fn a_service_may_refuse_paths_and_methods_in_its_own_way() {
        let refusals = Refusals {
            no_such_path: |request| HttpResponse::NotFound().body(format!("none {}", request.path())),
            method_not_allowed: |allow| HttpResponse::MethodNotAllowed().body(format!("only {allow}")),
        };
        let service = test::init_service(App::new().default_service(endpoints().with_refusals(refusals))).await;
        for (path, expected) in [("/nowhere", "none /nowhere"), ("/heroes/bulk", "only POST")] {
            let answer = test::call_service(&service, test::TestRequest::get().uri(path).to_request()).await;
            assert_eq!(test::read_body(answer).await, expected);
        }
    }

    #[actix_web::test]
    async fn what_is_almost_a_path_is_none() {
        for path in ["/", "/heroes", "/heroes/", "/heroes/7/", "/heroes//deeds/1", "/Heroes/7", "/files/", "//heroes/7"]
        {
            assert_eq!(ask(Method::GET, path).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[actix_web::test]
    async fn two_endpoints_for_one_path_cannot_be_served() {
        let mut endpoints = endpoints();
        Endpoint::at("/heroes/{other}").get(telling("other")).register(&mut endpoints);
        assert!(endpoints.new_service(()).await.is_err());
    }
}
