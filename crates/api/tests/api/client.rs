//! A client of a service of its own.

use crate::conformance::Exchange;
use actix_web::{
    App,
    body::to_bytes,
    http::{Method, header::HeaderMap},
    test,
};
use character_api::{Api, ApiLimits, configure};
use character_asyncapi::ValidatedStorage;
use character_http_kit::{Admission, Health, HealthCheck, HttpMetrics, RequestLimit};
use character_live_updates::LiveUpdates;
use character_repositories::{Repositories, StorageContext};
use character_storage_port::{MemoryStorage, StoragePort};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const CHARACTERS: &str = "/api/v2/characters";
/// Where the services of clients say that their source code is.
pub(crate) const REPOSITORY: &str = "https://forge.example/characters?a=1&b=2";
pub(crate) const USER: &str = "6f1c2f0e-58a0-4d7b-8d1e-6a3c1f7f9a10";

/// A service and what one asks of it.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) api: Arc<Api>,
    /// Whether each exchange is compared with the document.
    is_compared: bool,
}

/// What the service answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The link to another page: `next`, `prev` or `first`.
    pub(crate) fn link(&self, relation: &str) -> Option<String> {
        let wanted = format!(">; rel=\"{relation}\"");
        let links = self.header("link").unwrap_or_default();
        links.split(", ").find_map(|link| Some(link.strip_suffix(&wanted)?.strip_prefix('<')?.to_owned()))
    }

    pub(crate) fn json(&self) -> Value {
        character_domain::json::parse(self.text.as_bytes()).unwrap()
    }

    /// The answer is this problem, whole and well formed.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("/problems/{code}"));
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()));
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        assert!(problem["instance"].as_str().is_some_and(|path| path.starts_with('/')));
        problem
    }

    /// The answer is 422 for exactly these fields.
    #[track_caller]
    pub(crate) fn is_invalid(&self, fields: &[&str]) -> Value {
        let problem = self.is_problem(422, "invalid");
        let found: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
        assert_eq!(found, fields, "{problem}");
        problem
    }
}

impl Client {
    pub(crate) fn new() -> Self {
        Self::over(MemoryStorage::new())
    }

    pub(crate) fn over(storage: impl StoragePort) -> Self {
        Self::with(storage, ApiLimits::default(), Vec::new())
    }

    pub(crate) fn with(storage: impl StoragePort, limits: ApiLimits, checks: Vec<HealthCheck>) -> Self {
        let (http_metrics, mut registry) = (HttpMetrics::default(), Registry::default());
        http_metrics.register(&mut registry);
        // Each event must be as the AsyncAPI document says.
        let storage = Arc::new(ValidatedStorage::new(storage));
        Self {
            is_compared: true,
            api: Arc::new(Api {
                live: LiveUpdates::new(Arc::clone(&storage) as _),
                repositories: Repositories::new(&StorageContext::new(storage)),
                limits,
                repository: Some(REPOSITORY.to_owned()),
                health: Arc::new(Health::new("1.2.3", checks)),
                http_metrics,
                admission: Admission::default(),
                requests: RequestLimit::default(),
                registry: Arc::new(registry),
            }),
        }
    }

    /// The same, without a comparison of what it sends and receives with the document, which takes memory.
    pub(crate) fn uncompared(self) -> Self {
        Self { is_compared: false, ..self }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Answer {
        let service = test::init_service(App::new().configure(configure(Arc::clone(&self.api)))).await;
        let mut request = test::TestRequest::default().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        for header in headers {
            request = request.append_header(*header);
        }
        if let Some(body) = &body {
            request = request.set_payload(body.clone());
            // As every client of HTTP/1.1 does.
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
                request = request.insert_header(("content-length", body.len()));
            }
        }
        // The server, too, makes an answer of what comes out of the service as an error.
        let response = match test::try_call_service(&service, request.to_request()).await {
            Ok(response) => response.into_parts().1.map_into_boxed_body(),
            Err(error) => error.error_response(),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let response_body = to_bytes(response.into_body()).await.unwrap_or_else(|_| panic!("the body broke off"));
        let answer = Answer { status, headers, text: String::from_utf8_lossy(&response_body).into_owned() };
        let media_type = answer.header("content-type").unwrap_or_default();
        let (request, response) = (body.as_deref(), &*answer.text);
        if self.is_compared {
            Exchange { method, path, request, status, media_type, response }.check();
        }
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None).await
    }

    /// Sends JSON, with the headers given.
    pub(crate) async fn json(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.text(method, path, headers, &body.to_string()).await
    }

    pub(crate) async fn text(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let headers: Vec<_> = [("Content-Type", media)].into_iter().chain(headers.iter().copied()).collect();
        self.send(method, path, &headers, Some(body.as_bytes().to_vec())).await
    }

    pub(crate) async fn post(&self, body: &Value) -> Answer {
        self.json("POST", CHARACTERS, &[], body).await
    }

    /// A character that was just made.
    pub(crate) async fn created(&self, name: &str) -> Value {
        has(self, CHARACTERS, &json!({ "name": name, "user_id": USER })).await
    }
}

/// A row that was just made in the collection of this path.
pub(crate) async fn has(client: &Client, place: &str, body: &Value) -> Value {
    let answer = client.json("POST", place, &[], body).await;
    assert_eq!(answer.status, 201, "{place}: {}", answer.text);
    answer.json()
}

/// The id of such a row.
pub(crate) async fn id_of(client: &Client, place: &str, body: Value) -> String {
    has(client, place, &body).await["id"].as_str().unwrap().to_owned()
}

/// The path of a character.
pub(crate) fn path(character: &Value) -> String {
    format!("{CHARACTERS}/{}", character["id"].as_str().unwrap())
}
