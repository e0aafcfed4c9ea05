//! Which instance of a service receives a request.

use super::support::{Listening, instance, instance_that_is, json_of, listening, services};
use character_message_hub_server::HubServerConfig;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

#[actix_web::test]
async fn requests_are_spread_and_an_instance_that_refuses_connections_costs_no_request() {
    let (first, first_asked, first_handle) = instance("first").await;
    let (second, second_asked, second_handle) = instance("second").await;
    let hub = listening(services("sheets", &[&first, &second])).await;
    let post = || hub.request(Method::POST, "/v1/services/sheets/x").send();
    for _ in 0..10 {
        assert_eq!(post().await.unwrap().status().as_u16(), 200);
    }
    assert_eq!((first_asked.load(Ordering::SeqCst), second_asked.load(Ordering::SeqCst)), (5, 5));
    first_handle.stop(false).await;
    // A worker of a server that was stopped may still serve the connections that it has, for a moment.
    let (mut of_second, end) = (0, Instant::now() + Duration::from_secs(20));
    while of_second < 10 {
        let read = hub.request(Method::GET, "/v1/services/sheets/x").send().await.unwrap();
        of_second = if json_of(read, 200).await["instance"] == "second" { of_second + 1 } else { 0 };
        assert!(Instant::now() < end, "the first instance still answers");
    }
    for _ in 0..10 {
        assert_eq!(json_of(post().await.unwrap(), 200).await["instance"], "second");
    }
    // An instance is set aside for a second at first, and tried again after it.
    loop {
        assert_eq!(post().await.unwrap().status().as_u16(), 200);
        let states = json_of(hub.request(Method::GET, "/v1/services").send().await.unwrap(), 200).await;
        let healthy = |url: &str| {
            let instances = states["services"][0]["instances"].as_array().unwrap();
            instances.iter().find(|instance| instance["url"] == url).unwrap()["healthy"].clone()
        };
        assert_eq!(healthy(&second), json!(true));
        if healthy(&first) == json!(false) {
            break;
        }
        assert!(Instant::now() < end, "the first instance is not set aside");
    }
    second_handle.stop(false).await;
    // Its worker may still serve the connections that it has, too. The hub cannot know the outcome of a request that it wrote to one.
    let refused = loop {
        let answer = post().await.unwrap();
        if answer.status().as_u16() != 200 {
            let problem = json_of(answer, 503).await;
            if problem["code"] != "unavailable" {
                break problem;
            }
        }
        assert!(Instant::now() < end, "the second instance still has a connection");
    };
    assert_eq!((&refused["code"], &refused["certainly_not_applied"]), (&json!("no-responder"), &json!(true)));
}

#[actix_web::test]
async fn an_instance_that_is_not_ready_receives_no_request_unless_all_are_unready() {
    let ready = [503, 200].map(|status| Arc::new(AtomicU16::new(status)));
    let (first, first_asked, first_handle) = instance_that_is(Arc::clone(&ready[0]), "first").await;
    let (second, second_asked, second_handle) = instance_that_is(Arc::clone(&ready[1]), "second").await;
    let asked = || [&first_asked, &second_asked].map(|asked| asked.load(Ordering::SeqCst));
    let hub =
        listening(HubServerConfig { probe_every: Duration::from_millis(50), ..services("sheets", &[&first, &second]) });
    let hub = hub.await;
    let healthy = async || {
        let states = json_of(hub.request(Method::GET, "/v1/services").send().await.unwrap(), 200).await;
        let healthy = |url: &str| {
            let instances = states["services"][0]["instances"].as_array().unwrap();
            instances.iter().find(|instance| instance["url"] == url).unwrap()["healthy"] == true
        };
        [healthy(&first), healthy(&second)]
    };
    let becomes = async |states: [bool; 2]| {
        let end = Instant::now() + Duration::from_secs(10);
        while healthy().await != states {
            assert!(Instant::now() < end, "the states never are {states:?}");
        }
    };
    let request = async || {
        let response = hub.request(Method::POST, "/v1/services/sheets/x").send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
    };
    becomes([false, true]).await;
    for _ in 0..10 {
        request().await;
    }
    assert_eq!(asked(), [0, 10]);
    // As a port with TLS answers.
    ready[1].store(400, Ordering::SeqCst);
    becomes([false, false]).await;
    // More than a probe of each would hide, if a reply ended it.
    for _ in 0..100 {
        request().await;
        assert_eq!(healthy().await, [false, false]);
    }
    let [of_first, of_second] = asked();
    assert!(of_first > 0 && of_second > 10, "{of_first} {of_second}");
    ready[0].store(200, Ordering::SeqCst);
    becomes([true, false]).await;
    let before = asked();
    for _ in 0..10 {
        request().await;
    }
    assert_eq!(asked(), [before[0] + 10, before[1]]);
    first_handle.stop(false).await;
    second_handle.stop(false).await;
}

