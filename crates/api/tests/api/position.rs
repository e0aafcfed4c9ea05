//! `Storage-Position`.

use crate::client::{CHARACTERS, Client, USER, path};
use character_storage_port::{MemoryStorage, required_position};
use character_storage_testkit::{Course, Operation, ScriptedFaults};
use serde_json::json;
use std::sync::{Arc, Mutex};

/// The positions that reads required.
type Required = Arc<Mutex<Vec<Option<u64>>>>;

/// A storage that notes the position that each read requires.
fn noting() -> (ScriptedFaults<MemoryStorage>, Required) {
    let (storage, required) = (ScriptedFaults::new(Arc::new(MemoryStorage::new())), Required::default());
    let notes = Arc::clone(&required);
    storage.direct(move |operation| {
        if matches!(operation, Operation::Find | Operation::List) {
            notes.lock().unwrap().push(required_position().map(|tick| tick.0));
        }
        Course::default()
    });
    (storage, required)
}

#[actix_web::test]
async fn an_answer_to_a_change_tells_its_position_and_a_read_that_sends_it_back_requires_it() {
    let (storage, noted) = noting();
    let client = Client::over(storage);
    let created = client.post(&json!({ "name": "Torormir", "user_id": USER })).await;
    assert_eq!(created.header("storage-position"), Some("1"), "{created:?}");
    let one = path(&created.json());
    for (target, method) in [(&*one, "GET"), (CHARACTERS, "GET")] {
        noted.lock().unwrap().clear();
        let answer = client.text(method, target, &[("storage-position", "1")], "").await;
        assert_eq!((answer.status, answer.header("storage-position")), (200, None), "{answer:?}");
        let required = noted.lock().unwrap().clone();
        assert!(!required.is_empty() && required.iter().all(|least| *least == Some(1)), "{target}: {required:?}");
    }
    noted.lock().unwrap().clear();
    client.get(&one).await;
    assert_eq!(*noted.lock().unwrap(), [None]);
    let patch = json!({ "name": "T" });
    let patched = client.json("PATCH", &one, &[], &patch).await;
    assert_eq!(patched.header("storage-position"), Some("2"));
}

#[actix_web::test]
async fn a_position_that_is_no_whole_number_is_refused_by_name() {
    let client = Client::new();
    for value in ["", "x", "-1", "1.5", "9223372036854775808", "1, 2"] {
        client.text("GET", CHARACTERS, &[("storage-position", value)], "").await.is_invalid(&["Storage-Position"]);
    }
}

#[actix_web::test]
async fn a_refusal_has_no_position_and_a_repeat_has_the_first_or_the_later_one_that_was_sent() {
    let client = Client::new();
    let body = json!({ "name": "Torormir", "user_id": USER });
    let key = [("idempotency-key", "one")];
    let first = client.json("POST", CHARACTERS, &key, &body).await;
    client.post(&body).await;
    let repeat = client.json("POST", CHARACTERS, &key, &body).await;
    assert_eq!((first.header("storage-position"), repeat.header("storage-position")), (Some("1"), Some("1")));
    let repeat = client.json("POST", CHARACTERS, &[key[0], ("storage-position", "2")], &body).await;
    assert_eq!(repeat.header("storage-position"), Some("2"));
    assert_eq!(client.post(&json!({ "name": "" })).await.header("storage-position"), None);
}
