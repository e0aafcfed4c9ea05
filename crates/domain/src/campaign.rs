//! Campaigns, what they do to characters, and what it did to the sheet.

mod impact;

pub use impact::{Effect, apply, revert};

use crate::{
    CampaignEventId, CampaignId, CharacterId, Document, EventImpactId, JournalEntryId, Meta, Timestamp, UserId,
    Violations, check,
};
use serde::{Deserialize, Serialize};

/// A campaign, as far as characters need to know of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// Identity; never changes.
    pub id: CampaignId,
    /// What it is called.
    pub name: String,
    /// The setting it is played in.
    pub theme: String,
    /// Who leads it.
    pub dm_user_id: Option<UserId>,
    /// What that one is called.
    pub dm_name: Option<String>,
    /// Everything else.
    pub data: Document,
    /// Revision and times.
    pub meta: Meta,
}

impl Campaign {
    /// A live campaign of the default theme.
    #[must_use]
    pub fn new(name: impl Into<String>, at: Timestamp) -> Self {
        Self {
            id: CampaignId::new(),
            name: name.into(),
            theme: crate::character::DEFAULT_THEME.to_owned(),
            dm_user_id: None,
            dm_name: None,
            data: Document::default(),
            meta: Meta::created(at),
        }
    }

    /// Every rule this campaign breaks by itself.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::short(&mut violations, "name", &self.name, check::MAX_NAME);
        check::short(&mut violations, "theme", &self.theme, MAX_THEME);
        check::maybe_short(&mut violations, "dm_name", self.dm_name.as_ref(), check::MAX_NAME);
        self.data.check("data", &mut violations);
        violations
    }
}

/// What an event changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImpactType {
    /// `hit_points.current` of the sheet, which stays from 0 to `hit_points.maximum`.
    HitPoints,
    /// Experience, and with it perhaps the level.
    Experience,
    /// One of `ability_scores` of the sheet, named by `ability` of the event's data, which stays from 1 to 30.
    AbilityScore,
    /// Nothing on the sheet: it is recorded, no more.
    Other,
}

/// Longest theme of a campaign, in Unicode scalar values.
pub const MAX_THEME: usize = check::MAX_WORD;

/// The strongest impact, up or down.
pub const MAX_MAGNITUDE: i64 = 1_000_000_000;

/// Something that a campaign does to a character, once it is applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignEvent {
    /// Identity; never changes.
    pub id: CampaignEventId,
    /// To whom.
    pub character_id: CharacterId,
    /// The journal entry that tells of it.
    pub journal_entry_id: Option<JournalEntryId>,
    /// `combat`, `training`, `death`, ….
    pub event_type: String,
    /// The particulars: `ability`, `damage_type`, `reason`, ….
    pub event_data: Document,
    /// What it changes.
    pub impact_type: ImpactType,
    /// By how much, up or down.
    pub impact_magnitude: i64,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Whether it has its effect on the sheet.
    pub applied: bool,
    /// Since when.
    pub applied_at: Option<Timestamp>,
    /// Everything else.
    pub data: Document,
    /// Revision and times.
    pub meta: Meta,
}

impl CampaignEvent {
    /// A live event that is not applied.
    #[must_use]
    pub fn new(character: CharacterId, impact_type: ImpactType, impact_magnitude: i64, at: Timestamp) -> Self {
        Self {
            id: CampaignEventId::new(),
            character_id: character,
            journal_entry_id: None,
            event_type: "campaign_event".to_owned(),
            event_data: Document::default(),
            impact_type,
            impact_magnitude,
            timestamp: at,
            applied: false,
            applied_at: None,
            data: Document::default(),
            meta: Meta::created(at),
        }
    }

    /// Every rule this event breaks by itself.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::short(&mut violations, "event_type", &self.event_type, check::MAX_WORD);
        self.event_data.check("event_data", &mut violations);
        if self.impact_magnitude.unsigned_abs() > MAX_MAGNITUDE.unsigned_abs() {
            violations.push("impact_magnitude", format!("must be from -{MAX_MAGNITUDE} to {MAX_MAGNITUDE}"));
        }
        if self.impact_type == ImpactType::AbilityScore {
            match self.event_data.0.get("ability").and_then(serde_json::Value::as_str) {
                Some(ability) => check::short(&mut violations, "event_data.ability", ability, check::MAX_WORD),
                None => violations.push("event_data.ability", "must name the ability"),
            }
        }
        self.data.check("data", &mut violations);
        violations
    }
}

/// What an event did to a sheet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventImpact {
    /// Identity; never changes.
    pub id: EventImpactId,
    /// Which event.
    pub event_id: CampaignEventId,
    /// To whose sheet.
    pub character_id: CharacterId,
    /// What it changed.
    pub impact_type: ImpactType,
    /// By how much it was to change it: `amount`, or `ability` and `adjustment`.
    pub impact_data: Document,
    /// Whether it took place.
    pub applied: bool,
    /// When.
    pub applied_at: Option<Timestamp>,
    /// The part of the sheet it changed, as that was before.
    pub reversion_data: Document,
    /// Whether it was undone.
    pub is_reverted: bool,
    /// When.
    pub reverted_at: Option<Timestamp>,
    /// What somebody wrote down about it.
    pub notes: Option<String>,
    /// Everything else.
    pub data: Document,
    /// Revision and times.
    pub meta: Meta,
}

impl EventImpact {
    /// The impact of `event`, which takes place at `at`.
    #[must_use]
    pub fn of(event: &CampaignEvent, effect: &Effect, at: Timestamp) -> Self {
        Self {
            id: EventImpactId::new(),
            event_id: event.id,
            character_id: event.character_id,
            impact_type: event.impact_type,
            impact_data: effect.impact_data.clone(),
            applied: true,
            applied_at: Some(at),
            reversion_data: effect.reversion_data.clone(),
            is_reverted: false,
            reverted_at: None,
            notes: None,
            data: Document::default(),
            meta: Meta::created(at),
        }
    }

    /// Every rule this impact breaks by itself.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        self.impact_data.check("impact_data", &mut violations);
        self.reversion_data.check("reversion_data", &mut violations);
        check::maybe_text(&mut violations, "notes", self.notes.as_ref());
        self.data.check("data", &mut violations);
        violations
    }
}
