//! Requests to services, and their replies.

use super::support::{TOKEN, instance, json_of, listening, listening_over, refused, services};
use actix_web::web::Bytes;
use character_message_hub::{ErrorKind, Reply};
use character_message_hub_server::HubServerConfig;
use futures_util::StreamExt as _;
use reqwest::{Method, RequestBuilder, header::HeaderValue};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

#[actix_web::test]
async fn a_reply_of_a_service_that_lasts_is_broken_off_when_the_token_of_its_caller_is_revoked() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let service = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hub = listening(services("live", &[&format!("http://{}", service.local_addr().unwrap())])).await;
    // A service that sends the first part of a stream and then nothing, whatever it is asked.
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut connection, _)) = service.accept().await {
            let mut head = [0; 16 * 1024];
            let read = connection.read(&mut head).await;
            let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n";
            open.push((read, connection.write_all(begun.as_bytes()).await, connection));
        }
    });
    let stream =
        |token: &'static str| hub.client.get(format!("{}/v1/services/live/stream", hub.url)).bearer_auth(token).send();
    let mut revoked = stream(TOKEN).await.unwrap().bytes_stream();
    let mut kept = stream("the-next-token").await.unwrap().bytes_stream();
    for parts in [&mut revoked, &mut kept] {
        assert_eq!(parts.next().await.unwrap().unwrap(), "first");
    }
    hub.tokens.replace(["the-next-token".to_owned().into()]).unwrap();
    let broken = tokio::time::timeout(Duration::from_secs(10), revoked.next()).await.expect("it ends at once");
    assert!(broken.expect("it does not end as if it was whole").is_err());
    let silence = tokio::time::timeout(Duration::from_millis(200), kept.next()).await;
    assert!(silence.is_err(), "a reply whose token is accepted continues");
}

#[actix_web::test]
async fn a_reply_of_a_service_that_cannot_be_read_is_a_bad_gateway() {
    let hub = listening_over(|hub| Arc::new(refused(hub, ErrorKind::Corrupt)), HubServerConfig::default()).await;
    let routed = hub.request(Method::GET, "/v1/services/sheets/x").send().await.unwrap();
    let problem = json_of(routed, 502).await;
    assert_eq!(problem["type"], "urn:problem-type:message-hub:corrupt");
    let own = hub.request(Method::GET, "/v1/events?subscription=opened").send().await.unwrap();
    assert_eq!(json_of(own, 500).await["code"], "corrupt", "what the hub itself cannot read is its own failure");
}

#[actix_web::test]
async fn a_request_reaches_the_service_with_what_belongs_to_it() {
    let (url, _, handle) = instance("one").await;
    let hub = listening(services("sheets", &[&url])).await;
    let request = hub
        .request(Method::POST, "/v1/services/sheets/api/a%2Fb?x=1&y=%20")
        .header("x-service-authorization", "Bearer for-the-service")
        .header("x-request-timeout-ms", "5000")
        .header("traceparent", "00-1-2-01")
        .header("x-correlation-id", "c-1")
        .header("x-request-id", "r-1")
        .body("hello");
    let response = request.send().await.unwrap();
    assert_eq!(
        (&response.headers()["x-of-service"], &response.headers()["x-hub-responder"]),
        (&"yes".parse().unwrap(), &url.parse().unwrap())
    );
    let received = json_of(response, 200).await;
    for (field, expected) in [
        ("method", "POST"),
        ("uri", "/api/a%2Fb?x=1&y=%20"),
        ("body", "hello"),
        ("authorization", "Bearer for-the-service"),
        ("trace", "00-1-2-01"),
        ("correlation", "c-1"),
        ("request_id", "r-1"),
    ] {
        assert_eq!(received[field], expected, "{field}");
    }
    let left: u64 = received["timeout"].as_str().unwrap().parse().unwrap();
    assert!((1..=5_000).contains(&left));
    for path in ["/v1/services/sheets/%2e%2e/admin", "/v1/services/Sheets/x"] {
        // As it is written: a client would resolve the segments.
        let status = raw_status(&hub.url, path).await;
        assert_eq!(status, 422, "{path}");
    }
    handle.stop(false).await;
}

#[actix_web::test]
async fn the_response_to_head_declares_the_length_that_the_service_declares_or_none() {
    let (url, _, handle) = instance("one").await;
    let hub = listening(services("sheets", &[&url])).await;
    hub.hub.respond("echo".parse().unwrap(), async |_| Reply::new(200, Bytes::new()));
    let length = async |request: RequestBuilder| {
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let length =
            response.headers().get("content-length").map(|value| value.to_str().unwrap().parse::<u64>().unwrap());
        assert_eq!(response.headers().get("transfer-encoding"), None);
        assert!(response.bytes().await.unwrap().is_empty());
        length
    };
    // Several over one connection, each of which ends where the client expects it.
    for _ in 0..3 {
        let of_service = length(hub.client.head(format!("{url}/x")).header("x-request-timeout-ms", "19999")).await;
        let routed = hub.request(Method::HEAD, "/v1/services/sheets/x").header("x-request-timeout-ms", "19999");
        assert!(of_service.unwrap() > 100);
        assert!(length(routed).await.unwrap() > 100);
        assert_eq!(length(hub.request(Method::HEAD, "/v1/services/echo/x")).await, None, "by the hub behind");
    }
    handle.stop(false).await;
}

