//! Columns that are computed from others, so that the database can compare in forms that only Rust knows.
//!
//! Rows that an earlier release wrote hold an empty text in such a column until it is filled, which happens when a
//! database is opened.

use crate::{
    fault::Fault,
    session::{Session, Statement, Work},
    value::Value,
};
use character_domain::{Character, InventoryItem, JournalEntry, json, text};
use character_storage_port::{Entity, EntityKind};
use uuid::Uuid;

/// The column of the name in its folded form, by which lists are searched and ordered.
pub(crate) const NAME_FOLDED: &str = "name_folded";

/// The maximum number of rows that are filled in one transaction.
const BATCH: i64 = 500;

/// A column that is computed from another one.
#[derive(Debug)]
pub(crate) struct Derived {
    /// Its name.
    pub(crate) name: &'static str,
    source: &'static str,
    compute: fn(&str) -> String,
}

/// The name in its folded form.
pub(crate) const NAME: &[Derived] = &[Derived { name: NAME_FOLDED, source: "name", compute: text::folded }];

/// The tags in their normalized form, as a JSON list.
pub(crate) const TAGS: &[Derived] = &[Derived { name: "tags_normalized", source: "tags", compute: normalized_list }];

/// Every table with such columns.
const TABLES: [(EntityKind, &[Derived]); 3] =
    [(Character::KIND, NAME), (InventoryItem::KIND, NAME), (JournalEntry::KIND, TAGS)];

impl Derived {
    /// The value for a row with these values.
    pub(crate) fn of(&self, values: &[(&'static str, Value)]) -> Value {
        let source = values.iter().find(|(name, _)| *name == self.source);
        match source {
            Some((_, Value::Text(text))) => Value::Text((self.compute)(text)),
            _ => Value::Text(String::new()),
        }
    }
}

/// A list that cannot be read has no tags: the row itself is reported when it is read.
fn normalized_list(list: &str) -> String {
    let tags: Vec<String> = json::parse(list.as_bytes()).unwrap_or_default();
    let tags: Vec<String> = tags.iter().map(|tag| text::normalized(tag)).collect();
    serde_json::json!(tags).to_string()
}

/// Fills derived columns of some rows that an earlier release wrote; `false` when there was nothing left to fill.
pub(crate) struct FillDerived;

impl Work for FillDerived {
    type Output = bool;

    async fn run<S: Session>(&self, session: &mut S) -> Result<bool, Fault> {
        for (kind, columns) in TABLES {
            for Derived { name, source, compute } in columns {
                let table = kind.collection();
                let select = format!("SELECT id, {source} FROM {table} WHERE {name} = '' LIMIT $1");
                let rows = session.query(Statement::new(select, vec![Value::Int(BATCH)])).await?;
                let mut updates = Vec::with_capacity(rows.len());
                for mut row in rows {
                    // A row that cannot be read is reported by the list that it is in.
                    let (Ok(id), Ok(text)) = (row.read::<Uuid>(), row.read::<String>()) else { continue };
                    let value = (compute)(&text);
                    if value.is_empty() {
                        continue;
                    }
                    // Another instance may have changed the row since it was read.
                    let update = format!("UPDATE {table} SET {name} = $3 WHERE id = $1 AND {source} = $2");
                    updates.push(Statement::new(update, vec![id.into(), Value::Text(text), Value::Text(value)]));
                }
                if !updates.is_empty() {
                    session.query_all(&updates).await?;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn has_changes(filled: &bool) -> bool {
        *filled
    }
}
