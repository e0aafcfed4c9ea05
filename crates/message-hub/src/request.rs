//! A request to a named service, and its reply.

use crate::{ErrorKind, Headers, HubError, REQUEST, ServiceName};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};

/// A request to a named service, in the terms of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRequest {
    /// The service. The hub chooses an instance of it.
    pub to: ServiceName,
    /// The method, such as `GET`.
    pub method: Arc<str>,
    /// Path and query. Begins with `/`.
    pub path: String,
    /// The media type of the body.
    pub content_type: Option<Arc<str>>,
    /// The credentials for the service itself: the value of its `Authorization`.
    pub authorization: Option<Arc<str>>,
    /// The body.
    pub body: Bytes,
    /// When the caller stops waiting. The rest of it travels with the request, shrinks at each hop, and is never renewed.
    pub timeout: Duration,
    /// Whether the hub may send it to another instance after the first one may have received it.
    pub idempotent: bool,
    /// Marks everything that belongs to one task of the caller; passed on unchanged.
    pub correlation_id: Option<Arc<str>>,
    /// The W3C `traceparent`.
    pub traceparent: Option<Arc<str>>,
    /// The other headers.
    pub headers: Headers,
}

impl ServiceRequest {
    /// A request that reads this path: idempotent, without a body.
    #[must_use]
    pub fn get(to: ServiceName, path: impl Into<String>, timeout: Duration) -> Self {
        Self {
            to,
            method: "GET".into(),
            path: path.into(),
            content_type: None,
            authorization: None,
            body: Bytes::new(),
            timeout,
            idempotent: true,
            correlation_id: None,
            traceparent: None,
            headers: Headers::new(),
        }
    }

    /// The error of a hub that has no instance of the service: `NoResponder`, with the name of the service.
    #[must_use]
    pub fn no_instance(&self) -> HubError {
        let detail = format!("no instance of {} is registered", self.to);
        HubError::new(ErrorKind::NoResponder, REQUEST).with_detail(detail)
    }
}

/// The reply of a service. A failure that the service reports is a reply too: its `status` says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: Option<Arc<str>>,
    /// How long the service asks to wait before the next request.
    pub retry_after: Option<Duration>,
    /// The other headers.
    pub headers: Headers,
    /// The whole body.
    pub body: Bytes,
}

impl Reply {
    /// A reply with this status and body, and nothing else.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, content_type: None, retry_after: None, headers: Headers::new(), body: body.into() }
    }
}
