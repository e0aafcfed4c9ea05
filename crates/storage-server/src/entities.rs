//! The kinds of row, as the OpenAPI document describes them.

use crate::schemas::{anything, choice, order, parameter, string, typed, uuid};
use character_domain::{
    Campaign, CampaignEvent, Character, CharacterProgress, CharacterVersion, EventImpact, ExperienceEntry,
    InventoryItem, JournalEntry, NpcRelationship, Quest,
};
use character_storage_port::Entity;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use utoipa::{
    ToSchema,
    openapi::{
        Object, RefOr, Schema, Type,
        path::{Parameter, ParameterIn},
        schema::ArrayBuilder,
    },
};

/// A kind of row in the document.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind of row here: it does not implement `Described`",
    note = "implement it in crates/storage-server/src/entities.rs: step 7 of docs/adding-an-aggregate.md"
)]
pub(crate) trait Described: Entity + ToSchema {
    /// The filters of its lists.
    fn filters() -> Vec<Parameter>;
}

impl Described for Character {
    fn filters() -> Vec<Parameter> {
        filters([
            ("user_id", "Only characters of this user.", uuid()),
            ("campaign_id", "Only characters in this campaign.", uuid()),
            ("parent_id", "Only rows whose predecessor is this one.", uuid()),
            ("theme", "Only rows of this theme, compared exactly.", string()),
            named_like(),
            ("active_only", "Whether to list only characters that are in play. Default: true.", typed(Type::Boolean)),
            in_order(),
        ])
    }
}

impl Described for Campaign {
    fn filters() -> Vec<Parameter> {
        filters([
            ("dm_user_id", "Only campaigns that this user leads.", uuid()),
            ("theme", "Only rows of this theme, compared exactly.", string()),
        ])
    }
}

impl Described for InventoryItem {
    fn filters() -> Vec<Parameter> {
        filters([
            of_character(),
            ("root_id", "Only items whose original is this item.", uuid()),
            ("container", "Only items directly in this container.", uuid()),
            named_like(),
            (
                "equipped_only",
                "Whether to list only items that are worn or held. Default: false.",
                typed(Type::Boolean),
            ),
            in_order(),
        ])
    }
}

impl Described for JournalEntry {
    fn filters() -> Vec<Parameter> {
        filters([
            of_character(),
            ("entry_type", "Only rows of this type, compared exactly.", string()),
            ("session_number", "Only entries of the session with this number.", typed(Type::Integer)),
            ("tags", "Only entries that have all of these tags, separated by commas and compared exactly.", string()),
        ])
    }
}

impl Described for ExperienceEntry {
    fn filters() -> Vec<Parameter> {
        filters([of_character(), under_entry()])
    }
}

const STATUSES: [&str; 4] = ["active", "completed", "failed", "abandoned"];
const IMPORTANCES: [&str; 4] = ["low", "normal", "high", "critical"];

impl Described for Quest {
    fn filters() -> Vec<Parameter> {
        filters([
            of_character(),
            under_entry(),
            ("status", "Only quests of this status.", choice(&STATUSES)),
            ("importance", "Only quests of this importance.", choice(&IMPORTANCES)),
        ])
    }
}

impl Described for NpcRelationship {
    fn filters() -> Vec<Parameter> {
        filters([
            of_character(),
            under_entry(),
            ("relationship_type", "Only rows of this type, compared exactly.", string()),
        ])
    }
}

impl Described for CampaignEvent {
    fn filters() -> Vec<Parameter> {
        filters([
            of_character(),
            ("applied_only", "Whether to list only events that are applied now. Default: false.", typed(Type::Boolean)),
        ])
    }
}

impl Described for EventImpact {
    fn filters() -> Vec<Parameter> {
        filters([
            of_character(),
            ("event_id", "Only impacts of this event.", uuid()),
            ("applied_only", "Whether to list only impacts that are in force. Default: false.", typed(Type::Boolean)),
            ("reverted_only", "Whether to list only impacts that were reverted. Default: false.", typed(Type::Boolean)),
        ])
    }
}

