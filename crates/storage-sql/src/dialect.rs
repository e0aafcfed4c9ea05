//! Everything in which the two engines' SQL differs.

use crate::{
    session::Statement,
    value::{Column, ColumnType, Value},
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Rows per insert statement: with sheets of a few KB, as many as PostgreSQL sorts in its working memory.
const INSERT_ROWS: usize = 250;
/// How many advisory locks the subjects share; also the most that PostgreSQL's lock table will ever hold of them.
const SUBJECT_LOCKS: u128 = 1_024;

/// First halves of the keys of PostgreSQL's advisory locks.
const LOCK_SUBJECT: i64 = 0x6368_6101;
const LOCK_CLAIM: i64 = 0x6368_6102;
const LOCK_MIGRATION: i64 = 0x6368_6103;

/// An engine's SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
}

impl Dialect {
    /// The current time in microseconds, by the database's clock: instances need not agree on theirs.
    pub(crate) fn now(self) -> &'static str {
        match self {
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
            Self::Sqlite => "CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER)",
        }
    }

    /// Inserts rows in this order, passing over those whose key exists; answers the column `returning` of those inserted.
    pub(crate) fn insert(
        self,
        table: &str,
        columns: &[Column],
        returning: &str,
        rows: Vec<Vec<Value>>,
    ) -> Vec<Statement> {
        let names = columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
        let tail = format!("ON CONFLICT DO NOTHING RETURNING {returning}");
        match self {
            Self::Sqlite => {
                let places = (1..=columns.len()).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
                let sql = format!("INSERT INTO {table} ({names}) VALUES ({places}) {tail}");
                rows.into_iter().map(|row| Statement::new(sql.clone(), row)).collect()
            }
            Self::Postgres => {
                let array = |(place, column): (usize, &Column)| {
                    let element = match column.holds {
                        ColumnType::Uuid => "uuid",
                        ColumnType::Text => "text",
                        ColumnType::Bool => "boolean",
                        ColumnType::Int => "bigint",
                    };
                    format!("CAST(${} AS {element}[])", place + 1)
                };
                let arrays = columns.iter().enumerate().map(array).collect::<Vec<_>>().join(", ");
                let sql = format!(
                    "INSERT INTO {table} ({names}) SELECT {names} \
                     FROM UNNEST({arrays}) WITH ORDINALITY AS new ({names}, ordinality) ORDER BY ordinality {tail}"
                );
                let mut statements = Vec::new();
                let mut rows = rows.into_iter().peekable();
                while rows.peek().is_some() {
                    let mut lists = vec![Vec::new(); columns.len()];
                    for row in rows.by_ref().take(INSERT_ROWS) {
                        for (list, value) in lists.iter_mut().zip(row) {
                            list.push(value);
                        }
                    }
                    statements.push(Statement::new(sql.clone(), lists.into_iter().map(Value::List).collect()));
                }
                statements
            }
        }
    }

    /// Whether the text in `column` contains the one in the parameter at `place`, to the letter.
    pub(crate) fn contains(self, column: &str, place: &str) -> String {
        match self {
            Self::Postgres => format!("strpos({column}, {place}) > 0"),
            Self::Sqlite => format!("instr({column}, {place}) > 0"),
        }
    }

    /// Whether the JSON list of texts in `column` holds each of those in the parameter at `place`.
    pub(crate) fn contains_all(self, column: &str, place: &str) -> String {
        match self {
            Self::Postgres => format!("CAST({column} AS jsonb) @> CAST(CAST({place} AS text) AS jsonb)"),
            Self::Sqlite => format!(
                "NOT EXISTS (SELECT 1 FROM json_each({place}) AS wanted \
                 WHERE wanted.value NOT IN (SELECT held.value FROM json_each({column}) AS held))"
            ),
        }
    }

    /// Makes transactions that change the same rows, or tell of the same subjects, wait for one another: the positions
    /// of a subject's events then have the order of the commits, and writers of several rows cannot wait in a circle.
    /// SQLite has one writer at a time anyway.
    pub(crate) fn lock_subjects(self, subjects: impl Iterator<Item = Uuid>) -> Option<Statement> {
        if self == Self::Sqlite {
            return None;
        }
        // A set is sorted: whoever locks several does so in the same order, and nobody in a circle.
        let locks: BTreeSet<i64> = subjects.map(subject_lock).collect();
        if locks.is_empty() {
            return None;
        }
        let sql = "SELECT pg_advisory_xact_lock(CAST($1 AS BIGINT)::int, lock::int) \
                   FROM UNNEST(CAST($2 AS bigint[])) AS lock";
        let locks = locks.into_iter().map(Value::Int).collect();
        Some(Statement::new(sql, vec![Value::Int(LOCK_SUBJECT), Value::List(locks)]))
    }

    /// Makes claims wait for one another.
    pub(crate) fn lock_claims(self) -> Option<Statement> {
        self.lock(LOCK_CLAIM)
    }

    /// Makes migrations wait for one another.
    pub(crate) fn lock_migrations(self) -> Option<Statement> {
        self.lock(LOCK_MIGRATION)
    }

    fn lock(self, key: i64) -> Option<Statement> {
        let sql = "SELECT pg_advisory_xact_lock(CAST($1 AS BIGINT)::int, 0)";
        (self == Self::Postgres).then(|| Statement::new(sql, vec![Value::Int(key)]))
    }

    /// Answers a row if there is a table of this name.
    pub(crate) fn find_table(self, name: &'static str) -> Statement {
        let sql = match self {
            Self::Postgres => "SELECT 1::bigint WHERE to_regclass($1::text) IS NOT NULL",
            Self::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1",
        };
        Statement::new(sql, vec![Value::Text(name.to_owned())])
    }
}

fn subject_lock(subject: Uuid) -> i64 {
    // The last bits of every UUID version in use are random.
    i64::try_from(subject.as_u128() % SUBJECT_LOCKS).unwrap_or_default()
}
