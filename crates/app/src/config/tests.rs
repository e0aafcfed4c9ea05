//! The configurations of the services, read from an environment.

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
fn a_remote_admin_listener_needs_a_switch_of_its_own_and_a_token() {
    let nothing = BTreeMap::<&str, &str>::new();
    assert!(CharacterServiceConfig::read(&nothing).unwrap().admin.is_none());
    let mut environment = BTreeMap::from([("STORAGE_SERVICE_TOKEN", "t"), ("ADMIN_ADDR", "127.0.0.1:9100")]);
    environment.insert("STORAGE_SERVICE_URL", "http://127.0.0.1:8100");
    assert!(StorageServiceConfig::read(&environment).unwrap().admin.is_some());
    environment.insert("ADMIN_ADDR", "0.0.0.0:9100");
    environment.insert("ALLOW_UNAUTHENTICATED", "true");
    let refused = |environment: &BTreeMap<&str, &str>, named: &str| {
        let (character, storage) = faults_of(environment);
        [character, storage].iter().all(|faults| faults.len() == 1 && faults[0].contains(named))
    };
    assert!(refused(&environment, "ADMIN_ALLOW_REMOTE"), "{:?}", faults_of(&environment));
    environment.insert("ADMIN_ALLOW_REMOTE", "true");
    assert!(refused(&environment, "ADMIN_TOKEN: must be set"), "{:?}", faults_of(&environment));
    environment.insert("ADMIN_TOKEN", "a-token-for-operators");
    assert_eq!(faults_of(&environment), (Vec::new(), Vec::new()));
    environment.remove("ADMIN_ALLOW_REMOTE");
    assert!(refused(&environment, "ADMIN_ALLOW_REMOTE"), "{:?}", faults_of(&environment));
    environment.remove("ADMIN_ADDR");
    assert!(refused(&environment, "ADMIN_ADDR: must be set"), "{:?}", faults_of(&environment));
}

#[test]
fn metrics_cannot_move_to_a_listener_that_is_off() {
    let mut environment = BTreeMap::from([("METRICS_ON", "admin")]);
    let (character, storage) = faults_of(&environment);
    for faults in [character, storage] {
        assert!(faults.iter().any(|fault| fault.starts_with("METRICS_ON")), "{faults:?}");
    }
    environment.insert("ADMIN_ADDR", "127.0.0.1:9100");
    assert_eq!(faults_of(&environment).0, Vec::<String>::new());
}

#[test]
fn a_wrong_list_of_hosts_is_a_mistake_that_is_not_quoted() {
    let environment = BTreeMap::from([("ALLOWED_HOSTS", "https://user:hunter2@play.example")]);
    let (character, storage) = faults_of(&environment);
    for faults in [character, storage] {
        assert!(faults.iter().any(|fault| fault.starts_with("ALLOWED_HOSTS: each part")), "{faults:?}");
        assert!(!faults.concat().contains("hunter2"), "{faults:?}");
    }
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
        ("DATABASE_URL", "postgres://u:sword%2Ffish+1@h1:1,h2:2/d?password=hidden%20one&application_name=x"),
    ]);
    let character = shown(CharacterServiceConfig::read(&environment).unwrap().secrets());
    assert!(character.contains(&"open-sesame,second".to_owned()) && character.contains(&"hunter2".to_owned()));
    let storage = shown(StorageServiceConfig::read(&environment).unwrap().secrets());
    for secret in ["open-sesame", "second", "sword%2Ffish+1", "sword/fish+1", "hidden%20one", "hidden one"] {
        assert!(storage.contains(&secret.to_owned()), "{secret}");
    }
}

fn faults_of(environment: &BTreeMap<&str, &str>) -> (Vec<String>, Vec<String>) {
    let faults = |error: Option<ConfigError>| error.map(|error| error.0).unwrap_or_default();
    (faults(CharacterServiceConfig::read(environment).err()), faults(StorageServiceConfig::read(environment).err()))
}

#[test]
fn a_value_that_is_not_utf_8_is_a_mistake_of_every_variable_of_both_services() {
    use std::os::unix::ffi::OsStrExt;
    let bad = std::ffi::OsStr::from_bytes(b"http://127.0.0.1:1/\xff");
    let all = |table: &[&[Variable]]| {
        table.iter().copied().flatten().map(|variable| (variable.name, bad)).collect::<BTreeMap<_, _>>()
    };
    let character = CharacterServiceConfig::read(&all(CharacterServiceConfig::VARIABLES)).unwrap_err();
    let storage = StorageServiceConfig::read(&all(StorageServiceConfig::VARIABLES)).unwrap_err();
    for (table, faults) in
        [(CharacterServiceConfig::VARIABLES, character.0), (StorageServiceConfig::VARIABLES, storage.0)]
    {
        for variable in table.iter().copied().flatten() {
            let fault = format!("{}: is not valid UTF-8", variable.name);
            assert!(faults.contains(&fault), "{fault} is missing in {faults:#?}");
        }
        assert_eq!(faults.len(), table.concat().len(), "{faults:#?}");
    }
}

