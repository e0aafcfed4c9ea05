//! NATS that is killed, frozen, full, away or refuses: every call ends in time, and the hub continues by itself.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up has failed")]

mod support;

use character_credentials::{ClientTls, ClientTlsFiles, Verification};
use character_message_hub::{ErrorKind, Message, MessageHub};
use character_message_hub_nats::{Credentials, NatsHub, NatsHubConfig};
use character_message_hub_testkit::sample::{filtered, hasty, message, message_of_size, messages, subscription};
use character_tests::{NatsCluster, NatsRelease, NatsServer};
use futures_util::future::join_all;
use std::{collections::BTreeSet, net::SocketAddr, time::Duration};
use support::{LIMIT, connected, publish_all, separate, spread, until, works};
use tokio::{
    io::AsyncReadExt as _,
    net::TcpListener,
    time::{Instant, timeout},
};

const SECOND: Duration = Duration::from_secs(1);

/// The ids of the next `count` different events; each must be new, but for repeats of settled ones.
async fn received(hub: &NatsHub, name: &str, count: usize) -> BTreeSet<String> {
    let mut deliveries = hub.subscribe(&subscription(name)).await.unwrap();
    let mut found = BTreeSet::new();
    while found.len() < count {
        let delivery = timeout(LIMIT, deliveries.next()).await.expect("a delivery arrives").unwrap();
        assert!(found.insert(delivery.event().id().to_owned()), "{} is in the stream twice", delivery.event().id());
        delivery.ack().await.unwrap();
    }
    let more = timeout(Duration::from_millis(300), deliveries.next()).await;
    assert!(more.is_err(), "nothing else is in the stream: {more:?}");
    found
}

fn ids(messages: &[Message]) -> BTreeSet<String> {
    messages.iter().map(|message| message.event.id().to_owned()).collect()
}

#[tokio::test]
async fn each_server_that_cannot_be_reached_is_named_with_its_cause_and_without_its_password() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let urls = format!("nats://user:pass-word@{closed},nats://user:pass-word@nats.invalid:4222");
    let hub = NatsHub::connect(NatsHubConfig::new(&urls)).await.unwrap();
    until("the causes are known", async || {
        let error = hub.probe().await.unwrap_err();
        assert!(!format!("{error:?} {error}").contains("pass-word"), "{error:?}");
        let detail = error.detail().unwrap_or_default();
        detail.contains(&format!("{closed}: IO error: Connection refused")) && detail.contains("nats.invalid:4222")
    })
    .await;
    let hub = NatsHub::connect(NatsHubConfig::new("nats://nats.invalid:4222")).await.unwrap();
    until("the name is known to be the cause", async || {
        hub.probe().await.unwrap_err().detail() == Some("there is no connection to NATS: nats.invalid:4222: DNS error")
    })
    .await;
}

/// A server of NATS with `handshake_first`: it waits for TLS for this long, and sends nothing before that.
async fn waits_for_tls_first(patience: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            tokio::spawn(async move { drop(timeout(patience, client.read(&mut [0; 64])).await) });
        }
    });
    address
}

