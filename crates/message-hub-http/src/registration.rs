//! Registers the instances of a service at the hub.

use crate::{
    HttpHub,
    client::{Limit, decoded, refused},
};
use character_message_hub::{ErrorKind, HubError, Result, ServiceName};
use character_message_hub_wire::{self as wire, InstanceBody, LeaseBody};
use reqwest::{Method, StatusCode};
use std::time::Duration;
use url::Url;

/// The operation name of a registration.
pub const REGISTER: &str = "hub.register";
/// The operation name of the end of a registration.
pub const UNREGISTER: &str = "hub.unregister";

/// The longest response to a registration, in bytes.
const MOST: usize = 64 * 1024;

impl HttpHub {
    /// Registers an instance of a service, which the hub then sends requests to at `url`, and returns how long the registration
    /// holds. Repeat it before that, so that an instance which disappears is forgotten. `instance`: 1 to 64 of the characters
    /// `a-z 0-9 - _`. `ttl`: 1 s to 10 min. Ends within `timeout`.
    ///
    /// # Errors
    /// `Invalid`, `Unauthorized`, `Forbidden`, `Unavailable`, `Timeout`.
    pub async fn register(
        &self,
        service: &ServiceName,
        instance: &str,
        url: &Url,
        ttl: Duration,
        timeout: Duration,
    ) -> Result<Duration> {
        let limit = Limit::of(timeout, "the timeout of the call");
        let body = InstanceBody { url: url.to_string(), ttl_ms: u64::try_from(ttl.as_millis()).ok() };
        let body = serde_json::to_vec(&body)
            .map_err(|error| HubError::new(ErrorKind::Invalid, REGISTER).with_source(error))?;
        let request = self.client().request(Method::PUT, &path(service, instance));
        let request = request.header(reqwest::header::CONTENT_TYPE, wire::JSON).body(body);
        let response = self.client().call(REGISTER, request, limit, MOST).await?;
        let lease: LeaseBody = decoded(REGISTER, &response)?;
        Ok(Duration::from_millis(lease.ttl_ms))
    }

    /// Ends a registration, so that the hub sends no more requests. One that does not hold any more is a success. Ends within
    /// `timeout`.
    ///
    /// # Errors
    /// `Unauthorized`, `Forbidden`, `Unavailable`, `Timeout`.
    pub async fn unregister(&self, service: &ServiceName, instance: &str, timeout: Duration) -> Result<()> {
        let limit = Limit::of(timeout, "the timeout of the call");
        let request = self.client().request(Method::DELETE, &path(service, instance));
        let response = self.client().send(UNREGISTER, request, limit).await?;
        match response.status() {
            StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(()),
            _ => Err(refused(UNREGISTER, response, limit).await),
        }
    }
}

fn path(service: &ServiceName, instance: &str) -> String {
    wire::INSTANCE.replace("{name}", service.as_str()).replace("{id}", instance)
}
