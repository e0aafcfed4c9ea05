//! How a transaction begins.

use super::fault::fault;
use crate::fault::{Cause, EngineError, Fault};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::SimpleQueryMessage;

/// What is reported when each server that can be reached takes no writes.
pub(super) const NO_WRITES: &str = "no server of PostgreSQL takes writes: each is a standby or read-only";

/// Begins a transaction.
#[derive(Clone, Debug)]
pub(crate) struct Begin {
    sql: String,
    server: Server,
}

/// Which server a transaction may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// Any, since the connection itself is watched.
    Any,
    /// One that takes writes. Behind a pooler nothing but the transaction itself shows which server it has got, and what a
    /// standby returns may be old.
    TakesWrites,
}

impl Begin {
    /// By these commands, separated by semicolons.
    pub(crate) fn new(sql: String, server: Server) -> Self {
        Self { sql, server }
    }

    /// The same with a further command.
    pub(crate) fn and(&self, command: &str) -> Self {
        Self { sql: format!("{}; {command}", self.sql), server: self.server }
    }

    pub(super) async fn run(&self, client: &ClientWrapper) -> Result<(), Fault> {
        if self.server == Server::Any {
            return client.batch_execute(&self.sql).await.map_err(fault);
        }
        let commands = format!("{}; SHOW transaction_read_only", self.sql);
        let answers = client.simple_query(&commands).await.map_err(fault)?;
        let is_read_only =
            |answer: &SimpleQueryMessage| matches!(answer, SimpleQueryMessage::Row(row) if row.get(0) == Some("on"));
        if answers.iter().any(is_read_only) {
            return Err(Fault::Engine(Cause::ConnectionLost, EngineError::Other(NO_WRITES)));
        }
        Ok(())
    }
}
