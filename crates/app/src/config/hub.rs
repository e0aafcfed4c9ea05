//! The Message Hub: its address, its token, and how long it keeps events.

use super::{
    Variable,
    tls::{self, MESSAGE_HUB, client_tls},
    variables::{Reader, number, secret, url},
};
use character_credentials::{ClientTls, Secret};
use character_message_hub_http::HttpHubConfig;
use character_message_hub_nats::NatsBudget;
use secrecy::{ExposeSecret, SecretString};
use std::{fmt, time::Duration};
use url::Url;

pub(super) const MESSAGE_HUB_URL: Variable = Variable::optional(
    "MESSAGE_HUB_URL",
    "Message Hub that receives all events: http:// or https://, or nats:// or tls:// with several servers separated by \
     commas; unset: events stay in the log of commits",
)
.unquoted()
.off_when_empty();
pub(super) const MESSAGE_HUB_TOKEN: Variable =
    Variable::secret("MESSAGE_HUB_TOKEN", "bearer token for MESSAGE_HUB_URL; NATS needs one if its servers do");
pub(super) const ADVERTISE_URL: Variable = Variable::optional(
    "ADVERTISE_URL",
    "http:// address under which a Message Hub over HTTP reaches this service, which registers there as storage-service; unset: \
     it is not registered. NATS needs none",
)
.unquoted()
.off_when_empty();
pub(super) const MESSAGE_HUB_MAX_AGE_HOURS: Variable = Variable::new(
    "MESSAGE_HUB_MAX_AGE_HOURS",
    "hours that the Message Hub keeps events; COMMIT_LOG_RETENTION_HOURS must not be less",
    "168",
);

/// The Message Hub.
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// Its address.
    pub address: HubAddress,
    /// The token; `None`: none is sent.
    pub token: Option<Secret>,
    /// What is trusted of an address with TLS, and the own certificate; `None`: what the system trusts, and none.
    pub tls: Option<ClientTls>,
    /// How long it keeps events.
    pub max_age: Duration,
    /// What large requests and replies over NATS may have together in this process.
    pub budget: NatsBudget,
}

/// The address of a Message Hub, by adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HubAddress {
    /// The Message Hub of this project: `http://` or `https://`.
    Http(Url),
    /// NATS with JetStream: `nats://` or `tls://`, each a server of one cluster.
    Nats(Vec<Url>),
}

impl fmt::Display for HubAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => fmt::Display::fmt(url, f),
            Self::Nats(urls) => f.write_str(&urls.iter().map(Url::as_str).collect::<Vec<_>>().join(",")),
        }
    }
}

const EXPECTED: &str = "must be a URL that starts with http://, https://, nats:// or tls://";

fn address(text: &str) -> Result<HubAddress, String> {
    let urls = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let urls: Vec<Url> = urls.map(one_address).collect::<Result<_, _>>()?;
    let is_http = |url: &Url| ["http", "https"].contains(&url.scheme());
    match &urls[..] {
        [] => Err(EXPECTED.to_owned()),
        [only] if is_http(only) => Ok(HubAddress::Http(only.clone())),
        all if all.iter().any(is_http) => {
            Err("several addresses are separated by commas only when all of them start with nats:// or tls://".into())
        }
        _ => Ok(HubAddress::Nats(urls)),
    }
}

/// The reason never quotes the address, which may hold a password.
fn one_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| EXPECTED.to_owned())?;
    if !["http", "https", "nats", "tls"].contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
        return Err(EXPECTED.to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must have no user and no password; set MESSAGE_HUB_TOKEN".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have no query and no fragment".to_owned());
    }
    Ok(url)
}

pub(super) fn advertised(text: &str) -> Result<Url, String> {
    let url = url(&["http", "https"])(text)?;
    HttpHubConfig::check_base_url(&url).map_err(|error| error.to_string())?;
    Ok(url)
}

/// The value of [`MESSAGE_HUB_TOKEN`].
pub(crate) fn hub_token(text: &str) -> Result<SecretString, String> {
    let token = secret(text)?;
    if token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(token);
    }
    Err("must consist of visible ASCII characters".to_owned())
}

/// `None` when a value is wrong; `Some(None)` when no hub is configured. `retention`: how long an own log of commits is
/// kept. It must remember the ids of transactions for as long as the hub keeps events, so that an event which is delivered
/// late has no second effect.
pub(super) fn hub_config(reader: &mut Reader<'_>, retention: Option<Duration>) -> Option<Option<HubConfig>> {
    let faults = reader.faults.len();
    let address = reader.read(&MESSAGE_HUB_URL, address);
    let token = reader.read(&MESSAGE_HUB_TOKEN, hub_token);
    let has_tls = match &address {
        Some(HubAddress::Http(url)) if url.scheme() == "http" => {
            tls::Address::Without("MESSAGE_HUB_URL starts with http://")
        }
        None if !reader.is_set(&MESSAGE_HUB_URL) => tls::Address::Without("MESSAGE_HUB_URL is not set"),
        _ => tls::Address::WithTls,
    };
    let tls = client_tls(reader, &MESSAGE_HUB, has_tls);
    let hours = reader.read(&MESSAGE_HUB_MAX_AGE_HOURS, number(1, 24 * 366));
    let is_wrong = reader.faults.len() > faults;
    let has_token = reader.is_set(&MESSAGE_HUB_TOKEN);
    match &address {
        Some(HubAddress::Http(_)) if !has_token => {
            reader.faults.push("MESSAGE_HUB_TOKEN: must be set together with an http:// MESSAGE_HUB_URL".to_owned());
        }
        // Without the address the events would stay where they are, and no error would say so.
        None if has_token && !reader.is_set(&MESSAGE_HUB_URL) => {
            reader.faults.push("MESSAGE_HUB_URL: must be set together with MESSAGE_HUB_TOKEN".to_owned());
        }
        _ => {}
    }
    let max_age = Duration::from_secs(hours? * 3600);
    if address.is_some() && retention.is_some_and(|retention| retention < max_age) {
        reader.faults.push("COMMIT_LOG_RETENTION_HOURS: must not be less than MESSAGE_HUB_MAX_AGE_HOURS".to_owned());
    }
    if is_wrong {
        None
    } else {
        let (token, budget) = (token.map(Secret::new), NatsBudget::default());
        Some(address.map(|address| HubConfig { address, token, tls, max_age, budget }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_adapter() {
        let http = "http://message-hub:8200".parse().unwrap();
        assert_eq!(address("http://message-hub:8200"), Ok(HubAddress::Http(http)));
        let Ok(HubAddress::Nats(servers)) = address("nats://a:4222, tls://b:4222,") else { panic!("it is NATS") };
        assert_eq!(servers.iter().map(Url::as_str).collect::<Vec<_>>(), ["nats://a:4222", "tls://b:4222"]);
        assert_eq!(HubAddress::Nats(servers).to_string(), "nats://a:4222,tls://b:4222");
    }

    #[test]
    fn a_wrong_address_is_refused_without_quoting_it() {
        for text in [
            "",
            ",",
            "message-hub:8200",
            "ftp://hunter2",
            "http://",
            "http://user:hunter2@h",
            "nats://hunter2@h",
            "http://h?token=hunter2",
            "http://a,http://b",
            "nats://a,http://b",
        ] {
            let reason = address(text).unwrap_err();
            assert!(reason.contains("must ") || reason.contains("several"), "{text}: {reason}");
            assert!(!reason.contains("hunter2"), "{reason}");
        }
        assert!(hub_token("hunter2 \u{e9}").is_err() && hub_token("a-token").is_ok());
    }
}
