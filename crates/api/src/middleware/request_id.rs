//! The id of a request: taken over or made, answered, logged, and named in every problem.

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
    middleware::Next,
};
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

/// The request that the current task answers; `None` outside of [`request_id`].
#[must_use]
pub fn current_request() -> Option<CurrentRequest> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Takes over the `X-Request-Id` of the request when it is 1 to 128 visible ASCII characters, else makes one (UUID
/// version 7), and answers it.
///
/// # Errors
/// Those of the inner service.
pub async fn request_id<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut given = request.headers().get_all(&HEADER).filter_map(|value| value.to_str().ok());
    let usable = |id: &&str| (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    let id = given.next().filter(usable).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
    let header = HeaderValue::from_str(&id);
    let current = CurrentRequest { id, path: request.path().to_owned() };
    let mut response = CURRENT.scope(current, next.call(request)).await?;
    if let Ok(header) = header {
        response.headers_mut().insert(HEADER, header);
    }
    Ok(response)
}
