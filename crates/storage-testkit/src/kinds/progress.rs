//! Progress and versions.

use super::{Filter, Place, Sample, by, document, store, verbs};
use crate::sample::at;
use character_domain::{
    Character, CharacterId, CharacterProgress, CharacterVersion, CharacterVersionId, Document, RelatedChange,
    Timestamp, progress::MAX_EXPERIENCE,
};
use serde_json::json;
use uuid::Uuid;

impl Sample for CharacterProgress {
    store!();
    verbs!(of every change);

    fn full() -> Self {
        Self {
            previous_level: 4,
            level_updated_at: Some(at(11)),
            milestones: vec![json!({ "title": "First blood", "data": { "n": 1 } }), json!(null)],
            achievements: vec![json!({ "title": "Dragonslayer" })],
            data: document("progress"),
            ..Self::new(CharacterId::new(), 6_500, 5, at(0))
        }
    }
    fn changed(&self) -> Self {
        Self {
            id: self.id,
            character_id: CharacterId::new(),
            experience_points: 0,
            current_level: 20,
            previous_level: 0,
            level_updated_at: Some(at(-11)),
            milestones: vec![json!(["a list"])],
            achievements: Vec::new(),
            data: document("another"),
            meta: self.meta,
        }
    }
    fn bare(&self) -> Self {
        Self { id: self.id, meta: self.meta, ..Self::new(self.character_id, 0, 1, at(0)) }
    }
    fn faults() -> Vec<Place<Self, ()>> {
        vec![
            ("experience_points", |row, ()| row.experience_points = -1),
            ("experience_points", |row, ()| row.experience_points = MAX_EXPERIENCE + 1),
            ("current_level", |row, ()| row.current_level = 0),
            ("current_level", |row, ()| row.current_level = 21),
            ("previous_level", |row, ()| row.previous_level = 21),
            ("milestones[0]", |row, ()| row.milestones = vec![json!({ "\0": 1 })]),
            ("achievements[0]", |row, ()| row.achievements = vec![json!(["\0"])]),
        ]
    }
    fn filters() -> Vec<Filter<Self>> {
        vec![by!(character_id)]
    }
    fn documents() -> Vec<Place<Self, Document>> {
        vec![("data", |row, data| row.data = data)]
    }
    fn texts() -> Vec<Place<Self, String>> {
        Vec::new()
    }
    fn times() -> Vec<Place<Self, Timestamp>> {
        vec![("level_updated_at", |row, time| row.level_updated_at = Some(time))]
    }
}

/// What the version keeps of the character, and whose it is.
fn of(row: CharacterVersion, state: Character) -> CharacterVersion {
    CharacterVersion { character_id: state.id, state, ..row }
}

fn related(kind: &str) -> Vec<RelatedChange> {
    vec![RelatedChange { kind: kind.to_owned(), id: Uuid::new_v4(), change: "replace".to_owned() }]
}

impl Sample for CharacterVersion {
    store!();
    verbs!(elsewhere);

    fn full() -> Self {
        let before = Character::full();
        let after = super::at_revision(&before, 7).changed();
        let after = Character { id: before.id, ..after };
        Self {
            restored_from: Some(CharacterVersionId(Uuid::new_v4())),
            author: Some("Ada".to_owned()),
            label: Some("Before the keep".to_owned()),
            related: related("inventory_item"),
            ..Self::of(Some(&before), after, "character.updated", at(0))
        }
    }
    fn changed(&self) -> Self {
        let state = Character::full();
        Self {
            id: self.id,
            character_id: state.id,
            parent_id: Some(CharacterVersionId(Uuid::new_v4())),
            restored_from: Some(CharacterVersionId(Uuid::new_v4())),
            author: Some("Grace".to_owned()),
            reason: "character.restored".to_owned(),
            label: Some("After the keep".to_owned()),
            state,
            changes: vec![json!({ "op": "add", "path": "/data/x", "value": null })],
            related: related("quest"),
            meta: self.meta,
        }
    }
    fn bare(&self) -> Self {
        let version = Self::of(None, self.state.bare(), "x", at(0));
        Self { id: self.id, meta: self.meta, ..version }
    }
    fn faults() -> Vec<Place<Self, ()>> {
        vec![
            ("reason", |row, ()| row.reason = String::new()),
            ("author", |row, ()| row.author = Some("\0".to_owned())),
            ("label", |row, ()| row.label = Some("x".repeat(256))),
            ("state.id", |row, ()| row.state.id = CharacterId::new()),
            ("state.name", |row, ()| row.state.name = String::new()),
            ("changes[0]", |row, ()| row.changes = vec![json!("\0")]),
            ("related[0].kind", |row, ()| row.related = related("")),
        ]
    }
    fn filters() -> Vec<Filter<Self>> {
        vec![
            Filter {
                narrow: |query, row| query.character_id = Some(row.character_id),
                take: |row, other| *row = of(row.clone(), other.state.clone()),
            },
            by!(parent_id),
        ]
    }
    fn documents() -> Vec<Place<Self, Document>> {
        vec![("state.data", |row, data| row.state.data = data)]
    }
    fn texts() -> Vec<Place<Self, String>> {
        vec![
            ("author", |row, text| row.author = Some(text)),
            ("reason", |row, text| row.reason = text),
            ("label", |row, text| row.label = Some(text)),
            ("state.name", |row, text| row.state.name = text),
        ]
    }
    fn times() -> Vec<Place<Self, Timestamp>> {
        Vec::new()
    }
}
