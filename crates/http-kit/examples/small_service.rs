//! A small service: one path with problems, health and metrics beside it, and a request id in every answer.

use actix_service::apply;
use actix_web::{App, HttpServer, http::StatusCode, middleware::from_fn, rt, web};
use character_http_kit::{
    Endpoint, Endpoints, FieldError, Health, HealthCheck, HealthPaths, HttpMetrics, Problem, ProblemTypes, health,
    middleware,
};
use prometheus_client::registry::Registry;
use std::{
    error::Error,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

async fn greet(name: web::Path<String>) -> Result<String, Problem> {
    match name.chars().count() {
        1..=20 => Ok(format!("well met, {name}")),
        _ => Err(Problem::invalid([FieldError::new("name", "must have 1 to 20 characters")])),
    }
}

/// The whole answer to a `GET` of this path, with its head.
async fn get(address: SocketAddr, path: &'static str) -> Result<String, Box<dyn Error>> {
    let asked = web::block(move || {
        let mut connection = TcpStream::connect(address)?;
        write!(connection, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).map(|_| answer)
    });
    Ok(asked.await??)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (metrics, mut registry) = (HttpMetrics::default(), Registry::default());
    metrics.register(&mut registry);
    let registry = Arc::new(registry);
    let down = HealthCheck {
        name: "storage",
        critical: true,
        probe: Arc::new(|| Box::pin(async { Err("it is down".to_owned()) })),
    };
    let states = Arc::new(Health::new(env!("CARGO_PKG_VERSION"), vec![down]));

    let server = HttpServer::new(move || {
        let mut endpoints = Endpoints::default();
        Endpoint::at("/greetings/{name}").get(greet).register(&mut endpoints);
        health::register(&mut endpoints, HealthPaths::All, &states, &registry);
        let accounted = from_fn(middleware::account(ProblemTypes::below("/problems/"), metrics.clone()));
        App::new().default_service(apply(accounted, endpoints))
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0")?;
    let address = *server.addrs().first().ok_or("the server has no address")?;
    rt::spawn(server.run());

    for (path, status, parts) in [
        ("/greetings/Ada", StatusCode::OK, ["well met, Ada", "x-request-id: "]),
        (
            "/greetings/a-name-that-is-too-long",
            StatusCode::UNPROCESSABLE_ENTITY,
            ["/problems/invalid", "20 characters"],
        ),
        ("/nowhere", StatusCode::NOT_FOUND, ["application/problem+json", "no-such-path"]),
        // A dependency that is down is named, and takes no instance out of service.
        ("/health", StatusCode::OK, ["degraded", "it is down"]),
        ("/health/ready", StatusCode::OK, ["application/json", "ok"]),
        ("/metrics", StatusCode::OK, ["route=\"/greetings/{name}\"", "status=\"422\""]),
    ] {
        let answer = get(address, path).await?;
        assert!(answer.starts_with(&format!("HTTP/1.1 {}", status.as_str())), "{answer}");
        assert!(parts.iter().all(|part| answer.contains(part)), "{path}: {answer}");
    }
    Ok(())
}
