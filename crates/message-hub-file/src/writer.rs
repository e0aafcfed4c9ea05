//! The thread that writes: it takes the calls that wait, and does all of them in one transaction.

use crate::{
    config::FileHubConfig,
    group::{self, Waiting},
    retention,
    state::{State, Subscribed, lock},
    store::{self, FileLock, Prepared},
};
use character_error_reporter::redacted;
use character_message_hub::{
    ErrorKind, Filter, HubError, PROBE, PUBLISH, Published, Receipt, Result, SUBSCRIBE, Settlement, SubscriptionName,
};
use rusqlite::Connection;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

/// The maximum number of calls in one transaction.
const MAX_CALLS: usize = 256;
/// A transaction takes no further calls once it has this number of bytes of events.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// How often old events are removed.
const EXPIRE_EVERY: Duration = Duration::from_secs(10);

/// Events that were taken in this time prove that the file takes writes.
const RECENT: Duration = Duration::from_secs(1);
/// How long a file that refused events, and took none since, is reported. A small write may succeed where an event fails.
const REFUSED_FOR: Duration = Duration::from_secs(60);

/// The time now: Unix time in milliseconds.
pub(crate) type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// An event of one call, or why it is refused.
pub(crate) struct Entry {
    pub(crate) subject: Option<Arc<str>>,
    pub(crate) prepared: Result<Prepared>,
}

/// A call that waits for the writer.
pub(crate) enum Command {
    Publish { entries: Vec<Entry>, deadline: Instant, reply: oneshot::Sender<Vec<Result<Published>>> },
    Settle { to: Arc<Subscribed>, receipt: Receipt, settlement: Settlement, reply: oneshot::Sender<Result<()>> },
    Probe { reply: oneshot::Sender<Result<()>> },
    Subscribe { name: SubscriptionName, filter: Filter, reply: oneshot::Sender<Result<Arc<Subscribed>>> },
    Remove { name: SubscriptionName, reply: oneshot::Sender<Result<bool>> },
    Expire { reply: oneshot::Sender<Result<()>> },
    Close { reply: oneshot::Sender<rusqlite::Result<()>> },
}

/// When the file last took events or refused them.
#[derive(Debug, Default)]
pub(crate) struct LastWrites {
    taken: Option<Instant>,
    refused: Option<(Instant, Arc<rusqlite::Error>)>,
}

impl LastWrites {
    /// The answer to a probe, when it is known without a further write.
    fn answer(&self) -> Option<Result<()>> {
        if let Some((_, error)) = self.refused.as_ref().filter(|(since, _)| since.elapsed() < REFUSED_FOR) {
            let detail = format!("the file refused the last events: {}", redacted(error));
            return Some(Err(HubError::new(ErrorKind::Unavailable { retry_after: None }, PROBE).with_detail(detail)));
        }
        self.taken.is_some_and(|since| since.elapsed() < RECENT).then_some(Ok(()))
    }
}

pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) config: FileHubConfig,
    pub(crate) state: Arc<State>,
    pub(crate) clock: Clock,
    pub(crate) lock: FileLock,
    pub(crate) last: LastWrites,
}

