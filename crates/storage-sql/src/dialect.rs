//! Everything in which the two engines differ: in the SQL that is made here, and in the parameters of the files of SQL.

use crate::{
    session::Statement,
    sql::sql,
    value::{Column, ColumnType, Value},
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Rows per insert statement: with sheets of a few KB, as many as PostgreSQL sorts in its working memory.
const INSERT_ROWS: usize = 250;
/// How many advisory locks the subjects share, and the transactions: also the maximum number of each that PostgreSQL's lock
/// table will ever hold.
const LOCKS: u128 = 1_024;

/// The maximum number of locks whose statement names each: there are few such statements, and they stay prepared.
const FEW_LOCKS: usize = 4;

/// First halves of the keys of PostgreSQL's advisory locks.
const LOCK_SUBJECT: i64 = 0x6368_6101;
const LOCK_MIGRATION: i64 = 0x6368_6103;
const LOCK_TRANSACTION: i64 = 0x6368_6104;

/// An engine's SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
}

impl Dialect {
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
            // One row alone costs the least as plain values.
            _ if self == Self::Sqlite || rows.len() == 1 => {
                let places = (1..=columns.len()).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
                let sql = format!("INSERT INTO {table} ({names}) VALUES ({places}) {tail}");
                rows.into_iter().map(|row| Statement::new(sql.clone(), row)).collect()
            }
            Self::Sqlite | Self::Postgres => {
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
                let list = |(list, column): (Vec<Value>, &Column)| Value::List(column.holds, list);
                let mut rows = rows.into_iter().peekable();
                while rows.peek().is_some() {
                    let mut lists = vec![Vec::new(); columns.len()];
                    for row in rows.by_ref().take(INSERT_ROWS) {
                        for (list, value) in lists.iter_mut().zip(row) {
                            list.push(value);
                        }
                    }
                    let lists = lists.into_iter().zip(columns).map(list).collect();
                    statements.push(Statement::new(sql.clone(), lists));
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

    /// Makes transactions wait for one another that have the same id, change the same rows or tell of the same subjects.
    /// It is the first statement of a transaction: the server numbers a transaction at its first write, so that the numbers
    /// of those that touch one row have the order of its revisions, and so has the log. Writers of several rows cannot wait
    /// in a circle either. SQLite has one writer at a time anyway.
    pub(crate) fn lock(self, locks: &Locks) -> Option<Statement> {
        if self == Self::Sqlite || locks.0.is_empty() {
            return None;
        }
        if locks.0.len() <= FEW_LOCKS {
            return Some(locks.one_by_one());
        }
        Some(Statement::new(sql!("lock_all.postgres"), locks.lists()))
    }

    /// Makes migrations wait for one another.
    pub(crate) fn lock_migrations(self) -> Option<Statement> {
        (self == Self::Postgres)
            .then(|| Statement::new(sql!("lock_migrations.postgres"), vec![Value::Int(LOCK_MIGRATION)]))
    }

    /// Ids as one parameter: an array in PostgreSQL, a JSON list of hexadecimal numbers in SQLite, which has no arrays.
    pub(crate) fn ids(self, ids: &[Uuid]) -> Value {
        match self {
            Self::Postgres => Value::List(ColumnType::Uuid, ids.iter().copied().map(Value::Uuid).collect()),
            Self::Sqlite => {
                let ids: Vec<String> = ids.iter().map(|id| id.simple().to_string()).collect();
                Value::Text(serde_json::json!(ids).to_string())
            }
        }
    }

    /// Answers a row if there is a table of this name.
    pub(crate) fn find_table(self, name: &'static str) -> Statement {
        Statement::new(sql!("find_table", self), vec![Value::Text(name.to_owned())])
    }
}

/// What a transaction locks before it touches anything.
#[derive(Debug, Default)]
pub(crate) struct Locks(BTreeMap<(i64, i64), Mode>);

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// Beside others that hold it so: for rows that are new. No other transaction can know of one, and an import that locked its
    /// thousands of rows would hold up everybody; but the next change of such a row must not overtake it.
    Shared,
    /// By one transaction at a time: for rows that exist.
    Alone,
}

impl Locks {
    /// A row or a subject.
    pub(crate) fn subject(&mut self, subject: Uuid, mode: Mode) {
        self.add(LOCK_SUBJECT, subject, mode);
    }

    /// The id of a transaction.
    pub(crate) fn transaction(&mut self, id: Uuid) {
        self.add(LOCK_TRANSACTION, id, Mode::Alone);
    }

    /// These and the others.
    pub(crate) fn merge(&mut self, others: &Self) {
        for (key, mode) in &others.0 {
            self.add_key(*key, *mode);
        }
    }

    /// Takes those that are free, and answers for each in order whether it was; for PostgreSQL.
    pub(crate) fn try_all(&self) -> Statement {
        Statement::new(sql!("try_lock_all.postgres"), self.lists())
    }

    /// Those that were free, by the answers to [`try_all`](Self::try_all).
    pub(crate) fn retain(&mut self, free: impl IntoIterator<Item = bool>) {
        let mut free = free.into_iter();
        self.0.retain(|_, _| free.next().unwrap_or(false));
    }

    pub(crate) fn contains(&self, others: &Self) -> bool {
        others.0.keys().all(|key| self.0.contains_key(key))
    }

    fn lists(&self) -> Vec<Value> {
        let keys = self.0.keys();
        vec![
            Value::List(ColumnType::Int, keys.clone().map(|(space, _)| Value::Int(*space)).collect()),
            Value::List(ColumnType::Int, keys.map(|(_, lock)| Value::Int(*lock)).collect()),
            Value::List(ColumnType::Bool, self.0.values().map(|mode| Value::Bool(*mode == Mode::Shared)).collect()),
        ]
    }

    /// As the columns of one row, which costs the least for a few.
    fn one_by_one(&self) -> Statement {
        let (mut columns, mut values) = (Vec::new(), Vec::new());
        for ((space, lock), mode) in &self.0 {
            let function = match mode {
                Mode::Shared => "pg_advisory_xact_lock_shared",
                Mode::Alone => "pg_advisory_xact_lock",
            };
            values.push(Value::Int(*lock));
            columns.push(format!("{function}({space}, CAST(${} AS bigint)::int)", values.len()));
        }
        Statement::new(format!("SELECT {}", columns.join(", ")), values)
    }

    /// A map is sorted: those that lock several do so in one order, and none in a circle.
    fn add(&mut self, space: i64, id: Uuid, mode: Mode) {
        // The last bits of every UUID version in use are random.
        let lock = i64::try_from(id.as_u128() % LOCKS).unwrap_or_default();
        self.add_key((space, lock), mode);
    }

    fn add_key(&mut self, key: (i64, i64), mode: Mode) {
        let held = self.0.entry(key).or_insert(mode);
        *held = mode.max(*held);
    }
}
