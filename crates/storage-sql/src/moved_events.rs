//! Events that an earlier release left in its outbox become entries of the log.
//!
//! That release may still run beside this one and write there, so that it is read whenever a database is opened.

use crate::{
    fault::Fault,
    log::NewEntry,
    session::{Session, Statement, Work},
    sql::sql,
    value::Value,
};
use character_storage_port::TransactionId;
use uuid::Uuid;

/// The maximum number of events that are moved in one transaction.
const BATCH: i64 = 500;

/// Moves some of the events, oldest first; `false` when there was none.
pub(crate) struct MoveEvents;

impl Work for MoveEvents {
    type Output = bool;

    async fn run<S: Session>(&self, session: &mut S) -> Result<bool, Fault> {
        let dialect = session.dialect();
        let some = sql!("list_outbox");
        // Nearly always there is none, and other instances need not wait for that.
        if session.query(Statement::new(some, vec![Value::Int(1)])).await?.is_empty() {
            return Ok(false);
        }
        let mut statements: Vec<Statement> = dialect.lock_migrations().into_iter().collect();
        statements.push(Statement::new(some, vec![Value::Int(BATCH)]));
        let rows = session.query_all(&statements).await?.pop().unwrap_or_default();
        let mut moves = Vec::with_capacity(rows.len() * 2);
        for (ordinal, mut row) in rows.into_iter().enumerate() {
            let (position, id, event): (i64, Uuid, String) = (row.read()?, row.read()?, row.read()?);
            let entry = NewEntry {
                id: TransactionId::from_key("outbox", &format!("{position}/{id}")),
                fingerprint: String::new(),
                outcome: None,
                ordinal,
                news: "[]".to_owned(),
                events: Some(format!("[{event}]")),
                traceparent: None,
            };
            moves.push(Statement::new(sql!("delete_from_outbox"), vec![Value::Int(position)]));
            moves.push(entry.statement(dialect));
        }
        session.query_all(&moves).await?;
        Ok(true)
    }

    fn has_changes(moved: &bool) -> bool {
        *moved
    }
}
