//! Milestones and achievements.

use crate::{Document, Timestamp, Violations, check};
use serde_json::{Value, json};
use uuid::Uuid;

/// A milestone or an achievement.
#[derive(Clone, Debug, PartialEq)]
pub struct Attainment {
    /// The unique id.
    pub id: Uuid,
    /// The name or title.
    pub title: String,
    /// The description.
    pub description: String,
    /// The type in free text, such as `story`, `quest` or `exploration`.
    pub kind: String,
    /// When it was reached or achieved.
    pub achieved_at: Timestamp,
    /// Any other data, as a JSON object.
    pub data: Document,
}

impl Attainment {
    /// Every rule that it breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::short(&mut violations, "title", &self.title, check::MAX_NAME);
        check::text(&mut violations, "description", &self.description);
        check::short(&mut violations, "type", &self.kind, check::MAX_WORD);
        // It lies within an entry of a list, so the row that holds all of it is two levels deeper.
        self.data.check_nested("data", 2, &mut violations);
        violations
    }

    /// In the form that progress stores.
    #[must_use]
    pub fn into_entry(self) -> Value {
        json!({
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "type": self.kind,
            "achieved_at": self.achieved_at,
            "data": self.data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attainment() -> Attainment {
        Attainment {
            id: Uuid::now_v7(),
            title: "Dragonslayer".to_owned(),
            description: String::new(),
            kind: "combat".to_owned(),
            achieved_at: crate::now(),
            data: Document::default(),
        }
    }

    #[test]
    fn every_broken_field_is_named() {
        assert_eq!(attainment().check(), Violations::default());
        let broken = Attainment {
            title: " ".to_owned(),
            description: "\0".to_owned(),
            kind: "x".repeat(65),
            data: Document::from(json!({ "a\0": 1 }).as_object().cloned().unwrap()),
            ..attainment()
        };
        let fields: Vec<_> = broken.check().into_iter().map(|violation| violation.field).collect();
        assert_eq!(fields, ["title", "description", "type", "data"]);
    }

    #[test]
    fn whatever_passes_is_an_entry_that_progress_takes() {
        let deep = |levels: usize| {
            let mut value = json!({});
            for _ in 1..levels {
                value = json!({ "a": value });
            }
            Attainment { data: Document::from(value.as_object().cloned().unwrap()), ..attainment() }
        };
        let deepest = (1..200).take_while(|levels| deep(*levels).check() == Violations::default()).last().unwrap();
        let mut progress = crate::CharacterProgress::new(crate::CharacterId::new(), 0, 1, crate::now());
        progress.milestones.push(deep(deepest).into_entry());
        assert_eq!(progress.check(), Violations::default());
        progress.milestones.push(deep(deepest + 1).into_entry());
        assert_eq!(progress.check().len(), 1);
    }
}