#[actix_web::test]
async fn a_request_that_no_instance_receives_names_the_service_and_each_cause() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (refuses, unknown) = (format!("http://{closed}"), "http://no-such-host.invalid:8100".to_owned());
    let hub = listening(services("sheets", &[&refuses, &unknown])).await;
    let problem = json_of(hub.request(Method::POST, "/v1/services/sheets/x").send().await.unwrap(), 503).await;
    assert_eq!((&problem["code"], &problem["certainly_not_applied"]), (&json!("no-responder"), &json!(true)));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("no instance of sheets can be reached: "), "{detail}");
    for (instance, cause) in [(&refuses, "Connection refused"), (&unknown, "dns error")] {
        let (_, of_instance) = detail.split_once(&format!("{instance}: ")).unwrap();
        assert!(of_instance.split("; ").next().unwrap().contains(cause), "{detail}");
    }
    let problem = json_of(hub.request(Method::POST, "/v1/services/scrolls/x").send().await.unwrap(), 503).await;
    assert_eq!(problem["detail"], "no instance of scrolls is registered");
}

/// The replies that an instance may break off and the hub reads whole: before the head, in it, and in the body.
const BROKEN_REPLIES: [&str; 3] =
    ["", "HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"];
/// Those that it sends on in parts.
const BROKEN_PARTS: [&str; 2] = [
    "HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\nhalf",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
];

/// An instance that breaks its replies off.
struct Breaking {
    url: String,
    /// The number of requests to the service.
    received: Arc<AtomicUsize>,
    /// The number of questions for its health, each answered with 200.
    probed: Arc<AtomicUsize>,
}

/// An instance that reads a request, writes this and closes the connection.
async fn breaking(reply: &'static str) -> Breaking {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let [received, probed] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let counted = [Arc::clone(&received), Arc::clone(&probed)];
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let read = stream.read(&mut head).await.unwrap_or(0);
            let is_probe = head[..read].starts_with(b"GET /health");
            let healthy = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(if is_probe { healthy } else { reply }.as_bytes()).await.unwrap();
            drop(stream);
            counted[usize::from(is_probe)].fetch_add(1, Ordering::SeqCst);
        }
    });
    Breaking { url, received, probed }
}