#[test]
fn an_empty_value_is_a_mistake_unless_it_turns_something_off() {
    let off = [
        "ADMIN_ADDR",
        "ALLOWED_HOSTS",
        "REDIS_URL",
        "MESSAGE_HUB_URL",
        "ADVERTISE_URL",
        "SENTRY_DSN",
        "CORS_ALLOWED_ORIGINS",
        "REPOSITORY_URL",
        "HEALTH_ADDR",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_RESOURCE_ATTRIBUTES",
    ];
    for empty in ["", "  "] {
        for variable in [CharacterServiceConfig::VARIABLES, StorageServiceConfig::VARIABLES].concat().concat() {
            let environment = BTreeMap::from([(variable.name, empty)]);
            let (character, storage) = faults_of(&environment);
            let fault = format!("{}: is set but empty; set a value or unset it", variable.name);
            let reported = character.contains(&fault) || storage.contains(&fault);
            assert_eq!(reported, !off.contains(&variable.name), "{}", variable.name);
        }
    }
}

#[test]
fn an_address_without_its_token_and_a_token_without_its_address_are_mistakes() {
    let url = ("STORAGE_SERVICE_URL", "http://127.0.0.1:8100");
    let token = ("STORAGE_SERVICE_TOKEN", "t");
    let file = ("STORAGE_SERVICE_TOKEN_FILE", "/no/such/file");
    assert!(faults_of(&BTreeMap::from([url])).0[0].starts_with("STORAGE_SERVICE_TOKEN: must be set"));
    assert!(faults_of(&BTreeMap::from([token])).0[0].starts_with("STORAGE_SERVICE_URL: must be set"));
    let both = faults_of(&BTreeMap::from([file])).0;
    assert!(both.len() == 2 && both[0].starts_with("STORAGE_SERVICE_TOKEN_FILE="), "{both:?}");
    assert_eq!(faults_of(&BTreeMap::from([url, token])).0, Vec::<String>::new());
    let through_hub = ("STORAGE_SERVICE_URL", "hub:storage");
    assert!(faults_of(&BTreeMap::from([through_hub, token])).0[0].starts_with("MESSAGE_HUB_URL: must be set"));
    let hub = ("MESSAGE_HUB_URL", "nats://127.0.0.1:4222");
    assert_eq!(faults_of(&BTreeMap::from([through_hub, token, hub])).0, Vec::<String>::new());
}

#[test]
fn a_hub_needs_its_token_over_http_and_a_log_that_remembers_as_long_as_it_keeps_events() {
    let url = ("MESSAGE_HUB_URL", "http://message-hub:8200");
    let token = ("MESSAGE_HUB_TOKEN", "t");
    let storage = ("STORAGE_SERVICE_TOKEN", "t");
    let of = |set: &[(&'static str, &'static str)]| {
        StorageServiceConfig::read(&set.iter().copied().chain([storage]).collect::<BTreeMap<_, _>>())
            .map(|config| config.hub)
            .map_err(|error| error.0)
    };
    assert!(of(&[]).unwrap().is_none());
    assert!(of(&[url]).unwrap_err()[0].starts_with("MESSAGE_HUB_TOKEN: must be set"));
    assert!(of(&[token]).unwrap_err()[0].starts_with("MESSAGE_HUB_URL: must be set"));
    assert!(of(&[url, token]).unwrap().is_some());
    let nats = of(&[("MESSAGE_HUB_URL", "nats://a:4222,nats://b:4222")]).unwrap().unwrap();
    assert!(matches!(nats.address, HubAddress::Nats(servers) if servers.len() == 2));
    let short = ("COMMIT_LOG_RETENTION_HOURS", "24");
    assert!(of(&[url, token, short]).unwrap_err()[0].starts_with("COMMIT_LOG_RETENTION_HOURS: must not be less"));
    assert!(of(&[url, token, short, ("MESSAGE_HUB_MAX_AGE_HOURS", "24")]).is_ok());
    assert!(of(&[short]).is_ok());
    let character = CharacterServiceConfig::read(&BTreeMap::from([url, token, short])).unwrap_err().0;
    assert!(character[0].starts_with("COMMIT_LOG_RETENTION_HOURS: must not be less"), "{character:?}");
    let central = [("STORAGE_SERVICE_URL", "http://127.0.0.1:8100"), storage, url, token, short];
    let config = CharacterServiceConfig::read(&BTreeMap::from(central)).unwrap();
    assert!(config.secrets().len() == 2 && config.hub.is_some());
}

