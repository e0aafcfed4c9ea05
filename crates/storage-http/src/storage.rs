//! The port over a [`Transport`]: requests for operations, and the meaning of responses.

use crate::{
    StreamTransport, TransportStack,
    transport::{
        ApiRequest, ApiResponse, LARGE_BODY, LARGE_PAGE, RequestSize, Sent, Transport, TransportError,
        TransportErrorKind,
    },
    verdict::Verdict,
};
use async_trait::async_trait;
use bytes::Bytes;
use character_domain::json;
use character_storage_port::{
    Applied, Deleted, Entity, ErrorKind, PROBE, Page, PageRequest, Probe, Query, Read, Result, Retry, StorageError,
    StoragePort, Store, check_count, check_list, connection_failure,
};
use character_storage_wire as wire;
use reqwest::Method;
use serde::{Serialize, de::DeserializeOwned};
use std::{borrow::Cow, sync::Arc};

/// The storage port over HTTP, version 1 of the wire contract.
///
/// The [`Transport`] is responsible for time, retries and load. This type turns operations into requests and responses
/// into outcomes, and rejects every response that breaks the contract.
///
/// A process that [follows](character_storage_port::Log) the log needs a separate instance, created and used on a
/// separate runtime, such as a thread with a current-thread runtime. The runtime that opened a connection drives it: on
/// a runtime that is overloaded with calls, the follower would be delayed too, and would treat the storage as silent
/// just when the caches are needed most.
///
/// Clones share the transport, its breakers and its connections.
#[derive(Debug)]
pub struct HttpStorage<T: ?Sized = TransportStack> {
    transport: Arc<T>,
}

impl<T: ?Sized> Clone for HttpStorage<T> {
    fn clone(&self) -> Self {
        Self { transport: Arc::clone(&self.transport) }
    }
}

impl<T: Transport> HttpStorage<T> {
    /// The port over this transport.
    #[must_use]
    pub fn over(transport: T) -> Self {
        Self { transport: Arc::new(transport) }
    }
}

impl<T: StreamTransport> HttpStorage<T> {
    /// The storage as the port. The code of every operation is generated in this crate, once for all transports.
    #[must_use]
    pub fn into_port(self) -> Arc<dyn StoragePort> {
        HttpStorage::<dyn StreamTransport> { transport: self.transport }.erased()
    }
}

impl HttpStorage<dyn StreamTransport> {
    fn erased(self) -> Arc<dyn StoragePort> {
        Arc::new(self)
    }
}

impl<T: Transport + ?Sized> HttpStorage<T> {
    /// The transport of requests.
    #[must_use]
    pub fn transport(&self) -> &T {
        &self.transport
    }

    pub(crate) async fn get(&self, operation: &'static str, path: String, size: RequestSize) -> Result<ApiResponse> {
        self.ask(ApiRequest { size, ..ApiRequest::get(operation, path) }).await
    }

    pub(crate) async fn post(&self, operation: &'static str, path: &str, body: Bytes) -> Result<ApiResponse> {
        let size = if body.len() > LARGE_BODY { RequestSize::Large } else { RequestSize::Ordinary };
        let (method, body) = (Method::POST, Some(body));
        self.ask(ApiRequest { method, size, body, ..ApiRequest::get(operation, path) }).await
    }

    pub(crate) async fn ask(&self, request: ApiRequest) -> Result<ApiResponse> {
        self.transport.call(request).await.map_err(not_answered)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<E: Entity, T: Transport + ?Sized> Store<E> for HttpStorage<T> {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        let about = |error: StorageError| if error.entity().is_some() { error } else { error.with_entity(E::KIND, id) };
        let response = self.get(E::FIND, wire::entity::<E>(id, deleted), RequestSize::Ordinary).await.map_err(about)?;
        if response.status == 404
            && let Some(problem) = problem(&response)
            && problem.code == ErrorKind::NotFound.code()
        {
            return match problem.entity {
                Some(entity) if entity.id != id.into() => {
                    Err(about(corrupt(E::FIND, "the storage answered about another row than it was asked for")))
                }
                _ => Ok(Read::origin(None)),
            };
        }
        let entity: E = message(E::FIND, &response).map_err(about)?;
        if entity.id() != id {
            return Err(about(corrupt(E::FIND, "the storage answered another row than it was asked for")));
        }
        if deleted == Deleted::Exclude && entity.meta().is_deleted() {
            return Err(about(corrupt(E::FIND, "the storage answered a deleted row that was not asked for")));
        }
        Ok(Read::origin(Some(entity)))
    }

    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        check_list::<E>(query, &page)?;
        let path = format!("{}?{}", wire::collection(E::KIND), wire::encode_list::<E>(query, &page));
        let size = if page.limit.get() > LARGE_PAGE { RequestSize::Large } else { RequestSize::Ordinary };
        let response = self.get(E::LIST, path, size).await?;
        let list: wire::ListBody<E> = message(E::LIST, &response)?;
        let rows = list.items.len() + list.unreadable.len();
        if rows > page.limit.get() as usize {
            return Err(corrupt(E::LIST, "the storage answered more rows than it was asked for"));
        }
        if rows == 0 && list.next_cursor.is_some() {
            return Err(corrupt(E::LIST, "the storage answered an empty page that is not the last"));
        }
        if list.unreadable.iter().any(|row| row.position >= rows) {
            return Err(corrupt(E::LIST, "the storage answered an unreadable row at a place outside of the page"));
        }
        if list.next_cursor.as_ref().is_some_and(|cursor| cursor.order() != query.order()) {
            return Err(corrupt(E::LIST, "the storage answered a cursor of another order"));
        }
        Ok(Read::origin(list.into()))
    }

