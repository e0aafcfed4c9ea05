//! The tier: each method is one command or two, within one bound.

mod upkeep;

use crate::{
    InvalidRedisOptions, RedisTierMetrics, RedisTierOptions,
    connections::Connection,
    failure::{Failure, is_of_another_type, is_refusal, reason},
    health::Health,
};
use async_trait::async_trait;
use bytes::Bytes;
use character_cache::{Lock, Lookup, SharedTier};
use futures_util::future::join;
use redis::{Cmd, RedisResult, Value, cmd};
use std::{fmt, pin::pin, sync::Arc, time::Duration};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use upkeep::Target;

/// How long a lock lasts when it is not released.
const LOCK: Duration = Duration::from_secs(1);

/// The grace of an operation that is over its limit, as a part of the limit.
const GRACE: u32 = 5;

/// How much later than its limit a wait ends when the process has the processor: timers count in milliseconds.
const ON_TIME: Duration = Duration::from_millis(3);

/// Maximum time of a step in the background, for which no caller waits. Each unresponsive Sentinel takes a second.
const BACKGROUND: Duration = Duration::from_secs(5);

/// A shared tier on Redis.
///
/// Every method returns within [`RedisTierOptions::operation`], except for [`clear`](SharedTier::clear), each step of
/// which may take five seconds. An operation during which the process had no processor gets a fifth of that time more. While
/// Redis is out of use, every method returns at once.
pub struct RedisTier {
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

struct Inner {
    options: RedisTierOptions,
    health: Health,
    metrics: RedisTierMetrics,
}

impl fmt::Debug for RedisTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTier")
            .field("prefix", &self.inner.options.prefix)
            .field("up", &self.is_up())
            .finish_non_exhaustive()
    }
}

impl Drop for RedisTier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RedisTier {
    /// A tier on the Redis of `options`. Does not wait for it: until the first response it is out of use. Requires a
    /// Tokio runtime for the background tasks.
    ///
    /// # Errors
    /// When the options are invalid. An unreachable Redis is not an error.
    pub fn connect(options: RedisTierOptions, metrics: RedisTierMetrics) -> Result<Self, InvalidRedisOptions> {
        let target = Target::of(&options)?;
        let inner = Arc::new(Inner { options, health: Health::new(metrics.clone()), metrics });
        let task = tokio::spawn(Arc::clone(&inner).keep_in_use(target));
        Ok(Self { inner, task })
    }

    /// Waits until Redis is in use, for at most `patience`; returns whether it is.
    pub async fn ready(&self, patience: Duration) -> bool {
        self.is_up() || timeout(patience, self.inner.health.up()).await.is_ok()
    }

    /// Why Redis is not in use, without addresses and secrets; `None` when no failure is known.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.inner.health.reason()
    }

    /// Whether Redis is in use, for a health report.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.inner.health.is_up()
    }
}

impl Inner {
    /// Runs an operation with a connection, within its time limit. `None`: Redis is out of use, or is now.
    async fn within<T, E, F>(&self, work: impl FnOnce(Connection) -> F) -> Option<T>
    where
        Failure: From<E>,
        F: Future<Output = Result<T, E>>,
    {
        let connections = self.health.connections();
        let Some((connections, connection)) = connections.and_then(|all| all.any().map(|one| (all, one))) else {
            self.metrics.skipped.inc();
            return None;
        };
        let (limit, began) = (self.options.operation, Instant::now());
        let mut work = pin!(work(connection));
        let mut done = timeout(limit, &mut work).await;
        if done.is_err() && began.elapsed() > limit + ON_TIME {
            // The process itself was stopped, or had no processor: the response may have arrived and not been read.
            done = timeout(limit / GRACE, work).await;
        }
        match done.map_or(Err(Failure::TimedOut), |done| done.map_err(Failure::from)) {
            Ok(done) => Some(done),
            Err(failure) => {
                self.health.fail(Some(&connections), &failure);
                None
            }
        }
    }

    /// Both braces are part of the name: they put it and its lock into one slot.
    fn name(&self, name: &str) -> String {
        format!("{}{{{name}}}", self.options.prefix)
    }

    fn lock_name(&self, name: &str) -> String {
        self.name(name) + ":lock"
    }

    /// The outcome of a write: `None` when Redis rejects writes for now.
    fn taken<T>(&self, written: RedisResult<T>) -> RedisResult<Option<T>> {
        match written {
            Err(error) if is_refusal(&error) => {
                self.health.refuse(reason(&error));
                Ok(None)
            }
            written => written.map(Some),
        }
    }

