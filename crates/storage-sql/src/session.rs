//! What the semantics need of an engine: statements in order, inside one transaction.

use crate::{
    dialect::Dialect,
    fault::Fault,
    value::{Row, Value},
};
use std::borrow::Cow;

/// A statement with its parameters, numbered `$1`, `$2`, … in the text.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) sql: Cow<'static, str>,
    pub(crate) parameters: Vec<Value>,
}

impl Statement {
    pub(crate) fn new(sql: impl Into<Cow<'static, str>>, parameters: Vec<Value>) -> Self {
        Self { sql: sql.into(), parameters }
    }
}

/// A connection, for as long as one piece of work has it.
pub(crate) trait Session: Send {
    fn dialect(&self) -> Dialect;

    /// Runs the statements in this order and answers the rows of each. They are sent without waiting for one
    /// another where the engine can; the first failure by order is reported.
    fn query_all(&mut self, statements: &[Statement]) -> impl Future<Output = Result<Vec<Vec<Row>>, Fault>> + Send;

    /// Runs the statements as [`query_all`](Self::query_all), the last of the transaction. An engine may commit with them,
    /// which saves a round trip: if one fails, none has an effect.
    fn query_last(&mut self, statements: &[Statement]) -> impl Future<Output = Result<Vec<Vec<Row>>, Fault>> + Send {
        self.query_all(statements)
    }

    /// Whether the transaction was committed, or may have been.
    fn may_have_committed(&self) -> bool {
        false
    }

    /// Runs several statements without parameters from one text.
    fn run_script(&mut self, sql: &str) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Runs one statement.
    fn query(&mut self, statement: Statement) -> impl Future<Output = Result<Vec<Row>, Fault>> + Send {
        async move { Ok(self.query_all(&[statement]).await?.pop().unwrap_or_default()) }
    }

    /// Runs one statement, and reads no row behind those whose texts are longer than `bytes` together. An engine whose
    /// statements of lists are bounded by themselves needs no other way than [`query`](Self::query).
    fn query_bounded(
        &mut self,
        statement: Statement,
        _bytes: usize,
    ) -> impl Future<Output = Result<Vec<Row>, Fault>> + Send {
        self.query(statement)
    }
}

/// One use of a session. It may be run again from the start when it was rolled back.
pub(crate) trait Work: Send + Sync + 'static {
    type Output: Send + 'static;

    fn run<S: Session>(&self, session: &mut S) -> impl Future<Output = Result<Self::Output, Fault>> + Send;

    /// Whether there is anything to commit; else the transaction is rolled back.
    fn has_changes(_output: &Self::Output) -> bool {
        true
    }
}

/// Asks for nothing, to see whether there is an answer.
pub(crate) struct Ask;

impl Work for Ask {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), Fault> {
        session.query(Statement::new("SELECT 1", vec![])).await.map(drop)
    }
}
