//! Statements on a connection of SQLite, and its values.

use super::fault::fault;
use crate::{
    dialect::Dialect,
    fault::Fault,
    session::{Session, Statement},
    value::{ColumnType, Row, Value},
};
use rusqlite::{
    Connection, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};
use std::future::{Future, ready};
use uuid::Uuid;

pub(crate) struct SqliteSession<'a>(pub(crate) &'a mut Connection);

impl SqliteSession<'_> {
    /// The rows, and none behind those whose texts are longer than `bytes` together.
    fn run(&mut self, statement: &Statement, bytes: usize) -> rusqlite::Result<Vec<Row>> {
        let mut prepared = self.0.prepare_cached(&statement.sql.replace('$', "?"))?;
        let columns = prepared.column_count();
        let mut rows = prepared.query(params_from_iter(&statement.parameters))?;
        let (mut all, mut read) = (Vec::new(), 0_usize);
        while read <= bytes
            && let Some(row) = rows.next()?
        {
            let values = (0..columns).map(|index| row.get_ref(index).map(value));
            let row = Row::new(values.collect::<rusqlite::Result<_>>()?);
            read = read.saturating_add(row.text_bytes());
            all.push(row);
        }
        Ok(all)
    }
}

impl Session for SqliteSession<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query_all(&mut self, statements: &[Statement]) -> impl Future<Output = Result<Vec<Vec<Row>>, Fault>> + Send {
        ready(statements.iter().map(|statement| self.run(statement, usize::MAX).map_err(fault)).collect())
    }

    fn query_bounded(
        &mut self,
        statement: Statement,
        bytes: usize,
    ) -> impl Future<Output = Result<Vec<Row>, Fault>> + Send {
        ready(self.run(&statement, bytes).map_err(fault))
    }

    fn run_script(&mut self, sql: &str) -> impl Future<Output = Result<(), Fault>> + Send {
        ready(self.0.execute_batch(sql).map_err(fault))
    }
}

pub(super) fn value(value: ValueRef<'_>) -> Value {
    // A value that no column should hold: the code that reads the column reports which one it is.
    let unexpected = Value::List(ColumnType::Text, Vec::new());
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => std::str::from_utf8(text).map_or(unexpected, |text| Value::Text(text.to_owned())),
        ValueRef::Blob(bytes) => Uuid::from_slice(bytes).map_or(unexpected, Value::Uuid),
        ValueRef::Real(_) => unexpected,
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Uuid(id) => ToSqlOutput::Borrowed(ValueRef::Blob(id.as_bytes())),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bool(value) => ToSqlOutput::Borrowed(ValueRef::Integer((*value).into())),
            Self::Int(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Self::List(..) => return Err(rusqlite::Error::ToSqlConversionFailure("SQLite has no lists".into())),
        })
    }
}
