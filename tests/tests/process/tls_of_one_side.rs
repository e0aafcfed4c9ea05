//! One side of a connection has TLS and the other has not: `check` and the log name that mistake, whatever the client is.

use super::{TOKEN, storage, tls::Certificates};
use character_tests::{Finished, NatsRelease, NatsServer, RedisServer, RedisTls, Service, ServiceBuilder};

const NEEDS_TLS: &str = "needs https://";
const NEEDS_NO_TLS: &str = "needs http://";

/// A service with TLS, once it listens.
fn listening(builder: ServiceBuilder) -> Service {
    let service = builder.spawn();
    service.await_output("listens on https://");
    service
}

fn of(checked: &Finished, dependency: &str) -> String {
    let line = checked.output.lines().find(|line| line.starts_with(&format!("{dependency}: down")));
    line.unwrap_or_else(|| panic!("{dependency}: {checked:?}")).to_owned()
}

#[test]
fn check_names_the_side_without_tls_of_a_storage_service_and_of_a_hub() {
    let certificates = Certificates::new();
    let ca = certificates.authority.certificate();
    let hub = || Service::message_hub().env("MESSAGE_HUB_TOKEN", TOKEN);
    let with_tls = [listening(certificates.serve(storage())), listening(certificates.serve(hub()))];
    let plain = [storage().start(), hub().start()];
    for (scheme, [storage, hub], mistake) in [("http", &with_tls, NEEDS_TLS), ("https", &plain, NEEDS_NO_TLS)] {
        // With the retries and limits of a default configuration.
        let mut client = Service::character()
            .arg("check")
            .env("STORAGE_SERVICE_URL", format!("{scheme}://{}", storage.address()))
            .env("STORAGE_SERVICE_TOKEN", TOKEN)
            .env("MESSAGE_HUB_URL", format!("{scheme}://{}", hub.address()))
            .env("MESSAGE_HUB_TOKEN", TOKEN);
        if scheme == "https" {
            client = client.env("STORAGE_CA_FILE", ca).env("MESSAGE_HUB_CA_FILE", ca);
        }
        let checked = client.run();
        assert_eq!(checked.code, Some(1), "{checked:?}");
        for dependency in ["storage", "message_hub"] {
            let line = of(&checked, dependency);
            assert!(line.contains(mistake), "{line}");
        }
    }
}

#[test]
fn check_names_the_side_without_tls_of_redis_and_of_nats() {
    let certificates = Certificates::new();
    let ca = certificates.authority.certificate();
    let origin = storage().start();
    let check = |settings: &[(&str, &str)], dependency: &str| {
        let client = Service::character().arg("check");
        let client = client.env("STORAGE_SERVICE_URL", origin.url("")).env("STORAGE_SERVICE_TOKEN", TOKEN);
        let client = settings.iter().fold(client, |client, (name, value)| client.env(name, value));
        of(&client.run(), dependency)
    };
    let ca = ca.to_str().unwrap();
    let plain = RedisServer::start();
    let with_tls = RedisServer::start_with_tls(&[], &RedisTls::of(&certificates.authority));
    let url = format!("redis://127.0.0.1:{}/0", with_tls.served_port());
    let line = check(&[("REDIS_URL", &url)], "redis");
    assert!(line.contains("needs rediss"), "{line}");
    let url = plain.url().replacen("redis", "rediss", 1);
    let line = check(&[("REDIS_URL", &url), ("REDIS_CA_FILE", ca)], "redis");
    assert!(line.contains("needs redis"), "{line}");

    let nats = NatsServer::start(NatsRelease::Current);
    let url = nats.url().replacen("nats", "tls", 1);
    let line = check(&[("MESSAGE_HUB_URL", &url), ("MESSAGE_HUB_CA_FILE", ca)], "message_hub");
    assert!(line.contains("without TLS"), "{line}");
}

#[test]
fn the_log_names_the_side_without_tls_of_a_collector() {
    let certificates = Certificates::new();
    let with_tls = listening(certificates.serve(storage()));
    let service = Service::character()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", with_tls.address()))
        .env("OTEL_METRIC_EXPORT_INTERVAL", "200")
        .start();
    let output = service.await_output("the collector does not take the metrics");
    assert!(output.contains(NEEDS_TLS), "{output}");
}
