//! The side of a service: draining, deadlines, sizes, and forwarding to HTTP.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use character_message_hub::{ErrorKind, MessageHub, Reply, ServiceRequest};
use character_message_hub_nats::{HttpForwarder, NatsHub, NatsHubConfig, NatsResponder};
use character_message_hub_testkit::{
    Handler,
    sample::{get, reply},
};
use character_tests::{NatsRelease, NatsServer, free_port};
use futures_util::{
    StreamExt as _,
    future::{BoxFuture, join_all},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use support::{Answering, LIMIT, connected, raw_responder, until};
use tokio::time::sleep;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_string, header, method, path, query_param},
};

async fn serve<F>(
    hub: &NatsHub,
    service: &str,
    handler: impl Fn(ServiceRequest) -> F + Send + Sync + 'static,
) -> NatsResponder
where
    F: Future<Output = Reply> + Send + 'static,
{
    serve_at_most(1_000, hub, service, handler).await
}

async fn serve_at_most<F>(
    handled: usize,
    hub: &NatsHub,
    service: &str,
    handler: impl Fn(ServiceRequest) -> F + Send + Sync + 'static,
) -> NatsResponder
where
    F: Future<Output = Reply> + Send + 'static,
{
    let handler: Handler = Arc::new(move |request| -> BoxFuture<'static, Reply> { Box::pin(handler(request)) });
    NatsResponder::serve_at_most(handled, hub, service.parse().unwrap(), Arc::new(Answering(handler))).await.unwrap()
}

async fn hub(server: &NatsServer) -> NatsHub {
    connected(NatsHubConfig::new(server.url())).await
}

#[tokio::test]
async fn a_draining_instance_replies_to_what_it_has_and_takes_nothing_new() {
    let server = NatsServer::start(NatsRelease::Current);
    let (service, caller) = (hub(&server).await, hub(&server).await);
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&begun);
    let responder = serve(&service, "storage", move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async {
            sleep(Duration::from_millis(500)).await;
            reply(200, "done")
        }
    })
    .await;
    let requests = join_all((0..20).map(|_| caller.request(get("storage", "/", LIMIT))));
    let drain = async {
        until("the requests are handled", async || begun.load(Ordering::SeqCst) == 20).await;
        responder.drain(LIMIT).await
    };
    let (replies, abandoned) = tokio::join!(requests, drain);
    assert!(replies.iter().all(|reply| reply.as_ref().is_ok_and(|reply| reply.status == 200)), "{replies:?}");
    assert_eq!(abandoned, 0);
    let error = caller.request(get("storage", "/", LIMIT)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::NoResponder);
}

#[tokio::test]
async fn a_drain_ends_within_its_limit_and_counts_what_it_gave_up() {
    let server = NatsServer::start(NatsRelease::Current);
    let (service, caller) = (hub(&server).await, hub(&server).await);
    let responder = serve(&service, "storage", |_| async {
        sleep(LIMIT).await;
        reply(200, "late")
    })
    .await;
    let request = tokio::spawn(async move { caller.request(get("storage", "/", Duration::from_secs(3))).await });
    until("the request is handled", async || service.statistics().connected && !request.is_finished()).await;
    sleep(Duration::from_millis(300)).await;
    let (abandoned, took) = {
        let begun = tokio::time::Instant::now();
        (responder.drain(Duration::from_millis(200)).await, begun.elapsed())
    };
    assert!(abandoned == 1 && took < Duration::from_secs(2), "{abandoned} after {took:?}");
    assert_eq!(request.await.unwrap().unwrap_err().kind(), &ErrorKind::Timeout);
}

#[tokio::test]
async fn requests_whose_deadline_passed_while_they_waited_are_not_handled() {
    let server = NatsServer::start(NatsRelease::Current);
    let (service, caller) = (hub(&server).await, hub(&server).await);
    let handled = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&handled);
    let _responder = serve_at_most(64, &service, "storage", move |request| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            sleep(request.timeout).await;
            reply(200, "late")
        }
    })
    .await;
    // As many as are handled at the same time; the rest waits until it is too late.
    let first = join_all((0..64).map(|_| caller.request(get("storage", "/", Duration::from_secs(3)))));
    let rest = async {
        until("all places are taken", async || handled.load(Ordering::SeqCst) == 64).await;
        join_all((0..100).map(|_| caller.request(get("storage", "/", Duration::from_millis(300))))).await
    };
    let (first, rest) = tokio::join!(first, rest);
    assert!(
        first.iter().chain(&rest).all(|reply| reply.as_ref().is_err_and(|error| *error.kind() == ErrorKind::Timeout))
    );
    assert_eq!(handled.load(Ordering::SeqCst), 64);
}

