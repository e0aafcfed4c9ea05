//! PostgreSQL: a pool of connections.

use crate::{
    PoolStatus, SqlOptions,
    dialect::Dialect,
    fault::{Cause, EngineError, Fault},
    session::{Session, Statement, Work},
    snapshot::{self, Abandoned, Sink},
    value::{Row, Unreadable, Value},
};
use bytes::BytesMut;
use character_error_reporter::redacted;
use character_storage_port::{Applied, Result, SNAPSHOT, SnapshotStream, StorageError, connection_failure};
use deadpool_postgres::{
    GenericClient, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use futures_util::TryStreamExt;
use std::{
    error::Error as StdError,
    fmt,
    pin::{Pin, pin},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};
use tokio_postgres::{
    Client, Config, NoTls,
    error::SqlState,
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};
use uuid::Uuid;

/// How often a transaction is tried that loses against concurrent ones.
const TRIES: u32 = 4;
/// How long migrations may take, waiting for another instance that does them included.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);
/// At most so many statements are on their way at the same time.
const PIPELINE: usize = 64;
/// How long a full disk is reported when nobody writes.
const FULL_FOR: Duration = Duration::from_secs(60);
/// The detail of an error that says so.
const DISK_FULL: &str = "the disk of PostgreSQL is full";

pub(crate) struct Postgres {
    config: Box<Config>,
    access: Access,
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
    pub(crate) fn new(mut config: Config, options: &SqlOptions, access: Access) -> Result<Self> {
        let milliseconds = options.timeout.as_millis();
        // In front of the options of the URL, which win. Twice the time for a transaction that does nothing, so that
        // it is our own timeout that ends an operation, and the server's that cleans up behind a dead client.
        let limits = format!(
            "-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} \
             -c idle_in_transaction_session_timeout={} {} {}",
            milliseconds * 2,
            if access == Access::Read { "-c default_transaction_read_only=on" } else { "" },
            config.get_options().unwrap_or_default()
        );
        config.options(limits.trim_end()).connect_timeout(options.timeout).tcp_user_timeout(options.timeout);
        if config.get_application_name().is_none() {
            config.application_name("character-storage");
        }
        let database = config.get_dbname().or(config.get_user()).unwrap_or_default().to_owned();
        let manager =
            Manager::from_config(config.clone(), NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let wait = Some(options.timeout);
        let pool = Pool::builder(manager)
            .max_size(options.connections.max(1))
            .timeouts(Timeouts { wait, create: wait, recycle: wait })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StorageError::unavailable("connect").with_source(error))?;
        Ok(Self {
            config: Box::new(config),
            pool,
            database,
            timeout: options.timeout,
            access,
            full_since: Mutex::default(),
        })
    }

    /// Ends the connections.
    pub(crate) fn close(&self) {
        self.pool.close();
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
        self.read(operation, &Ask(question)).await
    }

    fn note_full(&self, full: bool) {
        *self.full_since.lock().unwrap_or_else(PoisonError::into_inner) = full.then(Instant::now);
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let status = self.pool.status();
        PoolStatus { limit: status.max_size, open: status.size, idle: status.available, waiting: status.waiting }
    }

    /// Runs work that changes nothing, outside any transaction.
    pub(crate) async fn read<W: Work>(&self, operation: &'static str, work: &W) -> Result<W::Output> {
        let committing = AtomicBool::new(false);
        self.limited(operation, self.timeout, work, &committing, false).await
    }

    /// Runs work in a transaction.
    pub(crate) async fn write<W: Work>(&self, operation: &'static str, work: &W) -> Result<W::Output> {
        let committing = AtomicBool::new(false);
        let outcome = self.limited(operation, self.timeout, work, &committing, true).await;
        match &outcome {
            Ok(output) if W::has_changes(output) => self.note_full(false),
            Err(error) if error.detail() == Some(DISK_FULL) => self.note_full(true),
            _ => {}
        }
        outcome
    }

    /// As `write`, with the time that migrations need.
    pub(crate) async fn migrate<W: Work>(&self, operation: &'static str, work: &W) -> Result<W::Output> {
        let committing = AtomicBool::new(false);
        self.limited(operation, MIGRATION_TIMEOUT, work, &committing, true).await
    }

    /// Every row as it is now, over a connection of its own, since a backup must not take one from the requests.
    pub(crate) async fn snapshot(&self) -> Result<SnapshotStream> {
        let late = |_| Fault::Engine(Cause::Timeout, EngineError::Other("the snapshot could not be begun in time"));
        let begun = tokio::time::timeout(self.timeout, begin_snapshot(&self.config)).await;
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

    /// `committing` is set while a COMMIT is under way: only then is the outcome of a failure unknown. A transaction
    /// that is dropped earlier is rolled back.
    async fn limited<W: Work>(
        &self,
        operation: &'static str,
        timeout: Duration,
        work: &W,
        committing: &AtomicBool,
        transaction: bool,
    ) -> Result<W::Output> {
        let outcome = tokio::time::timeout(timeout, self.tried(work, committing, transaction)).await;
        let late = || Fault::Engine(Cause::Timeout, EngineError::Other("the operation took too long"));
        outcome.unwrap_or_else(|_| Err(late())).map_err(|fault| {
            let applied = if committing.load(Ordering::Relaxed) { Applied::Unknown } else { Applied::No };
            fault.into_error(operation, applied)
        })
    }

    async fn tried<W: Work>(&self, work: &W, committing: &AtomicBool, transaction: bool) -> Result<W::Output, Fault> {
        let (mut tries, mut reconnected) = (1, false);
        loop {
            let client = self.pool.get().await.map_err(pool_fault)?;
            let mut lent = Lent { client: Some(client), patience: self.timeout };
            let outcome = match &mut lent.client {
                Some(client) if transaction => transact(client, work, committing).await,
                Some(client) => work.run(&mut PostgresSession(&*client)).await,
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

/// What the connections of a pool may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everything.
    Write,
    /// Read: the server refuses changes.
    Read,
}

/// A connection inside a transaction that sees one moment. It is closed when the client is dropped.
async fn begin_snapshot(config: &Config) -> Result<Client, Fault> {
    let (client, connection) = config.connect(NoTls).await.map_err(fault)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
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
        let asked = client.query_raw(&*kind.sql, std::iter::empty::<&Value>());
        let rows = tokio::time::timeout(patience, asked).await.map_err(late)?.map_err(failed)?;
        let mut rows = pin!(rows);
        while let Some(row) = tokio::time::timeout(patience, rows.try_next()).await.map_err(late)?.map_err(failed)? {
            sink.put(kind.item(values(&row).collect())).await.map_err(|Abandoned| Stopped::Abandoned)?;
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
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        let patience = self.patience;
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return drop(Object::take(client)) };
        runtime.spawn(async move {
            if !matches!(tokio::time::timeout(patience, client.batch_execute("")).await, Ok(Ok(()))) {
                tracing::info!("a connection to PostgreSQL does not answer any more and is given up");
                drop(Object::take(client));
            }
        });
    }
}

async fn transact<W: Work>(client: &mut Object, work: &W, committing: &AtomicBool) -> Result<W::Output, Fault> {
    let transaction = client.transaction().await.map_err(fault)?;
    let output = work.run(&mut PostgresSession(&transaction)).await?;
    if !W::has_changes(&output) {
        // Nothing was done; whether the rollback arrives makes no difference to the answer.
        drop(transaction);
        return Ok(output);
    }
    committing.store(true, Ordering::Relaxed);
    if let Err(error) = transaction.commit().await {
        let fault = fault(error);
        // The server itself said that it did not commit.
        let refused = matches!(fault.cause(), Some(Cause::Concurrent | Cause::Broken));
        committing.store(!refused, Ordering::Relaxed);
        return Err(fault);
    }
    Ok(output)
}

struct PostgresSession<'a, C>(&'a C);

impl<C: GenericClient + Send> Session for PostgresSession<'_, C> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn query_all(&mut self, statements: &[Statement]) -> Result<Vec<Vec<Row>>, Fault> {
        let mut all = Vec::with_capacity(statements.len());
        for window in statements.chunks(PIPELINE) {
            let mut answers = Vec::with_capacity(window.len());
            for statement in window {
                let prepared = self.0.prepare_cached(&statement.sql).await.map_err(fault)?;
                answers.push(self.answer(prepared, &statement.parameters));
            }
            for rows in in_order(answers).await {
                all.push(rows?);
            }
        }
        Ok(all)
    }

    async fn run_script(&mut self, sql: &str) -> Result<(), Fault> {
        self.0.batch_execute(sql).await.map_err(fault)
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Fault>> + Send + 'a>>;

impl<C: GenericClient> PostgresSession<'_, C> {
    fn answer<'a>(&self, prepared: tokio_postgres::Statement, parameters: &'a [Value]) -> Answer<'a>
    where
        Self: 'a,
    {
        let client = self.0;
        Box::pin(async move {
            let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|value| value as _).collect();
            let rows = client.query(&prepared, &parameters).await.map_err(fault)?;
            Ok(rows.iter().map(row).collect::<Result<Vec<Row>, Unreadable>>()?)
        })
    }
}

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

