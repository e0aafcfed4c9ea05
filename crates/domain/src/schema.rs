//! The schemas of types whose JSON text is not that of their fields.

use crate::{Document, Revision, Timestamp, json::MAX_DEPTH};
use std::borrow::Cow;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

macro_rules! schema {
    ($type:ident, $object:expr) => {
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                $object.build().into()
            }
        }
        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                stringify!($type).into()
            }
        }
    };
}

schema!(
    Document,
    ObjectBuilder::new().schema_type(Type::Object).description(Some(format!(
        "Any JSON object, nested at most {MAX_DEPTH} levels, without U+0000 in texts and names."
    )))
);
schema!(
    Timestamp,
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
);
schema!(
    Revision,
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(0))
);