/// Bytes of which no part is like another.
fn body_of(size: usize) -> Vec<u8> {
    (0..size).map(|place| (place * 31 + place / 251) as u8).collect()
}

#[tokio::test]
async fn a_reply_that_is_larger_than_the_server_takes_comes_whole_in_several_messages() {
    let server = NatsServer::start_with(NatsRelease::Current, "max_payload: 4KB");
    let (service, caller) = (hub(&server).await, hub(&server).await);
    let _responder = serve(&service, "storage", |request: ServiceRequest| async move {
        let size = request.path.trim_start_matches('/').parse().unwrap();
        Reply { body: body_of(size).into(), ..reply(207, "") }
    })
    .await;
    // Around each limit, and far above it; all at once, so that the parts of different replies come between each other.
    let sizes = (3_900..4_200).step_by(7).chain((8_000..8_300).step_by(11)).chain([0, 1, 100_000, 3_000_000]);
    let requests = sizes.map(async |size| (size, caller.request(get("storage", &format!("/{size}"), LIMIT)).await));
    for (size, replied) in join_all(requests).await {
        let replied = replied.unwrap();
        assert_eq!((replied.status, replied.body.len()), (207, size));
        assert!(*replied.body == body_of(size), "the bytes of {size} are others");
    }
    assert_eq!(caller.statistics().waiting, 0);
}

#[tokio::test]
async fn a_caller_that_takes_one_message_learns_the_size_of_a_reply_that_is_larger() {
    let server = NatsServer::start_with(NatsRelease::Current, "max_payload: 64KB");
    let service = hub(&server).await;
    let _responder =
        serve(&service, "storage", |_| async { Reply { body: body_of(100_000).into(), ..reply(200, "") } }).await;
    let raw = async_nats::connect(server.url()).await.unwrap();
    let mut headers = async_nats::HeaderMap::new();
    for (name, value) in [("Hub-Method", "GET"), ("Hub-Path", "/"), ("Hub-Timeout-Ms", "5000")] {
        headers.insert(name, value);
    }
    let replied = raw.request_with_headers("service.storage", headers.clone(), "".into()).await.unwrap();
    let size: usize = replied.headers.unwrap().get("Hub-Reply-Size").unwrap().as_str().parse().unwrap();
    assert!(size > 100_000 && replied.payload.is_empty());
    // With its own limit below the size it is no other.
    headers.insert("Hub-Max-Reply", "99999");
    let replied = raw.request_with_headers("service.storage", headers, "".into()).await.unwrap();
    assert!(replied.headers.unwrap().get("Hub-Reply-Size").is_some());
}

#[tokio::test]
async fn headers_count_to_the_size_that_the_server_takes_and_one_that_nats_cannot_carry_is_named() {
    let server = NatsServer::start_with(NatsRelease::Current, "max_payload: 4KB");
    let (service, caller) = (hub(&server).await, hub(&server).await);
    let _responder = serve(&service, "storage", |request: ServiceRequest| async move {
        let size = request.path.trim_start_matches('/').parse().unwrap();
        let headers = [("x-large", &*"x".repeat(size)), ("x-torn", "a\nb")].into_iter().collect();
        Reply { headers, ..reply(200, "body") }
    })
    .await;
    let request = |name: &str, value: &str| ServiceRequest {
        headers: [(name, value)].into_iter().collect(),
        ..get("storage", "/100", LIMIT)
    };
    let replied = caller.request(request("x-large", &"x".repeat(3_000))).await.unwrap();
    assert_eq!((replied.headers.get("x-large").map(str::len), replied.headers.get("x-torn")), (Some(100), None));
    let error = caller.request(request("x-large", &"x".repeat(4_097))).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: 4_096, size: 4_097.. }), "{error}");
    for (name, value) in [("x-torn", "a\nb"), ("x torn", "a")] {
        let error = caller.request(request(name, value)).await.unwrap_err();
        assert!(*error.kind() == ErrorKind::Invalid && error.to_string().contains(name), "{error}");
    }
    let error = caller.request(get("storage", "/4097", LIMIT)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { size: 4_097.., .. }), "{error}");
    assert_eq!(caller.request(get("storage", "/1", LIMIT)).await.unwrap().status, 200, "the connection holds");
}