impl Writer {
    /// Works until every sender is gone, or until [`Command::Close`].
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut expire_at = Instant::now();
        loop {
            if Instant::now() >= expire_at {
                expire_at = match self.expire_some() {
                    Ok(true) => Instant::now(),
                    Ok(false) => Instant::now() + EXPIRE_EVERY,
                    Err(error) => {
                        tracing::warn!(error = %redacted(&error), "old events cannot be removed");
                        Instant::now() + EXPIRE_EVERY
                    }
                };
            }
            let first = match timeout_at(expire_at, commands.recv()).await {
                Ok(Some(first)) => first,
                Ok(None) => break,
                Err(_) => continue,
            };
            let mut group = vec![first];
            let mut bytes = weight(&group[0]);
            while group.len() < MAX_CALLS
                && bytes < MAX_BYTES
                && let Ok(next) = commands.try_recv()
            {
                bytes += weight(&next);
                group.push(next);
            }
            if let Some(closed) = self.work(group) {
                commands.close();
                let result = self.connection.close().map_err(|(_, error)| error);
                drop(self.lock);
                drop(closed.send(result));
                return;
            }
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::error!(error = %redacted(&error), "the file of the hub was not closed cleanly");
        }
    }

    /// Does the calls in their order. Returns the last one when it closes the file.
    fn work(&mut self, group: Vec<Command>) -> Option<oneshot::Sender<rusqlite::Result<()>>> {
        let mut together = Vec::new();
        for command in group {
            match command {
                Command::Probe { reply } => match self.last.answer() {
                    Some(answer) => drop(reply.send(answer)),
                    None => together.push(Command::Probe { reply }),
                },
                Command::Publish { .. } | Command::Settle { .. } => together.push(command),
                alone => {
                    self.write(std::mem::take(&mut together));
                    match alone {
                        Command::Subscribe { name, filter, reply } => {
                            drop(reply.send(self.subscribe(&name, filter)));
                        }
                        Command::Remove { name, reply } => drop(reply.send(self.remove(&name))),
                        Command::Expire { reply } => drop(reply.send(self.expire())),
                        Command::Close { reply } => return Some(reply),
                        Command::Publish { .. } | Command::Settle { .. } | Command::Probe { .. } => {}
                    }
                }
            }
        }
        self.write(together);
        None
    }

    /// Does these calls in one transaction, and answers them when it is on the disk.
    fn write(&mut self, commands: Vec<Command>) {
        if commands.is_empty() {
            return;
        }
        let publishes = commands.iter().any(|command| matches!(command, Command::Publish { .. }));
        let before = (self.state.events.load(Ordering::Relaxed), self.state.bytes.load(Ordering::Relaxed));
        let mut waiting = Waiting::default();
        let now = (self.clock)();
        let outcome = group::write(&mut self.connection, &self.config, &self.state, now, commands, &mut waiting);
        let (error, applied) = match outcome {
            Ok(effects) => {
                if publishes {
                    self.last = LastWrites { taken: Some(Instant::now()), refused: None };
                }
                return group::apply(&self.state, effects);
            }
            Err(failed) => failed,
        };
        self.state.events.store(before.0, Ordering::Relaxed);
        self.state.bytes.store(before.1, Ordering::Relaxed);
        tracing::error!(error = %redacted(&error), "the file of the hub cannot be written");
        let error = Arc::new(error);
        if publishes {
            self.last.refused = Some((Instant::now(), Arc::clone(&error)));
        }
        waiting.fail(&error, applied);
    }

    fn subscribe(&mut self, name: &SubscriptionName, filter: Filter) -> Result<Arc<Subscribed>> {
        let failed = |error| HubError::new(ErrorKind::Unavailable { retry_after: None }, SUBSCRIBE).with_source(error);
        if let Some(subscribed) = self.state.get(name) {
            if *lock(&subscribed.filter) != filter {
                let update = include_str!("sql/change_filter.sql");
                self.connection.execute(update, (filter.to_string(), subscribed.id)).map_err(failed)?;
                *lock(&subscribed.filter) = filter;
            }
            return Ok(subscribed);
        }
        if lock(&self.state.subscriptions).len() >= self.config.max_subscriptions {
            let detail = format!("the hub has the maximum of {} subscriptions", self.config.max_subscriptions);
            return Err(HubError::new(ErrorKind::Full, SUBSCRIBE).with_detail(detail));
        }
        let subscribed = Arc::new(self.create(name, filter).map_err(failed)?);
        lock(&self.state.subscriptions).insert(name.clone(), Arc::clone(&subscribed));
        Ok(subscribed)
    }

    /// A new subscription begins with the oldest event.
    fn create(&mut self, name: &SubscriptionName, filter: Filter) -> rusqlite::Result<Subscribed> {
        let transaction = self.connection.transaction()?;
        let insert = include_str!("sql/insert_subscription.sql");
        transaction.execute(insert, (name.as_str(), filter.to_string()))?;
        let subscribed = Subscribed::new(transaction.last_insert_rowid(), name.clone(), filter.clone());
        {
            let mut events = transaction.prepare(include_str!("sql/list_types.sql"))?;
            let mut rows = events.query([])?;
            while let Some(row) = rows.next()? {
                if filter.accepts_type(row.get_ref(1)?.as_str()?) {
                    let sequence = store::unsigned(row.get(0)?);
                    let subject: Option<Arc<str>> = row.get::<_, Option<String>>(2)?.map(Into::into);
                    store::insert_pending(&transaction, subscribed.id, sequence)?;
                    subscribed.push(sequence, subject.as_ref());
                }
            }
        }
        transaction.commit()?;
        Ok(subscribed)
    }

    fn remove(&mut self, name: &SubscriptionName) -> Result<bool> {
        let failed = |error| HubError::new(ErrorKind::Unavailable { retry_after: None }, SUBSCRIBE).with_source(error);
        let removed = self.connection.execute(include_str!("sql/delete_subscription.sql"), [name.as_str()]);
        let removed = removed.map_err(failed)? > 0;
        if let Some(subscribed) = lock(&self.state.subscriptions).remove(name) {
            subscribed.remove();
        }
        Ok(removed)
    }

    fn expire_some(&mut self) -> rusqlite::Result<bool> {
        let age = i64::try_from(self.config.max_age.as_millis()).unwrap_or(i64::MAX);
        let cutoff = (self.clock)().saturating_sub(age);
        retention::expire(&mut self.connection, &self.state, cutoff)
    }

    fn expire(&mut self) -> Result<()> {
        let failed = |error| HubError::new(ErrorKind::Unavailable { retry_after: None }, PUBLISH).with_source(error);
        while self.expire_some().map_err(failed)? {}
        Ok(())
    }
}

fn weight(command: &Command) -> usize {
    match command {
        Command::Publish { entries, .. } => {
            entries.iter().filter_map(|entry| entry.prepared.as_ref().ok()).map(|event| event.json.len()).sum()
        }
        _ => 0,
    }
}
