//! Finds the handler of a request by its path and method.

use super::{
    UsedBy,
    endpoints::{Known, Refuse},
};
use crate::{BodyLimits, Cors, Deprecations, middleware, read_body};
use actix_web::{
    Error, Route,
    dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse, always_ready},
    http::{
        Method,
        header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING},
    },
    web,
};
use std::{cell::OnceCell, fmt, rc::Rc, time::Duration};

/// The names between braces.
pub(super) fn placeholders(path: &'static str) -> Vec<&'static str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| name.trim_start_matches('*'))
        .collect()
}

pub(super) type Handling = <Route as ServiceFactory<ServiceRequest>>::Service;

/// One path, ready to be asked for.
pub(super) struct Place {
    pub(super) path: &'static str,
    pub(super) used_by: UsedBy,
    pub(super) placeholders: Vec<&'static str>,
    pub(super) methods: Vec<Answering>,
    /// Answers the methods that are not among them.
    pub(super) others: Option<Handling>,
    pub(super) refusal: Handling,
    /// Where preflight requests are answered.
    pub(super) preflight: Option<Handling>,
}

/// One method of a path.
pub(super) struct Answering {
    method: Method,
    handling: Rc<Handling>,
    /// Whether a query parameter of it is refused, once a request has had one.
    refuses_parameters: OnceCell<bool>,
    /// The same of a body.
    refuses_body: OnceCell<bool>,
}

impl Answering {
    pub(super) fn by(method: Method, handling: Handling) -> Self {
        Self { method, handling: Rc::new(handling), refuses_parameters: OnceCell::new(), refuses_body: OnceCell::new() }
    }
}

/// Refuses a part of a request that its operation does not have.
pub(super) struct Refusing {
    /// Those that do not have it.
    pub(super) operations: Known,
    pub(super) refusal: Handling,
}

/// Refuses the bodies of operations that take none.
#[derive(Clone, Copy, Debug)]
pub(super) struct RefusingBodies {
    pub(super) operations: Known,
    /// How long a body of unknown length may take to show whether it is empty.
    pub(super) timeout: Duration,
    pub(super) refuse: Refuse,
}

impl RefusingBodies {
    /// The answer of the handler to a request whose body turns out to be empty.
    async fn answer(self, mut request: ServiceRequest, handling: Rc<Handling>) -> Result<ServiceResponse, Error> {
        let payload = request.extract::<web::Payload>().await?;
        let none = BodyLimits { bytes: 0, timeout: self.timeout, rate: 1 };
        // One that is late or breaks off was to be a body.
        if read_body(request.headers(), payload, none).await.is_ok() {
            return handling.call(request).await;
        }
        let refusal = (self.refuse)(request.request());
        Ok(request.into_response(refusal))
    }
}

/// What [`Endpoints`](crate::Endpoints) makes: passes each request to the handler of its path and method.
pub struct Routing {
    pub(super) places: matchit::Router<Place>,
    pub(super) nowhere: Handling,
    pub(super) cors: Option<Cors>,
    pub(super) parameters: Option<Refusing>,
    pub(super) body: Option<RefusingBodies>,
    pub(super) deprecations: Deprecations,
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
        let has_parameters = !request.query_string().is_empty();
        let is_among = |known: Known| known().contain(place.path, &answering.method);
        let parameters = self.parameters.as_ref().filter(|refusing| {
            has_parameters && *answering.refuses_parameters.get_or_init(|| is_among(refusing.operations))
        });
        let body = self.body.filter(|refusing| {
            may_have_body(request.headers()) && *answering.refuses_body.get_or_init(|| is_among(refusing.operations))
        });
        let answering: Self::Future = match (parameters, body) {
            (Some(refusing), _) => refusing.refusal.call(request),
            (None, Some(refusing)) => Box::pin(refusing.answer(request, Rc::clone(&answering.handling))),
            (None, None) => answering.handling.call(request),
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

/// Whether a request with these headers may have a body that is not empty. Only a body that comes in chunks shows it by itself.
fn may_have_body(headers: &HeaderMap) -> bool {
    let announced =
        headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes().iter().any(|digit| *digit != b'0'));
    announced || headers.contains_key(TRANSFER_ENCODING)
}