#[tokio::test]
async fn parts_that_do_not_follow_one_another_are_no_reply() {
    let server = NatsServer::start(NatsRelease::Current);
    let caller = hub(&server).await;
    let (raw, mut requests) = raw_responder(&server).await;
    for parts in [["1of3", "3"], ["2", "3"], ["1of2", "1of2"], ["1of3", "whole"]] {
        let answer = async {
            let address = requests.next().await.unwrap().reply.unwrap();
            for part in parts {
                let mut headers = async_nats::HeaderMap::new();
                headers.insert("Hub-Status", "200");
                match part.split_once("of") {
                    Some((_, count)) => headers.insert("Hub-Reply-Parts", count),
                    None if part != "whole" => headers.insert("Hub-Reply-Part", part),
                    None => {}
                }
                raw.publish_with_headers(address.clone(), headers, "x".into()).await.unwrap();
            }
        };
        let (replied, ()) = tokio::join!(caller.request(get("storage", "/", LIMIT)), answer);
        let error = replied.unwrap_err();
        assert!(*error.kind() == ErrorKind::Corrupt && !error.certainly_not_applied(), "{parts:?}: {error}");
    }
}

#[tokio::test]
async fn a_reply_without_a_status_cannot_be_read() {
    let server = NatsServer::start(NatsRelease::Current);
    let caller = hub(&server).await;
    let (raw, mut requests) = raw_responder(&server).await;
    let answer = async {
        let address = requests.next().await.unwrap().reply.unwrap();
        raw.publish(address, "x".into()).await.unwrap();
    };
    let (replied, ()) = tokio::join!(caller.request(get("storage", "/", LIMIT)), answer);
    let error = replied.unwrap_err();
    assert!(*error.kind() == ErrorKind::Corrupt && error.to_string().contains("Hub-Status"), "{error}");
    assert_eq!(
        error.operation(),
        character_message_hub::REQUEST,
        "the server of a hub tells by it whose failure it is"
    );
}

#[tokio::test]
async fn a_late_reply_is_counted() {
    let server = NatsServer::start_with(NatsRelease::Current, "max_payload: 64KB");
    let (service, caller) = (hub(&server).await, hub(&server).await);
    let _responder = serve(&service, "storage", |_| async {
        // The responder itself drops replies after the deadline; this one is on its way when the caller gives up.
        sleep(Duration::from_millis(30)).await;
        reply(200, "soon")
    })
    .await;
    for _ in 0..20 {
        drop(tokio::time::timeout(Duration::from_millis(15), caller.request(get("storage", "/", LIMIT))).await);
    }
    until("replies to dropped calls are counted", async || caller.statistics().late_replies > 0).await;
    assert_eq!(caller.statistics().waiting, 0);
}

