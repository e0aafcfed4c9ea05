//! What surrounds every request, outermost first: [`request_id`], [`span`], [`log`], [`measure`]; and around each
//! handler [`catch_panics`]. Wrap them with [`actix_web::middleware::from_fn`], the innermost first.

mod access_log;
mod http_metrics;
mod panics;
mod request_id;
mod trace;

pub use access_log::log;
pub use http_metrics::{HttpMetrics, measure};
pub use panics::catch_panics;
pub use request_id::{CurrentRequest, current_request, request_id};
pub use trace::span;

use actix_web::{Error, HttpMessage, HttpRequest, dev::ServiceResponse};
use std::rc::Rc;

/// What was found by [`route`], kept with the request.
#[derive(Clone)]
struct Route(Rc<str>);

/// The route that answered, such as `/api/v2/characters/{id}`: a bounded set, unlike paths. Looked for once in each
/// request, since that tries the patterns one after the other.
fn route(request: &HttpRequest) -> Rc<str> {
    if let Some(Route(known)) = request.extensions().get() {
        return Rc::clone(known);
    }
    let pattern = request.match_pattern().filter(|pattern| !pattern.is_empty());
    let route: Rc<str> = pattern.map_or_else(|| "unmatched".into(), Rc::from);
    request.extensions_mut().insert(Route(Rc::clone(&route)));
    route
}

/// Route and status of an answer, also when it is an error that no handler turned into one.
fn route_and_status<B>(answer: &Result<ServiceResponse<B>, Error>) -> (Rc<str>, u16) {
    match answer {
        Ok(response) => (route(response.request()), response.status().as_u16()),
        Err(error) => ("unmatched".into(), error.as_response_error().status_code().as_u16()),
    }
}
