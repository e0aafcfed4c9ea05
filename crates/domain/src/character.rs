//! The character: who it is, whose it is, and its sheet as a free document.

use crate::{CampaignId, CharacterId, Document, Meta, Timestamp, UserId, Violations, check};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The theme of a character that names none.
pub const DEFAULT_THEME: &str = "traditional";
/// Longest name, in Unicode scalar values.
pub const MAX_NAME: usize = check::MAX_NAME;
/// Longest theme, in Unicode scalar values.
pub const MAX_THEME: usize = check::MAX_WORD;

/// A player character.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Character {
    /// Identity; never changes.
    pub id: CharacterId,
    /// The character this one grew out of, when it changed theme.
    pub parent_id: Option<CharacterId>,
    /// The setting it is played in: `traditional`, `steampunk`, ….
    pub theme: String,
    /// What it is called.
    pub name: String,
    /// Who plays it.
    pub user_id: UserId,
    /// The campaign it takes part in.
    pub campaign_id: Option<CampaignId>,
    /// The sheet.
    pub data: Document,
    /// Whether it is in play.
    pub is_active: bool,
    /// Revision and times.
    pub meta: Meta,
}

impl Character {
    /// A live character of `user` with the default theme, an empty sheet and a fresh id.
    #[must_use]
    pub fn new(user: UserId, name: impl Into<String>, at: Timestamp) -> Self {
        Self {
            id: CharacterId::new(),
            parent_id: None,
            theme: DEFAULT_THEME.to_owned(),
            name: name.into(),
            user_id: user,
            campaign_id: None,
            data: Document::default(),
            is_active: true,
            meta: Meta::created(at),
        }
    }

    /// Every rule this character breaks by itself.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::short(&mut violations, "name", &self.name, MAX_NAME);
        check::short(&mut violations, "theme", &self.theme, MAX_THEME);
        if self.parent_id == Some(self.id) {
            violations.push("parent_id", "must not be the character itself");
        }
        self.data.check("data", &mut violations);
        violations
    }
}

/// The walk from a character over its parents, which finds out whether the line closes to a circle.
///
/// The caller reads the parents, one by one, and stops at a character that has none or is not there:
///
/// ```
/// # use character_domain::{CharacterId, character::Ancestry};
/// # let (child, parent) = (CharacterId::new(), CharacterId::new());
/// # let parent_of = |id| (id == parent).then_some(child);
/// let mut line = Ancestry::of(child);
/// let mut next = Some(parent);
/// let circle = loop {
///     let Some(id) = next else { break None };
///     if let Err(violations) = line.climb(id) { break Some(violations) }
///     next = parent_of(id);
/// };
/// assert_eq!(circle.unwrap().0[0].field, "parent_id");
/// ```
#[derive(Clone, Debug)]
pub struct Ancestry {
    visited: HashSet<CharacterId>,
}

impl Ancestry {
    /// The line that begins with this character.
    #[must_use]
    pub fn of(character: CharacterId) -> Self {
        Self { visited: HashSet::from([character]) }
    }

    /// Goes on to the next parent.
    ///
    /// # Errors
    /// A violation of `parent_id` when the line came by this character before.
    pub fn climb(&mut self, parent: CharacterId) -> Result<(), Violations> {
        if self.visited.insert(parent) {
            Ok(())
        } else {
            Err(Violations::one("parent_id", "must not be the character itself or one that grew out of it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn character() -> Character {
        Character::new(UserId::new(), "Torormir", crate::now())
    }

    #[test]
    fn a_fresh_character_breaks_no_rule() {
        assert_eq!(character().check(), Violations::default());
    }

    #[test]
    fn a_line_of_parents_that_closes_is_found_however_long_it_is() {
        let ids: Vec<_> = (0..2_000).map(|_| CharacterId::new()).collect();
        let walk = |parents: &[CharacterId]| {
            let mut line = Ancestry::of(ids[0]);
            parents.iter().try_for_each(|parent| line.climb(*parent))
        };
        assert_eq!(walk(&ids[1..]), Ok(()));
        for back_to in [0, 1, 1_999] {
            let closed: Vec<_> = ids[1..].iter().chain([&ids[back_to]]).copied().collect();
            assert_eq!(walk(&closed).unwrap_err().0[0].field, "parent_id");
        }
    }

    #[test]
    fn every_broken_field_is_named() {
        let mut it = character();
        it.name = " ".into();
        it.theme = "x".repeat(65);
        it.parent_id = Some(it.id);
        it.data.0.insert("a\0".into(), 1.into());
        let fields: Vec<_> = it.check().0.into_iter().map(|v| v.field).collect();
        assert_eq!(fields, ["name", "theme", "parent_id", "data"]);
    }

    #[test]
    fn a_sheet_may_be_128_levels_deep_and_no_deeper() {
        let nested = |levels: usize| {
            let mut value = serde_json::json!({});
            for _ in 1..levels {
                value = serde_json::json!({ "a": value });
            }
            let mut it = character();
            it.data = Document::from(value.as_object().cloned().unwrap_or_default());
            it.check().0.len()
        };
        assert_eq!((nested(128), nested(129)), (0, 1));
    }
}
