//! Where the hub is, and the limits of calls.

#[cfg(feature = "rustls")]
use character_credentials::ClientTls;
use character_credentials::Secret;
use character_message_hub_wire as wire;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use url::Url;

/// Where the hub is, and the limits of calls.
#[derive(Clone, Debug)]
pub struct HttpHubConfig {
    /// The address of the hub, such as `http://message-hub:8200`: without credentials and query.
    pub base_url: Url,
    /// The bearer token. A replaced one is sent with the next request.
    pub token: Secret,
    /// What is trusted of an `https://` address, and the own certificate. `None`: what the system trusts, and none.
    #[cfg(feature = "rustls")]
    pub tls: Option<ClientTls>,
    /// How long a connection may take, at least 1 ms. Default: 1 second.
    pub connect_timeout: Duration,
    /// Maximum size of a request to a service, in bytes. At least 1. Larger ones are refused before anything is
    /// sent. Default: 128 MiB.
    pub max_request_bytes: usize,
    /// Maximum size of the reply of a service, in bytes. At least 1. Default: 128 MiB.
    pub max_reply_bytes: usize,
}

/// A hub that cannot be connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is not one that HTTP can use.
    #[error("the address of the Message Hub {reason}; an address is like http://message-hub:8200")]
    Address {
        /// What is wrong with it, as the end of a sentence.
        reason: &'static str,
    },
    /// The token cannot stand in a header.
    #[error("the token of the Message Hub must be visible ASCII, without line breaks")]
    Token,
    /// A limit with which no call could succeed.
    #[error("the setting {setting} of the Message Hub is {found}: it must be {range}")]
    Setting {
        /// The field of [`HttpHubConfig`].
        setting: &'static str,
        /// Its value.
        found: String,
        /// The values that it may have.
        range: &'static str,
    },
    /// TLS could not be set up.
    #[error("the HTTP client cannot be built")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl HttpHubConfig {
    /// The hub at this address, with the defaults that each field names.
    #[must_use]
    pub fn new(base_url: Url, token: Secret) -> Self {
        const MOST: usize = 128 * 1024 * 1024;
        let connect_timeout = Duration::from_secs(1);
        Self {
            base_url,
            token,
            #[cfg(feature = "rustls")]
            tls: None,
            connect_timeout,
            max_request_bytes: MOST,
            max_reply_bytes: MOST,
        }
    }

    /// Refuses an address that HTTP cannot use.
    ///
    /// # Errors
    /// [`ConnectError::Address`].
    pub fn check_base_url(url: &Url) -> Result<(), ConnectError> {
        wire::check_address(url).map_err(|reason| ConnectError::Address { reason })
    }

    /// Refuses limits with which no call could succeed. [`HttpHub::connect`](crate::HttpHub::connect) does it first.
    ///
    /// # Errors
    /// [`ConnectError::Setting`]: the first such limit, with its value.
    pub fn check_settings(&self) -> Result<(), ConnectError> {
        if self.connect_timeout < Duration::from_millis(1) {
            let found = format!("{:?}", self.connect_timeout);
            return Err(ConnectError::Setting { setting: "connect_timeout", found, range: "at least 1 ms" });
        }
        for (setting, bytes) in
            [("max_request_bytes", self.max_request_bytes), ("max_reply_bytes", self.max_reply_bytes)]
        {
            if bytes == 0 {
                return Err(ConnectError::Setting { setting, found: bytes.to_string(), range: "at least 1" });
            }
        }
        Ok(())
    }

    /// Refuses a token that cannot stand in a header.
    ///
    /// # Errors
    /// [`ConnectError::Token`].
    pub fn check_token(token: &SecretString) -> Result<(), ConnectError> {
        let text = token.expose_secret();
        let fits = !text.trim().is_empty() && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if fits { Ok(()) } else { Err(ConnectError::Token) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_with_which_no_call_could_succeed_is_refused_with_its_value() {
        let config = || HttpHubConfig::new(Url::parse("http://hub:8200").unwrap(), Secret::from("token"));
        assert!(config().check_settings().is_ok());
        for (wrong, expected) in [
            (
                HttpHubConfig { connect_timeout: Duration::ZERO, ..config() },
                "connect_timeout of the Message Hub is 0ns",
            ),
            (HttpHubConfig { max_request_bytes: 0, ..config() }, "max_request_bytes of the Message Hub is 0"),
            (HttpHubConfig { max_reply_bytes: 0, ..config() }, "max_reply_bytes of the Message Hub is 0"),
        ] {
            let refused = crate::HttpHub::connect(wrong).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("the setting {expected}: ")), "{refused}");
        }
    }
}
