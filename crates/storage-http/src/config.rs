//! The configuration of a client of the Storage Service.

use crate::ConnectError;
#[cfg(feature = "rustls")]
use character_credentials::ClientTls;
use character_credentials::Secret;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use url::Url;

/// The address of the Storage Service, and the limits of calls to it.
#[derive(Clone, Debug)]
pub struct HttpStorageConfig {
    /// The base URL. Its path is used as a prefix.
    pub base_url: Url,
    /// The bearer token. A replaced one is sent with the next request.
    pub token: Secret,
    /// What is trusted of an `https://` address, and the own certificate. `None`: what the system trusts, and none.
    #[cfg(feature = "rustls")]
    pub tls: Option<ClientTls>,
    /// Maximum time of a whole call, including retries and pauses. 10 s.
    pub deadline: Duration,
    /// Maximum time of one attempt, from sending to the last byte of the response. 2 s.
    pub attempt_timeout: Duration,
    /// Maximum time of one attempt of a [large](crate::RequestSize::Large) request, at most
    /// [`deadline`](Self::deadline). 8 s.
    pub large_timeout: Duration,
    /// Maximum time to open a connection, including TLS. 1 s.
    pub connect_timeout: Duration,
    /// Maximum number of retries after the first attempt: 3, so at most 4 requests.
    pub retry_max: u32,
    /// The upper end of the first pause, doubled each time; each pause is drawn from zero to its upper end. 1 s.
    pub retry_base: Duration,
    /// The maximum of that upper end. 8 s.
    pub retry_cap: Duration,
    /// The longest `Retry-After` that a retry waits for; a longer one ends the call. 5 s.
    pub retry_after_cap: Duration,
    /// The size of the retry budget. 20.
    pub retry_budget: u32,
    /// The fraction of a retry that each request adds to the budget: 0.1, so a failing storage gets 1.1 times the load.
    pub retry_budget_ratio: f64,
    /// Consecutive failures at which the circuit breaker opens. 5.
    pub breaker_failures: u32,
    /// How long it stays open before the next call sends a probe, if no background probe closes it earlier. 60 s.
    pub breaker_recovery: Duration,
    /// How often the storage is probed in the background while a breaker is open, up to a fifth longer by chance. Two
    /// successes in a row close the breaker. Zero turns it off. 1 s.
    pub breaker_probe: Duration,
    /// Returns the id of the request that the current task serves, to be sent as `X-Request-Id`, so that both services log
    /// one id. Default: none is sent.
    pub request_id: Option<fn() -> Option<String>>,
    /// The name of this client in the log lines of its circuit breakers, where a process has several. Default: `requests`.
    pub client: &'static str,
    /// Maximum size of a response, in bytes. Default: [`MAX_MESSAGE`](character_domain::size::MAX_MESSAGE).
    pub max_response_bytes: usize,
}

impl HttpStorageConfig {
    /// Rejects an address that HTTP cannot use as a base: another scheme than `http` and `https`, a query, a fragment,
    /// a user or a password.
    ///
    /// # Errors
    /// [`ConnectError::Address`], with the host and what is wrong.
    pub fn check_base_url(url: &Url) -> Result<(), ConnectError> {
        let reason = if !matches!(url.scheme(), "http" | "https") {
            "must begin with http:// or https://"
        } else if !url.username().is_empty() || url.password().is_some() {
            "must have no user and no password"
        } else if url.query().is_some() {
            "must have no query"
        } else if url.fragment().is_some() {
            "must have no fragment"
        } else {
            return Ok(());
        };
        Err(ConnectError::Address { host: url.host_str().map(str::to_owned), reason })
    }

    /// Refuses settings with which no call could succeed: a limit of time, size or number of zero, and a budget that is no
    /// number or negative.
    ///
    /// # Errors
    /// [`ConnectError::Setting`].
    pub fn check_settings(&self) -> Result<(), ConnectError> {
        let times = [
            ("deadline", self.deadline),
            ("attempt_timeout", self.attempt_timeout),
            ("large_timeout", self.large_timeout),
            ("connect_timeout", self.connect_timeout),
            ("breaker_recovery", self.breaker_recovery),
        ];
        let zero = times.into_iter().find(|(_, time)| time.is_zero()).map(|(setting, _)| setting);
        let zero = zero.or((self.breaker_failures == 0).then_some("breaker_failures"));
        let zero = zero.or((self.max_response_bytes == 0).then_some("max_response_bytes"));
        if let Some(setting) = zero {
            return Err(ConnectError::Setting { setting, reason: "must be more than zero" });
        }
        if !self.retry_budget_ratio.is_finite() || self.retry_budget_ratio < 0.0 {
            let reason = "must be a number of at least zero";
            return Err(ConnectError::Setting { setting: "retry_budget_ratio", reason });
        }
        Ok(())
    }

    /// Rejects a token that a header cannot carry.
    ///
    /// # Errors
    /// [`ConnectError::Token`].
    pub fn check_token(token: &SecretString) -> Result<(), ConnectError> {
        let token = token.expose_secret();
        let usable = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if usable { Ok(()) } else { Err(ConnectError::Token) }
    }

    /// With the defaults that each field names.
    #[must_use]
    pub fn new(base_url: Url, token: Secret) -> Self {
        Self {
            base_url,
            token,
            #[cfg(feature = "rustls")]
            tls: None,
            deadline: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(2),
            large_timeout: Duration::from_secs(8),
            connect_timeout: Duration::from_secs(1),
            retry_max: 3,
            retry_base: Duration::from_secs(1),
            retry_cap: Duration::from_secs(8),
            retry_after_cap: Duration::from_secs(5),
            retry_budget: 20,
            retry_budget_ratio: 0.1,
            breaker_failures: 5,
            breaker_recovery: Duration::from_secs(60),
            breaker_probe: Duration::from_secs(1),
            request_id: None,
            client: "requests",
            max_response_bytes: character_domain::size::MAX_MESSAGE,
        }
    }
}