#[actix_web::test]
async fn no_path_leaves_the_base_path_of_an_instance() {
    let (url, _, handle) = instance("one").await;
    let hub = listening(services("based", &[&format!("{url}/base")])).await;
    for path in ["/..", "/\\..\\..\\admin", "/a\\..\\..\\admin", "/..\\admin", "/%2e%2E\\admin", "/a\\b", "/.\t./admin"]
    {
        let status = raw_status(&hub.url, &format!("/v1/services/based{path}")).await;
        // A tab ends the target of a request already.
        assert_eq!(status, if path.contains('\t') { 400 } else { 422 }, "{path}");
    }
    let reached = hub.request(Method::GET, "/v1/services/based/a%5Cb/..c").send().await.unwrap();
    assert_eq!(json_of(reached, 200).await["uri"], "/base/a%5Cb/..c");
    handle.stop(false).await;
}

#[actix_web::test]
async fn any_method_reaches_a_service_but_those_of_the_connection() {
    let (url, _, handle) = instance("only").await;
    let hub = listening(services("sheets", &[&url])).await;
    hub.hub.respond("echo".parse().unwrap(), async |request| Reply::new(200, request.method.to_string()));
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT", "X-CAST"] {
        for path in ["/v1/services/sheets/x", "/v1/services/sheets/"] {
            let response = hub.request(method.parse().unwrap(), path).send().await.unwrap();
            assert_eq!(json_of(response, 200).await["method"], method, "{path}");
        }
        let response = hub.request(method.parse().unwrap(), "/v1/services/echo/x").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), method, "by the hub behind");
    }
    let head = hub.request(Method::HEAD, "/v1/services/sheets/x").send().await.unwrap();
    assert_eq!(head.status().as_u16(), 200);
    let trace = hub.request(Method::TRACE, "/v1/services/sheets/x").send().await.unwrap();
    assert_eq!(json_of(trace, 405).await["code"], "method-not-allowed");
    handle.stop(false).await;
}

async fn raw_status(url: &str, path: &str) -> u16 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[actix_web::test]
async fn a_request_ends_at_the_deadline_of_its_caller() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let hub = listening(services("sheets", &[&silent])).await;
    let begun = Instant::now();
    let request = hub.request(Method::GET, "/v1/services/sheets/x").header("x-request-timeout-ms", "300");
    let problem = json_of(request.send().await.unwrap(), 504).await;
    assert_eq!((&problem["code"], &problem["certainly_not_applied"]), (&json!("timeout"), &json!(false)));
    assert!(begun.elapsed() < Duration::from_secs(5));
    let wrong = hub.request(Method::GET, "/v1/services/sheets/x").header("x-request-timeout-ms", "soon");
    assert_eq!(json_of(wrong.send().await.unwrap(), 422).await["errors"][0]["field"], "x-request-timeout-ms");
}

#[actix_web::test]
async fn a_service_that_the_hub_behind_knows_is_reached_through_it() {
    let hub = listening(HubServerConfig::default()).await;
    hub.hub.respond("echo".parse().unwrap(), async |request| Reply {
        status: 409,
        content_type: Some("text/plain".into()),
        retry_after: Some(Duration::from_secs(7)),
        headers: request.headers.iter().chain([("set-cookie", "a=1"), ("set-cookie", "b=2")]).collect(),
        body: format!("{} {} {:?}", request.method, request.path, request.authorization).into(),
    });
    let request = hub.request(Method::PATCH, "/v1/services/echo/a?b=c").header("x-service-authorization", "Basic x");
    let request = request.header("if-match", "\"7\"").header("range", "bytes=0-1").header("x-request-id", "r-1");
    let request = request.header("connection", "x-private").header("x-private", "1");
    let response = request.send().await.unwrap();
    for (name, values) in [
        ("if-match", &["\"7\""][..]),
        ("range", &["bytes=0-1"]),
        ("x-request-id", &["r-1"]),
        ("set-cookie", &["a=1", "b=2"]),
        ("x-private", &[]),
        ("authorization", &[]),
    ] {
        assert_eq!(response.headers().get_all(name).iter().collect::<Vec<_>>(), values, "{name}");
    }
    assert_eq!(response.status().as_u16(), 409);
    assert_eq!(
        (&response.headers()["x-hub-responder"], &response.headers()["retry-after"]),
        (&"hub".parse().unwrap(), &"7".parse().unwrap())
    );
    assert_eq!(response.text().await.unwrap(), "PATCH /a?b=c Some(\"Basic x\")");
    let unreadable = HeaderValue::from_bytes(b"\xFF").unwrap();
    let refused = hub.request(Method::GET, "/v1/services/echo/").header("x-name", unreadable).send().await.unwrap();
    let problem = json_of(refused, 422).await;
    assert!(problem["detail"].as_str().unwrap().starts_with("x-name: "), "{problem}");
}
