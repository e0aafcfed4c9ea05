//! The hub over one file.

use crate::{
    config::{FileHubConfig, OpenError},
    deliveries::FileDeliveries,
    state::{State, lock},
    store::{self, Prepared},
    writer::{Clock, Command, Entry, LastWrites, Writer},
};
use async_trait::async_trait;
use character_message_hub::{
    Applied, CloudEvent, Deliveries, ErrorKind, HubError, MAX_BATCH, Message, MessageHub, NEXT, PROBE, PUBLISH,
    Published, Reply, Result, SUBSCRIBE, ServiceRequest, Subscription,
};
use rusqlite::Connection;
use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinHandle, spawn_blocking},
    time::{Instant, timeout, timeout_at},
};

/// The maximum number of calls that wait for the writer. More wait for their turn within their own timeout.
const QUEUE: usize = 1_024;
/// The longest wait of calls that have no timeout of their own.
const LONGEST: Duration = Duration::from_secs(30);
/// The longest time of a probe.
const PROBE_TIMEOUT: Duration = Duration::from_millis(900);

/// A [`MessageHub`] that keeps its events in one file. Clones share it. See the
/// [crate documentation](crate) for its guarantees.
#[derive(Clone)]
pub struct FileHub {
    pub(crate) shared: Arc<Shared>,
}

/// Events by sequence.
pub(crate) type Events = HashMap<u64, Arc<CloudEvent>>;

pub(crate) struct Shared {
    pub(crate) config: FileHubConfig,
    pub(crate) state: Arc<State>,
    /// `None`: the hub is closed. Before `commands`, so that it is closed first when the hub is dropped, too.
    reader: Mutex<Option<Connection>>,
    commands: mpsc::Sender<Command>,
}

impl fmt::Debug for FileHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileHub").field("path", &self.shared.config.path).finish_non_exhaustive()
    }
}

impl FileHub {
    /// Opens the file, or creates it. Reads what is not settled, which takes some seconds for millions of events: within a
    /// runtime, call it where blocking is permitted.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(config: FileHubConfig) -> Result<Self, OpenError> {
        Self::open_with(config, Arc::new(|| jiff::Timestamp::now().as_millisecond()))
    }

    pub(crate) fn open_with(config: FileHubConfig, clock: Clock) -> Result<Self, OpenError> {
        config.check()?;
        let (connection, lock) = store::open(&config)?;
        let state = Arc::new(State::default());
        let database = |source| OpenError::database(&config.path, source);
        store::load(&connection, &state).map_err(database)?;
        let reader = Mutex::new(Some(store::open_reader(&config)?));
        let (commands, calls) = mpsc::channel(QUEUE);
        let writer = Writer {
            connection,
            config: config.clone(),
            state: Arc::clone(&state),
            clock,
            lock,
            last: LastWrites::default(),
        };
        let io = |source: io::Error| OpenError::Io { path: config.path.clone(), source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(io)?;
        let thread = thread::Builder::new().name("message hub file".to_owned());
        thread.spawn(move || runtime.block_on(writer.run(calls))).map_err(io)?;
        Ok(Self { shared: Arc::new(Shared { config, state, commands, reader }) })
    }

    /// Ends the writer after the calls that wait, and completes the main file. Later calls are refused with `Unavailable`.
    ///
    /// # Errors
    /// `Unavailable`: the file was not closed cleanly. `Timeout`: not within twice 30 seconds. Nothing acknowledged is lost by that.
    pub async fn close(&self) -> Result<()> {
        const CLOSE: &str = "hub.close";
        // The connection that is closed last completes the main file, and only the writer's can.
        let shared = Arc::clone(&self.shared);
        let closing = spawn_blocking(move || drop(lock(&shared.reader).take()));
        let read = timeout(LONGEST, closing).await;
        // The writer ends in any case.
        let closed: rusqlite::Result<()> = self.shared.call(CLOSE, LONGEST, |reply| Command::Close { reply }).await?;
        let unclean = || HubError::new(ErrorKind::Unavailable { retry_after: None }, CLOSE);
        closed.map_err(|error| unclean().with_source(error))?;
        let late = |_| HubError::new(ErrorKind::Timeout, CLOSE).within("the limit of reading the file", LONGEST);
        read.map_err(late)?.map_err(|error| unclean().with_source(error))
    }
}

