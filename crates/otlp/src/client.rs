//! The way to the collector.

use crate::{OtlpHeaders, protobuf::Message};
use character_credentials::ClientTls;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;
use url::Url;

/// Where the collector is, and who sends.
#[derive(Clone, Debug)]
pub struct OtlpConfig {
    /// The base address, `http://` or `https://`; `/v1/traces` and `/v1/metrics` are added.
    pub endpoint: Url,
    /// Headers of each request, such as credentials.
    pub headers: OtlpHeaders,
    /// Maximum time of one request, at least 1 ms. 10 s.
    pub timeout: Duration,
    /// The attributes of the sender besides `service.name`.
    pub attributes: Vec<(String, String)>,
    /// The name of the service, which is not empty.
    pub service: String,
    /// What is trusted of an `https://` endpoint, and the own certificate. `None`: what the system trusts, and none.
    pub tls: Option<ClientTls>,
}

impl OtlpConfig {
    /// With the defaults that each field names, and no headers.
    #[must_use]
    pub fn new(endpoint: Url, service: impl Into<String>) -> Self {
        let timeout = Duration::from_secs(10);
        Self {
            endpoint,
            headers: OtlpHeaders::default(),
            timeout,
            attributes: Vec::new(),
            service: service.into(),
            tls: None,
        }
    }
}

impl OtlpConfig {
    /// Refuses settings with which nothing could be sent. [`OtlpClient::new`] does it first.
    ///
    /// # Errors
    /// [`OtlpError::Setting`]: the first such setting, with its value.
    pub fn check(&self) -> Result<(), OtlpError> {
        if !matches!(self.endpoint.scheme(), "http" | "https") {
            let (found, range) = (self.endpoint.scheme().to_owned(), "http or https");
            return Err(OtlpError::Setting { setting: "endpoint", found, range });
        }
        if self.timeout < Duration::from_millis(1) {
            let (found, range) = (format!("{:?}", self.timeout), "at least 1 ms");
            return Err(OtlpError::Setting { setting: "timeout", found, range });
        }
        if self.service.is_empty() {
            return Err(OtlpError::Setting { setting: "service", found: "empty".into(), range: "a name" });
        }
        Ok(())
    }
}

/// Why something was not sent. No text holds a header or the query of an address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// A setting with which nothing could be sent.
    #[error("the setting {setting} of the collector is {found}: it must be {range}")]
    Setting {
        /// The field of [`OtlpConfig`].
        setting: &'static str,
        /// Its value; of an address, its scheme.
        found: String,
        /// The values that it may have.
        range: &'static str,
    },
    /// The header with this number, from 1, cannot be sent.
    #[error("header {0} for the collector has a name or a value that HTTP does not permit")]
    Header(usize),
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The collector did not answer.
    #[error("the collector cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The collector refused the data.
    #[error("the collector answered {0}")]
    Refused(u16),
    /// The collector at an address with `http://` answered 400, as ports with TLS do.
    #[error("the collector answered 400; many ports with TLS do so: the address probably needs https://")]
    RefusedPlain,
    /// The runtime of the client has ended.
    #[error("the runtime of the client has ended")]
    Ended,
}

/// Sends messages to the collector. Clones share the connections.
#[derive(Clone, Debug)]
pub struct OtlpClient {
    client: reqwest::Client,
    base: String,
    runtime: Handle,
    config: OtlpConfig,
}

impl OtlpClient {
    /// A client whose connections are driven by `runtime`. Does not connect yet.
    ///
    /// # Errors
    /// [`OtlpError::Setting`], [`OtlpError::Client`].
    pub fn new(config: OtlpConfig, runtime: Handle) -> Result<Self, OtlpError> {
        config.check()?;
        let builder = match &config.tls {
            Some(tls) => reqwest::Client::builder().tls_backend_preconfigured(tls.config()),
            None => reqwest::Client::builder(),
        };
        let client = builder
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(config.timeout)
            .build()
            .map_err(|error| OtlpError::Client(Box::new(error)))?;
        let base = config.endpoint.as_str().trim_end_matches('/').to_owned();
        Ok(Self { client, base, runtime, config })
    }

    /// Sends a message to this path. May be awaited on any thread, also without a runtime.
    ///
    /// # Errors
    /// [`OtlpError`].
    pub(crate) async fn send(&self, path: &'static str, message: Message) -> Result<(), OtlpError> {
        let mut headers = self.config.headers.of_request();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let request = self.client.post(format!("{}{path}", self.base)).headers(headers).body(message.into_bytes());
        // The request sets a timer when it is begun, which it can do within the runtime alone.
        let answer = self.runtime.spawn(async move { request.send().await }).await.map_err(|_| OtlpError::Ended)?;
        let status = answer.map_err(|error| OtlpError::Unreachable(Box::new(error.without_url())))?.status();
        match status.as_u16() {
            _ if status.is_success() => Ok(()),
            400 if self.config.endpoint.scheme() == "http" => Err(OtlpError::RefusedPlain),
            status => Err(OtlpError::Refused(status)),
        }
    }

    /// The `Resource`.
    pub(crate) fn resource(&self) -> Message {
        let mut resource = Message::default();
        resource.attribute(1, "service.name", &self.config.service);
        for (name, value) in &self.config.attributes {
            resource.attribute(1, name, value);
        }
        resource
    }
}

/// Nanoseconds since 1970; 0 before.
pub(crate) fn nanoseconds(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_with_which_nothing_could_be_sent_is_refused_with_its_value() {
        let config = || OtlpConfig::new(Url::parse("http://collector:4318").unwrap(), "service");
        assert!(config().check().is_ok());
        let endpoint = Url::parse("grpc://collector:4317").unwrap();
        for (wrong, expected) in [
            (OtlpConfig { endpoint, ..config() }, "endpoint of the collector is grpc"),
            (OtlpConfig { timeout: Duration::ZERO, ..config() }, "timeout of the collector is 0ns"),
            (OtlpConfig { service: String::new(), ..config() }, "service of the collector is empty"),
        ] {
            let refused = wrong.check().unwrap_err().to_string();
            assert!(refused.starts_with(&format!("the setting {expected}: ")), "{refused}");
        }
    }
}