#[test]
fn what_a_client_would_refuse_later_is_reported_at_once_and_without_secrets() {
    for (name, value, reason) in [
        ("STORAGE_SERVICE_URL", "http://user:hunter2@h", "must have no user and no password"),
        ("STORAGE_SERVICE_URL", "http://h/?token=hunter2", "must have no query"),
        ("STORAGE_SERVICE_TOKEN", "hunter2 \u{e9}", "visible ASCII"),
        ("STORAGE_SERVICE_TOKEN", "hunter2\nx", "visible ASCII"),
        ("DATABASE_URL", "sqlite://hunter2?mode=ro", "mode must be rwc"),
        ("DATABASE_URL", "postgres://u:hunter2@h/d?sslmode=encrypt", "sslmode must be disable"),
        ("DATABASE_URL", "postgres://u:hunter2@h/d?sslmode=verify-ca&sslrootcert=/none", "sslrootcert: \"/none\""),
        ("DATABASE_URL", "postgres://u:hunter2@h:port/d", "not a PostgreSQL URL"),
        ("REDIS_URL", "redis://:hunter2@h/first", "not a Redis address"),
        ("REPOSITORY_URL", "https://u:hunter2@forge.example/characters", "must have no user"),
        ("REPOSITORY_URL", "git@forge.example:hunter2", "http"),
    ] {
        let (character, storage) = faults_of(&BTreeMap::from([(name, value)]));
        let faults = [character, storage].concat();
        assert!(faults.iter().any(|fault| fault.starts_with(name) && fault.contains(reason)), "{name}: {faults:?}");
        assert!(!faults.iter().any(|fault| fault.contains("hunter2")), "{faults:?}");
    }
}

#[test]
fn of_a_url_no_variable_shows_credentials_or_query_whatever_is_wrong_with_it() {
    for value in [
        "http://user:hunter2@127.0.0.1:1",
        "http://127.0.0.1:1/?password=hunter2",
        "http://127.0.0.1:1/#hunter2",
        "postgres://u:hunter2@h:port/d?password=hunter2",
        "postgres://u:p@h/d?hunter2=1",
        "sqlite://x?hunter2",
        "redis://:hunter2@h/first",
        "https://hunter2@sentry.example/not-a-number",
        "https://hunter2@sentry.example/1",
        "https://play.example,https://user:hunter2@play.example",
        "user:hunter2@host",
        "//hunter2@h",
        "127.0.0.1:1,user:hunter2@h:1",
    ] {
        for variable in [CharacterServiceConfig::VARIABLES, StorageServiceConfig::VARIABLES].concat().concat() {
            let file = format!("{}_FILE", variable.name);
            for name in [variable.name, file.as_str()] {
                let environment =
                    BTreeMap::from([("STORAGE_SERVICE_TOKEN", "t"), ("ADMIN_ADDR", "127.0.0.1:1"), (name, value)]);
                let (character, storage) = faults_of(&environment);
                // What has no scheme is no URL: as the name of a folder it is right, and shown whole.
                let effective = CharacterServiceConfig::read(&BTreeMap::from([(name, value)]));
                let effective = effective.ok().filter(|_| value.contains("://"));
                let effective = effective.map(|config| format!("{:?}", config.effective)).unwrap_or_default();
                let shown = format!("{character:?} {storage:?} {effective}");
                assert!(!shown.contains("hunter2"), "{name}={value}: {shown}");
            }
        }
    }
}

#[test]
fn both_listeners_at_one_address_are_a_mistake() {
    let mut environment = BTreeMap::from([("LISTEN_ADDR", "127.0.0.1:9100"), ("ADMIN_ADDR", "127.0.0.1:9100")]);
    let (character, storage) = faults_of(&environment);
    for faults in [character, storage] {
        assert!(faults.iter().any(|fault| fault.contains("is LISTEN_ADDR already")), "{faults:?}");
    }
    environment.insert("LISTEN_ADDR", "127.0.0.1:0");
    environment.insert("ADMIN_ADDR", "127.0.0.1:0");
    assert_eq!(faults_of(&environment).0, Vec::<String>::new());
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
    let names = |table: &[&[Variable]]| {
        table.iter().copied().flatten().map(|v| v.name).collect::<std::collections::BTreeSet<_>>()
    };
    let read = |effective: &[(&'static str, String)]| effective.iter().map(|(name, _)| *name).collect();
    let character = CharacterServiceConfig::read(&nothing).unwrap();
    assert_eq!(names(CharacterServiceConfig::VARIABLES), read(&character.effective));
    let token = BTreeMap::from([("STORAGE_SERVICE_TOKEN", "x")]);
    let storage = StorageServiceConfig::read(&token).unwrap();
    assert_eq!(names(StorageServiceConfig::VARIABLES), read(&storage.effective));
}
