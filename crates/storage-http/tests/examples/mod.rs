//! Every operation of the contract, written out: what is asked for, and what a storage answers that does it.
//! A client in another language can take these as they are.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

pub(crate) mod log;
mod rows;

use character_storage_port::every_kind;
pub(crate) use rows::{Example, ID, meta};

use character_storage_http::HttpStorage;
use character_storage_port::{
    Change, Commit, Cursor, Deleted, DomainEvent, Expect, KeptAnswer, Limit, PageRequest, Probe, Result, StoragePort,
    Store, Transaction, TransactionId,
};
use serde_json::{Value, json};
use std::{pin::Pin, sync::Arc};

const TRANSACTION: &str = "01890a5d-ac96-774b-bcce-b302099a8001";
const EVENT: &str = "01890a5d-ac96-774b-bcce-b302099a8002";
const SECOND: &str = "01890a5d-ac96-774b-bcce-b302099a8052";
const THIRD: &str = "01890a5d-ac96-774b-bcce-b302099a8053";
const FOURTH: &str = "01890a5d-ac96-774b-bcce-b302099a8054";
const TIME: &str = "2026-01-02T03:04:05.678901Z";
/// The id of a row that cannot be read.
pub(crate) const UNREADABLE: &str = "01890a5d-ac96-774b-bcce-b302099a00ff";
/// An owner of a row, as the log names it.
const OWNER: &str = "user_id:01890a5d-ac96-774b-bcce-b302099a0002";
/// The time above in microseconds and an id, in base64url (RFC 4648).
const CURSOR: &str = "AAZHXvZXTzUBiQpdrJZ3S7zOswIJmoBX";

type Outcome = Pin<Box<dyn Future<Output = Result<Value>> + Send>>;