    async fn count(&self, query: &E::Query) -> Result<u64> {
        check_count::<E>(query)?;
        let (path, filters) = (wire::count(E::KIND), wire::encode_count::<E>(query));
        let path = if filters.is_empty() { path } else { format!("{path}?{filters}") };
        let response = self.get(E::COUNT, path, RequestSize::Ordinary).await?;
        message::<wire::CountBody>(E::COUNT, &response).map(|body| body.count)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Transport + ?Sized> Probe for HttpStorage<T> {
    async fn probe(&self) -> Result<()> {
        let response = self.get(PROBE, wire::PROBE.to_owned(), RequestSize::Ordinary).await?;
        nothing(PROBE, &response)
    }
}

pub(crate) fn encoded<B: Serialize>(operation: &'static str, body: &B) -> Result<Bytes> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|error| {
        let violations = character_domain::Violations::one("body", "cannot be written as JSON");
        StorageError::invalid(violations, operation).with_source(error)
    })
}

pub(crate) fn corrupt(operation: &'static str, detail: &'static str) -> StorageError {
    StorageError::new(ErrorKind::Corrupt, operation).with_detail(detail)
}

/// The body of a 200, or the error in the response.
pub(crate) fn message<B: DeserializeOwned>(operation: &'static str, response: &ApiResponse) -> Result<B> {
    if response.status != 200 {
        return Err(failure(operation, response));
    }
    if !has_media_type(response, wire::JSON) {
        return Err(corrupt(operation, "the storage answered something other than application/json"));
    }
    json::parse(&response.body)
        .map_err(|error| corrupt(operation, "the storage answered something unreadable").with_source(error))
}

/// A 204, or the error in the response.
pub(crate) fn nothing(operation: &'static str, response: &ApiResponse) -> Result<()> {
    if response.status == 204 { Ok(()) } else { Err(failure(operation, response)) }
}

fn has_media_type(response: &ApiResponse, media_type: &str) -> bool {
    response.content_type.as_deref().is_some_and(|given| wire::is_media_type(given, media_type))
}

/// The problem in an error response, when it is one of this contract.
fn problem(response: &ApiResponse) -> Option<wire::Problem> {
    if response.status < 400 || !has_media_type(response, wire::PROBLEM_JSON) {
        return None;
    }
    let mut problem: wire::Problem = json::parse(&response.body).ok()?;
    problem.status = response.status;
    if problem.retry_after_ms.is_none() {
        problem.retry_after_ms = response.retry_after.and_then(|wait| u64::try_from(wait.as_millis()).ok());
    }
    Some(problem)
}

/// The error in an unexpected response.
pub(crate) fn failure(operation: &'static str, response: &ApiResponse) -> StorageError {
    let error = match problem(response) {
        Some(problem) => problem.into_error(operation),
        None => {
            let kind = wire::kind_for_status(response.status, response.retry_after);
            StorageError::new(kind, operation).with_detail(format!("the storage answered {}", response.status))
        }
    };
    let error = error.with_source(response.as_failure());
    // Who refuses before looking at the transaction's id cannot speak for the attempt whose answer was lost.
    let judged = matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::Conflict { .. }
            | ErrorKind::AlreadyExists
            | ErrorKind::TransactionReused
            | ErrorKind::Invalid(_)
    );
    let error = if response.earlier_attempt_lost && !judged { error.with_applied(Applied::Unknown) } else { error };
    if response.exhausted && error.retry() == Retry::Later { error.with_retry(Retry::Exhausted) } else { error }
}

pub(crate) fn not_answered(error: TransportError) -> StorageError {
    let Verdict { error: kind, detail, .. } = error.kind.verdict();
    // An earlier attempt may have reached the storage even though the last one was stopped by the breaker.
    let applied = match error.sent {
        Sent::Perhaps => Applied::Unknown,
        Sent::Never => Applied::No,
    };
    let exhausted = error.exhausted;
    // A server that wants a client certificate says so after the handshake.
    let names_tls = |reason: &&str| reason.starts_with("TLS failed");
    let cause = connection_failure(&error);
    let cause = cause.filter(|reason| error.kind == TransportErrorKind::Connect || names_tls(reason));
    let detail = match (cause, error.limit()) {
        (Some(cause), _) => format!("{detail}: {cause}").into(),
        (None, Some(limit)) => format!("{detail}: {limit}").into(),
        (None, None) => Cow::Borrowed(detail),
    };
    let storage = StorageError::new(kind, error.operation).with_detail(detail).with_applied(applied);
    let storage = if exhausted { storage.with_retry(Retry::Exhausted) } else { storage };
    storage.with_source(error)
}
