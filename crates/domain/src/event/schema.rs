//! JSON Schemas (2020-12) of the data of events, from the types themselves.

use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

/// The schema of the data of an event type. References point to `#/components/schemas/NAME`.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSchema {
    /// The name of the schema of the data.
    pub name: String,
    /// The schema of the data, and each one that it refers to, by name.
    pub schemas: Map<String, Value>,
}

impl DataSchema {
    /// The schema of `T`, as it is serialized.
    #[must_use]
    pub fn of<T: ToSchema>() -> Self {
        let name = T::name().into_owned();
        let mut found: Vec<(String, RefOr<Schema>)> = vec![(name.clone(), T::schema())];
        T::schemas(&mut found);
        let schemas = found.into_iter().map(|(name, schema)| (name, adapted(json!(schema)))).collect();
        Self { name, schemas }
    }
}

/// The variants of an untagged enum are alternatives of which several may fit; the derived schema demands exactly one.
fn adapted(schema: Value) -> Value {
    match schema {
        Value::Object(members) => {
            let adapt = |(name, value)| {
                let name = if name == "oneOf" { "anyOf".to_owned() } else { name };
                (name, adapted(value))
            };
            Value::Object(members.into_iter().map(adapt).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(adapted).collect()),
        other => other,
    }
}
