//! The statements that are files of SQL: `src/sql/NAME.sql` where both engines read it, else `NAME.postgres.sql` and
//! `NAME.sqlite.sql`.
//!
//! Their texts are fixed, so that engines keep them prepared. Made in Rust are the statements that depend on a list of columns,
//! locks or cursors (`table`, `plan`, `derived`, `snapshot`, `dialect`, and the renumbering in `epoch`), and commands of one
//! line such as `BEGIN`, `SAVEPOINT`, `PRAGMA`, `SET LOCAL`, `LISTEN` and `NOTIFY`. The current time is in microseconds by the
//! clock of the database: instances need not agree on theirs.

/// The text of a file: `sql!("name")`, or the one of an engine: `sql!("name", dialect)`.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/sql/", $name, ".sql"))
    };
    ($name:literal, $dialect:expr) => {
        match $dialect {
            $crate::dialect::Dialect::Postgres => {
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/sql/", $name, ".postgres.sql"))
            }
            $crate::dialect::Dialect::Sqlite => {
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/sql/", $name, ".sqlite.sql"))
            }
        }
    };
}

pub(crate) use sql;
