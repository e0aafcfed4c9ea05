//! The log of PostgreSQL, read over a connection of its own, by which processes also wake one another.
//!
//! A commit is announced by a NOTIFY in a transaction of its own: one that notifies takes a lock of the whole server until it
//! is durable. Whether notifications arrive is tried at the start and every few seconds, by one to oneself: behind a pooler
//! they are lost without a word, and so is a connection whose other end is gone.

use super::{DOES_NOT_WORK, Shared, UNKNOWN, WORKS};
use crate::{
    fault::{Cause, EngineError, Fault},
    options::Wakeup,
    postgres::{Begin, Link, Pooling, PostgresSession, connector::Connector, postgres_fault},
    session::{Session as _, Statement, Work},
    sql::sql,
};
use character_error_reporter::redacted;
use deadpool_postgres::ClientWrapper;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use tokio_postgres::AsyncMessage;
use uuid::Uuid;

/// How long a notification to oneself may take.
const ECHO: Duration = Duration::from_secs(2);
/// How often one is sent.
const PROBE: Duration = Duration::from_secs(5);

pub(super) struct PostgresSource {
    connector: Connector,
    pooling: Pooling,
    /// Begins a transaction.
    begin: Begin,
    shared: Arc<Shared>,
    /// Marks the notifications that it has sent itself.
    me: Uuid,
    connection: Option<Connected>,
}

struct Connected {
    client: ClientWrapper,
    channel: String,
    hearing: Hearing,
    probes: u64,
    /// The last probe that came back.
    echo: Arc<AtomicU64>,
}

/// What is known of the notifications of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    NotAsked,
    /// The first probe was sent.
    Trying(Instant),
    /// They arrive; the last probe was sent at this moment.
    Works(Instant),
    /// They do not.
    Deaf,
}

impl PostgresSource {
    pub(super) fn new(connector: Connector, pooling: Pooling, begin: Begin, shared: Arc<Shared>) -> Self {
        Self { connector, pooling, begin, shared, me: Uuid::new_v4(), connection: None }
    }

    pub(super) async fn run<W: Work>(&mut self, work: &W) -> Result<W::Output, Fault> {
        let (pooling, begin) = (self.pooling, self.begin.clone());
        let connected = self.connected().await?;
        if pooling == Pooling::Session {
            return work.run(&mut PostgresSession::plain(&connected.client, pooling)).await;
        }
        // Settings last as long as a transaction.
        let nothing_is_committed = AtomicBool::new(false);
        let mut session = PostgresSession::transaction(&connected.client, pooling, &begin, &nothing_is_committed);
        let outcome = work.run(&mut session).await;
        session.roll_back();
        outcome
    }

    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    async fn connected(&mut self) -> Result<&mut Connected, Fault> {
        let connected = match self.connection.take().filter(|connected| !connected.client.is_closed()) {
            Some(connected) => connected,
            None => self.connect().await?,
        };
        Ok(self.connection.insert(connected))
    }

    async fn connect(&self) -> Result<Connected, Fault> {
        let (client, link) = self.connector.connect().await.map_err(postgres_fault)?;
        let echo = Arc::new(AtomicU64::new(0));
        let (me, shared) = (self.me.to_string(), Arc::clone(&self.shared));
        let driver = tokio::spawn(drive(link, me, Arc::clone(&echo), shared));
        let client = ClientWrapper::new(client, driver);
        let name = Statement::new(sql!("name_log_channel.postgres"), vec![]);
        let found = PostgresSession::plain(&client, self.pooling).query(name).await?.pop();
        let channel = found.map(|mut row| row.read::<Option<String>>()).transpose()?.flatten().unwrap_or_default();
        Ok(Connected { client, channel, hearing: Hearing::NotAsked, probes: 0, echo })
    }

    /// Notifies other processes of news.
    pub(super) async fn announce(&mut self) -> Result<(), Fault> {
        let payload = format!("{}/0", self.me);
        let connected = self.connected().await?;
        connected.notify(&payload).await
    }

    /// Sees to it that notifications arrive, or finds out that they do not.
    pub(super) async fn listen(&mut self) -> Result<(), Fault> {
        if self.shared.pace.wakeup == Wakeup::Poll {
            return Ok(());
        }
        let (me, pooling, shared) = (self.me, self.pooling, Arc::clone(&self.shared));
        let connected = self.connected().await?;
        let has_come_back = connected.echo.load(Ordering::Relaxed) == connected.probes;
        match connected.hearing {
            Hearing::Deaf => {}
            Hearing::NotAsked if pooling == Pooling::Transaction => connected.deaf(&shared),
            Hearing::NotAsked => {
                let listen = format!("LISTEN {}", connected.channel);
                connected.client.batch_execute(&listen).await.map_err(postgres_fault)?;
                connected.probe(me).await?;
                connected.hearing = Hearing::Trying(Instant::now());
            }
            Hearing::Trying(sent) if has_come_back => {
                connected.hearing = Hearing::Works(sent);
                shared.notifies.store(WORKS, Ordering::Relaxed);
            }
            Hearing::Trying(sent) if sent.elapsed() > ECHO => connected.deaf(&shared),
            Hearing::Works(sent) if has_come_back && sent.elapsed() > PROBE => {
                connected.probe(me).await?;
                connected.hearing = Hearing::Works(Instant::now());
            }
            Hearing::Works(sent) if !has_come_back && sent.elapsed() > ECHO => {
                shared.notifies.store(UNKNOWN, Ordering::Relaxed);
                return Err(Fault::Engine(Cause::ConnectionLost, EngineError::Other("notifications do not arrive")));
            }
            Hearing::Trying(_) | Hearing::Works(_) => {}
        }
        Ok(())
    }
}

impl Connected {
    fn deaf(&mut self, shared: &Shared) {
        self.hearing = Hearing::Deaf;
        if shared.notifies.swap(DOES_NOT_WORK, Ordering::Relaxed) != DOES_NOT_WORK {
            tracing::warn!(
                poll = ?shared.pace.poll,
                "notifications of PostgreSQL do not arrive, as behind a pooler: commits of other processes are found by polling"
            );
        }
    }

    async fn probe(&mut self, me: Uuid) -> Result<(), Fault> {
        self.probes += 1;
        let payload = format!("{me}/{}", self.probes);
        self.notify(&payload).await
    }

    /// Not durable: a notification is worth nothing after a crash.
    async fn notify(&self, payload: &str) -> Result<(), Fault> {
        let sql = format!("BEGIN; SET LOCAL synchronous_commit = off; NOTIFY {}, '{payload}'; COMMIT", self.channel);
        self.client.batch_execute(&sql).await.map_err(postgres_fault)
    }
}

/// Moves the bytes of the connection, and wakes the thread when another process has notified, or when the connection breaks.
async fn drive(mut link: Link, me: String, echo: Arc<AtomicU64>, shared: Arc<Shared>) {
    loop {
        match link.next_message().await {
            Some(Ok(AsyncMessage::Notification(notification))) => match notification.payload().split_once('/') {
                Some((sender, number)) if sender == me => {
                    if let Ok(number @ 1..) = number.parse() {
                        echo.store(number, Ordering::Relaxed);
                    }
                }
                _ => shared.wake.notify_one(),
            },
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!(error = %redacted(&error), "the connection that reads the log broke");
                break;
            }
            None => break,
        }
    }
    shared.wake.notify_one();
}

#[cfg(test)]
mod tests;
