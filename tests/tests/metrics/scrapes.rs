//! The examples of a configuration lead Prometheus to every service, with and without TLS. Those for a cluster are given the
//! labels of its pods, since Debian's Prometheus knows no cluster.

use super::{TOKEN, rules::folder};
use crate::support::{client, send};
use character_tests::{Authority, PrometheusServer, Service, ServiceBuilder, required_program};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(30);
const SERVICES: [(&str, u16); 3] = [("character-service", 8000), ("storage-service", 8100), ("message-hub", 8200)];
/// How the examples for a cluster find the pods.
const DISCOVERY: &str =
    "    kubernetes_sd_configs:\n      - role: pod\n        namespaces:\n          names: [characters]\n";

/// The services by their names.
type Services = BTreeMap<&'static str, Service>;

fn services(started: impl Fn(ServiceBuilder, &str) -> Service) -> Services {
    let build = |name| match name {
        "character-service" => Service::character().env("ALLOWED_HOSTS", ""),
        "storage-service" => Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN),
        _ => Service::message_hub().env("MESSAGE_HUB_TOKEN", TOKEN),
    };
    SERVICES.into_iter().map(|(name, _)| (name, started(build(name), name))).collect()
}

fn example(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

/// The pods as a cluster would describe them: of each service its two ports, and another program of the namespace.
fn pods(services: &Services) -> String {
    let mut text = "    static_configs:\n".to_owned();
    let nothing = "127.0.0.1:1".to_owned();
    let others = [("other", "http", nothing.clone())];
    let ports = services.iter().flat_map(|(name, service)| {
        [(*name, "http", service.address().to_string()), (*name, "health", nothing.clone())]
    });
    for (name, port, address) in ports.chain(others) {
        text += &format!(
            "      - targets: [\"{address}\"]\n        labels:\n          \
             __meta_kubernetes_pod_label_app_kubernetes_io_name: {name}\n          \
             __meta_kubernetes_pod_container_port_name: {port}\n          __meta_kubernetes_pod_name: {name}-0\n"
        );
    }
    text
}

/// A Prometheus with the example, whose targets are these services, and whose certificates are in this folder.
fn scraping(example: &str, services: &Services, certificates: &Path) -> PrometheusServer {
    let mut text = example.replace(DISCOVERY, &pods(services)).replace("scrape_interval: 15s", "scrape_interval: 1s");
    for (name, port) in SERVICES {
        text = text.replace(&format!("\"127.0.0.1:{port}\""), &format!("\"{}\"", services[name].address()));
    }
    let text = text.replace("/etc/prometheus/tls/", &format!("{}/", certificates.display()));
    let rules = fs::read_to_string(folder().join("rules.yml")).unwrap();
    let checked = tempfile::tempdir().unwrap();
    fs::write(checked.path().join("prometheus.yml"), &text).unwrap();
    fs::write(checked.path().join("rules.yml"), &rules).unwrap();
    let mut promtool = Command::new(required_program("promtool", "prometheus"));
    let done = promtool.args(["check", "config", "prometheus.yml"]).current_dir(checked.path()).output().unwrap();
    assert!(done.status.success(), "{}\n{text}", String::from_utf8_lossy(&done.stderr));
    PrometheusServer::start(&text, &rules)
}

/// Waits until the target of each service is as wanted, by the name of its job; of those in a cluster the instance is the pod.
async fn until_scraped(prometheus: &PrometheusServer, is_up: impl Fn(&str) -> bool, is_in_cluster: bool) {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = send(client().get(prometheus.url("/api/v1/targets?state=active"))).await;
        // A Prometheus that has just begun has no targets yet, and says so with another body.
        let targets = answer.body["data"]["activeTargets"].as_array().map(Vec::as_slice).unwrap_or_default();
        let found: BTreeMap<_, _> = targets
            .iter()
            .map(|target| (target["labels"]["job"].as_str().unwrap(), target["health"].as_str().unwrap()))
            .collect();
        let wanted = SERVICES.map(|(name, _)| (name, if is_up(name) { "up" } else { "down" }));
        if found == wanted.into() {
            assert_eq!(targets.len(), SERVICES.len(), "{targets:?}");
            let is_pod = |target: &serde_json::Value| {
                target["labels"]["instance"] == format!("{}-0", target["labels"]["job"].as_str().unwrap())
            };
            assert!(targets.iter().all(|target| is_pod(target) == is_in_cluster), "{targets:?}");
            return;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {targets:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_examples_find_each_service_and_nothing_else() {
    let services = services(|builder, _| builder.start());
    let [plain, in_cluster] =
        ["prometheus.yml", "prometheus.kubernetes.yml"].map(|name| scraping(&example(name), &services, Path::new("/")));
    until_scraped(&plain, |_| true, false).await;
    until_scraped(&in_cluster, |_| true, true).await;
}

#[tokio::test]
async fn the_examples_with_tls_find_each_service_and_have_a_certificate_where_one_is_demanded() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let own = authority.issue_for_clients("prometheus", &[]);
    let files = [(authority.certificate(), "ca.crt"), (&own.certificate, "tls.crt"), (&own.key, "tls.key")];
    for (file, name) in files {
        fs::copy(file, folder.path().join(name)).unwrap();
    }
    // As the component `client-certificates` has it.
    let demands = |name: &str| name != "character-service";
    let services = services(|builder, name| {
        let issued = authority.issue(name, &[&format!("DNS:{name}")]);
        let builder = builder.env("TLS_CERT_FILE", &issued.certificate).env("TLS_KEY_FILE", &issued.key);
        if demands(name) { builder.env("TLS_CLIENT_CA_FILE", authority.certificate()).spawn() } else { builder.spawn() }
    });
    // All are started first, since each takes some seconds to find its targets.
    let started =
        [("prometheus.tls.yml", false), ("prometheus.kubernetes.tls.yml", true)].map(|(name, is_in_cluster)| {
            let text = example(name);
            let with = text
                .replace("      # cert_file: ", "      cert_file: ")
                .replace("      # key_file: ", "      key_file: ");
            assert_ne!(text, with);
            ([text, with].map(|text| scraping(&text, &services, folder.path())), is_in_cluster)
        });
    for ([without, with], is_in_cluster) in &started {
        until_scraped(without, |name| !demands(name), *is_in_cluster).await;
        until_scraped(with, |_| true, *is_in_cluster).await;
    }
}
