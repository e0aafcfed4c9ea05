//! Requests that Schemathesis generates from the OpenAPI document, against a real service: boundary values, wrong values, and
//! sequences that follow the links from creations to reads, with the ids that the service returned.

use crate::support::{client, send};
use character_tests::Service;
use serde_json::Value;
use std::{collections::BTreeSet, env, fs, path::PathBuf, process::Command};

/// Where `deploy/test-dependencies.sh` installs it.
const INSTALLED: &str = "character-tests/schemathesis-4.32.5";
/// The seed of `make test`, so that it sends the same requests each time. `make hunt` has another one each time.
const SEED: &str = "1";
/// The checks of Schemathesis that do not apply: there is no access control and no required header, and the rules of the game are
/// not in the document.
const NOT_CHECKED: &str = "positive_data_acceptance,missing_required_header,ignored_auth,object_level_authorization";
/// Every server accepts headers that it does not know.
const SETTINGS: &str = "[generation]\nallow-extra-parameters = false\n";

/// Sequences of operations that follow the links. Their number is given, and not their time.
const SEQUENCES: [&str; 6] = ["--phases", "examples,stateful", "--mode", "positive", "--max-examples", "15"];
/// Boundary values and wrong values of every operation, for as many seconds as the last argument says.
const VALUES: [&str; 3] = ["--phases", "coverage,fuzzing", "--max-time"];
const SECONDS: &str = "25";

/// The header with which a client ends its request early: most of its values would make every answer 504.
const ENDS_EARLY: &str = "X-Request-Timeout-Ms";

/// The document of the service without that header.
async fn document(service: &Service) -> Value {
    let mut document = send(client().get(service.url("/openapi.json"))).await.body;
    let mut removed = 0;
    for path in document["paths"].as_object_mut().unwrap().values_mut() {
        for operation in path.as_object_mut().unwrap().values_mut() {
            let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else { continue };
            let before = parameters.len();
            parameters.retain(|parameter| parameter["name"] != ENDS_EARLY);
            removed += before - parameters.len();
        }
    }
    assert!(removed > 50, "the document names {ENDS_EARLY} {removed} times");
    document
}

fn installed() -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache");
    env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join(INSTALLED)
}

/// Sends generated requests; panics with the report when an answer is not as the document says.
fn generate(service: &Service, document: &Value, arguments: &[&str], is_hunt: bool) {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("schemathesis.toml");
    fs::write(&settings, SETTINGS).unwrap();
    let file = folder.path().join("openapi.json");
    fs::write(&file, document.to_string()).unwrap();
    let installed = installed();
    let mut command = Command::new("timeout");
    command
        .args(["1800", "python3"])
        .arg(installed.join("bin/schemathesis"))
        .args(["--config-file", settings.to_str().unwrap(), "run", file.to_str().unwrap(), "--url", &service.url("")])
        .args(arguments)
        .args(["--checks", "all", "--exclude-checks", NOT_CHECKED])
        // A stream has no end.
        .args(["--exclude-path", "/api/v2/stream"])
        .args(["--continue-on-failure", "--warnings", "off", "--request-timeout", "30"])
        .env("PYTHONPATH", &installed)
        .current_dir(folder.path());
    if !is_hunt {
        command.args(["--seed", SEED, "--no-shrink"]);
    }
    let done = command.output().expect("timeout is part of every system");
    let report = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{report}{}", String::from_utf8_lossy(&done.stderr));
    if is_hunt {
        eprintln!("{}", report.split("= SUMMARY =").last().unwrap_or_default());
    }
}

/// The operations that succeeded, as method and route.
async fn succeeded(service: &Service) -> BTreeSet<String> {
    let metrics = send(client().get(service.url("/metrics"))).await.body;
    let lines = metrics.as_str().unwrap().lines().filter(|line| line.starts_with("http_server_requests_total{"));
    lines.filter_map(|line| Some(line.split_once(",status=\"20")?.0.to_owned())).collect()
}

#[tokio::test]
async fn generated_requests_find_no_answer_that_the_document_does_not_describe() {
    let service = Service::character().start();
    let hunt = env::var("HUNT_SECONDS").ok();
    let is_hunt = hunt.is_some();
    let document = document(&service).await;
    generate(&service, &document, &SEQUENCES, is_hunt);
    // It reached rows that exist, also those below other rows: their ids came from the responses.
    let succeeded = succeeded(&service).await;
    let deep = succeeded.iter().filter(|operation| operation.matches('{').count() > 2).count();
    assert!(succeeded.len() >= 20 && deep >= 4, "only these operations succeeded: {succeeded:#?}");
    generate(&service, &document, &[&VALUES[..], &[hunt.as_deref().unwrap_or(SECONDS)]].concat(), is_hunt);
}
