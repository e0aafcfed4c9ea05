//! The hub behind an address.

use crate::{
    ConnectError, HttpHubConfig,
    client::{Client, Limit},
    deliveries::HttpDeliveries,
    publish, request,
};
use async_trait::async_trait;
use character_message_hub::{
    Deliveries, Message, MessageHub, PROBE, Published, Reply, Result, ServiceRequest, Subscription,
};
use character_message_hub_wire as wire;
use reqwest::Method;
use std::{sync::Arc, time::Duration};

const PROBE_TIMEOUT: Duration = Duration::from_millis(980);

/// A [`MessageHub`] at an address of HTTP. Clones share its connections. See the [crate documentation](crate).
///
/// The order of a subject holds for any number of subscribers of a name.
#[derive(Clone, Debug)]
pub struct HttpHub {
    client: Arc<Client>,
}

impl HttpHub {
    /// The hub of this configuration. Does not connect yet: a hub that is down is no error here.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(config: HttpHubConfig) -> std::result::Result<Self, ConnectError> {
        Ok(Self { client: Arc::new(Client::new(&config)?) })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MessageHub for HttpHub {
    async fn publish(&self, messages: &[Message], timeout: Duration) -> Vec<Result<Published>> {
        publish::publish(&self.client, messages, timeout).await
    }

    async fn request(&self, request: ServiceRequest) -> Result<Reply> {
        request::request(&self.client, request).await
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Deliveries>> {
        subscription.check()?;
        Ok(Box::new(HttpDeliveries::open(&self.client, subscription).await?))
    }

    async fn probe(&self) -> Result<()> {
        let request = self.client.request(Method::GET, wire::PROBE);
        self.client.call(PROBE, request, Limit::of(PROBE_TIMEOUT, "the limit of a probe"), 1024).await.map(drop)
    }
}