async fn at_least(count: &AtomicUsize, expected: usize) {
    let end = Instant::now() + Duration::from_secs(10);
    while count.load(Ordering::SeqCst) < expected {
        assert!(Instant::now() < end, "{count:?} instead of {expected}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn is_healthy(hub: &Listening, url: &str) -> bool {
    let states = json_of(hub.request(Method::GET, "/v1/services").send().await.unwrap(), 200).await;
    let services = states["services"].as_array().unwrap();
    let mut instances = services.iter().flat_map(|service| service["instances"].as_array().unwrap());
    instances.find(|instance| instance["url"] == url).unwrap()["healthy"] == true
}

/// A hub with these instances of the service and the broken one, which it asks for its health only when there is a reason.
async fn listening_beside(broken: &Breaking, urls: &[&str]) -> Listening {
    let witness = breaking("").await;
    let mut config = HubServerConfig { probe_every: Duration::from_secs(600), ..services("sheets", urls) };
    config.services.push(("witness".parse().unwrap(), witness.url.parse().unwrap()));
    let hub = listening(config).await;
    // The first round has begun, without an instance that registers itself from now on.
    at_least(&witness.probed, 1).await;
    let registration = hub.request(Method::PUT, "/v1/services/sheets/instances/broken");
    json_of(registration.json(&json!({ "url": broken.url, "ttl_ms": 600_000 })).send().await.unwrap(), 200).await;
    hub
}

/// Sends requests to the service until this instance has received one, and reads each reply to its end.
async fn send_to(hub: &Listening, broken: &Breaking) {
    let before = broken.received.load(Ordering::SeqCst);
    while broken.received.load(Ordering::SeqCst) == before {
        let response = hub.request(Method::POST, "/v1/services/sheets/x").send().await.unwrap();
        drop(response.bytes().await);
    }
}

#[actix_web::test]
async fn an_instance_that_breaks_a_reply_off_is_set_aside() {
    for reply in BROKEN_REPLIES {
        let broken = breaking(reply).await;
        let (working, _, handle) = instance("working").await;
        let hub = listening_beside(&broken, &[&working]).await;
        assert!(is_healthy(&hub, &broken.url).await);
        send_to(&hub, &broken).await;
        assert!(!is_healthy(&hub, &broken.url).await, "{reply:?}");
        handle.stop(false).await;
    }
}

#[actix_web::test]
async fn an_instance_that_breaks_a_reply_in_parts_off_is_asked_for_its_health() {
    for reply in BROKEN_PARTS {
        let broken = breaking(reply).await;
        let hub = listening_beside(&broken, &[]).await;
        for time in 1..=3 {
            send_to(&hub, &broken).await;
            at_least(&broken.probed, time).await;
            assert!(is_healthy(&hub, &broken.url).await, "{reply:?}");
        }
    }
}

#[actix_web::test]
async fn only_an_idempotent_request_is_sent_again_after_an_instance_may_have_received_it() {
    for reply in BROKEN_REPLIES {
        repeats_only_what_is_idempotent(reply).await;
    }
}

/// An instance breaks its replies off like this.
async fn repeats_only_what_is_idempotent(reply: &'static str) {
    let Breaking { url: broken, received, .. } = breaking(reply).await;
    let (working, asked, handle) = instance("working").await;
    let config = HubServerConfig { probe_every: Duration::from_secs(600), ..services("sheets", &[&broken, &working]) };
    let request = |hub: &Listening, method: Method| hub.request(method, "/v1/services/sheets/x");
    // A new hub each time, whose first request goes to the broken instance.
    for (method, idempotent, status) in [
        (Method::POST, None, 503),
        (Method::PUT, Some("false"), 503),
        (Method::POST, Some("true"), 200),
        (Method::GET, None, 200),
    ] {
        let mut config = config.clone();
        config.probe_every = Duration::from_secs(600);
        let hub = listening(config).await;
        let mut worst = 200;
        for _ in 0..2 {
            let sent = idempotent
                .into_iter()
                .fold(request(&hub, method.clone()), |request, value| request.header("x-hub-idempotent", value));
            let response = sent.send().await.unwrap();
            let found = response.status().as_u16();
            if found != 200 {
                let problem = json_of(response, found).await;
                assert_eq!(
                    (&problem["code"], &problem["certainly_not_applied"]),
                    (&json!("unavailable"), &json!(false))
                );
            }
            worst = worst.max(found);
        }
        assert_eq!(worst, status, "{method} {idempotent:?} {reply:?}");
    }
    assert!(received.load(Ordering::SeqCst) >= 2 && asked.load(Ordering::SeqCst) >= 4);
    handle.stop(false).await;
}

#[actix_web::test]
async fn an_instance_registers_itself_for_a_time_and_removes_itself() {
    let (url, _, handle) = instance("dynamic").await;
    let hub = listening(services("fixed", &["http://127.0.0.1:9"])).await;
    let place = "/v1/services/sheets/instances/pod-1";
    let register = |body: Value| hub.request(Method::PUT, place).json(&body).send();
    let absent = hub.request(Method::GET, "/v1/services/sheets/x").send().await.unwrap();
    assert_eq!(json_of(absent, 503).await["code"], "no-responder");
    assert_eq!(json_of(register(json!({ "url": url })).await.unwrap(), 200).await, json!({ "ttl_ms": 30_000 }));
    let found = hub.request(Method::GET, "/v1/services/sheets/x").send().await.unwrap();
    assert_eq!(found.headers()["x-hub-responder"], "pod-1");
    for (body, field) in [
        (json!({ "url": "ftp://h" }), "url"),
        (json!({ "url": url, "ttl_ms": 999 }), "ttl_ms"),
        (json!({ "url": url, "colour": "red" }), "colour"),
    ] {
        let problem = json_of(register(body).await.unwrap(), 422).await;
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let removed = || hub.request(Method::DELETE, place).send();
    assert_eq!(removed().await.unwrap().status().as_u16(), 204);
    assert_eq!(json_of(removed().await.unwrap(), 404).await["code"], "not-found");
    handle.stop(false).await;
}
