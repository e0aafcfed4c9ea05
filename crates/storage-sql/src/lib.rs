//! The storage port over PostgreSQL and SQLite: one semantics, two engines.
//!
//! `commit`, `table` and `outbox` say what happens, in SQL that both engines read; `dialect` holds the differences;
//! `postgres` and `sqlite` only run statements. A new kind of row is one file like `character` and one migration.
#![warn(missing_debug_implementations)]

mod character;
mod commit;
mod dialect;
mod fault;
mod migrations;
mod options;
mod outbox;
mod postgres;
mod session;
mod sqlite;
mod storage;
mod table;
mod value;

pub use options::{PoolStatus, SqlOptions};
pub use storage::SqlStorage;
