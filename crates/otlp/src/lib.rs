//! Sends spans and metrics to a collector of OpenTelemetry, over OTLP with HTTP and protobuf.
//!
//! [`SpanSender`] is an exporter for the tracer of `opentelemetry_sdk`; [`OtlpClient::send_metrics`] sends what a registry of
//! `prometheus-client` shows. Both share one [`OtlpClient`].
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod client;
mod exposition;
mod headers;
mod metrics;
mod protobuf;
mod spans;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// What a client trusts, and its own certificate.
pub use character_credentials::ClientTls;
/// The SDK whose tracer takes a [`SpanSender`].
pub use opentelemetry_sdk;
/// The registry in which metrics are shown.
pub use prometheus_client::registry::Registry;
/// The value of a header.
pub use secrecy::SecretString;
/// The runtime of the connections.
pub use tokio::runtime::Handle;
/// An address.
pub use url::Url;

pub use client::{OtlpClient, OtlpConfig, OtlpError};
pub use headers::OtlpHeaders;
pub use spans::SpanSender;
