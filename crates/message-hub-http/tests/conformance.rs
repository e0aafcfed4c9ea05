//! The suite over the client and the server together, in front of a hub in memory and of one in a file.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::StatusCode,
    web::{self, Bytes},
};
use character_http_kit::AcceptedTokens;
use character_message_hub::{Headers, MemoryHub, MessageHub, ServiceName, ServiceRequest};
use character_message_hub_file::{FileHub, FileHubConfig};
use character_message_hub_http::{HttpHub, HttpHubConfig};
use character_message_hub_server::{HubServer, HubServerConfig};
use character_message_hub_testkit::{Handler, HubHarness, message_hub_conformance};
use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;

const TOKEN: &str = "token-of-the-tests";

/// A hub behind a socket of its own, with the instances of services.
struct Served {
    url: String,
    server: HubServer,
    handles: Mutex<Vec<ServerHandle>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.stop();
        for handle in self.handles.lock().unwrap().drain(..) {
            drop(handle.stop(false));
        }
    }
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

fn serve(hub: Arc<dyn MessageHub>) -> (Served, Arc<dyn MessageHub>) {
    let tokens = AcceptedTokens::new([TOKEN.to_owned().into()]).unwrap();
    let server = HubServer::new(hub, tokens, HubServerConfig::default()).unwrap();
    let (listener, url) = listener();
    let served = server.clone();
    let running = HttpServer::new(move || {
        let served = served.clone();
        App::new().configure(move |config| served.configure(config))
    });
    let running = running.workers(1).disable_signals().listen(listener).unwrap().run();
    let handle = running.handle();
    tokio::spawn(running);
    let config = HttpHubConfig::new(url.parse().unwrap(), TOKEN.to_owned().into());
    let client = HttpHub::connect(config).unwrap();
    (Served { url, server, handles: Mutex::new(vec![handle]) }, Arc::new(client))
}

/// An instance of a service at an address of its own.
fn instance(service: ServiceName, handler: Handler) -> (String, ServerHandle) {
    let (listener, url) = listener();
    let running = HttpServer::new(move || {
        let (service, handler) = (service.clone(), Arc::clone(&handler));
        let answer = move |request: HttpRequest, body: Bytes| {
            let text = |name: &str| {
                let value = request.headers().get(name)?;
                Some(std::str::from_utf8(value.as_bytes()).unwrap().to_owned())
            };
            let received = ServiceRequest {
                to: service.clone(),
                method: request.method().as_str().into(),
                path: request.uri().to_string(),
                content_type: text("content-type").map(Into::into),
                authorization: text("authorization").map(Into::into),
                body,
                timeout: Duration::from_millis(text("x-request-timeout-ms").unwrap().parse().unwrap()),
                idempotent: text("x-hub-idempotent").as_deref() == Some("true"),
                correlation_id: text("x-correlation-id").map(Into::into),
                traceparent: text("traceparent").map(Into::into),
                headers: Headers::of_message(
                    request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())),
                ),
            };
            let replying = handler(received);
            async move {
                let reply = replying.await;
                let mut response = HttpResponse::build(StatusCode::from_u16(reply.status).unwrap());
                if let Some(content_type) = &reply.content_type {
                    response.insert_header(("content-type", &**content_type));
                }
                if let Some(pause) = reply.retry_after {
                    response.insert_header(("retry-after", pause.as_secs().to_string()));
                }
                for header in reply.headers.iter() {
                    response.append_header(header);
                }
                response.body(reply.body)
            }
        };
        App::new().app_data(web::PayloadConfig::new(1 << 30)).default_service(web::to(answer))
    });
    let running = running.workers(1).disable_signals().listen(listener).unwrap().run();
    let handle = running.handle();
    tokio::spawn(running);
    (url, handle)
}

/// A hub in memory, which has the services itself.
struct OverMemory;

impl HubHarness for OverMemory {
    type Guard = (Served, MemoryHub);

    async fn fresh() -> (Self::Guard, Arc<dyn MessageHub>) {
        let memory = MemoryHub::new();
        let (served, client) = serve(Arc::new(memory.clone()));
        ((served, memory), client)
    }

    async fn respond((_, memory): &Self::Guard, service: ServiceName, handler: Handler) {
        memory.respond(service, move |request| handler(request));
    }
}

/// A hub in a file, whose server routes requests to instances.
struct OverFile;

impl HubHarness for OverFile {
    type Guard = (Served, TempDir);

    async fn fresh() -> (Self::Guard, Arc<dyn MessageHub>) {
        let folder = tempfile::tempdir().unwrap();
        let file = FileHub::open(FileHubConfig::at(folder.path().join("hub.sqlite"))).unwrap();
        let (served, client) = serve(Arc::new(file));
        ((served, folder), client)
    }

    async fn respond((served, _): &Self::Guard, service: ServiceName, handler: Handler) {
        let (url, handle) = instance(service.clone(), handler);
        let id = {
            let mut handles = served.handles.lock().unwrap();
            handles.push(handle);
            format!("instance-{}", handles.len())
        };
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        let place = format!("{}/v1/services/{service}/instances/{id}", served.url);
        let body = format!(r#"{{"url":"{url}","ttl_ms":600000}}"#);
        let registering = client.put(place).bearer_auth(TOKEN).header("content-type", "application/json").body(body);
        assert_eq!(registering.send().await.unwrap().status().as_u16(), 200);
    }
}

message_hub_conformance!(over_memory, OverMemory);
message_hub_conformance!(over_file, OverFile);
