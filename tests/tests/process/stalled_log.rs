//! A reader of the log that stalls costs lines, and nothing else.

use super::{
    both,
    support::{client, send},
};
use character_tests::Service;
use std::{
    fs::File,
    io::Read as _,
    time::{Duration, Instant},
};

/// More requests than fill the pipe and the queue before it.
const MOST_REQUESTS: usize = 20_000;
/// What the process may take to end: the time for requests in flight, that for the last lines, and some for the rest.
const END: Duration = Duration::from_secs(15);

/// The number of dropped lines, as the metrics show it.
async fn dropped(client: &reqwest::Client, service: &Service) -> u64 {
    send(client.get(service.url("/metrics"))).await.metric("log_lines_dropped_total").unwrap()
}

/// Sends requests, each of which must be answered, until more lines are dropped than before.
async fn fill(client: &reqwest::Client, service: &Service) {
    let before = dropped(client, service).await;
    for request in 0..MOST_REQUESTS {
        let answer = client.get(service.url("/health/ready")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        if request % 100 == 0 && dropped(client, service).await > before {
            return;
        }
    }
    panic!("no line was dropped by {MOST_REQUESTS} requests");
}

/// Reads from the pipe until a line reports dropped lines.
fn read_until_report(pipe: &mut File) -> String {
    let (mut text, mut part) = (String::new(), vec![0; 1 << 16]);
    loop {
        let length = pipe.read(&mut part).unwrap();
        assert!(length > 0, "the log ended");
        text.push_str(&String::from_utf8_lossy(part.get(..length).unwrap()));
        if let Some(line) = text.lines().find(|line| line.contains("log lines were dropped") && line.ends_with('}')) {
            return line.to_owned();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_reader_of_the_log_stops_neither_requests_nor_the_end_of_the_process() {
    for builder in both() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let builder = builder.log_into_pipe(&path).env("LOG_FORMAT", "json").env("SHUTDOWN_SECS", "2");
        let service = builder.env("LOG_LEVEL", "info,actix_http=trace").start();
        let client = client();
        fill(&client, &service).await;
        let live = client.get(service.url("/health/live")).send().await.unwrap();
        assert_eq!(live.status(), 200);
        let mut pipe = File::open(&path).unwrap();
        let report: serde_json::Value =
            serde_json::from_str(&tokio::task::spawn_blocking(move || read_until_report(&mut pipe)).await.unwrap())
                .unwrap();
        assert!(report["level"] == "WARN" && report["dropped"].as_u64().unwrap() > 0, "{report}");
        // The reader stalls again.
        fill(&client, &service).await;
        let asked = Instant::now();
        assert_eq!(service.terminate(), 0);
        assert!(asked.elapsed() < END, "{:?}", asked.elapsed());
    }
}
