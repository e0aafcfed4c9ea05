//! A token that is replaced while a request with it is on its way.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use character_credentials::Secret;
use character_message_hub::{CloudEvent, ErrorKind, Message, MessageHub as _, ServiceRequest};
use character_message_hub_http::{HttpHub, HttpHubConfig};
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers};

const LIMIT: Duration = Duration::from_secs(10);

/// A hub that accepts only the token `new`, and a client that begins with `old`. Each refused request finds the token of the client
/// replaced by the next of these before its answer is sent.
async fn hub(refusal: ResponseTemplate, replacements: &'static [&'static str]) -> (MockServer, HttpHub) {
    let (server, secret) = (MockServer::start().await, Secret::from("old"));
    let config = HttpHubConfig::new(server.uri().parse().unwrap(), secret.clone());
    let next = Mutex::new(replacements.iter());
    let answer = move |request: &Request| {
        if request.headers["authorization"] == "Bearer new" {
            let results = json!([{ "id": "1", "status": "published" }]);
            let body = json!({ "results": results, "ttl_ms": 7_000 });
            return ResponseTemplate::new(200).insert_header("x-hub-responder", "pod-1").set_body_json(body);
        }
        if let Some(token) = next.lock().unwrap().next() {
            secret.replace((*token).into());
        }
        refusal.clone()
    };
    Mock::given(matchers::any()).respond_with(answer).mount(&server).await;
    (server, HttpHub::connect(config).unwrap())
}

/// The tokens that have arrived, of requests which are otherwise the same.
async fn tokens(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let what = |request: &Request| (request.method.clone(), request.url.clone(), request.body.clone());
    assert!(requests.iter().all(|request| what(request) == what(&requests[0])), "{requests:?}");
    requests.iter().map(|request| request.headers["authorization"].to_str().unwrap().replace("Bearer ", "")).collect()
}

fn message() -> Message {
    Message::of(Arc::new(CloudEvent::new("1", "/tests", "character.created").unwrap()))
}

fn post() -> ServiceRequest {
    ServiceRequest {
        method: "POST".into(),
        body: "body".into(),
        ..ServiceRequest::get("sheets".parse().unwrap(), "/x", LIMIT)
    }
}

async fn register(hub: &HttpHub) -> character_message_hub::Result<Duration> {
    let url = "http://127.0.0.1:1".parse().unwrap();
    hub.register(&"sheets".parse().unwrap(), "pod-1", &url, LIMIT, LIMIT).await
}

#[tokio::test]
async fn every_call_that_is_refused_while_its_token_is_replaced_is_sent_again_with_the_new_one() {
    let refused = || hub(ResponseTemplate::new(401), &["new"]);
    let (server, hub) = refused().await;
    hub.publish(&[message()], LIMIT).await.remove(0).unwrap();
    assert_eq!(tokens(&server).await, ["old", "new"]);
    let (server, hub) = refused().await;
    assert_eq!(hub.request(post()).await.unwrap().status, 200);
    assert_eq!(tokens(&server).await, ["old", "new"]);
    let (server, hub) = refused().await;
    assert_eq!(register(&hub).await.unwrap(), Duration::from_secs(7));
    assert_eq!(tokens(&server).await, ["old", "new"]);
}

#[tokio::test]
async fn a_refused_token_that_was_not_replaced_is_not_sent_again() {
    let (server, hub) = hub(ResponseTemplate::new(401), &[]).await;
    assert_eq!(*register(&hub).await.unwrap_err().kind(), ErrorKind::Unauthorized);
    assert_eq!(tokens(&server).await, ["old"]);
}

#[tokio::test]
async fn a_call_is_sent_again_only_once_however_often_its_token_is_replaced() {
    let (server, hub) = hub(ResponseTemplate::new(401), &["between", "new"]).await;
    assert_eq!(*register(&hub).await.unwrap_err().kind(), ErrorKind::Unauthorized);
    assert_eq!(tokens(&server).await, ["old", "between"]);
}

/// The service has refused the credentials for itself, and may not be asked twice.
#[tokio::test]
async fn a_refusal_of_the_service_is_its_reply_and_not_one_of_the_token_of_the_hub() {
    let refusal = ResponseTemplate::new(401).insert_header("x-hub-responder", "pod-1");
    let (server, hub) = hub(refusal, &["new"]).await;
    assert_eq!(hub.request(post()).await.unwrap().status, 401);
    assert_eq!(tokens(&server).await, ["old"]);
}
