//! The port over an SQL database.

use crate::{
    Backlog, DatabaseLocation, PoolStatus, SqlOptions,
    commit::{Checked, CommitAll, Outcome},
    derived::FillDerived,
    location::Place,
    migrations::{MIGRATE, Migrate, Verify},
    outbox::{ACKNOWLEDGE, Acknowledge, Ask, CLAIM, Claim, MEASURE, Measure, PURGE, PURGED_AT_ONCE, Purge},
    postgres::{Access, Postgres},
    session::Work,
    sqlite::Sqlite,
    table::{Find, List, Table},
};
use async_trait::async_trait;
use character_domain::Timestamp;
use character_storage_port::{
    COMMIT, Commit, Committed, Deleted, ErrorKind, EventId, Outbox, OutboxEvent, Page, PageRequest, Probe, Read,
    Result, Snapshot, SnapshotStream, StorageError, Store, Transaction, check_batch, check_claim, check_list,
};
use std::{path::Path, sync::Arc, time::Duration};

/// The operation name of a probe.
const PROBE: &str = "probe";

/// Keeps everything in PostgreSQL or in an SQLite file. Clones share the connections; the threads of an SQLite
/// file end when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct SqlStorage {
    engine: Arc<Engine>,
}

#[derive(Debug)]
enum Engine {
    Postgres(Postgres),
    Sqlite(Sqlite),
}

impl SqlStorage {
    /// Opens the database at this URL, see [`DatabaseLocation::parse`], and brings its schema up to date.
    ///
    /// # Errors
    /// `Invalid`, as [`DatabaseLocation::parse`], and as [`open`](Self::open).
    pub async fn connect(url: &str, options: SqlOptions) -> Result<Self> {
        Self::open(DatabaseLocation::parse(url)?, options).await
    }

    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`: the database cannot be reached now, or the file does not exist and must not be created.
    /// `Corrupt`: the schema was made by other migrations.
    pub async fn open(location: DatabaseLocation, options: SqlOptions) -> Result<Self> {
        let engine = match location.0 {
            Place::Postgres(config) => {
                let postgres = Postgres::new(*config, &options, Access::Write)?;
                postgres.migrate(MIGRATE, &Migrate).await?;
                Engine::Postgres(postgres)
            }
            Place::Sqlite { path, missing } => {
                let sqlite = Sqlite::open(&path, missing, &options).await?;
                sqlite.migrate(MIGRATE, Migrate).await?;
                Engine::Sqlite(sqlite)
            }
        };
        Self { engine: Arc::new(engine) }.filled().await
    }

    /// Opens a database that exists, to read: nothing is created, no migration applied and nothing written. An SQLite
    /// file may be in a folder that cannot be written to, and other processes may write the database meanwhile.
    ///
    /// # Errors
    /// As [`open`](Self::open). `Unavailable`, with a detail that names the path: there is no such file. `Corrupt`, with
    /// a detail: the schema lacks a migration of this release.
    pub async fn open_existing(location: DatabaseLocation, options: SqlOptions) -> Result<Self> {
        let engine = match location.0 {
            Place::Sqlite { path, .. } => Engine::Sqlite(Sqlite::open_existing(&path, &options).await?),
            Place::Postgres(config) => Engine::Postgres(Postgres::new(*config, &options, Access::Read)?),
        };
        let storage = Self { engine: Arc::new(engine) };
        storage.read(MIGRATE, Verify).await?;
        Ok(storage)
    }

    /// Opens or creates the SQLite file at `path` and brings its schema up to date.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn sqlite(path: impl AsRef<Path>) -> Result<Self> {
        Self::open(DatabaseLocation::file(path.as_ref()), SqlOptions::default()).await
    }

    /// Ends the connections after everything that was asked before; what is asked later fails as `Unavailable`. The main
    /// file of an SQLite database then holds all of it, and there is no `-wal` file, unless another process has it open.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`: SQLite could not write its main file, or not within 30 seconds. Nothing is lost: the
    /// next start reads the `-wal` file.
    pub async fn close(&self) -> Result<()> {
        match &*self.engine {
            Engine::Postgres(postgres) => postgres.close(),
            Engine::Sqlite(sqlite) => sqlite.close().await?,
        }
        Ok(())
    }

