//! The fields of a new character.

use super::StatedParent;
use character_domain::{
    CampaignId, Character, CharacterId, Document, Meta, Timestamp, UserId, Violations, character::DEFAULT_THEME,
};
use serde::Serialize;

/// The fields of a character that its writer chooses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewCharacter {
    /// The id; `None`: a new one.
    pub id: Option<CharacterId>,
    /// The predecessor that the writer states.
    pub parent: StatedParent,
    /// The theme: the setting that it is played in.
    pub theme: String,
    /// The name or title.
    pub name: String,
    /// The user who plays it.
    pub user_id: UserId,
    /// The campaign that the character takes part in.
    pub campaign_id: Option<CampaignId>,
    /// The sheet.
    pub data: Document,
    /// Whether the character is in play.
    pub is_active: bool,
}

impl NewCharacter {
    /// An active character with a fresh id, the default theme and an empty sheet.
    #[must_use]
    pub fn new(user_id: UserId, name: impl Into<String>) -> Self {
        Self {
            id: None,
            parent: StatedParent::Unstated,
            theme: DEFAULT_THEME.to_owned(),
            name: name.into(),
            user_id,
            campaign_id: None,
            data: Document::default(),
            is_active: true,
        }
    }

    /// Every rule that it breaks on its own as a new character.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = self.check_fields();
        violations.append(self.parent.check(None));
        violations
    }

    /// The same, without the rule of `parent_id`, which depends on the stored character.
    #[must_use]
    pub fn check_fields(&self) -> Violations {
        self.clone().into_character(character_domain::now()).check()
    }

    /// The character without a parent.
    pub(crate) fn into_character(self, at: Timestamp) -> Character {
        Character {
            id: self.id.unwrap_or_else(CharacterId::new),
            parent_id: None,
            theme: self.theme,
            name: self.name,
            user_id: self.user_id,
            campaign_id: self.campaign_id,
            data: self.data,
            is_active: self.is_active,
            meta: Meta::created(at),
        }
    }
}
