//! A service that answers requests which arrive through the Message Hub.

use crate::hub::HubClient;
use character_error_reporter::redacted;
use character_message_hub::{HubError, ServiceName};
use character_message_hub_http::HttpHub;
use character_message_hub_nats::{HttpForwarder, InvalidConfig, NatsHub, NatsResponder};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};
use url::Url;
use uuid::Uuid;

/// How long a registration at the hub holds. It is repeated three times as often.
const TTL: Duration = Duration::from_secs(15);
/// How long one call of the hub may take.
const PATIENCE: Duration = Duration::from_secs(5);
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// The largest reply that is passed on, in bytes. NATS refuses what is larger than its own limit.
const MAX_REPLY: usize = 64 * 1024 * 1024;

/// How a service takes requests that arrive through the hub.
#[derive(Debug)]
pub(crate) struct PresencePlan {
    /// The hub.
    pub(crate) client: HubClient,
    /// The name of the service at the hub.
    pub(crate) service: ServiceName,
    /// Where a hub over HTTP reaches this process; `None`: it is not registered there.
    pub(crate) advertised: Option<Url>,
    /// How long requests in flight may take at a shutdown.
    pub(crate) within: Duration,
}

impl PresencePlan {
    /// Whether requests of the hub come in through this process, which passes them to a listener without TLS.
    pub(crate) fn needs_inner_listener(&self) -> bool {
        matches!(self.client, HubClient::Nats(_))
    }
}

/// The presence of this process as an instance of a service at the hub. Dropped, it ends at once.
#[derive(Debug)]
pub(crate) struct HubPresence {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl HubPresence {
    /// Takes requests for the service until [`stop`](Self::stop), and passes them to the listener of this process. NATS needs
    /// nothing else; `inner` is a listener of this process without TLS, when the main one has TLS. The Message Hub over HTTP calls the advertised address, and without one this process is not registered. A hub that
    /// is down is waited for.
    ///
    /// # Errors
    /// When the listener cannot be called.
    pub(crate) fn start(
        plan: PresencePlan,
        listener: SocketAddr,
        inner: Option<SocketAddr>,
    ) -> Result<Option<Self>, InvalidConfig> {
        let PresencePlan { client, service, advertised, within } = plan;
        let (stop, stopped) = watch::channel(false);
        let task = match (client, advertised) {
            (HubClient::Nats(hub), _) => {
                // Under the name of the main listener, which the application expects.
                let (called, host) = (inner.unwrap_or_else(|| reachable(listener)), reachable(listener).to_string());
                let forwarder = Arc::new(HttpForwarder::new(&format!("http://{called}"), MAX_REPLY)?.with_host(host));
                tokio::spawn(respond(hub, service, forwarder, stopped, within))
            }
            (HubClient::Http(hub), Some(url)) => tokio::spawn(stay_registered(hub, service, url, stopped)),
            (HubClient::Http(_), None) => return Ok(None),
        };
        Ok(Some(Self { stop, task }))
    }

    /// Takes no more requests, and returns when those in flight are answered or their time is over.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(error = %redacted(&error), "the presence at the Message Hub failed");
        }
    }
}

/// The address by which this process reaches its own listener.
fn reachable(listener: SocketAddr) -> SocketAddr {
    match listener {
        SocketAddr::V4(address) if address.ip().is_unspecified() => ([127, 0, 0, 1], address.port()).into(),
        SocketAddr::V6(address) if address.ip().is_unspecified() => ([0, 0, 0, 0, 0, 0, 0, 1], address.port()).into(),
        other => other,
    }
}

/// Waits until the process stops; `false`: `pause` was over before.
async fn stops_within(stopped: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    // A sender that is gone is a stop too.
    timeout(pause, stopped.wait_for(|stopped| *stopped)).await.is_ok()
}

/// Logs the first failure and the recovery.
#[derive(Default)]
struct Said {
    is_failing: bool,
}

impl Said {
    fn failed(&mut self, error: &HubError) {
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(reason = error.kind().code(), "the service cannot take requests from the Message Hub");
        }
    }

    fn works(&mut self) {
        if std::mem::take(&mut self.is_failing) {
            tracing::info!("the service takes requests from the Message Hub again");
        }
    }
}

async fn respond(
    hub: Arc<NatsHub>,
    service: ServiceName,
    forwarder: Arc<HttpForwarder>,
    mut stopped: watch::Receiver<bool>,
    within: Duration,
) {
    let (mut said, mut backoff) = (Said::default(), BACKOFF.0);
    let responder = loop {
        match NatsResponder::serve(&hub, service.clone(), Arc::clone(&forwarder) as _).await {
            Ok(responder) => break responder,
            Err(error) => said.failed(&error),
        }
        if stops_within(&mut stopped, backoff).await {
            return;
        }
        backoff = (backoff * 2).min(BACKOFF.1);
    };
    said.works();
    tracing::info!(%service, "requests from NATS are answered");
    // The client resubscribes by itself after an outage.
    drop(stopped.wait_for(|stopped| *stopped).await);
    if let abandoned @ 1.. = responder.drain(within).await {
        tracing::warn!(abandoned, "requests from NATS were not answered before the end");
    }
}

async fn stay_registered(hub: Arc<HttpHub>, service: ServiceName, url: Url, mut stopped: watch::Receiver<bool>) {
    let instance = Uuid::now_v7().simple().to_string();
    let (mut said, mut backoff, mut was_registered) = (Said::default(), BACKOFF.0, false);
    loop {
        let pause = match hub.register(&service, &instance, &url, TTL, PATIENCE).await {
            Ok(ttl) => {
                said.works();
                if !std::mem::replace(&mut was_registered, true) {
                    tracing::info!(%service, "registered at the Message Hub");
                }
                backoff = BACKOFF.0;
                ttl / 3
            }
            Err(error) => {
                said.failed(&error);
                backoff = (backoff * 2).min(BACKOFF.1);
                backoff
            }
        };
        if stops_within(&mut stopped, pause).await {
            break;
        }
    }
    if let Err(error) = hub.unregister(&service, &instance, PATIENCE).await {
        tracing::warn!(reason = error.kind().code(), "the registration at the Message Hub ends by itself");
    }
    // Requests that the hub sent before reach the listener while it still listens.
    sleep(Duration::from_millis(50)).await;
}
