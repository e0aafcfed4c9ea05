//! Requests to services.

use crate::client::{Client, Limit, place, refused, whole};
use character_message_hub::{Applied, ErrorKind, Headers, HubError, REQUEST, Reply, Result, ServiceRequest};
use character_message_hub_wire as wire;
use reqwest::{
    Method, RequestBuilder,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER},
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
    let received = response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let mut headers = Headers::of_message(received);
    // The hub writes it for the request to itself.
    headers.remove("x-request-id");
    if retry_after.is_some() {
        headers.remove(RETRY_AFTER.as_str());
    }
    let status = response.status().as_u16();
    let body = whole(REQUEST, response, limit, client.max_reply_bytes).await?;
    Ok(Reply { status, content_type, retry_after, headers, body })
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
    // The hub logs its part under the id of the request, and passes it on.
    let request_id = match request.headers.get("x-request-id") {
        Some(_) => None,
        None => request.correlation_id.as_deref(),
    };
    let fields = [
        ("content-type", request.content_type.as_deref()),
        (wire::AUTHORIZATION_OF_SERVICE, request.authorization.as_deref()),
        (wire::CORRELATION_ID, request.correlation_id.as_deref()),
        ("x-request-id", request_id),
        (wire::TRACEPARENT, request.traceparent.as_deref()),
    ];
    let fields = fields.into_iter().filter_map(|(name, text)| Some((name, text?)));
    let others = request.headers.iter().filter(|(name, _)| *name != wire::IDEMPOTENT);
    for (name, text) in fields.chain(others) {
        let refused = |what: &str| {
            let detail = format!("{name} must be {what}");
            HubError::new(ErrorKind::Invalid, REQUEST).with_detail(detail).with_applied(Applied::No)
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused("a name of a header"))?;
        let mut value = HeaderValue::from_str(text).map_err(|_| refused("text that a header can carry"))?;
        value.set_sensitive(name == wire::AUTHORIZATION_OF_SERVICE);
        built = built.header(header, value);
    }
    Ok(if request.body.is_empty() { built } else { built.body(request.body) })
}
