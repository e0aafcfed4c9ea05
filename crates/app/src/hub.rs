//! The Message Hub: the choice of its adapter, and the tasks that publish to it and receive from it.

use crate::{
    config::{HubAddress, HubConfig},
    nats_metrics::show_budget,
    reporting::Reporting,
    run::say,
};
use character_error_reporter::redacted;
use character_http_kit::HealthCheck;
use character_inbox::{Inbox, InboxHandle, Turn};
use character_message_hub::{HubError, MessageHub};
use character_message_hub_http::{HttpHub, HttpHubConfig};
use character_message_hub_nats::{Credentials, NatsHub, NatsHubConfig};
use character_relay::{CONSUMER, DomainEvent, ParkObserver, Relay, RelayHandle, RelayOptions};
use character_storage_port::{ConsumerName, StoragePort, connection_failure};
use prometheus_client::registry::Registry;
use std::{error::Error, io, sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinSet, time::sleep};

/// The limit of one attempt to create the stream in NATS, and the pauses before the next one: each is twice the one before it.
const STREAM_LIMIT: Duration = Duration::from_secs(5);
const FIRST_STREAM_PAUSE: Duration = Duration::from_secs(1);
const MAX_STREAM_PAUSE: Duration = Duration::from_secs(30);

/// Asks a hub whether it answers. A failure is the line of `/health`, with its causes.
pub(crate) async fn probe(hub: &dyn MessageHub) -> Result<(), String> {
    hub.probe().await.map_err(|error| match connection_failure(&error) {
        Some(reason) => format!("{}: {reason}", redacted(&error)),
        None => redacted(&error).to_string(),
    })
}

/// A client of the hub, by the adapter of its address.
#[derive(Clone, Debug)]
pub(crate) enum HubClient {
    /// Of the Message Hub of this project.
    Http(Arc<HttpHub>),
    /// Of NATS.
    Nats(Arc<NatsHub>),
}

impl HubClient {
    /// The client behind the port.
    pub(crate) fn port(&self) -> Arc<dyn MessageHub> {
        match self {
            Self::Http(hub) => Arc::clone(hub) as _,
            Self::Nats(hub) => Arc::clone(hub) as _,
        }
    }
}

/// Connects to the hub, by the adapter of its address. A hub that is down is no error.
///
/// # Errors
/// When the client cannot be built.
pub(crate) async fn connect(config: &HubConfig) -> Result<HubClient, Box<dyn Error + Send + Sync>> {
    match &config.address {
        HubAddress::Http(url) => {
            let token = config.token.clone().unwrap_or_else(|| "".into());
            let settings = HttpHubConfig { tls: config.tls.clone(), ..HttpHubConfig::new(url.clone(), token) };
            Ok(HubClient::Http(Arc::new(HttpHub::connect(settings)?)))
        }
        HubAddress::Nats(_) => Ok(HubClient::Nats(Arc::new(NatsHub::connect(nats(config)).await?))),
    }
}

/// Registers the metrics of large requests and replies, of a hub that is NATS.
pub(crate) fn show(config: &HubConfig, registry: &mut Registry) {
    if let HubAddress::Nats(_) = &config.address {
        show_budget(&config.budget, registry);
    }
}

/// Creates the stream in NATS before the first event, so that `/health` and the log name the cause when NATS refuses it.
pub(crate) async fn create_stream(nats: NatsHub) {
    until_created(|| nats.create_stream(STREAM_LIMIT)).await;
}

async fn until_created<F: Future<Output = Result<(), HubError>>>(create: impl Fn() -> F) {
    let mut pause = FIRST_STREAM_PAUSE;
    while let Err(error) = create().await {
        tracing::debug!(error = %redacted(&error), "the stream in NATS is not there yet");
        sleep(pause).await;
        pause = MAX_STREAM_PAUSE.min(pause * 2);
    }
}

/// For `check`, which creates nothing: prints whether the stream in NATS is still to be created.
pub(crate) async fn say_of_stream(nats: &NatsHub) -> io::Result<()> {
    match nats.has_stream(STREAM_LIMIT).await {
        Ok(true) => Ok(()),
        Ok(false) => say("hub: the stream with the events does not exist yet; the service creates it"),
        Err(error) => {
            tracing::debug!(error = %redacted(&error), "the stream in NATS cannot be read; the check of the hub names the cause");
            Ok(())
        }
    }
}

/// The settings of a client of NATS.
pub(crate) fn nats(config: &HubConfig) -> NatsHubConfig {
    let credentials = config.token.clone().map_or(Credentials::None, Credentials::Token);
    let (max_age, tls, budget) = (config.max_age, config.tls.clone(), config.budget.clone());
    NatsHubConfig { credentials, max_age, tls, budget, ..NatsHubConfig::new(config.address.to_string()) }
}

