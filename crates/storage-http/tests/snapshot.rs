//! Snapshots as a storage may send them, whole and broken.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod direct;

use character_storage_http::HttpStorage;
use character_storage_port::{EntityKind, ErrorKind, Result, Snapshot, SnapshotItem, UnreadableInSnapshot};
use character_storage_testkit::sample::character;
use direct::direct;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path},
};

/// What a client makes of an answer.
async fn read(answer: ResponseTemplate) -> Vec<Result<SnapshotItem>> {
    let server = MockServer::start().await;
    let asked =
        Mock::given(method("GET")).and(path("/storage/v1/snapshot")).and(header("authorization", "Bearer secret"));
    asked.respond_with(answer).expect(1).mount(&server).await;
    let storage = HttpStorage::over(direct(server.uri(), "secret"));
    match storage.snapshot().await {
        Ok(items) => items.collect().await,
        Err(error) => stream::iter([Err(error)]).collect().await,
    }
}

fn lines(lines: &[Value]) -> ResponseTemplate {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    ResponseTemplate::new(200).set_body_raw(text, "application/x-ndjson")
}

fn codes(items: &[Result<SnapshotItem>]) -> Vec<&str> {
    let code = |item: &'_ Result<SnapshotItem>| match item {
        Ok(SnapshotItem::Row(_)) => "row",
        Ok(SnapshotItem::Unreadable(_)) => "unreadable",
        Err(error) => error.kind().code(),
    };
    items.iter().map(code).collect()
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_an_item_and_the_stream_goes_on() {
    let (row, id) = (json!({ "row": { "character": character() } }), character().id.0);
    let broken = json!({ "unreadable": { "kind": "quest", "id": id, "problem": "the column data: no JSON" } });
    let items = read(lines(&[row.clone(), broken, row, json!({ "end": { "items": 3 } })])).await;
    assert_eq!(codes(&items), ["row", "unreadable", "row"]);
    let problem = "the column data: no JSON".to_owned();
    let expected = UnreadableInSnapshot { kind: EntityKind::Quest, id: Some(id), problem };
    assert_eq!(items[1].as_ref().unwrap(), &SnapshotItem::Unreadable(expected));
}

#[tokio::test]
async fn a_snapshot_without_its_end_or_with_another_number_of_items_is_an_error() {
    let row = json!({ "row": { "character": character() } });
    let end = |items: u64| json!({ "end": { "items": items } });
    for (sent, expected) in [
        (vec![row.clone()], vec!["row", "unavailable"]),
        (vec![], vec!["unavailable"]),
        (vec![row.clone(), end(2)], vec!["row", "corrupt"]),
        (vec![row.clone(), end(0)], vec!["row", "corrupt"]),
        (vec![row.clone(), json!({ "row": { "character": {} } }), end(2)], vec!["row", "corrupt"]),
        (vec![end(0)], vec![]),
    ] {
        assert_eq!(codes(&read(lines(&sent)).await), expected, "{sent:?}");
    }
    let cut = format!("{row}\n{{\"end\":{{\"items\":1}}}}");
    let cut = ResponseTemplate::new(200).set_body_raw(cut, "application/x-ndjson");
    assert_eq!(codes(&read(cut).await), ["row", "unavailable"], "the last line has no end");
}

#[tokio::test]
async fn a_problem_in_the_stream_and_one_instead_of_it_are_the_error_of_the_storage() {
    let problem = json!({ "code": "timeout", "title": "", "status": 504 });
    let items = read(lines(&[json!({ "row": { "character": character() } }), json!({ "problem": problem })])).await;
    assert_eq!(codes(&items), ["row", "timeout"]);
    let refusal = json!({ "code": "unsupported", "title": "", "status": 501 }).to_string();
    let instead = ResponseTemplate::new(501).set_body_raw(refusal, "application/problem+json");
    assert_eq!(codes(&read(instead).await), ["unsupported"]);
    let other = read(ResponseTemplate::new(200).set_body_json(json!({}))).await;
    assert_eq!(other[0].as_ref().unwrap_err().kind(), &ErrorKind::Corrupt, "another media type");
}
