//! Caches with one mistake each, made from outside: the real cache over a shared tier or a log that alters what passes.

use super::log::{Hearing, ScriptedLog};
use async_trait::async_trait;
use bytes::Bytes;
use character_cache::{Cached, Lock, Lookup, MemorySharedTier, SharedTier};
use character_storage_port::{Log, LogBatch, LogCursor, LoggedCommit, Result, RowChange, Tick};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

/// What a cache does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// It takes the `as_of` of a shared value after the load.
    AsOfAfterTheLoad,
    /// It takes a shared value for current when the last change has the tick of its `as_of`.
    WrongSide,
    /// It trusts what it holds although the log is not heard.
    TrustsUnheard,
    /// It does not drop the lists that a row was in before the change.
    LosesOwnersBefore,
    /// It takes shared values of another epoch.
    ForgetsEpoch,
    /// It takes commits for received that are yet to come.
    SettledTooHigh,
}

impl Mistake {
    pub(crate) const ALL: [Self; 6] = [
        Self::AsOfAfterTheLoad,
        Self::WrongSide,
        Self::TrustsUnheard,
        Self::LosesOwnersBefore,
        Self::ForgetsEpoch,
        Self::SettledTooHigh,
    ];
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Values = HashMap<String, Bytes>;

/// A shared tier that can be emptied, and restored from an earlier copy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Restorable {
    values: Arc<Mutex<Values>>,
    copy: Arc<Mutex<Values>>,
    locks: MemorySharedTier,
}

impl Restorable {
    pub(crate) fn save(&self) {
        // One lock after the other, or a restoration beside it could hold the other one.
        let values = locked(&self.values).clone();
        *locked(&self.copy) = values;
    }

    pub(crate) fn restore(&self) {
        let copy = locked(&self.copy).clone();
        *locked(&self.values) = copy;
    }
}

#[async_trait]
impl SharedTier for Restorable {
    async fn get(&self, name: &str) -> Lookup {
        locked(&self.values).get(name).cloned().map_or(Lookup::Absent, Lookup::Found)
    }
    async fn put(&self, name: &str, value: Bytes) -> bool {
        locked(&self.values).insert(name.to_owned(), value);
        self.locks.unlock(name).await;
        true
    }
    async fn lock(&self, name: &str) -> Lock {
        self.locks.lock(name).await
    }
    async fn unlock(&self, name: &str) {
        self.locks.unlock(name).await;
    }
    async fn remove(&self, names: &[String]) {
        names.iter().for_each(|name| drop(locked(&self.values).remove(name)));
    }
    async fn clear(&self) {
        locked(&self.values).clear();
    }
}

/// The shared tier of one process, with its mistake.
#[derive(Clone)]
pub(crate) struct MistakenTier {
    inner: Restorable,
    mistake: Option<Mistake>,
    /// The cache over it, which knows what it has heard.
    cache: Arc<OnceLock<Cached>>,
}

impl fmt::Debug for MistakenTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MistakenTier").field("mistake", &self.mistake).finish_non_exhaustive()
    }
}

impl MistakenTier {
    pub(crate) fn over(inner: &Restorable, mistake: Option<Mistake>) -> Self {
        Self { inner: inner.clone(), mistake, cache: Arc::default() }
    }

    pub(crate) fn belongs_to(&self, cache: &Cached) {
        if self.mistake == Some(Mistake::AsOfAfterTheLoad) {
            drop(self.cache.set(cache.clone()));
        }
    }

    /// The tier and the cache hold each other.
    pub(crate) fn settled(&self) -> Tick {
        self.cache.get().map(|cache| cache.heard().settled).unwrap_or_default()
    }

    /// The name without the epoch.
    fn name<'a>(&self, name: &'a str) -> &'a str {
        match name.split_once(':') {
            Some((_, name)) if self.mistake == Some(Mistake::ForgetsEpoch) => name,
            _ => name,
        }
    }
}