/// A hub that nothing is published to yet.
#[derive(Debug)]
pub(crate) struct Hub {
    client: Arc<dyn MessageHub>,
    relay: Relay,
    storage: Arc<dyn StoragePort>,
    address: String,
    /// The client of NATS, whose stream is created at the start.
    nats: Option<NatsHub>,
}

impl Hub {
    /// The hub of this address, and the relay from this storage to it, which reports to `reporting` what is parked.
    ///
    /// # Errors
    /// When the relay cannot be made.
    pub(crate) fn new(
        client: Arc<dyn MessageHub>,
        address: String,
        storage: Arc<dyn StoragePort>,
        reporting: Arc<Reporting>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let mut options = RelayOptions::new(CONSUMER.parse()?);
        options.envelope.schema_of = character_asyncapi::data_schema;
        let relay = Relay::new(Arc::clone(&storage), Arc::clone(&client), options)?;
        let relay = relay.with_observer(Arc::new(Parked(reporting)));
        Ok(Self { client, relay, storage, address, nats: None })
    }

    /// The same, which creates the stream of this client at the start, if it is one of NATS.
    pub(crate) fn with_stream_of(self, client: &HubClient) -> Self {
        let nats = match client {
            HubClient::Nats(nats) => Some(NatsHub::clone(nats)),
            HubClient::Http(_) => None,
        };
        Self { nats, ..self }
    }

    /// For `check`: prints whether the stream in NATS is still to be created.
    ///
    /// # Errors
    /// When nothing can be printed.
    pub(crate) async fn say_of_stream(&self) -> io::Result<()> {
        match &self.nats {
            Some(nats) => say_of_stream(nats).await,
            None => Ok(()),
        }
    }

    /// The client, for an inbox.
    pub(crate) fn client(&self) -> Arc<dyn MessageHub> {
        Arc::clone(&self.client)
    }

    /// Asks the hub whether it answers. The service works without it.
    pub(crate) fn check(&self) -> HealthCheck {
        let client = self.client();
        let probe = move || -> futures_util::future::BoxFuture<'static, Result<(), String>> {
            let client = Arc::clone(&client);
            Box::pin(async move {
                probe(&*client).await.map_err(|cause| format!("events wait in the log of commits: {cause}"))
            })
        };
        HealthCheck { name: "message_hub", critical: false, probe: Arc::new(probe) }
    }

    /// The line of the log at the start.
    pub(crate) fn summary(&self) -> String {
        format!("Message Hub: {}, receives all events", self.address)
    }

    /// Registers the metrics of relay and inbox, and returns their handles.
    pub(crate) fn handles(&self, inbox: Option<&Inbox>, registry: &mut Registry) -> HubHandle {
        let (relay, inbox) = (self.relay.handle(), inbox.map(Inbox::handle));
        relay.register(registry);
        if let Some(inbox) = &inbox {
            inbox.register(registry);
        }
        HubHandle { address: self.address.clone(), relay, inbox }
    }

    /// The turn to receive, which the processes share by this consumer of the log.
    pub(crate) fn turn(&self, consumer: ConsumerName) -> Turn {
        Turn::new(Arc::clone(&self.storage), consumer)
    }

    /// Publishes, and receives in its turn if there is an inbox, until [`RunningHub::stop`].
    pub(crate) fn start(self, inbox: Option<(Inbox, Turn)>) -> RunningHub {
        let (stop, _) = watch::channel(());
        let stopped = || {
            let mut stop = stop.subscribe();
            // The sender is dropped without a word when the process ends in an error: that is a stop too.
            async move { drop(stop.changed().await) }
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(self.relay.run(stopped()));
        if let Some(nats) = self.nats {
            let stopped = stopped();
            tasks.spawn(async move {
                tokio::select! {
                    () = create_stream(nats) => {}
                    () = stopped => {}
                }
            });
        }
        if let Some((inbox, turn)) = inbox {
            tasks.spawn(inbox.run_in_turn(turn, stopped()));
        }
        RunningHub { stop, tasks }
    }
}

/// The tasks of a hub. Dropped, they end at once.
#[derive(Debug)]
pub(crate) struct RunningHub {
    stop: watch::Sender<()>,
    tasks: JoinSet<()>,
}

impl RunningHub {
    /// Releases the lease of the relay, and lets active handlers finish. Each has a bound of its own.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(());
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(error = %redacted(&error), "a task of the Message Hub failed");
            }
        }
    }
}

/// What the admin listener shows of a hub.
#[derive(Clone, Debug)]
pub(crate) struct HubHandle {
    pub(crate) address: String,
    pub(crate) relay: RelayHandle,
    pub(crate) inbox: Option<InboxHandle>,
}

/// Reports each parked event as a failed operation.
struct Parked(Arc<Reporting>);

