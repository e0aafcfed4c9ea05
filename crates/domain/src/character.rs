//! The character: identity, owner, and its sheet as a free document.

use crate::{CampaignId, CharacterId, Document, Meta, Timestamp, UserId, Violations, check};
use serde::{Deserialize, Serialize};

/// The theme of a character that names none.
pub const DEFAULT_THEME: &str = "traditional";
/// Longest name, in Unicode scalar values.
pub const MAX_NAME: usize = check::MAX_NAME;
/// Longest theme, in Unicode scalar values.
pub const MAX_THEME: usize = check::MAX_WORD;

/// Adds what is wrong with a theme to `violations`, under `field`.
pub fn check_theme(field: &str, theme: &str, violations: &mut Violations) {
    check::short(violations, field, theme, MAX_THEME);
}

/// A character.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Character {
    /// The unique id; never changes.
    pub id: CharacterId,
    /// The id of the character that this one continues in another theme; `null` for the first. Only a change of theme
    /// sets it; a request can only repeat it.
    pub parent_id: Option<CharacterId>,
    /// The theme: the setting that the character is played in.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub theme: String,
    /// The name of the character.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255))]
    pub name: String,
    /// The id of the user who plays the character.
    pub user_id: UserId,
    /// The id of the campaign that the character takes part in; `null` for none.
    pub campaign_id: Option<CampaignId>,
    /// The sheet: any JSON object, at most 128 levels deep.
    pub data: Document,
    /// Whether the character is in play.
    pub is_active: bool,
    /// The revision, and when it was created, changed and deleted.
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

    /// Every rule that this character breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::short(&mut violations, "name", &self.name, MAX_NAME);
        check_theme("theme", &self.theme, &mut violations);
        if self.parent_id == Some(self.id) {
            violations.push("parent_id", "must not be the character itself");
        }
        self.data.check("data", &mut violations);
        violations
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
    fn every_broken_field_is_named() {
        let mut it = character();
        it.name = " ".into();
        it.theme = "x".repeat(65);
        it.parent_id = Some(it.id);
        it.data.0.insert("a\0".into(), 1.into());
        let fields: Vec<_> = it.check().into_iter().map(|v| v.field).collect();
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
            it.check().len()
        };
        assert_eq!((nested(128), nested(129)), (0, 1));
    }
}
