//! One bad row is not an outage: a real Storage Service with a row that cannot be read, and the users of the others.

mod support;

use character_tests::{Service, free_port, query_sqlite};
use support::{client, send, sheet};

const TOKEN: &str = "token-of-the-tests";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_cannot_be_read_and_a_query_that_cannot_be_sent_leave_the_breaker_closed() {
    let storage = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).start();
    let admin = format!("127.0.0.1:{}", free_port());
    let service = Service::character()
        .env("STORAGE_SERVICE_URL", storage.url(""))
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("ADMIN_ADDR", &admin)
        .env("CACHE_MAX_BYTES", "0")
        .start();
    let url = service.url("/api/v2/characters");
    let (mut broken, fine) = (Vec::new(), send(client().post(&url).json(&sheet("Fine"))).await.id());
    for column in ["data = '{'", "name = CAST(X'C3' AS TEXT)", "user_id = X'00'"] {
        let id = send(client().post(&url).json(&sheet("Broken"))).await.id();
        let row = uuid::Uuid::parse_str(&id).unwrap().simple().to_string();
        let spoil = format!("UPDATE characters SET {column} WHERE id = X'{row}'; SELECT changes()");
        assert_eq!(query_sqlite(&storage.data_dir().join("storage.sqlite"), &spoil), "1");
        broken.push(id);
    }
    for round in 0..5 {
        for id in &broken {
            let answer = send(client().get(format!("{url}/{id}"))).await;
            assert_eq!(
                (answer.status, answer.body["code"].as_str()),
                (502, Some("storage-corrupt")),
                "{round}: {answer:?}"
            );
        }
        let list = send(client().get(&url)).await;
        assert_ne!(list.status, 503, "{list:?}");
        let long = send(client().get(format!("{url}?theme={}", "/".repeat(22_000)))).await;
        assert!((400..500).contains(&long.status), "{long:?}");
        let other = send(client().get(format!("{url}/{fine}"))).await;
        assert_eq!(other.status, 200, "{round}: {other:?}");
        assert_eq!(send(client().post(&url).json(&sheet("Another"))).await.status, 201);
    }
    let report = send(client().get(format!("http://{admin}/admin/storage"))).await.body;
    for breaker in [&report["breakers"]["reads"], &report["breakers"]["changes"]] {
        assert_eq!(breaker["state"], "closed", "{report}");
        assert_eq!((breaker["consecutive_failures"].as_u64(), breaker["rejected"].as_u64()), (Some(0), Some(0)));
    }
}
