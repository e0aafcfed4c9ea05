//! Large requests and replies have a budget of bytes: what does not fit is refused by name, and the rest arrives.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use async_nats::jetstream;
use character_message_hub::{ErrorKind, HubError, HubOperations, MessageHub, Reply, ServiceRequest};
use character_message_hub_nats::{
    BudgetUse, HttpForwarder, NatsBudget, NatsHub, NatsHubConfig, NatsResponder, ServiceHandler as _,
};
use character_message_hub_testkit::{
    Handler,
    sample::{get, reply},
};
use character_tests::{NatsRelease, NatsServer};
use futures_util::{
    StreamExt as _,
    future::{BoxFuture, join_all},
};
use std::{sync::Arc, time::Duration};
use support::{Answering, LIMIT, connected, raw_responder, until};
use tokio::sync::Semaphore;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

const MIB: usize = 1024 * 1024;

/// A hub with a budget of this many bytes of its own, and the budget.
async fn hub(server: &NatsServer, bytes: usize) -> (NatsHub, NatsBudget) {
    let budget = NatsBudget::new(bytes as u64);
    let config = NatsHubConfig { budget: budget.clone(), ..NatsHubConfig::new(server.url()) };
    (connected(config).await, budget)
}

async fn serve<F>(hub: &NatsHub, handler: impl Fn(ServiceRequest) -> F + Send + Sync + 'static) -> NatsResponder
where
    F: Future<Output = Reply> + Send + 'static,
{
    let handler: Handler = Arc::new(move |request| -> BoxFuture<'static, Reply> { Box::pin(handler(request)) });
    NatsResponder::serve(hub, "storage".parse().unwrap(), Arc::new(Answering(handler))).await.unwrap()
}

/// Replies with as many bytes as the path says.
async fn sized(request: ServiceRequest) -> Reply {
    let size = request.path.trim_start_matches('/').parse().unwrap();
    Reply { body: vec![b'x'; size].into(), ..reply(200, "") }
}

fn of_size(size: usize) -> ServiceRequest {
    get("storage", &format!("/{size}"), LIMIT)
}

fn assert_no_room(error: &HubError) {
    assert_eq!(*error.kind(), ErrorKind::Unavailable { retry_after: Some(Duration::from_secs(1)) }, "{error}");
    assert!(!error.certainly_not_applied() && error.to_string().contains("large replies"), "{error}");
}

/// A program finds it in the problem document.
fn assert_names_no_room(reply: &Reply, certainly_not_applied: bool) {
    let problem: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(problem["code"], "no-room", "{problem}");
    assert_eq!(problem["certainly_not_applied"], certainly_not_applied, "{problem}");
}

#[tokio::test]
async fn operators_read_long_answers_of_jetstream_while_the_budget_is_used_up() {
    let server = NatsServer::start(NatsRelease::Current);
    let (service, _) = hub(&server, 64 * MIB).await;
    let (caller, budget) = hub(&server, MIB).await;
    let _responder = serve(&service, sized).await;
    caller.create_stream(LIMIT).await.unwrap();
    let jetstream = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let stream = jetstream.get_stream("CHARACTER_EVENTS").await.unwrap();
    for number in 0..25 {
        let durable_name = Some(format!("long-{number}"));
        let description = Some("x".repeat(4_000));
        let config = jetstream::consumer::pull::Config { durable_name, description, ..Default::default() };
        stream.create_consumer(config).await.unwrap();
    }
    let held = caller.request(of_size(MIB)).await.unwrap();
    assert_eq!(caller.subscriptions().await.unwrap().len(), 25);
    assert_eq!(budget.replies(), BudgetUse { held_bytes: MIB as u64, refused: 0 });
    drop(held);
}

#[tokio::test]
async fn a_caller_holds_large_replies_up_to_its_budget_and_refuses_the_next_by_name() {
    let server = NatsServer::start(NatsRelease::Current);
    let (service, _) = hub(&server, 64 * MIB).await;
    let (caller, budget) = hub(&server, 7 * MIB).await;
    let _responder = serve(&service, sized).await;
    // One of several messages, and one of a single message.
    let several = caller.request(of_size(6 * MIB)).await.unwrap();
    let single = caller.request(of_size(MIB / 2)).await.unwrap();
    let held = BudgetUse { held_bytes: (6 * MIB + MIB / 2) as u64, refused: 0 };
    assert_eq!((budget.replies(), caller.statistics().large_replies), (held, held));
    for size in [2 * MIB, MIB * 3 / 4] {
        assert_no_room(&caller.request(of_size(size)).await.unwrap_err());
    }
    assert_eq!(budget.replies(), BudgetUse { refused: 2, ..held });
    assert_eq!(caller.request(of_size(64 * 1024)).await.unwrap().body.len(), 64 * 1024, "a small one always fits");
    let part = several.body.slice(..10);
    drop(several);
    assert_eq!(budget.replies().held_bytes, held.held_bytes, "a part of the body is in use");
    drop(part);
    assert_eq!(caller.request(of_size(6 * MIB)).await.unwrap().body.len(), 6 * MIB);
    drop(single);
    assert_eq!(budget.replies().held_bytes, 0);
    assert_eq!(caller.statistics().waiting, 0);
}

#[tokio::test]
async fn replies_that_stop_halfway_hold_no_more_than_the_budget_and_return_it_when_their_calls_end() {
    let server = NatsServer::start_with(NatsRelease::Current, "max_payload: 1MB");
    let (caller, budget) = hub(&server, 2 * MIB).await;
    let (raw, mut requests) = raw_responder(&server).await;
    let half = async {
        for _ in 0..5 {
            let address = requests.next().await.unwrap().reply.unwrap();
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("Hub-Status", "200");
            headers.insert("Hub-Reply-Parts", "2");
            raw.publish_with_headers(address, headers, vec![0; MIB - 1_000].into()).await.unwrap();
        }
    };
    let call = || caller.request(get("storage", "/", Duration::from_secs(3)));
    let (replied, ()) = tokio::join!(join_all((0..5).map(|_| call())), half);
    let errors: Vec<_> = replied.into_iter().map(Result::unwrap_err).collect();
    let (late, refused): (Vec<_>, Vec<_>) = errors.iter().partition(|error| *error.kind() == ErrorKind::Timeout);
    assert_eq!((late.len(), refused.len()), (2, 3), "{errors:?}");
    refused.into_iter().for_each(assert_no_room);
    assert_eq!(budget.replies(), BudgetUse { held_bytes: 0, refused: 3 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_responder_whose_replies_nats_does_not_take_holds_no_more_than_its_budget() {
    let server = NatsServer::start(NatsRelease::Current);
    let (service, budget) = hub(&server, 12 * MIB).await;
    let (caller, _) = hub(&server, 512 * MIB).await;
    let gate = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&gate);
    let begun = Arc::new(Semaphore::new(0));
    let counted = Arc::clone(&begun);
    let _responder = serve(&service, move |request| {
        counted.add_permits(1);
        let gate = Arc::clone(&waits);
        async move {
            drop(gate.acquire().await.unwrap());
            sized(request).await
        }
    })
    .await;
    let calls = async { join_all((0..20).map(|_| caller.request(of_size(4 * MIB)))).await };
    let freeze = async {
        drop(begun.acquire_many(20).await.unwrap());
        server.freeze();
        gate.add_permits(20);
        until("replies are refused", async || budget.replies().refused >= 10).await;
        assert!(budget.replies().held_bytes <= 12 * MIB as u64, "{budget:?}");
        server.thaw();
    };
    let (replied, ()) = tokio::join!(calls, freeze);
    let (mut whole, mut refused) = (0, 0);
    for reply in replied.into_iter().map(Result::unwrap) {
        match reply.status {
            200 => whole += usize::from(reply.body.len() == 4 * MIB),
            503 => {
                let problem = String::from_utf8_lossy(&reply.body).into_owned();
                assert!(problem.contains("may have been applied") && problem.contains("12582912 bytes"), "{problem}");
                assert_names_no_room(&reply, false);
                assert_eq!(reply.retry_after, Some(Duration::from_secs(1)));
                refused += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(whole >= 3 && whole + refused == 20, "{whole} whole, {refused} refused");
    until("nothing is held", async || budget.replies().held_bytes == 0).await;
    assert_eq!(budget.replies().refused, refused as u64);
}

#[tokio::test]
async fn large_requests_that_wait_have_a_budget_and_one_more_is_refused_before_it_is_handled() {
    let server = NatsServer::start(NatsRelease::Current);
    let (service, budget) = hub(&server, 2 * MIB).await;
    let (caller, _) = hub(&server, 64 * MIB).await;
    let gate = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&gate);
    let _responder = serve(&service, move |request: ServiceRequest| {
        let gate = Arc::clone(&waits);
        async move {
            drop(gate.acquire().await.unwrap());
            reply(200, if request.body.len() == 900 * 1024 { "whole" } else { "other" })
        }
    })
    .await;
    let large = || ServiceRequest { body: vec![0; 900 * 1024].into(), ..get("storage", "/", LIMIT) };
    let first = async { tokio::join!(caller.request(large()), caller.request(large())) };
    let third = async {
        until("two wait", async || budget.requests().held_bytes == 2 * 900 * 1024).await;
        let refused = caller.request(large()).await.unwrap();
        gate.add_permits(3);
        let small = caller.request(get("storage", "/", LIMIT)).await.unwrap();
        (refused, small)
    };
    let ((first, second), (refused, small)) = tokio::join!(first, third);
    assert!([first, second].into_iter().all(|reply| *reply.unwrap().body == *b"whole"));
    assert_eq!((refused.status, refused.retry_after), (503, Some(Duration::from_secs(1))));
    assert!(String::from_utf8_lossy(&refused.body).contains("large requests"), "{refused:?}");
    assert_names_no_room(&refused, true);
    assert_eq!(small.status, 200);
    until("nothing is held", async || budget.requests() == BudgetUse { held_bytes: 0, refused: 1 }).await;
}

#[tokio::test]
async fn what_a_forwarder_holds_of_an_http_service_has_a_budget_too() {
    let http = MockServer::start().await;
    let template = ResponseTemplate::new(200).set_body_bytes(vec![0; 10 * MIB]);
    Mock::given(path("/large")).respond_with(template).mount(&http).await;
    let forwarder = HttpForwarder::new(&http.uri(), 16 * MIB).unwrap();
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(forwarder.reply(get("storage", "/large", LIMIT)).await);
    }
    assert!(held.iter().all(|reply| reply.status == 200 && reply.body.len() == 10 * MIB));
    let refused = forwarder.reply(get("storage", "/large", LIMIT)).await;
    assert_eq!((refused.status, refused.retry_after), (503, Some(Duration::from_secs(1))));
    assert_names_no_room(&refused, false);
    held.pop();
    assert_eq!(forwarder.reply(get("storage", "/large", LIMIT)).await.status, 200);
}
