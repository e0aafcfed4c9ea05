//! The schema of a row, from its type.

use super::anything;
use character_http_kit::inline_parts;
use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema, Type, schema::ArrayBuilder},
};

/// The schemas of rows that the document has under their names. Any other is a part of the schema that uses it.
const NAMED: [&str; 3] = ["Document", "Meta", "Character"];

/// The schema of a row, from its type.
pub(crate) fn row<E: ToSchema>() -> RefOr<Schema> {
    let mut parts = Vec::new();
    E::schemas(&mut parts);
    parts.retain(|(name, _)| !NAMED.contains(&name.as_str()));
    let parts = parts.into_iter().map(|(name, schema)| (name, json!(schema))).collect();
    let mut schema = json!(E::schema());
    inline_parts(&mut schema, &parts);
    without_formats_of_integers(&mut schema);
    let mut schema = serde_json::from_value(schema).unwrap_or_else(|_| Schema::default().into());
    if let RefOr::T(Schema::Object(row)) = &mut schema {
        for field in row.properties.values_mut() {
            // The library reads a list of any values as an object, without the values.
            if let RefOr::T(Schema::Object(list)) = field
                && list.schema_type == Type::Array.into()
            {
                let about = list.description.take();
                let values = ArrayBuilder::new().items(anything("Any JSON value.")).description(about);
                *field = values.build().into();
            }
        }
    }
    schema
}

/// An integer has no format, since its limits say more.
fn without_formats_of_integers(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("type").is_some_and(|types| types.to_string().contains("integer")) {
                members.remove("format");
            }
            members.values_mut().for_each(without_formats_of_integers);
        }
        Value::Array(items) => items.iter_mut().for_each(without_formats_of_integers),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entities::Described;
    use character_domain::{CharacterVersion, InventoryItem, NpcRelationship, Quest};
    use character_storage_port::every_kind;
    use character_storage_testkit::kinds::Sample;
    use std::collections::BTreeSet;

    fn names<'a>(value: &'a Value, member: &str) -> BTreeSet<&'a str> {
        value[member].as_object().expect("an object").keys().map(String::as_str).collect()
    }

    /// What is required is what a row must have, and what is described is what a row has.
    fn is_described<E: Described>(entity: &E) {
        let schema = serde_json::to_value(row::<E>()).expect("serializable");
        let mut text = json!({ "row": entity });
        assert_eq!(names(&schema, "properties"), names(&text, "row"), "{}", E::KIND);
        for name in names(&schema, "properties") {
            let mut without = text["row"].take();
            let kept = without.as_object_mut().expect("an object").remove(name).expect("a member");
            let required = schema["required"].as_array().expect("a list").contains(&json!(name));
            assert_eq!(E::deserialize(&without).is_err(), required, "{} without {name}", E::KIND);
            without[name] = kept;
            text["row"] = without;
        }
    }

    #[test]
    fn every_field_of_every_row_is_described() {
        every_kind!(Row => is_described(&Row::full()));
    }

    /// The limits in a schema are those that the row is judged by.
    fn is_limited_as_described<E: Described + Sample>() {
        let schema = json!(row::<E>());
        let breaks = |field: &str, value: Value| {
            let mut text = json!(E::full());
            text[field] = value;
            let Ok(entity) = E::deserialize(&text) else { return true };
            entity.check().iter().any(|violation| violation.field == field)
        };
        for (field, about) in schema["properties"].as_object().expect("fields") {
            for (limit, step) in [("minimum", -1), ("maximum", 1)] {
                let Some(limit) = about[limit].as_i64() else { continue };
                assert!(!breaks(field, json!(limit)) && breaks(field, json!(limit + step)), "{} {field}", E::KIND);
            }
            for (limit, step) in [("minLength", -1), ("maxLength", 1)] {
                let Some(limit) = about[limit].as_i64() else { continue };
                let text = |length: i64| json!("x".repeat(usize::try_from(length).expect("a length")));
                assert!(!breaks(field, text(limit)) && breaks(field, text(limit + step)), "{} {field}", E::KIND);
            }
        }
    }

    #[test]
    fn the_limits_in_every_schema_are_those_of_the_rules() {
        every_kind!(Row => is_limited_as_described::<Row>());
    }

    #[test]
    fn a_schema_states_the_types_of_a_field_and_refers_to_named_schemas_alone() {
        let field = |schema: RefOr<Schema>, name: &str| {
            let mut field = json!(schema)["properties"][name].take();
            field.as_object_mut().expect("a field").remove("description");
            field
        };
        let optional = json!({ "type": ["string", "null"], "format": "uuid" });
        assert_eq!(field(row::<InventoryItem>(), "root_id"), optional);
        assert_eq!(field(row::<CharacterVersion>(), "state"), json!({ "$ref": "#/components/schemas/Character" }));
        let steps = json!({ "type": "array", "items": { "description": "Any JSON value." } });
        assert_eq!(field(row::<Quest>(), "progress"), steps);
        let standing = json!({ "type": "integer", "minimum": -100, "maximum": 100 });
        assert_eq!(field(row::<NpcRelationship>(), "standing"), standing);
    }

    #[test]
    fn no_description_has_the_links_of_rust() {
        let schemas = every_kind!(Row => json!(row::<Row>()).to_string());
        assert!(!schemas.concat().contains("[`"));
    }
}
