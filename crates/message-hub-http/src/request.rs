//! Requests to services.

use crate::client::{Client, Limit, place, refused, whole};
use character_message_hub::{Applied, ErrorKind, HubError, REQUEST, Reply, Result, ServiceRequest};
use character_message_hub_wire as wire;
use reqwest::{
    Method, RequestBuilder,
    header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use std::time::Duration;
use url::Url;

pub(crate) async fn request(client: &Client, request: ServiceRequest) -> Result<Reply> {
    let limit = Limit::of(request.timeout, "the timeout of the request");
    let size = request.body.len();
    if size > client.max_request_bytes {
        let kind = ErrorKind::TooLarge { limit: client.max_request_bytes as u64, size: size as u64 };
        return Err(HubError::new(kind, REQUEST));
    }
    let _place = place(&client.requesting, REQUEST, limit).await?;
    let response = client.send(REQUEST, built(client, request, limit)?, limit).await?;
    if !response.headers().contains_key(wire::RESPONDER) {
        // Of the hub itself, or of a proxy.
        let is_error = response.status().is_client_error() || response.status().is_server_error();
        let error = refused(REQUEST, response, limit).await;
        let corrupt = || HubError::new(ErrorKind::Corrupt, REQUEST).with_detail("the reply names no responder");
        return Err(if is_error { error } else { corrupt() });
    }
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let content_type = text(CONTENT_TYPE).map(Into::into);
    let retry_after = text(RETRY_AFTER).and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let status = response.status().as_u16();
    let body = whole(REQUEST, response, limit, client.max_reply_bytes).await?;
    Ok(Reply { status, content_type, retry_after, body })
}

fn built(client: &Client, request: ServiceRequest, limit: Limit) -> Result<RequestBuilder> {
    let invalid = |detail| HubError::new(ErrorKind::Invalid, REQUEST).with_detail(detail);
    if !request.path.starts_with('/') {
        return Err(invalid("the path must begin with /"));
    }
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| invalid("the method is none of HTTP"))?;
    let path = wire::routed(&request.to, &request.path);
    // A URL resolves the segments . and .., also between `\`, which must not lead to another service.
    let url = Url::parse(&format!("{}{path}", client.base())).map_err(|_| invalid("the path is none of a URL"))?;
    let service = format!("{}{}/", client.base(), wire::routed(&request.to, ""));
    let service = Url::parse(&service).map_err(|_| invalid("the path is none of a URL"))?;
    let written = request.path.split(['?', '#']).next().unwrap_or_default();
    if !url.path().starts_with(service.path()) || written.split(['/', '\\']).any(|part| matches!(part, "." | "..")) {
        return Err(invalid("the path must not have the segments . and .."));
    }
    let left = limit.left();
    let mut built = client
        .request(method, &path)
        .header(wire::TIMEOUT_MS, u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1))
        .header(wire::IDEMPOTENT, if request.idempotent { "true" } else { "false" });
    let headers = [
        ("content-type", &request.content_type),
        (wire::AUTHORIZATION_OF_SERVICE, &request.authorization),
        (wire::CORRELATION_ID, &request.correlation_id),
        // The hub logs its part under the same id, and passes it on.
        ("x-request-id", &request.correlation_id),
        (wire::TRACEPARENT, &request.traceparent),
    ];
    for (name, text) in headers {
        if let Some(text) = text {
            let mut value = HeaderValue::from_str(text).map_err(|_| {
                let detail = format!("{name} must be text that a header can carry");
                HubError::new(ErrorKind::Invalid, REQUEST).with_detail(detail).with_applied(Applied::No)
            })?;
            value.set_sensitive(name == wire::AUTHORIZATION_OF_SERVICE);
            built = built.header(name, value);
        }
    }
    Ok(if request.body.is_empty() { built } else { built.body(request.body) })
}
