//! One path with its methods, and the right answer to every other method.

use crate::{Problem, middleware};
use actix_web::{
    FromRequest, Handler, Resource, Responder,
    http::Method,
    middleware::from_fn,
    web::{self, ServiceConfig},
};

/// One path with its methods. `HEAD` goes where `GET` goes; a method not named is answered 405 with `Allow`, and a
/// panic in a handler 500.
pub struct Endpoint {
    resource: Resource,
    allow: Vec<&'static str>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("allow", &self.allow).finish_non_exhaustive()
    }
}

macro_rules! method {
    ($name:ident, $method:ident, $allow:literal) => {
        #[doc = concat!("Answers `", $allow, "` by this handler.")]
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
    /// At this path, which may have placeholders: `/characters/{id}`.
    #[must_use]
    pub fn at(path: &str) -> Self {
        Self { resource: web::resource(path), allow: Vec::new() }
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

    method!(post, POST, "POST");
    method!(put, PUT, "PUT");
    method!(patch, PATCH, "PATCH");
    method!(delete, DELETE, "DELETE");

    fn on<F, Args>(mut self, method: Method, allow: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.resource = self.resource.route(web::method(method).to(handler));
        self.allow.push(allow);
        self
    }

    /// Adds it to the service.
    pub fn register(self, config: &mut ServiceConfig) {
        let allow = self.allow.join(", ");
        let refuse = move || std::future::ready(Problem::method_not_allowed(&allow));
        config.service(self.resource.default_service(web::to(refuse)).wrap(from_fn(middleware::catch_panics)));
    }
}
