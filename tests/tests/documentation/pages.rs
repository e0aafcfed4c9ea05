//! The pages for people, opened in a real browser that reaches nothing but the service. Screenshots stay in
//! `target/screenshots`.

use crate::support;
use character_tests::Service;
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

/// Browsers of one family, which Debian, Ubuntu and the runners of CI have under different names.
const BROWSERS: [&str; 3] = ["chromium-headless-shell", "chromium", "google-chrome"];
/// The time of the page, which the browser runs through as fast as it can.
const PAGE_MILLISECONDS: &str = "10000";
/// The most that a page may take.
const SECONDS: &str = "60";

fn browser() -> &'static str {
    let is_there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    BROWSERS.into_iter().find(is_there).unwrap_or_else(|| panic!("`deploy/test-dependencies.sh` installs {BROWSERS:?}"))
}

/// What the browser made of a page.
struct Opened {
    /// The elements, after the scripts have run.
    elements: String,
    /// What the page wrote to the console: errors, warnings and exceptions that nothing caught.
    console: Vec<String>,
}

/// Opens a page of the service and keeps a screenshot.
fn open(service: &Service, path: &str, screenshot: &str) -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    outside.set_nonblocking(true).unwrap();
    let shots = shots();
    fs::create_dir_all(&shots).unwrap();
    let shot = shots.join(screenshot);
    // What an earlier run has left says nothing of this one.
    let _ = fs::remove_file(&shot);
    let done = Command::new("timeout")
        .args([SECONDS, browser(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
        .args(["--window-size=1280,2000", "--disable-background-networking", "--disable-component-update"])
        // Every request to another place than the service arrives at a socket of this test.
        .arg(format!("--proxy-server=http://{}", outside.local_addr().unwrap()))
        .arg("--proxy-bypass-list=127.0.0.1")
        .arg(format!("--user-data-dir={}", folder.path().display()))
        .args(["--enable-logging=stderr", "--dump-dom", &format!("--virtual-time-budget={PAGE_MILLISECONDS}")])
        .arg(format!("--screenshot={}", shot.display()))
        .arg(service.url(path))
        .output()
        .expect("timeout is part of every system");
    let log = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{path}: {log}");
    assert!(fs::metadata(&shot).is_ok_and(|shot| shot.len() > 5_000), "{path}: {} is empty", shot.display());
    assert!(outside.accept().is_err(), "{path} asks for something outside of the service");
    let console =
        log.lines().filter(|line| line.contains(":CONSOLE:") || line.contains(":CONSOLE(")).map(str::to_owned);
    Opened { elements: String::from_utf8_lossy(&done.stdout).into_owned(), console: console.collect() }
}

fn shots() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")).join("screenshots")
}

/// The requests that the service did not answer with success.
async fn failed(service: &Service) -> Vec<String> {
    let metrics = support::send(support::client().get(service.url("/metrics"))).await.body;
    let lines = metrics.as_str().unwrap().lines().filter(|line| line.starts_with("http_server_requests_total{"));
    let has_failed = |line: &&str| line.contains(",status=\"4") || line.contains(",status=\"5");
    let lines = lines.filter(|line| !line.ends_with(" 0"));
    lines.filter(has_failed).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_pages_work_in_a_browser_without_the_network_and_write_nothing_to_its_console() {
    let service = Service::character().start();
    let start = open(&service, "/", "start.png");
    assert!(start.elements.contains("<h1>Character Service</h1>"), "{}", start.elements);
    assert!(start.elements.contains("href=\"/docs/\""), "{}", start.elements);
    let docs = open(&service, "/docs/", "docs.png");
    for shown in ["<title>Character Service API</title>", "Getting started", "./guides/api.md", "Lists characters."] {
        assert!(docs.elements.contains(shown), "{shown} is not on the page");
    }
    // The script has drawn every operation of the document.
    let drawn = docs.elements.matches("class=\"opblock opblock-").count();
    let document = support::send(support::client().get(service.url("/openapi.json"))).await.body;
    let operations = document["paths"].as_object().unwrap().values().map(|item| item.as_object().unwrap().len());
    assert_eq!(drawn, operations.sum::<usize>());
    assert_eq!(start.console.into_iter().chain(docs.console).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(failed(&service).await, [""; 0]);
}

/// The commands on the page, with the address that a reader sees.
#[tokio::test]
async fn the_commands_of_the_page_work_as_they_stand() {
    let service = Service::character().start();
    let page = support::client().get(service.url("/docs/")).send().await.unwrap().text().await.unwrap();
    let commands = page.split_once("<pre>").unwrap().1.split_once("</pre>").unwrap().0;
    let commands = commands.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let done = Command::new("bash").args(["-euo", "pipefail", "-c", &commands]).output().unwrap();
    let printed = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{commands}\n{printed}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(printed.contains("\"next_cursor\":null") && printed.contains("\"data\":{\"level\":4}"), "{printed}");
    assert_eq!(failed(&service).await, [""; 0]);
    for (_, guide) in page.match_indices("href=\"./guides/").map(|(at, text)| (at, &page[at + text.len()..])) {
        let name = guide.split_once('"').unwrap().0;
        let guide = support::client().get(service.url(&format!("/docs/guides/{name}"))).send().await.unwrap();
        assert_eq!(guide.status(), 200, "{name}");
    }
}
