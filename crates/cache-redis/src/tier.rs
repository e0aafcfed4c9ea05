use crate::{
    InvalidRedisOptions, RedisTierMetrics, RedisTierOptions,
    channel::{Channel, Heard},
    connections::Connections,
    failure::Failure,
    health::{Health, Undelivered},
    milliseconds,
    scripts::{Found, Plausible, Scripts, hit, look},
};
use async_trait::async_trait;
use bytes::Bytes;
use character_cache::{Fence, Invalidations, Key, LastKnown, Lease, Lookup, Settlement, SharedTier};
use futures_util::StreamExt;
use redis::{Client, FromRedisValue, Pipeline, Script};
use std::{
    fmt,
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Mutex,
    task::JoinHandle,
    time::{Instant, timeout},
};
use uuid::Uuid;

/// A shared tier on Redis.
///
/// When Redis fails, that is said once in the log, and nothing waits for it until a heartbeat in the background gets
/// through again. Until then an operation costs nothing; the one that finds the failure costs
/// [`RedisTierOptions::operation`] at most.
pub struct RedisTier {
    inner: Arc<Inner>,
    tasks: [JoinHandle<()>; 2],
}

struct Inner {
    options: RedisTierOptions,
    client: Client,
    connections: Connections,
    /// Whose data it is, as the heartbeat notes it.
    identity: std::sync::Mutex<String>,
    scripts: Scripts,
    health: Health,
    channel: Channel,
    beating: Mutex<()>,
    /// Names of keys whose look took too long. Before Redis is used again, those whose value is too large are removed.
    suspects: std::sync::Mutex<Vec<String>>,
    metrics: RedisTierMetrics,
}

impl fmt::Debug for RedisTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTier")
            .field("prefix", &self.inner.options.prefix)
            .field("up", &self.inner.health.is_up())
            .finish_non_exhaustive()
    }
}

impl Drop for RedisTier {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl RedisTier {
    /// A tier on the Redis of `options`. Does not wait for it: until the first heartbeat gets through, it is out of
    /// use. Needs a Tokio runtime, for the heartbeat and the channel.
    ///
    /// # Errors
    /// When the options make no sense. A Redis that cannot be reached is no error.
    pub fn connect(options: RedisTierOptions, metrics: RedisTierMetrics) -> Result<Self, InvalidRedisOptions> {
        Self::connect_with(Scripts::new(), options, metrics)
    }

    pub(crate) fn connect_with(
        scripts: Scripts,
        options: RedisTierOptions,
        metrics: RedisTierMetrics,
    ) -> Result<Self, InvalidRedisOptions> {
        let client = options.client()?;
        let inner = Arc::new(Inner {
            health: Health::new(options.remembered, metrics.clone()),
            channel: Channel::new(options.heartbeat * 3, metrics.clone()),
            scripts,
            beating: Mutex::default(),
            suspects: std::sync::Mutex::default(),
            connections: Connections::new(&options)?,
            identity: std::sync::Mutex::default(),
            options,
            client,
            metrics,
        });
        let tasks =
            [tokio::spawn(Arc::clone(&inner).beat_for_ever()), tokio::spawn(Arc::clone(&inner).listen_for_ever())];
        Ok(Self { inner, tasks })
    }