impl Shared {
    /// Has the writer do a call, within `limit`.
    pub(crate) async fn call<T>(
        &self,
        operation: &'static str,
        limit: Duration,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T> {
        let deadline = Instant::now() + limit;
        let late = || HubError::new(ErrorKind::Timeout, operation).within("the limit of the call", limit);
        let gone = || HubError::new(ErrorKind::Unavailable { retry_after: None }, operation);
        let place = timeout_at(deadline, self.commands.reserve()).await;
        let place = place.map_err(|_| late().with_applied(Applied::No))?;
        let place = place.map_err(|_| gone().with_applied(Applied::No).with_detail("the hub is closed"))?;
        let (reply, result) = oneshot::channel();
        place.send(command(reply));
        let result = timeout_at(deadline, result).await.map_err(|_| late())?;
        result.map_err(|_| gone().with_detail("the hub is closed"))
    }

    /// The event with this sequence, while it is in memory.
    pub(crate) fn cached(&self, sequence: u64) -> Option<Arc<CloudEvent>> {
        lock(&self.state.cache).get(sequence)
    }

    /// Reads the event with this sequence, and some of those behind it, which are probably wanted next.
    pub(crate) fn read_ahead(self: &Arc<Self>, sequence: u64) -> JoinHandle<Result<Events>> {
        let shared = Arc::clone(self);
        tokio::spawn(async move { shared.read(NEXT, move |connection| store::events(connection, sequence)).await })
    }

    /// Reads the file, on a thread where blocking is permitted.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let shared = Arc::clone(self);
        let reading = spawn_blocking(move || lock(&shared.reader).as_ref().map(read));
        let gone = || HubError::new(ErrorKind::Unavailable { retry_after: None }, operation);
        match timeout(LONGEST, reading).await {
            Ok(Ok(Some(Ok(found)))) => Ok(found),
            Ok(Ok(Some(Err(error @ rusqlite::Error::FromSqlConversionFailure(..))))) => {
                Err(HubError::new(ErrorKind::Corrupt, operation).with_source(error))
            }
            Ok(Ok(Some(Err(error)))) => Err(gone().with_source(error)),
            Ok(Ok(None)) => Err(gone().with_detail("the hub is closed")),
            Ok(Err(error)) => Err(gone().with_source(error)),
            Err(_) => {
                Err(HubError::new(ErrorKind::Timeout, operation).within("the limit of reading the file", LONGEST))
            }
        }
    }
}

/// The event as it is kept, or why it is refused.
fn prepared(message: &Message) -> Result<Prepared> {
    message.check()?;
    let json = serde_json::to_vec(&*message.event);
    let json = json.map_err(|error| HubError::new(ErrorKind::Invalid, PUBLISH).with_source(error))?;
    let event = Arc::clone(&message.event);
    Ok(Prepared { message_id: Arc::clone(&message.message_id), subject: event.subject().map(Into::into), event, json })
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MessageHub for FileHub {
    async fn publish(&self, messages: &[Message], timeout: Duration) -> Vec<Result<Published>> {
        if messages.len() > MAX_BATCH {
            let error = HubError::new(ErrorKind::Invalid, PUBLISH).with_detail("at most 1000 events in one call");
            return vec![Err(error); messages.len()];
        }
        if messages.is_empty() {
            return Vec::new();
        }
        let entry =
            |message: &Message| Entry { subject: message.event.subject().map(Into::into), prepared: prepared(message) };
        let entries = messages.iter().map(entry).collect();
        let deadline = Instant::now() + timeout;
        let published = self.shared.call(PUBLISH, timeout, |reply| Command::Publish { entries, deadline, reply });
        published.await.unwrap_or_else(|error| vec![Err(error); messages.len()])
    }

    async fn request(&self, request: ServiceRequest) -> Result<Reply> {
        Err(request.no_instance())
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Deliveries>> {
        subscription.check()?;
        let (name, filter) = (subscription.name.clone(), subscription.filter.clone());
        let subscribed =
            self.shared.call(SUBSCRIBE, LONGEST, |reply| Command::Subscribe { name, filter, reply }).await??;
        Ok(Box::new(FileDeliveries::new(Arc::clone(&self.shared), subscribed, subscription)))
    }

    async fn probe(&self) -> Result<()> {
        self.shared.call(PROBE, PROBE_TIMEOUT, |reply| Command::Probe { reply }).await?
    }
}
