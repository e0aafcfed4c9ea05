//! The configuration of both services, from the environment.

mod character_service;
mod reports;
mod storage_service;
mod variables;

pub use character_service::{CharacterServiceConfig, RemoteStorage};
pub use reports::ReportConfig;
pub use storage_service::StorageServiceConfig;
pub use variables::{ConfigError, Environment, ProcessEnvironment, Variable, help};

use secrecy::{ExposeSecret, SecretString};
use std::net::SocketAddr;
use variables::{Reader, socket};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Human,
}

/// What both services log, and how.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// Which lines, as a filter: `info`, `warn,character_cache=debug`, ….
    pub filter: String,
}

pub(crate) const LOG_FORMAT: Variable = Variable::new("LOG_FORMAT", "log lines: json or human", "human");
pub(crate) const LOG_LEVEL: Variable =
    Variable::new("LOG_LEVEL", "log filter: error, warn, info, debug, trace, or target=level pairs", "info");
pub(crate) const ADMIN_ADDR: Variable = Variable::optional(
    "ADMIN_ADDR",
    "address and port of /admin/storage, for a person on call; on loopback unless ALLOW_UNAUTHENTICATED=true; unset: off",
);
pub(crate) const SHUTDOWN_SECS: Variable =
    Variable::new("SHUTDOWN_SECS", "seconds that requests under way may take to finish at a stop", "20");

