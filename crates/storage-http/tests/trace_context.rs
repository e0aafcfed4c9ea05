//! The trace that requests carry. Alone in its process: what a span's place in the code is interesting to is remembered
//! for the whole process, and tests beside it that trace nothing would switch it off.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod direct;
#[expect(dead_code, reason = "that each operation is sent is enough here; tests/operations.rs looks at the rest")]
mod examples;

use character_storage_http::{HttpStorage, HttpStorageConfig};
use character_storage_port::Probe;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracerProvider};
use std::time::Duration;
use tracing::{Instrument, info_span};
use tracing_subscriber::layer::SubscriberExt;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

#[tokio::test]
async fn every_attempt_carries_the_trace_it_belongs_to() {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let provider = SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let server = MockServer::start().await;
    for status in [503, 204] {
        Mock::given(matchers::any()).respond_with(ResponseTemplate::new(status)).up_to_n_times(1).mount(&server).await;
    }
    let config = HttpStorageConfig::new(server.uri().parse().unwrap(), "secret".to_owned().into());
    let config = HttpStorageConfig { retry_base: Duration::from_millis(1), ..config };
    let storage = HttpStorage::connect(config).unwrap();
    storage.probe().instrument(info_span!("caller")).await.unwrap();
    let parents: Vec<String> = server
        .received_requests()
        .await
        .unwrap()
        .iter()
        .map(|request| request.headers.get("traceparent").unwrap().to_str().unwrap().to_owned())
        .collect();
    let [(first_trace, first_span), (second_trace, second_span)] =
        [&parents[0], &parents[1]].map(|parent| parent.strip_prefix("00-").unwrap().split_once('-').unwrap());
    assert_eq!(first_trace, second_trace, "one call is one trace");
    assert_ne!(first_span, second_span, "each attempt is a span of its own");

    // What the answer is makes no difference to what was sent.
    for operation in examples::operations() {
        server.reset().await;
        let storage = examples::client(direct::direct(server.uri(), "secret"));
        let _ = (operation.ask)(storage).instrument(info_span!("caller")).await;
        for request in server.received_requests().await.unwrap() {
            let parent = request.headers.get("traceparent").unwrap().to_str().unwrap();
            assert!(parent.starts_with("00-") && parent.len() == 55, "{}: {parent}", operation.name);
        }
    }
}
