//! The paths of a service, collected before it starts, and their answers to what no handler takes.

use super::{
    Endpoint, Operations, UsedBy,
    routing::{Answering, Place, Refusing, RefusingBodies, Routing, placeholders},
};
use crate::{Cors, Deprecations, HttpMetrics, Problem};
use actix_web::{
    Error, HttpRequest, HttpResponse, ResponseError, Route,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    web,
};
use futures_util::future::{LocalBoxFuture, OptionFuture};
use std::time::Duration;

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
    parameterless: Option<(Known, Refuse)>,
    bodiless: Option<RefusingBodies>,
    deprecations: Deprecations,
    metrics: Option<HttpMetrics>,
}

/// Operations of the description of an API. It is large, and not read before a request needs it.
pub(super) type Known = fn() -> &'static Operations;

/// Answers a request with a part that its operation does not have.
pub(super) type Refuse = fn(&HttpRequest) -> HttpResponse;

impl Endpoints {
    /// Answers with these refusals what none of the endpoints takes.
    #[must_use]
    pub fn with_refusals(self, refusals: Refusals) -> Self {
        Self { refusals, ..self }
    }

    /// Answers every query parameter of these operations with `refuse`, before their handlers see the request. A handler
    /// of an operation that has parameters refuses the unknown ones among them itself, together with all other faults.
    /// The operations are asked for by the first request that has a parameter.
    #[must_use]
    pub fn refusing_parameters_of(self, parameterless: fn() -> &'static Operations, refuse: Refuse) -> Self {
        Self { parameterless: Some((parameterless, refuse)), ..self }
    }

    /// Answers a body that is sent to these operations with `refuse`, before their handlers see the request. The operations are
    /// asked for by the first request that has a body. Whether a body of unknown length is empty, which is the same as none, must
    /// be known within `timeout`.
    #[must_use]
    pub fn refusing_bodies_of(self, bodiless: fn() -> &'static Operations, timeout: Duration, refuse: Refuse) -> Self {
        Self { bodiless: Some(RefusingBodies { operations: bodiless, timeout, refuse }), ..self }
    }

    pub(super) fn add(&mut self, endpoint: Endpoint) {
        self.endpoints.push(endpoint);
    }

    /// The paths that are [polled](Endpoint::polled).
    pub fn polled(&self) -> impl Iterator<Item = &'static str> {
        self.endpoints.iter().filter(|endpoint| endpoint.used_by == UsedBy::Polls).map(|endpoint| endpoint.path)
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
        let (parameters, body) = (refusing(self.parameterless), self.bodiless);
        if let Some(metrics) = &self.metrics {
            for endpoint in &self.endpoints {
                endpoint.methods.iter().for_each(|(method, _)| metrics.expect(method, endpoint.path));
            }
        }
        let endpoints: Vec<_> = self
            .endpoints
            .iter()
            .map(|endpoint| {
                let methods = endpoint.methods.iter().map(|(method, route)| (method.clone(), route.new_service(())));
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
                for (method, making) in makings {
                    methods.push(Answering::by(method, making.await?));
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
            let parameters = OptionFuture::from(parameters).await.transpose()?;
            Ok(Routing { places, nowhere: nowhere.await?, parameters, body, cors, deprecations })
        })
    }
}

fn refusing(operations: Option<(Known, Refuse)>) -> Option<impl Future<Output = Result<Refusing, ()>>> {
    operations.map(|(operations, refuse)| {
        let refusal = always(refuse).new_service(());
        async move { Ok(Refusing { operations, refusal: refusal.await? }) }
    })
}

fn always(answer: fn(&HttpRequest) -> HttpResponse) -> Route {
    web::to(move |request: HttpRequest| std::future::ready(answer(&request)))
}