#[tokio::test]
async fn a_request_that_lost_its_connection_is_unknown_and_not_repeated() {
    let server = NatsServer::start(NatsRelease::Current);
    let (service, caller) = (hub(&server).await, hub(&server).await);
    let handled = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&handled);
    let _responder = serve(&service, "storage", move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async {
            sleep(LIMIT).await;
            reply(200, "late")
        }
    })
    .await;
    let once = ServiceRequest { method: "POST".into(), idempotent: false, ..get("storage", "/", LIMIT) };
    let restart = async {
        until("the request is handled", async || handled.load(Ordering::SeqCst) == 1).await;
        server.restart();
    };
    let (replied, ()) = tokio::join!(caller.request(once), restart);
    let error = replied.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }) && !error.certainly_not_applied(), "{error}");
    // The instance is there again without a restart of ours, and has seen the request once.
    until("the instance is there again", async || {
        let probe = caller.request(get("storage", "/", Duration::from_millis(200))).await;
        probe.is_err_and(|error| *error.kind() == ErrorKind::Timeout)
    })
    .await;
    assert_eq!(handled.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn requests_are_forwarded_to_http_with_what_they_bring() {
    let server = NatsServer::start(NatsRelease::Oldest);
    let (service, caller) = (hub(&server).await, hub(&server).await);
    let http = MockServer::start().await;
    let template =
        ResponseTemplate::new(429).insert_header("Retry-After", "7").set_body_raw("{}", "application/problem+json");
    let template =
        template.append_header("Set-Cookie", "a=1").append_header("Set-Cookie", "b=2").insert_header("ETag", "\"8\"");
    Mock::given(method("PATCH"))
        .and(path("/v1/rows/8"))
        .and(query_param("limit", "3"))
        .and(header("content-type", "application/json"))
        .and(header("authorization", "Bearer secret"))
        .and(header("traceparent", "00-1-2-01"))
        .and(header("x-request-id", "task-7"))
        .and(header("x-correlation-id", "task-7"))
        .and(header("if-match", "\"7\""))
        .and(body_string("{\"a\":1}"))
        .respond_with(template)
        .mount(&http)
        .await;
    Mock::given(path("/large"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(vec![0; 5_000]))
        .mount(&http)
        .await;
    Mock::given(path("/slow")).respond_with(ResponseTemplate::new(200).set_delay(LIMIT)).mount(&http).await;
    let forwarder = HttpForwarder::new(&http.uri(), 4_000).unwrap();
    let _responder = NatsResponder::serve(&service, "storage".parse().unwrap(), Arc::new(forwarder)).await.unwrap();
    let request = ServiceRequest {
        method: "PATCH".into(),
        content_type: Some("application/json".into()),
        authorization: Some("Bearer secret".into()),
        traceparent: Some("00-1-2-01".into()),
        correlation_id: Some("task-7".into()),
        headers: [("if-match", "\"7\""), ("x-own", "Ünï")].into_iter().collect(),
        body: "{\"a\":1}".into(),
        ..get("storage", "/v1/rows/8?limit=3", LIMIT)
    };
    let replied = caller.request(request).await.unwrap();
    assert_eq!((replied.status, replied.retry_after), (429, Some(Duration::from_secs(7))));
    let headers: Vec<_> = replied.headers.iter().filter(|(name, _)| *name != "date").collect();
    assert_eq!(headers, [("etag", "\"8\""), ("set-cookie", "a=1"), ("set-cookie", "b=2")]);
    assert_eq!((replied.content_type.as_deref(), &*replied.body), (Some("application/problem+json"), &b"{}"[..]));
    let received = &http.received_requests().await.unwrap()[0].headers;
    assert_eq!(received["x-own"].as_bytes(), "Ünï".as_bytes());
    let left: u64 = received["x-request-timeout-ms"].to_str().unwrap().parse().unwrap();
    assert!(u128::from(left) <= LIMIT.as_millis() && u128::from(left) > LIMIT.as_millis() / 2);
    let status =
        async |path: &str| caller.request(get("storage", path, LIMIT)).await.map(|reply| reply.status).unwrap();
    assert_eq!([status("/absent").await, status("/large").await], [404, 502]);
    let error = caller.request(get("storage", "/slow", Duration::from_millis(300))).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Timeout);
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_a_503_and_another_host_is_never_called() {
    let server = NatsServer::start(NatsRelease::Current);
    let (service, caller) = (hub(&server).await, hub(&server).await);
    let base = format!("http://127.0.0.1:{}", free_port());
    let forwarder = HttpForwarder::new(&base, 4_000).unwrap();
    let _responder = NatsResponder::serve(&service, "storage".parse().unwrap(), Arc::new(forwarder)).await.unwrap();
    let http = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200)).mount(&http).await;
    let elsewhere = format!("//{}/", http.address());
    for path in ["/", &elsewhere, "/@127.0.0.1/"] {
        let replied = caller.request(get("storage", path, LIMIT)).await.unwrap();
        assert_eq!((replied.status, replied.retry_after), (503, Some(Duration::from_secs(1))), "{path}");
    }
    assert!(http.received_requests().await.unwrap().is_empty());
    for base in ["", "https://a", "http://a/b", "ftp://a", "http://a?x"] {
        assert_eq!(HttpForwarder::new(base, 1).unwrap_err().setting, "base", "{base}");
    }
}
