//! The manifests for Kubernetes: valid, with the agreed names, and with an environment that the programs accept.

use crate::{
    overlay::{Origin, Overlay, copy},
    tools::{SERVICES, output, service, tool, variables},
};
use character_tests::Authority;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path, process::Output, sync::OnceLock};

/// The oldest version with the action `sleep` of preStop switched on, and the newest that the validator knows.
const KUBERNETES: [&str; 2] = ["1.30", "1.37"];

fn validate(text: &str, version: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manifests.yaml");
    fs::write(&file, text).unwrap();
    output(tool("kubernetes-validate").args(["--strict", "--kubernetes-version", version]).arg(file))
}

#[test]
fn every_overlay_is_valid_for_the_oldest_and_the_newest_kubernetes() {
    for overlay in Overlay::all() {
        for version in KUBERNETES {
            let valid = validate(&overlay.text, version);
            assert!(valid.status.success(), "{} {version}: {}", overlay.name, String::from_utf8_lossy(&valid.stderr));
        }
    }
    let misspelt = Overlay::of("dev").text.replace("readinessProbe:", "readynessProbe:");
    assert!(!validate(&misspelt, KUBERNETES[0]).status.success(), "the validator accepts an unknown field");
}

#[test]
fn the_character_service_finds_the_storage_under_the_agreed_names() {
    for overlay in Overlay::all() {
        let container = overlay.container("character-service");
        let variables = container["env"].as_array().unwrap();
        let variable = |name: &str| variables.iter().find(|variable| variable["name"] == name);
        let url = &variable("STORAGE_SERVICE_URL").unwrap()["valueFrom"]["configMapKeyRef"];
        assert_eq!(url["key"], "storage-service-url");
        assert!(without_hash(&url["name"]) == "service-urls", "{url}");
        let (secret, key) = match variable("STORAGE_SERVICE_TOKEN") {
            Some(token) => {
                let token = &token["valueFrom"]["secretKeyRef"];
                // In dev the Secret is generated, so its name ends in a hash too.
                (without_hash(&token["name"]).to_owned(), token["key"].as_str().unwrap().to_owned())
            }
            None => {
                let path = overlay.plain("character-service", "STORAGE_SERVICE_TOKEN_FILE").unwrap();
                overlay.mounted_secret("character-service", &path)
            }
        };
        assert_eq!((secret.as_str(), key.as_str()), ("service-tokens", "storage-service-token"), "{}", overlay.name);
        let probe = &container["livenessProbe"]["httpGet"];
        assert_eq!((&probe["path"], &probe["port"]), (&json!("/health"), &json!(8000)));
    }
}

#[test]
fn a_client_of_the_hub_stays_at_one_of_its_pods() {
    for overlay in Overlay::all() {
        let services = overlay.of_kind("Service");
        let hub = services.iter().find(|service| service["metadata"]["name"] == "message-hub").unwrap();
        assert_eq!(hub["spec"]["sessionAffinity"], "ClientIP", "{}", overlay.name);
    }
}

/// A name that a generator made, without the hash of the contents: ten letters and digits.
fn without_hash(name: &Value) -> &str {
    let name = name.as_str().unwrap();
    match name.rsplit_once('-') {
        Some((start, hash)) if hash.len() == 10 && hash.chars().all(|c| c.is_ascii_alphanumeric()) => start,
        _ => panic!("{name} has no hash of its contents"),
    }
}

#[test]
fn a_changed_setting_rolls_the_pods_that_use_it_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let copy = copy(folder.path());
    let file = copy.join("overlays/prod/kustomization.yaml");
    let before = Overlay::render_in(&copy, "prod");
    let text = fs::read_to_string(&file).unwrap();
    let changed = text.replace("DATABASE_POOL_SIZE=8", "DATABASE_POOL_SIZE=9");
    assert_ne!(text, changed);
    fs::write(&file, changed).unwrap();
    let after = Overlay::render_in(&copy, "prod");
    for service in SERVICES {
        let rolls = before.pod(service) != after.pod(service);
        assert_eq!(rolls, service == "storage-service", "{service}");
    }
}

#[test]
fn every_variable_of_a_manifest_is_one_of_its_program() {
    for service in SERVICES {
        let known = variables(service);
        for overlay in Overlay::all() {
            for name in overlay.environment(service).keys() {
                let file = name.strip_suffix("_FILE").and_then(|name| known.get(name));
                let is_known = known.contains_key(name) || file.is_some_and(|variable| variable.is_secret);
                assert!(is_known, "{}: {service} does not read {name}", overlay.name);
            }
        }
    }
}

#[test]
fn no_secret_of_production_is_in_a_manifest_or_in_a_variable() {
    for overlay in Overlay::of_production() {
        assert_eq!(overlay.of_kind("Secret"), Vec::<&Value>::new());
        for service in SERVICES {
            let known = variables(service);
            let mut files = 0;
            for (name, origin) in overlay.environment(service) {
                let Origin::Plain(value) = origin else { panic!("{service}: {name} is a variable with a secret") };
                let is_secret = known.get(&name).is_some_and(|variable| variable.is_secret);
                assert!(!is_secret, "{service}: {name} is in plain text");
                if name.ends_with("_FILE") {
                    overlay.mounted_secret(service, &value);
                    files += 1;
                }
            }
            assert!(files >= 2, "{service} has only {files} secrets");
        }
    }
}