impl Described for CharacterProgress {
    fn filters() -> Vec<Parameter> {
        filters([of_character()])
    }
}

impl Described for CharacterVersion {
    fn filters() -> Vec<Parameter> {
        filters([of_character(), ("parent_id", "Only rows whose predecessor is this one.", uuid())])
    }
}

type Filter = (&'static str, &'static str, Object);

fn named_like() -> Filter {
    let about = "Only rows whose name contains this text. Case and Unicode normalization make no difference.";
    ("name", about, string())
}

fn in_order() -> Filter {
    ("order", "The order of the list; a leading `-` reverses it. Default: -created_at.", order())
}

fn of_character() -> Filter {
    ("character_id", "Only rows of this character.", uuid())
}

fn under_entry() -> Filter {
    ("journal_entry_id", "Only rows under this journal entry.", uuid())
}

fn filters<const N: usize>(own: [Filter; N]) -> Vec<Parameter> {
    let everywhere = ("include_deleted", "Whether to include soft-deleted rows. Default: false.", typed(Type::Boolean));
    let query = |(name, description, schema): Filter| parameter(name, ParameterIn::Query, description, schema);
    own.into_iter().chain([everywhere]).map(query).collect()
}

/// The schemas of rows that the document has under their names. Any other is a part of the schema that uses it.
const NAMED: [&str; 3] = ["Document", "Meta", "Character"];

/// The schema of a row, from its type.
pub(crate) fn row<E: ToSchema>() -> RefOr<Schema> {
    let mut parts = Vec::new();
    E::schemas(&mut parts);
    let parts = parts.into_iter().map(|(name, schema)| (name, json!(schema))).collect();
    let schema = whole(json!(E::schema()), &parts);
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

/// The schema with its parts in it. What may be `null` has a list of types, and an integer no format, since its limits say more.
fn whole(schema: Value, parts: &BTreeMap<String, Value>) -> Value {
    let mut members = match schema {
        Value::Object(members) => members,
        Value::Array(items) => return items.into_iter().map(|item| whole(item, parts)).collect(),
        other => return other,
    };
    let reference = members.get("$ref").and_then(Value::as_str).and_then(|target| target.rsplit('/').next());
    if let Some(part) = reference.filter(|name| !NAMED.contains(name)).and_then(|name| parts.get(name)) {
        members.remove("$ref");
        return merged(whole(part.clone(), parts), members);
    }
    if let Some(Value::Array(choices)) = members.get("oneOf")
        && let [other, null] = choices.as_slice()
        && null == &json!({ "type": "null" })
    {
        let mut other = whole(other.clone(), parts);
        other["type"] = json!([other["type"], "null"]);
        members.remove("oneOf");
        return merged(other, members);
    }
    if members.get("type").is_some_and(|types| types.to_string().contains("integer")) {
        members.remove("format");
    }
    members.into_iter().map(|(name, member)| (name, whole(member, parts))).collect::<Map<_, _>>().into()
}

/// The schema, with these members instead of its own.
fn merged(mut schema: Value, members: Map<String, Value>) -> Value {
    if let Value::Object(own) = &mut schema {
        own.extend(members);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_storage_port::every_kind;
    use character_storage_testkit::kinds::Sample;
    use character_storage_wire::decode_list;
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

    /// The words of serde that name the known parameters, when an unknown one is given.
    fn known_parameters<E: Entity>() -> BTreeSet<String> {
        let violations = decode_list::<E>("no_such_parameter=1").expect_err("there is none of this name");
        let reason = &violations[0].reason;
        reason.split('`').skip(3).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_filter_of_every_list_is_described() {
        for (kind, given, known) in
            every_kind!(Row => (Row::KIND, <Row as Described>::filters(), known_parameters::<Row>()))
        {
            let given: BTreeSet<String> = given.into_iter().map(|parameter| parameter.name).collect();
            assert_eq!(given, known, "{kind}");
        }
    }
}
