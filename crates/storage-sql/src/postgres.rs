//! PostgreSQL: a pool of connections.

use crate::{
    PoolStatus, SqlOptions,
    fault::{Cause, EngineError, Fault},
    feed::Origin,
    session::{Session, Statement, Work},
    snapshot::{self, Abandoned, Sink},
};
use character_error_reporter::redacted;
use character_storage_port::{Applied, Result, SNAPSHOT, SnapshotStream, StorageError};
use connect::Sessions;
use connector::{Address, Connector};
use deadpool_postgres::{ClientWrapper, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use fault::{DISK_FULL, fault, pool_fault};
use futures_util::TryStreamExt;
use std::{
    fmt,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_postgres::{Client, Config, types::Type};

mod connect;
pub(crate) mod connector;
mod fault;
mod session;
pub(crate) mod tls;
mod url;

pub(crate) use connect::Link;
pub(crate) use fault::{fault as postgres_fault, may_come_back, pool_reason, reason};
pub(crate) use session::{Pooling, PostgresSession};
pub(crate) use url::parse;

/// How often a transaction is tried that loses against concurrent ones.
const TRIES: u32 = 4;
/// How long migrations may take, waiting for another instance that does them included.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);
/// How long a full disk is reported without a write.
const FULL_FOR: Duration = Duration::from_secs(60);

pub(crate) struct Postgres {
    connector: Connector,
    access: Access,
    pooling: Pooling,
    /// Begins a transaction.
    begin: String,
    pool: Pool,
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
        let (mut begin, mut session) = ("BEGIN".to_owned(), String::new());
        if pooling == Pooling::Transaction {
            // A pooler takes no settings of a session.
            let access = if access == Access::Read { " READ ONLY" } else { "" };
            let limits = limits.map(|(name, limit)| format!("; SET LOCAL {name} = {limit}"));
            begin = format!("BEGIN{access}{}", limits.concat());
        } else {
            // In front of the options of the URL, which win.
            let limits = limits.map(|(name, limit)| format!("-c {name}={limit} "));
            session = limits.concat();
        }
        let database = address.config.get_dbname().or(address.config.get_user()).unwrap_or_default().to_owned();
        // Through a pooler each transaction says for itself that it only reads.
        let read_only = access == Access::Read && pooling == Pooling::Session;
        let sessions = if read_only { Sessions::ReadOnly } else { Sessions::Current };
        let connector = Connector::new(address, session, options.timeout, sessions);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(Config::new(), connector.clone(), recycling);
        let wait = Some(options.timeout);
        let pool = Pool::builder(manager)
            .max_size(options.connections.max(1))
            .timeouts(Timeouts { wait, create: wait, recycle: wait })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StorageError::unavailable("connect").with_source(error))?;
        Ok(Self {
            connector,
            pooling,
            begin,
            pool,
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
        self.pool.resize(connections.max(1));
    }

    /// Ends the connections.
    pub(crate) async fn close(&self) -> Result<()> {
        self.pool.close();
        Ok(())
    }

    /// Reads the files of certificates again. An error names the parameter, and what is wrong with its file.
    pub(crate) fn reload_certificates(&self) -> Result<(), String> {
        self.address().tls.reload().map_err(|error| tls::described(&error))
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
            // It would write and finds nothing to write: a server that takes no writes refuses it all the same.
            Access::Write => "DELETE FROM transactions WHERE false",
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
            Pooling::Transaction => begin += &settings.map(|name| format!("; SET LOCAL {name} = off")).concat(),
        }
        let connector = self.connector.for_log(&options);
        Origin::Postgres { connector, pooling: self.pooling, begin }
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let status = self.pool.status();
        PoolStatus { limit: status.max_size, open: status.size, idle: status.available, waiting: status.waiting }
    }

    /// Runs work that changes nothing, outside any transaction.
    pub(crate) async fn read<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Output> {
        let committing = AtomicBool::new(false);
        self.limited(operation, self.timeout, &work, &committing, Use::Read).await
    }

    /// Runs work in a transaction.
    pub(crate) async fn write<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Output> {
        let committing = AtomicBool::new(false);
        let outcome = self.limited(operation, self.timeout, &work, &committing, Use::Change).await;
        match &outcome {
            Ok(output) if W::has_changes(output) => self.note_full(None),
            Err(error) if error.detail() == Some(DISK_FULL) => self.note_full(Some(Instant::now())),
            _ => {}
        }
        outcome
    }

    /// As `write`, with the time that migrations need.
    pub(crate) async fn migrate<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Output> {
        let committing = AtomicBool::new(false);
        self.limited(operation, MIGRATION_TIMEOUT, &work, &committing, Use::Change).await
    }

    /// Every row as it is now, over a connection of its own, since a backup must not take one from the requests.
    pub(crate) async fn snapshot(&self) -> Result<SnapshotStream> {
        let late = |_| Fault::Engine(Cause::Timeout, EngineError::Other("the snapshot could not be begun in time"));
        let begun = tokio::time::timeout(self.timeout, begin_snapshot(&self.connector)).await;
        let client = begun.map_err(late).flatten().map_err(|fault| fault.into_error(SNAPSHOT, Applied::No))?;
        let (sink, items) = snapshot::channel();
        let patience = self.timeout;
        tokio::spawn(async move {
            match every_row(&client, patience, &sink).await {
                Ok(()) => sink.end(Ok(())).await,
                Err(Stopped::Abandoned) => tracing::info!("nobody reads the snapshot any more"),
                Err(Stopped::Failed(fault)) => sink.end(Err(fault.into_error(SNAPSHOT, Applied::No))).await,
            }
        });
        Ok(items)
    }

    /// `committing` is set while a COMMIT is in flight: only then is the outcome of a failure unknown. A transaction
    /// that is dropped earlier is rolled back.
    async fn limited<W: Work>(
        &self,
        operation: &'static str,
        timeout: Duration,
        work: &W,
        committing: &AtomicBool,
        usage: Use,
    ) -> Result<W::Output> {
        let outcome = tokio::time::timeout(timeout, self.tried(work, committing, usage)).await;
        let late = || Fault::Engine(Cause::Timeout, EngineError::Other("the operation took too long"));
        outcome.unwrap_or_else(|_| Err(late())).map_err(|fault| {
            let applied = if committing.load(Ordering::Relaxed) { Applied::Unknown } else { Applied::No };
            fault.into_error(operation, applied)
        })
    }

    async fn tried<W: Work>(&self, work: &W, committing: &AtomicBool, usage: Use) -> Result<W::Output, Fault> {
        let (mut tries, mut reconnected) = (1, false);
        // Through a pooler the limits of time are those of a transaction, so that a read needs one, too.
        let transaction = usage == Use::Change || self.pooling == Pooling::Transaction;
        loop {
            let client = self.pool.get().await.map_err(pool_fault)?;
            let tidy = if transaction { "ROLLBACK" } else { "" };
            let mut lent = Lent { client: Some(client), patience: self.timeout, tidy };
            let outcome = match &lent.client {
                Some(client) if transaction => {
                    transact(client, self.pooling, &self.begin, usage, work, committing).await
                }
                Some(client) => work.run(&mut PostgresSession::plain(client, self.pooling)).await,
                None => Err(Fault::Engine(Cause::ConnectionLost, EngineError::Other("the connection is gone"))),
            };
            let client = lent.client.take();
            let Err(fault) = outcome else { return outcome };
            if fault.cause() == Some(Cause::ConnectionLost) {
                client.map(Object::take);
            }
            match fault.cause() {
                _ if committing.load(Ordering::Relaxed) => return Err(fault),
                Some(Cause::Concurrent) if tries < TRIES => {
                    tries += 1;
                    tracing::debug!(tries, error = %fault.redacted(), "transaction is tried again");
                }
                Some(Cause::ConnectionLost) if !reconnected => {
                    reconnected = true;
                    // After a restart of the server the idle connections are dead, too.
                    self.pool.retain(|_, _| false);
                    tracing::info!(error = %fault.redacted(), "PostgreSQL connection lost, trying a new one");
                }
                _ => return Err(fault),
            }
        }
    }
}

/// What a connection is lent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Read,
    Change,
}

