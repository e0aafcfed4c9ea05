//! The predecessor that a writer states for a character.

use character_domain::{CharacterId, Violations};
use serde::Serialize;

/// The `parent_id` that a writer sends with a character. It opens the sheets of the parent to every reader of the
/// character, so only a change of theme sets it. A writer may send back the value that it has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum StatedParent {
    /// The writer states nothing, and the stored value stays.
    #[default]
    Unstated,
    /// The writer states this value, which must be the stored one.
    Stated(Option<CharacterId>),
}

impl StatedParent {
    /// A violation of `parent_id` unless this leaves the stored value as it is. A new character has none.
    pub(super) fn check(self, stored: Option<CharacterId>) -> Violations {
        match self {
            Self::Stated(stated) if stated != stored => {
                Violations::one("parent_id", "can only be set by a change of theme")
            }
            Self::Stated(_) | Self::Unstated => Violations::default(),
        }
    }
}
