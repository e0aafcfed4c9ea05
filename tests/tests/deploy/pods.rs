//! The pods of the manifests: probes, ports, the end of a pod, what it may do, and what keeps production available.

use crate::{
    manifests::{certificate, resolved},
    overlay::Overlay,
    support::{Answer, send, sheet, try_send, until},
    tools::{SERVICES, service, variables},
};
use character_tests::{PostgresServer, free_port};
use reqwest::{Certificate, ClientBuilder, Identity};
use serde_json::{Value, json};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

const PROBES: [&str; 3] = ["startupProbe", "livenessProbe", "readinessProbe"];
const PATIENCE: Duration = Duration::from_secs(30);

/// The port of an address such as `0.0.0.0:8000`.
fn port(address: &str) -> u64 {
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// The number of a port of the container, which a manifest gives by number or by name.
fn container_port(container: &Value, port: &Value) -> u64 {
    let ports = container["ports"].as_array().unwrap();
    let found = ports.iter().find(|found| found["containerPort"] == *port || found["name"] == *port);
    found.unwrap_or_else(|| panic!("{port} is not among {ports:?}"))["containerPort"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_programs_answer_every_probe_at_the_ports_of_the_manifests() {
    for overlay in Overlay::all() {
        for name in SERVICES {
            let folder = tempfile::tempdir().unwrap();
            let container = overlay.container(name);
            let mut builder = service(name);
            let mut ports = Vec::new();
            for (variable, mut value) in resolved(overlay, name, folder.path()) {
                if matches!(variable.as_str(), "LISTEN_ADDR" | "HEALTH_ADDR" | "ADMIN_ADDR") {
                    // Others may use the real ports of this machine.
                    let private = free_port();
                    ports.push((port(&value), private));
                    value = value.replace(&format!(":{}", port(&value)), &format!(":{private}"));
                }
                if variable == "DATABASE_URL_FILE" {
                    fs::write(&value, PostgresServer::shared().fresh_schema_url()).unwrap();
                }
                builder = builder.env(&variable, value);
            }
            let running = builder.spawn();
            // The kubelet verifies no certificate and has none.
            let kubelet =
                reqwest::Client::builder().timeout(PATIENCE).tls_danger_accept_invalid_certs(true).build().unwrap();
            for probe in PROBES {
                let get = &container[probe]["httpGet"];
                let published = container_port(container, &get["port"]);
                let (_, private) = ports.iter().find(|(real, _)| *real == published).expect("something listens there");
                let scheme = get["scheme"].as_str().unwrap_or("HTTP").to_lowercase();
                let url = format!("{scheme}://127.0.0.1:{private}{}", get["path"].as_str().unwrap());
                // The kubelet sends the address of the pod.
                let request = || kubelet.get(&url).header("host", format!("10.1.2.3:{published}"));
                until(PATIENCE, probe, request, |answer| answer.status == 200).await;
            }
            assert_eq!(container["ports"].as_array().unwrap().len(), 2, "the admin listener is not published");
            assert!(!running.output().contains(" ERROR "), "{}", running.output());
        }
    }
}

#[test]
fn with_tls_every_probe_and_every_address_between_the_services_is_https() {
    let mut addresses = 0;
    for overlay in Overlay::with_tls() {
        for name in SERVICES {
            for probe in PROBES {
                let get = &overlay.container(name)[probe]["httpGet"];
                assert_eq!(get["scheme"], "HTTPS", "{}: {probe} of {name}", overlay.name);
            }
            for (variable, value) in overlay.environment(name) {
                let value = format!("{value:?}");
                assert!(!value.contains("http://"), "{}: {name} has {variable}={value}", overlay.name);
                addresses += value.matches("https://").count();
            }
        }
        let asks = |name: &str| overlay.plain(name, "TLS_CLIENT_CA_FILE").is_some();
        let all_ask = overlay.name == "prod-client-certificates";
        assert_eq!(SERVICES.map(asks), [false, all_ask, all_ask], "{}", overlay.name);
    }
    assert_eq!(addresses, 2 * 4, "the Character Service has two addresses, each of the others one");
}

/// A client that trusts the authority of the test and finds the services on this machine. With the name of a service it
/// shows the certificate of that service.
fn caller(identity: Option<&str>) -> reqwest::Client {
    let authority = Certificate::from_pem(certificate("message-hub", "ca.crt").as_bytes()).unwrap();
    let mut builder = reqwest::Client::builder().timeout(PATIENCE).tls_certs_only([authority]);
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    builder = SERVICES.into_iter().fold(builder, |builder, name| builder.resolve(name, here));
    let with_identity = |builder: ClientBuilder, name: &str| {
        let pem = [certificate(name, "tls.key"), certificate(name, "tls.crt")].concat();
        builder.identity(Identity::from_pem(pem.as_bytes()).unwrap())
    };
    identity.into_iter().fold(builder, with_identity).build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_tls_the_services_call_each_other_by_the_names_of_their_certificates() {
    for overlay in Overlay::with_tls() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = folder.path().join("hosts");
        fs::write(&hosts, format!("127.0.0.1 localhost {}\n", SERVICES.join(" "))).unwrap();
        let urls = SERVICES.map(|name| {
            let published = port(&overlay.plain(name, "LISTEN_ADDR").unwrap());
            (format!("{name}:{published}"), format!("{name}:{}", free_port()))
        });
        let start = |index: usize| {
            let (name, files) = (SERVICES[index], folder.path().join(SERVICES[index]));
            fs::create_dir(&files).unwrap();
            let mut builder = service(name).hosts(&hosts);
            for (variable, mut value) in resolved(overlay, name, &files) {
                match variable.as_str() {
                    "LISTEN_ADDR" => value = urls[index].1.replace(name, "0.0.0.0"),
                    "HEALTH_ADDR" | "ADMIN_ADDR" => value = format!("127.0.0.1:{}", free_port()),
                    "DATABASE_URL_FILE" => fs::write(&value, PostgresServer::shared().fresh_schema_url()).unwrap(),
                    // The cache and the events of this test are in the process and in a file.
                    "REDIS_URL_FILE" | "NATS_URL_FILE" | "HUB_REPLICAS" => continue,
                    _ => urls.iter().for_each(|(published, private)| value = value.replace(published, private)),
                }
                builder = builder.env(&variable, value);
            }
            builder.spawn()
        };
        let running = [start(0), start(1), start(2)];
        let [characters, storage, hub] = urls.each_ref().map(|(_, url)| format!("https://{url}"));
        let player = caller(None);
        let is_up = |answer: &Answer, dependency: &str| answer.body["dependencies"][dependency]["status"] == "up";
        let health = || player.get(format!("{characters}/health"));
        let are_up = |answer: &Answer| is_up(answer, "storage") && is_up(answer, "message_hub");
        until(PATIENCE, "the storage and the hub by TLS", health, are_up).await;
        let created = send(player.post(format!("{characters}/api/v2/characters")).json(&sheet("Torormir"))).await;
        assert_eq!(created.status, 201, "{created:?}");

        // A service of the platform shows its certificate also where none is demanded.
        let known = caller(Some("character-service"));
        let health = || known.get(format!("{storage}/health"));
        until(PATIENCE, "the hub by TLS", health, |answer| is_up(answer, "message_hub")).await;
        let routed = || {
            let request = known.get(format!("{hub}/v1/services/storage-service/health/ready"));
            request.bearer_auth("a-hub-token-of-the-test")
        };
        let is_routed = |answer: &Answer| answer.status == 200 && !answer.header("x-hub-responder").is_empty();
        until(PATIENCE, "the storage through the hub by TLS", routed, is_routed).await;

        for url in [&storage, &hub] {
            let answer = try_send(player.get(format!("{url}/health/live"))).await;
            assert_eq!(answer.is_err(), overlay.name == "prod-client-certificates", "{}: {answer:?}", overlay.name);
        }
        for service in &running {
            assert_eq!(service.terminate(), 0, "{}", overlay.name);
        }
    }
}

#[test]
fn each_address_of_a_service_leads_through_its_service_object_to_the_port_it_listens_at() {
    for overlay in Overlay::all() {
        for (name, key) in [("storage-service", "storage-service-url"), ("message-hub", "message-hub-url")] {
            let maps = overlay.of_kind("ConfigMap");
            let url = maps.iter().find_map(|map| map["data"][key].as_str()).expect("the address is in a ConfigMap");
            let object = overlay.get("Service", name);
            let published = &object["spec"]["ports"][0];
            assert_eq!(url, format!("{}://{name}:{}", overlay.scheme(), published["port"]));
            let routed = overlay.plain("message-hub", "HUB_SERVICES").unwrap();
            assert!(name == "message-hub" || routed == format!("{name}={url}"), "{routed}");
        }
        for name in SERVICES {
            let object = overlay.get("Service", name);
            let labels = &overlay.get("Deployment", name)["spec"]["template"]["metadata"]["labels"];
            for (label, value) in object["spec"]["selector"].as_object().unwrap() {
                assert_eq!(labels[label], *value, "{name}");
            }
            let target = container_port(overlay.container(name), &object["spec"]["ports"][0]["targetPort"]);
            assert_eq!(target, port(&overlay.plain(name, "LISTEN_ADDR").unwrap()));
            let hosts = overlay.plain(name, "ALLOWED_HOSTS").unwrap();
            assert!(hosts.split(',').any(|host| host == name), "{name} answers under {hosts} only");
        }
    }
}

#[test]
fn a_pod_has_more_time_to_end_than_its_program_may_take() {
    for overlay in Overlay::all() {
        for name in SERVICES {
            let environment = overlay.environment(name);
            let seconds = |variable: &str| -> u64 {
                let set = overlay.plain(name, variable);
                set.or_else(|| variables(name)[variable].default.clone()).unwrap().parse().unwrap()
            };
            let (shutdown, drain) = (seconds("SHUTDOWN_SECS"), seconds("DRAIN_SECS"));
            let pause = overlay.container(name)["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
            let is_set = |variable: &str| {
                environment.contains_key(variable) || environment.contains_key(&format!("{variable}_FILE"))
            };
            let relay = if name == "message-hub" { 0 } else { 2 };
            // Calls through the hub have SHUTDOWN_SECS of their own beside the drain, before the listener stops.
            let presence = if name == "storage-service" { shutdown.max(5) } else { 0 };
            let is_embedded = match name {
                "character-service" => !is_set("STORAGE_SERVICE_URL"),
                "storage-service" => !is_set("DATABASE_URL"),
                _ => !is_set("NATS_URL"),
            };
            let database = if is_embedded { 30 } else { 0 };
            let needed = pause + presence.max(drain) + shutdown + relay + database;
            let grace = overlay.pod(name)["terminationGracePeriodSeconds"].as_u64().unwrap();
            assert!(grace > needed && pause >= 5, "{} {name}: {grace} s for {needed} s", overlay.name);
        }
    }
}

#[test]
fn every_pod_is_restricted_and_writes_to_data_and_tmp_only() {
    for overlay in Overlay::all() {
        let namespace = &overlay.of_kind("Namespace")[0]["metadata"]["labels"];
        assert_eq!(namespace["pod-security.kubernetes.io/enforce"], "restricted");
        assert_eq!(overlay.of_kind("Deployment").len(), SERVICES.len());
        for name in SERVICES {
            let (pod, container) = (overlay.pod(name), overlay.container(name));
            assert_eq!(
                (&pod["automountServiceAccountToken"], &pod["enableServiceLinks"]),
                (&json!(false), &json!(false))
            );
            let user = &pod["securityContext"];
            assert_eq!(
                (&user["runAsNonRoot"], &user["runAsUser"], &user["fsGroup"]),
                (&json!(true), &json!(65532), &json!(65532))
            );
            assert_eq!(user["seccompProfile"]["type"], "RuntimeDefault");
            let expected = json!({
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] }
            });
            assert_eq!(container["securityContext"], expected, "{name}");
            let mounts = container["volumeMounts"].as_array().unwrap();
            let mut writable: Vec<_> = mounts
                .iter()
                .filter(|mount| mount["readOnly"] != true)
                .map(|mount| mount["mountPath"].as_str().unwrap())
                .collect();
            writable.sort_unstable();
            assert_eq!(writable, ["/data", "/tmp"], "{} {name}", overlay.name);
            let image = container["image"].as_str().unwrap();
            let (image_name, tag) = image.rsplit_once(':').expect("an image has a version");
            assert!(image_name.ends_with(name) && tag == env!("CARGO_PKG_VERSION"), "{image}");
        }
    }
}

/// A number of bytes such as `768Mi`.
fn bytes(quantity: &Value) -> u64 {
    let text = quantity.as_str().unwrap();
    let (number, unit) = text.split_at(text.len() - 2);
    number.parse::<u64>().unwrap()
        << [("Ki", 10), ("Mi", 20), ("Gi", 30)].iter().find(|(name, _)| *name == unit).unwrap().1
}

#[test]
fn the_memory_limit_fits_the_budgets_of_the_program_and_its_processors_have_no_limit() {
    for overlay in Overlay::all() {
        for name in SERVICES {
            let known = variables(name);
            let budget = |variable: &str| -> u64 {
                let default = || known.get(variable).and_then(|variable| variable.default.clone());
                overlay.plain(name, variable).or_else(default).map_or(0, |text| text.parse().unwrap())
            };
            // As docs/sizing.md says, with what NATS needs. The Character Service also keeps compressed answers and written pages.
            let own = if name == "character-service" { 300 << 20 } else { 264 << 20 };
            let needed = own + budget("CACHE_MAX_BYTES") + 5 * budget("MAX_IN_FLIGHT_BYTES");
            let resources = &overlay.container(name)["resources"];
            assert!(bytes(&resources["limits"]["memory"]) >= needed, "{name} needs {needed} bytes: {resources}");
            assert_eq!(resources["limits"]["cpu"], Value::Null);
            assert!(resources["requests"]["cpu"].is_string() && resources["requests"]["memory"].is_string());
        }
    }
}

#[test]
fn production_keeps_enough_pods_through_rollouts_drains_and_failures() {
    let overlay = Overlay::of("prod");
    for name in SERVICES {
        let deployment = &overlay.get("Deployment", name)["spec"];
        assert_eq!(deployment["replicas"], Value::Null, "the autoscaler sets it");
        assert_eq!(deployment["strategy"]["rollingUpdate"], json!({ "maxUnavailable": 0, "maxSurge": 1 }));
        let scaler = &overlay.get("HorizontalPodAutoscaler", name)["spec"];
        assert_eq!(scaler["scaleTargetRef"]["name"], name);
        let (least, most) = (scaler["minReplicas"].as_u64().unwrap(), scaler["maxReplicas"].as_u64().unwrap());
        assert!(least >= 2 && most > least, "{name}: {least} to {most}");
        let budget = &overlay.get("PodDisruptionBudget", name)["spec"];
        assert_eq!(budget["maxUnavailable"], 1);
        let pods = json!({ "matchLabels": { "app.kubernetes.io/name": name } });
        assert_eq!((&budget["selector"], &deployment["selector"]), (&pods, &pods));
        let spread = overlay.pod(name)["topologySpreadConstraints"].as_array().unwrap();
        let keys: Vec<_> = spread.iter().map(|rule| rule["topologyKey"].as_str().unwrap()).collect();
        assert_eq!(keys, ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]);
        assert!(spread.iter().all(|rule| rule["labelSelector"] == pods), "{spread:?}");
    }
}

#[test]
fn in_development_one_process_alone_uses_each_file() {
    let overlay = Overlay::of("dev");
    for name in SERVICES {
        assert_eq!(overlay.get("Deployment", name)["spec"]["replicas"], 1);
    }
    for name in ["storage-service", "message-hub"] {
        assert_eq!(overlay.get("Deployment", name)["spec"]["strategy"], json!({ "type": "Recreate" }));
        let volumes = overlay.pod(name)["volumes"].as_array().unwrap();
        let data = volumes.iter().find(|volume| volume["name"] == "data").unwrap();
        assert_eq!(data, &json!({ "name": "data", "persistentVolumeClaim": { "claimName": name } }));
        overlay.get("PersistentVolumeClaim", name);
    }
}

/// Whether the selector selects pods with these labels.
fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector["matchLabels"].as_object();
    wanted.is_some_and(|wanted| !wanted.is_empty() && wanted.iter().all(|(label, value)| labels[label] == *value))
}

