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

use actix_web::{Error, HttpRequest, dev::ServiceResponse};

/// The route that answered, such as `/api/v2/characters/{id}`: a bounded set, unlike paths.
fn route(request: &HttpRequest) -> String {
    request.match_pattern().filter(|pattern| !pattern.is_empty()).unwrap_or_else(|| "unmatched".to_owned())
}

/// Route and status of an answer, also when it is an error that no handler turned into one.
fn route_and_status<B>(answer: &Result<ServiceResponse<B>, Error>) -> (String, u16) {
    match answer {
        Ok(response) => (route(response.request()), response.status().as_u16()),
        Err(error) => ("unmatched".to_owned(), error.as_response_error().status_code().as_u16()),
    }
}
