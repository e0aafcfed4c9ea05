//! The HTTP contract of the Message Hub, version 1: paths, headers, bodies and problems.
//!
//! Nothing here does input or output; client and server share these definitions.
//!
//! | request | response |
//! |---|---|
//! | `POST /v1/events` with one event, a batch, or an event in binary mode | 200 [`PublishResultsBody`], one result per event; safe to repeat |
//! | `GET /v1/events?subscription=&types=&limit=&wait_ms=&max_in_flight=&settle_within_ms=` | 200 [`DeliveriesBody`], at once or within `wait_ms` |
//! | the same with `Accept: text/event-stream` | 200, one server-sent event per delivery |
//! | `DELETE /v1/events?subscription=&poller=&received=` | 204: the poller leaves |
//! | `POST /v1/events/settle` with a [`SettleBody`] | 200 [`SettleResultsBody`], one result per settlement |
//! | any method at `/v1/services/{name}/{path}` | the reply of an instance of the service, with [`RESPONDER`] |
//! | `GET /v1/services` | 200 [`ServicesBody`] |
//! | `PUT /v1/services/{name}/instances/{id}` with an [`InstanceBody`] | 200 [`LeaseBody`]; safe to repeat |
//! | `DELETE /v1/services/{name}/instances/{id}` | 204; 404 `not-found` |
//! | `GET /v1/subscriptions` | 200 [`SubscriptionsBody`] |
//! | `DELETE /v1/subscriptions/{name}` | 204; 404 `not-found` |
//! | `GET /v1/subscriptions/{name}/rejected` | 200 [`RejectedBody`] |
//! | `GET /v1/probe` | 204 |
//!
//! A client that names itself with `poller` (1 to 64 of the characters of a subscription) reports with `received` the last
//! batch that it received. The hub then releases the deliveries of a response that was lost at once, rather than after their
//! time for settling; and a request ends an earlier one of the same poller.
//!
//! Every request carries `Authorization: Bearer …`. Every failure of the hub is a problem document
//! (`application/problem+json`) that a client reads as [`ProblemBody`]; its `code` is one of
//! [`ErrorKind::CODES`](character_message_hub::ErrorKind::CODES) or of [`HTTP_CODES`].
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod address;
mod deliveries;
mod header;
mod operations;
mod path;
mod problem;
mod publish;
mod services;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// An address.
pub use url::Url;

pub use address::check_address;
pub use deliveries::{
    DEFAULT_LIMIT, DeliveriesBody, DeliveryBody, LONGEST_WAIT, MAX_LIMIT, MAX_SETTLEMENTS, SettleAction, SettleBody,
    SettleResult, SettleResultsBody, SettleStatus, SettlementBody,
};
pub use header::{
    AUTHORIZATION_OF_SERVICE, BATCH, CONTINUES, CORRELATION_ID, EVENT, EVENT_STREAM, IDEMPOTENT, JSON, MESSAGE_ID,
    MESSAGE_ID_EXTENSION, PROBLEM_JSON, RESPONDER, TIMEOUT_MS, TRACEPARENT, is_media_type,
};
pub use operations::{RejectedBody, SubscriptionsBody};
pub use path::{
    BASE, EVENTS, INSTANCE, PROBE, REJECTED, ROUTED, ROUTED_ROOT, SERVICES, SETTLE, SUBSCRIPTION, SUBSCRIPTIONS, routed,
};
pub use problem::{Failure, FieldFault, HTTP_CODES, ProblemBody, kind_for_status, status, title};
pub use publish::{EventResult, EventStatus, MAX_PUBLISH_BYTES, PublishResultsBody};
pub use services::{DEFAULT_TTL, InstanceBody, InstanceState, LeaseBody, MAX_TTL, MIN_TTL, ServiceState, ServicesBody};
