//! `VERSIONS_KEEP`: versions of a running service are removed, and what stays is whole.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use super::support::{Answer, client, send, sheet, until};
use character_tests::{Service, free_port};
use serde_json::{Value, json};
use std::time::Duration;

const HEROES: usize = 24;
const CHANGES: u64 = 24;

/// Characters with many versions of one day, or of two at midnight.
async fn heroes(service: &Service) -> Vec<String> {
    let url = service.url("/api/v2/characters");
    let tasks = (0..HEROES).map(|number| {
        let url = url.clone();
        tokio::spawn(async move {
            let client = client();
            let id = send(client.post(&url).json(&sheet(&format!("Hero {number}")))).await.id();
            for change in 0..CHANGES {
                let patch = json!({ "data": { "change": change } });
                let request = client.patch(format!("{url}/{id}")).body(patch.to_string());
                assert_eq!(send(request.header("content-type", "application/merge-patch+json")).await.status, 200);
            }
            id
        })
    });
    let mut ids = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        ids.push(task.await.unwrap());
    }
    ids
}

fn history_of(service: &Service, hero: &str) -> String {
    service.url(&format!("/api/v2/characters/{hero}/versions?limit=100"))
}

async fn versions(service: &Service, hero: &str) -> Vec<Value> {
    let mut items = send(client().get(history_of(service, hero))).await.body["items"].as_array().unwrap().clone();
    items.reverse();
    items
}

fn removed(answer: &Answer) -> Option<u64> {
    answer.body["versions"]["removed"].as_u64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_in_the_middle_of_thinning_leaves_every_history_whole_and_the_next_process_completes_it() {
    let reader = Service::character().start();
    let heroes = heroes(&reader).await;
    let before = versions(&reader, &heroes[0]).await;
    let second = format!("/api/v2/characters/{}/versions/{}", heroes[0], before[1]["id"].as_str().unwrap());
    assert_eq!(send(client().get(reader.url(&second))).await.status, 200);

    let admin = format!("127.0.0.1:{}", free_port());
    let report = format!("http://{admin}/admin/storage");
    let thinning = Service::character()
        .env("DATA_DIR", reader.data_dir())
        .env("ADMIN_ADDR", &admin)
        .env("VERSIONS_KEEP", "1")
        .start();
    let has_begun = |answer: &Answer| removed(answer) > Some(0);
    until(Duration::from_secs(30), "the first versions are removed", || client().get(&report), has_begun).await;
    thinning.kill();
    for hero in &heroes {
        assert_whole(&versions(&reader, hero).await);
    }
    thinning.restart();
    let is_complete = |answer: &Answer| answer.body["versions"]["last_pass"].is_string();
    let limit = Duration::from_secs(60);
    let last = until(limit, "a complete pass", || client().get(&report), is_complete).await;
    let mut left = 0;
    for hero in &heroes {
        // The first, the newest, and one more at midnight. The other process hears of it within a second.
        let is_thin = |answer: &Answer| answer.body["items"].as_array().is_some_and(|items| items.len() <= 3);
        until(Duration::from_secs(10), "a short history", || client().get(history_of(&reader, hero)), is_thin).await;
        let history = versions(&reader, hero).await;
        assert_whole(&history);
        assert_eq!((&history[0]["number"], &history.last().unwrap()["number"]), (&json!(1), &json!(CHANGES + 1)));
        assert!(history.len() <= 3, "{history:?}");
        left += history.len() as u64;
    }
    let all = (CHANGES + 1) * HEROES as u64;
    assert_eq!(removed(&last), Some(all - left), "each version is counted once");

    // The other process hears of it, and says what is no longer known.
    assert_eq!(send(client().get(reader.url(&second))).await.status, 404);
    let time = before[1]["created_at"].as_str().unwrap();
    let hero = reader.url(&format!("/api/v2/characters/{}", heroes[0]));
    let answer = send(client().get(format!("{hero}?at={time}"))).await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (410, Some("state-not-kept")), "{answer:?}");
    let first = before[0]["id"].as_str().unwrap();
    assert!(answer.body["detail"].as_str().unwrap().contains(first), "{answer:?}");
    let restored = send(client().post(format!("{hero}/versions/{first}/restore"))).await;
    assert_eq!((restored.status, restored.body["revision"].as_u64()), (200, Some(CHANGES + 2)));
    let metrics = |answer: &Answer| answer.body.as_str().is_some_and(|text| text.contains("versions_thinned_total "));
    until(Duration::from_secs(30), "the metric", || client().get(reader.url("/metrics")), metrics).await;
}

/// Each version is the successor of the one before it.
fn assert_whole(history: &[Value]) {
    assert!(history.len() >= 2, "{history:?}");
    for (before, after) in history.iter().zip(&history[1..]) {
        assert_eq!(before["id"], after["parent_id"]);
        assert!(before["number"].as_u64() < after["number"].as_u64());
    }
}

#[test]
fn a_setting_that_has_no_effect_is_a_mistake() {
    let finished = Service::character()
        .env("VERSIONS_KEEP", "10")
        .env("STORAGE_SERVICE_URL", "http://127.0.0.1:1")
        .env("STORAGE_SERVICE_TOKEN", "token-of-the-tests")
        .arg("check")
        .run();
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.errors.contains("VERSIONS_KEEP"), "{finished:?}");
    for wrong in ["0", "some", "-1"] {
        let finished =
            Service::storage().env("STORAGE_SERVICE_TOKEN", "token-of-the-tests").env("VERSIONS_KEEP", wrong);
        let finished = finished.arg("check").run();
        assert_eq!(finished.code, Some(2), "{wrong}: {finished:?}");
        assert!(finished.errors.contains("VERSIONS_KEEP"), "{finished:?}");
    }
}
