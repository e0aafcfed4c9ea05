//! A hub that listens, and instances of services.

use actix_service::apply;
use actix_web::{App, HttpServer, dev::ServerHandle, middleware::from_fn, web, web::Bytes};
use character_http_kit::{AcceptedTokens, Endpoints, HttpMetrics, middleware};
use character_message_hub::{Applied, ErrorKind, HubError, MemoryHub, MessageHub};
use character_message_hub_server::{HubServer, HubServerConfig, PROBLEM_TYPES};
use character_message_hub_testkit::{Call, ScriptedHub, Step};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::Duration,
};

pub(crate) const TOKEN: &str = "token-of-the-tests";

/// A hub that listens on a private port.
pub(crate) struct Listening {
    pub(crate) url: String,
    pub(crate) hub: MemoryHub,
    pub(crate) server: HubServer,
    pub(crate) tokens: AcceptedTokens,
    pub(crate) handle: ServerHandle,
    pub(crate) client: reqwest::Client,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.server.stop();
        drop(self.handle.stop(false));
    }
}

pub(crate) async fn listening(config: HubServerConfig) -> Listening {
    listening_over(|hub| Arc::new(hub), config).await
}

pub(crate) async fn listening_over(
    over: impl FnOnce(MemoryHub) -> Arc<dyn MessageHub>,
    config: HubServerConfig,
) -> Listening {
    let hub = MemoryHub::new();
    let tokens = AcceptedTokens::new([TOKEN.to_owned().into(), "the-next-token".to_owned().into()]).unwrap();
    let server = HubServer::new(over(hub.clone()), tokens.clone(), config).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (served, background) = (server.clone(), server.clone());
    let running = HttpServer::new(move || {
        let served = served.clone();
        App::new().configure(move |config| {
            let service = served.service(config, Endpoints::default());
            let accounted = apply(from_fn(middleware::account(PROBLEM_TYPES, HttpMetrics::default())), service);
            config.default_service(accounted);
        })
    });
    let running = running.workers(1).disable_signals().listen(listener).unwrap().run();
    let handle = running.handle();
    tokio::spawn(running);
    tokio::spawn(async move { background.background().await });
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    Listening { url, hub, server, tokens, handle, client }
}

impl Listening {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(TOKEN)
    }

    pub(crate) fn publishing(&self, media_type: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request(Method::POST, "/v1/events").header("content-type", media_type).body(body)
    }

    pub(crate) async fn publish_batch(&self, events: Value) -> Value {
        let request = self.publishing("application/cloudevents-batch+json", events.to_string());
        json_of(request.send().await.unwrap(), 200).await
    }

    pub(crate) async fn deliveries(&self, query: &str) -> Vec<Value> {
        let response = self.request(Method::GET, &format!("/v1/events?{query}")).send().await.unwrap();
        json_of(response, 200).await["deliveries"].as_array().unwrap().clone()
    }

    pub(crate) async fn settle(&self, settlement: Value) -> Value {
        let request = self.request(Method::POST, "/v1/events/settle").json(&json!({ "settlements": [settlement] }));
        json_of(request.send().await.unwrap(), 200).await["results"][0].clone()
    }
}

pub(crate) async fn json_of(response: Response, status: u16) -> Value {
    let found = response.status().as_u16();
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn event(id: &str) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/tests", "type": "character.created", "subject": id, "data": { "n": 1.50 } })
}

/// An instance that reports its name, what it received, and how often it was asked.
pub(crate) async fn instance(name: &'static str) -> (String, Arc<AtomicUsize>, ServerHandle) {
    instance_that_is(Arc::new(AtomicU16::new(200)), name).await
}

/// The same, which answers with this status when it is asked whether it is ready.
pub(crate) async fn instance_that_is(
    ready: Arc<AtomicU16>,
    name: &'static str,
) -> (String, Arc<AtomicUsize>, ServerHandle) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let running = HttpServer::new(move || {
        let (counted, ready) = (Arc::clone(&counted), Arc::clone(&ready));
        let answer = move |request: actix_web::HttpRequest, body: Bytes| {
            let (counted, ready) = (Arc::clone(&counted), Arc::clone(&ready));
            async move {
                if request.path() == "/health/ready" {
                    let status = actix_web::http::StatusCode::from_u16(ready.load(Ordering::SeqCst)).unwrap();
                    return actix_web::HttpResponse::build(status).finish();
                }
                counted.fetch_add(1, Ordering::SeqCst);
                let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
                actix_web::HttpResponse::Ok().insert_header(("x-of-service", "yes")).json(json!({
                    "instance": name, "method": request.method().as_str(), "uri": request.uri().to_string(),
                    "body": String::from_utf8_lossy(&body), "authorization": header("authorization"),
                    "timeout": header("x-request-timeout-ms"), "trace": header("traceparent"),
                    "correlation": header("x-correlation-id"), "request_id": header("x-request-id"),
                }))
            }
        };
        App::new().default_service(web::to(answer))
    });
    let running = running.workers(1).disable_signals().listen(listener).unwrap().run();
    let handle = running.handle();
    tokio::spawn(running);
    (url, asked, handle)
}

pub(crate) fn services(name: &str, urls: &[&str]) -> HubServerConfig {
    let services = urls.iter().map(|url| (name.parse().unwrap(), url.parse().unwrap())).collect();
    HubServerConfig { services, ..HubServerConfig::default() }
}

/// A hub whose own credentials are refused: at once for the subscription `refused`, and with the first delivery for any other.
pub(crate) fn refused(hub: MemoryHub, kind: ErrorKind) -> ScriptedHub {
    ScriptedHub::over(hub, move |call| match call {
        Call::Subscribe(subscription) if subscription.name.as_str() != "refused" => Step::Pass,
        _ => {
            let error = HubError::new(kind.clone(), call.operation()).with_detail("NATS refuses the credentials");
            Step::Fail(error.with_applied(Applied::No))
        }
    })
}
