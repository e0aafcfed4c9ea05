//! The port over an SQL database.

use crate::{
    DatabaseLocation, LogStatus, Migrations, PoolStatus, SqlOptions,
    commit::{Checked, CommitAll, Outcome},
    derived::FillDerived,
    engine::Engine,
    epoch::{FindMoved, NEW_EPOCH, ReadEpoch, Reason, Renew},
    feed::{Feed, Pace},
    migrations::{MIGRATE, Migrate, Verify},
    moved_events::MoveEvents,
    retention::{PURGE, Purge, ReadStatus, STATUS},
    session::{Ask, Work},
    slow::Slow,
    table::{Count, List, Table, found},
};
use async_trait::async_trait;
use character_storage_port::{
    COMMIT, Commit, Committed, Deleted, Epoch, ErrorKind, PROBE, Page, PageRequest, Probe, Read, Result, Snapshot,
    SnapshotStream, StorageError, StoragePort, Store, Transaction, check_batch, check_count, check_list,
};
use std::{sync::Arc, time::Duration};

mod access;
mod commits;
mod finds;
mod groups;
mod log;
mod versions;

use finds::Sought;
use groups::Groups;
pub use versions::Thinned;

/// Keeps everything in PostgreSQL or in an SQLite file. Clones share the connections; the threads of an SQLite
/// file, and the one that reads the log, end when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct SqlStorage {
    engine: Arc<Engine>,
    commits: Arc<Groups<Arc<Checked>>>,
    finds: Arc<Groups<Sought>>,
    feed: Arc<Feed>,
    slow: Arc<Slow>,
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
    /// `Invalid`: the options, as [`SqlOptions::check`]. `Unavailable`, `Timeout`: the database cannot be reached now, or the file
    /// does not exist and must not be created.
    /// `Corrupt`: the schema was made by other migrations.
    pub async fn open(location: DatabaseLocation, options: SqlOptions) -> Result<Self> {
        options.check()?;
        let engine = Engine::open(location.0, &options).await?;
        let storage = Self::over(engine, &options);
        match options.migrations {
            Migrations::Apply => {
                let applied = storage.engine.migrate(MIGRATE, Migrate).await?;
                applied.iter().for_each(|new| new.log_applied());
            }
            Migrations::Require => storage.read(MIGRATE, Verify).await?,
        }
        if let Some(known) = storage.write(MIGRATE, FindMoved).await? {
            storage.renew(known, Reason::Moved).await?;
        }
        storage.filled().await
    }

    /// The storage as the port. The code of every operation is generated in this crate, once for all its users.
    #[must_use]
    pub fn into_port(self) -> Arc<dyn StoragePort> {
        Arc::new(self)
    }

    fn over(engine: Engine, options: &SqlOptions) -> Self {
        let SqlOptions { log_poll: poll, log_wakeup: wakeup, timeout, .. } = *options;
        let feed = Feed::new(engine.origin(), Pace { poll, timeout, wakeup });
        let engine = Arc::new(engine);
        let feed = Arc::new(feed);
        let announcing = Arc::clone(&feed);
        let commits = Arc::new(Groups::over(Arc::clone(&engine), timeout, move || announcing.committed()));
        let finds = Arc::new(Groups::over(Arc::clone(&engine), timeout, || ()));
        Self { engine, commits, finds, feed, slow: Arc::new(Slow::beyond(options.slow)) }
    }

    /// Opens a database that exists, to read: nothing is created, no migration applied and nothing written. An SQLite
    /// file may be in a folder that cannot be written to, and other processes may write the database meanwhile.
    ///
    /// # Errors
    /// As [`open`](Self::open). `Unavailable`, with a detail that names the path: there is no such file. `Corrupt`, with
    /// a detail: the schema lacks a migration of this release.
    pub async fn open_existing(location: DatabaseLocation, options: SqlOptions) -> Result<Self> {
        options.check()?;
        let engine = Engine::open_existing(location.0, &options).await?;
        let storage = Self::over(engine, &options);
        storage.read(MIGRATE, Verify).await?;
        Ok(storage)
    }

    /// Opens or creates the SQLite file at `path` and brings its schema up to date.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    #[cfg(feature = "sqlite")]
    pub async fn sqlite(path: impl AsRef<std::path::Path>) -> Result<Self> {
        Self::open(DatabaseLocation::file(path.as_ref()), SqlOptions::default()).await
    }

    /// Ends the connections after everything that was asked before; what is asked later fails as `Unavailable`. The main
    /// file of an SQLite database then holds all of it, and there is no `-wal` file, unless another process has it open.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`: SQLite could not write its main file, or not within 30 seconds. Nothing is lost: the
    /// next start reads the `-wal` file.
    pub async fn close(&self) -> Result<()> {
        self.feed.close().await;
        self.engine.close().await
    }

    /// Brings what an earlier release has written to the form of this one, a few rows at a time, so that others may write
    /// meanwhile.
    async fn filled(self) -> Result<Self> {
        while self.write(MIGRATE, FillDerived).await? {}
        while self.write(MIGRATE, MoveEvents).await? {}
        Ok(self)
    }

    /// How busy the connections are.
    #[must_use]
    pub fn pool_status(&self) -> PoolStatus {
        self.engine.status()
    }

    /// The state of the log. Costs about a millisecond, however long the log is.
    ///
    /// # Errors
    /// As [`Store::find`].
    pub async fn log_status(&self) -> Result<LogStatus> {
        let status = self.read(STATUS, ReadStatus).await?;
        Ok(LogStatus { notifies: self.feed.notifies(), ..status })
    }

    /// Removes the entries of the log that are older than `retention` and that every consumer has passed, and those older
    /// than `bound` even so; returns how many. A consumer that loses entries so is named in the log of the process.
    ///
    /// The ids of their transactions are forgotten with them: a repeat is then taken for a new transaction. Keep at least
    /// 24 hours.
    ///
    /// # Errors
    /// As [`Store::find`].
    pub async fn purge(&self, retention: Duration, bound: Duration) -> Result<u64> {
        let (mut removed, mut losers) = (0, std::collections::BTreeSet::new());
        loop {
            // A few at a time, so that others may write meanwhile.
            let purged = self.write(PURGE, Purge { retention, bound }).await?;
            removed += purged.removed;
            losers.extend(purged.losers);
            if !purged.goes_on {
                break;
            }
        }
        for consumer in losers {
            tracing::warn!(consumer, ?bound, "the log has removed entries that this consumer had not passed");
        }
        Ok(removed)
    }

    /// Begins a new epoch of the log by hand, as after the restoration of a backup, so that nothing that was read before
    /// counts as current. Consumers go on where they are.
    ///
    /// # Errors
    /// As [`Store::find`].
    pub async fn new_epoch(&self) -> Result<Epoch> {
        let known = self.read(NEW_EPOCH, ReadEpoch).await?;
        self.renew(known, Reason::ByHand).await?;
        self.read(NEW_EPOCH, ReadEpoch).await
    }

    /// Begins a new epoch, unless another one than `known` has begun already.
    async fn renew(&self, known: Epoch, reason: Reason) -> Result<()> {
        // PostgreSQL may have to number many entries anew.
        self.engine.migrate(NEW_EPOCH, Renew { known, reason }).await?;
        self.feed.renewed();
        Ok(())
    }

    /// After transactions that may have been applied.
    fn applied<'a>(&self, mut outcomes: impl Iterator<Item = &'a Result<Committed>>) {
        if outcomes.any(Result::is_ok) {
            self.feed.committed();
        }
    }

    /// Number of operations that took longer than [`SqlOptions::slow`], waiting for a connection included.
    #[must_use]
    pub fn slow_operations(&self) -> u64 {
        self.slow.count()
    }

    pub(crate) async fn read<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Output> {
        self.slow.watch(operation, self.engine.read(operation, work)).await
    }

    async fn write<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Output> {
        self.slow.watch(operation, self.engine.write(operation, work)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<E: Table> Store<E> for SqlStorage {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        let row = self.slow.watch(E::FIND, self.finds.run(Sought::of::<E>(id))).await?;
        found(id.into(), row, deleted).map(Read::origin)
    }

    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        check_list::<E>(query, &page)?;
        self.read(E::LIST, List::<E> { query: query.clone(), page }).await.map(Read::origin)
    }

    async fn count(&self, query: &E::Query) -> Result<u64> {
        check_count::<E>(query)?;
        self.read(E::COUNT, Count::<E> { query: query.clone() }).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Commit for SqlStorage {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        let item = Arc::new(Checked::new(transaction)?);
        let outcome = self.slow.watch(COMMIT, self.commits.run(item)).await;
        self.applied(std::iter::once(&outcome));
        outcome
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
                    items.push(Arc::new(item));
                    refusals.push(None);
                }
                Err(error) => refusals.push(Some(error)),
            }
        }
        let outcomes = match items.is_empty() {
            true => Ok(Vec::new()),
            false => self.write(COMMIT, CommitAll::of(items)).await,
        };
        let mut outcomes = outcomes.map(Vec::into_iter);
        let mut next = || match &mut outcomes {
            Ok(outcomes) => {
                let missing = || Err(StorageError::new(ErrorKind::Corrupt, COMMIT));
                outcomes.next().map_or_else(missing, Outcome::into_result)
            }
            Err(error) => Err(error.clone()),
        };
        let outcomes: Vec<_> = refusals.into_iter().map(|refusal| refusal.map_or_else(&mut next, Err)).collect();
        self.applied(outcomes.iter());
        outcomes
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Snapshot for SqlStorage {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        self.engine.snapshot().await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Probe for SqlStorage {
    async fn probe(&self) -> Result<()> {
        self.read(PROBE, Ask).await?;
        self.engine.check_writes(PROBE).await
    }
}