/// What the connections of a pool may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Read and change.
    Write,
    /// Read: the server refuses changes.
    Read,
}

/// A connection inside a transaction that sees one moment. It is closed when the client is dropped.
async fn begin_snapshot(connector: &Connector) -> Result<Client, Fault> {
    let (client, link) = connector.connect().await.map_err(fault)?;
    tokio::spawn(async move {
        if let Err(error) = link.unwatched().await {
            tracing::debug!(error = %redacted(&error), "the connection of a snapshot broke");
        }
    });
    // The statements last as long as the reader takes. The rows come in the order of an index, or the server would first
    // sort a whole table. The last statement takes the snapshot; BEGIN alone does not.
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; \
                 SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL enable_sort = off; \
                 SET LOCAL enable_seqscan = off; SELECT 1";
    client.batch_execute(begin).await.map_err(fault)?;
    Ok(client)
}

/// Why a snapshot ended early.
enum Stopped {
    Abandoned,
    Failed(Fault),
}

async fn every_row(client: &Client, patience: Duration, sink: &Sink) -> Result<(), Stopped> {
    let failed = |error| Stopped::Failed(fault(error));
    let late = |_| Stopped::Failed(Fault::Engine(Cause::Timeout, EngineError::Other("the next row took too long")));
    for kind in snapshot::readers() {
        let asked = client.query_typed_raw(&kind.sql, std::iter::empty::<(&str, Type)>());
        let rows = tokio::time::timeout(patience, asked).await.map_err(late)?.map_err(failed)?;
        let mut rows = pin!(rows);
        while let Some(row) = tokio::time::timeout(patience, rows.try_next()).await.map_err(late)?.map_err(failed)? {
            sink.put(kind.item(session::values(&row).collect())).await.map_err(|Abandoned| Stopped::Abandoned)?;
        }
    }
    Ok(())
}

