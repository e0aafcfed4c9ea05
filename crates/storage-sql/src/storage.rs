//! The port over an SQL database.

use crate::{
    Backlog, PoolStatus, SqlOptions,
    commit::{Checked, CommitAll, Outcome},
    derived::FillDerived,
    migrations::{MIGRATE, Migrate},
    outbox::{ACKNOWLEDGE, Acknowledge, Ask, CLAIM, Claim, MEASURE, Measure, PURGE, Purge},
    postgres::Postgres,
    session::Work,
    sqlite::Sqlite,
    table::{Find, List, Table},
};
use async_trait::async_trait;
use character_domain::{Timestamp, Violations};
use character_storage_port::{
    COMMIT, Commit, Committed, Deleted, ErrorKind, EventId, Outbox, OutboxEvent, Page, PageRequest, Probe, Read,
    Result, StorageError, Store, Transaction, check_batch, check_claim, check_list,
};
use std::{path::Path, sync::Arc, time::Duration};

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
    /// Opens the database at `postgres://…`, `postgresql://…` or `sqlite://path` and brings its schema up to date.
    ///
    /// # Errors
    /// `Invalid`: the URL is none of these, or asks for what is not offered (`sslmode=require`). `Unavailable`,
    /// `Timeout`: the database cannot be reached now. `Corrupt`: the schema was made by other migrations.
    pub async fn connect(url: &str, options: SqlOptions) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            return Self::open(Path::new(path), &options).await;
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            let reason = "must begin with postgres://, postgresql:// or sqlite://";
            return Err(StorageError::invalid(Violations::one("url", reason), "connect"));
        }
        let postgres = Postgres::new(url, &options)?;
        postgres.migrate(MIGRATE, &Migrate).await?;
        Self { engine: Arc::new(Engine::Postgres(postgres)) }.filled().await
    }

    /// Opens or creates the SQLite file at `path` and brings its schema up to date.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn sqlite(path: impl AsRef<Path>) -> Result<Self> {
        Self::open(path.as_ref(), &SqlOptions::default()).await
    }

    async fn open(path: &Path, options: &SqlOptions) -> Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(StorageError::invalid(Violations::one("url", "must name a file"), "connect"));
        }
        let sqlite = Sqlite::open(path, options).await?;
        sqlite.write(MIGRATE, Migrate).await?;
        Self { engine: Arc::new(Engine::Sqlite(sqlite)) }.filled().await
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
        self.write(PURGE, Purge { before }).await
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
impl Probe for SqlStorage {
    async fn probe(&self) -> Result<()> {
        self.read("probe", Ask).await
    }
}
