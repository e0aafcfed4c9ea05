//! The storage port over PostgreSQL and SQLite: one semantics, two engines.
//!
//! `commit`, `table` and `outbox` say what happens, in SQL that both engines read; `dialect` holds the differences;
//! `postgres` and `sqlite` only run statements. A new kind of row is a few lines like `character` and one migration; a
//! new type of field goes into `field`.
#![warn(missing_debug_implementations)]

mod call;
mod campaign;
mod character;
mod commit;
mod derived;
mod dialect;
mod fault;
mod field;
mod inventory;
mod journal;
#[cfg(test)]
#[path = "../tests/support/lists.rs"]
mod lists;
mod location;
#[cfg(test)]
#[path = "../tests/support/many.rs"]
mod many;
mod migrations;
mod options;
mod outbox;
#[cfg(test)]
mod plans;
mod postgres;
mod progress;
mod session;
mod snapshot;
mod sqlite;
mod storage;
mod table;
mod value;
mod version;

pub use location::DatabaseLocation;
pub use options::{Backlog, PoolStatus, SqlOptions};
pub use storage::SqlStorage;
