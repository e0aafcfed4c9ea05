//! The paths of a service: each with its methods, and the right answer to every other method and path.

mod endpoints;
mod operations;
mod routing;
#[cfg(test)]
mod tests;

pub use endpoints::{Endpoints, Refusals};
pub use operations::Operations;
pub use routing::Routing;

use crate::Cors;
use actix_web::{FromRequest, Handler, HttpResponse, Responder, Route, http::Method, http::header::HeaderValue, web};
use std::fmt;

/// One path with its methods. A method not named is answered 405 with `Allow`.
///
/// ```
/// use actix_web::{App, HttpResponse};
/// use character_http_kit::{Endpoint, Endpoints};
///
/// async fn greet() -> HttpResponse {
///     HttpResponse::Ok().body("well met")
/// }
///
/// let mut endpoints = Endpoints::default();
/// Endpoint::at("/greetings/{name}").get(greet).register(&mut endpoints);
/// let app = App::new().default_service(endpoints);
/// ```
pub struct Endpoint {
    path: &'static str,
    methods: Vec<(Method, Route)>,
    /// Answers the methods that are not named.
    others: Option<Route>,
    allow: Vec<&'static str>,
    used_by: UsedBy,
}

/// What sends the requests to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsedBy {
    /// Clients, when they want something.
    Clients,
    /// Programs, all the time, whether anything happens or not.
    Polls,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("path", &self.path).field("allow", &self.allow).finish_non_exhaustive()
    }
}

macro_rules! method {
    ($name:ident, $method:ident, $allow:literal $(, $more:literal)?) => {
        #[doc = concat!("Answers `", $allow, "` by this handler." $(, $more)?)]
        #[must_use]
        pub fn $name<F, Args>(self, handler: F) -> Self
        where
            F: Handler<Args>,
            Args: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            self.on(Method::$method, $allow, handler)
        }
    };
}

impl Endpoint {
    /// At this path, which may have placeholders, `/characters/{id}`, and at its end one that takes all that is left,
    /// `/files/{*name}`. Where several paths fit, the one with more fixed parts is taken.
    #[must_use]
    pub fn at(path: &'static str) -> Self {
        Self { path, methods: Vec::new(), others: None, allow: Vec::new(), used_by: UsedBy::Clients }
    }

    /// Marks it as polled by programs, all the time: a request that succeeds is logged at level `DEBUG` only, and the span of the
    /// request has the field [`POLLED`](crate::middleware::POLLED), so that a sampler can leave it out.
    #[must_use]
    pub fn polled(self) -> Self {
        Self { used_by: UsedBy::Polls, ..self }
    }

    /// Answers `GET` and `HEAD` by this handler.
    #[must_use]
    pub fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, "GET", handler.clone()).on(Method::HEAD, "HEAD", handler)
    }

    method!(get_alone, GET, "GET", " `HEAD` is answered 405.");
    method!(post, POST, "POST");
    method!(put, PUT, "PUT");
    method!(patch, PATCH, "PATCH");
    method!(delete, DELETE, "DELETE");

    /// Answers every method that is not named by this handler, extensions such as `PROPFIND` too. `CONNECT` and `TRACE`, which
    /// are about the connection and not about the path, are answered 405.
    #[must_use]
    pub fn others<F, Args>(mut self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.others = Some(web::to(handler));
        self.allow.push("OPTIONS");
        self
    }

    fn on<F, Args>(mut self, method: Method, allow: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.methods.push((method, web::to(handler)));
        self.allow.push(allow);
        self
    }

    /// Adds it to the paths of a service.
    pub fn register(self, endpoints: &mut Endpoints) {
        endpoints.add(self);
    }

    /// Answers a browser that asks for the methods.
    fn preflight(&self, cors: &Cors) -> Route {
        let (cors, allow) = (cors.clone(), self.allow.join(", "));
        web::to(move || {
            let mut response = HttpResponse::NoContent().finish();
            // The methods are names of our own, so the text is a header.
            let methods = HeaderValue::from_str(&allow).unwrap_or_else(|_| HeaderValue::from_static(""));
            cors.describe(methods, response.headers_mut());
            std::future::ready(response)
        })
    }

    /// Answers the methods that are not named.
    fn refusal(&self, refusals: Refusals) -> Route {
        let allow = self.allow.join(", ");
        web::to(move || std::future::ready((refusals.method_not_allowed)(&allow)))
    }
}