/// A connection in use. When its use is broken off, by our own timeout or because the caller went away, it may be
/// dead without having said so; `RecyclingMethod::Fast` would hand it to one caller after the other. So it goes back to
/// the pool once it answers again, and out of it when it does not do so in time.
struct Lent {
    client: Option<Object>,
    patience: Duration,
    /// What it needs to be as before.
    tidy: &'static str,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        let (patience, tidy) = (self.patience, self.tidy);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return drop(Object::take(client)) };
        runtime.spawn(async move {
            if !matches!(tokio::time::timeout(patience, client.batch_execute(tidy)).await, Ok(Ok(()))) {
                tracing::info!("a connection to PostgreSQL does not answer any more and is given up");
                // When the server hangs, the idle ones would each take the time of an operation to show it.
                if let Some(pool) = Object::pool(&client) {
                    pool.retain(|_, _| false);
                }
                drop(Object::take(client));
            }
        });
    }
}

async fn transact<W: Work>(
    client: &ClientWrapper,
    pooling: Pooling,
    begin: &str,
    usage: Use,
    work: &W,
    committing: &AtomicBool,
) -> Result<W::Output, Fault> {
    let mut session = PostgresSession::transaction(client, pooling, begin, committing);
    match work.run(&mut session).await {
        Ok(output) if usage == Use::Change && W::has_changes(&output) => session.commit().await.map(|()| output),
        outcome => {
            session.roll_back();
            outcome
        }
    }
}

/// A statement whose rows are not read.
struct Ask(&'static str);

impl Work for Ask {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), Fault> {
        session.query(Statement::new(self.0, vec![])).await.map(drop)
    }
}
