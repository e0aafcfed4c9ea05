//! What the mistakes do to rows, queries and lists. As JSON, so that it is the same for every kind.

use crate::mistake::Mistake::{self, self as M};
use character_domain::{Timestamp, text::folded};
use character_storage_port::{
    Cursor, Direction, Entity, KeptAnswer, Order, OrderBy, Page, PageBuilder, PageRequest, Rows, SortKey, Start,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// The same value after a change of its JSON.
pub(crate) fn edited<T: Serialize + DeserializeOwned>(value: &T, edit: impl FnOnce(&mut Map<String, Value>)) -> T {
    let mut json = json!(value);
    edit(json.as_object_mut().expect("rows and queries are objects"));
    serde_json::from_value(json).expect("the edit keeps the types")
}

/// A row as the mistaken adapter answers it.
pub(crate) fn spoiled<E: Entity>(mistake: Mistake, row: &E) -> E {
    edited(row, |row| match mistake {
        M::RoundsLargeIntegers => within(row.get_mut("data"), &|value| {
            if let Value::Number(number) = value
                && let Some(lossy) = number.as_f64().filter(|lossy| lossy.abs() > 9e15)
            {
                *value = json!(lossy);
            }
        }),
        M::RoundsNumbers => within(row.get_mut("data"), &|value| {
            if let Some(rounded) = value.as_f64() {
                *value = json!(rounded);
            }
        }),
        // A trailing zero of a fraction says nothing to a database that keeps decimals.
        M::RewritesNumbers => within(row.get_mut("data"), &|value| {
            let text = value.as_number().map(ToString::to_string).filter(|text| text.contains('.'));
            if let Some(shorter) = text.and_then(|text| serde_json::from_str(text.trim_end_matches('0')).ok()) {
                *value = shorter;
            }
        }),
        M::CutsLargeDocuments => within(row.get_mut("data"), &|value| {
            if let Value::String(text) = value {
                *text = text.chars().take(1_000_000).collect();
            }
        }),
        M::EndsBeforeTheEndOfTime => texts(row, |text| {
            let end: Timestamp = "9999-12-30T22:00:00Z".parse().ok()?;
            text.parse().ok().map(|time: Timestamp| time.min(end).to_string())
        }),
        M::DropsNullMembers => within(row.get_mut("data"), &|value| {
            if let Value::Object(members) = value {
                members.retain(|_, value| !value.is_null());
            }
        }),
        M::TruncatesIntegers => row.values_mut().for_each(|value| {
            if let Some(number) = value.as_i64() {
                *value = json!(number & 0x7fff_ffff);
            }
        }),
        M::TrimsTexts => texts(row, |text| Some(text.trim().to_owned())),
        M::TakesEmptyForAbsent => ["notes", "session_summary"].into_iter().for_each(|field| {
            if let Some(value) = row.get_mut(field).filter(|value| *value == "") {
                *value = Value::Null;
            }
        }),
        M::LosesFractionsOfSeconds => {
            if let Some(Value::String(text)) = row.get_mut("timestamp")
                && let Some((whole, _)) = text.split_once('.')
            {
                *text = format!("{whole}Z");
            }
        }
        M::CutsTimesToMilliseconds => texts(row, |text| {
            let time: Timestamp = text.parse().ok()?;
            Timestamp::from_microsecond(time.as_microsecond() / 1_000 * 1_000).ok().map(|time| time.to_string())
        }),
        M::CutsDeepDocuments => row.values_mut().for_each(|value| cut(value, 64)),
        M::SortsTags => {
            if let Some(Value::Array(tags)) = row.get_mut("tags") {
                tags.sort_by_key(Value::to_string);
            }
        }
        M::ForgetsWhatChangedWithAVersion => {
            if let Some(related) = row.get_mut("related") {
                *related = json!([]);
            }
        }
        _ => {}
    })
}

/// A row as the mistaken adapter takes it in.
pub(crate) fn taken_in<E: Entity>(mistake: Mistake, row: E) -> E {
    match mistake {
        M::TakesWhatOthersCannotKeep if !row.check().is_empty() => edited(&row, |row| {
            within(row.get_mut("data"), &|value| {
                if let Value::String(text) = value {
                    *text = text.replace('\0', "");
                }
            });
        }),
        _ => row,
    }
}

/// A query as the mistaken adapter understands it.
pub(crate) fn misunderstood<E: Entity>(mistake: Mistake, query: &E::Query) -> E::Query {
    let forgotten: &[&str] = match mistake {
        M::ForgetsTheThemeFilter => &["theme"],
        M::ForgetsTheNameFilter | M::FoldsNoNames | M::TakesWildcardsInNames => &["name"],
        M::ForgetsTheEquippedFilter => &["equipped_only"],
        M::ForgetsTheContainerFilter => &["container"],
        M::ForgetsTheParentFilter => &["parent_id"],
        M::ForgetsTheSessionFilter => &["session_number"],
        M::ForgetsTheEventFilter => &["event_id"],
        M::ForgetsTheTagsFilter | M::MatchesAnyTag | M::FoldsTheCaseOfTags | M::FindsTagsInText => &["tags"],
        M::FoldsTheCaseOfTypes => &["entry_type"],
        M::TakesUndoneImpactsForApplied => &["applied_only"],
        M::IgnoresRequestsForDeletedRows => &["include_deleted"],
        _ => &[],
    };
    edited(query, |query| {
        query.retain(|field, _| !forgotten.contains(&field.as_str()));
        if matches!(mistake, M::ForgetsTheActiveFilter | M::ListsCharactersOutOfPlay)
            && query.contains_key("active_only")
        {
            query.insert("active_only".to_owned(), json!(false));
        }
        if mistake == M::ServesDeletedRows {
            query.insert("include_deleted".to_owned(), json!(true));
        }
        if mistake == M::ForgetsASecondFilter && query.contains_key("character_id") {
            query.retain(|field, _| ["character_id", "include_deleted"].contains(&field.as_str()));
        }
    })
}

/// Whether the mistaken adapter lists the row, as far as it reads the filters that it leaves out of the query.
pub(crate) fn passes<E: Entity>(mistake: Mistake, query: &E::Query, row: &E) -> bool {
    let (query, row) = (json!(query), json!(row));
    let wanted: Vec<&str> = query["tags"].as_str().map(|tags| tags.split(',').collect()).unwrap_or_default();
    let tags: Vec<&str> = row["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match mistake {
        M::MatchesAnyTag => wanted.is_empty() || wanted.iter().any(|tag| tags.contains(tag)),
        M::FoldsTheCaseOfTags => {
            wanted.iter().all(|wanted| tags.iter().any(|tag| tag.to_lowercase() == wanted.to_lowercase()))
        }
        M::FindsTagsInText => wanted.iter().all(|wanted| row["tags"].to_string().contains(wanted)),
        M::FoldsTheCaseOfTypes => match (query["entry_type"].as_str(), row["entry_type"].as_str()) {
            (Some(wanted), Some(given)) => wanted.to_lowercase() == given.to_lowercase(),
            _ => true,
        },
        M::TakesUndoneImpactsForApplied => query["applied_only"] != true || row["applied"] == true,
        M::FoldsNoNames => match (query["name"].as_str(), row["name"].as_str()) {
            (Some(wanted), Some(given)) => given.to_lowercase().contains(&wanted.trim().to_lowercase()),
            _ => true,
        },
        M::TakesWildcardsInNames => match (query["name"].as_str(), row["name"].as_str()) {
            (Some(wanted), Some(given)) => {
                let given = folded(given);
                folded(wanted).split('%').all(|part| given.contains(part))
            }
            _ => true,
        },
        _ => true,
    }
}

/// The place of a row in the order of the mistaken adapter.
fn place<E: Entity>(mistake: Mistake, row: &E, order: Order) -> Cursor {
    let place = Cursor::of(row, order);
    match mistake {
        M::OrdersNamesByTheirLetters if order.by == OrderBy::Name => {
            Cursor { key: SortKey::Name(row.name().to_owned()), ..place }
        }
        M::ListsAscendingOrdersDescending => Cursor { direction: Direction::Descending, ..place },
        _ => place,
    }
}

/// Brings all rows of a list into the order of the mistaken adapter, and cuts a page out of them.
pub(crate) fn paged<E: Entity>(mistake: Mistake, query: &E::Query, rows: Vec<E>, page: PageRequest) -> Page<E> {
    use character_storage_port::Query;
    let order = if mistake == M::IgnoresTheOrder { Order::NEWEST_FIRST } else { query.order() };
    let mut rows: Vec<(Cursor, E)> = rows.into_iter().map(|row| (place(mistake, &row, order), row)).collect();
    rows.sort_by(|(one, _), (other, _)| one.compare(other));
    match mistake {
        M::SortsByIdOnly => rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.id())),
        M::ListsTheOldestFirst => rows.reverse(),
        _ => {}
    }
    let from = match &page.start {
        Start::First => 0,
        Start::Offset(rows) => *rows as usize,
        Start::After(cursor) if mistake == M::PassesOverEqualNames && order.by == OrderBy::Name => rows
            .iter()
            .position(|(place, _)| place.key != cursor.key && place.compare(cursor).is_gt())
            .unwrap_or(rows.len()),
        Start::After(cursor) if mistake == M::IgnoresTheOrder || !order.is_default() => {
            rows.iter().position(|(place, _)| place.compare(cursor).is_gt()).unwrap_or(rows.len())
        }
        Start::After(cursor) => rows.iter().position(|(place, _)| place == cursor).map_or(rows.len(), |row| row + 1),
    };
    let limit = page.limit.get() as usize;
    let left = rows.len().saturating_sub(from);
    let mut items: Vec<(Cursor, E)> = rows.into_iter().skip(from).take(limit).collect();
    if mistake != M::PagesOfAnySize {
        items.truncate(fitting(query, &items, page.limit));
    }
    let more = match mistake {
        M::EndsAListTooEarly => false,
        M::SaysThatThereIsMoreAtTheEnd => true,
        M::EndsAListAtAShortPage => items.len() == limit && left > limit,
        _ => left > items.len(),
    };
    let next = items.last().filter(|_| more).map(|(place, _)| place.clone());
    if mistake == M::PagesWithAGap && page.start != Start::First && !items.is_empty() {
        items.remove(0);
    }
    Page::new(items.into_iter().map(|(_, row)| row).collect::<Rows<_>>(), next)
}

