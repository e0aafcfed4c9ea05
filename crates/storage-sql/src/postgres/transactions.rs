//! Work in a transaction, or outside any: how long it may take, when it is tried again, and what becomes known of its outcome.

use super::{
    Begin, Pooling, Postgres, PostgresSession,
    fault::{DISK_FULL, pool_fault},
    pools::Pools,
};
use crate::{
    fault::{Cause, EngineError, Fault},
    session::Work,
};
use character_storage_port::{Applied, Result};
use deadpool_postgres::{ClientWrapper, Object};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How often a transaction is tried that loses against concurrent ones.
const TRIES: u32 = 4;
/// How long migrations may take, waiting for another instance that does them included.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);

impl Postgres {
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
        let late = || Fault::late("the operation", timeout);
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
            let client = self.pools.get().await.map_err(pool_fault)?;
            let tidy = if transaction { "ROLLBACK" } else { "" };
            let pools = Arc::clone(&self.pools);
            let mut lent = Lent { client: Some(client), pools, patience: self.timeout, tidy };
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
                    self.pools.forget_idle();
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

/// A connection in use. When its use is broken off, by our own timeout or because the caller went away, it may be
/// dead without having said so; `RecyclingMethod::Fast` would hand it to one caller after the other. So it goes back to
/// the pool once it answers again, and out of it when it does not do so in time.
struct Lent {
    client: Option<Object>,
    pools: Arc<Pools>,
    patience: Duration,
    /// What it needs to be as before.
    tidy: &'static str,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        let (pools, patience, tidy) = (Arc::clone(&self.pools), self.patience, self.tidy);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return drop(Object::take(client)) };
        runtime.spawn(async move {
            if !matches!(tokio::time::timeout(patience, client.batch_execute(tidy)).await, Ok(Ok(()))) {
                tracing::info!("a connection to PostgreSQL does not answer any more and is given up");
                // When the server hangs, the idle ones would each take the time of an operation to show it.
                pools.forget_idle();
                drop(Object::take(client));
            }
        });
    }
}

async fn transact<W: Work>(
    client: &ClientWrapper,
    pooling: Pooling,
    begin: &Begin,
    usage: Use,
    work: &W,
    committing: &AtomicBool,
) -> Result<W::Output, Fault> {
    let mut session = PostgresSession::transaction(client, pooling, begin, committing);
    match work.run(&mut session).await {
        Ok(output) if usage == Use::Change && W::has_changes(&output) => session.commit().await.map(|()| output),
        Err(fault) if fault.cause() == Some(Cause::Concurrent) => {
            session.rolled_back().await;
            Err(fault)
        }
        outcome => {
            session.roll_back();
            outcome
        }
    }
}
