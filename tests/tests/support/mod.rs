//! What the tests of real processes share: a client that speaks JSON and says what it got.

#![allow(dead_code, clippy::allow_attributes, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "support of tests")]

use character_tests::Service;
use serde_json::{Value, json};
use std::{
    str::FromStr,
    time::{Duration, Instant},
};

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
    pub(crate) fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    /// The value of a series in an answer of `/metrics`, such as `live_streams` or `setting_refused{setting="TLS"}`.
    pub(crate) fn metric<T: FromStr>(&self, series: &str) -> Option<T> {
        let mut lines = self.body.as_str()?.lines();
        let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        Some(value.parse().unwrap_or_else(|_| panic!("{series} is {value}")))
    }
}

/// What a service shows at `/metrics`.
pub(crate) async fn metrics(service: &Service) -> Answer {
    send(client().get(service.url("/metrics"))).await
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap()
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    try_send(request).await.unwrap()
}

pub(crate) async fn try_send(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await?;
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::String(String::from_utf8_lossy(&bytes).into_owned()));
    Ok(Answer { status, headers, body })
}

/// A character that the API accepts.
pub(crate) fn sheet(name: &str) -> Value {
    json!({ "name": name, "user_id": uuid::Uuid::new_v4(), "data": { "hit_points": { "maximum": 12, "current": 12 } } })
}

/// Asks again and again until the answer is as wanted; panics with the last one after `limit`.
pub(crate) async fn until(
    limit: Duration,
    what: &str,
    mut request: impl FnMut() -> reqwest::RequestBuilder,
    wanted: impl Fn(&Answer) -> bool,
) -> Answer {
    let end = Instant::now() + limit;
    loop {
        let answer = try_send(request()).await;
        if answer.as_ref().is_ok_and(&wanted) {
            return answer.unwrap();
        }
        assert!(Instant::now() < end, "not within {limit:?}: {what}; last answer: {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
