//! The memory that a request takes, measured while the whole service answers it.

use crate::client::{Answer, CHARACTERS, Client, USER, path};
use character_domain::size::{MAX_ROW_VALUES, MAX_VALUES};
use serde_json::json;

/// The most bytes that are held at once while the request is answered, and the answer. The storage counts as well.
fn measured(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u64, Answer) {
    let mut answer = None;
    let counted = allocation_counter::measure(|| {
        let client = Client::new().uncompared();
        let request = client.text(method, path, headers, body);
        answer = Some(actix_web::rt::System::new().block_on(request));
    });
    (counted.bytes_max, answer.unwrap())
}

/// A list of `count` objects of the kind that takes the most memory for its text.
fn dense(count: usize) -> String {
    format!("[{}]", vec![r#"{"":0}"#; count].join(","))
}

fn bulk(rows: usize, data: &str) -> String {
    let row = format!(r#"{{"name":"x","user_id":"{USER}","data":{{"list":{data}}}}}"#);
    format!(r#"{{"atomic":false,"characters":[{}]}}"#, vec![row; rows].join(","))
}

/// The most times the bytes of its body that a bulk takes: the body, the stored rows and their versions, the kept answer
/// and the answer are most of them.
const TIMES: u64 = 12;

/// The bytes that one row of the most values takes while it is parsed. There is one at a time.
const ONE_ROW: u64 = 40 << 20;

#[test]
fn a_bulk_takes_a_small_multiple_of_its_bytes_whatever_its_rows_hold() {
    let texts = json!(vec!["x".repeat(1_000); 200]).to_string();
    let deep = format!("{}{}{}", "[".repeat(100), dense(1_000), "]".repeat(100));
    let escaped = dense(30_000).replacen("\"\"", "\"\\u0001\"", 1);
    for (rows, data) in [(4, dense(32_000)), (10, texts), (100, deep), (4, escaped), (250, dense(400))] {
        for headers in [&[][..], &[("Idempotency-Key", "key")]] {
            let body = bulk(rows, &data);
            let (bytes, answer) = measured("POST", "/api/v2/characters/bulk", headers, &body);
            assert_eq!(answer.json()["results"].as_array().map(Vec::len), Some(rows), "{:.500}", answer.text);
            assert!(answer.text.matches("\"status\":201").count() == rows, "{:.500}", answer.text);
            let most = TIMES * body.len() as u64 + if rows < 100 { ONE_ROW } else { 0 };
            assert!(bytes <= most, "{bytes} bytes for a bulk of {rows} rows and {} bytes", body.len());
        }
    }
}

#[actix_web::test]
async fn a_sheet_a_body_and_a_bulk_of_too_many_values_are_refused_by_the_field() {
    let client = Client::new();
    let new = |data: &str| format!(r#"{{"name":"x","user_id":"{USER}","data":{{"list":{data}}}}}"#);
    let list = |values: usize| format!("[{}0]", "0,".repeat(values - 1));
    let fitting = client.text("POST", CHARACTERS, &[], &new(&list(MAX_VALUES - 2))).await;
    assert_eq!(fitting.status, 201);
    let wide = new(&list(MAX_VALUES - 1));
    client.text("POST", CHARACTERS, &[], &wide).await.is_invalid(&["data"]);
    let place = path(&fitting.json());
    client.text("PUT", &place, &[], &wide).await.is_invalid(&["data"]);
    let patch = format!(r#"{{"data":{{"more":{}}}}}"#, list(10));
    client.text("PATCH", &place, &[], &patch).await.is_invalid(&["data"]);
    client.text("POST", CHARACTERS, &[], &new(&list(MAX_ROW_VALUES))).await.is_invalid(&["body"]);
    client.text("PATCH", &place, &[], &format!(r#"{{"data":{}}}"#, list(MAX_ROW_VALUES))).await.is_invalid(&["body"]);
    for (name, collection) in
        [("characters", format!("{CHARACTERS}/bulk")), ("items", format!("{place}/inventory/bulk"))]
    {
        let body = format!(r#"{{"{name}":[{}]}}"#, vec![list(60_000); 18].join(","));
        client.text("POST", &collection, &[("Idempotency-Key", "k")], &body).await.is_invalid(&[name]);
    }
    assert_eq!(client.get(CHARACTERS).await.json()["items"].as_array().unwrap().len(), 1);
}
