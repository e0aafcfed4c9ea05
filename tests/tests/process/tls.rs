//! TLS of every way in and out, with certificates of the test and real servers.

use super::{TOKEN, storage};
use crate::support::{Answer, sheet, try_send, until};
use character_tests::{
    Authority, Certificate, Finished, NatsRelease, NatsServer, PostgresServer, RedisServer, RedisTls, Service,
    ServiceBuilder, free_port,
};
use reqwest::Identity;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};

const LOCAL: [&str; 2] = ["DNS:localhost", "IP:127.0.0.1"];
const LIMIT: Duration = Duration::from_secs(30);

/// Certificates of one authority that everything here trusts, and of another that nothing trusts.
pub(super) struct Certificates {
    pub(super) folder: TempDir,
    pub(super) authority: Authority,
    pub(super) other: Authority,
    pub(super) server: Certificate,
    pub(super) client: Certificate,
}

impl Certificates {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Servers that do not run as root read what is in it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let authority = Authority::new(folder.path(), "authority");
        let other = Authority::new(folder.path(), "other");
        let (server, client) = (authority.issue("server", &LOCAL), authority.issue("client", &[]));
        Self { folder, authority, other, server, client }
    }

    /// TLS of the listeners.
    pub(super) fn serve(&self, builder: ServiceBuilder) -> ServiceBuilder {
        builder.env("TLS_CERT_FILE", &self.server.certificate).env("TLS_KEY_FILE", &self.server.key)
    }

    pub(super) fn trusting(&self, authority: &Authority, identity: Option<&Certificate>) -> reqwest::Client {
        let pem = fs::read(authority.certificate()).unwrap();
        let mut builder = reqwest::Client::builder().timeout(Duration::from_secs(20));
        builder = builder.tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()]);
        if let Some(identity) = identity {
            builder = builder.identity(Identity::from_pem(&identity.pem()).unwrap());
        }
        builder.build().unwrap()
    }

    pub(super) fn client(&self) -> reqwest::Client {
        self.trusting(&self.authority, None)
    }

    /// A NATS with TLS, which serves clients with a certificate of the authority in this file alone.
    pub(super) fn nats(&self, clients: &Path) -> NatsServer {
        NatsServer::start_with(
            NatsRelease::Current,
            &format!(
                "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: true }}",
                self.server.certificate.display(),
                self.server.key.display(),
                clients.display()
            ),
        )
    }

    /// A PostgreSQL with this certificate. Its role `strict`, once made, needs TLS and a certificate of the authority in the
    /// file `clients`.
    pub(super) fn postgres_with(&self, certificate: &Certificate, clients: &Path) -> PostgresServer {
        let keys = self.folder.path().join("postgres");
        fs::create_dir_all(&keys).unwrap();
        // PostgreSQL insists on a key that only its own account can read.
        let key = keys.join(certificate.key.file_name().unwrap());
        fs::copy(&certificate.key, &key).unwrap();
        let settings = [
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", certificate.certificate.display()),
            format!("ssl_key_file={}", key.display()),
            format!("ssl_ca_file={}", clients.display()),
            format!("hba_file={}", keys.join("hba").display()),
        ];
        let hba = "local all all trust\nhostssl all strict 127.0.0.1/32 trust clientcert=verify-ca\nhost all strict \
                   127.0.0.1/32 reject\nhost all all 127.0.0.1/32 trust\n";
        fs::write(keys.join("hba"), hba).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        PostgresServer::give(&key);
        PostgresServer::start_with(&settings.each_ref().map(String::as_str))
    }
}

pub(super) fn https(service: &Service, path: &str) -> String {
    format!("https://{}{path}", service.address())
}

/// The error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
}

/// Waits for the service, which only a client with TLS can ask.
pub(super) async fn up(service: &Service, client: &reqwest::Client) {
    let live = || client.get(https(service, "/health/live"));
    until(LIMIT, "the service is up", live, |answer| answer.status == 200).await;
}

