//! The storage port over PostgreSQL and SQLite: one semantics, two engines.
//!
//! `commit`, `plan`, `table`, `log` and `consumers` say what happens, in statements that are files of SQL (`sql`) or made of
//! columns; `dialect` holds the differences; `postgres` and `sqlite` only run statements. `feed` reads the log for those that
//! follow it, and `place` says which of its commits a cursor has seen. A new kind of row is a few lines like `character` and
//! one migration; a new type of field goes into `field`.
#![warn(missing_debug_implementations)]

#[cfg(not(any(feature = "postgres", feature = "sqlite")))]
compile_error!("character-storage-sql needs an engine: enable its feature `postgres` or `sqlite`");

#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;

mod absence;
#[cfg(feature = "sqlite")]
mod call;
mod campaign;
mod character;
mod commit;
mod consumers;
mod derived;
mod dialect;
mod engine;
#[cfg(test)]
#[cfg(feature = "sqlite")]
mod engines;
mod epoch;
mod fault;
mod feed;
mod field;
mod inventory;
mod journal;
#[cfg(test)]
#[cfg(feature = "sqlite")]
#[path = "../tests/support/lists.rs"]
mod lists;
mod location;
mod log;
#[cfg(test)]
#[cfg(feature = "sqlite")]
#[path = "../tests/support/many.rs"]
mod many;
mod migrations;
mod moved_events;
mod options;
mod place;
mod plan;
#[cfg(test)]
#[cfg(feature = "sqlite")]
mod plans;
#[cfg(feature = "postgres")]
mod postgres;
mod progress;
mod retention;
mod session;
mod slow;
mod snapshot;
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod storage;
mod table;
mod thinning;
mod value;
mod version;

pub use absence::may_come_back;
pub use location::DatabaseLocation;
pub use options::{LogStatus, Migrations, PoolStatus, SqlOptions, ThinningStatus, Wakeup};
#[cfg(feature = "sqlite")]
pub use sqlite::{Restored, back_up, restore};
pub use storage::{SqlStorage, Thinned};
