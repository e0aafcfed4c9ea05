//! Identifiers. Each is a UUID in a type of its own, so that one cannot be passed for another.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identifier: UUID version 7 (RFC 9562), so that ids made later sort later.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "a default value that differs at every call would surprise")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(s).map(Self)
            }
        }
        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id!(
    /// A character.
    CharacterId
);
id!(
    /// The user who plays a character.
    UserId
);
id!(
    /// A campaign that characters take part in.
    CampaignId
);
id!(
    /// A piece of inventory.
    InventoryItemId
);
id!(
    /// An entry of a journal.
    JournalEntryId
);
id!(
    /// An experience entry under a journal entry.
    ExperienceEntryId
);
id!(
    /// A quest.
    QuestId
);
id!(
    /// A relationship of a character to a non-player character.
    NpcRelationshipId
);
id!(
    /// An event of a campaign.
    CampaignEventId
);
id!(
    /// An impact of an event.
    EventImpactId
);
id!(
    /// The progress of a character.
    CharacterProgressId
);
id!(
    /// A version of a character.
    CharacterVersionId
);

impl CharacterProgressId {
    /// The progress that this service makes for a character: UUID version 5, so that there cannot be two.
    #[must_use]
    pub fn of(character: CharacterId) -> Self {
        Self(Uuid::new_v5(&character.0, b"progress"))
    }
}

impl CharacterVersionId {
    /// The version that a character had at this revision: UUID version 5, so that there cannot be two.
    #[must_use]
    pub fn of(character: CharacterId, revision: crate::Revision) -> Self {
        Self(Uuid::new_v5(&character.0, &revision.0.to_be_bytes()))
    }
}