/// Whether the rules of a policy permit a connection with pods of these labels at one of these ports.
fn permits(rules: &Value, peers: &str, labels: &Value, ports: &[Value]) -> bool {
    rules.as_array().unwrap().iter().any(|rule| {
        let is_port = |port: &Value| ports.contains(&port["port"]);
        let is_other = |peer: &Value| selects(&peer["podSelector"], labels);
        rule["ports"].as_array().unwrap().iter().any(is_port)
            && rule[peers].as_array().is_some_and(|peers| peers.iter().any(is_other))
    })
}

#[test]
fn the_network_of_production_permits_the_calls_between_the_services_and_nothing_by_default() {
    let overlay = Overlay::of("prod");
    let nothing = &overlay.get("NetworkPolicy", "nothing-by-default")["spec"];
    assert_eq!(nothing, &json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] }));
    let listens = |name: &str| json!(port(&overlay.plain(name, "LISTEN_ADDR").unwrap()));
    let labels = |name: &str| &overlay.get("Deployment", name)["spec"]["template"]["metadata"]["labels"];
    for name in SERVICES {
        let selector = &overlay.get("NetworkPolicy", name)["spec"]["podSelector"];
        let selected: Vec<_> = SERVICES.into_iter().filter(|other| selects(selector, labels(other))).collect();
        assert_eq!(selected, [name]);
    }
    let calls = |from: &str, to: &str| {
        let rules = |name: &str, direction: &str| overlay.get("NetworkPolicy", name)["spec"][direction].clone();
        let (sends, takes) = (rules(from, "egress"), rules(to, "ingress"));
        let is_sent = permits(&sends, "to", labels(to), &[listens(to)]);
        let is_taken = permits(&takes, "from", labels(from), &[listens(to), json!("http")]);
        (is_sent, is_taken)
    };
    for (from, to) in [
        ("character-service", "storage-service"),
        ("character-service", "message-hub"),
        ("storage-service", "message-hub"),
        ("message-hub", "storage-service"),
    ] {
        assert_eq!(calls(from, to), (true, true), "{from} calls {to}");
    }
    assert_eq!(calls("storage-service", "character-service"), (false, false));
}
