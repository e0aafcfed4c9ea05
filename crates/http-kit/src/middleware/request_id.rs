//! The id of a request: taken over or made, answered, logged, and named in every problem.

use super::{cut, mark, trace};
use crate::{ProblemTypes, endpoint::UsedBy};
use actix_web::{
    Error,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
};
use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
};
use uuid::Uuid;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST: usize = 128;
/// Maximum number of bytes of a path in the log and in problems.
const MOST_OF_PATH: usize = 512;

tokio::task_local! {
    static CURRENT: Current;
}

struct Current {
    request: CurrentRequest,
    types: ProblemTypes,
    /// The path that it fits, as the service writes it, and what uses it, once that is found.
    route: Cell<Option<(&'static str, UsedBy)>>,
    /// Who sends it, once that is known.
    principal: RefCell<Option<Cow<'static, str>>>,
}

/// The request being answered.
#[derive(Clone, Debug)]
pub struct CurrentRequest {
    /// Its id.
    pub id: String,
    /// Its path, without the query, cut when it is longer than any path of the service.
    pub path: String,
}

impl CurrentRequest {
    pub(super) fn of(request: &ServiceRequest) -> Self {
        let given = request.headers().get(&HEADER).and_then(|value| value.to_str().ok());
        let usable = |id: &&str| (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        let id = given.filter(usable).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        Self { id, path: cut(request.path(), MOST_OF_PATH).into_owned() }
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
    CURRENT.try_with(|current| look(Some(&current.request))).unwrap_or_else(|_| look(None))
}

/// The types of the problems that answer the current request.
pub(crate) fn problem_types() -> ProblemTypes {
    CURRENT.try_with(|current| current.types).unwrap_or(ProblemTypes::BLANK)
}

/// The path that the current request fits, such as `/api/v2/characters/{id}`, and what uses it, once that is known.
pub(super) fn route() -> Option<(&'static str, UsedBy)> {
    CURRENT.try_with(|current| current.route.get()).ok().flatten()
}

/// Tells [`account`](super::account) which path the current request fits.
pub(crate) fn tell_route(path: &'static str, used_by: UsedBy) {
    // Where nobody accounts for requests, nobody asks.
    let _ = CURRENT.try_with(|current| current.route.set(Some((path, used_by))));
    if used_by == UsedBy::Polls {
        trace::note_poll();
    }
}

/// Remembers for the line of the access log which caller sends the current request. Without a current request it does
/// nothing.
pub fn note_principal(principal: impl Into<Cow<'static, str>>) {
    // Where nobody accounts for requests, nobody asks.
    let _ = CURRENT.try_with(|current| current.principal.replace(Some(principal.into())));
}

/// The caller of the current request, once it is known.
pub(super) fn principal() -> Option<Cow<'static, str>> {
    CURRENT.try_with(|current| current.principal.borrow().clone()).ok().flatten()
}

/// Has `answering` know that it answers `request`.
pub(super) fn within<F: Future>(
    request: CurrentRequest,
    types: ProblemTypes,
    answering: F,
) -> impl Future<Output = F::Output> {
    let current = Current { request, types, route: Cell::new(None), principal: RefCell::new(None) };
    CURRENT.scope(current, answering)
}

/// Has the answer bear the id, whatever the answer.
pub(super) fn tell<B>(answer: &mut Result<ServiceResponse<B>, Error>, id: Option<HeaderValue>) {
    if let Some(id) = id {
        mark(answer, |headers| drop(headers.insert(HEADER, id)));
    }
}
