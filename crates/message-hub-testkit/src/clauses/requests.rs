//! Requests: each gets its own reply, or an error that tells what may have happened.

use crate::{
    Stage,
    sample::{get, message, reply},
    stage::{LIMIT, timed},
};
use character_message_hub::{Applied, ErrorKind, Headers, Reply, ServiceRequest};
use futures_util::future::join_all;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

/// The longest that a call may exceed its timeout, on a busy machine.
const GRACE: Duration = Duration::from_millis(700);

/// A service that remembers what it received, and replies 200.
async fn recorder(stage: &Stage<'_>, service: &str) -> Arc<Mutex<Vec<ServiceRequest>>> {
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&received);
    let remember = move |request| {
        kept.lock().expect("no panic before").push(request);
        async { reply(200, "ok") }
    };
    stage.respond(service, remember).await;
    received
}

/// Whether each of these headers has arrived with all of its values. The way may add others, such as `date`.
fn has_all(arrived: &Headers, sent: &Headers) -> bool {
    let named = |headers: &Headers, name: &str| {
        let values = headers.iter().filter(|(found, _)| *found == name);
        values.map(|(_, value)| value.to_owned()).collect::<Vec<_>>()
    };
    sent.iter().all(|(name, _)| named(arrived, name) == named(sent, name))
}

/// The reply arrives with status, media type, time to wait, headers and body unchanged.
pub async fn a_reply_arrives_unchanged(stage: Stage<'_>) {
    let body: Vec<u8> = (0..=255).collect();
    let sent = Reply {
        status: 201,
        content_type: Some("application/octet-stream; x=\"y\"".into()),
        retry_after: Some(Duration::from_secs(7)),
        headers: [("etag", "W/\"7\""), ("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2"), ("x-of-service", "yes")]
            .into_iter()
            .collect(),
        body: body.into(),
    };
    let copy = sent.clone();
    stage.respond("echo", move |_| std::future::ready(copy.clone())).await;
    let arrived = stage.hub.request(get("echo", "/", LIMIT)).await.expect("a reply");
    assert!(has_all(&arrived.headers, &sent.headers), "{:?}", arrived.headers);
    assert_eq!(Reply { headers: sent.headers.clone(), ..arrived }, sent);
    let bare = Reply::new(204, Vec::new());
    let copy = bare.clone();
    stage.respond("bare", move |_| std::future::ready(copy.clone())).await;
    let arrived = stage.hub.request(get("bare", "/", LIMIT)).await.expect("a reply");
    assert_eq!(Reply { headers: Headers::new(), ..arrived }, bare);
}

/// The service receives method, path with query, headers, media type, body and credentials unchanged.
pub async fn a_request_arrives_unchanged(stage: Stage<'_>) {
    let received = recorder(&stage, "storage").await;
    let sent = ServiceRequest {
        method: "PATCH".into(),
        path: "/v1/characters/8c82?limit=3&name=%C3%9Cn%20%22&x=%25".into(),
        content_type: Some("application/merge-patch+json".into()),
        authorization: Some("Bearer abc.def-_~+/=".into()),
        body: (0..=255).collect::<Vec<u8>>().into(),
        idempotent: false,
        headers: [("if-match", "\"7\""), ("accept", "a/b"), ("accept", "c/d"), ("tracestate", "k=v"), ("x-own", "own")]
            .into_iter()
            .collect(),
        ..get("storage", "/", LIMIT)
    };
    stage.hub.request(sent.clone()).await.expect("a reply");
    let received = received.lock().expect("no panic before").remove(0);
    assert_eq!((&received.to, &received.method, &received.path), (&sent.to, &sent.method, &sent.path));
    assert_eq!((&received.content_type, &received.body), (&sent.content_type, &sent.body));
    assert_eq!(received.authorization, sent.authorization);
    assert!(has_all(&received.headers, &sent.headers), "{:?}", received.headers);
}