fn values(row: &tokio_postgres::Row) -> impl Iterator<Item = Result<Value, Unreadable>> {
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
            Self::List(values) => values.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Each variant checks for itself.
        true
    }

    to_sql_checked!();
}

fn pool_fault(error: PoolError) -> Fault {
    match error {
        PoolError::Backend(error) if error.code().is_none() => {
            Fault::Engine(Cause::ConnectionLost, EngineError::Postgres(error))
        }
        PoolError::Backend(error) => fault(error),
        PoolError::Timeout(_) => Fault::Engine(Cause::Timeout, EngineError::Pool(error)),
        other => Fault::Engine(Cause::Unavailable, EngineError::Pool(other)),
    }
}

/// A statement whose rows nobody wants.
struct Ask(&'static str);

impl Work for Ask {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), Fault> {
        session.query(Statement::new(self.0, vec![])).await.map(drop)
    }
}

/// What is wrong, for an operator: neither names nor values.
pub(crate) fn reason(error: &tokio_postgres::Error) -> Option<&'static str> {
    let Some(state) = error.code() else {
        return connection_failure(error).or_else(|| {
            error.to_string().contains("password missing").then_some("PostgreSQL asks for a password and there is none")
        });
    };
    Some(match state.code() {
        "28P01" | "28000" => "PostgreSQL refuses the user or the password (authentication)",
        "3D000" => "PostgreSQL has no database of this name",
        "3F000" | "42P01" => "the schema of the database is not ours",
        "42501" => "PostgreSQL does not permit this to the user",
        "53100" => DISK_FULL,
        "53300" => "PostgreSQL has no connection left",
        "25006" => "PostgreSQL is read-only",
        "57P01" | "57P02" | "57P03" => "PostgreSQL is starting or stopping",
        _ => return None,
    })
}