/// A value whose `as_of` is another.
fn dated(value: &Bytes, as_of: impl Fn(u64) -> u64) -> Bytes {
    let (mut bytes, mut ours) = (value.to_vec(), [0; 8]);
    if let Some(head) = bytes.get_mut(..8) {
        ours.copy_from_slice(head);
        head.copy_from_slice(&as_of(u64::from_be_bytes(ours)).to_be_bytes());
    }
    bytes.into()
}

/// A value under another name. A name ends with its line.
fn named(value: &Bytes, name: &str) -> Bytes {
    let end = value.iter().skip(16).position(|byte| *byte == b'\n').map_or(value.len(), |end| end + 16);
    [&value[..16.min(value.len())], name.as_bytes(), &value[end..]].concat().into()
}

#[async_trait]
impl SharedTier for MistakenTier {
    async fn get(&self, name: &str) -> Lookup {
        match self.inner.get(self.name(name)).await {
            Lookup::Found(value) if self.name(name) != name => Lookup::Found(named(&value, name)),
            lookup => lookup,
        }
    }
    async fn put(&self, name: &str, value: Bytes) -> bool {
        let value = match self.mistake {
            _ if name == "witness" => value,
            Some(Mistake::AsOfAfterTheLoad) => dated(&value, |_| self.settled().0),
            Some(Mistake::WrongSide) => dated(&value, |as_of| as_of + 1),
            _ => value,
        };
        self.inner.put(self.name(name), value).await
    }
    async fn lock(&self, name: &str) -> Lock {
        self.inner.lock(self.name(name)).await
    }
    async fn unlock(&self, name: &str) {
        self.inner.unlock(self.name(name)).await;
    }
    async fn remove(&self, names: &[String]) {
        let names: Vec<_> = names.iter().map(|name| self.name(name).to_owned()).collect();
        self.inner.remove(&names).await;
    }
    async fn clear(&self) {
        self.inner.clear().await;
    }
}

/// The log as one process hears it, with its mistake.
pub(crate) struct MistakenLog {
    inner: ScriptedLog,
    mistake: Option<Mistake>,
    told: Mutex<(Tick, Tick)>,
}

impl MistakenLog {
    pub(crate) fn over(inner: &ScriptedLog, mistake: Option<Mistake>) -> Self {
        Self { inner: inner.clone(), mistake, told: Mutex::default() }
    }

    /// The same over a log that is always heard.
    pub(crate) fn passing(inner: impl Log + 'static, mistake: Option<Mistake>) -> Self {
        Self::over(&ScriptedLog::over(inner), mistake)
    }

    fn altered(&self, mut batch: LogBatch) -> LogBatch {
        match self.mistake {
            Some(Mistake::LosesOwnersBefore) => batch.commits.iter_mut().for_each(forget_owners),
            Some(Mistake::SettledTooHigh) => batch.settled.0 += 1,
            _ => {}
        }
        *locked(&self.told) = (batch.settled, batch.ceiling);
        batch
    }
}

fn forget_owners(commit: &mut Arc<LoggedCommit>) {
    let forget = |row: &RowChange| RowChange { before: Vec::new(), ..row.clone() };
    let rows = commit.rows.as_ref().map(|rows| rows.iter().map(forget).collect());
    *commit = Arc::new(LoggedCommit { rows, ..LoggedCommit::clone(commit) });
}

#[async_trait]
impl Log for MistakenLog {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        if self.mistake == Some(Mistake::TrustsUnheard) && self.inner.hearing() != Hearing::Good {
            tokio::time::sleep(wait).await;
            let (settled, ceiling) = *locked(&self.told);
            return Ok(LogBatch { commits: Vec::new(), next: after.clone(), settled, ceiling, more: false });
        }
        self.inner.follow(after, limit, wait).await.map(|batch| self.altered(batch))
    }

    async fn head(&self) -> Result<LogCursor> {
        self.inner.head().await
    }
}
