//! A handler that forwards requests to an HTTP service of the same machine.

use crate::{
    NatsBudget,
    budget::{Account, Reserved},
    config::InvalidConfig,
    responder::{ServiceHandler, no_room, problem},
};
use bytes::{Bytes, BytesMut};
use character_error_reporter::redacted;
use character_message_hub::{Applied, Headers, Reply, ServiceRequest, async_trait};
use futures_util::StreamExt as _;
use reqwest::{
    Client, Method, RequestBuilder, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, RETRY_AFTER},
    redirect::Policy,
};
use std::{sync::Arc, time::Duration};
use url::Url;

/// The rest of the time that the caller waits, in milliseconds.
const TIMEOUT_MS: HeaderName = HeaderName::from_static("x-request-timeout-ms");
/// The correlation id of the caller.
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
/// Marks the lines of the log of one request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Forwards each request to an HTTP service: method, path, headers, body, the rest of the time as `x-request-timeout-ms`, and the
/// correlation id as `x-correlation-id`, and as `x-request-id` when the request has none. It repeats nothing. The replies of more than
/// 64 KiB that it holds have at most 32 MiB together; a reply that does not fit becomes a 503.
#[derive(Clone, Debug)]
pub struct HttpForwarder {
    client: Client,
    base: Url,
    max_reply: usize,
    replies: Arc<Account>,
}

impl HttpForwarder {
    /// Forwards to the service at `base`, such as `http://127.0.0.1:8100`. A reply of more than `max_reply` bytes becomes a
    /// 502.
    ///
    /// # Errors
    /// When `base` is no `http` URL with a host and without a path, or `max_reply` is 0.
    pub fn new(base: &str, max_reply: usize) -> Result<Self, InvalidConfig> {
        let url: Url =
            base.parse().map_err(|_| InvalidConfig::new("base", "must be a URL such as http://127.0.0.1:8100"))?;
        if url.scheme() != "http" || url.host().is_none() || !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(InvalidConfig::new("base", "must have the form http://host:port, without a path"));
        }
        if max_reply == 0 {
            return Err(InvalidConfig::new("max_reply", "must be at least 1, not 0"));
        }
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(3_600))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .no_gzip()
            .build()
            .map_err(|error| InvalidConfig::new("base", error.to_string()))?;
        Ok(Self { client, base: url, max_reply, replies: Account::new(NatsBudget::DEFAULT_BYTES) })
    }

    fn outgoing(&self, request: ServiceRequest) -> Option<RequestBuilder> {
        let method = Method::from_bytes(request.method.as_bytes()).ok()?;
        // Joined as text: a path that begins with two slashes would name another host.
        let text = format!("{}{}", self.base.as_str().trim_end_matches('/'), request.path);
        let url: Url = text.parse().ok()?;
        let mut outgoing = self.client.request(method, url).timeout(request.timeout).body(request.body);
        let milliseconds: Arc<str> = request.timeout.as_millis().to_string().into();
        let request_id = match request.headers.get(REQUEST_ID.as_str()) {
            Some(_) => None,
            None => request.correlation_id.clone(),
        };
        let headers = [
            (CONTENT_TYPE, request.content_type),
            (AUTHORIZATION, request.authorization),
            (TRACEPARENT, request.traceparent),
            (CORRELATION_ID, request.correlation_id),
            (REQUEST_ID, request_id),
            (TIMEOUT_MS, Some(milliseconds)),
        ];
        for (name, value) in headers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            outgoing = outgoing.header(name, value.as_bytes());
        }
        for (name, value) in request.headers.iter() {
            outgoing = outgoing.header(name, value.as_bytes());
        }
        Some(outgoing)
    }

    /// The whole body.
    async fn body(&self, response: Response) -> reqwest::Result<Result<Bytes, NoBody>> {
        let (mut whole, mut reserved) = (BytesMut::new(), Reserved::nothing(&self.replies));
        let mut parts = response.bytes_stream();
        while let Some(part) = parts.next().await {
            let part = part?;
            if whole.len() + part.len() > self.max_reply {
                return Ok(Err(NoBody::TooLarge));
            }
            if !reserved.grow(part.len()) {
                return Ok(Err(NoBody::NoRoom));
            }
            whole.extend_from_slice(&part);
        }
        Ok(Ok(reserved.over(whole.freeze())))
    }

    async fn forwarded(&self, outgoing: RequestBuilder) -> reqwest::Result<Reply> {
        let response = outgoing.send().await?;
        let text = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
        let content_type = text(CONTENT_TYPE).map(Arc::from);
        let retry_after = text(RETRY_AFTER).and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        let received = response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let mut headers = Headers::of_message(received);
        if retry_after.is_some() {
            headers.remove(RETRY_AFTER.as_str());
        }
        let status = response.status().as_u16();
        Ok(match self.body(response).await? {
            Ok(body) => Reply { status, content_type, retry_after, headers, body },
            Err(NoBody::TooLarge) => {
                problem(502, &format!("the reply of the service has more than {} bytes", self.max_reply))
            }
            Err(NoBody::NoRoom) => {
                let most = self.replies.capacity();
                let detail = format!(
                    "the request may have been applied: its reply has no room in the {most} bytes of large replies"
                );
                no_room(&detail, Applied::Unknown)
            }
        })
    }
}

/// Why a body is not passed on.
enum NoBody {
    /// It is larger than permitted.
    TooLarge,
    /// The large bodies that are held leave no room for it.
    NoRoom,
}

#[async_trait]
impl ServiceHandler for HttpForwarder {
    async fn reply(&self, request: ServiceRequest) -> Reply {
        let Some(outgoing) = self.outgoing(request) else {
            return problem(400, "the method or the path of the request is none of HTTP");
        };
        match self.forwarded(outgoing).await {
            Ok(reply) => reply,
            Err(error) if error.is_connect() => {
                tracing::warn!(error = %redacted(&error), "the service behind the hub cannot be reached");
                Reply { retry_after: Some(Duration::from_secs(1)), ..problem(503, "the service cannot be reached") }
            }
            Err(error) if error.is_timeout() => problem(504, "the service did not answer in time"),
            Err(error) if error.is_builder() => problem(400, "a header of the request is none of HTTP"),
            Err(error) => {
                tracing::warn!(error = %redacted(&error), "the service behind the hub ended the connection");
                problem(502, "the service ended the connection before its reply was whole")
            }
        }
    }
}
