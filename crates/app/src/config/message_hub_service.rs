//! The configuration of `message-hub`.

use super::{
    AdminConfig, ConfigError, Environment, LogConfig, MAX_IN_FLIGHT_BYTES, MAX_REQUESTS_IN_FLIGHT, SHUTDOWN_SECS,
    Variable,
    admin::{ADMIN_ADDR, ADMIN_ALLOW_REMOTE, ADMIN_TOKEN, admin_config, tokens},
    groups,
    listener::{ALLOWED_HOSTS, METRICS_ON, allowed_hosts, health_paths},
    log_config, max_in_flight_bytes, max_requests_in_flight, read,
    sockets::{DRAIN_SECS, SocketConfig, socket_config},
    tls::{
        self, NATS_CA_FILE, NATS_CERT_FILE, NATS_KEY_FILE, SERVICES_CA_FILE, SERVICES_CERT_FILE, SERVICES_KEY_FILE,
        client_tls, server_tls,
    },
    variables::{Reader, SettingFile, folder, number, secret, socket},
    with_passwords,
};
use character_credentials::{ClientTls, Secret, ServerTls};
use character_http_kit::{HealthPaths, HostNames};
use character_message_hub::ServiceName;
use character_message_hub_server::InstanceUrl;
use secrecy::SecretString;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// The configuration of `message-hub`.
#[derive(Debug, Clone)]
pub struct MessageHubServiceConfig {
    /// Its address.
    pub listen: SocketAddr,
    /// The folder of the file with the events.
    pub data_dir: PathBuf,
    /// The NATS that keeps the events; `None`: a file under `data_dir`.
    pub nats_url: Option<Secret>,
    /// What is trusted of a NATS with TLS, and the own certificate; `None`: what the system trusts, and none.
    pub nats_tls: Option<ClientTls>,
    /// How long an event is kept.
    pub retention: Duration,
    /// Maximum number of events that are kept.
    pub max_events: u64,
    /// The number of NATS servers that keep each event.
    pub replicas: usize,
    /// Maximum size of the events in the file, in bytes.
    pub max_bytes: u64,
    /// The accepted bearer tokens.
    pub tokens: Vec<SecretString>,
    /// Services with the addresses of their instances.
    pub services: Vec<(ServiceName, InstanceUrl)>,
    /// What is trusted of services with TLS, and the own certificate; `None`: what the system trusts, and none.
    pub services_tls: Option<ClientTls>,
    /// Maximum size of a request to a service, in bytes.
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
    /// Maximum size of all large requests and responses in flight, in bytes.
    pub max_in_flight_bytes: u64,
    /// Maximum number of requests that are handled at the same time: to the hub, and to each service.
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

const LISTEN_ADDR: Variable = Variable::new("LISTEN_ADDR", "address and port of the service", "127.0.0.1:8200");
const DATA_DIR: Variable = Variable::new("DATA_DIR", "folder of the file with the events", "./data");
const NATS_URL: Variable = Variable::secret(
    "NATS_URL",
    "nats://… or tls://…, several separated by commas, with user:password@ or token@ in front of the host: NATS \
     JetStream keeps the events; unset: a file under DATA_DIR",
)
.off_when_empty();
const HUB_RETENTION_HOURS: Variable =
    Variable::new("HUB_RETENTION_HOURS", "hours that an event is kept, settled or not", "168");
const HUB_MAX_EVENTS: Variable = Variable::new(
    "HUB_MAX_EVENTS",
    "maximum number of events that are kept; new ones are refused beyond it",
    "10000000",
);
const HUB_REPLICAS: Variable =
    Variable::new("HUB_REPLICAS", "number of NATS servers that keep each event, 1 to 5; only with NATS_URL", "1");
const HUB_MAX_BYTES: Variable = Variable::new(
    "HUB_MAX_BYTES",
    "maximum size of the events in the file, in bytes; new ones are refused beyond it",
    "10737418240",
);
const MESSAGE_HUB_TOKEN: Variable = Variable::secret(
    "MESSAGE_HUB_TOKEN",
    "accepted bearer tokens, separated by commas or line breaks to allow rotation; required",
);
const HUB_SERVICES: Variable = Variable::optional(
    "HUB_SERVICES",
    "services with the addresses of their instances, separated by commas, such as \
     storage-service=http://10.0.0.7:8100,storage-service=http://10.0.0.8:8100; others register themselves",
)
.unquoted()
.off_when_empty();
/// The variable of every service, with the page of this one.
const HUB_ADMIN_ADDR: Variable = Variable::optional(
    ADMIN_ADDR.name,
    "address and port of the admin listener for operators: /admin/hub, /health and /metrics; unset: off",
)
.off_when_empty();
const MAX_REQUEST_BYTES: Variable =
    Variable::new("MAX_REQUEST_BYTES", "maximum size of a request to a service, in bytes", "134217728");

impl MessageHubServiceConfig {
    /// Every variable that `message-hub` reads.
    pub const VARIABLES: &'static [&'static [Variable]] = &[
        &[
            LISTEN_ADDR,
            DATA_DIR,
            NATS_URL,
            NATS_CA_FILE,
            NATS_CERT_FILE,
            NATS_KEY_FILE,
            HUB_RETENTION_HOURS,
            HUB_MAX_EVENTS,
            HUB_MAX_BYTES,
            HUB_REPLICAS,
            MESSAGE_HUB_TOKEN,
            HUB_SERVICES,
            SERVICES_CA_FILE,
            SERVICES_CERT_FILE,
            SERVICES_KEY_FILE,
            MAX_REQUEST_BYTES,
        ],
        groups::CONNECTIONS,
        &[
            ALLOWED_HOSTS,
            HUB_ADMIN_ADDR,
            ADMIN_TOKEN,
            ADMIN_ALLOW_REMOTE,
            METRICS_ON,
            MAX_IN_FLIGHT_BYTES,
            MAX_REQUESTS_IN_FLIGHT,
            DRAIN_SECS,
            SHUTDOWN_SECS,
        ],
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
        let nats_url = reader.read(&NATS_URL, nats_url);
        let nats_is_used = match reader.is_set(&NATS_URL) {
            true => tls::Address::WithTls,
            false => tls::Address::Without("NATS_URL is not set"),
        };
        let nats_tls = client_tls(reader, &tls::NATS, nats_is_used);
        // An hour is more than the time for which a repeat must be recognised.
        let retention = reader.read(&HUB_RETENTION_HOURS, number(1, 24 * 3650));
        let max_events = reader.read(&HUB_MAX_EVENTS, number(1, 1 << 40));
        let max_bytes = reader.read(&HUB_MAX_BYTES, number(1 << 20, 1 << 50));
        let replicas = reader.read(&HUB_REPLICAS, number(1, 5));
        let accepted = reader.read(&MESSAGE_HUB_TOKEN, tokens);
        if !reader.is_set(&MESSAGE_HUB_TOKEN) {
            reader
                .faults
                .push("MESSAGE_HUB_TOKEN: must be set; the service does not start without access control".to_owned());
        }
        let services = reader.read(&HUB_SERVICES, services);
        // Services with such addresses may register themselves.
        let services_tls = client_tls(reader, &tls::SERVICES, tls::Address::WithTls);
        let max_request_bytes = reader.read(&MAX_REQUEST_BYTES, number(1 << 20, 1 << 30));
        let sockets = socket_config(reader, listen);
        let tls = server_tls(reader);
        let hosts = allowed_hosts(reader);
        let admin = admin_config(reader, listen);
        let health_paths = health_paths(reader);
        let max_in_flight_bytes = max_in_flight_bytes(reader);
        let max_requests_in_flight = max_requests_in_flight(reader);
        let shutdown = reader.read(&SHUTDOWN_SECS, number(0, 3600));
        let log = log_config(reader, "message-hub");
        Some(Self {
            listen: listen?,
            data_dir: data_dir?,
            nats_url: nats_url.map(Secret::new),
            nats_tls,
            retention: Duration::from_secs(retention? * 3600),
            max_events: max_events?,
            max_bytes: max_bytes?,
            replicas: usize::try_from(replicas?).ok()?,
            tokens: accepted?,
            services: services.unwrap_or_default(),
            services_tls,
            max_request_bytes: usize::try_from(max_request_bytes?).ok()?,
            hosts: hosts.unwrap_or_default(),
            health_paths: health_paths?,
            tls,
            admin,
            sockets: sockets?,
            max_in_flight_bytes: max_in_flight_bytes?,
            max_requests_in_flight: max_requests_in_flight?,
            shutdown: Duration::from_secs(shutdown?),
            log: log?,
            effective: Vec::new(),
            files: Vec::new(),
        })
    }