/// The correlation id and the `traceparent` of a request arrive unchanged, and are absent where they were absent.
pub async fn marks_of_a_request_are_passed_on(stage: Stage<'_>) {
    let received = recorder(&stage, "storage").await;
    let marked = ServiceRequest {
        correlation_id: Some("task-7/Ünï".into()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        ..get("storage", "/", LIMIT)
    };
    stage.hub.request(marked.clone()).await.expect("a reply");
    stage.hub.request(get("storage", "/", LIMIT)).await.expect("a reply");
    let received = received.lock().expect("no panic before");
    assert_eq!((&received[0].correlation_id, &received[0].traceparent), (&marked.correlation_id, &marked.traceparent));
    assert_eq!((&received[1].correlation_id, &received[1].traceparent), (&None, &None));
}

/// The service receives the rest of the time that the caller waits, never more.
pub async fn the_deadline_travels_with_the_request(stage: Stage<'_>) {
    let received = recorder(&stage, "storage").await;
    for seconds in [2, 9] {
        stage.hub.request(get("storage", "/", Duration::from_secs(seconds))).await.expect("a reply");
    }
    let received = received.lock().expect("no panic before");
    for (request, seconds) in received.iter().zip([2, 9].map(Duration::from_secs)) {
        assert!(request.timeout <= seconds && request.timeout > seconds / 2, "{:?} of {seconds:?}", request.timeout);
    }
}

/// A failure that the service reports is a reply.
pub async fn a_failure_of_the_service_is_a_reply(stage: Stage<'_>) {
    let handler = |request: ServiceRequest| async move {
        reply(request.path.trim_start_matches('/').parse().expect("a status"), "problem")
    };
    stage.respond("storage", handler).await;
    for status in [400, 401, 403, 404, 409, 429, 500, 502, 503, 504] {
        let replied = stage.hub.request(get("storage", &format!("/{status}"), LIMIT)).await.expect("a reply");
        assert_eq!((replied.status, &*replied.body), (status, &b"problem"[..]));
    }
}

/// A request to a service without an instance is `NoResponder`, soon and certainly not applied.
pub async fn without_an_instance_there_is_no_responder(stage: Stage<'_>) {
    recorder(&stage, "other").await;
    let (result, took) = timed(stage.hub.request(get("absent", "/", LIMIT))).await;
    let error = result.expect_err("there is no instance");
    assert_eq!(error.kind(), &ErrorKind::NoResponder);
    assert!(error.certainly_not_applied() && !error.is_permanent());
    assert!(took < Duration::from_secs(3), "it took {took:?}");
}

/// A request without a reply ends with `Timeout` when its time has passed, and may have been applied.
pub async fn a_request_ends_within_its_timeout(stage: Stage<'_>) {
    stage
        .respond("slow", |_| async {
            sleep(Duration::from_secs(30)).await;
            reply(200, "late")
        })
        .await;
    let limit = Duration::from_millis(300);
    let (result, took) = timed(stage.hub.request(get("slow", "/", limit))).await;
    let error = result.expect_err("there is no reply");
    assert_eq!(error.kind(), &ErrorKind::Timeout);
    assert!(!error.certainly_not_applied(), "the service may have applied it");
    assert!(took >= limit && took < limit + GRACE, "it took {took:?}");
}

/// A reply that comes after the timeout of its request answers no other request.
pub async fn a_late_reply_answers_no_other_request(stage: Stage<'_>) {
    let handler = |request: ServiceRequest| async move {
        if request.path == "/slow" {
            sleep(Duration::from_millis(400)).await;
        }
        reply(200, &request.path)
    };
    stage.respond("storage", handler).await;
    for round in 0..5 {
        let late = stage.hub.request(get("storage", "/slow", Duration::from_millis(200))).await;
        assert_eq!(late.expect_err("it is late").kind(), &ErrorKind::Timeout);
        for number in 0..8 {
            let path = format!("/{round}/{number}");
            let replied = stage.hub.request(get("storage", &path, LIMIT)).await.expect("a reply");
            assert_eq!(replied.body, path.as_bytes());
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Requests at the same time each get their own reply, whatever the order of the replies.
pub async fn requests_at_the_same_time_get_their_own_replies(stage: Stage<'_>) {
    let handler = |request: ServiceRequest| async move {
        let number: u64 = request.path.trim_start_matches('/').parse().expect("a number");
        sleep(Duration::from_millis((199 - number) % 17)).await;
        reply(200, &request.path)
    };
    stage.respond("storage", handler).await;
    let requests = (0..200).map(|number| {
        let (hub, path) = (Arc::clone(&stage.hub), format!("/{number}"));
        async move { (hub.request(get("storage", &path, LIMIT)).await.expect("a reply").body, path) }
    });
    for (body, path) in join_all(requests).await {
        assert_eq!(body, path.as_bytes());
    }
}

/// A request that is not idempotent reaches the service at most once, also when no reply comes in time.
pub async fn a_request_that_is_not_idempotent_is_not_repeated(stage: Stage<'_>) {
    let count = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let counted = Arc::clone(&count);
        let handler = move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            async {
                sleep(Duration::from_secs(2)).await;
                reply(200, "late")
            }
        };
        stage.respond("slow", handler).await;
    }
    let once =
        ServiceRequest { idempotent: false, method: "POST".into(), ..get("slow", "/", Duration::from_millis(300)) };
    let error = stage.hub.request(once).await.expect_err("there is no reply");
    assert_eq!(error.kind(), &ErrorKind::Timeout);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// A request goes to one instance of its service, and to no other service.
pub async fn a_request_goes_to_one_instance_of_its_service(stage: Stage<'_>) {
    let (one, two, other) =
        (recorder(&stage, "storage").await, recorder(&stage, "storage").await, recorder(&stage, "other").await);
    for _ in 0..40 {
        stage.hub.request(get("storage", "/", LIMIT)).await.expect("a reply");
    }
    let count = |received: &Mutex<Vec<_>>| received.lock().expect("no panic before").len();
    assert_eq!((count(&one) + count(&two), count(&other)), (40, 0));
}

/// Requests and their bodies of half a mebibyte pass both ways.
pub async fn bodies_of_half_a_mebibyte_pass(stage: Stage<'_>) {
    stage.respond("echo", |request| async { Reply { body: request.body, ..reply(200, "") } }).await;
    let body: Vec<u8> = (0..512 * 1024).map(|n: u32| (n % 251) as u8).collect();
    let request = ServiceRequest { method: "POST".into(), body: body.clone().into(), ..get("echo", "/", LIMIT) };
    let replied = stage.hub.request(request).await.expect("a reply");
    assert!(replied.body == body, "the body is unchanged");
}

/// A request that is dropped disturbs no other.
pub async fn a_dropped_request_disturbs_no_other(stage: Stage<'_>) {
    let handler = |request: ServiceRequest| async move {
        sleep(Duration::from_millis(20)).await;
        reply(200, &request.path)
    };
    stage.respond("storage", handler).await;
    for number in 0..20 {
        let dropped = stage.hub.request(get("storage", "/dropped", LIMIT));
        drop(tokio::time::timeout(Duration::from_millis(number), dropped).await);
        let path = format!("/{number}");
        assert_eq!(stage.hub.request(get("storage", &path, LIMIT)).await.expect("a reply").body, path.as_bytes());
    }
}

/// Slow requests hold up no publishing.
pub async fn slow_requests_hold_up_no_publishing(stage: Stage<'_>) {
    stage
        .respond("slow", |_| async {
            sleep(Duration::from_secs(30)).await;
            reply(200, "late")
        })
        .await;
    let slow = (0..50).map(|_| stage.hub.request(get("slow", "/", Duration::from_secs(4))));
    let publish = async { timed(stage.publish_one(message("1", "ada"))).await };
    let (replies, (published, took)) = tokio::join!(join_all(slow), publish);
    assert!(published.is_ok() && took < Duration::from_secs(3), "{published:?} after {took:?}");
    let expected = (Applied::Unknown, 50);
    let unknown =
        replies.iter().filter_map(|reply| reply.as_ref().err()).filter(|error| !error.certainly_not_applied());
    assert_eq!((Applied::Unknown, unknown.count()), expected);
}
