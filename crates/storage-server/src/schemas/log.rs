//! The schemas of the log and its consumers.

use super::{array, kind, many, named, nullable, object, offset, string, typed, uuid};
use character_domain::{Revision, Timestamp};
use character_storage_port::{MAX_EVENTS, MAX_FOLLOWED, MAX_PARK_REASON, MAX_PARKED, MAX_WRITES, OWNER_FIELDS};
use utoipa::{
    PartialSchema as _,
    openapi::{KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type, schema::SchemaType},
};

/// The schemas by name.
pub(super) fn messages() -> Vec<(&'static str, RefOr<Schema>)> {
    vec![
        ("Tick", tick()),
        ("LogCursor", cursor()),
        ("Owner", owner()),
        ("RowChange", row_change()),
        ("LoggedCommit", logged_commit()),
        ("LogBatch", log_batch()),
        ("Head", object(&[("cursor", named("LogCursor"))], &[])),
        ("Lease", object(&[("holder", uuid().into()), ("lease_ms", offset().into())], &[])),
        ("LeaseToken", object(&[("consumer", consumer_name().into()), ("lease", uuid().into())], &[])),
        ("Leased", leased()),
        ("LeaseOutcome", object(&[("leased", or_null("Leased"))], &[])),
        ("Advance", object(&[("lease", uuid().into()), ("to", named("LogCursor"))], &[])),
        ("Release", object(&[("lease", uuid().into())], &[])),
        ("Park", object(&[("lease", uuid().into()), ("event", named("Event")), ("reason", string().into())], &[])),
        ("ParkedEvent", parked_event()),
        ("ParkedEvents", parked_events()),
        ("EventIds", object(&[("ids", many(uuid().into(), MAX_PARKED))], &[])),
        ("Count", object(&[("count", offset().into())], &[])),
        ("ConsumerState", consumer_state()),
        ("Consumers", object(&[("consumers", array(named("ConsumerState")))], &[])),
    ]
}

/// The W3C `traceparent`.
pub(super) fn traceparent() -> RefOr<Schema> {
    described(Type::String, "The W3C `traceparent` of the call that created the transaction.")
}

pub(crate) fn consumer_name() -> utoipa::openapi::Object {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[a-z0-9_-]{1,64}$")).build()
}

fn described(schema_type: Type, description: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(schema_type).description(Some(description)).build().into()
}

fn tick() -> RefOr<Schema> {
    let description = "The number of a commit. Ticks of one epoch compare; commits that were made durable together may \
                       share one. A later commit of a row has a higher tick than an earlier one.";
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).description(Some(description)).build().into()
}

fn cursor() -> RefOr<Schema> {
    let description = "A position in the log: `<epoch>.<place>`. Opaque: clients store it and do not parse it.";
    described(Type::String, description)
}

fn owner() -> RefOr<Schema> {
    let description =
        format!("A field that names an owner, a colon and a UUID. The fields: {}.", OWNER_FIELDS.join(", "));
    described(Type::String, &description)
}

fn row_change() -> RefOr<Schema> {
    let properties = [
        ("kind", kind().into()),
        ("id", uuid().into()),
        ("revision", Revision::schema()),
        ("before", array(named("Owner"))),
        ("after", array(named("Owner"))),
        ("changed", array(string())),
    ];
    with_description(
        object(&properties, &["before", "changed"]),
        "One row that a commit wrote, at its revision after the commit, with its owners before and after. `before` is \
         absent where it equals `after`. `changed` has the names of the fields with another value, `meta` aside, in \
         alphabetical order; it is absent where there is none, as for a creation or a deletion.",
    )
}

fn logged_commit() -> RefOr<Schema> {
    let rows = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Array, Type::Null])).description(Some(
        format!("At most {MAX_WRITES} `RowChange`s, in the order of the writes. Null: any row may have changed."),
    ));
    object(
        &[
            ("tick", named("Tick")),
            ("transaction", uuid().into()),
            ("committed_at", Timestamp::schema()),
            ("rows", rows.build().into()),
            ("events", many(named("Event"), MAX_EVENTS)),
            ("traceparent", traceparent()),
        ],
        &["events", "traceparent"],
    )
}

fn log_batch() -> RefOr<Schema> {
    object(
        &[
            ("commits", many(named("LoggedCommit"), MAX_FOLLOWED)),
            ("next", named("LogCursor")),
            ("settled", named("Tick")),
            ("ceiling", named("Tick")),
            ("more", typed(Type::Boolean).into()),
        ],
        &[],
    )
}

fn leased() -> RefOr<Schema> {
    object(
        &[
            ("token", named("LeaseToken")),
            ("cursor", named("LogCursor")),
            ("replays", many(named("ParkedEvent"), MAX_PARKED)),
        ],
        &[],
    )
}

fn parked_event() -> RefOr<Schema> {
    let reason = ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX_PARK_REASON)).build();
    object(
        &[
            ("event", named("Event")),
            ("reason", reason.into()),
            ("parked_at", Timestamp::schema()),
            ("replay", typed(Type::Boolean).into()),
        ],
        &[],
    )
}

fn parked_events() -> RefOr<Schema> {
    let more = described(Type::Boolean, "Whether there are more events after the last one of this list.");
    object(&[("events", many(named("ParkedEvent"), MAX_PARKED)), ("more", more)], &["more"])
}

fn consumer_state() -> RefOr<Schema> {
    object(
        &[
            ("name", consumer_name().into()),
            ("holder", nullable(Some(KnownFormat::Uuid))),
            ("behind_since", nullable(Some(KnownFormat::DateTime))),
            ("parked", offset().into()),
        ],
        &["holder", "behind_since"],
    )
}

fn or_null(schema: &str) -> RefOr<Schema> {
    Schema::OneOf(OneOfBuilder::new().item(named(schema)).item(typed(Type::Null)).build()).into()
}

fn with_description(schema: RefOr<Schema>, description: &str) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.description = Some(description.to_owned());
            object.into()
        }
        other => other,
    }
}
