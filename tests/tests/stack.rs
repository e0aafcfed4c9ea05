//! The whole platform as real processes: PostgreSQL, Redis, storage-service, character-service.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "stack/live.rs"]
mod live;
mod support;
#[path = "stack/through_hub.rs"]
mod through_hub;

use character_tests::{PostgresServer, RedisServer, Service};
use serde_json::json;
use std::time::Duration;
use support::{client, send, sheet, until};

const TOKEN: &str = "token-of-the-tests";

fn storage(database: &str) -> Service {
    Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("DATABASE_URL", database).start()
}

fn characters(storage: &Service, settings: &[(&str, &str)]) -> Service {
    let mut builder = Service::character()
        .env("STORAGE_SERVICE_URL", storage.url(""))
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("STORAGE_RETRY_BASE_MS", "20")
        .env("STORAGE_BREAKER_RECOVERY_SECS", "1");
    for (name, value) in settings {
        builder = builder.env(name, *value);
    }
    builder.start()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_character_goes_its_whole_way_through_every_layer() {
    let redis = RedisServer::shared();
    let storage = storage(&PostgresServer::shared().fresh_schema_url());
    let service = characters(&storage, &[("REDIS_URL", &redis.url())]);
    let url = service.url("/api/v2/characters");
    let created = send(client().post(&url).json(&sheet("Torormir"))).await;
    assert_eq!((created.status, created.header("etag")), (201, "\"1\""), "{created:?}");
    let url = format!("{url}/{}", created.id());
    let patch = |name: &str| {
        client()
            .patch(&url)
            .header("content-type", "application/merge-patch+json")
            .body(json!({ "name": name }).to_string())
    };
    assert_eq!(send(patch("Grey").header("if-match", "\"1\"")).await.status, 200);
    assert_eq!(send(patch("White").header("if-match", "\"1\"")).await.status, 412);
    let read = send(client().get(&url)).await;
    assert_eq!((read.body["name"].as_str(), read.body["revision"].as_u64()), (Some("Grey"), Some(2)));
    assert_eq!(send(client().delete(&url)).await.status, 204);
    assert_eq!(send(client().get(&url)).await.status, 404);
    assert_eq!(send(client().post(format!("{url}/restore"))).await.status, 200);
    assert_eq!(send(client().get(&url)).await.body["revision"].as_u64(), Some(4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_storage_service_is_down_known_characters_are_served_as_stale_and_nothing_is_written() {
    let storage = storage(&PostgresServer::shared().fresh_schema_url());
    let service = characters(&storage, &[("REDIS_CACHE_TTL", "1")]);
    let url = service.url("/api/v2/characters");
    let known = send(client().post(&url).json(&sheet("Known"))).await.id();
    let deleted = send(client().post(&url).json(&sheet("Deleted"))).await.id();
    assert_eq!(send(client().get(format!("{url}/{known}"))).await.status, 200);
    assert_eq!(send(client().delete(format!("{url}/{deleted}"))).await.status, 204);
    storage.kill();
    let stale = until(
        Duration::from_secs(10),
        "a stale answer",
        || client().get(format!("{url}/{known}")),
        |answer| answer.header("cache-status").contains("stale"),
    )
    .await;
    assert_eq!((stale.status, stale.body["name"].as_str()), (200, Some("Known")));
    assert!(stale.header("age").parse::<u64>().is_ok(), "{stale:?}");
    let unknown = send(client().get(format!("{url}/{}", uuid::Uuid::new_v4()))).await;
    assert_eq!(unknown.status, 503, "{unknown:?}");
    assert!(unknown.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(unknown.header("content-type").starts_with("application/problem+json"));
    assert_ne!(send(client().get(format!("{url}/{deleted}"))).await.status, 200, "a deleted character is never served");
    let refused = send(
        client()
            .patch(format!("{url}/{known}"))
            .header("content-type", "application/merge-patch+json")
            .body(r#"{"name":"x"}"#),
    )
    .await;
    assert_eq!(refused.status, 503, "{refused:?}");
    let still = send(client().get(format!("{url}/{known}"))).await;
    assert_eq!((still.status, still.body["name"].as_str()), (200, Some("Known")));
    assert_eq!(send(client().get(service.url("/health/ready"))).await.status, 200);
    storage.restart();
    let fresh = until(
        Duration::from_secs(15),
        "recovery without a restart",
        || client().post(&url).json(&sheet("After")),
        |answer| answer.status == 201,
    )
    .await;
    assert_eq!(fresh.body["name"], "After");
    let known = send(client().get(format!("{url}/{known}"))).await;
    assert_eq!((known.body["name"].as_str(), known.body["revision"].as_u64()), (Some("Known"), Some(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_services_with_redis_see_each_others_writes() {
    let redis = RedisServer::start();
    let storage = storage(&PostgresServer::shared().fresh_schema_url());
    let (one, two) =
        (characters(&storage, &[("REDIS_URL", &redis.url())]), characters(&storage, &[("REDIS_URL", &redis.url())]));
    let id = send(client().post(one.url("/api/v2/characters")).json(&sheet("Shared"))).await.id();
    let path = format!("/api/v2/characters/{id}");
    for round in 2..12u64 {
        let (writer, reader) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        assert_eq!(send(client().get(reader.url(&path))).await.status, 200, "the reader's cache is warm");
        let body = json!({ "name": format!("Shared {round}") }).to_string();
        let patched =
            send(client().patch(writer.url(&path)).header("content-type", "application/merge-patch+json").body(body))
                .await;
        assert_eq!(patched.body["revision"].as_u64(), Some(round), "{patched:?}");
        until(
            Duration::from_secs(5),
            "the other process hears of it",
            || client().get(reader.url(&path)),
            |answer| answer.body["revision"].as_u64() == Some(round),
        )
        .await;
    }
    redis.kill();
    let after = send(client().get(one.url(&path))).await;
    assert_eq!((after.status, after.body["revision"].as_u64()), (200, Some(11)), "a dead Redis is nobody's outage");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn increments_by_many_clients_through_kills_of_the_storage_service_add_up() {
    let storage = storage(&PostgresServer::shared().fresh_schema_url());
    let service = characters(&storage, &[("STORAGE_BREAKER_FAILURES", "1000")]);
    let url = service.url("/api/v2/characters");
    let id = send(
        client().post(&url).json(&json!({ "name": "Counter", "user_id": uuid::Uuid::new_v4(), "data": { "n": 0 } })),
    )
    .await
    .id();
    let url = format!("{url}/{id}");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let url = url.clone();
        tasks.spawn(async move {
            let (client, mut certain, mut uncertain) = (client(), 0u64, 0u64);
            while certain < 10 {
                let Ok(read) = support::try_send(client.get(&url)).await else { continue };
                if read.status != 200 || read.header("cache-status").contains("stale") {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
                let next = json!({ "data": { "n": read.body["data"]["n"].as_u64().unwrap() + 1 } }).to_string();
                let request = client
                    .patch(&url)
                    .header("if-match", read.header("etag"))
                    .header("content-type", "application/merge-patch+json");
                match support::try_send(request.body(next)).await {
                    Ok(answer) if answer.status == 200 => certain += 1,
                    Ok(answer) if answer.status == 412 => {}
                    _ => uncertain += 1,
                }
            }
            (certain, uncertain)
        });
    }
    storage.kill();
    storage.restart();
    let (mut certain, mut uncertain) = (0, 0);
    while let Some(counted) = tasks.join_next().await {
        let (c, u) = counted.unwrap();
        certain += c;
        uncertain += u;
    }
    let last = until(
        Duration::from_secs(10),
        "a fresh read",
        || client().get(&url),
        |a| a.status == 200 && !a.header("cache-status").contains("stale"),
    )
    .await;
    let n = last.body["data"]["n"].as_u64().unwrap();
    assert!(
        (certain..=certain + uncertain).contains(&n),
        "{n} after {certain} acknowledged and {uncertain} uncertain increments"
    );
    assert_eq!(last.body["revision"].as_u64(), Some(n + 1), "every applied increment is one revision");
}

#[tokio::test]
async fn the_storage_service_wants_one_of_its_tokens() {
    let storage = Service::storage().env("STORAGE_SERVICE_TOKEN", "old,new").start();
    let url = storage.url("/storage/v1/characters");
    for (token, status) in [("old", 200), ("new", 200), ("older", 401)] {
        assert_eq!(send(client().get(&url).bearer_auth(token)).await.status, status, "{token}");
    }
    let nobody = send(client().get(&url)).await;
    assert_eq!((nobody.status, nobody.header("www-authenticate")), (401, "Bearer"));
    assert_eq!(
        send(client().get(storage.url("/openapi.json"))).await.body["openapi"].as_str().map(|v| &v[..3]),
        Some("3.1")
    );
    assert!(send(client().get(storage.url("/metrics"))).await.body.to_string().contains("storage_operations_total"));
    assert_eq!(storage.terminate(), 0);
    assert_eq!(Service::storage().run().code, Some(2), "without a token it does not start");
}
