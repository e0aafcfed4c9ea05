//! The query string of a list: the filter, flat, and the page.

mod text;

use character_domain::Violations;
use character_storage_port::{Cursor, Deleted, Entity, Limit, PageRequest, Query, Start};
use serde::de::{self, value::MapDeserializer};
use serde_json::Value;
use std::{borrow::Cow, collections::HashSet};
use text::Text;
use url::form_urlencoded;

/// The query string of this page, without `?`. It always has `limit`.
#[must_use]
pub fn encode_list<E: Entity>(query: &E::Query, page: &PageRequest) -> String {
    let mut pairs = filters::<E>(query);
    pairs.append_pair("limit", &page.limit.get().to_string());
    match &page.start {
        Start::First => {}
        Start::Offset(rows) => {
            pairs.append_pair("offset", &rows.to_string());
        }
        Start::After(cursor) => {
            pairs.append_pair("cursor", &cursor.to_string());
        }
    }
    pairs.finish()
}

/// The query string of the number of rows of a list, without `?`. It is empty when there is no filter.
#[must_use]
pub fn encode_count<E: Entity>(query: &E::Query) -> String {
    filters::<E>(query).finish()
}

fn filters<E: Entity>(query: &E::Query) -> form_urlencoded::Serializer<'static, String> {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    if let Ok(Value::Object(filter)) = serde_json::to_value(query) {
        for (name, value) in &filter {
            match value {
                Value::Null => {}
                Value::String(text) => {
                    pairs.append_pair(name, text);
                }
                // Filters are flat; anything else than a text is written as JSON writes it: `true`, `3`.
                other => {
                    pairs.append_pair(name, &other.to_string());
                }
            }
        }
    }
    pairs
}

/// Reads the query string of the number of rows of a list, which has no page.
///
/// # Errors
/// Every parameter that is unknown, repeated or wrong, by name.
pub fn decode_count<E: Entity>(query: &str) -> Result<E::Query, Violations> {
    let is_of_page = |(name, _): &Parameter<'_>| ["limit", "offset", "cursor"].contains(&name.as_ref());
    let (of_page, filters): (Vec<_>, Vec<_>) = form_urlencoded::parse(query.as_bytes()).partition(is_of_page);
    let mut violations = Violations::default();
    for (name, _) in of_page {
        violations.push(name, "is not a parameter of this path");
    }
    match read_list::<E>(filters) {
        Ok((query, _)) => violations.into_result().map(|()| query),
        Err(faults) => {
            violations.append(faults);
            Err(violations)
        }
    }
}

/// Reads the query string of a list.
///
/// # Errors
/// Every parameter that is unknown, repeated or wrong, by name.
pub fn decode_list<E: Entity>(query: &str) -> Result<(E::Query, PageRequest), Violations> {
    read_list::<E>(form_urlencoded::parse(query.as_bytes()))
}

/// Name and value, decoded.
type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

fn read_list<'a, E: Entity>(
    parameters: impl IntoIterator<Item = Parameter<'a>>,
) -> Result<(E::Query, PageRequest), Violations> {
    let mut violations = Violations::default();
    let mut filter: Vec<Parameter<'_>> = Vec::new();
    let mut page = PageRequest::default();
    let mut seen: HashSet<Cow<'_, str>> = HashSet::new();
    for (name, value) in parameters {
        if seen.contains(&name) {
            violations.push(name, "must not be given twice");
            continue;
        }
        match name.as_ref() {
            "limit" => match value.parse().ok().and_then(Limit::new) {
                Some(limit) => page.limit = limit,
                None => violations.push("limit", format!("must be from 1 to {}", Limit::MAX.get())),
            },
            "offset" | "cursor" if page.start != Start::First => {
                violations.push("cursor", "must not be combined with offset");
            }
            "offset" => match value.parse() {
                Ok(rows) => page = page.offset(rows),
                Err(_) => violations.push("offset", format!("must be from 0 to {}", u32::MAX)),
            },
            "cursor" => match value.parse::<Cursor>() {
                Ok(cursor) => page = page.after(cursor),
                Err(error) => violations.push("cursor", error.to_string()),
            },
            // Read alone first, so that each wrong parameter is named and not only the first.
            _ => match filter_of::<E::Query, E>(&[(name.clone(), value.clone())]) {
                Ok(_) => filter.push((name.clone(), value)),
                Err(error) => violations.push(name.clone(), error.to_string()),
            },
        }
        seen.insert(name);
    }
    violations.into_result()?;
    let query = filter_of::<E::Query, E>(&filter).map_err(|error| Violations::one("query", error.to_string()))?;
    let mut violations = query.check();
    if let Err(fault) = page.check(query.order()) {
        violations.append(fault);
    }
    violations.into_result()?;
    Ok((query, page))
}

