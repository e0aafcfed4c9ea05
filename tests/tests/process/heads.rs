//! What the head of a request says of its body is read in the same way by every service.

use super::{PATIENCE, TOKEN, both};
use character_tests::Service;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

/// A service of each kind, with a path that takes a body and the media type of that body.
fn services() -> Vec<(Service, &'static str, &'static str)> {
    let [character, storage] = both();
    let hub = Service::message_hub().env("MESSAGE_HUB_TOKEN", TOKEN);
    vec![
        (character.start(), "/api/v2/characters", "application/json"),
        (storage.start(), "/storage/v1/transactions", "application/json"),
        (hub.start(), "/v1/events", "application/cloudevents-batch+json"),
    ]
}

/// A connection that has sent a request with these lines of its head and this body.
fn sent(service: &Service, request: &str, lines: &[&str], body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(service.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    stream.write_all(format!("{request} HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n{body}").as_bytes()).unwrap();
    stream
}

/// What arrives until the end of a head.
fn head(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        text.extend(byte);
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_with_two_media_types_is_refused_by_every_service() {
    let token = format!("authorization: Bearer {TOKEN}");
    for (service, path, media_type) in services() {
        let right = format!("content-type: {media_type}");
        for types in [[&*right, &*right], [&*right, "content-type: text/plain"], ["content-type: text/plain", &*right]]
        {
            let lines = [types[0], types[1], &*token, "content-length: 2", "connection: close"];
            let mut answer = String::new();
            sent(&service, &format!("POST {path}"), &lines, "[]").read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 415"), "{path}: {types:?}: {answer}");
            assert!(answer.contains("\"code\":\"unsupported-media-type\""), "{path}: {types:?}: {answer}");
            // The clients of these two ask whether a change may have been made.
            let is_certain = answer.contains("\"certainly_not_applied\":true");
            assert_eq!(is_certain, !path.starts_with("/api/"), "{path}: {types:?}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_a_token_learns_nothing_of_its_body() {
    for (service, path, media_type) in services().into_iter().filter(|(_, path, _)| !path.starts_with("/api/")) {
        let right = format!("content-type: {media_type}");
        let lines = [&*right, &*right, "content-length: 2", "connection: close"];
        let mut answer = String::new();
        sent(&service, &format!("POST {path}"), &lines, "[]").read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401"), "{path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_without_a_body_refuses_one_whatever_its_media_types() {
    let service = Service::character().start();
    let (path, json) = (format!("/api/v2/characters/{}", uuid::Uuid::now_v7()), "content-type: application/json");
    let mut answer = String::new();
    let lines = [json, json, "content-length: 2", "connection: close"];
    sent(&service, &format!("DELETE {path}"), &lines, "{}").read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 422") && answer.contains("\"field\":\"body\""), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_head_of_the_stream_is_its_head_and_leaves_the_connection_to_other_requests() {
    let service = Service::character().start();
    let stream = format!("/api/v2/stream?character={}", uuid::Uuid::now_v7());
    let mut connection = sent(&service, &format!("HEAD {stream}"), &[], "");
    let answer = head(&mut connection);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("content-type: text/event-stream\r\n"), "{answer}");
    connection.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut metrics = String::new();
    connection.read_to_string(&mut metrics).unwrap();
    assert!(metrics.starts_with("HTTP/1.1 200") && metrics.contains("\nlive_streams 0\n"), "{metrics:.500}");
}
