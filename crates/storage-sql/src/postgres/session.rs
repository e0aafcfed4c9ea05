//! One connection to PostgreSQL in use: statements are sent without waiting for one another.

use super::{
    begin::Begin,
    fault::{Answered, describe, fault, shows_no_commit},
};
use crate::{
    dialect::Dialect,
    fault::{EngineError, Fault},
    session::{Session, Statement},
    value::{ColumnType, Row, Unreadable, Value},
};
use bytes::BytesMut;
use deadpool_postgres::ClientWrapper;
use futures_util::FutureExt as _;
use std::{
    error::Error as StdError,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

/// The maximum number of statements that are on their way at the same time.
const PIPELINE: usize = 64;

/// Whether a connection keeps what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// It is a session of the server: statements are prepared once.
    Session,
    /// A pooler such as PgBouncer gives each transaction another session of the server. Nothing outlives a transaction:
    /// neither prepared statements nor settings, and notifications do not arrive.
    Transaction,
}

/// How far the transaction of a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// There is none, or the statement that begins it goes with the first others.
    NotBegun,
    Begun,
    /// The COMMIT was sent with the last statements.
    Committed,
}

pub(crate) struct PostgresSession<'a> {
    client: &'a ClientWrapper,
    pooling: Pooling,
    /// Begins the transaction, and what is set when a COMMIT is sent.
    transaction: Option<(&'a Begin, &'a AtomicBool)>,
    stage: Stage,
}

impl<'a> PostgresSession<'a> {
    /// Outside any transaction.
    pub(crate) fn plain(client: &'a ClientWrapper, pooling: Pooling) -> Self {
        Self { client, pooling, transaction: None, stage: Stage::NotBegun }
    }

    /// In a transaction that `begin` begins. `committing` is set while a COMMIT is in flight.
    pub(crate) fn transaction(
        client: &'a ClientWrapper,
        pooling: Pooling,
        begin: &'a Begin,
        committing: &'a AtomicBool,
    ) -> Self {
        Self { client, pooling, transaction: Some((begin, committing)), stage: Stage::NotBegun }
    }

    /// Commits, if that has not been done.
    pub(crate) async fn commit(self) -> Result<(), Fault> {
        let Some((_, committing)) = self.transaction.filter(|_| self.stage == Stage::Begun) else { return Ok(()) };
        committing.store(true, Ordering::Relaxed);
        self.client.batch_execute("COMMIT").await.map_err(|error| judged(fault(error), Answered::Commit, committing))
    }

    /// Rolls back. Whether that arrives makes no difference to the answer, so it is sent and not awaited.
    pub(crate) fn roll_back(self) {
        if self.stage == Stage::Begun {
            let _ = self.client.batch_execute("ROLLBACK").now_or_never();
        }
    }

    /// Rolls back, and waits until the locks are free: what is tried again needs them, over this connection or another one.
    pub(crate) async fn rolled_back(self) {
        if self.stage == Stage::Begun {
            let _ = self.client.batch_execute("ROLLBACK").await;
        }
    }

    async fn run(&mut self, statements: &[Statement], end: End) -> Result<Vec<Vec<Row>>, Fault> {
        let client = self.client;
        let mut all = Vec::with_capacity(statements.len());
        let windows = statements.len().div_ceil(PIPELINE);
        for (number, window) in statements.chunks(PIPELINE).enumerate() {
            let mut answers = Vec::with_capacity(window.len() + 2);
            for statement in window {
                answers.push(self.answer(statement).await?);
            }
            let begins = self.transaction.filter(|_| self.stage == Stage::NotBegun);
            if let Some((begin, _)) = begins {
                answers.insert(0, Box::pin(async move { begin.run(client).await.map(|()| Vec::new()) }));
                self.stage = Stage::Begun;
            }
            let commits = self.transaction.filter(|_| end == End::Commit && number + 1 == windows);
            if let Some((_, committing)) = commits {
                answers.push(command(client, "COMMIT"));
                self.stage = Stage::Committed;
                committing.store(true, Ordering::Relaxed);
            }
            let mut answers = in_order(answers).await.into_iter();
            let answer = |answer: Option<Result<Vec<Row>, Fault>>| match (answer.transpose(), commits) {
                (Ok(rows), _) => Ok(rows.unwrap_or_default()),
                (Err(fault), None) => Err(fault),
                // A refused statement lets the COMMIT behind it end a transaction that has failed.
                (Err(fault), Some((_, committing))) => Err(judged(fault, Answered::Statement, committing)),
            };
            if begins.is_some() {
                answer(answers.next())?;
            }
            for _ in window {
                all.push(answer(answers.next())?);
            }
            if let Some((_, committing)) = commits {
                answers.next().transpose().map_err(|fault| judged(fault, Answered::Commit, committing))?;
            }
        }
        Ok(all)
    }