/// One operation of the contract.
pub(crate) struct Operation {
    /// Its name, as errors tell it.
    pub(crate) name: String,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// In any order.
    pub(crate) parameters: Vec<(&'static str, String)>,
    /// What is sent, as JSON.
    pub(crate) body: Option<Value>,
    /// What is answered with 200, as JSON; without, the answer is an empty 204.
    pub(crate) answer: Option<Value>,
    /// Whether an answer that is not understood leaves open what happened.
    pub(crate) writes: bool,
    /// Asks the client for it. What comes out is what was answered.
    pub(crate) ask: Box<dyn Fn(Arc<dyn StoragePort>) -> Outcome + Send + Sync>,
}

/// A client of this storage, with one attempt for each request.
pub(crate) fn client(transport: impl character_storage_http::StreamTransport) -> Arc<dyn StoragePort> {
    Arc::new(HttpStorage::over(transport))
}

/// Every operation: those of each kind of row, and the others.
pub(crate) fn operations() -> Vec<Operation> {
    let mut all: Vec<Operation> = every_kind!(Row => of_kind::<Row>()).into_iter().flatten().collect();
    all.extend([batch(), probe()]);
    all.extend(log::operations());
    all
}

fn of_kind<E: Example>() -> [Operation; 8]
where
    dyn StoragePort: Store<E>,
{
    let deleted = || {
        let mut row = E::row();
        row["meta"]["deleted_at"] = json!(TIME);
        row
    };
    let with_defaults = |given: &[(&'static str, &str)]| {
        let given = given.iter().map(|(name, value)| (*name, (*value).to_owned()));
        E::default_parameters().into_iter().chain(given).collect::<Vec<_>>()
    };
    let page = |items: Value, next: Option<&str>| json!({ "items": items, "next_cursor": next });
    let cursor: Cursor = CURSOR.parse().unwrap();
    let mut narrowed = E::parameters();
    narrowed.extend([("limit", "2".to_owned()), ("cursor", CURSOR.to_owned())]);
    let everything = PageRequest::first(Limit::new(2).unwrap()).after(cursor);
    [
        find::<E>(Deleted::Exclude, vec![], E::row()),
        find::<E>(Deleted::Include, vec![("deleted", "include".to_owned())], deleted()),
        list::<E>(
            E::Query::default(),
            PageRequest::default(),
            with_defaults(&[("limit", "100")]),
            page(json!([]), None),
        ),
        list::<E>(
            E::Query::default(),
            PageRequest::default().offset(7),
            with_defaults(&[("limit", "100"), ("offset", "7")]),
            page(json!([E::row()]), None),
        ),
        list::<E>(E::query(), everything, narrowed, page(json!([deleted()]), Some(CURSOR))),
        count::<E>(E::Query::default(), E::default_parameters(), 0),
        count::<E>(E::query(), E::parameters(), 1701),
        commit::<E>(),
    ]
}

fn find<E: Example>(deleted: Deleted, parameters: Vec<(&'static str, String)>, row: Value) -> Operation
where
    dyn StoragePort: Store<E>,
{
    Operation {
        name: format!("{}.find", E::NAME),
        method: "GET",
        path: format!("{}/{ID}", E::PATH),
        parameters,
        body: None,
        answer: Some(row),
        writes: false,
        ask: Box::new(move |storage| {
            Box::pin(async move {
                let found = Store::<E>::find(&*storage, E::Id::from(ID.parse().unwrap()), deleted).await?;
                Ok(serde_json::to_value(found.value).unwrap())
            })
        }),
    }
}

fn list<E: Example>(
    query: E::Query,
    page: PageRequest,
    parameters: Vec<(&'static str, String)>,
    answer: Value,
) -> Operation
where
    dyn StoragePort: Store<E>,
{
    Operation {
        name: format!("{}.list", E::NAME),
        method: "GET",
        path: E::PATH.to_owned(),
        parameters,
        body: None,
        answer: Some(answer),
        writes: false,
        ask: Box::new(move |storage| {
            let (query, page) = (query.clone(), page.clone());
            Box::pin(async move {
                let page = Store::<E>::list(&*storage, &query, page).await?.value;
                Ok(json!({ "items": page.items, "next_cursor": page.next }))
            })
        }),
    }
}

fn count<E: Example>(query: E::Query, parameters: Vec<(&'static str, String)>, count: u64) -> Operation
where
    dyn StoragePort: Store<E>,
{
    Operation {
        name: format!("{}.count", E::NAME),
        method: "GET",
        path: E::PATH.replace("/v1/", "/v1/counts/"),
        parameters,
        body: None,
        answer: Some(json!({ "count": count })),
        writes: false,
        ask: Box::new(move |storage| {
            let query = query.clone();
            Box::pin(async move { Ok(json!({ "count": Store::<E>::count(&*storage, &query).await? })) })
        }),
    }
}

fn transaction() -> Transaction {
    Transaction { id: TransactionId(TRANSACTION.parse().unwrap()), ..Transaction::new() }
}

/// One transaction with every change there is, an event that tells of it, and an answer to keep.
fn commit<E: Example>() -> Operation
where
    dyn StoragePort: Store<E>,
{
    let with_id = |id: &str| E::row_with_id(id);
    let entity = |row: Value| serde_json::from_value::<E>(row).unwrap();
    let id = |id: &str| E::Id::from(id.parse().unwrap());
    let at = TIME.parse().unwrap();
    let mut transaction = transaction()
        .with(Change::Create(entity(E::row())))
        .with(Change::Replace {
            entity: entity(with_id(SECOND)),
            expect: Expect::Revision(character_domain::Revision(2)),
        })
        .with(Change::<E>::Delete { id: id(THIRD), expect: Expect::Any, at })
        .with(Change::<E>::Restore { id: id(FOURTH), expect: Expect::Any, at })
        .with_event(serde_json::from_value::<DomainEvent>(event()).unwrap());
    transaction.answer = Some(KeptAnswer::of(&json!({ "kept": true })).unwrap());
    Operation {
        name: "commit".to_owned(),
        method: "POST",
        path: "/storage/v1/transactions".to_owned(),
        parameters: vec![],
        body: Some(json!({
            "id": TRANSACTION,
            "writes": [
                { E::NAME: { "create": E::row() } },
                { E::NAME: { "replace": { "entity": with_id(SECOND), "expect": { "revision": 2 } } } },
                { E::NAME: { "delete": { "id": THIRD, "expect": "any", "at": TIME } } },
                { E::NAME: { "restore": { "id": FOURTH, "expect": "any", "at": TIME } } },
            ],
            "events": [event()],
            "answer": { "kept": true },
        })),
        answer: Some(json!({
            "id": TRANSACTION,
            "tick": 103,
            "written": [meta(1), meta(3), meta(4), meta(5)],
            "changes": [
                { "kind": E::NAME, "id": ID, "revision": 1, "before": [], "after": [OWNER] },
                { "kind": E::NAME, "id": SECOND, "revision": 3, "after": [OWNER] },
                { "kind": E::NAME, "id": THIRD, "revision": 4, "after": [OWNER] },
                { "kind": E::NAME, "id": FOURTH, "revision": 5, "after": [] },
            ],
            "answer": { "kept": true },
        })),
        writes: true,
        ask: Box::new(move |storage| {
            let transaction = transaction.clone();
            Box::pin(async move { Ok(serde_json::to_value(storage.commit(transaction).await?).unwrap()) })
        }),
    }
}

fn event() -> Value {
    json!({
        "id": EVENT,
        "type": "character.updated",
        "subject": ID,
        "time": TIME,
        "data": { "character_id": ID, "revision": 3 },
    })
}

fn batch() -> Operation {
    let transactions = json!([{ "id": TRANSACTION, "writes": [], "events": [] }]);
    let committed = json!({ "id": TRANSACTION, "tick": 103, "written": [], "changes": [] });
    Operation {
        name: "commit".to_owned(),
        method: "POST",
        path: "/storage/v1/transactions/batch".to_owned(),
        parameters: vec![],
        body: Some(json!({ "transactions": transactions })),
        answer: Some(json!({ "outcomes": [{ "committed": committed }] })),
        writes: true,
        ask: Box::new(|storage| {
            Box::pin(async move {
                let outcomes = storage.commit_each(vec![transaction()]).await;
                let committed = outcomes.into_iter().collect::<Result<Vec<_>>>()?;
                let outcomes: Vec<_> = committed.iter().map(|one| json!({ "committed": one })).collect();
                Ok(json!({ "outcomes": outcomes }))
            })
        }),
    }
}

fn probe() -> Operation {
    Operation {
        name: "probe".to_owned(),
        method: "GET",
        path: "/storage/v1/probe".to_owned(),
        parameters: vec![],
        body: None,
        answer: None,
        writes: false,
        ask: Box::new(|storage| {
            Box::pin(async move {
                storage.probe().await?;
                Ok(Value::Null)
            })
        }),
    }
}
