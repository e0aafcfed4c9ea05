//! Versions: what a character was, and how it became what it is.

use crate::{
    Character, CharacterId, CharacterVersionId, Meta, Timestamp, Violations, check, document::check_value, json, size,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt::Write;
use uuid::Uuid;

/// A version of a character: its full state after one change. Only the label may change later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CharacterVersion {
    /// Identity: [`CharacterVersionId::of`] the character at the revision of the state.
    pub id: CharacterVersionId,
    /// Whose version it is.
    pub character_id: CharacterId,
    /// The version it grew out of: the one before, or, after a change of theme, one of the character before.
    pub parent_id: Option<CharacterVersionId>,
    /// The version whose state it brought back.
    pub restored_from: Option<CharacterVersionId>,
    /// Who made the change, in the words of whoever knows people.
    pub author: Option<String>,
    /// Which act made it: `character.updated`, `inventory.equipped`, ….
    pub reason: String,
    /// What somebody called it.
    pub label: Option<String>,
    /// The character after the change.
    pub state: Character,
    /// What changed of the character since the parent, as JSON Patch (RFC 6902).
    pub changes: Vec<Value>,
    /// What changed with it: rows of other kinds.
    pub related: Vec<RelatedChange>,
    /// Revision and times of this record.
    pub meta: Meta,
}

/// A change of a row that belongs to the character.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RelatedChange {
    /// The kind of row: `inventory_item`.
    pub kind: String,
    /// Which.
    pub id: Uuid,
    /// `create`, `replace`, `delete` or `restore`.
    pub change: String,
}

/// Largest JSON text of the changes of a version, in bytes: a whole sheet, and some room for the other fields.
pub const MAX_CHANGES: usize = size::MAX_DOCUMENT + (64 << 10);

/// Longest reason, in Unicode scalar values.
pub const MAX_REASON: usize = 500;

impl CharacterVersion {
    /// The version of `after`, which carries the revision it will have, when it grew out of `before`.
    #[must_use]
    pub fn of(before: Option<&Character>, after: Character, reason: impl Into<String>, at: Timestamp) -> Self {
        Self {
            id: CharacterVersionId::of(after.id, after.meta.revision),
            character_id: after.id,
            parent_id: before.map(|before| CharacterVersionId::of(before.id, before.meta.revision)),
            restored_from: None,
            author: None,
            reason: reason.into(),
            label: None,
            changes: before.map(|before| changes(before, &after)).unwrap_or_default(),
            state: after,
            related: Vec::new(),
            meta: Meta::created(at),
        }
    }

    /// Every rule this version breaks by itself.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::maybe_short(&mut violations, "author", self.author.as_ref(), check::MAX_NAME);
        check::short(&mut violations, "reason", &self.reason, MAX_REASON);
        check::maybe_short(&mut violations, "label", self.label.as_ref(), check::MAX_NAME);
        if self.state.id != self.character_id {
            violations.push("state.id", "must be the character");
        }
        violations.0.extend(self.state.check().under("state").0);
        if size::within(MAX_CHANGES, &self.changes).is_none() {
            violations.push("changes", size::too_large(MAX_CHANGES));
        }
        if self.related.len() > check::MAX_ENTRIES {
            violations.push("related", format!("must not be more than {}", check::MAX_ENTRIES));
        }
        for (index, change) in self.changes.iter().enumerate() {
            check_value(&format!("changes[{index}]"), change, json::MAX_DEPTH + 1, &mut violations);
        }
        for (index, related) in self.related.iter().enumerate() {
            check::short(&mut violations, &format!("related[{index}].kind"), &related.kind, check::MAX_WORD);
            check::short(&mut violations, &format!("related[{index}].change"), &related.change, check::MAX_WORD);
        }
        violations
    }
}