    async fn clear(&self, mut connection: Connection) -> Result<(), Failure> {
        let late = |_| Failure::TimedOut;
        // What would be special in a pattern stands for any one character.
        let pattern = format!("{}*", self.options.prefix.replace(['*', '?', '[', ']', '^', '\\'], "?"));
        for node in timeout(BACKGROUND, connection.primaries()).await.map_err(late)?? {
            let mut cursor = 0_u64;
            loop {
                let mut scan = cmd("SCAN");
                scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(500);
                let found = timeout(BACKGROUND, connection.ask(&node, scan)).await.map_err(late)??;
                let (next, names): (u64, Vec<Vec<u8>>) = found;
                // Among the names of others there may be none of ours, and Redis takes no empty request.
                if !names.is_empty() {
                    let unlink = unlink(&names);
                    timeout(BACKGROUND, unlink.query_async::<()>(&mut connection)).await.map_err(late)??;
                }
                if next == 0 {
                    break;
                }
                cursor = next;
            }
        }
        Ok(())
    }
}

fn unlink(names: impl redis::ToRedisArgs) -> Cmd {
    let mut unlink = cmd("UNLINK");
    unlink.arg(names);
    unlink
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SharedTier for RedisTier {
    async fn get(&self, name: &str) -> Lookup {
        let (name, largest) = (self.inner.name(name), self.inner.options.largest);
        let found = self.inner.within(async |mut connection| {
            let mut get = cmd("GETRANGE");
            // One byte more than a value of ours has, to know a larger one.
            get.arg(&name).arg(0).arg(largest);
            match get.query_async::<Vec<u8>>(&mut connection).await {
                Ok(value) if value.is_empty() => return Ok(Lookup::Absent),
                Ok(value) if value.len() <= largest => return Ok(Lookup::Found(value.into())),
                Err(error) if !is_of_another_type(&error) => return Err(error),
                _ => {}
            }
            unlink(&name).query_async::<()>(&mut connection).await?;
            Ok(Lookup::Rejected)
        });
        found.await.unwrap_or(Lookup::Down)
    }

    async fn put(&self, name: &str, value: Bytes) -> bool {
        if value.len() > self.inner.options.largest {
            self.inner.metrics.too_large.inc();
            self.unlock(name).await;
            return false;
        }
        let put = self.inner.within(async |mut connection| {
            let mut set = cmd("SET");
            set.arg(self.inner.name(name)).arg(&value[..]).arg("PX").arg(milliseconds(self.inner.options.keep));
            let (unlink, mut other) = (unlink(self.inner.lock_name(name)), connection.clone());
            // Side by side, and no pipeline: while a slot moves, each of them must find its own node.
            let (set, unlinked) =
                join(set.query_async::<()>(&mut connection), unlink.query_async::<()>(&mut other)).await;
            unlinked?;
            self.inner.taken(set)
        });
        put.await.flatten().is_some()
    }

    async fn lock(&self, name: &str) -> Lock {
        let lock = self.inner.within(async |mut connection| {
            let mut set = cmd("SET");
            set.arg(self.inner.lock_name(name)).arg("1").arg("NX").arg("PX").arg(milliseconds(LOCK));
            self.inner.taken(set.query_async::<Value>(&mut connection).await)
        });
        match lock.await.flatten() {
            Some(Value::Nil) => Lock::Busy,
            Some(_) => Lock::Taken,
            None => Lock::Down,
        }
    }

    async fn unlock(&self, name: &str) {
        let unlink = unlink(self.inner.lock_name(name));
        // A lock that stays ends by itself.
        let _ = self.inner.within(async |mut connection| unlink.query_async::<()>(&mut connection).await).await;
    }

    async fn remove(&self, names: &[String]) {
        if names.is_empty() {
            return;
        }
        let unlink = unlink(names.iter().map(|name| self.inner.name(name)).collect::<Vec<_>>());
        // The reader judges what could not be removed.
        let _ = self.inner.within(async |mut connection| unlink.query_async::<()>(&mut connection).await).await;
    }

    async fn clear(&self) {
        let connections = self.inner.health.connections();
        let Some((connections, connection)) = connections.and_then(|all| all.any().map(|one| (all, one))) else {
            self.inner.metrics.skipped.inc();
            return;
        };
        if let Err(failure) = self.inner.clear(connection).await {
            tracing::warn!(reason = %failure, "the shared cache tier was cleared only in part");
            self.inner.health.fail(Some(&connections), &failure);
        }
    }
}
