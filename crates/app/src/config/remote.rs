//! The central Storage Service: its address, its token and the limits of calls to it.

use super::{
    Variable,
    tls::{Address, STORAGE, client_tls},
    variables::{Reader, number, secret, url},
};
use character_credentials::{ClientTls, Secret};
use character_message_hub::ServiceName;
use character_storage_http::HttpStorageConfig;
use secrecy::SecretString;
use std::{fmt, time::Duration};

/// The name under which the Storage Service answers at a Message Hub.
pub(crate) const STORAGE_AT_HUB: &str = "storage-service";

pub(super) const STORAGE_SERVICE_URL: Variable = Variable::optional(
    "STORAGE_SERVICE_URL",
    "central Storage Service, http:// or https://; hub:storage sends every call through MESSAGE_HUB_URL; unset: embedded \
     SQLite under DATA_DIR",
)
.unquoted();
pub(super) const STORAGE_SERVICE_TOKEN: Variable =
    Variable::secret("STORAGE_SERVICE_TOKEN", "bearer token for STORAGE_SERVICE_URL");
pub(super) const STORAGE_DEADLINE_MS: Variable =
    Variable::new("STORAGE_DEADLINE_MS", "milliseconds for a whole storage call, including retries", "10000");
pub(super) const STORAGE_TIMEOUT_MS: Variable =
    Variable::new("STORAGE_TIMEOUT_MS", "milliseconds for one attempt of a storage call", "2000");
pub(super) const STORAGE_LARGE_TIMEOUT_MS: Variable = Variable::new(
    "STORAGE_LARGE_TIMEOUT_MS",
    "milliseconds for one attempt of a large storage call: a body over 256 KiB, or a page of more than 20 rows",
    "8000",
);
pub(super) const STORAGE_RETRY_MAX: Variable =
    Variable::new("STORAGE_RETRY_MAX", "maximum number of retries after the first attempt", "3");
pub(super) const STORAGE_RETRY_BASE_MS: Variable = Variable::new(
    "STORAGE_RETRY_BASE_MS",
    "milliseconds of the first back-off, doubled for each further one, with full jitter",
    "1000",
);
pub(super) const STORAGE_BREAKER_FAILURES: Variable =
    Variable::new("STORAGE_BREAKER_FAILURES", "consecutive failures that open the circuit breaker", "5");
pub(super) const STORAGE_BREAKER_RECOVERY_SECS: Variable =
    Variable::new("STORAGE_BREAKER_RECOVERY_SECS", "seconds before a call to an open breaker probes the storage", "60");
pub(super) const STORAGE_BREAKER_PROBE_MS: Variable = Variable::new(
    "STORAGE_BREAKER_PROBE_MS",
    "milliseconds between background probes while a breaker is open; two successes close it; 0: no probes",
    "1000",
);

/// The central Storage Service, and the limits of calls to it.
#[derive(Debug, Clone)]
pub struct RemoteStorage {
    /// Its address.
    pub address: StorageAddress,
    /// The bearer token.
    pub token: Secret,
    /// What is trusted of an `https://` address, and the own certificate; `None`: what the system trusts, and none.
    pub tls: Option<ClientTls>,
    /// Maximum time of a whole call, including retries.
    pub deadline: Duration,
    /// Maximum time of one attempt.
    pub attempt_timeout: Duration,
    /// Maximum time of one attempt of a large request.
    pub large_timeout: Duration,
    /// Maximum number of retries after the first attempt.
    pub retry_max: u32,
    /// The first back-off; each further one is doubled.
    pub retry_base: Duration,
    /// The number of consecutive failures that open the breaker.
    pub breaker_failures: u32,
    /// How long the breaker stays open before it admits a probe.
    pub breaker_recovery: Duration,
    /// The time between background probes while a breaker is open; zero: none.
    pub breaker_probe: Duration,
}

/// The address of a central Storage Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageAddress {
    /// It is called itself.
    Http(url::Url),
    /// It is called through the Message Hub, under this name.
    Hub(ServiceName),
}

impl fmt::Display for StorageAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => fmt::Display::fmt(url, f),
            Self::Hub(name) => write!(f, "{name} through the Message Hub"),
        }
    }
}

