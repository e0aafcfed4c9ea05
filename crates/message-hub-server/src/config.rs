//! The limits of requests, and the services of the configuration.

#[cfg(feature = "rustls")]
use character_credentials::ClientTls;
use character_http_kit::RequestLimit;
use character_message_hub::ServiceName;
use character_message_hub_wire as wire;
use std::{fmt, str::FromStr, time::Duration};
use url::Url;

/// The limits of requests, and the services of the configuration.
#[derive(Clone, Debug)]
pub struct HubServerConfig {
    /// Services with the addresses of their instances, which stay registered as long as the process lives.
    pub services: Vec<(ServiceName, InstanceUrl)>,
    /// The maximum number of requests that are handled at the same time: of requests to the hub, and of requests to each
    /// service, so that one that does not answer takes no place of the others. Default: 256.
    pub requests: RequestLimit,
    /// Maximum size of the body of a request to a service, in bytes. Default: 128 MiB.
    pub max_request_bytes: usize,
    /// How long a body may take to arrive, beside the time that it takes at `body_rate`. Default: 10 seconds.
    pub body_timeout: Duration,
    /// The slowest average upload that is waited for, in bytes a second. Default: 65536.
    pub body_rate: u32,
    /// How long a connection to an instance may take. Default: 1 second.
    pub connect_timeout: Duration,
    /// What is trusted of instances with `https://` addresses, and the own certificate. Default: what the system trusts, and none.
    #[cfg(feature = "rustls")]
    pub tls: Option<ClientTls>,
    /// How often each instance is asked for its health. Default: 5 seconds.
    pub probe_every: Duration,
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
        }
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
