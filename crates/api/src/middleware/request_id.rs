//! The id of a request: taken over or made, answered, logged, and named in every problem.

use actix_web::{
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
};
use std::future::Future;
use uuid::Uuid;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST: usize = 128;

tokio::task_local! {
    static CURRENT: CurrentRequest;
}

/// The request being answered.
#[derive(Clone, Debug)]
pub struct CurrentRequest {
    /// Its id.
    pub id: String,
    /// Its path, without the query.
    pub path: String,
}

impl CurrentRequest {
    pub(super) fn of(request: &ServiceRequest) -> Self {
        let given = request.headers().get(&HEADER).and_then(|value| value.to_str().ok());
        let usable = |id: &&str| (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        let id = given.filter(usable).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        Self { id, path: request.path().to_owned() }
    }

    /// The id as it is answered.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.id).ok()
    }
}

/// The request that the current task answers; `None` outside of [`account`](super::account).
#[must_use]
pub fn current_request() -> Option<CurrentRequest> {
    with_current(|current| current.cloned())
}

/// Gives the request that the current task answers to `look`.
pub(super) fn with_current<T>(look: impl Fn(Option<&CurrentRequest>) -> T) -> T {
    CURRENT.try_with(|current| look(Some(current))).unwrap_or_else(|_| look(None))
}

/// Has `answering` know that it answers `current`.
pub(super) fn within<F: Future>(current: CurrentRequest, answering: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(current, answering)
}

/// Has the answer bear the id.
pub(super) fn tell<B>(response: &mut ServiceResponse<B>, id: Option<HeaderValue>) {
    if let Some(id) = id {
        response.headers_mut().insert(HEADER, id);
    }
}
