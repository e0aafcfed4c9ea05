//! Finds the handler of a request by its path and method.

use super::UsedBy;
use crate::{Cors, Deprecations, middleware};
use actix_web::{
    Error, Route,
    dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse, always_ready},
    http::{
        Method,
        header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING},
    },
};
use std::fmt;

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
    pub(super) method: Method,
    pub(super) handling: Handling,
    pub(super) takes_parameters: bool,
    pub(super) takes_body: bool,
}

/// What [`Endpoints`](crate::Endpoints) makes: passes each request to the handler of its path and method.
pub struct Routing {
    pub(super) places: matchit::Router<Place>,
    pub(super) nowhere: Handling,
    pub(super) cors: Option<Cors>,
    pub(super) parameters_refused: Option<Handling>,
    pub(super) body_refused: Option<Handling>,
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