#[tokio::test]
async fn a_server_that_waits_for_tls_before_it_sends_anything_is_named_as_the_probable_mistake() {
    for (patience, connect_timeout) in [(SECOND / 5, SECOND), (SECOND, SECOND / 5)] {
        let address = waits_for_tls_first(patience).await;
        let config = NatsHubConfig { connect_timeout, ..NatsHubConfig::new(format!("nats://{address}")) };
        let hub = NatsHub::connect(config).await.unwrap();
        // Before an attempt has failed, and afterwards.
        let mut causes = BTreeSet::new();
        until("both causes are known", async || {
            let error = hub.probe().await.unwrap_err();
            let detail = error.detail().unwrap_or_default().to_owned();
            assert!(detail.contains("handshake_first") && detail.contains("auto or false"), "{detail}");
            causes.insert(detail);
            causes.iter().any(|detail| detail.contains("INFO") || detail.contains("timed out"))
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_is_down_at_the_start_is_no_error() {
    let server = NatsServer::start(NatsRelease::Oldest);
    server.kill();
    let hub = NatsHub::connect(NatsHubConfig::new(server.url())).await.unwrap();
    let begun = Instant::now();
    let error = hub.publish(&[message("1", "ada")], SECOND).await.remove(0).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Unavailable { retry_after: None });
    assert!(error.certainly_not_applied() && begun.elapsed() < SECOND * 2);
    assert!(hub.subscribe(&subscription("reader")).await.is_err());
    let address = server.url().trim_start_matches("nats://").to_owned();
    let cause = format!("there is no connection to NATS: {address}: IO error: Connection refused");
    until("the cause is known", async || {
        hub.probe().await.is_err_and(|error| error.detail().is_some_and(|detail| detail.starts_with(&cause)))
    })
    .await;
    server.restart();
    publish_all(&hub, &[message("1", "ada")]).await;
    assert_eq!(received(&hub, "reader", 1).await, BTreeSet::from(["1".into()]));
}

#[tokio::test]
async fn an_event_whose_acknowledgement_is_lost_is_published_again_and_kept_once() {
    let server = NatsServer::start(NatsRelease::Current);
    let hub = connected(NatsHubConfig::new(server.url())).await;
    publish_all(&hub, &[message("0", "ada")]).await;
    // The messages are in the socket of a server that never acknowledges them.
    server.freeze();
    let batch = spread("m", 50);
    let publish = hub.publish(&batch, LIMIT);
    let kill = async {
        until("the messages are sent", async || hub.statistics().waiting == 50).await;
        server.restart();
    };
    let (results, ()) = tokio::join!(publish, kill);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let mut expected = ids(&batch);
    expected.insert("0".into());
    assert_eq!(received(&hub, "reader", 51).await, expected);
}

#[tokio::test]
async fn publishing_resumes_after_each_of_twenty_restarts() {
    let server = NatsServer::start(NatsRelease::Current);
    let hub = connected(NatsHubConfig::new(server.url())).await;
    let mut expected = BTreeSet::new();
    for round in 0..20 {
        let batch = spread(&format!("r{round}"), 10);
        let (results, ()) = tokio::join!(hub.publish(&batch, SECOND * 10), async { server.restart() });
        if results.iter().any(Result::is_err) {
            publish_all(&hub, &batch).await;
        }
        expected.extend(ids(&batch));
    }
    assert!(hub.statistics().connections > 20);
    assert_eq!(received(&hub, "reader", expected.len()).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_end_in_time_while_the_server_hangs() {
    let server = NatsServer::start(NatsRelease::Oldest);
    let hub = connected(NatsHubConfig::new(server.url())).await;
    publish_all(&hub, &[message("0", "ada")]).await;
    server.freeze();
    let batch = spread("m", 10_000);
    let limit = SECOND * 2;
    let begun = Instant::now();
    let calls = batch.iter().map(|message| {
        let (hub, message) = (hub.clone(), message.clone());
        tokio::spawn(async move { hub.publish(&[message], limit).await.remove(0) })
    });
    let results: Vec<_> = join_all(calls.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect();
    assert!(begun.elapsed() < limit + SECOND * 2, "they took {:?}", begun.elapsed());
    for error in results.iter().map(|result| result.as_ref().unwrap_err()) {
        assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable { .. }), "{error}");
        assert_eq!(error.limit().is_some(), *error.kind() == ErrorKind::Timeout, "{error}");
    }
    assert_eq!(hub.statistics().waiting, 0, "no call is left behind");
    server.thaw();
    for chunk in batch.chunks(1_000) {
        publish_all(&hub, chunk).await;
    }
    let mut expected = ids(&batch);
    expected.insert("0".into());
    assert_eq!(received(&hub, "reader", 10_001).await, expected);
}

#[tokio::test]
async fn a_subscriber_continues_after_the_server_hung() {
    let server = NatsServer::start(NatsRelease::Current);
    let hub = connected(NatsHubConfig::new(server.url())).await;
    let mut deliveries = hub.subscribe(&hasty("reader")).await.unwrap();
    publish_all(&hub, &[message("1", "ada")]).await;
    timeout(LIMIT, deliveries.next()).await.unwrap().unwrap().ack().await.unwrap();
    server.freeze();
    // An acknowledgement that does not come makes the hub connect again.
    let publish = async {
        let mut results = hub.publish(&[message("2", "ada")], SECOND * 8).await;
        assert!(results.remove(0).is_err());
        assert!(!hub.statistics().connected, "the hub gave up the connection that hangs");
        server.thaw();
        publish_all(&hub, &[message("2", "ada"), message("3", "ada")]).await;
    };
    let receive = async {
        for id in ["2", "3"] {
            let delivery = timeout(LIMIT, deliveries.next()).await.expect("a delivery arrives").unwrap();
            assert_eq!(delivery.event().id(), id);
            delivery.ack().await.unwrap();
        }
    };
    tokio::join!(publish, receive);
}

#[tokio::test]
async fn a_subscriber_alone_notices_a_server_that_hangs() {
    let server = NatsServer::start(NatsRelease::Current);
    let (hub, other) = (connected(NatsHubConfig::new(server.url())).await, server.url());
    let mut deliveries = hub.subscribe(&hasty("reader")).await.unwrap();
    assert!(timeout(Duration::from_millis(200), deliveries.next()).await.is_err());
    server.freeze();
    let noticed = async {
        until("the connection that hangs is given up", async || !hub.statistics().connected).await;
        server.restart();
        let publisher = connected(NatsHubConfig::new(other)).await;
        publish_all(&publisher, &[message("1", "ada")]).await;
    };
    let (delivery, ()) = tokio::join!(timeout(LIMIT * 2, deliveries.next()), noticed);
    delivery.expect("a delivery arrives").unwrap().ack().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_arrives_in_order_while_the_server_is_killed_and_frozen() {
    const SUBJECTS: usize = 12;
    const EVENTS: usize = 150;
    for release in [NatsRelease::Oldest, NatsRelease::Current] {
        let server = NatsServer::start(release);
        let (publisher, reader) =
            (connected(NatsHubConfig::new(server.url())).await, connected(NatsHubConfig::new(server.url())).await);
        let mut deliveries = reader.subscribe(&hasty("reader")).await.unwrap();
        let publish = join_all((0..SUBJECTS).map(|subject| {
            let publisher = publisher.clone();
            async move {
                for event in messages(&format!("s{subject}"), &format!("s{subject}"), EVENTS) {
                    publish_all(&publisher, &[event]).await;
                    tokio::time::sleep(Duration::from_millis(25)).await;
                }
            }
        }));
        let disturb = async {
            for round in 0..6_u64 {
                tokio::time::sleep(Duration::from_millis(300 + 170 * round % 500)).await;
                match round % 3 {
                    0 => server.restart(),
                    1 => {
                        server.freeze();
                        tokio::time::sleep(Duration::from_millis(400)).await;
                        server.thaw();
                    }
                    _ => {
                        server.freeze();
                        tokio::time::sleep(Duration::from_millis(1_500)).await;
                        server.restart();
                    }
                }
            }
        };
        // What an inbox does: an event that was handled is not handled again.
        let receive = async {
            let mut handled = [0; SUBJECTS];
            let mut repeats = 0;
            while handled.iter().sum::<usize>() < SUBJECTS * EVENTS {
                let delivery = timeout(LIMIT, deliveries.next()).await.expect("a delivery arrives").unwrap();
                let (subject, number) = delivery.event().id()[1..].split_once('-').unwrap();
                let (subject, number): (usize, usize) = (subject.parse().unwrap(), number.parse().unwrap());
                match number.cmp(&handled[subject]) {
                    std::cmp::Ordering::Less => repeats += 1,
                    std::cmp::Ordering::Equal if number % 17 == 3 && delivery.attempt() == 1 => {
                        // An outcome that is unknown is one more repeat.
                        drop(delivery.retry_after(Duration::from_millis(200)).await);
                        continue;
                    }
                    std::cmp::Ordering::Equal => handled[subject] += 1,
                    std::cmp::Ordering::Greater => {
                        assert_eq!(number, handled[subject], "subject {subject} skips an event with {release:?}");
                    }
                }
                drop(delivery.ack().await);
            }
            repeats
        };
        let (repeats, ..) = tokio::join!(receive, disturb, publish);
        assert!(repeats < SUBJECTS * EVENTS / 2, "most events came once: {repeats} repeats");
    }
}

#[tokio::test]
async fn a_full_stream_refuses_and_takes_events_again_when_there_is_room() {
    for release in [NatsRelease::Oldest, NatsRelease::Current] {
        let server = NatsServer::start(release);
        let hub = connected(NatsHubConfig { max_messages: Some(3), ..NatsHubConfig::new(server.url()) }).await;
        publish_all(&hub, &messages("m", "ada", 3)).await;
        let error = hub.publish(&[message("4", "bob")], SECOND * 5).await.remove(0).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Full, "{error}");
        assert!(error.certainly_not_applied() && !error.is_permanent());
        let client = async_nats::connect(server.url()).await.unwrap();
        let stream = async_nats::jetstream::new(client).get_stream("CHARACTER_EVENTS").await.unwrap();
        stream.purge().keep(1).await.unwrap();
        publish_all(&hub, &[message("4", "bob")]).await;
        assert_eq!(received(&hub, "reader", 2).await, BTreeSet::from(["m-2".into(), "4".into()]));
    }
}

#[tokio::test]
async fn user_and_password_or_a_token_may_stand_in_the_url() {
    for (authorization, login) in [(r#"user: "hub", password: "a@b""#, "hub:a%40b"), (r#"token: "a@b""#, "a%40b")] {
        let server = NatsServer::start_with(NatsRelease::Oldest, &format!("authorization {{ {authorization} }}"));
        let url = server.url().replacen("nats://", &format!("nats://{login}@"), 1);
        for credentials in [Credentials::None, Credentials::OfUrl(url.clone().into())] {
            let hub = connected(NatsHubConfig { credentials, ..NatsHubConfig::new(&url) }).await;
            hub.probe().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_revoked_token_is_named_and_a_permitted_one_works_again() {
    let token = |token: &str| format!("authorization {{ token: \"{token}\" }}");
    let server = NatsServer::start_with(NatsRelease::Current, &token("first"));
    let credentials = Credentials::Token("first".to_owned().into());
    let hub = connected(NatsHubConfig { credentials, ..NatsHubConfig::new(server.url()) }).await;
    let mut deliveries = hub.subscribe(&subscription("reader")).await.unwrap();
    publish_all(&hub, &[message("1", "ada")]).await;
    timeout(LIMIT, deliveries.next()).await.unwrap().unwrap().ack().await.unwrap();
    server.configure(&token("second"));
    server.reload();
    until("the hub reports that it is not accepted", async || {
        hub.probe().await.is_err_and(|error| *error.kind() == ErrorKind::Unauthorized)
    })
    .await;
    let error = hub.publish(&[message("2", "ada")], SECOND * 5).await.remove(0).unwrap_err();
    assert_eq!((error.kind(), error.certainly_not_applied()), (&ErrorKind::Unauthorized, true));
    let error = timeout(LIMIT, deliveries.next()).await.expect("next reports it").unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Unauthorized);
    server.configure(&token("first"));
    server.reload();
    works(&hub).await;
    publish_all(&hub, &[message("2", "ada")]).await;
    loop {
        match timeout(LIMIT, deliveries.next()).await.expect("the subscription continues") {
            Ok(delivery) => break assert_eq!(delivery.event().id(), "2"),
            Err(error) => assert_eq!(error.kind(), &ErrorKind::Unauthorized),
        }
    }
}

#[tokio::test]
async fn a_subject_that_is_not_permitted_is_forbidden_soon() {
    let users = "authorization { users: [{ user: \"u\", password: \"p\", permissions: { publish: { deny: \
                 [\"character.event.>\", \"service.secret\"] } } }] }";
    let server = NatsServer::start_with(NatsRelease::Current, users);
    let credentials = Credentials::User { user: "u".into(), password: "p".to_owned().into() };
    let hub = connected(NatsHubConfig { credentials, ..NatsHubConfig::new(server.url()) }).await;
    let begun = Instant::now();
    let error = hub.publish(&[message("1", "ada")], SECOND * 5).await.remove(0).unwrap_err();
    assert_eq!((error.kind(), error.certainly_not_applied()), (&ErrorKind::Forbidden, true), "{error}");
    let request = character_message_hub_testkit::sample::get("secret", "/", SECOND * 5);
    assert_eq!(hub.request(request).await.unwrap_err().kind(), &ErrorKind::Forbidden);
    assert!(begun.elapsed() < SECOND * 2, "it took {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_probe_after_a_refused_look_looks_again_and_creates_no_stream() {
    let denied = ", permissions: { publish: { deny: [\"$JS.API.STREAM.INFO.>\"] } }";
    let users =
        |permissions: &str| format!("authorization {{ users: [{{ user: \"u\", password: \"p\" {permissions} }}] }}");
    let server = NatsServer::start_with(NatsRelease::Current, &users(denied));
    let credentials = Credentials::User { user: "u".into(), password: "p".to_owned().into() };
    let hub = connected(NatsHubConfig { credentials, ..NatsHubConfig::new(server.url()) }).await;
    for error in [hub.has_stream(SECOND * 5).await.map(drop), hub.probe().await].map(Result::unwrap_err) {
        assert_eq!(error.kind(), &ErrorKind::Forbidden, "{error}");
    }
    server.configure(&users(""));
    server.reload();
    works(&hub).await;
    assert!(!hub.has_stream(SECOND * 5).await.unwrap(), "a probe has created it");
}

#[tokio::test]
async fn what_is_larger_than_the_server_takes_is_refused_before_it_is_sent() {
    let server = NatsServer::start_with(NatsRelease::Current, "max_payload: 64KB");
    let hub = connected(NatsHubConfig::new(server.url())).await;
    let before = hub.statistics();
    let error = hub.publish(&[message_of_size("1", "ada", 70_000)], SECOND * 5).await.remove(0).unwrap_err();
    let ErrorKind::TooLarge { limit, size } = *error.kind() else { panic!("{error}") };
    assert!(limit == 65_536 && size > 70_000 && error.is_permanent() && error.certainly_not_applied());
    // The size counts the headers, as the server does: at the limit it is taken.
    publish_all(&hub, &[message_of_size("2", "ada", 65_000)]).await;
    let request = character_message_hub::ServiceRequest {
        body: vec![0; 70_000].into(),
        ..character_message_hub_testkit::sample::get("storage", "/", SECOND)
    };
    let error = hub.request(request).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: 65_536, .. }) && error.certainly_not_applied());
    assert_eq!(hub.statistics().connections, before.connections, "the server never cut the connection");
}

#[tokio::test]
async fn events_just_below_the_limit_of_the_server_are_taken_whatever_their_size() {
    let server = NatsServer::start_with(NatsRelease::Current, "max_payload: 4KB");
    let hub = connected(NatsHubConfig::new(server.url())).await;
    let before = hub.statistics().connections;
    let mut refused = 0;
    for size in 3_600..4_100 {
        match hub.publish(&[message_of_size(&size.to_string(), "", size)], SECOND * 5).await.remove(0) {
            Ok(_) => assert_eq!(refused, 0, "{size} bytes were taken and fewer were not"),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
                refused += 1;
            }
        }
    }
    assert!((1..500).contains(&refused), "the limit is within the range: {refused}");
    assert_eq!(hub.statistics().connections, before, "the server never cut the connection");
}

#[tokio::test]
async fn a_stream_that_was_deleted_is_created_again() {
    let server = NatsServer::start(NatsRelease::Current);
    let hub = connected(NatsHubConfig::new(server.url())).await;
    let mut deliveries = hub.subscribe(&hasty("reader")).await.unwrap();
    publish_all(&hub, &[message("1", "ada")]).await;
    timeout(LIMIT, deliveries.next()).await.unwrap().unwrap().ack().await.unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    async_nats::jetstream::new(client).delete_stream("CHARACTER_EVENTS").await.unwrap();
    publish_all(&hub, &[message("2", "ada")]).await;
    let delivery = timeout(LIMIT, deliveries.next()).await.expect("the subscription continues").unwrap();
    assert_eq!(delivery.event().id(), "2");
}

#[tokio::test]
async fn a_consumer_that_was_deleted_is_created_again() {
    let server = NatsServer::start(NatsRelease::Oldest);
    let hub = connected(NatsHubConfig::new(server.url())).await;
    let mut deliveries = hub.subscribe(&filtered("reader", "character.*")).await.unwrap();
    publish_all(&hub, &[message("1", "ada")]).await;
    timeout(LIMIT, deliveries.next()).await.unwrap().unwrap().ack().await.unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    context.delete_consumer_from_stream("reader", "CHARACTER_EVENTS").await.unwrap();
    // A new consumer begins with the oldest event: once more is permitted, never is not.
    let delivery = timeout(LIMIT, deliveries.next()).await.expect("the subscription continues").unwrap();
    assert_eq!(delivery.event().id(), "1");
}

#[tokio::test]
async fn two_of_three_servers_keep_every_event() {
    for (release, victims) in [(NatsRelease::Oldest, 1), (NatsRelease::Current, 2)] {
        let cluster = NatsCluster::start(release);
        let hub = connected(NatsHubConfig { replicas: 3, ..separate(&cluster.url()) }).await;
        let mut expected = BTreeSet::new();
        for (round, victim) in std::iter::once(None).chain((0..victims).map(Some)).enumerate() {
            if let Some(victim) = victim {
                cluster.servers()[victim].kill();
            }
            let batch = spread(&format!("r{round}"), 100);
            publish_all(&hub, &batch).await;
            expected.extend(ids(&batch));
            if let Some(victim) = victim {
                cluster.servers()[victim].restart();
                works(&hub).await;
            }
        }
        assert_eq!(received(&hub, "reader", expected.len()).await, expected);
    }
}

#[tokio::test]
async fn a_connection_with_tls_trusts_the_named_certificates_alone() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
    let file = |name: &str| folder.join(name).display().to_string();
    let tls = format!("tls {{ cert_file: \"{}\", key_file: \"{}\" }}", file("server.pem"), file("server.key"));
    let server = NatsServer::start_with(NatsRelease::Current, &tls);
    let config = NatsHubConfig::new(server.url().replace("nats://", "tls://"));
    let files = ClientTlsFiles { ca: Some(folder.join("ca.pem")), identity: None };
    let tls = ClientTls::load(files, Verification::AuthorityAndHost).unwrap();
    let trusting = NatsHubConfig { tls: Some(tls), ..config.clone() };
    let hub = connected(trusting).await;
    publish_all(&hub, &[message("1", "ada")]).await;
    assert_eq!(received(&hub, "reader", 1).await, BTreeSet::from(["1".into()]));
    let other = NatsHub::connect(config).await.unwrap();
    let error = other.publish(&[message("2", "ada")], SECOND * 5).await.remove(0).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }) && error.certainly_not_applied(), "{error}");
}
