//! The filters of the lists of each kind of row, as the OpenAPI document describes them.

use crate::schemas::{choice, order, parameter, short_string, string, typed, uuid};
use character_domain::{
    Campaign, CampaignEvent, Character, CharacterProgress, CharacterVersion, EventImpact, ExperienceEntry,
    InventoryItem, JournalEntry, NpcRelationship, Quest,
    character::{MAX_NAME, MAX_THEME},
    journal::{MAX_ENTRY_TYPE, MAX_RELATIONSHIP_TYPE},
};
use character_storage_port::Entity;
use utoipa::{
    ToSchema,
    openapi::{
        Object, Type,
        path::{Parameter, ParameterIn},
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
            ("theme", "Only rows of this theme, compared exactly.", short_string(MAX_THEME)),
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
            ("theme", "Only rows of this theme, compared exactly.", short_string(MAX_THEME)),
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
            ("entry_type", "Only rows of this type, compared exactly.", short_string(MAX_ENTRY_TYPE)),
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
            ("relationship_type", "Only rows of this type, compared exactly.", short_string(MAX_RELATIONSHIP_TYPE)),
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
    ("name", about, short_string(MAX_NAME))
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

#[cfg(test)]
mod tests {
    use super::*;
    use character_storage_port::{Query as _, every_kind};
    use character_storage_wire::decode_list;
    use serde_json::json;
    use std::collections::BTreeSet;

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

    /// The limits of the filters are those that a query is judged by.
    fn is_limited_as_described<E: Described>() -> usize {
        let filters = E::filters().into_iter().filter_map(|filter| {
            let longest = json!(filter.schema)["maxLength"].as_u64()?;
            Some((filter.name, usize::try_from(longest).expect("a length")))
        });
        let checked = filters.map(|(name, longest)| {
            let breaks = |length: usize| {
                let decoded = decode_list::<E>(&format!("{name}={}", "x".repeat(length)));
                let faults = decoded.map_or_else(|faults| faults, |(query, _)| query.check());
                faults.iter().any(|violation| violation.field == name)
            };
            assert!(!breaks(longest) && breaks(longest + 1), "{} {name}", E::KIND);
        });
        checked.count()
    }

    #[test]
    fn the_longest_filter_of_every_list_is_that_of_the_rules() {
        let limited: usize = every_kind!(Row => is_limited_as_described::<Row>()).into_iter().sum();
        assert!(limited >= 6, "only {limited} filters have a limit");
    }
}
