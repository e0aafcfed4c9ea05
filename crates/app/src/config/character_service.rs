//! The configuration of `character-service`.

use super::{
    AdminConfig, ConfigError, Environment, LogConfig, ReportConfig, SHUTDOWN_SECS, Variable,
    admin::admin_config,
    commit_log::{
        COMMIT_LOG_BOUND_HOURS, COMMIT_LOG_POLL_MS, COMMIT_LOG_RETENTION_HOURS, CommitLogConfig, VERSIONS_KEEP,
        commit_log_config, versions_keep,
    },
    cors::{CORS_ALLOWED_ORIGINS, allowed_origins},
    groups,
    hub::{HubConfig, MESSAGE_HUB_MAX_AGE_HOURS, MESSAGE_HUB_TOKEN, MESSAGE_HUB_URL, hub_config},
    listener::{ALLOWED_HOSTS, REPOSITORY_URL, allowed_hosts, health_paths, repository},
    log_config, max_in_flight_bytes, max_requests_in_flight, read,
    remote::{
        RemoteStorage, STORAGE_BREAKER_FAILURES, STORAGE_BREAKER_PROBE_MS, STORAGE_BREAKER_RECOVERY_SECS,
        STORAGE_DEADLINE_MS, STORAGE_LARGE_TIMEOUT_MS, STORAGE_RETRY_BASE_MS, STORAGE_RETRY_MAX, STORAGE_SERVICE_TOKEN,
        STORAGE_SERVICE_URL, STORAGE_TIMEOUT_MS, StorageAddress, remote_storage,
    },
    reports::report_config,
    sockets::{SocketConfig, socket_config},
    tls::{
        self, MESSAGE_HUB_CA_FILE, MESSAGE_HUB_CERT_FILE, MESSAGE_HUB_KEY_FILE, REDIS_CA_FILE, REDIS_CERT_FILE,
        REDIS_KEY_FILE, STORAGE_CA_FILE, STORAGE_CERT_FILE, STORAGE_KEY_FILE, client_tls, server_tls,
    },
    variables::{Reader, SettingFile, boolean, folder, number, secret, socket},
    with_passwords,
};
use character_cache_redis::RedisTierOptions;
use character_credentials::{ClientTls, Secret, ServerTls};
use character_domain::size::MAX_BULK;
use character_http_kit::{AllowedOrigins, HealthPaths, HostNames};
use secrecy::{ExposeSecret as _, SecretString};
use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