    /// Fills the columns that rows of an earlier release lack, a few rows at a time, so that others may write meanwhile.
    async fn filled(self) -> Result<Self> {
        while self.write(MIGRATE, FillDerived).await? {}
        Ok(self)
    }

    /// How busy the connections are.
    #[must_use]
    pub fn pool_status(&self) -> PoolStatus {
        match &*self.engine {
            Engine::Postgres(postgres) => postgres.status(),
            Engine::Sqlite(sqlite) => sqlite.status(),
        }
    }

    /// What waits in the outbox. Costs about a millisecond, however much it is.
    ///
    /// # Errors
    /// As [`Store::find`].
    pub async fn backlog(&self) -> Result<Backlog> {
        self.read(MEASURE, Measure).await
    }

    /// Forgets the transactions committed before `before` and answers how many. A repeat of one of them is then
    /// taken for a new transaction: keep at least 24 hours.
    ///
    /// # Errors
    /// As [`Store::find`].
    pub async fn purge_transactions(&self, before: Timestamp) -> Result<u64> {
        let mut forgotten = 0;
        loop {
            // A few at a time, so that others may write meanwhile.
            let some = self.write(PURGE, Purge { before }).await?;
            forgotten += some;
            if some < PURGED_AT_ONCE {
                return Ok(forgotten);
            }
        }
    }

    async fn read<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Output> {
        match &*self.engine {
            Engine::Postgres(postgres) => postgres.read(operation, &work).await,
            Engine::Sqlite(sqlite) => sqlite.read(operation, work).await,
        }
    }

    async fn write<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Output> {
        match &*self.engine {
            Engine::Postgres(postgres) => postgres.write(operation, &work).await,
            Engine::Sqlite(sqlite) => sqlite.write(operation, work).await,
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<E: Table> Store<E> for SqlStorage {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        self.read(E::FIND, Find::<E> { id, deleted }).await.map(Read::origin)
    }

    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        check_list::<E>(query, &page)?;
        self.read(E::LIST, List::<E> { query: query.clone(), page }).await.map(Read::origin)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Commit for SqlStorage {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        let outcomes = self.write(COMMIT, CommitAll { items: vec![Checked::new(transaction)?] }).await?;
        let missing = || Err(StorageError::new(ErrorKind::Corrupt, COMMIT));
        outcomes.into_iter().next().map_or_else(missing, Outcome::into_result)
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if let Err(error) = check_batch(&transactions) {
            return transactions.iter().map(|_| Err(error.clone())).collect();
        }
        let mut items = Vec::with_capacity(transactions.len());
        let mut refusals = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            match Checked::new(transaction) {
                Ok(item) => {
                    items.push(item);
                    refusals.push(None);
                }
                Err(error) => refusals.push(Some(error)),
            }
        }
        let outcomes = match items.is_empty() {
            true => Ok(Vec::new()),
            false => self.write(COMMIT, CommitAll { items }).await,
        };
        let mut outcomes = outcomes.map(Vec::into_iter);
        let mut next = || match &mut outcomes {
            Ok(outcomes) => {
                let missing = || Err(StorageError::new(ErrorKind::Corrupt, COMMIT));
                outcomes.next().map_or_else(missing, Outcome::into_result)
            }
            Err(error) => Err(error.clone()),
        };
        refusals.into_iter().map(|refusal| refusal.map_or_else(&mut next, Err)).collect()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Outbox for SqlStorage {
    async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<OutboxEvent>> {
        check_claim(limit)?;
        self.write(CLAIM, Claim { limit, lease }).await
    }

    async fn acknowledge(&self, ids: &[EventId]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.write(ACKNOWLEDGE, Acknowledge { ids: ids.to_vec() }).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Snapshot for SqlStorage {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        match &*self.engine {
            Engine::Postgres(postgres) => postgres.snapshot().await,
            Engine::Sqlite(sqlite) => sqlite.snapshot().await,
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Probe for SqlStorage {
    async fn probe(&self) -> Result<()> {
        self.read(PROBE, Ask).await?;
        match &*self.engine {
            Engine::Postgres(postgres) => postgres.check_writes(PROBE).await,
            Engine::Sqlite(sqlite) => sqlite.check_writes(PROBE).await,
        }
    }
}
