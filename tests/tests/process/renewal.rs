//! Client certificates that are replaced while the services run are shown on every way out.

use super::{
    TOKEN,
    rotation::Mounted,
    storage,
    tls::{Certificates, https, up},
};
use crate::support::{Answer, client, until};
use character_tests::{Certificate, RedisServer, RedisTls, Service};
use std::{
    fs,
    time::{Duration, Instant},
};
use tokio::time::sleep;

const LIMIT: Duration = Duration::from_secs(30);
/// What `/health` says of a server that does not trust the client certificate.
const UNTRUSTED: &str = "does not trust the authority of the client certificate";
/// The same of NATS, whose client does not report why; the log of the server does.
const UNCONNECTED: &str = "there is no connection to NATS";

/// A dependency of a running service, which it shows its client certificate.
struct Way<'a> {
    service: &'a Service,
    /// Its name in `/health`.
    dependency: &'static str,
    /// What `/health` says of a certificate that the server does not trust.
    refusal: &'static str,
}

impl Way<'_> {
    async fn says(&self, when: &str, part: &str) {
        let what = format!("{when}, {} of {} says {part:?}", self.dependency, self.service.address());
        let health = || client().get(self.service.url("/health"));
        let says = |answer: &Answer| answer.body["dependencies"][self.dependency].to_string().contains(part);
        until(LIMIT, &what, health, says).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_client_certificate_is_shown_on_new_connections_to_every_kind_of_server() {
    let certificates = Certificates::new();
    let next = certificates.other.issue("next", &[]);
    let text = |certificate: &Certificate| {
        [&certificate.certificate, &certificate.key].map(|path| fs::read_to_string(path).unwrap())
    };
    let ([first_certificate, first_key], [next_certificate, next_key]) = (text(&certificates.client), text(&next));
    let own = Mounted::new(&[("tls.crt", &first_certificate), ("tls.key", &first_key)]);
    let (certificate, key) = (own.path("tls.crt"), own.path("tls.key"));
    // The authority whose clients the servers serve.
    let clients = certificates.folder.path().join("clients.pem");
    fs::copy(certificates.authority.certificate(), &clients).unwrap();
    let ca = certificates.authority.certificate();

    let far_storage = certificates.serve(storage()).env("TLS_CLIENT_CA_FILE", &clients).spawn();
    let far_hub = certificates
        .serve(Service::message_hub())
        .env("MESSAGE_HUB_TOKEN", TOKEN)
        .env("TLS_CLIENT_CA_FILE", &clients)
        .spawn();
    let redis = RedisServer::start_with_tls(&[], &RedisTls::of(&certificates.authority).with_clients_of(&clients));
    let nats = certificates.nats(&clients);
    let postgres = certificates.postgres_with(&certificates.server, &clients);
    postgres.query("CREATE ROLE strict LOGIN");
    postgres.query("CREATE DATABASE served OWNER strict");
    let known = certificates.trusting(&certificates.authority, Some(&certificates.client));
    up(&far_storage, &known).await;
    up(&far_hub, &known).await;

    let characters = Service::character()
        .env("STORAGE_SERVICE_URL", https(&far_storage, ""))
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("STORAGE_CA_FILE", ca)
        .env("STORAGE_CERT_FILE", &certificate)
        .env("STORAGE_KEY_FILE", &key)
        // Every probe says why it failed.
        .env("STORAGE_RETRY_MAX", "0")
        .env("STORAGE_BREAKER_FAILURES", "1000000")
        .env("MESSAGE_HUB_URL", https(&far_hub, ""))
        .env("MESSAGE_HUB_TOKEN", TOKEN)
        .env("MESSAGE_HUB_CA_FILE", ca)
        .env("MESSAGE_HUB_CERT_FILE", &certificate)
        .env("MESSAGE_HUB_KEY_FILE", &key)
        .env("REDIS_URL", format!("rediss://127.0.0.1:{}/0", redis.served_port()))
        .env("REDIS_CONNECT_TIMEOUT_MS", "5000")
        .env("REDIS_TIMEOUT_MS", "5000")
        .env("REDIS_CA_FILE", ca)
        .env("REDIS_CERT_FILE", &certificate)
        .env("REDIS_KEY_FILE", &key)
        .start();
    let nats_url = format!("tls://127.0.0.1:{}", nats.port());
    let database = format!(
        "postgres://strict@127.0.0.1:{}/served?sslmode=verify-full&sslrootcert={}&sslcert={}&sslkey={}",
        postgres.port(),
        ca.display(),
        certificate.display(),
        key.display()
    );
    let storage = storage()
        .env("DATABASE_URL", database)
        .env("MESSAGE_HUB_URL", &nats_url)
        .env("MESSAGE_HUB_CA_FILE", ca)
        .env("MESSAGE_HUB_CERT_FILE", &certificate)
        .env("MESSAGE_HUB_KEY_FILE", &key)
        .start();
    let hub = Service::message_hub()
        .env("MESSAGE_HUB_TOKEN", TOKEN)
        .env("NATS_URL", &nats_url)
        .env("NATS_CA_FILE", ca)
        .env("NATS_CERT_FILE", &certificate)
        .env("NATS_KEY_FILE", &key)
        .start();
    let ways = [
        (&characters, "storage", UNTRUSTED),
        (&characters, "message_hub", UNTRUSTED),
        (&characters, "redis", UNTRUSTED),
        (&storage, "database", UNTRUSTED),
        (&storage, "message_hub", UNCONNECTED),
        (&hub, "hub", UNCONNECTED),
    ]
    .map(|(service, dependency, refusal)| Way { service, dependency, refusal });
    for way in &ways {
        way.says("with the first certificate", "\"up\"").await;
    }
    let processes = [&characters, &storage, &hub].map(Service::pid);

    // From now on the servers know the authority of the next certificate alone.
    fs::copy(certificates.other.certificate(), &clients).unwrap();
    far_storage.respawn();
    far_hub.respawn();
    redis.restart();
    nats.restart();
    postgres.restart();
    let known = certificates.trusting(&certificates.authority, Some(&next));
    up(&far_storage, &known).await;
    up(&far_hub, &known).await;
    for way in &ways {
        way.says("with a certificate that is no longer known", way.refusal).await;
    }
    let end = Instant::now() + LIMIT;
    while !nats.log().contains("certificate signed by unknown authority") {
        assert!(Instant::now() < end, "NATS refuses no certificate: {}", nats.log());
        sleep(Duration::from_millis(20)).await;
    }

    own.set(&[("tls.crt", &next_certificate), ("tls.key", &next_key)]);
    for way in &ways {
        way.says("with the next certificate", "\"up\"").await;
    }
    assert_eq!([&characters, &storage, &hub].map(Service::pid), processes, "no service was restarted");
}