/// What a version keeps of a character, as one JSON object: all fields but the revision and `updated_at`, which say
/// only that there was a change.
#[must_use]
pub fn sheet(character: &Character) -> Map<String, Value> {
    let Character { id, parent_id, theme, name, user_id, campaign_id, data, is_active, meta } = character;
    let fields = [
        ("id", Value::String(id.to_string())),
        ("parent_id", text(*parent_id)),
        ("theme", Value::String(theme.clone())),
        ("name", Value::String(name.clone())),
        ("user_id", Value::String(user_id.to_string())),
        ("campaign_id", text(*campaign_id)),
        ("data", Value::Object(data.0.clone().into_map())),
        ("is_active", Value::Bool(*is_active)),
        ("deleted_at", text(meta.deleted_at)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn text(value: Option<impl ToString>) -> Value {
    value.map_or(Value::Null, |value| Value::String(value.to_string()))
}

/// The JSON Patch (RFC 6902) that makes the [`sheet`] of `before` that of `after`.
#[must_use]
pub fn changes(before: &Character, after: &Character) -> Vec<Value> {
    let (before, after) = (sheet(before), sheet(after));
    let mut changes = Changes::default();
    members(&mut String::new(), &before, &after, &mut changes);
    if !changes.is_too_large() {
        return changes.operations;
    }
    // The paths to many small changes may take more room than the sheet itself.
    let changed = after.iter().filter(|(name, new)| before.get(*name) != Some(*new));
    changed.map(|(name, new)| operation("replace", &format!("/{name}"), Some(new))).collect()
}

/// Operations that were found so far, and the length of their JSON text.
#[derive(Default)]
struct Changes {
    operations: Vec<Value>,
    bytes: usize,
}

impl Changes {
    fn push(&mut self, operation: Value) {
        let bytes = size::within(MAX_CHANGES, &operation).unwrap_or(MAX_CHANGES);
        self.bytes = self.bytes.saturating_add(bytes).saturating_add(1);
        self.operations.push(operation);
    }

    fn is_too_large(&self) -> bool {
        self.bytes >= MAX_CHANGES
    }
}

fn members(path: &mut String, before: &Map<String, Value>, after: &Map<String, Value>, changes: &mut Changes) {
    for (name, old) in before {
        within(path, name, |path| match after.get(name) {
            None => changes.push(operation("remove", path, None)),
            Some(new) => differences(path, old, new, changes),
        });
    }
    for (name, new) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
        within(path, name, |path| changes.push(operation("add", path, Some(new))));
    }
}

fn differences(path: &mut String, before: &Value, after: &Value, changes: &mut Changes) {
    if changes.is_too_large() {
        return;
    }
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => members(path, before, after, changes),
        (Value::Array(before), Value::Array(after)) => {
            let common = before.len().min(after.len());
            for (index, (old, new)) in before.iter().zip(after).enumerate() {
                within(path, &index.to_string(), |path| differences(path, old, new, changes));
            }
            for index in (common..before.len()).rev() {
                within(path, &index.to_string(), |path| changes.push(operation("remove", path, None)));
            }
            for (index, new) in after.iter().enumerate().skip(common) {
                within(path, &index.to_string(), |path| changes.push(operation("add", path, Some(new))));
            }
        }
        // Equal to the letter: 1 and 1.0 are one number to a calculator, and two to whoever compares texts.
        (before, after) if before == after => {}
        _ => changes.push(operation("replace", path, Some(after))),
    }
}

/// Runs `act` with `name` added to the JSON Pointer (RFC 6901).
fn within(path: &mut String, name: &str, act: impl FnOnce(&mut String)) {
    let length = path.len();
    // Writing to a String cannot fail.
    let _ = write!(path, "/{}", name.replace('~', "~0").replace('/', "~1"));
    act(path);
    path.truncate(length);
}

fn operation(op: &str, path: &str, value: Option<&Value>) -> Value {
    let mut operation = Map::new();
    operation.insert("op".to_owned(), op.into());
    operation.insert("path".to_owned(), path.into());
    if let Some(value) = value {
        operation.insert("value".to_owned(), value.clone());
    }
    Value::Object(operation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, UserId};
    use serde_json::json;

    fn character(data: &Value) -> Character {
        let data = Document::from(data.as_object().cloned().unwrap());
        Character { data, ..Character::new(UserId::new(), "Torormir", crate::now()) }
    }

    #[test]
    fn the_changes_make_the_one_sheet_of_the_other() {
        let before =
            character(&json!({ "a/b": 1, "x~y": [1, 2, 3], "gone": {}, "same": [{ "deep": [true] }], "n": null }));
        for data in [
            json!({ "a/b": 2, "x~y": [1, 9], "same": [{ "deep": [false, "new"] }], "new": { "x": 1 } }),
            json!({}),
            json!({ "x~y": [1, 2, 3, 4, 5], "n": 0, "": "empty" }),
            json!({ "x~y": { "an": "object" }, "same": 1.5 }),
        ] {
            let after = Character {
                name: "Grey".into(),
                data: Document::from(data.as_object().cloned().unwrap()),
                ..before.clone()
            };
            let patch: json_patch::Patch = serde_json::from_value(changes(&before, &after).into()).unwrap();
            let mut sheet_before = Value::Object(sheet(&before));
            json_patch::patch(&mut sheet_before, &patch).unwrap();
            assert_eq!(sheet_before, Value::Object(sheet(&after)));
        }
    }

    #[test]
    fn the_changes_of_the_largest_sheet_are_no_larger_than_a_version_may_hold() {
        // Each change would name the long path to it.
        let sheet = |value: u8| {
            let members: Map<_, _> = (0..10_000).map(|name| (name.to_string(), value.into())).collect();
            character(&json!({ "x".repeat(500_000): members }))
        };
        let (before, after) = (sheet(0), sheet(1));
        let after = Character { id: before.id, user_id: before.user_id, ..after };
        let version = CharacterVersion::of(Some(&before), after, "character.updated", crate::now());
        assert_eq!((version.changes.len(), version.check()), (1, Violations::default()));
        assert_eq!(version.changes[0]["path"], "/data");
        // Nothing in common, at the limit.
        let filled = |name: &str| {
            let text = "x".repeat(size::MAX_DOCUMENT - json!({ name: "" }).to_string().len());
            character(&json!({ name: text }))
        };
        let (before, after) = (filled("a"), filled("b"));
        let version = CharacterVersion::of(Some(&before), Character { id: before.id, ..after }, "x", crate::now());
        assert_eq!(version.check(), Violations::default());
    }

    #[test]
    fn an_unchanged_character_has_no_changes() {
        let it = character(&json!({ "a": [1, { "b": 2.5 }] }));
        assert_eq!(changes(&it, &it), Vec::<Value>::new());
    }

    #[test]
    fn a_version_of_a_sheet_128_levels_deep_breaks_no_rule() {
        let mut deep = json!({});
        for _ in 1..128 {
            deep = json!({ "a": deep });
        }
        let (before, after) = (character(&json!({})), character(&deep));
        let after = Character { id: before.id, ..after };
        let version = CharacterVersion::of(Some(&before), after, "character.updated", crate::now());
        assert_eq!(version.check(), Violations::default());
    }
}
