//! PostgreSQL: a pool of connections.

use crate::{
    PoolStatus, SqlOptions,
    fault::{Cause, EngineError, Fault},
    feed::Origin,
    session::{Session, Statement, Work},
    sql::sql,
};
use begin::Server;
use character_storage_port::{Applied, Result, StorageError};
use connect::Sessions;
use connector::{Address, Connector};
use fault::DISK_FULL;
use pools::Pools;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio_postgres::config::TargetSessionAttrs;

mod begin;
mod connect;
pub(crate) mod connector;
mod fault;
mod pools;
#[cfg(test)]
mod scripted;
mod session;
mod snapshot;
pub(crate) mod tls;
mod transactions;
mod url;

pub(crate) use begin::Begin;
pub(crate) use connect::Link;
pub(crate) use fault::{fault as postgres_fault, may_come_back, pool_reason, reason};
pub(crate) use session::{Pooling, PostgresSession};
pub(crate) use url::parse;

/// How long a full disk is reported without a write.
const FULL_FOR: Duration = Duration::from_secs(60);

pub(crate) struct Postgres {
    connector: Connector,
    access: Access,
    pooling: Pooling,
    /// Begins a transaction.
    begin: Begin,
    pools: Arc<Pools>,
    database: String,
    timeout: Duration,
    /// When a write found the disk full, until one succeeds.
    full_since: Mutex<Option<Instant>>,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("database", &self.database).field("timeout", &self.timeout).finish()
    }
}

impl Postgres {
    /// Does not connect.
    pub(crate) fn new(address: Address, pooling: Pooling, options: &SqlOptions, access: Access) -> Result<Self> {
        let milliseconds = options.timeout.as_millis();
        // Twice the time for a transaction that does nothing, so that it is our own timeout that ends an operation, and the
        // server's that cleans up behind a dead client.
        let limits = [
            ("statement_timeout", milliseconds),
            ("lock_timeout", milliseconds),
            ("idle_in_transaction_session_timeout", milliseconds * 2),
        ];
        let (mut begin, mut session) = (Begin::new("BEGIN".to_owned(), Server::Any), String::new());
        if pooling == Pooling::Transaction {
            // A pooler takes no settings of a session.
            let wants_writes = address.config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite;
            let (access, server) = match access {
                Access::Read => (" READ ONLY", Server::Any),
                Access::Write if wants_writes => ("", Server::TakesWrites),
                Access::Write => ("", Server::Any),
            };
            let limits = limits.map(|(name, limit)| format!("; SET LOCAL {name} = {limit}"));
            begin = Begin::new(format!("BEGIN{access}{}", limits.concat()), server);
        } else {
            // In front of the options of the URL, which win.
            let limits = limits.map(|(name, limit)| format!("-c {name}={limit} "));
            session = limits.concat();
        }
        let database = address.config.get_dbname().or(address.config.get_user()).unwrap_or_default().to_owned();
        let sessions = match (pooling, access) {
            (Pooling::Transaction, _) => Sessions::Pooled,
            (Pooling::Session, Access::Read) => Sessions::ReadOnly,
            (Pooling::Session, Access::Write) => Sessions::Current,
        };
        let connector = Connector::new(address, session, options.timeout, sessions);
        let pools = Pools::new(&connector, options.connections, options.timeout)
            .map_err(|error| StorageError::unavailable("connect").with_source(error))?;
        Ok(Self {
            connector,
            pooling,
            begin,
            pools: Arc::new(pools),
            database,
            timeout: options.timeout,
            access,
            full_since: Mutex::default(),
        })
    }

    pub(crate) fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// The address of the moment.
    pub(crate) fn address(&self) -> Arc<Address> {
        self.connector.address()
    }

    /// Uses another user, password or certificates for the next connections; open ones go on.
    pub(crate) fn replace(&self, address: Address) -> Result<(), &'static str> {
        if !self.connector.address().leads_to_same_database(&address) {
            return Err("must lead to the same hosts and database as before; another database needs a restart");
        }
        self.connector.replace(address);
        Ok(())
    }

    /// Permits this number of connections from now on. Surplus ones are closed when they are released.
    pub(crate) fn resize(&self, connections: usize) {
        self.pools.resize(connections);
    }

    /// Ends the connections.
    pub(crate) async fn close(&self) -> Result<()> {
        self.pools.close();
        Ok(())
    }

    /// Reads the files of certificates again. An error names the parameter, and what is wrong with its file.
    pub(crate) fn reload_certificates(&self) -> Result<(), String> {
        self.address().tls.reload().map_err(|error| tls::reason_of(&error))
    }

    /// Fails unless the server takes writes: it is no standby, not read-only, and its disk was not full when it was last
    /// written to. A disk shows that it is full only to a write of some size, so the writes of others are the proof. Where
    /// it is used to read alone, it need only answer.
    pub(crate) async fn check_writes(&self, operation: &'static str) -> Result<()> {
        let full = *self.full_since.lock().unwrap_or_else(PoisonError::into_inner);
        if full.is_some_and(|since| since.elapsed() < FULL_FOR) {
            let error = EngineError::Other(DISK_FULL);
            return Err(Fault::Engine(Cause::Unavailable, error).into_error(operation, Applied::No));
        }
        let question = match self.access {
            Access::Write => sql!("write_nothing.postgres"),
            Access::Read => "SELECT 1",
        };
        self.read(operation, Ask(question)).await
    }

    /// Notes since when the disk has been full; `None`: a write succeeded.
    fn note_full(&self, since: Option<Instant>) {
        *self.full_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// Where the log is read from.
    pub(crate) fn origin(&self) -> Origin {
        // However a planner without statistics sees it, the log is read along its index.
        let settings = ["enable_sort", "jit"];
        let (mut options, mut begin) = (String::new(), self.begin.clone());
        match self.pooling {
            Pooling::Session => options = settings.map(|name| format!(" -c {name}=off")).concat(),
            Pooling::Transaction => {
                begin = settings.iter().fold(begin, |begin, name| begin.and(&format!("SET LOCAL {name} = off")));
            }
        }
        let connector = self.connector.for_log(&options);
        Origin::Postgres { connector, pooling: self.pooling, begin }
    }

    pub(crate) fn status(&self) -> PoolStatus {
        self.pools.status()
    }
}

/// What the connections of a pool may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Read and change.
    Write,
    /// Read: the server refuses changes.
    Read,
}

/// A statement whose rows are not read.
struct Ask(&'static str);

impl Work for Ask {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), Fault> {
        session.query(Statement::new(self.0, vec![])).await.map(drop)
    }
}

#[cfg(test)]
mod tests;
