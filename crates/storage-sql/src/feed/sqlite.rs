//! The log of an SQLite file, read over a connection of its own.

use crate::{
    fault::Fault,
    session::Work,
    sqlite::{Mode, SqliteSession, reading_connection},
};
use rusqlite::Connection;
use std::{path::PathBuf, time::Duration};

pub(super) struct SqliteSource {
    path: PathBuf,
    mode: Mode,
    timeout: Duration,
    connection: Option<Connection>,
}

impl SqliteSource {
    pub(super) fn new(path: PathBuf, mode: Mode, timeout: Duration) -> Self {
        Self { path, mode, timeout, connection: None }
    }

    pub(super) async fn run<W: Work>(&mut self, work: &W) -> Result<W::Output, Fault> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => reading_connection(&self.path, self.timeout, self.mode)?,
        };
        let connection = self.connection.insert(connection);
        // It blocks its own thread alone.
        work.run(&mut SqliteSession(connection)).await
    }

    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }
}
