//! The configuration of `storage-service`.

use super::{
    AdminConfig, ConfigError, Environment, LogConfig, ReportConfig, SHUTDOWN_SECS, Variable,
    admin::{admin_config, tokens},
    commit_log::{
        COMMIT_LOG_BOUND_HOURS, COMMIT_LOG_POLL_MS, COMMIT_LOG_RETENTION_HOURS, CommitLogConfig, VERSIONS_KEEP,
        commit_log_config, versions_keep,
    },
    groups,
    hub::{
        ADVERTISE_URL, HubConfig, MESSAGE_HUB_MAX_AGE_HOURS, MESSAGE_HUB_TOKEN, MESSAGE_HUB_URL, advertised, hub_config,
    },
    listener::{ALLOWED_HOSTS, allowed_hosts, health_paths},
    log_config, max_in_flight_bytes, max_requests_in_flight, read,
    reports::report_config,
    sockets::{SocketConfig, socket_config},
    tls::{MESSAGE_HUB_CA_FILE, MESSAGE_HUB_CERT_FILE, MESSAGE_HUB_KEY_FILE, server_tls},
    variables::{Reader, SettingFile, folder, number, secret, socket},
    with_passwords,
};
use character_credentials::ServerTls;
use character_domain::size::MAX_BULK;
use character_http_kit::{HealthPaths, HostNames};
use character_storage_port::{ErrorKind, StorageError};
use character_storage_sql::DatabaseLocation;
use secrecy::SecretString;
use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

/// The configuration of `storage-service`.
#[derive(Debug, Clone)]
pub struct StorageServiceConfig {
    /// Its address.
    pub listen: SocketAddr,
    /// The folder of the embedded database.
    pub data_dir: PathBuf,
    /// The database; `None`: an SQLite file under `data_dir`.
    pub database_url: Option<DatabaseUrl>,
    /// Maximum number of connections to PostgreSQL.
    pub pool_size: usize,
    /// Maximum time of one database operation.
    pub database_timeout: Duration,
    /// How long a database operation may take before it is counted and logged as slow.
    pub database_slow: Duration,
    /// The log of commits.
    pub commit_log: CommitLogConfig,
    /// Number of the newest versions of each character that are kept in any case; `None`: all versions are kept.
    pub versions_keep: Option<NonZeroU32>,
    /// The Message Hub that receives all events; `None`: they stay in the log of commits.
    pub hub: Option<HubConfig>,
    /// Where a Message Hub over HTTP reaches this service; `None`: it is not registered there.
    pub advertised: Option<url::Url>,
    /// The accepted bearer tokens.
    pub tokens: Vec<SecretString>,
    /// Maximum size of a request body, in bytes.
    pub max_request_bytes: usize,
    /// The host names under which the listeners answer, besides those that are always permitted.
    pub hosts: HostNames,
    /// The health paths that the listener of the contract serves.
    pub health_paths: HealthPaths,
    /// TLS of all listeners; `None`: none.
    pub tls: Option<ServerTls>,
    /// The admin listener; `None`: off.
    pub admin: Option<AdminConfig>,
    /// The limits of its client connections.
    pub sockets: SocketConfig,
    /// Where failed operations are reported.
    pub reports: ReportConfig,
    /// Maximum size of all large requests and responses in flight, in bytes.
    pub max_in_flight_bytes: u64,
    /// Maximum number of requests that are handled at the same time.
    pub max_requests_in_flight: usize,
    /// How long active requests may take to finish at a shutdown.
    pub shutdown: Duration,
    /// The logging.
    pub log: LogConfig,
    /// Name and value of every variable, secrets masked.
    pub effective: Vec<(&'static str, String)>,
    /// The variables whose values came from files.
    pub(crate) files: Vec<SettingFile>,
}

const LISTEN_ADDR: Variable = Variable::new("LISTEN_ADDR", "address and port of the service", "127.0.0.1:8100");
const DATA_DIR: Variable = Variable::new("DATA_DIR", "folder of the embedded database", "./data");
const DATABASE_URL: Variable = Variable::secret(
    "DATABASE_URL",
    "postgres://… (behind a pooler in transaction mode with ?pool_mode=transaction) or sqlite://…; unset: an SQLite file \
     under DATA_DIR",
);
const DATABASE_POOL_SIZE: Variable =
    Variable::new("DATABASE_POOL_SIZE", "maximum number of connections to PostgreSQL", "8").changing();
const DATABASE_TIMEOUT_MS: Variable =
    Variable::new("DATABASE_TIMEOUT_MS", "milliseconds for one database operation", "5000");
const DATABASE_SLOW_MS: Variable = Variable::new(
    "DATABASE_SLOW_MS",
    "milliseconds from which a database operation is counted and logged as slow",
    "500",
);
const STORAGE_SERVICE_TOKEN: Variable = Variable::secret(
    "STORAGE_SERVICE_TOKEN",
    "accepted bearer tokens, separated by commas or line breaks to allow rotation; required",
);
const MAX_REQUEST_BYTES: Variable =
    Variable::new("MAX_REQUEST_BYTES", "maximum size of a request, in bytes", "134217728");

impl StorageServiceConfig {
    /// Every variable that `storage-service` reads.
    pub const VARIABLES: &'static [&'static [Variable]] = &[
        &[
            LISTEN_ADDR,
            DATA_DIR,
            DATABASE_URL,
            DATABASE_POOL_SIZE,
            DATABASE_TIMEOUT_MS,
            DATABASE_SLOW_MS,
            COMMIT_LOG_RETENTION_HOURS,
            COMMIT_LOG_BOUND_HOURS,
            COMMIT_LOG_POLL_MS,
            VERSIONS_KEEP,
            STORAGE_SERVICE_TOKEN,
            MESSAGE_HUB_URL,
            MESSAGE_HUB_TOKEN,
            MESSAGE_HUB_CA_FILE,
            MESSAGE_HUB_CERT_FILE,
            MESSAGE_HUB_KEY_FILE,
            ADVERTISE_URL,
            MESSAGE_HUB_MAX_AGE_HOURS,
            MAX_REQUEST_BYTES,
        ],
        groups::CONNECTIONS,
        &[ALLOWED_HOSTS],
        groups::OPERATION,
        groups::TELEMETRY,
    ];