/// Name and value of every variable, secrets masked.
type Effective = Vec<(&'static str, String)>;

/// What `parse` makes of the environment, and the value of every variable it read; or every mistake found.
fn read<C>(
    environment: &dyn Environment,
    parse: impl FnOnce(&mut Reader<'_>) -> Option<C>,
) -> Result<(C, Effective), ConfigError> {
    let mut reader = Reader::new(environment);
    match parse(&mut reader) {
        Some(config) if reader.faults.is_empty() => Ok((config, reader.effective)),
        _ => Err(ConfigError(reader.faults)),
    }
}

/// Where a person on call looks, which others must not reach unless that is allowed: it is not for them to act.
fn admin(reader: &mut Reader<'_>, allowed: Option<bool>) -> Option<SocketAddr> {
    let address = reader.read(&ADMIN_ADDR, socket)?;
    if allowed != Some(true) && !address.ip().is_loopback() {
        reader.faults.push(format!(
            "ADMIN_ADDR=\"{address}\": others can reach it and there is no access control; \
             listen on loopback, or set ALLOW_UNAUTHENTICATED=true when something in front controls access"
        ));
    }
    Some(address)
}

/// A URL that is a secret, and the password in it, which may stand alone in a message.
fn with_password(url: &SecretString) -> Vec<SecretString> {
    let password = url::Url::parse(url.expose_secret()).ok().and_then(|url| url.password().map(str::to_owned));
    std::iter::once(url.clone()).chain(password.map(SecretString::from)).collect()
}

fn log_config(reader: &mut Reader<'_>) -> Option<LogConfig> {
    let format = reader.read(&LOG_FORMAT, |text| match text {
        "json" => Ok(LogFormat::Json),
        "human" => Ok(LogFormat::Human),
        _ => Err("must be json or human".to_owned()),
    });
    let filter = reader.read(&LOG_LEVEL, |text| {
        let parsed = tracing_subscriber::EnvFilter::try_new(text);
        parsed.map(|_| text.to_owned()).map_err(|error| error.to_string())
    });
    Some(LogConfig { format: format?, filter: filter? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn nothing_set_is_a_valid_configuration_of_the_character_service() {
        let config = CharacterServiceConfig::read(&BTreeMap::<&str, &str>::new()).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8000");
        assert!(config.remote.is_none() && config.redis_url.is_none());
    }

    #[test]
    fn every_mistake_is_reported_in_one_run() {
        let environment = BTreeMap::from([
            ("LISTEN_ADDR", "nowhere"),
            ("STORAGE_RETRY_MAX", "-1"),
            ("REDIS_URL", "http://h"),
            ("LOG_FORMAT", "xml"),
            ("STORAGE_SERVICE_URL", "ftp://x"),
        ]);
        let faults = CharacterServiceConfig::read(&environment).unwrap_err().0;
        let names: Vec<_> = faults.iter().filter_map(|fault| fault.split(['=', ':']).next()).collect();
        for name in environment.keys() {
            assert!(names.contains(name), "{name} is missing in {faults:?}");
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        let environment = BTreeMap::from([
            ("STORAGE_SERVICE_URL", "http://127.0.0.1:8100"),
            ("STORAGE_SERVICE_TOKEN", "open-sesame"),
            ("REDIS_URL", "redis://:hunter2@127.0.0.1/"),
        ]);
        let config = CharacterServiceConfig::read(&environment).unwrap();
        let shown = format!("{config:?} {:?}", config.effective);
        assert!(!shown.contains("open-sesame") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_secret_may_come_from_a_file_but_not_from_both() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "from-file\n").unwrap();
        let path = path.to_string_lossy().into_owned();
        let mut environment = BTreeMap::from([("STORAGE_SERVICE_TOKEN_FILE", path.as_str())]);
        let config = StorageServiceConfig::read(&environment).unwrap();
        assert_eq!(config.tokens.len(), 1);
        environment.insert("STORAGE_SERVICE_TOKEN", "x");
        assert!(StorageServiceConfig::read(&environment).unwrap_err().to_string().contains("both set"));
    }

    #[test]
    fn the_storage_service_refuses_to_start_without_a_token() {
        let fault = StorageServiceConfig::read(&BTreeMap::<&str, &str>::new()).unwrap_err();
        assert!(fault.to_string().contains("STORAGE_SERVICE_TOKEN"), "{fault}");
    }

    #[test]
    fn an_address_that_others_can_reach_is_refused_without_access_control() {
        let mut environment = BTreeMap::from([("LISTEN_ADDR", "0.0.0.0:8000")]);
        let fault = CharacterServiceConfig::read(&environment).unwrap_err();
        assert!(fault.to_string().contains("ALLOW_UNAUTHENTICATED"), "{fault}");
        environment.insert("ALLOW_UNAUTHENTICATED", "true");
        assert!(CharacterServiceConfig::read(&environment).is_ok());
    }

    #[test]
    fn the_admin_listener_is_off_unless_asked_for_and_on_loopback_unless_allowed() {
        let nothing = BTreeMap::<&str, &str>::new();
        assert_eq!(CharacterServiceConfig::read(&nothing).unwrap().admin, None);
        let mut environment = BTreeMap::from([("STORAGE_SERVICE_TOKEN", "t"), ("ADMIN_ADDR", "127.0.0.1:9100")]);
        assert!(StorageServiceConfig::read(&environment).unwrap().admin.is_some());
        environment.insert("ADMIN_ADDR", "0.0.0.0:9100");
        let character = CharacterServiceConfig::read(&environment).unwrap_err().to_string();
        let storage = StorageServiceConfig::read(&environment).unwrap_err().to_string();
        assert!(character.contains("ADMIN_ADDR") && storage.contains("ADMIN_ADDR"), "{character} {storage}");
        environment.insert("ALLOW_UNAUTHENTICATED", "true");
        assert!(StorageServiceConfig::read(&environment).is_ok() && CharacterServiceConfig::read(&environment).is_ok());
    }

    #[test]
    fn what_is_reported_knows_every_secret_that_it_must_not_tell() {
        use secrecy::ExposeSecret;
        let shown = |secrets: Vec<secrecy::SecretString>| {
            secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect::<Vec<_>>()
        };
        let environment = BTreeMap::from([
            ("STORAGE_SERVICE_URL", "http://127.0.0.1:8100"),
            ("STORAGE_SERVICE_TOKEN", "open-sesame,second"),
            ("REDIS_URL", "redis://:hunter2@127.0.0.1/"),
            ("DATABASE_URL", "postgres://u:swordfish@h/d"),
        ]);
        let character = shown(CharacterServiceConfig::read(&environment).unwrap().secrets());
        assert!(character.contains(&"open-sesame,second".to_owned()) && character.contains(&"hunter2".to_owned()));
        let storage = shown(StorageServiceConfig::read(&environment).unwrap().secrets());
        for secret in ["open-sesame", "second", "swordfish"] {
            assert!(storage.contains(&secret.to_owned()), "{secret}");
        }
    }

    #[cfg(not(feature = "sentry"))]
    #[test]
    fn a_sentry_that_this_build_cannot_tell_is_a_mistake() {
        let environment = BTreeMap::from([("SENTRY_DSN", "https://key@sentry.example/1")]);
        let fault = CharacterServiceConfig::read(&environment).unwrap_err().to_string();
        assert!(fault.contains("SENTRY_DSN") && !fault.contains("key@"), "{fault}");
    }

    #[test]
    fn every_variable_read_is_in_the_help_and_every_one_in_the_help_is_read() {
        let nothing = BTreeMap::<&str, &str>::new();
        let names = |table: &[Variable]| table.iter().map(|v| v.name).collect::<std::collections::BTreeSet<_>>();
        let read = |effective: &[(&'static str, String)]| effective.iter().map(|(name, _)| *name).collect();
        let character = CharacterServiceConfig::read(&nothing).unwrap();
        assert_eq!(names(CharacterServiceConfig::VARIABLES), read(&character.effective));
        let token = BTreeMap::from([("STORAGE_SERVICE_TOKEN", "x")]);
        let storage = StorageServiceConfig::read(&token).unwrap();
        assert_eq!(names(StorageServiceConfig::VARIABLES), read(&storage.effective));
    }
}
