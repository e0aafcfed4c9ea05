//! The HTTP contract between a storage client and a storage server, version 1: paths, headers, bodies and problems.
//!
//! Nothing here does input or output; client and server are built on the same words.
//!
//! | request | answer |
//! |---|---|
//! | `GET /storage/v1/characters/{id}?deleted=include` | 200, the entity and `ETag: "<revision>"`; 404 `not-found` |
//! | `GET /storage/v1/characters?…&limit=&offset=` or `&cursor=` | 200 [`ListBody`] |
//! | `POST /storage/v1/transactions` with a [`Transaction`](character_storage_port::Transaction) | 200 [`Committed`](character_storage_port::Committed); may be repeated |
//! | `POST /storage/v1/transactions/batch` with a [`BatchBody`] | 200 [`OutcomesBody`]; may be repeated |
//! | `POST /storage/v1/outbox/claim` with a [`ClaimBody`] | 200 [`EventsBody`] |
//! | `POST /storage/v1/outbox/acknowledge` with an [`AcknowledgeBody`] | 204; may be repeated |
//! | `GET /storage/v1/snapshot` | 200 [`SnapshotLine`]s as `application/x-ndjson`, until `end` |
//! | `GET /storage/v1/probe` | 204 |
//!
//! `characters` stands for every kind of row, by the name of many
//! ([`EntityKind::collection`](character_storage_port::EntityKind::collection)). The filters of a list are the fields of
//! its query; tags are joined by commas. Every request carries `Authorization: Bearer …`; every failure is a [`Problem`].
#![warn(missing_debug_implementations)]

mod body;
mod decode;
mod header;
mod path;
mod problem;
mod query;
mod registry;

pub use body::{
    AcknowledgeBody, BatchBody, ClaimBody, EventsBody, ListBody, Outcome, OutcomesBody, SnapshotEnd, SnapshotLine,
};
pub use decode::{Unreadable, decode};
pub use header::{JSON, NDJSON, PROBLEM_JSON, entity_tag, is_media_type};
pub use path::{
    ACKNOWLEDGE, BASE, BATCH, CLAIM, OP_ACKNOWLEDGE, OP_CLAIM, OP_PROBE, PROBE, SNAPSHOT, TRANSACTIONS, VERSION,
    collection, entity,
};
pub use problem::{Problem, ProblemEntity, RetryAdvice, kind_for_status};
pub use query::{decode_deleted, decode_list, encode_list};
pub use registry::{
    MALFORMED, METHOD_NOT_ALLOWED, PROBLEMS, ProblemType, REQUEST_TIMEOUT, TOO_LARGE, UNKNOWN_PATH,
    UNSUPPORTED_MEDIA_TYPE, problem_type,
};