    /// Waits until Redis is in use and the news of other processes are heard, for at most `patience`; answers
    /// whether it is so.
    pub async fn ready(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while !(self.inner.health.is_up() && self.inner.channel.is_heard()) {
            if Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
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

/// The maximum number of names that [`Inner::suspects`] holds.
const SUSPECTS: usize = 100;

const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Doubles up to a bound, with jitter so that many processes do not return in one instant.
fn next_backoff(backoff: &mut Duration) -> Duration {
    let wait = backoff.mul_f64(0.5 + rand::random::<f64>() / 2.0);
    *backoff = (*backoff * 2).min(BACKOFF.1);
    wait
}

/// Whether a key does not hold what the command is for: another program has written it.
fn is_of_another_type(error: &redis::RedisError) -> bool {
    error.code() == Some("WRONGTYPE") || error.to_string().contains("WRONGTYPE")
}

impl Inner {
    fn named(&self, key: &Key) -> String {
        format!("{}{key}", self.options.prefix)
    }

    /// The key of the heartbeat, which holds whose data the others are.
    fn note(&self) -> String {
        format!("{}heartbeat", self.options.prefix)
    }

    fn channel_name(&self) -> String {
        format!("{}invalidations", self.options.prefix)
    }

    /// Sends the steps in one go. Whoever calls it bounds its time.
    async fn ask<T: FromRedisValue>(&self, steps: &Pipeline) -> Result<T, Failure> {
        Ok(steps.query_async(&mut self.connections.any()?).await?)
    }

    /// As [`ask`](Self::ask), for steps that run `script`. A Redis that was restarted has forgotten the scripts: they are
    /// sent and the steps repeated, none of which was taken.
    async fn run<T: FromRedisValue>(&self, script: &Script, steps: &Pipeline) -> Result<T, Failure> {
        let mut connection = self.connections.any()?;
        match steps.query_async(&mut connection).await {
            Err(error) if error.code() == Some("NOSCRIPT") || error.to_string().contains("NOSCRIPT") => {
                script.prepare_invoke().load_async(&mut connection).await?;
                Ok(steps.query_async(&mut connection).await?)
            }
            answer => Ok(answer?),
        }
    }

    /// As [`run`](Self::run), in the background.
    async fn heal<T: FromRedisValue>(&self, script: &Script, steps: &Pipeline) -> Result<T, Failure> {
        timeout(self.options.healing(), self.run(script, steps)).await.unwrap_or(Err(Failure::TimedOut))
    }

    /// Awaits `asking`, of so many steps, for a caller who waits: not during an outage, and its failure begins one.
    async fn try_now<T>(&self, steps: usize, asking: impl Future<Output = Result<T, Failure>>) -> Option<T> {
        if !self.health.is_up() {
            self.metrics.skipped.inc();
            return None;
        }
        let extra = Duration::from_micros(100).saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX));
        match timeout(self.options.operation + extra, asking).await.unwrap_or(Err(Failure::TimedOut)) {
            Ok(answer) => Some(answer),
            Err(failure) => {
                self.health.fail(&failure);
                None
            }
        }
    }

    /// As [`run`](Self::run), for a caller who waits.
    async fn run_now<T: FromRedisValue>(&self, script: &Script, steps: &Pipeline) -> Option<T> {
        self.try_now(steps.len(), self.run(script, steps)).await
    }

    fn removals<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> Pipeline {
        let mut steps = Pipeline::new();
        for key in keys {
            let step = steps.cmd("EVALSHA").arg(self.scripts.remove.get_hash()).arg(1).arg(self.named(key));
            step.arg(self.channel_name()).arg(self.channel.about(key));
        }
        steps
    }

    async fn beat_for_ever(self: Arc<Self>) {
        let mut backoff = BACKOFF.0;
        loop {
            let wait = match self.beat().await {
                Ok(()) => {
                    backoff = BACKOFF.0;
                    self.options.heartbeat
                }
                Err(failure) => {
                    self.health.fail(&failure);
                    // The permit that the failure itself left must not cut the wait short.
                    tokio::time::sleep(next_backoff(&mut backoff)).await;
                    continue;
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.health.failed.notified() => tokio::time::sleep(next_backoff(&mut backoff)).await,
            }
        }
    }

    async fn beat(&self) -> Result<(), Failure> {
        // One at a time: what one is about to deliver must not look delivered to another.
        let _alone = self.beating.lock().await;
        let returns = !self.health.is_up();
        if returns {
            self.reconnect().await?;
            self.inspect_suspects().await?;
        }
        // First what others have to know: the note that the heartbeat leaves tells them that they do.
        self.deliver().await?;
        let (script, identity) =
            (&self.scripts.heartbeat, self.identity.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let mut step = Pipeline::new();
        step.cmd("EVALSHA").arg(script.get_hash()).arg(1).arg(self.note()).arg(identity);
        step.arg(self.channel_name()).arg(self.channel.ping()).arg(milliseconds(self.options.heartbeat * 2));
        // Who returns makes the note; otherwise it is only prolonged. A heartbeat that lay before a Redis that stood
        // still must not make it again when Redis goes on, before anybody could look.
        step.arg(u8::from(returns));
        self.heal::<()>(script, &step).await?;
        while !self.health.is_up() && !self.health.return_to_use() {
            self.deliver().await?;
        }
        Ok(())
    }

    /// What a look-up may believe.
    fn plausible(&self) -> Plausible {
        Plausible { largest: self.options.largest, keep: self.options.keep }
    }

    /// Remembers a key that was looked at in vain: a value that takes too long to arrive would end each use of Redis anew.
    fn suspect(&self, name: &str) {
        let mut suspects = self.suspects.lock().unwrap_or_else(PoisonError::into_inner);
        if suspects.len() < SUSPECTS && !suspects.iter().any(|known| known == name) {
            suspects.push(name.to_owned());
        }
    }

    /// Removes those of the suspects whose value is larger than any of ours.
    async fn inspect_suspects(&self) -> Result<(), Failure> {
        let suspects = std::mem::take(&mut *self.suspects.lock().unwrap_or_else(PoisonError::into_inner));
        if suspects.is_empty() {
            return Ok(());
        }
        let script = &self.scripts.inspect;
        let mut steps = Pipeline::new();
        for name in &suspects {
            steps.cmd("EVALSHA").arg(script.get_hash()).arg(1).arg(name).arg(self.options.largest);
        }
        let removed: Vec<u64> = self.heal(script, &steps).await?;
        if let removed @ 1.. = removed.iter().sum() {
            tracing::warn!(removed, "values of the shared cache tier were larger than any of ours and were removed");
        }
        Ok(())
    }

    /// Delivers what could not be delivered so far.
    async fn deliver(&self) -> Result<(), Failure> {
        match self.health.take_undelivered() {
            Undelivered::None => {}
            Undelivered::Keys(keys) => {
                let keys: Vec<Key> = keys.into_iter().collect();
                for some in keys.chunks(500) {
                    let steps = self.removals(some.iter());
                    if let Err(failure) = self.heal::<()>(&self.scripts.remove, &steps).await {
                        self.health.remember(keys.iter());
                        return Err(failure);
                    }
                }
            }
            Undelivered::Everything => {
                if let Err(failure) = self.remove_everything().await {
                    self.health.remember_everything();
                    return Err(failure);
                }
            }
        }
        Ok(())
    }

    /// Fresh connections, and nothing on their other side that may have missed the news: when it is not the data
    /// that we left, or when nobody has been there for a while, so that whoever wrote meanwhile could tell nobody.
    async fn reconnect(&self) -> Result<(), Failure> {
        let identity =
            timeout(self.options.healing(), self.connections.reopen()).await.unwrap_or(Err(Failure::TimedOut))?;
        let note = async {
            let mut get = redis::cmd("GETRANGE");
            // One byte more than it may have: another program may have put anything there, of any kind and length.
            get.arg(self.note()).arg(0).arg(identity.len());
            match get.query_async::<Vec<u8>>(&mut self.connections.any()?).await {
                Err(error) if is_of_another_type(&error) => Ok(Vec::new()),
                note => note.map_err(Failure::from),
            }
        };
        let noted = timeout(self.options.healing(), note).await.unwrap_or(Err(Failure::TimedOut))?;
        if noted != identity.as_bytes() {
            self.remove_everything().await?;
        }
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = identity;
        Ok(())
    }

    async fn remove_everything(&self) -> Result<(), Failure> {
        let pattern = format!("{}*", self.options.prefix.replace(['*', '?', '[', ']', '\\'], "?"));
        let (note, mut cursor) = (self.note().into_bytes(), 0u64);
        loop {
            let step = async {
                let mut connection = self.connections.any()?;
                let mut scan = redis::cmd("SCAN");
                scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(500);
                let (next, names): (u64, Vec<Vec<u8>>) = scan.query_async(&mut connection).await?;
                let mut steps = Pipeline::new();
                // The note of somebody who was faster stays; one that is wrong is overwritten by the next heartbeat.
                for name in names.into_iter().filter(|name| *name != note) {
                    steps.cmd("UNLINK").arg(name).ignore();
                }
                if next == 0 {
                    steps.cmd("PUBLISH").arg(self.channel_name()).arg(self.channel.about_everything()).ignore();
                }
                // Among the keys of others there may be none of ours, and Redis takes no empty request.
                if !steps.is_empty() {
                    steps.query_async::<()>(&mut connection).await?;
                }
                Ok::<_, Failure>(next)
            };
            cursor = timeout(self.options.healing(), step).await.unwrap_or(Err(Failure::TimedOut))?;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    async fn listen_for_ever(self: Arc<Self>) {
        let mut backoff = BACKOFF.0;
        loop {
            if self.listen().await {
                backoff = BACKOFF.0;
            }
            self.channel.lost();
            tokio::time::sleep(next_backoff(&mut backoff)).await;
        }
    }

    /// Listens until the connection is lost or our own heartbeat is not heard in time; answers whether it was heard at
    /// all.
    async fn listen(&self) -> bool {
        let open = async {
            let mut news = self.client.get_async_pubsub().await?;
            news.subscribe(self.channel_name()).await?;
            Ok::<_, redis::RedisError>(news)
        };
        let Ok(Ok(news)) = timeout(self.options.healing(), open).await else { return false };
        // Ask for a sign at once; what comes of it is seen by whether it is heard.
        let _ = self.beat().await;
        let mut messages = news.into_on_message();
        let silence = self.options.heartbeat * 3;
        let (mut until, mut heard) = (Instant::now() + silence, false);
        while let Ok(Some(message)) = tokio::time::timeout_at(until, messages.next()).await {
            let Ok(message) = message.get_payload::<String>() else { continue };
            if let Heard::OwnPing(trusted) = self.channel.hear(&message) {
                (until, heard) = (until.max(trusted), true);
            }
        }
        heard
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SharedTier for RedisTier {
    async fn get_or_lease(&self, key: &Key, fresh: Duration) -> Lookup {
        let (inner, name, token) = (&self.inner, self.inner.named(key), Uuid::new_v4());
        let script = &inner.scripts.get_or_lease;
        let plausible = inner.plausible();
        let asking = async {
            let found = match inner.ask(&look(&name)).await {
                Err(Failure::Redis(error)) if is_of_another_type(&error) => Found::Foreign,
                looked => hit(looked?, fresh, plausible),
            };
            match found {
                Found::Hit(value, age) => return Ok(Lookup::Hit { value: value.into(), age }),
                Found::Foreign => {
                    let mut step = Pipeline::new();
                    inner.ask::<()>(step.cmd("UNLINK").arg(&name).ignore()).await?;
                    return Ok(Lookup::Rejected);
                }
                Found::Nothing => {}
            }
            let mut step = Pipeline::new();
            step.cmd("EVALSHA").arg(script.get_hash()).arg(1).arg(&name).arg(token.to_string());
            step.arg(milliseconds(fresh)).arg(milliseconds(inner.options.lease));
            let ((found, value, age),): ((u8, Option<Vec<u8>>, i64),) = inner.run(script, &step).await?;
            let last = value.and_then(|value| {
                let age = plausible.age(&value, age)?;
                Some(LastKnown { value: value.into(), age })
            });
            Ok(match (found, last) {
                (1, Some(LastKnown { value, age })) => Lookup::Hit { value, age },
                (2, last) => Lookup::Leased { lease: Lease(token), last },
                (3, last) => Lookup::Loading { last },
                (_, last) => Lookup::Busy { last },
            })
        };
        let is_asked = inner.health.is_up();
        inner.try_now(1, asking).await.unwrap_or_else(|| {
            if is_asked {
                inner.suspect(&name);
            }
            Lookup::Down
        })
    }

    async fn fill(&self, key: &Key, lease: Lease, value: Option<Bytes>) -> bool {
        let script = &self.inner.scripts.fill;
        let value = value.filter(|value| value.len() <= self.inner.options.largest);
        let mut step = Pipeline::new();
        step.cmd("EVALSHA").arg(script.get_hash()).arg(1).arg(self.inner.named(key)).arg(lease.0.to_string());
        step.arg(milliseconds(self.inner.options.keep)).arg(u8::from(value.is_some()));
        step.arg(value.as_deref().unwrap_or_default());
        let landed: Option<(u8,)> = self.inner.run_now(script, &step).await;
        landed == Some((1,))
    }

    async fn release(&self, key: &Key, lease: Lease) {
        let script = &self.inner.scripts.release;
        let mut step = Pipeline::new();
        step.cmd("EVALSHA").arg(script.get_hash()).arg(1).arg(self.inner.named(key)).arg(lease.0.to_string());
        // What is not given back runs out by itself.
        let _: Option<()> = self.inner.run_now(script, &step).await;
    }

    async fn fence(&self, keys: &[Key]) -> Fence {
        let (inner, script) = (&self.inner, &self.inner.scripts.fence);
        let token = Uuid::new_v4();
        let mut steps = Pipeline::new();
        for key in keys {
            let step = steps.cmd("EVALSHA").arg(script.get_hash()).arg(1).arg(inner.named(key)).arg(token.to_string());
            step.arg(milliseconds(inner.options.lease)).arg(inner.channel_name()).arg(inner.channel.about(key));
        }
        // A fence that failed makes Redis go out of use, and the settlement is then remembered.
        let _: Option<()> = inner.run_now(script, &steps).await;
        Fence(token)
    }

    async fn settle(&self, fence: Fence, keys: Vec<(Key, Settlement)>) {
        let (inner, script) = (&self.inner, &self.inner.scripts.settle);
        let mut steps = Pipeline::new();
        for (key, settlement) in &keys {
            let how = match settlement {
                // The token of nobody: the key is removed.
                Settlement::Store(_) | Settlement::Remove => "store",
                Settlement::Restore => "restore",
                Settlement::Doubt => "doubt",
            };
            let (token, value) = match settlement {
                Settlement::Store(value) => (fence.0.to_string(), &value[..]),
                Settlement::Remove => ("-".to_owned(), &[][..]),
                _ => (fence.0.to_string(), &[][..]),
            };
            let step = steps.cmd("EVALSHA").arg(script.get_hash()).arg(1).arg(inner.named(key)).arg(token);
            step.arg(milliseconds(inner.options.keep)).arg(how).arg(value);
            step.arg(inner.channel_name()).arg(inner.channel.about(key));
        }
        if inner.run_now::<()>(script, &steps).await.is_none() {
            inner.health.remember(keys.iter().map(|(key, _)| key));
        }
    }

    async fn remove(&self, keys: &[Key]) {
        let steps = self.inner.removals(keys.iter());
        if self.inner.run_now::<()>(&self.inner.scripts.remove, &steps).await.is_none() {
            self.inner.health.remember(keys.iter());
        }
    }

    async fn clear(&self) {
        if let Err(failure) = self.inner.remove_everything().await {
            self.inner.health.fail(&failure);
            self.inner.health.remember_everything();
        }
    }

    fn attach(&self, sink: Arc<dyn Invalidations>) {
        self.inner.channel.attach(sink);
    }
}
