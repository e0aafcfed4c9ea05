//! What a request leaves in the log. On its own in a process, since a subscriber may miss events while tests beside it
//! set and drop theirs.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is missing is to fail the test")]

#[expect(dead_code, reason = "one test does not need all that a client can")]
#[path = "api/client.rs"]
mod client;
#[path = "api/conformance.rs"]
mod conformance;

use client::{CHARACTERS, Client, USER};
use serde_json::{Value, json};
use std::{
    io,
    sync::{Arc, Mutex},
};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[actix_web::test]
async fn a_request_leaves_one_line_that_names_it_and_the_trace_of_its_client() {
    use opentelemetry::trace::TracerProvider as _;
    use tracing_subscriber::prelude::*;
    let lines = Lines::default();
    let writer = lines.clone();
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    let only = tracing_subscriber::filter::Targets::new().with_target("access", tracing::Level::INFO);
    let subscriber = tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("test")))
        .with(tracing_subscriber::fmt::layer().json().with_writer(move || writer.clone()).with_filter(only));
    opentelemetry::global::set_text_map_propagator(opentelemetry_sdk::propagation::TraceContextPropagator::new());
    let guard = tracing::subscriber::set_default(subscriber);
    let headers =
        [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ("X-Request-Id", "abc-123")];
    Client::new().send("GET", &format!("{CHARACTERS}/{USER}?secret=1"), &headers, None).await;
    drop(guard);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    let fields = &line["fields"];
    assert_eq!(line["target"], "access");
    assert_eq!((&fields["method"], &fields["status"]), (&json!("GET"), &json!(422)));
    assert_eq!(fields["route"], "/api/v2/characters/{id}");
    assert_eq!(fields["path"], format!("{CHARACTERS}/{USER}"));
    assert_eq!(
        (&fields["request_id"], &fields["trace_id"]),
        (&json!("abc-123"), &json!("4bf92f3577b34da6a3ce929d0e0e4736"))
    );
    assert!(fields["duration_ms"].as_f64().unwrap() > 0.0 && fields["bytes"].as_u64().unwrap() > 0);
    assert!(!text.contains("secret"));
}
