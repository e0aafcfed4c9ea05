//! Live updates through real processes: what one process changes, the streams of every process report.

use super::{characters, storage};
use crate::support::{client, send, sheet, until};
use character_tests::{PostgresServer, Service};
use serde_json::Value;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long an event may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// One server-sent event.
#[derive(Clone, Debug, Default)]
struct Event {
    id: Option<String>,
    name: Option<String>,
    data: Option<Value>,
    retry: Option<u64>,
}

struct Stream {
    response: reqwest::Response,
    read: String,
}

impl Stream {
    async fn open(service: &Service, query: &str, last: Option<&str>) -> Self {
        let mut request =
            client().get(service.url(&format!("/api/v2/stream?{query}"))).timeout(Duration::from_secs(300));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(response.headers().get("content-encoding").is_none(), "a stream is never compressed");
        Self { response, read: String::new() }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let event = event(block);
                self.read = rest.to_owned();
                return Some(event);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("no event came; read so far: {:?}", self.read)).unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn named(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.unwrap();
            if event.name.as_deref() == Some(name) {
                return event;
            }
        }
    }
}

fn event(block: &str) -> Event {
    let mut event = Event::default();
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("id", text)) => event.id = Some(text.to_owned()),
            Some(("event", text)) => event.name = Some(text.to_owned()),
            Some(("data", text)) => event.data = Some(serde_json::from_str(text).unwrap()),
            Some(("retry", text)) => event.retry = Some(text.parse().unwrap()),
            _ => assert!(line.starts_with(':'), "{line:?}"),
        }
    }
    event
}