    async fn answer<'s>(&self, statement: &'s Statement) -> Result<Answer<'s>, Fault>
    where
        'a: 's,
    {
        let client = self.client;
        let Statement { sql, parameters } = statement;
        if self.pooling == Pooling::Transaction {
            return Ok(Box::pin(async move {
                let typed: Vec<_> = parameters.iter().map(|value| (value as _, value.wire_type())).collect();
                let rows = client.query_typed(sql, &typed).await.map_err(fault)?;
                Ok(rows.iter().map(row).collect::<Result<Vec<Row>, Unreadable>>()?)
            }));
        }
        let prepared = client.prepare_cached(sql).await.map_err(fault)?;
        Ok(Box::pin(async move {
            let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|value| value as _).collect();
            let rows = client.query(&prepared, &parameters).await.map_err(fault)?;
            Ok(rows.iter().map(row).collect::<Result<Vec<Row>, Unreadable>>()?)
        }))
    }
}

/// What follows the last statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Commit,
}

/// Notes whether the outcome is known of a transaction that failed with its `COMMIT` on its way.
fn judged(fault: Fault, answered: Answered, committing: &AtomicBool) -> Fault {
    let is_known = match &fault {
        Fault::Engine(_, EngineError::Postgres(error)) => shows_no_commit(error, answered),
        // It has begun on a server that takes no writes, and can change nothing.
        Fault::Engine(_, EngineError::Other(_)) => true,
        _ => false,
    };
    committing.store(!is_known, Ordering::Relaxed);
    fault
}

fn command<'a>(client: &'a ClientWrapper, sql: &'a str) -> Answer<'a> {
    Box::pin(async move { client.batch_execute(sql).await.map(|()| Vec::new()).map_err(fault) })
}

impl Session for PostgresSession<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn query_all(&mut self, statements: &[Statement]) -> Result<Vec<Vec<Row>>, Fault> {
        self.run(statements, End::Open).await
    }

    async fn query_last(&mut self, statements: &[Statement]) -> Result<Vec<Vec<Row>>, Fault> {
        self.run(statements, End::Commit).await
    }

    fn may_have_committed(&self) -> bool {
        self.transaction.is_some_and(|(_, committing)| committing.load(Ordering::Relaxed))
    }

    async fn run_script(&mut self, sql: &str) -> Result<(), Fault> {
        if let Some((begin, _)) = self.transaction.filter(|_| self.stage == Stage::NotBegun) {
            self.stage = Stage::Begun;
            begin.run(self.client).await?;
        }
        self.client.batch_execute(sql).await.map_err(fault)
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Fault>> + Send + 'a>>;

/// Runs all at once, but starts them in order: a statement is sent when its future is first polled.
async fn in_order(mut answers: Vec<Answer<'_>>) -> Vec<Result<Vec<Row>, Fault>> {
    let mut done: Vec<Option<_>> = answers.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut pending = false;
        for (answer, slot) in answers.iter_mut().zip(&mut done) {
            if slot.is_none() {
                match answer.as_mut().poll(context) {
                    Poll::Ready(rows) => *slot = Some(rows),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    done.into_iter().flatten().collect()
}

fn row(row: &tokio_postgres::Row) -> Result<Row, Unreadable> {
    values(row).collect::<Result<Vec<Value>, _>>().map(Row::new)
}

pub(super) fn values(row: &tokio_postgres::Row) -> impl Iterator<Item = Result<Value, Unreadable>> {
    (0..row.len()).map(|index| row.try_get(index).map_err(|error| Unreadable(describe(&error))))
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(match *ty {
            Type::UUID => Self::Uuid(Uuid::from_sql(ty, raw)?),
            Type::TEXT => Self::Text(String::from_sql(ty, raw)?),
            Type::BOOL => Self::Bool(bool::from_sql(ty, raw)?),
            Type::INT8 => Self::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(ty, raw)?.into()),
            _ => Self::Null,
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::UUID | Type::TEXT | Type::BOOL | Type::INT8 | Type::INT4 | Type::VOID)
    }
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Uuid(id) => id.to_sql_checked(ty, out),
            Self::Text(text) => text.to_sql_checked(ty, out),
            Self::Bool(value) => value.to_sql_checked(ty, out),
            Self::Int(number) => number.to_sql_checked(ty, out),
            Self::List(_, values) => values.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Each variant checks for itself.
        true
    }

    to_sql_checked!();
}

impl Value {
    /// Its type where a statement is not prepared. All columns of numbers are of the widest type.
    fn wire_type(&self) -> Type {
        match self {
            // The server finds out by itself.
            Self::Null => Type::UNKNOWN,
            Self::Uuid(_) => Type::UUID,
            Self::Text(_) => Type::TEXT,
            Self::Bool(_) => Type::BOOL,
            Self::Int(_) => Type::INT8,
            Self::List(ColumnType::Uuid, _) => Type::UUID_ARRAY,
            Self::List(ColumnType::Text, _) => Type::TEXT_ARRAY,
            Self::List(ColumnType::Bool, _) => Type::BOOL_ARRAY,
            Self::List(ColumnType::Int, _) => Type::INT8_ARRAY,
        }
    }
}

#[cfg(test)]
mod tests;
