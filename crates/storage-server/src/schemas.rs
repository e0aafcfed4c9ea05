//! The schemas of the OpenAPI document.

use character_domain::{Document, Meta, Revision, Timestamp, Violation};
use character_storage_port::{Entity, EntityKind, Limit, MAX_EVENTS, MAX_TRANSACTIONS, MAX_WRITES, every_kind};
use character_storage_wire as wire;
use utoipa::{
    PartialSchema as _,
    openapi::{KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type},
};

mod build;
mod log;
mod row;

pub(crate) use build::*;
pub(crate) use log::consumer_name;
use row::row;

/// The schema of a row: `InventoryItem`.
pub(crate) fn entity_name(kind: EntityKind) -> String {
    kind.as_str().split('_').map(capitalized).collect()
}

/// The schema of a page of rows.
pub(crate) fn list_name(kind: EntityKind) -> String {
    format!("{}List", entity_name(kind))
}

fn change_name(kind: EntityKind) -> String {
    format!("{}Change", entity_name(kind))
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Every named schema.
pub(crate) fn all() -> Vec<(String, RefOr<Schema>)> {
    let kinds = every_kind!(Row => (Row::KIND, row::<Row>()));
    let change_of = |(kind, _): &(EntityKind, RefOr<Schema>)| (kind.as_str(), named(&change_name(*kind)));
    let writes: Vec<_> = kinds.iter().map(change_of).collect();
    let rows: Vec<_> = kinds.iter().map(|(kind, _)| (kind.as_str(), named(&entity_name(*kind)))).collect();
    let messages = messages(&writes, &rows).into_iter().chain(log::messages());
    let mut all: Vec<_> = messages.map(|(name, schema)| (name.to_owned(), schema)).collect();
    for (kind, row) in kinds {
        let name = entity_name(kind);
        all.extend([(list_name(kind), list(&name)), (change_name(kind), change(&name)), (name, row)]);
    }
    all
}

fn messages(writes: &[(&str, RefOr<Schema>)], rows: &[(&str, RefOr<Schema>)]) -> Vec<(&'static str, RefOr<Schema>)> {
    vec![
        ("Document", row::<Document>()),
        ("Meta", row::<Meta>()),
        ("Expect", expect()),
        ("Write", variants("One change of one row.", writes)),
        ("Event", event()),
        ("Transaction", transaction()),
        ("Committed", committed()),
        ("Batch", object(&[("transactions", many(named("Transaction"), MAX_TRANSACTIONS))], &[])),
        ("Outcomes", object(&[("outcomes", many(named("Outcome"), MAX_TRANSACTIONS))], &[])),
        ("Outcome", outcome()),
        ("StoredRow", variants("One row of any kind.", rows)),
        ("SnapshotLine", snapshot_line()),
        ("UnreadableRow", unreadable_row()),
        ("Violation", violation()),
        ("Problem", problem()),
    ]
}

fn list(row: &str) -> RefOr<Schema> {
    let most = Limit::MAX.get() as usize;
    let properties = [
        ("items", many(named(row), most)),
        ("next_cursor", nullable(None)),
        ("unreadable", many(named("UnreadableRow"), most)),
    ];
    object(&properties, &["unreadable"])
}

fn unreadable_row() -> RefOr<Schema> {
    let position = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .description(Some("The position in the page, from 0, with readable and unreadable rows counted together."))
        .build();
    let problem = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Why the row cannot be read, without its contents."))
        .build();
    object(&[("position", position.into()), ("id", uuid().into()), ("problem", problem.into())], &[])
}

fn change(row: &str) -> RefOr<Schema> {
    let marked = || object(&[("id", uuid().into()), ("expect", named("Expect")), ("at", Timestamp::schema())], &[]);
    let stated = || object(&[("entity", named(row)), ("expect", named("Expect"))], &[]);
    variants(
        "One change; the storage port describes the effect of each.",
        &[
            ("create", named(row)),
            ("import", named(row)),
            ("replace", stated()),
            ("delete", marked()),
            ("restore", marked()),
            ("revive", stated()),
        ],
    )
}

fn expect() -> RefOr<Schema> {
    let expect = OneOfBuilder::new()
        .description(Some("The revision that the writer expects the row to have."))
        .item(choice(&["any"]))
        .item(object(&[("revision", Revision::schema())], &[]));
    Schema::OneOf(expect.build()).into()
}

fn event() -> RefOr<Schema> {
    object(
        &[
            ("id", uuid().into()),
            ("type", string().into()),
            ("subject", uuid().into()),
            ("time", Timestamp::schema()),
            ("data", anything("Identifiers, and what changed.")),
        ],
        &[],
    )
}

fn transaction() -> RefOr<Schema> {
    object(
        &[
            ("id", uuid().into()),
            ("fingerprint", string().into()),
            ("writes", many(named("Write"), MAX_WRITES)),
            ("events", many(named("Event"), MAX_EVENTS)),
            (
                "answer",
                anything(
                    "Stored, and returned whenever the transaction is repeated. `null` is an answer like any other.",
                ),
            ),
            ("traceparent", log::traceparent()),
        ],
        &["fingerprint", "events", "answer", "traceparent"],
    )
}

fn committed() -> RefOr<Schema> {
    let properties = [
        ("id", uuid().into()),
        ("tick", named("Tick")),
        ("written", many(named("Meta"), MAX_WRITES)),
        ("changes", many(named("RowChange"), MAX_WRITES)),
        ("answer", anything("The `answer` of the transaction when it was first committed.")),
    ];
    object(&properties, &["answer"])
}

fn outcome() -> RefOr<Schema> {
    variants("The outcome of one transaction.", &[("committed", named("Committed")), ("problem", named("Problem"))])
}

fn snapshot_line() -> RefOr<Schema> {
    let id = nullable(Some(KnownFormat::Uuid));
    let unreadable = object(&[("kind", kind().into()), ("id", id), ("problem", string().into())], &[]);
    let end = object(&[("items", offset().into())], &[]);
    let members =
        [("row", named("StoredRow")), ("unreadable", unreadable), ("problem", named("Problem")), ("end", end)];
    variants("One line of a snapshot. `items` is the number of lines before the end.", &members)
}

fn violation() -> RefOr<Schema> {
    let example = Violation::new("writes[3].name", "must not be empty");
    ObjectBuilder::new()
        .property("field", string())
        .required("field")
        .property("reason", string())
        .required("reason")
        .examples(serde_json::to_value(example).ok())
        .build()
        .into()
}

fn problem() -> RefOr<Schema> {
    let codes: Vec<_> = wire::PROBLEMS.iter().map(|entry| entry.code).collect();
    let entity = object(&[("kind", string().into()), ("id", uuid().into())], &[]);
    object(
        &[
            ("type", string().into()),
            ("title", string().into()),
            ("status", typed(Type::Integer).into()),
            ("detail", string().into()),
            ("code", choice(&codes).into()),
            ("expected_revision", Revision::schema()),
            ("actual_revision", Revision::schema()),
            ("violations", array(named("Violation"))),
            ("retry_after_ms", offset().into()),
            ("retry", choice(&["never", "later", "exhausted"]).into()),
            ("certainly_not_applied", typed(Type::Boolean).into()),
            ("entity", entity),
        ],
        &[
            "detail",
            "expected_revision",
            "actual_revision",
            "violations",
            "retry_after_ms",
            "retry",
            "certainly_not_applied",
            "entity",
        ],
    )
}