/// How many of these rows a page holds.
fn fitting<E: Entity>(query: &E::Query, rows: &[(Cursor, E)], limit: character_storage_port::Limit) -> usize {
    let mut page = PageBuilder::new(query, limit);
    rows.iter().take_while(|(_, row)| page.push(row.clone())).count()
}

/// Each text of the row itself, not those inside of documents.
fn texts(row: &mut Map<String, Value>, change: impl Fn(&str) -> Option<String>) {
    for value in row.values_mut() {
        if let Value::String(text) = value
            && let Some(changed) = change(text)
        {
            *text = changed;
        }
    }
}

/// Each value inside of a value, and it.
fn within(value: Option<&mut Value>, change: &dyn Fn(&mut Value)) {
    let Some(value) = value else { return };
    change(value);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| within(Some(item), change)),
        Value::Object(members) => members.values_mut().for_each(|member| within(Some(member), change)),
        _ => {}
    }
}

/// Empties what lies deeper than this number of levels.
fn cut(value: &mut Value, levels: usize) {
    match value {
        Value::Array(items) if levels == 0 => items.clear(),
        Value::Object(members) if levels == 0 => members.clear(),
        Value::Array(items) => items.iter_mut().for_each(|item| cut(item, levels - 1)),
        Value::Object(members) => members.values_mut().for_each(|member| cut(member, levels - 1)),
        _ => {}
    }
}

/// Whether an answer is nested 64 levels deep or less.
pub(crate) fn is_shallow(answer: &KeptAnswer) -> bool {
    depth(&answer.read().unwrap()) <= 64
}

/// How deep a value is nested.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