#[test]
fn the_files_of_tls_are_the_keys_that_cert_manager_writes() {
    for overlay in Overlay::with_tls() {
        for service in SERVICES {
            let known = variables(service);
            let mut files = 0;
            // The variables of other secrets are known without the suffix.
            for name in overlay.environment(service).keys().filter(|name| known.contains_key(*name)) {
                let key = match name {
                    name if name.ends_with("CA_FILE") => "ca.crt",
                    name if name.ends_with("CERT_FILE") => "tls.crt",
                    name if name.ends_with("KEY_FILE") => "tls.key",
                    _ => continue,
                };
                let mounted = overlay.mounted_secret(service, &overlay.plain(service, name).unwrap());
                assert_eq!(mounted, (format!("{service}-tls"), key.to_owned()), "{}: {name}", overlay.name);
                files += 1;
            }
            assert!(files >= 3, "{}: {service} has only {files} files of TLS", overlay.name);
        }
    }
}

#[test]
fn the_components_change_no_port_and_nothing_else_of_production_than_the_pods_and_their_settings() {
    let plain = Overlay::of("prod");
    for overlay in Overlay::with_tls() {
        for kind in ["Service", "NetworkPolicy", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Namespace"] {
            assert!(!plain.of_kind(kind).is_empty(), "{kind}");
            assert_eq!(overlay.of_kind(kind), plain.of_kind(kind), "{}", overlay.name);
        }
        for service in SERVICES {
            assert_eq!(overlay.container(service)["ports"], plain.container(service)["ports"], "{service}");
            // Each setting of production is still there; only addresses have another value.
            for (name, before) in plain.environment(service) {
                let after = overlay.environment(service).remove(&name);
                let (Some(Origin::Plain(after)), Origin::Plain(before)) = (after, before) else { panic!("{name}") };
                assert_eq!(after, before.replace("http://", "https://"), "{service}: {name}");
            }
        }
    }
}

/// A key of the Secret of a service, as cert-manager writes it. One authority has signed all certificates, each for the
/// name of its service alone.
pub(crate) fn certificate(service: &str, key: &str) -> &'static str {
    static SECRETS: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    let secrets = SECRETS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path(), "authority");
        let mut secrets = BTreeMap::new();
        for name in SERVICES {
            let issued = authority.issue(name, &[&format!("DNS:{name}")]);
            let files =
                [("tls.crt", &*issued.certificate), ("tls.key", &issued.key), ("ca.crt", authority.certificate())];
            for (key, file) in files {
                secrets.insert(format!("{name}/{key}"), fs::read_to_string(file).unwrap());
            }
        }
        secrets
    });
    &secrets[&format!("{service}/{key}")]
}

/// The value of a secret that a test puts where the manifests have it. Nothing listens at its addresses.
fn secret(name: &str, key: &str) -> &'static str {
    if let Some(service) = name.strip_suffix("-tls") {
        return certificate(service, key);
    }
    match (name, key) {
        ("service-tokens", "storage-service-token") => "a-storage-token-of-the-test",
        ("service-tokens", "message-hub-token") => "a-hub-token-of-the-test",
        ("postgresql", "database-url") => "postgres://character:secret@127.0.0.1:1/character",
        ("redis", "redis-url") => "redis://:secret@127.0.0.1:1/0",
        ("nats", "nats-url") => "nats://hub:secret@127.0.0.1:1",
        _ => panic!("the test knows no secret {name} {key}"),
    }
}

/// The environment of the container with the secrets in variables, or in files of this folder as in the container.
pub(crate) fn resolved(overlay: &Overlay, service: &str, files: &Path) -> BTreeMap<String, String> {
    let resolve = |(name, origin): (String, Origin)| {
        let value = match origin {
            Origin::Secret { name, key } => secret(without_hash(&Value::String(name)), &key).to_owned(),
            Origin::Plain(path) if name.ends_with("_FILE") => {
                let (secret_name, key) = overlay.mounted_secret(service, &path);
                let file = files.join(format!("{secret_name}-{key}"));
                fs::write(&file, secret(&secret_name, &key)).unwrap();
                file.to_str().unwrap().to_owned()
            }
            Origin::Plain(_) if name == "DATA_DIR" => files.join("data").to_str().unwrap().to_owned(),
            Origin::Plain(value) => value,
        };
        (name, value)
    };
    overlay.environment(service).into_iter().map(resolve).collect()
}

#[test]
fn each_program_accepts_the_environment_of_each_overlay() {
    for overlay in Overlay::all() {
        for name in SERVICES {
            let folder = tempfile::tempdir().unwrap();
            let environment = resolved(overlay, name, folder.path());
            let known = variables(name);
            let check = |extra: Option<(&str, &str)>| {
                let mut command = service(name).arg("check");
                for (name, value) in &environment {
                    command = command.env(name, value);
                }
                extra.into_iter().fold(command, |command, (name, value)| command.env(name, value)).run()
            };
            let checked = check(None);
            // Nothing that it depends on runs, which is 1; a mistake in the configuration would be 2.
            assert!(matches!(checked.code, Some(0 | 1)), "{} {name}: {checked:?}", overlay.name);
            for (variable, value) in &environment {
                // Files of certificates are known by the whole name.
                let line = match variable.strip_suffix("_FILE").filter(|name| known.contains_key(*name)) {
                    Some(variable) => format!("{variable}=********\n"),
                    None if variable.ends_with("_TOKEN") => format!("{variable}=********\n"),
                    None => format!("{variable}={value}\n"),
                };
                assert!(checked.output.contains(&line), "{} {name}: no {line} in {}", overlay.name, checked.output);
            }
            assert_eq!(check(Some(("LISTEN_ADDR", "8000"))).code, Some(2), "a mistake is noticed");
        }
    }
}
