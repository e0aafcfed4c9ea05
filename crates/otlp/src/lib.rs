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

pub use client::{OtlpClient, OtlpConfig, OtlpError};
pub use headers::OtlpHeaders;
pub use spans::SpanSender;
