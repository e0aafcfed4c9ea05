//! The limits of requests, and the services of the configuration.

#[cfg(feature = "rustls")]
use character_credentials::ClientTls;
use character_http_kit::{BodyLimits, RequestLimit};
use character_message_hub::{HolderRecords, PeerChannel, ServiceName};
use character_message_hub_wire as wire;
use std::{fmt, str::FromStr, sync::Arc, time::Duration};
use url::Url;
use uuid::Uuid;

/// The limits of requests, and the services of the configuration.
#[derive(Clone, Debug)]
pub struct HubServerConfig {
    /// Services with the addresses of their instances, which stay registered as long as the process lives.
    pub services: Vec<(ServiceName, InstanceUrl)>,
    /// The maximum number of requests to the hub that are handled at the same time. Requests to services, and those that wait for
    /// events, do not count. Default: 256.
    pub requests: RequestLimit,
    /// Maximum size of the body of a request to a service, in bytes, at least 1. Default: 128 MiB.
    pub max_request_bytes: usize,
    /// How long a body may take to arrive, beside the time that it takes at `body_rate`. At least 1 ms. Default: 10 seconds.
    pub body_timeout: Duration,
    /// The slowest average upload that is waited for, in bytes a second, at least 1. Default: 65536.
    pub body_rate: u32,
    /// How long a connection to an instance may take, at least 1 ms. Default: 1 second.
    pub connect_timeout: Duration,
    /// What is trusted of instances with `https://` addresses, and the own certificate. Default: what the system trusts, and none.
    #[cfg(feature = "rustls")]
    pub tls: Option<ClientTls>,
    /// How often each instance is asked for its health, at least 1 ms. Default: 5 seconds.
    pub probe_every: Duration,
    /// The service of the hub as which the other servers over the same hub reach this one, and this one alone: a delivery that another
    /// server made is settled there. [`PEER_PREFIX`] and a UUID. Default: none, and only what this server delivered is settled.
    pub peer: Option<ServiceName>,
    /// The way to the other servers over the same hub, which hear on it of the instances that register themselves here. Needs `peer`.
    /// Default: none, and an instance is known to the server alone at which it registers.
    pub peers: Option<Arc<dyn PeerChannel>>,
    /// Where the servers over the same hub agree on which of them makes the deliveries of a subscription, so that the order of a
    /// subject holds over all of them. Needs `peer`, and a Tokio runtime that outlives the requests. Default: none, and each server
    /// makes deliveries to its clients.
    pub holders: Option<Arc<dyn HolderRecords>>,
}

/// The beginning of the names of servers over one hub, before a UUID: `message-hub-`.
pub const PEER_PREFIX: &str = "message-hub-";

/// Whether a name is that of a server over one hub: what names no such one is passed on to none.
pub(crate) fn is_peer(name: &str) -> bool {
    name.strip_prefix(PEER_PREFIX).is_some_and(|id| Uuid::try_parse(id).is_ok())
}

impl Default for HubServerConfig {
    fn default() -> Self {
        Self {
            services: Vec::new(),
            requests: RequestLimit::default(),
            max_request_bytes: 128 * 1024 * 1024,
            body_timeout: Duration::from_secs(10),
            body_rate: 65_536,
            connect_timeout: Duration::from_secs(1),
            #[cfg(feature = "rustls")]
            tls: None,
            probe_every: Duration::from_secs(5),
            peer: None,
            peers: None,
            holders: None,
        }
    }
}

