//! A token that is replaced while a request with it is on its way.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use character_credentials::Secret;
use character_storage_http::{
    ApiRequest, HttpStorageConfig, OpenedResponse, ReqwestTransport, StreamTransport as _, Transport as _,
};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers};

/// A storage that accepts only the token `new`, and a client that begins with `old`. Each refused request finds the token of the
/// client replaced by the next of these before its answer is sent.
async fn storage(replacements: &'static [&'static str]) -> (MockServer, ReqwestTransport) {
    let (server, secret) = (MockServer::start().await, Secret::from("old"));
    let config = HttpStorageConfig::new(server.uri().parse().unwrap(), secret.clone());
    let next = std::sync::Mutex::new(replacements.iter());
    let answer = move |request: &Request| {
        if request.headers["authorization"] == "Bearer new" {
            return ResponseTemplate::new(200);
        }
        if let Some(token) = next.lock().unwrap().next() {
            secret.replace((*token).into());
        }
        ResponseTemplate::new(401)
    };
    Mock::given(matchers::any()).respond_with(answer).mount(&server).await;
    (server, ReqwestTransport::new(&config).unwrap())
}

/// The tokens and bodies that have arrived.
async fn arrived(server: &MockServer) -> Vec<(String, String)> {
    let requests = server.received_requests().await.unwrap();
    let token = |request: &Request| request.headers["authorization"].to_str().unwrap().replace("Bearer ", "");
    requests.iter().map(|request| (token(request), String::from_utf8(request.body.clone()).unwrap())).collect()
}

fn request() -> ApiRequest {
    ApiRequest { body: Some("body".into()), idempotent: false, ..ApiRequest::get("test", "/storage/v1/probe") }
}

fn sent(tokens: &[&str]) -> Vec<(String, String)> {
    tokens.iter().map(|token| ((*token).to_owned(), "body".to_owned())).collect()
}

#[tokio::test]
async fn a_request_that_is_refused_while_its_token_is_replaced_is_sent_again_with_the_new_one() {
    let (server, transport) = storage(&["new"]).await;
    assert_eq!(transport.call(request()).await.unwrap().status, 200);
    assert_eq!(arrived(&server).await, sent(&["old", "new"]));
}

#[tokio::test]
async fn a_stream_that_is_refused_while_its_token_is_replaced_is_opened_again_with_the_new_one() {
    let (server, transport) = storage(&["new"]).await;
    assert!(matches!(transport.open(request()).await.unwrap(), OpenedResponse::Stream { .. }));
    assert_eq!(arrived(&server).await, sent(&["old", "new"]));
}

#[tokio::test]
async fn a_refused_token_that_was_not_replaced_is_not_sent_again() {
    let (server, transport) = storage(&[]).await;
    assert_eq!(transport.call(request()).await.unwrap().status, 401);
    assert_eq!(arrived(&server).await, sent(&["old"]));
}

#[tokio::test]
async fn a_request_is_sent_again_only_once_however_often_its_token_is_replaced() {
    let (server, transport) = storage(&["between", "new"]).await;
    assert_eq!(transport.call(request()).await.unwrap().status, 401);
    assert_eq!(arrived(&server).await, sent(&["old", "between"]));
}