/// The configuration of `character-service`.
#[derive(Debug, Clone)]
pub struct CharacterServiceConfig {
    /// The address of the API.
    pub listen: SocketAddr,
    /// The folder of the embedded database.
    pub data_dir: PathBuf,
    /// The central Storage Service; `None`: embedded SQLite under `data_dir`.
    pub remote: Option<RemoteStorage>,
    /// The shared cache tier; `None`: the in-process tier alone.
    pub redis_url: Option<Secret>,
    /// What is trusted of a Redis with TLS, and the own certificate; `None`: what the system trusts, and none.
    pub redis_tls: Option<ClientTls>,
    /// Maximum time of one operation of Redis.
    pub redis_timeout: Duration,
    /// Maximum time to open a connection to Redis.
    pub redis_connect_timeout: Duration,
    /// How long a cached value is fresh.
    pub cache_ttl: Duration,
    /// How long a cached value is kept as the last known value.
    pub cache_stale_max: Duration,
    /// Maximum size of the in-process tier, in bytes.
    pub cache_max_bytes: u64,
    /// How long cached values count as current after the log of commits was last read.
    pub cache_trust: Duration,
    /// The log of commits of an embedded database.
    pub commit_log: CommitLogConfig,
    /// Number of the newest versions of each character that an embedded database keeps in any case; `None`: all versions are
    /// kept.
    pub versions_keep: Option<NonZeroU32>,
    /// The Message Hub that receives all events; `None`: they stay in the log of commits.
    pub hub: Option<HubConfig>,
    /// Maximum size of the body of a bulk request, in bytes.
    pub max_bulk_bytes: usize,
    /// The origins whose web pages may use the API; `None`: none.
    pub cors: Option<AllowedOrigins>,
    /// The host names under which the listeners answer, besides those that are always permitted.
    pub hosts: HostNames,
    /// The address of the source code of this build, as the page at `/` shows it.
    pub repository: Option<String>,
    /// The health paths that the listener of the API serves.
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

const LISTEN_ADDR: Variable = Variable::new("LISTEN_ADDR", "address and port of the API", "127.0.0.1:8000");
const DATA_DIR: Variable = Variable::new("DATA_DIR", "folder of the embedded database", "./data");
const REDIS_URL: Variable =
    Variable::secret("REDIS_URL", "shared cache tier: redis://, redis+sentinel:// or redis+cluster://, each with rediss for TLS; unset: in-process tier only")
        .off_when_empty();
const REDIS_TIMEOUT_MS: Variable = Variable::new(
    "REDIS_TIMEOUT_MS",
    "milliseconds that one request may wait for Redis; then the service does without Redis until it works again",
    "50",
);
const REDIS_CONNECT_TIMEOUT_MS: Variable =
    Variable::new("REDIS_CONNECT_TIMEOUT_MS", "milliseconds to open a connection to Redis", "100");
const REDIS_CACHE_TTL: Variable =
    Variable::new("REDIS_CACHE_TTL", "seconds that a cached value is fresh, in both tiers", "3600");
const CACHE_STALE_MAX_SECS: Variable = Variable::new(
    "CACHE_STALE_MAX_SECS",
    "seconds that a cached value is kept, to be served during an outage of the storage",
    "86400",
);
const CACHE_MAX_BYTES: Variable = Variable::new(
    "CACHE_MAX_BYTES",
    "maximum size of the in-process tier, in bytes, a quarter of it for pages of lists",
    "67108864",
);
const CACHE_TRUST_MS: Variable = Variable::new(
    "CACHE_TRUST_MS",
    "milliseconds that cached values count as current after the log of commits was last read: the maximum age of a response",
    "1000",
);
const MAX_BULK_BYTES: Variable =
    Variable::new("MAX_BULK_BYTES", "maximum size of a bulk request, in bytes", "33554432");
const ALLOW_UNAUTHENTICATED: Variable = Variable::new(
    "ALLOW_UNAUTHENTICATED",
    "permit a LISTEN_ADDR that others can reach, although there is no access control yet: true or false",
    "false",
);

impl CharacterServiceConfig {
    /// Every variable that `character-service` reads.
    pub const VARIABLES: &'static [&'static [Variable]] = &[
        &[
            LISTEN_ADDR,
            DATA_DIR,
            STORAGE_SERVICE_URL,
            STORAGE_SERVICE_TOKEN,
            STORAGE_CA_FILE,
            STORAGE_CERT_FILE,
            STORAGE_KEY_FILE,
            STORAGE_DEADLINE_MS,
            STORAGE_TIMEOUT_MS,
            STORAGE_LARGE_TIMEOUT_MS,
            STORAGE_RETRY_MAX,
            STORAGE_RETRY_BASE_MS,
            STORAGE_BREAKER_FAILURES,
            STORAGE_BREAKER_RECOVERY_SECS,
            STORAGE_BREAKER_PROBE_MS,
            REDIS_URL,
            REDIS_CA_FILE,
            REDIS_CERT_FILE,
            REDIS_KEY_FILE,
            REDIS_TIMEOUT_MS,
            REDIS_CONNECT_TIMEOUT_MS,
            REDIS_CACHE_TTL,
            CACHE_STALE_MAX_SECS,
            CACHE_MAX_BYTES,
            CACHE_TRUST_MS,
            COMMIT_LOG_RETENTION_HOURS,
            COMMIT_LOG_BOUND_HOURS,
            COMMIT_LOG_POLL_MS,
            VERSIONS_KEEP,
            MAX_BULK_BYTES,
            ALLOW_UNAUTHENTICATED,
            ALLOWED_HOSTS,
            CORS_ALLOWED_ORIGINS,
            REPOSITORY_URL,
            MESSAGE_HUB_URL,
            MESSAGE_HUB_TOKEN,
            MESSAGE_HUB_CA_FILE,
            MESSAGE_HUB_CERT_FILE,
            MESSAGE_HUB_KEY_FILE,
            MESSAGE_HUB_MAX_AGE_HOURS,
        ],
        groups::CONNECTIONS,
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

    /// Every secret, to be removed from logs and reports.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        let redis = self.redis_url.iter().flat_map(|url| with_passwords(&url.get()));
        let sentry = self.reports.sentry_dsn.iter().flat_map(with_passwords);
        let hub = self.hub.iter().filter_map(|hub| hub.token.as_ref());
        let tokens = self.remote.iter().map(|remote| &remote.token).chain(hub);
        let tokens = tokens.map(|token| SecretString::clone(&token.get()));
        let operators = self.admin.iter().flat_map(|admin| &admin.tokens);
        redis.chain(sentry).chain(tokens).chain(operators.cloned()).chain(self.log.secrets()).collect()
    }

