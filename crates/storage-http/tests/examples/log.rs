//! The operations of the log and its consumers, by example.

use super::{EVENT, OWNER, Operation, SECOND, TIME, TRANSACTION, event, rows::ID};
use character_storage_port::{
    ConsumerName, EventId, HolderId, LeaseToken, Leased, LogBatch, LogCursor, ParkedEvent, Result, StoragePort,
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const EPOCH: &str = "01890a5d-ac96-774b-bcce-b302099a7001";
const HOLDER: &str = "01890a5d-ac96-774b-bcce-b302099a7002";
const LEASE: &str = "01890a5d-ac96-774b-bcce-b302099a7003";

fn cursor(place: &str) -> LogCursor {
    format!("{EPOCH}.{place}").parse().unwrap()
}

fn hub() -> ConsumerName {
    "hub".parse().unwrap()
}

fn token() -> LeaseToken {
    LeaseToken { consumer: hub(), lease: LEASE.parse().unwrap() }
}

/// An operation whose name, method and path are these.
fn operation<A, O>(name: &str, method: &'static str, path: &str, writes: bool, ask: A) -> Operation
where
    A: Fn(Arc<dyn StoragePort>) -> O + Send + Sync + 'static,
    O: Future<Output = Result<Value>> + Send + 'static,
{
    Operation {
        name: name.to_owned(),
        method,
        path: path.to_owned(),
        parameters: vec![],
        body: None,
        answer: None,
        writes,
        ask: Box::new(move |storage| Box::pin(ask(storage))),
    }
}

pub(super) fn operations() -> [Operation; 12] {
    [
        follow(),
        nothing_new(),
        head(),
        consumers(),
        lease(),
        leased_by_another(),
        advance(),
        release(),
        park(),
        parked(),
        unpark(),
        discard(),
    ]
}

/// A commit that moved a character from one campaign to another, and one of which the storage knows no rows.
pub(crate) fn batch() -> Value {
    let row = json!({
        "kind": "character",
        "id": ID,
        "revision": 3,
        "before": [OWNER, "campaign_id:01890a5d-ac96-774b-bcce-b302099a0003"],
        "after": [OWNER],
    });
    let unmoved = json!({ "kind": "campaign", "id": SECOND, "revision": 1, "after": [] });
    json!({
        "commits": [
            {
                "tick": 102,
                "transaction": TRANSACTION,
                "committed_at": TIME,
                "rows": [row, unmoved],
                "events": [event()],
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            },
            { "tick": 103, "transaction": SECOND, "committed_at": TIME, "rows": null },
        ],
        "next": cursor("100:104:100,102~7"),
        "settled": 100,
        "ceiling": 104,
        "more": true,
    })
}

pub(crate) fn follow() -> Operation {
    Operation {
        parameters: vec![
            ("after", cursor("98:100:98,99~3").to_string()),
            ("limit", "2".to_owned()),
            ("wait_ms", "30000".to_owned()),
        ],
        answer: Some(batch()),
        ..operation("log.follow", "GET", "/storage/v1/log", false, async |storage: Arc<dyn StoragePort>| {
            let batch: LogBatch = storage.follow(&cursor("98:100:98,99~3"), 2, Duration::from_secs(30)).await?;
            Ok(json!(batch))
        })
    }
}

fn nothing_new() -> Operation {
    Operation {
        parameters: vec![("after", cursor("7").to_string()), ("limit", "1000".to_owned()), ("wait_ms", "0".to_owned())],
        answer: Some(json!({ "commits": [], "next": cursor("7"), "settled": 8, "ceiling": 8, "more": false })),
        ..operation("log.follow", "GET", "/storage/v1/log", false, async |storage: Arc<dyn StoragePort>| {
            Ok(json!(storage.follow(&cursor("7"), 1_000, Duration::ZERO).await?))
        })
    }
}

fn head() -> Operation {
    Operation {
        answer: Some(json!({ "cursor": cursor("7") })),
        ..operation("log.head", "GET", "/storage/v1/log/head", false, async |storage: Arc<dyn StoragePort>| {
            Ok(json!({ "cursor": storage.head().await? }))
        })
    }
}

fn consumers() -> Operation {
    let idle = json!({ "name": "archive", "holder": null, "behind_since": null, "parked": 0 });
    let busy = json!({ "name": "hub", "holder": HOLDER, "behind_since": TIME, "parked": 3 });
    Operation {
        answer: Some(json!({ "consumers": [idle, busy] })),
        ..operation("consumer.list", "GET", "/storage/v1/consumers", false, async |storage: Arc<dyn StoragePort>| {
            Ok(json!({ "consumers": storage.consumers().await? }))
        })
    }
}

fn of_hub<A, O>(verb: &str, body: Value, ask: A) -> Operation
where
    A: Fn(Arc<dyn StoragePort>) -> O + Send + Sync + 'static,
    O: Future<Output = Result<Value>> + Send + 'static,
{
    let (name, path) = (format!("consumer.{verb}"), format!("/storage/v1/consumers/hub/{verb}"));
    Operation { body: Some(body), ..operation(&name, "POST", &path, true, ask) }
}

fn parked_event(replay: bool) -> Value {
    json!({ "event": event(), "reason": "the hub refused it", "parked_at": TIME, "replay": replay })
}

async fn leased(storage: Arc<dyn StoragePort>) -> Result<Value> {
    let leased: Option<Leased> =
        storage.lease(&hub(), HolderId(HOLDER.parse().unwrap()), Duration::from_secs(30)).await?;
    Ok(json!({ "leased": leased }))
}

pub(crate) fn lease() -> Operation {
    let replays = [parked_event(true)];
    Operation {
        answer: Some(json!({
            "leased": { "token": { "consumer": "hub", "lease": LEASE }, "cursor": cursor("7"), "replays": replays },
        })),
        ..of_hub("lease", json!({ "holder": HOLDER, "lease_ms": 30_000 }), leased)
    }
}

fn leased_by_another() -> Operation {
    Operation { answer: Some(json!({ "leased": null })), ..lease() }
}

fn advance() -> Operation {
    of_hub("advance", json!({ "lease": LEASE, "to": cursor("8") }), async |storage: Arc<dyn StoragePort>| {
        storage.advance(&token(), &cursor("8")).await.map(|()| Value::Null)
    })
}

fn release() -> Operation {
    of_hub("release", json!({ "lease": LEASE }), async |storage: Arc<dyn StoragePort>| {
        storage.release(&token()).await.map(|()| Value::Null)
    })
}

fn park() -> Operation {
    let body = json!({ "lease": LEASE, "event": event(), "reason": "the hub refused it" });
    of_hub("park", body, async |storage: Arc<dyn StoragePort>| {
        let event = serde_json::from_value(event()).unwrap();
        storage.park(&token(), &event, "the hub refused it").await.map(|()| Value::Null)
    })
}

pub(crate) fn parked() -> Operation {
    Operation {
        parameters: vec![("after", TRANSACTION.to_owned()), ("limit", "2".to_owned())],
        answer: Some(json!({ "events": [parked_event(false)] })),
        ..operation(
            "consumer.parked",
            "GET",
            "/storage/v1/consumers/hub/parked",
            false,
            async |storage: Arc<dyn StoragePort>| {
                let after = Some(EventId(TRANSACTION.parse().unwrap()));
                let events: Vec<ParkedEvent> = storage.parked(&hub(), after, 2).await?;
                Ok(json!({ "events": events }))
            },
        )
    }
}

fn ids() -> [EventId; 2] {
    [EVENT, SECOND].map(|id| EventId(id.parse().unwrap()))
}

fn unpark() -> Operation {
    Operation {
        answer: Some(json!({ "count": 1 })),
        ..of_hub("unpark", json!({ "ids": ids() }), async |storage: Arc<dyn StoragePort>| {
            Ok(json!({ "count": storage.unpark(&hub(), &ids()).await? }))
        })
    }
}

fn discard() -> Operation {
    Operation {
        answer: Some(json!({ "count": 2 })),
        ..of_hub("discard", json!({ "ids": ids() }), async |storage: Arc<dyn StoragePort>| {
            Ok(json!({ "count": storage.discard(&hub(), &ids()).await? }))
        })
    }
}
