//! A service that is an instance at the Message Hub: it answers what NATS brings, or registers at a hub over HTTP.

use crate::{
    config::HubConfig,
    hub::{self, HubClient},
    hub_responder::{BACKOFF, HubResponder, ResponderPlan, stops_within},
};
use character_error_reporter::redacted;
use character_message_hub::{HubError, ServiceName};
use character_message_hub_http::HttpHub;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinHandle, time::sleep};
use url::Url;
use uuid::Uuid;

/// How long a registration at the hub holds. It is repeated three times as often.
const TTL: Duration = Duration::from_secs(15);
/// How long one call of the hub may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a service takes requests that arrive through the hub.
#[derive(Debug)]
pub(crate) enum PresencePlan {
    /// From NATS.
    Answers(Box<ResponderPlan>),
    /// From a hub over HTTP, which calls the listener of this process.
    Registers(Registration),
}

/// An instance that a hub over HTTP is to know.
#[derive(Debug)]
pub(crate) struct Registration {
    hub: Arc<HttpHub>,
    service: ServiceName,
    /// Where the hub reaches this process.
    url: Url,
}

impl PresencePlan {
    /// The plan for the hub of this configuration. A hub over HTTP calls the advertised address; without one there is no plan.
    /// `within`: how long requests in flight may take at a shutdown.
    pub(crate) fn new(
        client: HubClient,
        config: &HubConfig,
        service: ServiceName,
        advertised: Option<Url>,
        within: Duration,
    ) -> Option<Self> {
        match client {
            HubClient::Nats(_) => {
                Some(Self::Answers(Box::new(ResponderPlan { nats: hub::nats(config), service, within })))
            }
            HubClient::Http(hub) => Some(Self::Registers(Registration { hub, service, url: advertised? })),
        }
    }
}

/// The presence of this process as an instance of a service at the hub. Dropped, it ends at once.
#[derive(Debug)]
pub(crate) enum HubPresence {
    Answers(HubResponder),
    Registers { stop: watch::Sender<bool>, task: JoinHandle<()> },
}

impl HubPresence {
    /// Is an instance of the service until [`stop`](Self::stop). A hub that is down is waited for.
    pub(crate) fn register(registration: Registration) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self::Registers { stop, task: tokio::spawn(stay_registered(registration, stopped)) }
    }

    /// Takes no more requests, and returns when those in flight are answered or their time is over.
    pub(crate) async fn stop(self) {
        match self {
            Self::Answers(responder) => responder.stop().await,
            Self::Registers { stop, task } => {
                stop.send_replace(true);
                if let Err(error) = task.await {
                    tracing::error!(error = %redacted(&error), "the presence at the Message Hub failed");
                }
            }
        }
    }
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

async fn stay_registered(registration: Registration, mut stopped: watch::Receiver<bool>) {
    let Registration { hub, service, url } = registration;
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
