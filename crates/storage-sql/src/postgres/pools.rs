//! The connections, apart for each runtime of one thread: the task that moves the bytes of a connection runs where the
//! connection was made, and a statement from another thread would cost two wake-ups across threads.

use super::connector::Connector;
use crate::PoolStatus;
use character_error_reporter::redacted;
use character_storage_port::{max_homes, runtime_of_one_thread};
use deadpool_postgres::{
    BuildError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType, Timeouts,
};
use std::{
    iter::{once, repeat},
    sync::{
        Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Id;
use tokio_postgres::Config;

/// A pool for all, and one for each of the first runtimes of one thread that have asked. Not [`Homes`](character_storage_port::Homes):
/// a new runtime changes the size of every pool.
pub(super) struct Pools {
    shared: Resizable,
    homes: Vec<Home>,
    /// The limit of all together, while it is divided.
    connections: Mutex<usize>,
    /// Callers that wait. Most of them wait at two pools, which would count them twice.
    waiting: AtomicUsize,
    /// A connection at once, or none.
    at_once: Timeouts,
}

struct Home {
    pool: Resizable,
    /// Whose it is. Until then it has no connections.
    runtime: OnceLock<Id>,
}

/// A pool that can be made smaller. That of the library would keep the places of connections that are not open.
struct Resizable {
    connector: Connector,
    timeouts: Timeouts,
    pool: RwLock<Pool>,
}

impl Resizable {
    fn new(connector: &Connector, timeouts: Timeouts, size: usize) -> Result<Self, BuildError> {
        let pool = RwLock::new(built(connector, timeouts, size)?);
        Ok(Self { connector: connector.clone(), timeouts, pool })
    }

    fn get(&self) -> Pool {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A pool that becomes smaller loses what is open: its idle connections are closed at once, those in use when they are released.
    fn resize(&self, size: usize) {
        let mut pool = self.pool.write().unwrap_or_else(PoisonError::into_inner);
        if pool.is_closed() || size >= pool.status().max_size {
            return pool.resize(size);
        }
        match built(&self.connector, self.timeouts, size) {
            Ok(smaller) => std::mem::replace(&mut *pool, smaller).close(),
            Err(error) => tracing::error!(error = %redacted(&error), "a pool of connections keeps its size"),
        }
    }
}

fn built(connector: &Connector, timeouts: Timeouts, size: usize) -> Result<Pool, BuildError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_connect(Config::new(), connector.clone(), recycling);
    Pool::builder(manager).max_size(size).timeouts(timeouts).runtime(Runtime::Tokio1).build()
}

/// One who waits, until it is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn at(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pools {
    /// Does not connect.
    pub(super) fn new(connector: &Connector, connections: usize, timeout: Duration) -> Result<Self, BuildError> {
        let connections = connections.max(1);
        let wait = Some(timeout);
        let timeouts = Timeouts { wait, create: wait, recycle: wait };
        let pool = |size| Resizable::new(connector, timeouts, size);
        let home = |_| pool(0).map(|pool| Home { pool, runtime: OnceLock::new() });
        Ok(Self {
            shared: pool(connections)?,
            homes: (0..max_homes()).map(home).collect::<Result<_, _>>()?,
            connections: Mutex::new(connections),
            waiting: AtomicUsize::new(0),
            at_once: Timeouts { wait: Some(Duration::ZERO), ..timeouts },
        })
    }

    /// A connection of the caller's runtime; where each of them is in use, one of the others; where all are, the next of the
    /// caller's runtime or of the shared pool.
    pub(super) async fn get(&self) -> Result<Object, PoolError> {
        loop {
            match self.one().await {
                // Another division of the limit has replaced the pool meanwhile.
                Err(PoolError::Closed) if !self.shared.get().is_closed() => {}
                outcome => return outcome,
            }
        }
    }

    async fn one(&self) -> Result<Object, PoolError> {
        let (own, shared) = (self.own(), &self.shared);
        for pool in once(own).chain(self.all()) {
            match pool.get().timeout_get(&self.at_once).await {
                Err(PoolError::Timeout(TimeoutType::Wait)) => {}
                connection => return connection,
            }
        }
        let _waits = Waits::at(&self.waiting);
        let (own, shared) = (own.get(), shared.get());
        // Also of the shared one: a home that loses its last connection to another limit has none to give any more.
        tokio::select! {
            biased;
            connection = own.get() => connection,
            connection = shared.get() => connection,
        }
    }

    /// Permits this number of connections from now on. Surplus ones are closed when they are released.
    pub(super) fn resize(&self, connections: usize) {
        let mut limit = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        *limit = connections.max(1);
        self.divide(*limit);
    }

    /// Closes the idle connections.
    pub(super) fn forget_idle(&self) {
        self.all().for_each(|pool| drop(pool.get().retain(|_, _| false)));
    }

    /// Ends the connections.
    pub(super) fn close(&self) {
        self.all().for_each(|pool| pool.get().close());
    }

    pub(super) fn status(&self) -> PoolStatus {
        let mut sum = PoolStatus { waiting: self.waiting.load(Ordering::Relaxed), ..PoolStatus::default() };
        for status in self.all().map(|pool| pool.get().status()) {
            sum.limit += status.max_size;
            sum.open += status.size;
            sum.idle += status.available;
        }
        sum
    }

    fn all(&self) -> impl Iterator<Item = &Resizable> {
        once(&self.shared).chain(self.homes.iter().map(|home| &home.pool))
    }

    /// The pool of the caller's runtime.
    fn own(&self) -> &Resizable {
        let Some(caller) = runtime_of_one_thread().map(|handle| handle.id()) else { return &self.shared };
        for Home { pool, runtime } in &self.homes {
            let mut is_new = false;
            let runtime = *runtime.get_or_init(|| {
                is_new = true;
                caller
            });
            if is_new {
                self.divide(*self.connections.lock().unwrap_or_else(PoisonError::into_inner));
            }
            // Where there are fewer connections than runtimes, some homes have none.
            if runtime == caller && pool.get().status().max_size > 0 {
                return pool;
            }
        }
        &self.shared
    }

    /// One for all, and equal parts for the runtimes. Call it under the lock.
    fn divide(&self, connections: usize) {
        let taken: Vec<_> = self.homes.iter().filter(|home| home.runtime.get().is_some()).collect();
        let parts = taken.len().min(connections - 1);
        let shared = if parts == 0 { connections } else { 1 };
        self.shared.resize(shared);
        for (home, size) in taken.iter().zip(shares(connections - shared, parts).chain(repeat(0))) {
            home.pool.resize(size);
        }
    }
}

/// Parts that differ by no more than one.
fn shares(connections: usize, parts: usize) -> impl Iterator<Item = usize> {
    (0..parts).map(move |part| connections / parts + usize::from(part < connections % parts))
}

#[cfg(test)]
mod tests;