    /// Every secret, to be removed from logs.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        let operators = self.admin.iter().flat_map(|admin| &admin.tokens);
        let urls = self.nats_url.iter().flat_map(|url| with_passwords(&url.get()));
        urls.chain(self.tokens.iter().chain(operators).cloned()).chain(self.log.secrets()).collect()
    }
}

/// The addresses of a NATS. The reason never quotes them, since they may hold a password.
pub(crate) fn nats_url(text: &str) -> Result<SecretString, String> {
    let is_of_nats = |address: &str| {
        let parsed = url::Url::parse(address.trim());
        parsed.is_ok_and(|url| matches!(url.scheme(), "nats" | "tls") && url.has_host())
    };
    match text.split(',').all(is_of_nats) {
        true => secret(text),
        false => Err("must be addresses that start with nats:// or tls://, separated by commas".to_owned()),
    }
}

/// Services with their addresses. The reason does not quote an address, since it may hold a password.
fn services(text: &str) -> Result<Vec<(ServiceName, InstanceUrl)>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let one = |(index, part): (usize, &str)| {
        let wrong = |reason: &dyn std::fmt::Display| format!("part {}: {reason}", index + 1);
        let (name, url) = part.split_once('=').ok_or_else(|| wrong(&"must be NAME=URL"))?;
        let name = name.trim().parse::<ServiceName>().map_err(|error| wrong(&format!("the name {error}")))?;
        let url = url.trim().parse::<InstanceUrl>().map_err(|error| wrong(&format!("the address {error}")))?;
        Ok((name, url))
    };
    let services: Vec<_> = parts.enumerate().map(one).collect::<Result<_, String>>()?;
    let repeated = (1..services.len()).find(|index| services[..*index].contains(&services[*index]));
    match repeated {
        Some(index) => Err(format!("part {}: is there already", index + 1)),
        None => Ok(services),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn faults(environment: &BTreeMap<&str, &str>) -> Vec<String> {
        MessageHubServiceConfig::read(environment).err().map(|error| error.0).unwrap_or_default()
    }

    #[test]
    fn a_token_is_all_that_must_be_set() {
        assert!(faults(&BTreeMap::new())[0].starts_with("MESSAGE_HUB_TOKEN: must be set"));
        let config = MessageHubServiceConfig::read(&BTreeMap::from([("MESSAGE_HUB_TOKEN", "old,new")])).unwrap();
        assert_eq!((config.listen.to_string().as_str(), config.tokens.len()), ("127.0.0.1:8200", 2));
        assert_eq!((config.services.len(), config.retention), (0, Duration::from_secs(7 * 24 * 3600)));
    }

    #[test]
    fn services_are_names_with_addresses() {
        let text = "storage-service=http://127.0.0.1:8100, storage-service=https://h/base ,other=http://[::1]:1";
        let found = services(text).unwrap();
        let shown: Vec<_> = found.iter().map(|(name, url)| format!("{name}={}", url.as_str())).collect();
        assert_eq!(
            shown,
            ["storage-service=http://127.0.0.1:8100", "storage-service=https://h/base", "other=http://[::1]:1"]
        );
        for (text, reason) in [
            ("storage", "part 1: must be NAME=URL"),
            ("a=http://h,B=http://h", "part 2: the name must be 1 to 64"),
            ("a=http://u:hunter2@h", "part 1: the address must have no user"),
            ("a=http://h,a=http://h/", "part 2: is there already"),
        ] {
            let fault = &faults(&BTreeMap::from([("MESSAGE_HUB_TOKEN", "t"), ("HUB_SERVICES", text)]))[0];
            assert!(fault.starts_with(&format!("HUB_SERVICES: {reason}")), "{fault}");
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }

    #[test]
    fn the_password_of_a_nats_is_known_as_a_secret_and_never_shown() {
        let nats = [("MESSAGE_HUB_TOKEN", "t"), ("NATS_URL", "nats://u:hunter2@h:4222,nats://h2")];
        let config = MessageHubServiceConfig::read(&BTreeMap::from(nats)).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        let wrong = faults(&BTreeMap::from([("MESSAGE_HUB_TOKEN", "t"), ("NATS_URL", "http://u:hunter2@h")]));
        assert!(wrong[0].starts_with("NATS_URL: must be") && !wrong[0].contains("hunter2"), "{wrong:?}");
    }

    #[test]
    fn what_is_documented_is_what_is_read() {
        let config = MessageHubServiceConfig::read(&BTreeMap::from([("MESSAGE_HUB_TOKEN", "t")])).unwrap();
        let mut names: Vec<_> =
            MessageHubServiceConfig::VARIABLES.iter().copied().flatten().map(|variable| variable.name).collect();
        let mut read: Vec<_> = config.effective.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        read.sort_unstable();
        assert_eq!(names, read);
    }
}