    /// Reads and checks every variable.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub fn read(environment: &dyn Environment) -> Result<Self, ConfigError> {
        let (mut config, (effective, files)) = read(environment, Self::parse)?;
        (config.effective, config.files) = (effective, files);
        Ok(config)
    }

    fn parse(reader: &mut Reader<'_>) -> Option<Self> {
        let listen = reader.read(&LISTEN_ADDR, socket);
        let data_dir = reader.read(&DATA_DIR, folder);
        let database_url = reader.read(&DATABASE_URL, database);
        let pool_size = reader.read(&DATABASE_POOL_SIZE, pool_size);
        let database_timeout = reader.read(&DATABASE_TIMEOUT_MS, number(1, 600_000));
        let database_slow = reader.read(&DATABASE_SLOW_MS, number(1, 600_000));
        let commit_log = commit_log_config(reader);
        let versions_keep = reader.read(&VERSIONS_KEEP, versions_keep);
        let tokens = reader.read(&STORAGE_SERVICE_TOKEN, tokens);
        if !reader.is_set(&STORAGE_SERVICE_TOKEN) {
            reader.faults.push(
                "STORAGE_SERVICE_TOKEN: must be set; the service does not start without access control".to_owned(),
            );
        }
        let hub = hub_config(reader, commit_log.map(|log| log.retention));
        let advertised = reader.read(&ADVERTISE_URL, advertised);
        let max_request_bytes = reader.read(&MAX_REQUEST_BYTES, number(MAX_BULK as u64, 1 << 30));
        let sockets = socket_config(reader, listen);
        let tls = server_tls(reader);
        if tls.is_some() && advertised.as_ref().is_some_and(|url| url.scheme() == "http") {
            reader.faults.push("ADVERTISE_URL: must start with https://, because TLS_CERT_FILE is set".to_owned());
        }
        let hosts = allowed_hosts(reader);
        let admin = admin_config(reader, listen);
        let health_paths = health_paths(reader);
        let reports = report_config(reader);
        let max_in_flight_bytes = max_in_flight_bytes(reader);
        let max_requests_in_flight = max_requests_in_flight(reader);
        let shutdown = reader.read(&SHUTDOWN_SECS, number(0, 3600));
        let log = log_config(reader, "storage-service");
        Some(Self {
            listen: listen?,
            data_dir: data_dir?,
            database_url,
            pool_size: pool_size?,
            database_timeout: Duration::from_millis(database_timeout?),
            database_slow: Duration::from_millis(database_slow?),
            commit_log: commit_log?,
            versions_keep: versions_keep?,
            hub: hub?,
            advertised,
            tokens: tokens?,
            max_request_bytes: usize::try_from(max_request_bytes?).ok()?,
            sockets: sockets?,
            hosts: hosts.unwrap_or_default(),
            health_paths: health_paths?,
            tls,
            admin,
            reports: reports?,
            max_in_flight_bytes: max_in_flight_bytes?,
            max_requests_in_flight: max_requests_in_flight?,
            shutdown: Duration::from_secs(shutdown?),
            log: log?,
            effective: Vec::new(),
            files: Vec::new(),
        })
    }

    /// Every secret, to be removed from logs and reports.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        let database = self.database_url.as_ref().map(|url| &url.text);
        let urls = [database, self.reports.sentry_dsn.as_ref()].into_iter().flatten().flat_map(with_passwords);
        let operators = self.admin.iter().flat_map(|admin| &admin.tokens);
        let hub = self.hub.iter().filter_map(|hub| hub.token.as_ref()).map(|token| SecretString::clone(&token.get()));
        let tokens = self.tokens.iter().chain(operators).cloned();
        urls.chain(tokens).chain(hub).chain(self.log.secrets()).collect()
    }

    /// The location of the database. Default: the embedded one.
    #[must_use]
    pub fn database(&self) -> DatabaseLocation {
        let embedded = || DatabaseLocation::file(self.data_dir.join("storage.sqlite"));
        self.database_url.as_ref().map_or_else(embedded, |url| url.location.clone())
    }
}

/// The value of [`DATABASE_POOL_SIZE`].
pub(crate) fn pool_size(text: &str) -> Result<usize, String> {
    let size = number(1, 1000)(text)?;
    usize::try_from(size).map_err(|error| error.to_string())
}

/// The address of a database, as text and parsed.
#[derive(Debug, Clone)]
pub struct DatabaseUrl {
    text: SecretString,
    location: DatabaseLocation,
}

fn database(text: &str) -> Result<DatabaseUrl, String> {
    let reason = |error: StorageError| match error.kind() {
        ErrorKind::Invalid(violations) => {
            violations.iter().map(|violation| violation.reason.clone()).collect::<Vec<_>>().join(", ")
        }
        _ => error.to_string(),
    };
    Ok(DatabaseUrl { text: secret(text)?, location: DatabaseLocation::parse(text).map_err(reason)? })
}