async fn rename(service: &Service, id: &str, name: &str) {
    let patch = client().patch(service.url(&format!("/api/v2/characters/{id}")));
    let patch = patch.header("content-type", "application/merge-patch+json");
    assert_eq!(send(patch.body(format!(r#"{{"name":"{name}"}}"#))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_changes_is_reported_by_every_other_and_a_stream_resumes_at_any() {
    let storage = storage(&PostgresServer::shared().fresh_schema_url());
    let (here, there) = (characters(&storage, &[]), characters(&storage, &[]));
    let id = send(client().post(here.url("/api/v2/characters")).json(&sheet("Ada"))).await.id();
    let query = format!("character={id},{}", Uuid::now_v7());
    let mut stream = Stream::open(&there, &query, None).await;
    let hello = stream.named("hello").await;
    assert!(hello.id.is_some() && hello.retry.is_some(), "{hello:?}");
    rename(&here, &id, "Bea").await;
    let update = stream.named("update").await;
    let data = update.data.unwrap();
    assert_eq!(
        (&data["type"], &data["character"], &data["revision"]),
        (&"character.updated".into(), &id.as_str().into(), &2.into())
    );
    assert_eq!(data["changed"], serde_json::json!(["name"]));
    let campaign = client().post(here.url("/api/v2/campaigns")).json(&serde_json::json!({ "name": "Night" }));
    let campaign = send(campaign).await.id();
    let mut of_campaign = Stream::open(&there, &format!("campaign={campaign}"), None).await;
    of_campaign.named("hello").await;
    let patch = client().patch(here.url(&format!("/api/v2/campaigns/{campaign}")));
    let patch = patch.header("content-type", "application/merge-patch+json");
    assert_eq!(send(patch.body(r#"{"name":"Day","theme":"sun"}"#)).await.status, 200);
    let data = of_campaign.named("update").await.data.unwrap();
    assert_eq!((&data["type"], &data["changed"]), (&"campaign.changed".into(), &serde_json::json!(["name", "theme"])));
    drop(stream);
    for name in ["Cleo", "Dora"] {
        rename(&there, &id, name).await;
    }
    let mut resumed = Stream::open(&here, &query, update.id.as_deref()).await;
    resumed.named("hello").await;
    for revision in [3, 4] {
        assert_eq!(resumed.named("update").await.data.unwrap()["revision"], revision);
    }
    let mut foreign = Stream::open(&here, &query, Some(&format!("{}.1", Uuid::nil()))).await;
    foreign.named("reset").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_stops_ends_its_streams_and_says_when_to_return() {
    let storage = storage(&PostgresServer::shared().fresh_schema_url());
    let service = characters(&storage, &[]);
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = Stream::open(&service, &format!("character={}", Uuid::now_v7()), None).await;
        stream.named("hello").await;
        streams.push(stream);
    }
    let begin = Instant::now();
    let stopped = std::thread::spawn(move || service.terminate());
    let mut returns = std::collections::BTreeSet::new();
    for mut stream in streams {
        let last = stream.next().await.unwrap();
        returns.insert(last.retry.unwrap());
        assert!(stream.next().await.is_none(), "the stream goes on after its end");
    }
    assert!(returns.len() > 10, "all return at the same time: {returns:?}");
    assert_eq!(stopped.join().unwrap(), 0);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_are_served_by_one_process_and_those_that_are_gone_are_forgotten() {
    let storage = storage(&PostgresServer::shared().fresh_schema_url());
    let service = characters(&storage, &[]);
    let id = send(client().post(service.url("/api/v2/characters")).json(&sheet("Ada"))).await.id();
    // Once before, so that what the first stream costs alone is not counted.
    let mut first = Stream::open(&service, &format!("character={id}"), None).await;
    first.named("hello").await;
    let before = service.memory("VmRSS:");
    let mut streams = Vec::new();
    for _ in 0..1_000 {
        let mut stream = Stream::open(&service, &format!("character={id}"), None).await;
        stream.named("hello").await;
        streams.push(stream);
    }
    let each = (service.memory("VmRSS:").saturating_sub(before)) / 1_000;
    eprintln!("{each} bytes of resident memory for each stream");
    assert!(each < 64 * 1024, "{each} bytes for each stream");
    rename(&service, &id, "Bea").await;
    for stream in &mut streams {
        assert_eq!(stream.named("update").await.data.unwrap()["revision"], 2);
    }
    drop((streams, first));
    let ask = || client().get(service.url("/metrics"));
    until(PATIENCE, "no stream of a client that is gone", ask, |answer| answer.metric("live_streams") == Some(0_u64))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_names_what_is_wrong_with_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::character().env("DATA_DIR", folder.path()).start();
    let fault = async |query: &str, last: Option<&str>| {
        let mut request = client().get(service.url(&format!("/api/v2/stream{query}")));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = send(request).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (422, Some("invalid")), "{answer:?}");
        answer.body["errors"][0]["field"].as_str().unwrap().to_owned()
    };
    assert_eq!(fault("", None).await, "character");
    assert_eq!(fault("?character=ada", None).await, "character");
    assert_eq!(fault(&format!("?campaign={},x", Uuid::nil()), None).await, "campaign");
    assert_eq!(fault(&format!("?character={}&user={}", Uuid::nil(), Uuid::nil()), None).await, "user");
    let many: Vec<_> = (0..501).map(|_| Uuid::now_v7().simple().to_string()).collect();
    let halves = many.split_at(250);
    let query = format!("?character={}&campaign={}", halves.0.join(","), halves.1.join(","));
    // Longer heads are refused before.
    let status = send(client().get(service.url(&format!("/api/v2/stream{query}")))).await.status;
    assert!([422, 431].contains(&status), "{status}");
    assert_eq!(fault(&format!("?character={}", Uuid::nil()), Some("seven")).await, "Last-Event-ID");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_that_a_client_made_up_resets_its_own_stream_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::character().env("DATA_DIR", folder.path()).start();
    let id = send(client().post(service.url("/api/v2/characters")).json(&sheet("Ada"))).await.id();
    let query = format!("character={id}");
    let mut other = Stream::open(&service, &query, None).await;
    let hello = other.named("hello").await.id.unwrap();
    let (epoch, _) = hello.split_once('.').unwrap();
    for place in ["5:5:_4_44f436d9-77fb-4b19-bfa2-8ed28d59c77a", "1:999999999999:"] {
        let mut forged = Stream::open(&service, &query, Some(&format!("{epoch}.{place}"))).await;
        let reset = forged.named("reset").await.id.unwrap();
        assert_eq!(reset.split_once('.').map(|(epoch, _)| epoch), Some(epoch), "{place}");
    }
    rename(&service, &id, "Bea").await;
    loop {
        let event = other.next().await.unwrap();
        match event.name.as_deref() {
            Some("update") => break,
            Some("reset") => panic!("the stream of another client is reset"),
            _ => {}
        }
    }
}