fn fault(error: tokio_postgres::Error) -> Fault {
    let cause = match error.code() {
        // A value that cannot be written or read on our side: the connection is as good as before.
        None if !error.is_closed() && error.source().is_some_and(|source| !source.is::<std::io::Error>()) => {
            Cause::Broken
        }
        // No word from the server: the connection broke, or it cannot be made.
        None => Cause::ConnectionLost,
        Some(state) => cause(state),
    };
    Fault::Engine(cause, EngineError::Postgres(error))
}

fn cause(state: &SqlState) -> Cause {
    match state.code() {
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => Cause::Concurrent,
        // query_canceled (statement_timeout), lock_not_available
        "57014" | "55P03" => Cause::Timeout,
        // The server goes down or comes up; the session was ended or is read-only after a failover; a prepared
        // statement is unknown or outdated, which a new connection cures.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25006" | "26000" | "0A000" => Cause::ConnectionLost,
        code if code.starts_with("08") => Cause::ConnectionLost,
        // Authorization, catalog name, resources, operator intervention, system error: for the operator to cure.
        code if ["28", "3D", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => Cause::Unavailable,
        _ => Cause::Broken,
    }
}

/// An error with its causes, in one line. tokio-postgres tells what is wrong only in the source.
fn describe(error: &dyn StdError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", describe(source)),
        None => error.to_string(),
    }
}
