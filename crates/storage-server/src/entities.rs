//! The kinds of row, as the OpenAPI document describes them.

use crate::schemas::{
    anything, array, choice, many, named, nullable, object, order, parameter, string, time, typed, uuid,
};
use character_domain::{
    Campaign, CampaignEvent, Character, CharacterProgress, CharacterVersion, EventImpact, ExperienceEntry,
    InventoryItem, JournalEntry, NpcRelationship, Quest,
    campaign::MAX_MAGNITUDE,
    character::{MAX_NAME, MAX_THEME as MAX_WORD},
    inventory::MAX_QUANTITY,
    journal::{MAX_STANDING, MAX_TAGS},
    progress::{MAX_EXPERIENCE, MAX_LEVEL},
    version::MAX_REASON,
};
use character_storage_port::Entity;
use utoipa::openapi::{
    KnownFormat, Object, ObjectBuilder, RefOr, Schema, Type,
    path::{Parameter, ParameterIn},
    schema::SchemaType,
};

/// A kind of row in the document.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind of row here: it does not implement `Described`",
    note = "implement it in crates/storage-server/src/entities.rs: step 7 of docs/adding-an-aggregate.md"
)]
pub(crate) trait Described: Entity {
    /// Its schema.
    fn row() -> RefOr<Schema>;
    /// The filters of its lists.
    fn filters() -> Vec<Parameter>;
}

impl Described for Character {
    fn row() -> RefOr<Schema> {
        row(
            &[
                ("theme", text(MAX_WORD)),
                ("name", text(MAX_NAME)),
                ("user_id", uuid().into()),
                ("data", named("Document")),
                ("is_active", truth()),
            ],
            &[("parent_id", maybe_uuid()), ("campaign_id", maybe_uuid())],
        )
    }
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
    fn row() -> RefOr<Schema> {
        row(
            &[("name", text(MAX_NAME)), ("theme", text(MAX_WORD)), ("data", named("Document"))],
            &[("dm_user_id", maybe_uuid()), ("dm_name", nullable(None))],
        )
    }
    fn filters() -> Vec<Parameter> {
        filters([
            ("dm_user_id", "Only campaigns that this user leads.", uuid()),
            ("theme", "Only rows of this theme, compared exactly.", string()),
        ])
    }
}

impl Described for InventoryItem {
    fn row() -> RefOr<Schema> {
        row(
            &[
                ("character_id", uuid().into()),
                ("theme", text(MAX_WORD)),
                ("name", text(MAX_NAME)),
                ("item_type", text(MAX_WORD)),
                ("quantity", whole(0, MAX_QUANTITY)),
                ("equipped", truth()),
                ("attunement", choice(&["none", "attuning", "attuned", "broken"]).into()),
                ("data", named("Document")),
            ],
            &[("root_id", maybe_uuid()), ("container", maybe_uuid()), ("notes", nullable(None))],
        )
    }
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
    fn row() -> RefOr<Schema> {
        row(
            &[
                ("character_id", uuid().into()),
                ("entry_type", text(MAX_WORD)),
                ("timestamp", time()),
                ("title", text(MAX_NAME)),
                ("content", string().into()),
                ("tags", many(text(MAX_WORD), MAX_TAGS)),
                ("is_active", truth()),
                ("data", named("Document")),
            ],
            &[
                ("session_number", maybe_whole()),
                ("session_date", maybe_time()),
                ("dm_name", nullable(None)),
                ("session_summary", nullable(None)),
            ],
        )
    }
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
    fn row() -> RefOr<Schema> {
        row(
            &[
                ("character_id", uuid().into()),
                ("journal_entry_id", uuid().into()),
                ("amount", whole(0, MAX_EXPERIENCE)),
                ("source", text(MAX_WORD)),
                ("reason", string().into()),
                ("timestamp", time()),
                ("data", named("Document")),
            ],
            &[("session_id", maybe_uuid())],
        )
    }
    fn filters() -> Vec<Parameter> {
        filters([of_character(), under_entry()])
    }
}

const STATUSES: [&str; 4] = ["active", "completed", "failed", "abandoned"];
const IMPORTANCES: [&str; 4] = ["low", "normal", "high", "critical"];

impl Described for Quest {
    fn row() -> RefOr<Schema> {
        row(
            &[
                ("character_id", uuid().into()),
                ("journal_entry_id", uuid().into()),
                ("title", text(MAX_NAME)),
                ("description", string().into()),
                ("status", choice(&STATUSES).into()),
                ("importance", choice(&IMPORTANCES).into()),
                ("rewards", named("Document")),
                ("progress", array(anything("A step of the quest."))),
                ("data", named("Document")),
            ],
            &[("assigned_by", nullable(None))],
        )
    }
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
    fn row() -> RefOr<Schema> {
        row(
            &[
                ("character_id", uuid().into()),
                ("journal_entry_id", uuid().into()),
                ("npc_name", text(MAX_NAME)),
                ("relationship_type", text(MAX_WORD)),
                ("standing", whole(-MAX_STANDING, MAX_STANDING)),
                ("data", named("Document")),
            ],
            &[("npc_id", maybe_uuid()), ("notes", nullable(None)), ("last_interaction", maybe_time())],
        )
    }
    fn filters() -> Vec<Parameter> {
        filters([
            of_character(),
            under_entry(),
            ("relationship_type", "Only rows of this type, compared exactly.", string()),
        ])
    }
}

const IMPACTS: [&str; 4] = ["hit_points", "experience", "ability_score", "other"];

