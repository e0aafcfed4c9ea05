//! The HTTP contract between a storage client and a storage server, version 1: paths, headers, bodies and problems.
//!
//! Nothing here does input or output; client and server share these definitions.
//!
//! | request | answer |
//! |---|---|
//! | `GET /storage/v1/characters/{id}?deleted=include` | 200, the entity and `ETag: "<revision>"`; 404 `not-found` |
//! | `GET /storage/v1/characters?…&limit=&offset=` or `&cursor=` | 200 [`ListBody`] |
//! | `GET /storage/v1/counts/characters?…` with the filters of the list | 200 [`CountBody`] |
//! | `POST /storage/v1/transactions` with a [`Transaction`](character_storage_port::Transaction) | 200 [`Committed`](character_storage_port::Committed); safe to repeat |
//! | `POST /storage/v1/transactions/batch` with a [`BatchBody`] | 200 [`OutcomesBody`]; safe to repeat |
//! | `GET /storage/v1/log?after=&limit=&wait_ms=` | 200 [`LogBatch`](character_storage_port::LogBatch), at once or within `wait_ms`; 410 `gone` |
//! | `GET /storage/v1/log/head` | 200 [`HeadBody`] |
//! | `GET /storage/v1/consumers` | 200 [`ConsumersBody`] |
//! | `POST /storage/v1/consumers/{name}/lease` with a [`LeaseBody`] | 200 [`LeasedBody`]; safe to repeat |
//! | `POST /storage/v1/consumers/{name}/advance` with an [`AdvanceBody`] | 204; 409 `lease-lost`; 410 `gone`; safe to repeat |
//! | `POST /storage/v1/consumers/{name}/release` with a [`ReleaseBody`] | 204; safe to repeat |
//! | `POST /storage/v1/consumers/{name}/park` with a [`ParkBody`] | 204; 409 `lease-lost`; safe to repeat |
//! | `GET /storage/v1/consumers/{name}/parked?after=&limit=` | 200 [`ParkedBody`] |
//! | `POST /storage/v1/consumers/{name}/unpark` with an [`EventIdsBody`] | 200 [`CountBody`]; safe to repeat |
//! | `POST /storage/v1/consumers/{name}/discard` with an [`EventIdsBody`] | 200 [`CountBody`]; safe to repeat |
//! | `GET /storage/v1/snapshot` | 200 [`SnapshotLine`]s as `application/x-ndjson`, until `end` |
//! | `GET /storage/v1/probe` | 204 |
//!
//! `characters` stands for every kind of row, by the name of many
//! ([`EntityKind::collection`](character_storage_port::EntityKind::collection)). The filters of a list are the fields
//! of its query; tags are joined by commas. `limit` of the log and of parked events is 1 to 1000, by default 100;
//! `wait_ms` is 0 to 60000, by default 0, and a server may respond earlier. A response of the log or of parked events
//! is bounded in bytes after its first item. A client reads a batch as [`LogBatchBody`] and an outcome as
//! [`CommittedBody`], which leave out the kinds of rows and the owners of a newer server. Every request carries
//! `Authorization: Bearer …`; every failure is a [`Problem`].
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod body;
mod consumers;
mod decode;
mod header;
mod log;
mod parameters;
mod path;
mod problem;
mod query;
mod registry;

pub use body::{BatchBody, ListBody, OutcomesBody, SnapshotEnd, SnapshotLine, TransactionOutcome};
pub use consumers::{
    AdvanceBody, ConsumersBody, CountBody, EventIdsBody, LeaseBody, LeasedBody, ParkBody, ParkedBody, ParkedParameters,
    ReleaseBody,
};
pub use decode::{Unreadable, decode};
pub use header::{JSON, NDJSON, PROBLEM_JSON, TIMEOUT_MS, entity_tag, is_media_type};
pub use log::{CommittedBody, DEFAULT_LIMIT, FollowParameters, HeadBody, LogBatchBody};
pub use parameters::decode_nothing;
pub use path::{
    ADVANCE, BASE, BATCH, CONSUMERS, DISCARD, LEASE, LOG, LOG_HEAD, PARK, PARKED, PROBE, RELEASE, SNAPSHOT,
    TRANSACTIONS, UNPARK, VERSION, collection, count, entity, of_consumer,
};
pub use problem::{Problem, ProblemEntity, RetryAdvice, kind_for_status};
pub use query::{decode_count, decode_deleted, decode_list, encode_count, encode_list};
pub use registry::{
    MALFORMED, METHOD_NOT_ALLOWED, PROBLEMS, ProblemType, REQUEST_TIMEOUT, TOO_LARGE, UNKNOWN_PATH,
    UNSUPPORTED_MEDIA_TYPE, problem_type,
};
