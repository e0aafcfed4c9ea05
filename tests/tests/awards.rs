//! Experience that many win at once, through several services, adds up exactly.

mod support;

use character_tests::{PostgresServer, Service};
use serde_json::{Value, json};
use support::{client, send, sheet};

const TOKEN: &str = "token-of-the-tests";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_awards_at_once_through_two_services_add_up_exactly() {
    let database = PostgresServer::shared().fresh_schema_url();
    let storage = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("DATABASE_URL", database).start();
    let characters =
        || Service::character().env("STORAGE_SERVICE_URL", storage.url("")).env("STORAGE_SERVICE_TOKEN", TOKEN).start();
    let (one, two) = (characters(), characters());
    let id = send(client().post(one.url("/api/v2/characters")).json(&sheet("Torormir"))).await.id();
    let progress = format!("/api/v2/characters/{id}/progress");
    let awards = (1..=20_usize).map(|number| {
        let service = if number % 2 == 0 { &one } else { &two };
        let url = service.url(&format!("{progress}/experience"));
        let body = json!({ "amount": number * 100, "source": "combat", "reason": "A battle of many" });
        // Under its key each award is sent twice, as by a client that did not wait for the first answer.
        let send = move || send(client().post(&url).header("idempotency-key", format!("{number}")).json(&body));
        tokio::spawn(async move { (send().await, send().await) })
    });
    let mut levels = 0;
    for award in awards.collect::<Vec<_>>() {
        let (first, again) = award.await.unwrap();
        assert_eq!((first.status, again.status), (200, 200), "{first:?} {again:?}");
        assert_eq!(first.body, again.body);
        levels += first.body["levels_gained"].as_u64().unwrap();
    }
    let character = send(client().get(one.url(&format!("/api/v2/characters/{id}")))).await;
    let own = |name: &str| character.body["data"][name].as_u64();
    assert_eq!((own("experience_points"), own("level"), levels), (Some(21_000), Some(6), 5));
    assert_eq!(character.body["revision"].as_u64(), Some(21));
    let progress = send(client().get(two.url(&progress))).await;
    assert_eq!(progress.body["experience_points"], Value::from(21_000));
}
