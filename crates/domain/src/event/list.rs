//! The list of event types. The constants, the types and the enums of data follow from it.

use super::{
    CampaignEventReported, CampaignGameMasterChanged, CampaignMembership, CampaignRenamed, CharacterExistence,
    CharacterSummary, CharacterUpdated, EffectChanged, ExperienceGained, InventoryChanged, LeveledUp, ProgressUpdated,
    RowChanged, ThemeChanged,
};
use serde::Serialize;

/// Defines event types: for each one its constant, its text, and its data.
macro_rules! event_types {
    (
        $(#[$type_doc:meta])* $type:ident,
        $(#[$data_doc:meta])* $data:ident:
        $($(#[doc = $doc:literal])+ $constant:ident = $text:literal, $variant:ident($struct:ty);)+
    ) => {
        $($(#[doc = $doc])+ pub const $constant: &str = $text;)+

        $(#[$type_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $type {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// CloudEvents `type`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $constant,)+
                }
            }

            /// The type with this text; `None` when there is none.
            #[must_use]
            pub fn of(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// A sentence that says what happened.
            #[must_use]
            pub fn summary(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+).trim_ascii(),)+
                }
            }

            /// The schema of the data.
            #[cfg(feature = "schema")]
            #[must_use]
            pub fn schema(self) -> super::DataSchema {
                match self {
                    $(Self::$variant => super::DataSchema::of::<$struct>(),)+
                }
            }
        }

        $(#[$data_doc])*
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum $data {
            $($(#[doc = $doc])+ $variant($struct),)+
        }

        impl $data {
            /// The type of the event.
            #[must_use]
            pub const fn event_type(&self) -> $type {
                match self {
                    $(Self::$variant(_) => $type::$variant,)+
                }
            }
        }
    };
}

event_types! {
    /// The type of an event that this service publishes.
    EventType,
    /// The data of an event that this service publishes.
    EventData:
    /// A character was created.
    CHARACTER_CREATED = "character.created", CharacterCreated(CharacterSummary);
    /// A character changed.
    CHARACTER_UPDATED = "character.updated", CharacterUpdated(CharacterUpdated);
    /// A character was soft-deleted.
    CHARACTER_DELETED = "character.deleted", CharacterDeleted(CharacterExistence);
    /// A soft-deleted character was restored.
    CHARACTER_RESTORED = "character.restored", CharacterRestored(CharacterExistence);
    /// A character reached a level.
    CHARACTER_LEVELED_UP = "character.leveled_up", CharacterLeveledUp(LeveledUp);
    /// A character gained experience.
    CHARACTER_EXPERIENCE_GAINED = "character.experience_gained", CharacterExperienceGained(ExperienceGained);
    /// The progress of a character changed: a milestone, an achievement, or a loss of experience.
    CHARACTER_PROGRESS_UPDATED = "character.progress_updated", CharacterProgressUpdated(ProgressUpdated);
    /// The inventory of a character changed: its items or its coins.
    CHARACTER_INVENTORY_CHANGED = "character.inventory_changed", CharacterInventoryChanged(InventoryChanged);
    /// The journal of a character changed.
    CHARACTER_JOURNAL_UPDATED = "character.journal_updated", CharacterJournalUpdated(RowChanged);
    /// An event of a campaign for a character, or the record of its effect, changed.
    CHARACTER_CAMPAIGN_EVENT_CHANGED = "character.campaign_event_changed", CharacterCampaignEventChanged(RowChanged);
    /// A version of a character was recorded or labelled.
    CHARACTER_VERSION_RECORDED = "character.version_recorded", CharacterVersionRecorded(RowChanged);
    /// A character joined a campaign.
    CHARACTER_CAMPAIGN_JOINED = "character.campaign_joined", CharacterCampaignJoined(CampaignMembership);
    /// A character left a campaign.
    CHARACTER_CAMPAIGN_LEFT = "character.campaign_left", CharacterCampaignLeft(CampaignMembership);
    /// An event of a campaign was applied to a character.
    CHARACTER_EVENT_APPLIED = "character.event_applied", CharacterEventApplied(EffectChanged);
    /// The effect of an event of a campaign was reverted.
    CHARACTER_EVENT_REVERTED = "character.event_reverted", CharacterEventReverted(EffectChanged);
    /// A character continued in another theme, as a new character.
    CHARACTER_THEME_CHANGED = "character.theme_changed", CharacterThemeChanged(ThemeChanged);
}

event_types! {
    /// The type of an event that this service receives.
    ReceivedType,
    /// The data of an event that this service receives.
    ReceivedData:
    /// A campaign has another name.
    CAMPAIGN_RENAMED = "campaign.renamed", CampaignRenamed(CampaignRenamed);
    /// Another user leads a campaign.
    CAMPAIGN_GAME_MASTER_CHANGED = "campaign.game_master_changed", CampaignGameMasterChanged(CampaignGameMasterChanged);
    /// Something happened in a campaign that affects its characters.
    CAMPAIGN_EVENT = "campaign.event", CampaignEvent(CampaignEventReported);
}
