//! The configuration of the services, from the environment.

mod admin;
mod character_service;
mod commit_log;
mod cors;
mod groups;
mod hub;
mod limits;
mod listener;
mod log;
mod log_filter;
#[cfg(feature = "message-hub")]
mod message_hub_service;
mod otlp;
mod remote;
mod reports;
mod secrets;
mod sockets;
#[cfg(feature = "storage-service")]
mod storage_service;
pub(crate) mod tls;
mod variables;

pub use admin::AdminConfig;
pub(crate) use admin::tokens;
pub use character_service::CharacterServiceConfig;
pub(crate) use character_service::redis_url;
pub use commit_log::CommitLogConfig;
pub(crate) use hub::hub_token;
pub use hub::{HubAddress, HubConfig};
#[cfg(feature = "message-hub")]
pub use message_hub_service::MessageHubServiceConfig;
#[cfg(feature = "message-hub")]
pub(crate) use message_hub_service::nats_url;
pub use otlp::OtlpSettings;
pub(crate) use otlp::{otlp_headers, unread as unread_of_open_telemetry};
#[cfg(feature = "storage-service")]
pub(crate) use remote::STORAGE_AT_HUB;
pub(crate) use remote::storage_token;
pub use remote::{RemoteStorage, StorageAddress};
pub use reports::ReportConfig;
pub(crate) use reports::{reports_per_minute, sentry_dsn};
pub use sockets::SocketConfig;
#[cfg(feature = "storage-service")]
pub(crate) use storage_service::pool_size;
#[cfg(feature = "storage-service")]
pub use storage_service::{DatabaseUrl, StorageServiceConfig};
pub(crate) use variables::SettingFile;
pub use variables::{ConfigError, Environment, ProcessEnvironment, Variable, help};

pub(crate) use limits::{
    MAX_IN_FLIGHT_BYTES, MAX_REQUESTS_IN_FLIGHT, in_flight_bytes, max_in_flight_bytes, max_requests_in_flight,
    requests_in_flight,
};
use log::log_config;
pub(crate) use log::{LOG_FORMAT, LOG_LEVEL, LOG_REPEATS_PER_MINUTE};
pub use log::{LogConfig, LogFormat};
pub(crate) use log_filter::log_filter;
pub(crate) use secrets::with_passwords;
use variables::Reader;

pub(crate) const SHUTDOWN_SECS: Variable =
    Variable::new("SHUTDOWN_SECS", "seconds that active requests may take to finish at a shutdown", "20");

/// Name and value of every variable, secrets masked; and the variables whose values came from files.
type Effective = (Vec<(&'static str, String)>, Vec<SettingFile>);

/// The configuration that `parse` reads from the environment, with the value of every variable; or every mistake.
fn read<C>(
    environment: &dyn Environment,
    parse: impl FnOnce(&mut Reader<'_>) -> Option<C>,
) -> Result<(C, Effective), ConfigError> {
    let mut reader = Reader::new(environment);
    match parse(&mut reader) {
        Some(config) if reader.faults.is_empty() => Ok((config, (reader.effective, reader.files))),
        _ => Err(ConfigError(reader.faults)),
    }
}

#[cfg(test)]
mod tests;