impl ParkObserver for Parked {
    fn parked(&self, event: &DomainEvent, reason: &str, error: Option<&HubError>) {
        self.0.tell_parked(event, reason, error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ReportConfig;
    use character_domain::{CharacterId, now};
    use character_inbox::{EventHandler, Handled, InboxOptions, InboxState, Received, async_trait};
    use character_message_hub::{MemoryHub, Subscription};
    use character_relay::RelayState;
    use character_storage_port::{Commit, Consumers, HolderId, MemoryStorage, Transaction};
    use std::sync::Mutex;
    use tokio::time::Instant;

    struct Ignores;

    #[async_trait]
    impl EventHandler for Ignores {
        async fn handle(&self, _: &Received) -> Handled {
            Handled::Done
        }
    }

    async fn until(what: &str, condition: impl Fn() -> bool) {
        for _ in 0..6_000 {
            if condition() {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("it did not happen within a minute: {what}");
    }

    fn reporting() -> Arc<Reporting> {
        let config = ReportConfig { per_minute: 5, sentry_dsn: None };
        Reporting::start("test", &config, Vec::new(), None, None).unwrap()
    }

    fn event() -> DomainEvent {
        DomainEvent::new("character.updated", CharacterId::new(), now(), serde_json::json!({}))
    }

    #[tokio::test(start_paused = true)]
    async fn a_hub_publishes_and_receives_until_it_is_stopped_and_then_holds_no_lease() {
        let (storage, memory) = (MemoryStorage::new(), MemoryHub::new());
        let hub = Hub::new(Arc::new(memory.clone()), "memory".into(), Arc::new(storage.clone()), reporting()).unwrap();
        assert!((hub.check().probe)().await.is_ok() && !hub.check().critical);
        let subscription = Subscription::new("test".parse().unwrap(), "character.*".parse().unwrap());
        let inbox = Inbox::new(hub.client(), Ignores, InboxOptions::new(subscription)).unwrap();
        let mut registry = Registry::default();
        let handle = hub.handles(Some(&inbox), &mut registry);
        let turn = hub.turn("inbox-test".parse().unwrap());
        let running = hub.start(Some((inbox, turn)));
        storage.commit(Transaction::new().with_event(event())).await.unwrap();
        until("the event is published", || memory.published().len() == 1).await;
        let received = || handle.inbox.as_ref().map(InboxHandle::state) == Some(InboxState::Receiving);
        until("the inbox receives", received).await;
        running.stop().await;
        assert_eq!(handle.relay.status().state, RelayState::Stopped);
        for consumer in [CONSUMER, "inbox-test"] {
            let lease = storage.lease(&consumer.parse().unwrap(), HolderId::new(), Duration::from_secs(1)).await;
            assert!(lease.unwrap().is_some(), "the lease of {consumer} was released");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_nats_refuses_is_asked_for_at_growing_pauses_until_it_is_created() {
        let (attempts, begun) = (Mutex::new(Vec::new()), Instant::now());
        until_created(|| {
            let mut attempts = attempts.lock().unwrap();
            attempts.push(begun.elapsed().as_secs());
            let is_refused = attempts.len() < 9;
            let refusal = HubError::new(character_message_hub::ErrorKind::Forbidden, "test");
            std::future::ready(if is_refused { Err(refusal) } else { Ok(()) })
        })
        .await;
        assert_eq!(*attempts.lock().unwrap(), [0, 1, 3, 7, 15, 31, 61, 91, 121]);
    }

    #[tokio::test]
    async fn the_health_of_a_hub_that_cannot_be_reached_names_the_cause() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = format!("http://{closed}").parse().unwrap();
        let config = HttpHubConfig::new(url, "the-secret-token".to_owned().into());
        let shown = probe(&HttpHub::connect(config).unwrap()).await.unwrap_err();
        assert!(
            shown.starts_with("hub.probe failed: unavailable: ") && shown.contains("Connection refused"),
            "{shown}"
        );
        assert!(!shown.contains("the-secret-token"), "{shown}");
    }

    #[tokio::test]
    async fn a_parked_event_is_among_the_failures() {
        let reporting = reporting();
        let observer = Parked(Arc::clone(&reporting));
        let too_large = character_message_hub::ErrorKind::TooLarge { limit: 1, size: 2 };
        let error = HubError::new(too_large, character_message_hub::PUBLISH);
        observer.parked(&event(), "refused 5 times", Some(&error));
        observer.parked(&event(), "no CloudEvent", None);
        let failures = serde_json::to_value(reporting.recent().all()).unwrap().to_string();
        assert!(failures.contains("too-large") && failures.contains("hub.publish"), "{failures}");
        assert!(failures.contains("not-sendable"), "{failures}");
    }
}