/// Why a server cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHubServer {
    /// A limit that no server can work with.
    #[error("the setting {setting} of the hub's server is {found}: it must be {range}")]
    Setting {
        /// The field of [`HubServerConfig`].
        setting: &'static str,
        /// Its value.
        found: String,
        /// The values that it may have.
        range: &'static str,
    },
    /// TLS could not be set up for the connections to services.
    #[error("the HTTP client for the services cannot be built")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl HubServerConfig {
    /// Refuses limits that no server can work with. [`HubServer::new`](crate::HubServer::new) does it first.
    ///
    /// # Errors
    /// [`InvalidHubServer::Setting`]: the first such limit, with its value.
    pub fn check(&self) -> Result<(), InvalidHubServer> {
        self.of_bodies(self.max_request_bytes).check().map_err(|refused| {
            // The names of the fields here.
            let setting = match refused.limit {
                "bytes" => "max_request_bytes",
                "timeout" => "body_timeout",
                _ => "body_rate",
            };
            InvalidHubServer::Setting { setting, found: refused.found, range: refused.range }
        })?;
        for (setting, time) in [("connect_timeout", self.connect_timeout), ("probe_every", self.probe_every)] {
            if time < Duration::from_millis(1) {
                return Err(InvalidHubServer::Setting { setting, found: format!("{time:?}"), range: "at least 1 ms" });
            }
        }
        if let Some(peer) = self.peer.as_ref().filter(|peer| !is_peer(peer.as_str())) {
            let (setting, found) = ("peer", peer.to_string());
            return Err(InvalidHubServer::Setting { setting, found, range: "message-hub- and a UUID" });
        }
        if (self.peers.is_some() || self.holders.is_some()) && self.peer.is_none() {
            let (setting, found) = ("peer", "none".to_owned());
            let range = "a name, because peers or holders is set";
            return Err(InvalidHubServer::Setting { setting, found, range });
        }
        Ok(())
    }

    /// The limits of a body of at most `bytes`.
    pub(crate) fn of_bodies(&self, bytes: usize) -> BodyLimits {
        BodyLimits { bytes, timeout: self.body_timeout, rate: self.body_rate }
    }
}

/// Not the address of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidInstance(&'static str);

impl fmt::Display for InvalidInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidInstance {}

/// The address of an instance: `http://` or `https://` with a host, without credentials, query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceUrl(String);

impl InstanceUrl {
    /// The address, without a `/` at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InstanceUrl {
    type Err = InvalidInstance;

    fn from_str(text: &str) -> Result<Self, InvalidInstance> {
        let url = Url::parse(text).map_err(|_| InvalidInstance("must be an address such as http://10.0.0.7:8100"))?;
        wire::check_address(&url).map_err(InvalidInstance)?;
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_no_server_can_work_with_is_refused_with_its_value() {
        let config = HubServerConfig::default;
        assert!(config().check().is_ok());
        for (wrong, expected) in [
            (HubServerConfig { max_request_bytes: 0, ..config() }, "max_request_bytes of the hub's server is 0"),
            (HubServerConfig { body_rate: 0, ..config() }, "body_rate of the hub's server is 0"),
            (HubServerConfig { body_timeout: Duration::ZERO, ..config() }, "body_timeout of the hub's server is 0ns"),
            (
                HubServerConfig { connect_timeout: Duration::ZERO, ..config() },
                "connect_timeout of the hub's server is 0ns",
            ),
            (HubServerConfig { probe_every: Duration::ZERO, ..config() }, "probe_every of the hub's server is 0ns"),
        ] {
            let refused = wrong.check().unwrap_err().to_string();
            assert!(refused.starts_with(&format!("the setting {expected}: ")), "{refused}");
        }
    }

    #[test]
    fn the_name_of_a_server_over_one_hub_is_one_that_the_others_pass_requests_on_to() {
        let named = |peer: &str| HubServerConfig { peer: Some(peer.parse().unwrap()), ..HubServerConfig::default() };
        for peer in ["message-hub-1", "message-hub-instances", "hub-5f0c3f0e3f0c4b0c8f0e3f0c4b0c8f0e"] {
            let refused = named(peer).check().unwrap_err().to_string();
            assert!(refused.ends_with(&format!("is {peer}: it must be message-hub- and a UUID")), "{refused}");
        }
        assert!(named(&format!("{PEER_PREFIX}{}", Uuid::new_v4().simple())).check().is_ok());
    }

    #[test]
    fn an_address_of_an_instance_holds_no_secret_and_no_query() {
        for (text, expected) in [
            ("http://127.0.0.1:8100", Ok("http://127.0.0.1:8100")),
            ("https://storage.example/base/", Ok("https://storage.example/base")),
            ("ftp://h", Err("must begin with http:// or https://")),
            ("http://u:p@h", Err("must have no user and no password")),
            ("http://h/?a=1", Err("must have no query and no fragment")),
            ("nowhere", Err("must be an address such as http://10.0.0.7:8100")),
        ] {
            let found = text.parse::<InstanceUrl>();
            assert_eq!(found.as_ref().map(InstanceUrl::as_str).map_err(|error| error.0), expected, "{text}");
        }
    }
}