/// Reads the query string of a single row: empty, or `deleted=include` or `deleted=exclude`.
///
/// # Errors
/// Every parameter that is unknown or wrong, by name.
pub fn decode_deleted(query: &str) -> Result<Deleted, Violations> {
    let mut violations = Violations::default();
    let mut deleted = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match (name.as_ref(), value.as_ref()) {
            ("deleted", _) if deleted.is_some() => violations.push(name, "must not be given twice"),
            ("deleted", "include") => deleted = Some(Deleted::Include),
            ("deleted", "exclude") => deleted = Some(Deleted::Exclude),
            ("deleted", _) => violations.push(name, "must be include or exclude"),
            _ => violations.push(name, "is not a parameter of this path"),
        }
    }
    violations.into_result()?;
    Ok(deleted.unwrap_or_default())
}

fn filter_of<Q: Query<E>, E: Entity>(pairs: &[(Cow<'_, str>, Cow<'_, str>)]) -> Result<Q, de::value::Error> {
    Q::deserialize(MapDeserializer::new(pairs.iter().map(|(name, value)| (name.as_ref(), Text(value.as_ref())))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_domain::{
        Campaign, CampaignEvent, CampaignEventId, CampaignId, Character, CharacterId, CharacterProgress,
        CharacterVersion, CharacterVersionId, EventImpact, ExperienceEntry, InventoryItem, InventoryItemId,
        JournalEntry, JournalEntryId, NpcRelationship, Quest, QuestImportance, QuestStatus, UserId, now,
    };
    use character_storage_port::{
        CampaignEventQuery, CampaignQuery, CharacterProgressQuery, CharacterQuery, CharacterVersionQuery, Direction,
        EventImpactQuery, ExperienceEntryQuery, InventoryItemQuery, JournalEntryQuery, NpcRelationshipQuery, Order,
        OrderBy, QuestQuery, SortKey, TagFilter,
    };
    use uuid::Uuid;

    fn comes_back<E: Entity>(full: &E::Query) {
        let limit = Limit::new(7).expect("in range");
        let Ok(Value::Object(fields)) = serde_json::to_value(full) else { panic!("a filter is an object") };
        let parts = fields.into_iter().map(|(name, value)| Value::Object([(name, value)].into_iter().collect()));
        let parts = parts.map(|part| serde_json::from_value(part).expect("each filter can be given alone"));
        for query in [E::Query::default(), full.clone()].into_iter().chain(parts) {
            let key = match query.order().by {
                OrderBy::CreatedAt => SortKey::CreatedAt(now().as_microsecond()),
                OrderBy::UpdatedAt => SortKey::UpdatedAt(-1),
                OrderBy::Name => SortKey::Name("stra\u{df}e & 100%".to_owned()),
            };
            let cursor = Cursor { key, id: Uuid::now_v7(), direction: query.order().direction };
            for start in [Start::First, Start::Offset(0), Start::Offset(u32::MAX), Start::After(cursor)] {
                let page = PageRequest { limit, start };
                let text = encode_list::<E>(&query, &page);
                assert_eq!(decode_list::<E>(&text), Ok((query.clone(), page)), "{text}");
            }
            let text = encode_count::<E>(&query);
            assert_eq!(decode_count::<E>(&text), Ok(query), "{text}");
        }
    }

    /// Every field of every filter has a value other than the default here; the compiler demands new ones.
    #[test]
    fn every_filter_and_page_comes_back_as_it_was_written() {
        let words = || Some("steam&punk=100% +äß\u{1F409}, \"or\" so".to_owned());
        let (character_id, include_deleted) = (Some(CharacterId::new()), true);
        let journal_entry_id = Some(JournalEntryId::new());
        for &order in Order::ALL {
            comes_back::<Character>(&CharacterQuery {
                user_id: Some(UserId::new()),
                campaign_id: Some(CampaignId::new()),
                parent_id: character_id,
                theme: words(),
                name: words(),
                active_only: false,
                include_deleted,
                order,
            });
        }
        comes_back::<Campaign>(&CampaignQuery {
            dm_user_id: Some(UserId::new()),
            theme: Some("a, b & c".to_owned()),
            include_deleted,
        });
        comes_back::<InventoryItem>(&InventoryItemQuery {
            character_id,
            root_id: Some(InventoryItemId::new()),
            container: Some(InventoryItemId::new()),
            name: words(),
            equipped_only: true,
            include_deleted,
            order: Order { by: OrderBy::Name, direction: Direction::Ascending },
        });
        for tags in [&["one"][..], &["one", "two & more", "drei=3", " ", "ü\u{1F409}"]] {
            comes_back::<JournalEntry>(&JournalEntryQuery {
                character_id,
                entry_type: words(),
                session_number: Some(i64::MAX),
                tags: TagFilter(tags.iter().map(|tag| (*tag).to_owned()).collect()),
                include_deleted,
            });
        }
        comes_back::<ExperienceEntry>(&ExperienceEntryQuery { character_id, journal_entry_id, include_deleted });
        for status in [QuestStatus::Active, QuestStatus::Completed, QuestStatus::Failed, QuestStatus::Abandoned] {
            for importance in
                [QuestImportance::Low, QuestImportance::Normal, QuestImportance::High, QuestImportance::Critical]
            {
                comes_back::<Quest>(&QuestQuery {
                    character_id,
                    journal_entry_id,
                    status: Some(status),
                    importance: Some(importance),
                    include_deleted,
                });
            }
        }
        comes_back::<NpcRelationship>(&NpcRelationshipQuery {
            character_id,
            journal_entry_id,
            relationship_type: words(),
            include_deleted,
        });
        comes_back::<CampaignEvent>(&CampaignEventQuery { character_id, applied_only: true, include_deleted });
        comes_back::<EventImpact>(&EventImpactQuery {
            character_id,
            event_id: Some(CampaignEventId::new()),
            applied_only: true,
            reverted_only: true,
            include_deleted,
        });
        comes_back::<CharacterProgress>(&CharacterProgressQuery { character_id, include_deleted });
        comes_back::<CharacterVersion>(&CharacterVersionQuery {
            character_id,
            parent_id: Some(CharacterVersionId::new()),
            include_deleted,
        });
    }

    #[test]
    fn a_word_that_is_no_status_and_a_number_that_is_none_are_named() {
        let violations = decode_list::<Quest>("status=lost&importance=Low").expect_err("no such words");
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["status", "importance"]);
        for number in ["", "x", "1.5", "9223372036854775808"] {
            let text = format!("session_number={number}");
            let violations = decode_list::<JournalEntry>(&text).expect_err("no number");
            assert_eq!(violations[0].field, "session_number", "{text}");
        }
    }

    #[test]
    fn tags_without_anything_in_them_do_not_narrow() {
        for text in ["tags=", "tags=,", "tags=%2C%2C"] {
            let (query, _) = decode_list::<JournalEntry>(text).expect("readable");
            assert!(query.tags.is_empty(), "{text}");
        }
    }

    #[test]
    fn an_empty_query_string_is_the_first_page_of_the_live_characters_in_play() {
        assert_eq!(decode_list::<Character>(""), Ok((CharacterQuery::default(), PageRequest::default())));
    }

    #[test]
    fn every_wrong_parameter_is_named() {
        let text = "limit=0&offset=-1&cursor=x&user_id=7&active_only=yes&colour=red&theme=a&theme=b";
        let violations = decode_list::<Character>(text).expect_err("wrong");
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["limit", "offset", "cursor", "user_id", "active_only", "colour", "theme"]);
    }

    #[test]
    fn a_count_has_the_filters_of_a_list_and_no_page() {
        assert_eq!(encode_count::<Quest>(&QuestQuery::default()), "");
        let text = "limit=5&offset=1&cursor=x&colour=red&theme=a&theme=b";
        let violations = decode_count::<Character>(text).expect_err("wrong");
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["limit", "offset", "cursor", "colour", "theme"]);
    }

    #[test]
    fn a_cursor_and_an_offset_exclude_each_other() {
        let cursor = Cursor::newest_first(now(), Uuid::now_v7());
        for text in [format!("offset=1&cursor={cursor}"), format!("cursor={cursor}&offset=1")] {
            let violations = decode_list::<Character>(&text).expect_err("both");
            assert_eq!(violations[0].field, "cursor");
        }
    }

    #[test]
    fn a_cursor_of_another_order_and_an_unknown_order_are_named() {
        let cursor = Cursor::newest_first(now(), Uuid::now_v7());
        let violations = decode_list::<Character>(&format!("order=name&cursor={cursor}")).expect_err("another order");
        assert_eq!(violations[0].field, "cursor");
        for order in ["colour", "", "--name", "NAME"] {
            let violations = decode_list::<InventoryItem>(&format!("order={order}")).expect_err("no order");
            assert_eq!(violations[0].field, "order", "{order}");
        }
        assert_eq!(decode_list::<Quest>("order=name").expect_err("quests have one order")[0].field, "order");
    }

    #[test]
    fn deleted_is_include_or_exclude() {
        assert_eq!(decode_deleted(""), Ok(Deleted::Exclude));
        assert_eq!(decode_deleted("deleted=exclude"), Ok(Deleted::Exclude));
        assert_eq!(decode_deleted("deleted=include"), Ok(Deleted::Include));
        for wrong in ["deleted=", "deleted=true", "deletd=include", "deleted=include&deleted=include"] {
            assert!(decode_deleted(wrong).is_err(), "{wrong}");
        }
    }
}