impl Described for CampaignEvent {
    fn row() -> RefOr<Schema> {
        row(
            &[
                ("character_id", uuid().into()),
                ("event_type", text(MAX_WORD)),
                ("event_data", named("Document")),
                ("impact_type", choice(&IMPACTS).into()),
                ("impact_magnitude", whole(-MAX_MAGNITUDE, MAX_MAGNITUDE)),
                ("timestamp", time()),
                ("applied", truth()),
                ("data", named("Document")),
            ],
            &[("journal_entry_id", maybe_uuid()), ("applied_at", maybe_time())],
        )
    }
    fn filters() -> Vec<Parameter> {
        filters([
            of_character(),
            ("applied_only", "Whether to list only events that are applied now. Default: false.", typed(Type::Boolean)),
        ])
    }
}

impl Described for EventImpact {
    fn row() -> RefOr<Schema> {
        row(
            &[
                ("event_id", uuid().into()),
                ("character_id", uuid().into()),
                ("impact_type", choice(&IMPACTS).into()),
                ("impact_data", named("Document")),
                ("applied", truth()),
                ("reversion_data", named("Document")),
                ("is_reverted", truth()),
                ("data", named("Document")),
            ],
            &[("applied_at", maybe_time()), ("reverted_at", maybe_time()), ("notes", nullable(None))],
        )
    }
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
    fn row() -> RefOr<Schema> {
        row(
            &[
                ("character_id", uuid().into()),
                ("experience_points", whole(0, MAX_EXPERIENCE)),
                ("current_level", whole(1, MAX_LEVEL.into())),
                ("previous_level", whole(0, MAX_LEVEL.into())),
                ("milestones", array(anything("A milestone."))),
                ("achievements", array(anything("An achievement."))),
                ("data", named("Document")),
            ],
            &[("level_updated_at", maybe_time())],
        )
    }
    fn filters() -> Vec<Parameter> {
        filters([of_character()])
    }
}

impl Described for CharacterVersion {
    fn row() -> RefOr<Schema> {
        let related = object(&[("kind", text(MAX_WORD)), ("id", uuid().into()), ("change", text(MAX_WORD))], &[]);
        row(
            &[
                ("character_id", uuid().into()),
                ("reason", text(MAX_REASON)),
                ("state", named("Character")),
                ("changes", array(anything("An operation of JSON Patch (RFC 6902)."))),
                ("related", array(related)),
            ],
            &[
                ("parent_id", maybe_uuid()),
                ("restored_from", maybe_uuid()),
                ("author", nullable(None)),
                ("label", nullable(None)),
            ],
        )
    }
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

/// A row of these fields, besides `id` and `meta`.
fn row(required: &[(&'static str, RefOr<Schema>)], optional: &[(&'static str, RefOr<Schema>)]) -> RefOr<Schema> {
    let mut fields = vec![("id", uuid().into())];
    fields.extend_from_slice(required);
    fields.extend_from_slice(optional);
    fields.push(("meta", named("Meta")));
    let optional: Vec<&str> = optional.iter().map(|(name, _)| *name).collect();
    object(&fields, &optional)
}

fn text(max: usize) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(max)).build().into()
}

fn whole(min: i64, max: i64) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min)).maximum(Some(max)).build().into()
}

fn truth() -> RefOr<Schema> {
    typed(Type::Boolean).into()
}

fn maybe_uuid() -> RefOr<Schema> {
    nullable(Some(KnownFormat::Uuid))
}

fn maybe_time() -> RefOr<Schema> {
    nullable(Some(KnownFormat::DateTime))
}

fn maybe_whole() -> RefOr<Schema> {
    let either = SchemaType::from_iter([Type::Integer, Type::Null]);
    ObjectBuilder::new().schema_type(either).minimum(Some(0)).build().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_domain::{CharacterId, ImpactType, JournalEntryId, UserId, campaign, now};
    use character_storage_port::every_kind;
    use character_storage_wire::decode_list;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn names<'a>(value: &'a Value, member: &str) -> BTreeSet<&'a str> {
        value[member].as_object().expect("an object").keys().map(String::as_str).collect()
    }

    /// What is required is what a row must have, and what is described is what a row has.
    fn is_described<E: Described>(entity: &E) {
        let schema = serde_json::to_value(E::row()).expect("serializable");
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
        let (at, character, entry) = (now(), CharacterId::new(), JournalEntryId::new());
        let sheet = Character::new(UserId::new(), "Torormir", at);
        let event = CampaignEvent::new(character, ImpactType::Other, 1, at);
        is_described(&Campaign::new("The Dale", at));
        is_described(&InventoryItem::new(character, "Rope", at));
        is_described(&JournalEntry::new(character, "First session", at));
        is_described(&ExperienceEntry::new(character, entry, 50, at));
        is_described(&Quest::new(character, entry, "Find the well", at));
        is_described(&NpcRelationship::new(character, entry, "Ulfgar", at));
        let effect = campaign::Effect::default();
        is_described(&EventImpact::of(&event, &effect, at));
        is_described(&event);
        is_described(&CharacterProgress::new(character, 0, 1, at));
        is_described(&CharacterVersion::of(None, sheet.clone(), "character.created", at));
        is_described(&sheet);
    }

    /// The words of serde that name the known parameters, when an unknown one is given.
    fn known_parameters<E: Entity>() -> BTreeSet<String> {
        let violations = decode_list::<E>("no_such_parameter=1").expect_err("there is none of this name");
        let reason = &violations[0].reason;
        reason.split('`').skip(3).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_filter_of_every_list_is_described() {
        for (kind, given, known) in every_kind!(Row => (Row::KIND, Row::filters(), known_parameters::<Row>())) {
            let given: BTreeSet<String> = given.into_iter().map(|parameter| parameter.name).collect();
            assert_eq!(given, known, "{kind}");
        }
    }
}
