//! Campaigns, their events, and the impacts of events on sheets.

mod impact;
mod new;

pub use impact::{Effect, apply, revert};
pub use new::{NewCampaign, NewCampaignEvent};

use crate::{
    CampaignEventId, CampaignId, CharacterId, Document, EventImpactId, JournalEntryId, Meta, Timestamp, UserId,
    Violations, check,
};
use serde::{Deserialize, Serialize};

/// A campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Campaign {
    /// The unique id; never changes.
    pub id: CampaignId,
    /// The name of the campaign.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255))]
    pub name: String,
    /// The theme: the setting that the campaign is played in.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub theme: String,
    /// The user who leads it.
    pub dm_user_id: Option<UserId>,
    /// The name of the user who leads it.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255))]
    pub dm_name: Option<String>,
    /// Any other data, as a JSON object.
    pub data: Document,
    /// The revision, and when it was created, changed and deleted.
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

    /// Every rule that this campaign breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::short(&mut violations, "name", &self.name, MAX_NAME);
        check::short(&mut violations, "theme", &self.theme, MAX_THEME);
        check::maybe_short(&mut violations, "dm_name", self.dm_name.as_ref(), MAX_NAME);
        self.data.check("data", &mut violations);
        violations
    }
}

/// What an event changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImpactType {
    /// `hit_points.current` of the sheet, which stays from 0 to `hit_points.maximum`.
    HitPoints,
    /// Experience, which may change the level.
    Experience,
    /// One of `ability_scores` of the sheet, named by `ability` of the event's data, which stays from 1 to 30.
    AbilityScore,
    /// Nothing on the sheet; the event is only recorded.
    Other,
}

/// Longest name of a campaign and of the user who leads it, in Unicode scalar values.
pub const MAX_NAME: usize = check::MAX_NAME;

/// Longest type of an event and longest name of an ability, in Unicode scalar values.
pub const MAX_EVENT_TYPE: usize = check::MAX_WORD;

/// Longest theme of a campaign, in Unicode scalar values.
pub const MAX_THEME: usize = check::MAX_WORD;

/// Maximum amount of an impact, in either direction.
pub const MAX_MAGNITUDE: i64 = 1_000_000_000;

/// An event of a campaign. It affects the character when it is applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CampaignEvent {
    /// The unique id; never changes.
    pub id: CampaignEventId,
    /// The id of the character that it affects.
    pub character_id: CharacterId,
    /// The id of the journal entry about the event.
    pub journal_entry_id: Option<JournalEntryId>,
    /// The type in free text, such as `combat`, `training` or `death`.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub event_type: String,
    /// Details, such as `ability`, `damage_type` or `reason`.
    pub event_data: Document,
    /// What it changes: `hit_points` (a loss ends at 0, a gain at the maximum), `experience` (and with it the level),
    /// `ability_score` (a loss ends at 1, a gain at 30), `other` (nothing: it is recorded). A number that is already
    /// outside these bounds is not moved into them.
    pub impact_type: ImpactType,
    /// The amount of the change; negative for a loss.
    #[cfg_attr(feature = "schema", schema(minimum = -1_000_000_000, maximum = 1_000_000_000))]
    pub impact_magnitude: i64,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Whether its effect is on the sheet now.
    pub applied: bool,
    /// When it was applied; `null` while it is not.
    pub applied_at: Option<Timestamp>,
    /// Any other data, as a JSON object.
    pub data: Document,
    /// The revision, and when it was created, changed and deleted.
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

    /// Every rule that this event breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = check_event(&self.event_type, &self.event_data, self.impact_type, self.impact_magnitude);
        self.data.check("data", &mut violations);
        violations
    }
}

/// Every rule that what happened breaks, whatever characters it affects.
pub(crate) fn check_event(
    event_type: &str,
    event_data: &Document,
    impact_type: ImpactType,
    impact_magnitude: i64,
) -> Violations {
    let mut violations = Violations::default();
    check::short(&mut violations, "event_type", event_type, MAX_EVENT_TYPE);
    event_data.check("event_data", &mut violations);
    if impact_magnitude.unsigned_abs() > MAX_MAGNITUDE.unsigned_abs() {
        violations.push("impact_magnitude", format!("must be from -{MAX_MAGNITUDE} to {MAX_MAGNITUDE}"));
    }
    if impact_type == ImpactType::AbilityScore {
        match event_data.0.get("ability").and_then(serde_json::Value::as_str) {
            Some(ability) => check::short(&mut violations, "event_data.ability", ability, MAX_EVENT_TYPE),
            None => violations.push("event_data.ability", "must name the ability"),
        }
    }
    violations
}

/// An impact: the change that an event made to a sheet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct EventImpact {
    /// The unique id; never changes.
    pub id: EventImpactId,
    /// The id of the event.
    pub event_id: CampaignEventId,
    /// The id of the character whose sheet it changed.
    pub character_id: CharacterId,
    /// What it changed: `hit_points`, `experience`, `ability_score`, `other`.
    pub impact_type: ImpactType,
    /// The size of the change: `amount`, or `ability` and `adjustment`.
    pub impact_data: Document,
    /// Whether it was applied.
    pub applied: bool,
    /// When it was applied; `null` when it never was.
    pub applied_at: Option<Timestamp>,
    /// The part of the sheet that it changed, as it was before.
    pub reversion_data: Document,
    /// Whether it was reverted.
    pub is_reverted: bool,
    /// When it was reverted; `null` while it is not.
    pub reverted_at: Option<Timestamp>,
    /// Notes in free text.
    pub notes: Option<String>,
    /// Any other data, as a JSON object.
    pub data: Document,
    /// The revision, and when it was created, changed and deleted.
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

    /// Every rule that this impact breaks on its own.
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