fn storage_address(text: &str) -> Result<StorageAddress, String> {
    if let Some(name) = text.strip_prefix("hub:") {
        let name = if name == "storage" { STORAGE_AT_HUB } else { name };
        let named: Result<ServiceName, _> = name.parse();
        return named.map(StorageAddress::Hub).map_err(|error| format!("the name after hub: {error}"));
    }
    let url = url(&["http", "https"])(text)?;
    HttpStorageConfig::check_base_url(&url).map_err(|error| error.to_string())?;
    Ok(StorageAddress::Http(url))
}

/// The value of [`STORAGE_SERVICE_TOKEN`].
pub(crate) fn storage_token(text: &str) -> Result<SecretString, String> {
    let token = secret(text)?;
    HttpStorageConfig::check_token(&token).map_err(|error| error.to_string())?;
    Ok(token)
}

/// `None` when a value is wrong; `Some(None)` when no remote storage is configured.
pub(super) fn remote_storage(reader: &mut Reader<'_>) -> Option<Option<RemoteStorage>> {
    let address = reader.read(&STORAGE_SERVICE_URL, storage_address);
    let token = reader.read(&STORAGE_SERVICE_TOKEN, storage_token);
    match (reader.is_set(&STORAGE_SERVICE_URL), reader.is_set(&STORAGE_SERVICE_TOKEN)) {
        (true, false) => {
            reader.faults.push("STORAGE_SERVICE_TOKEN: must be set together with STORAGE_SERVICE_URL".to_owned());
        }
        // Without the address the data would go into a database of its own, beside the one that the token is for.
        (false, true) => {
            reader.faults.push("STORAGE_SERVICE_URL: must be set together with STORAGE_SERVICE_TOKEN".to_owned());
        }
        _ => {}
    }
    let has_tls = match &address {
        Some(StorageAddress::Http(url)) if url.scheme() == "https" => Address::WithTls,
        // Reported already.
        None if reader.is_set(&STORAGE_SERVICE_URL) => Address::WithTls,
        _ => Address::Without("STORAGE_SERVICE_URL does not start with https://"),
    };
    let tls = client_tls(reader, &STORAGE, has_tls);
    let deadline = reader.read(&STORAGE_DEADLINE_MS, number(1, 600_000));
    let attempt_timeout = reader.read(&STORAGE_TIMEOUT_MS, number(1, 600_000));
    let large_timeout = reader.read(&STORAGE_LARGE_TIMEOUT_MS, number(1, 600_000));
    let retry_max = reader.read(&STORAGE_RETRY_MAX, number(0, 100));
    let retry_base = reader.read(&STORAGE_RETRY_BASE_MS, number(0, 600_000));
    let breaker_failures = reader.read(&STORAGE_BREAKER_FAILURES, number(1, 1_000_000));
    let breaker_recovery = reader.read(&STORAGE_BREAKER_RECOVERY_SECS, number(1, 86_400));
    let breaker_probe = reader.read(&STORAGE_BREAKER_PROBE_MS, number(0, 600_000));
    if !reader.is_set(&STORAGE_SERVICE_URL) {
        return Some(None);
    }
    Some(Some(RemoteStorage {
        address: address?,
        token: token?.into(),
        tls,
        deadline: Duration::from_millis(deadline?),
        attempt_timeout: Duration::from_millis(attempt_timeout?),
        large_timeout: Duration::from_millis(large_timeout?),
        retry_max: u32::try_from(retry_max?).ok()?,
        retry_base: Duration::from_millis(retry_base?),
        breaker_failures: u32::try_from(breaker_failures?).ok()?,
        breaker_recovery: Duration::from_secs(breaker_recovery?),
        breaker_probe: Duration::from_millis(breaker_probe?),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storage_is_called_itself_or_through_the_hub_by_its_name() {
        let hub = |name: &str| name.parse().map(StorageAddress::Hub).map_err(|_| String::new());
        assert_eq!(storage_address("hub:storage"), hub(STORAGE_AT_HUB));
        assert_eq!(storage_address("hub:archive"), hub("archive"));
        assert!(matches!(storage_address("http://storage:8100"), Ok(StorageAddress::Http(_))));
        for wrong in ["hub:", "hub:a b", "hub:Storage", "hub//storage", "nats://storage"] {
            assert!(storage_address(wrong).is_err(), "{wrong}");
        }
    }
}
