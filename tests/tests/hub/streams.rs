//! Services whose events go to a NATS that refuses their stream.

use super::{LIMIT, TOKEN, support};
use async_nats::jetstream::{self, stream};
use character_tests::{NatsRelease, NatsServer, Service, ServiceBuilder};
use support::{Answer, client, until};

fn storage() -> ServiceBuilder {
    Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN)
}

/// The health of a service that works and says that its hub does not, because of this.
async fn until_the_health_names(service: &Service, cause: &str) {
    let health = || client().get(service.url("/health"));
    let names_it = |answer: &Answer| {
        let hub = &answer.body["dependencies"]["message_hub"];
        hub["status"] == "down" && hub["detail"].as_str().unwrap_or_default().contains(cause)
    };
    until(LIMIT, "the health", health, names_it).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_stream_nats_refuses_names_the_cause_before_it_has_an_event() {
    let nats = NatsServer::start(NatsRelease::Current);
    let jetstream = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let foreign = stream::Config {
        name: "FOREIGN".to_owned(),
        subjects: vec!["campaign.event.>".to_owned()],
        ..stream::Config::default()
    };
    jetstream.create_stream(foreign).await.unwrap();
    for builder in [Service::character(), storage()] {
        let service = builder.env("MESSAGE_HUB_URL", nats.url()).start();
        until_the_health_names(&service, "subjects overlap with an existing stream").await;
        let log = service.output();
        assert_eq!(log.matches("the stream in NATS cannot be used").count(), 1, "{log}");
        assert!(jetstream.get_stream("CHARACTER_EVENTS").await.is_err());
    }
    let service = Service::character().env("MESSAGE_HUB_URL", nats.url()).start();
    until_the_health_names(&service, "overlap").await;
    jetstream.delete_stream("FOREIGN").await.unwrap();
    let health = || client().get(service.url("/health"));
    until(LIMIT, "the stream", health, |answer| answer.body["dependencies"]["message_hub"]["status"] == "up").await;
    let mut created = jetstream.get_stream("CHARACTER_EVENTS").await.unwrap();
    assert_eq!(created.info().await.unwrap().config.subjects, ["character.event.>", "campaign.event.>"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_the_user_of_nats_may_not_create_or_read_is_named_by_health_log_and_check() {
    for (denied, named) in [
        ("$JS.API.STREAM.CREATE.>", "$JS.API.STREAM.CREATE.CHARACTER_EVENTS"),
        ("$JS.API.STREAM.INFO.>", "$JS.API.STREAM.INFO.CHARACTER_EVENTS"),
    ] {
        let users = format!(
            "authorization {{ users: [{{ user: u, password: p, permissions: {{ publish: {{ deny: [\"{denied}\"] }} }} }}] }} \
            \nno_auth_user: u"
        );
        let nats = NatsServer::start_with(NatsRelease::Current, &users);
        let service = storage().env("MESSAGE_HUB_URL", nats.url()).start();
        until_the_health_names(&service, named).await;
        let log = service.output();
        assert!(log.contains(named), "{log}");
        assert_eq!(log.matches("the stream in NATS cannot be used").count(), 1, "{log}");
        assert_eq!(log.matches("NATS reports an error").count(), 0, "{log}");
        let check = storage().env("DATA_DIR", service.data_dir()).env("MESSAGE_HUB_URL", nats.url()).arg("check").run();
        let says = if denied.contains("INFO") { named } else { "does not exist yet; the service creates it" };
        assert!(check.output.contains(says), "{check:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_says_that_the_stream_is_absent_and_creates_nothing() {
    let nats = NatsServer::start(NatsRelease::Current);
    let character = Service::character().start();
    let database = storage().start();
    let over_nats = [
        Service::character().env("DATA_DIR", character.data_dir()).env("MESSAGE_HUB_URL", nats.url()),
        storage().env("DATA_DIR", database.data_dir()).env("MESSAGE_HUB_URL", nats.url()),
        Service::message_hub().env("MESSAGE_HUB_TOKEN", TOKEN).env("NATS_URL", nats.url()),
    ];
    let jetstream = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    for builder in over_nats {
        let check = builder.arg("check").run();
        assert_eq!(check.code, Some(0), "{check:?}");
        assert!(check.output.contains("the stream with the events does not exist yet"), "{check:?}");
        assert!(jetstream.get_stream("CHARACTER_EVENTS").await.is_err());
    }
}