    fn parse(reader: &mut Reader<'_>) -> Option<Self> {
        let listen = reader.read(&LISTEN_ADDR, socket);
        let allowed = reader.read(&ALLOW_UNAUTHENTICATED, boolean);
        if let (Some(address), Some(false)) = (listen, allowed)
            && !address.ip().is_loopback()
        {
            reader.faults.push(format!(
                "LISTEN_ADDR=\"{address}\": others can reach it, and there is no access control yet; \
                 listen on loopback, or set ALLOW_UNAUTHENTICATED=true when something in front controls access"
            ));
        }
        let data_dir = reader.read(&DATA_DIR, folder);
        let remote = remote_storage(reader);
        let redis_url = reader.read(&REDIS_URL, redis_url);
        let redis_has_tls = match &redis_url {
            Some(url) if url.expose_secret().starts_with("rediss") => tls::Address::WithTls,
            None if reader.is_set(&REDIS_URL) => tls::Address::WithTls,
            _ => tls::Address::Without("REDIS_URL does not start with rediss"),
        };
        let redis_tls = client_tls(reader, &tls::REDIS, redis_has_tls);
        let redis_timeout = reader.read(&REDIS_TIMEOUT_MS, number(1, 10_000));
        let redis_connect_timeout = reader.read(&REDIS_CONNECT_TIMEOUT_MS, number(1, 10_000));
        let cache_ttl = reader.read(&REDIS_CACHE_TTL, number(1, 31_536_000));
        let cache_stale_max = reader.read(&CACHE_STALE_MAX_SECS, number(0, 31_536_000));
        let cache_max_bytes = reader.read(&CACHE_MAX_BYTES, number(0, 1 << 40));
        let cache_trust = reader.read(&CACHE_TRUST_MS, number(100, 60_000));
        let commit_log = commit_log_config(reader);
        let versions_keep = reader.read(&VERSIONS_KEEP, versions_keep);
        if let (Some(Some(_)), Some(Some(_))) = (&remote, versions_keep) {
            let reason = "VERSIONS_KEEP: has no effect with STORAGE_SERVICE_URL; set it for the Storage Service";
            reader.faults.push(reason.to_owned());
        }
        let own_retention = match &remote {
            Some(None) => commit_log.map(|log| log.retention),
            _ => None,
        };
        let hub = hub_config(reader, own_retention);
        if let (Some(Some(RemoteStorage { address: StorageAddress::Hub(_), .. })), Some(None)) = (&remote, &hub) {
            reader.faults.push("MESSAGE_HUB_URL: must be set together with a STORAGE_SERVICE_URL of hub:".to_owned());
        }
        let max_bulk_bytes = reader.read(&MAX_BULK_BYTES, number(1024, MAX_BULK as u64));
        let cors = allowed_origins(reader);
        let sockets = socket_config(reader, listen);
        let tls = server_tls(reader);
        let hosts = allowed_hosts(reader);
        let repository = repository(reader);
        let admin = admin_config(reader, listen);
        let health_paths = health_paths(reader);
        let reports = report_config(reader);
        let max_in_flight_bytes = max_in_flight_bytes(reader);
        let max_requests_in_flight = max_requests_in_flight(reader);
        let shutdown = reader.read(&SHUTDOWN_SECS, number(0, 3600));
        let log = log_config(reader, "character-service");
        Some(Self {
            listen: listen?,
            data_dir: data_dir?,
            remote: remote?,
            redis_url: redis_url.map(Secret::new),
            redis_tls,
            redis_timeout: Duration::from_millis(redis_timeout?),
            redis_connect_timeout: Duration::from_millis(redis_connect_timeout?),
            cache_ttl: Duration::from_secs(cache_ttl?),
            cache_stale_max: Duration::from_secs(cache_stale_max?),
            cache_max_bytes: cache_max_bytes?,
            cache_trust: Duration::from_millis(cache_trust?),
            commit_log: commit_log?,
            versions_keep: versions_keep?,
            hub: hub?,
            max_bulk_bytes: usize::try_from(max_bulk_bytes?).ok()?,
            cors,
            sockets: sockets?,
            hosts: hosts.unwrap_or_default(),
            repository,
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
}

/// The value of [`REDIS_URL`].
pub(crate) fn redis_url(text: &str) -> Result<SecretString, String> {
    let given = secret(text)?;
    RedisTierOptions::new(given.clone().into()).check().map_err(|error| error.to_string())?;
    Ok(given)
}