/// Waits until `/health` says this of a dependency.
async fn health_says(client: &reqwest::Client, url: &str, dependency: &str, part: &str) {
    let says = |answer: &Answer| answer.body["dependencies"][dependency].to_string().contains(part);
    until(LIMIT, &format!("{dependency} says {part:?}"), || client.get(url), says).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_listener_has_tls_and_only_clients_with_a_certificate_are_served_but_for_probes() {
    let certificates = Certificates::new();
    let (admin, probes) = (free_port(), free_port());
    let service = certificates
        .serve(storage())
        .env("TLS_CLIENT_CA_FILE", certificates.authority.certificate())
        .env("ADMIN_ADDR", format!("127.0.0.1:{admin}"))
        .env("HEALTH_ADDR", format!("127.0.0.1:{probes}"))
        .spawn();
    let known = certificates.trusting(&certificates.authority, Some(&certificates.client));
    up(&service, &known).await;
    let port = service.address().port();
    let named = |port: u16, path: &str| format!("https://localhost:{port}{path}");
    for url in [named(port, "/health/ready"), named(admin, "/admin/storage"), named(probes, "/health/live")] {
        assert_eq!(try_send(known.get(&url)).await.unwrap().status, 200, "{url}");
    }
    let nameless = certificates.client();
    assert_eq!(try_send(nameless.get(named(probes, "/health/live"))).await.unwrap().status, 200);
    let foreign = certificates.other.issue("foreign", &[]);
    for client in [&nameless, &certificates.trusting(&certificates.authority, Some(&foreign))] {
        for port in [port, admin] {
            // The alert comes after the handshake of the client. Its library may notice the end of the connection first.
            for attempt in 1.. {
                let error = try_send(client.get(named(port, "/health/live"))).await.unwrap_err();
                let text = chain(&error).to_lowercase();
                if text.contains("certificate") || text.contains("unknownca") {
                    break;
                }
                assert!(attempt < 100 && text.contains("connection was not ready"), "{text}");
            }
        }
    }
    let suspicious = certificates.trusting(&certificates.other, Some(&certificates.client));
    let error = try_send(suspicious.get(https(&service, "/health/live"))).await.unwrap_err();
    assert!(chain(&error).contains("UnknownIssuer"), "{}", chain(&error));
    let plain = try_send(known.get(format!("http://{}/health/live", service.address()))).await.unwrap();
    assert_eq!((plain.status, &plain.body["code"]), (400, &"tls-required".into()), "{plain:?}");
    let metrics = try_send(known.get(https(&service, "/metrics"))).await.unwrap().body.to_string();
    assert!(metrics.contains("http_server_connections_ended_total{reason=\\\"tls_failed\\\"}"), "{metrics}");
    let failed = "http_server_connections_ended_total{reason=\"tls_failed\"}";
    let is_counted = |answer: &Answer| answer.metric(failed) > Some(0_u64);
    until(LIMIT, "a failed handshake is counted", || known.get(https(&service, "/metrics")), is_counted).await;
    assert!(metrics.contains("tls_certificate_expiry_timestamp_seconds{certificate=\\\"server\\\"}"), "{metrics}");
    assert_eq!(service.terminate(), 0);
}

/// What a port answers to these bytes until it ends the connection.
async fn answered(address: &str, sent: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The port may end the connection before all of it is sent.
    let _ = stream.write_all(sent).await;
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(LIMIT, stream.read_to_end(&mut answer)).await;
    ended.unwrap().unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_http_at_a_port_with_tls_is_answered_that_it_needs_https() {
    let certificates = Certificates::new();
    let (health, admin) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
    let service = certificates
        .serve(storage())
        .env("HEALTH_ADDR", &health)
        .env("ADMIN_ADDR", &admin)
        .env("CLIENT_TIMEOUT_SECS", "2")
        .spawn();
    up(&service, &certificates.client()).await;
    let large = [&b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n"[..], &[b'x'; 100_000]].concat();
    let requests: [&[u8]; 4] =
        [b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"g", &large];
    let main = service.address().to_string();
    for address in [&main, &health, &admin] {
        for request in requests {
            let answer = String::from_utf8(answered(address, request).await).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"), "{head}");
            let problem: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!((problem["code"].as_str(), problem["status"].as_u64()), (Some("tls-required"), Some(400)));
            assert!(problem["detail"].as_str().unwrap().contains("needs https://"), "{body}");
        }
        // Anything else is answered in TLS, by an alert.
        assert_eq!(answered(address, b"\x00\x01\x02\x03\x04\x05").await.first(), Some(&21));
    }
    // Its client does not close its side.
    let mut silent = TcpStream::connect(&main).await.unwrap();
    silent.write_all(b"G").await.unwrap();
    let metrics = || certificates.client().get(https(&service, "/metrics"));
    until(LIMIT, "only the connection that asks is open", metrics, |answer| {
        answer.metric("http_server_connections") == Some(1_u64)
    })
    .await;
    let ended = metrics().send().await.unwrap().text().await.unwrap();
    let failed =
        ended.lines().find(|line| line.starts_with("http_server_connections_ended_total{reason=\"tls_failed\"}"));
    assert!(failed.is_some_and(|line| !line.ends_with(" 0")), "{ended}");
    assert!(service.output().contains("answered a request without TLS"), "{}", service.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_replaced_under_load_and_no_connection_is_dropped() {
    let certificates = Certificates::new();
    let service = certificates.serve(Service::character()).spawn();
    let client = certificates.client();
    up(&service, &client).await;
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut load = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (client, url) = (certificates.client(), https(&service, "/api/v2/characters"));
        let (stop, served) = (Arc::clone(&stop), Arc::clone(&served));
        load.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let answer = try_send(client.post(&url).json(&sheet("Kept"))).await;
                assert_eq!(answer.as_ref().map(|answer| answer.status).ok(), Some(201), "{answer:?}");
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    // The key of another certificate, for a moment, as a tool leaves it that writes one file after the other.
    let next = certificates.other.issue("next", &LOCAL);
    fs::copy(&next.certificate, &certificates.server.certificate).unwrap();
    service.await_output("TLS_KEY_FILE: the key does not belong to the certificate");
    let before = served.load(Ordering::Relaxed);
    fs::copy(&next.key, &certificates.server.key).unwrap();
    let suspicious = certificates.trusting(&certificates.other, None);
    up(&service, &suspicious).await;
    let error = try_send(certificates.client().get(https(&service, "/health/live"))).await.unwrap_err();
    assert!(chain(&error).contains("UnknownIssuer"), "a new connection sees the new certificate: {}", chain(&error));
    let end = Instant::now() + LIMIT;
    while served.load(Ordering::Relaxed) < before + 20 {
        assert!(Instant::now() < end, "the load goes on over its connections");
        sleep(Duration::from_millis(10)).await;
    }
    stop.store(true, Ordering::Relaxed);
    load.join_all().await;
    let metrics = try_send(suspicious.get(https(&service, "/metrics"))).await.unwrap().body.to_string();
    for line in [
        "setting_changes_total{setting=\\\"TLS\\\",outcome=\\\"applied\\\"} 1",
        "setting_changes_total{setting=\\\"TLS\\\",outcome=\\\"refused\\\"} 1",
        "setting_refused{setting=\\\"TLS\\\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is missing in {metrics}");
    }
}

#[test]
fn a_changed_file_of_certificates_that_cannot_be_used_is_named_with_its_variable_and_the_reason() {
    let certificates = Certificates::new();
    let ca = certificates.folder.path().join("clients.pem");
    fs::copy(certificates.authority.certificate(), &ca).unwrap();
    let service = storage()
        .env("TLS_CERT_FILE", &certificates.server.certificate)
        .env("TLS_KEY_FILE", &certificates.server.key)
        .env("TLS_CLIENT_CA_FILE", &ca)
        .spawn();
    service.await_output("listens on");
    fs::write(&ca, "no certificate").unwrap();
    service.await_output("TLS_CLIENT_CA_FILE: holds no certificate; expected a PEM block");
    fs::remove_file(&ca).unwrap();
    service.await_output("TLS_CLIENT_CA_FILE: cannot be read: No such file");
    let of_clients = certificates.authority.issue_for_clients("of-clients", &LOCAL);
    fs::copy(certificates.authority.certificate(), &ca).unwrap();
    fs::copy(&of_clients.key, &certificates.server.key).unwrap();
    fs::copy(&of_clients.certificate, &certificates.server.certificate).unwrap();
    service.await_output("TLS_CERT_FILE: the certificate is not for servers");
    assert_eq!(service.terminate(), 0);
}

#[test]
fn every_mistake_of_certificates_is_named_with_its_variable_at_the_start() {
    let certificates = Certificates::new();
    let expired = certificates.authority.issue_expired("expired");
    let of_clients = certificates.authority.issue_for_clients("of-clients", &LOCAL);
    let at = |name: &str| certificates.folder.path().join(name);
    fs::write(at("empty"), "").unwrap();
    let (right, other) = (&certificates.server, &certificates.client);
    let refused = |set: &[(&str, &Path)]| {
        let builder = set.iter().fold(storage(), |builder, (name, path)| builder.env(name, path));
        let ended: Finished = builder.run();
        assert_eq!(ended.code, Some(2), "{ended:?}");
        ended.errors
    };
    let pair = |certificate, key| [("TLS_CERT_FILE", certificate), ("TLS_KEY_FILE", key)];
    for (set, named) in [
        (&pair(&*at("absent"), &*right.key)[..], "TLS_CERT_FILE=\"/"),
        (&pair(&*right.certificate, &*at("empty")), "holds no private key"),
        (&pair(&*at("empty"), &*right.key), "holds no certificate"),
        (&pair(&*right.certificate, &*other.key), "the key does not belong to the certificate"),
        (&pair(&*expired.certificate, &*expired.key), "the certificate expired at 2020-02-01T00:00:00Z"),
        (&pair(&*of_clients.certificate, &*of_clients.key), "its extended key usage must list serverAuth"),
        (&[("TLS_CERT_FILE", &*right.certificate)], "TLS_KEY_FILE: must be set together with TLS_CERT_FILE"),
        (&[("TLS_CLIENT_CA_FILE", &*right.certificate)], "TLS_CERT_FILE: must be set together with TLS_CLIENT_CA_FILE"),
        (&[("MESSAGE_HUB_CA_FILE", &*right.certificate)], "MESSAGE_HUB_CA_FILE: has no effect"),
    ] {
        let errors = refused(set);
        assert!(errors.contains(named), "{named} is not in {errors}");
    }
    let both = Service::character()
        .env("STORAGE_SERVICE_URL", "http://127.0.0.1:1")
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("STORAGE_CA_FILE", certificates.authority.certificate())
        .env("REDIS_URL", "rediss://127.0.0.1:1")
        .env("REDIS_CA_FILE", at("empty"))
        .run();
    assert_eq!(both.code, Some(2));
    assert!(both.errors.contains("STORAGE_CA_FILE: has no effect"), "{both:?}");
    assert!(both.errors.contains("REDIS_CA_FILE=") && both.errors.contains("holds no certificate"), "{both:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_storage_service_is_called_with_an_own_authority_and_a_client_certificate() {
    let certificates = Certificates::new();
    let storage = certificates.serve(storage()).env("TLS_CLIENT_CA_FILE", certificates.authority.certificate()).spawn();
    up(&storage, &certificates.trusting(&certificates.authority, Some(&certificates.client))).await;
    let over = |authority: &Authority, client: Option<&Certificate>| {
        let builder = Service::character()
            .env("STORAGE_SERVICE_URL", https(&storage, ""))
            .env("STORAGE_SERVICE_TOKEN", TOKEN)
            // Every probe says why it failed.
            .env("STORAGE_BREAKER_FAILURES", "1000000")
            .env("STORAGE_CA_FILE", authority.certificate());
        match client {
            Some(client) => builder.env("STORAGE_CERT_FILE", &client.certificate).env("STORAGE_KEY_FILE", &client.key),
            None => builder,
        }
        .start()
    };
    let plain = crate::support::client();
    let service = over(&certificates.authority, Some(&certificates.client));
    let created = try_send(plain.post(service.url("/api/v2/characters")).json(&sheet("Encrypted"))).await.unwrap();
    assert_eq!(created.status, 201, "{created:?}");
    for (service, reason) in [
        (over(&certificates.other, Some(&certificates.client)), "no trusted authority has signed"),
        (over(&certificates.authority, None), "client certificate"),
    ] {
        service.await_output("listens on");
        health_says(&plain, &service.url("/health"), "storage", reason).await;
    }
}

#[test]
fn postgresql_is_reached_with_tls_as_its_own_clients_do_it() {
    let certificates = Certificates::new();
    let elsewhere = certificates.authority.issue("elsewhere", &["DNS:elsewhere.example"]);
    let server =
        |certificate: &Certificate| certificates.postgres_with(certificate, certificates.authority.certificate());
    let check = |port: u16, user: &str, options: &str| {
        let url = format!("postgres://{user}@127.0.0.1:{port}/postgres?{options}");
        let ended = storage().env("DATABASE_URL", url).arg("check").run();
        format!("{:?} {} {}", ended.code, ended.output, ended.errors)
    };
    let (ca, other) = (certificates.authority.certificate().display(), certificates.other.certificate().display());
    let (own, key) = (certificates.client.certificate.display(), certificates.client.key.display());
    // A database that is not ours shows that the connection was made.
    let made = "the database has no tables of the service";
    let right = server(&certificates.server);
    right.query("CREATE ROLE strict LOGIN");
    let with_identity = format!("sslmode=verify-full&sslrootcert={ca}&sslcert={own}&sslkey={key}");
    for (user, options) in [
        ("postgres", "sslmode=disable".to_owned()),
        ("postgres", "sslmode=require".to_owned()),
        ("postgres", format!("sslmode=require&sslrootcert={ca}")),
        ("postgres", format!("sslmode=verify-ca&sslrootcert={ca}")),
        ("postgres", format!("sslmode=verify-full&sslrootcert={ca}")),
        ("strict", with_identity.clone()),
    ] {
        let said = check(right.port(), user, &options);
        assert!(said.contains(made), "{options}: {said}");
    }
    for (user, options, reason) in [
        ("postgres", format!("sslmode=verify-full&sslrootcert={other}"), "no trusted authority has signed"),
        ("postgres", format!("sslmode=require&sslrootcert={other}"), "no trusted authority has signed"),
        ("strict", format!("sslmode=verify-full&sslrootcert={ca}"), "certificate"),
        ("strict", "sslmode=disable".to_owned(), "without TLS"),
    ] {
        let said = check(right.port(), user, &options);
        assert!(said.contains(reason), "{options}: {said}");
    }
    let wrong = server(&elsewhere);
    let said = check(wrong.port(), "postgres", &format!("sslmode=verify-full&sslrootcert={ca}"));
    assert!(said.contains("another host name"), "{said}");
    let said = check(wrong.port(), "postgres", &format!("sslmode=verify-ca&sslrootcert={ca}"));
    assert!(said.contains(made), "{said}");
    let plain = PostgresServer::shared();
    let said = check(plain.port(), "postgres", "sslmode=require");
    assert!(said.contains("does not offer it"), "{said}");
    // All of the service, the reader of the log included, over TLS alone.
    right.query("CREATE DATABASE served OWNER strict");
    let url = format!("postgres://strict@127.0.0.1:{}/served?{with_identity}", right.port());
    let service = storage().env("DATABASE_URL", url).start();
    let encrypted = "SELECT count(*) || ' ' || count(*) FILTER (WHERE s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a \
                     USING (pid) WHERE a.datname = 'served'";
    let counts = right.query(encrypted);
    let (all, with_tls) = counts.split_once(' ').unwrap();
    assert!(all == with_tls && all != "0", "{counts}: {}", service.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_is_reached_with_an_own_authority_and_a_client_certificate() {
    let certificates = Certificates::new();
    // Any server with TLS serves: it answers that it is no collector, which only a client that trusts it can read.
    let collector =
        certificates.serve(storage()).env("TLS_CLIENT_CA_FILE", certificates.authority.certificate()).spawn();
    let sending = |authority: &Authority| {
        Service::character()
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", https(&collector, ""))
            .env("OTEL_EXPORTER_OTLP_CERTIFICATE", authority.certificate())
            .env("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &certificates.client.certificate)
            .env("OTEL_EXPORTER_OTLP_CLIENT_KEY", &certificates.client.key)
            .env("OTEL_METRIC_EXPORT_INTERVAL", "200")
            .env("LOG_REPEATS_PER_MINUTE", "1000")
            .start()
    };
    sending(&certificates.authority).await_output("the collector answered 404");
    sending(&certificates.other).await_output("the collector cannot be reached");
    let plain = Service::character()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
        .env("OTEL_EXPORTER_OTLP_CERTIFICATE", certificates.authority.certificate())
        .arg("check")
        .run();
    assert_eq!(plain.code, Some(2), "{plain:?}");
    assert!(plain.errors.contains("OTEL_EXPORTER_OTLP_CERTIFICATE"), "{plain:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_reached_with_tls_an_own_authority_and_a_client_certificate() {
    let certificates = Certificates::new();
    let redis = RedisServer::start_with_tls(&[], &RedisTls::of(&certificates.authority));
    let port = redis.served_port();
    let service = |authority: &Authority, client: Option<&Certificate>| {
        let builder = Service::character()
            .env("REDIS_URL", format!("rediss://127.0.0.1:{port}/0"))
            .env("REDIS_CONNECT_TIMEOUT_MS", "5000")
            .env("REDIS_TIMEOUT_MS", "5000")
            .env("REDIS_CA_FILE", authority.certificate());
        match client {
            Some(client) => builder.env("REDIS_CERT_FILE", &client.certificate).env("REDIS_KEY_FILE", &client.key),
            None => builder,
        }
        .start()
    };
    let plain = crate::support::client();
    for (service, said) in [
        (service(&certificates.authority, Some(&certificates.client)), "\"up\""),
        (service(&certificates.other, Some(&certificates.client)), "no trusted authority has signed"),
        (service(&certificates.authority, None), "Redis cannot be used"),
    ] {
        health_says(&plain, &service.url("/health"), "redis", said).await;
    }
    drop(redis);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_and_the_services_behind_it_have_tls_on_every_way() {
    let certificates = Certificates::new();
    let (ca, client) = (certificates.authority.certificate(), &certificates.client);
    let hub = certificates
        .serve(Service::message_hub())
        .env("MESSAGE_HUB_TOKEN", TOKEN)
        .env("SERVICES_CA_FILE", ca)
        .env("SERVICES_CERT_FILE", &client.certificate)
        .env("SERVICES_KEY_FILE", &client.key)
        .spawn();
    let of_hub = |builder: ServiceBuilder| {
        let builder = builder.env("MESSAGE_HUB_URL", https(&hub, "")).env("MESSAGE_HUB_TOKEN", TOKEN);
        builder.env("MESSAGE_HUB_CA_FILE", ca)
    };
    let plain = of_hub(certificates.serve(storage())).env("ADVERTISE_URL", "http://{listen}").run();
    assert!(plain.errors.contains("ADVERTISE_URL: must start with https://"), "{plain:?}");
    let storage = of_hub(certificates.serve(storage()))
        .env("TLS_CLIENT_CA_FILE", ca)
        .env("ADVERTISE_URL", "https://{listen}")
        .spawn();
    let through = of_hub(Service::character())
        .env("STORAGE_SERVICE_URL", "hub:storage")
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .start();
    let plain = crate::support::client();
    let created = crate::support::until(
        LIMIT,
        "a character is created through the hub",
        || plain.post(through.url("/api/v2/characters")).json(&sheet("Far away")),
        |answer| answer.status == 201,
    );
    assert_eq!(created.await.body["name"], "Far away");
    assert_eq!(storage.terminate(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_is_reached_with_tls_and_requests_reach_a_service_with_tls_through_it() {
    let certificates = Certificates::new();
    let nats = certificates.nats(certificates.authority.certificate());
    let url = format!("tls://127.0.0.1:{}", nats.port());
    let over = |builder: ServiceBuilder, authority: &Authority| {
        builder
            .env("MESSAGE_HUB_URL", &url)
            .env("MESSAGE_HUB_CA_FILE", authority.certificate())
            .env("MESSAGE_HUB_CERT_FILE", &certificates.client.certificate)
            .env("MESSAGE_HUB_KEY_FILE", &certificates.client.key)
    };
    // The hub's requests come in although the service has TLS itself and asks clients for certificates.
    let storage = certificates.serve(over(storage(), &certificates.authority));
    let storage = storage.env("TLS_CLIENT_CA_FILE", certificates.authority.certificate()).spawn();
    let known = certificates.trusting(&certificates.authority, Some(&certificates.client));
    up(&storage, &known).await;
    health_says(&known, &https(&storage, "/health"), "message_hub", "\"up\"").await;
    storage.await_output("requests from NATS are answered");
    let through = over(Service::character(), &certificates.authority)
        .env("STORAGE_SERVICE_URL", "hub:storage")
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .start();
    let plain = crate::support::client();
    let created = crate::support::until(
        LIMIT,
        "a character is created through NATS",
        || plain.post(through.url("/api/v2/characters")).json(&sheet("Far away")),
        |answer| answer.status == 201,
    );
    assert_eq!(created.await.body["name"], "Far away");
    let suspicious = over(Service::character(), &certificates.other).start();
    health_says(&plain, &suspicious.url("/health"), "message_hub", "events wait").await;
    let hub = Service::message_hub()
        .env("MESSAGE_HUB_TOKEN", TOKEN)
        .env("NATS_URL", &url)
        .env("NATS_CA_FILE", certificates.authority.certificate())
        .env("NATS_CERT_FILE", &certificates.client.certificate)
        .env("NATS_KEY_FILE", &certificates.client.key)
        .start();
    health_says(&plain, &hub.url("/health"), "hub", "\"up\"").await;
}
