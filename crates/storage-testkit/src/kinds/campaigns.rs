//! Events of a campaign and their impacts.

use super::{Filter, Place, Sample, by, document, store, verbs};
use crate::sample::at;
use character_domain::{
    CampaignEvent, CampaignEventId, CharacterId, Document, EventImpact, EventImpactId, ImpactType, JournalEntryId,
    Meta, Timestamp, campaign::MAX_MAGNITUDE,
};

impl Sample for CampaignEvent {
    store!();
    verbs!(of every change);

    fn full() -> Self {
        Self {
            journal_entry_id: Some(JournalEntryId::new()),
            event_type: "combat".to_owned(),
            event_data: document("particulars"),
            timestamp: at(11),
            applied: true,
            applied_at: Some(at(12)),
            data: document("event"),
            ..Self::new(CharacterId::new(), ImpactType::HitPoints, -12, at(0))
        }
    }
    fn changed(&self) -> Self {
        Self {
            id: self.id,
            character_id: CharacterId::new(),
            journal_entry_id: Some(JournalEntryId::new()),
            event_type: "training".to_owned(),
            event_data: document("other particulars"),
            impact_type: ImpactType::Experience,
            impact_magnitude: 300,
            timestamp: at(-11),
            applied: false,
            applied_at: Some(at(-12)),
            data: document("another"),
            meta: self.meta,
        }
    }
    fn bare(&self) -> Self {
        Self { id: self.id, meta: self.meta, ..Self::new(self.character_id, ImpactType::Other, 0, at(0)) }
    }
    fn faults() -> Vec<Place<Self, ()>> {
        vec![
            ("event_type", |row, ()| row.event_type = String::new()),
            ("impact_magnitude", |row, ()| row.impact_magnitude = MAX_MAGNITUDE + 1),
            ("impact_magnitude", |row, ()| row.impact_magnitude = i64::MIN),
            ("event_data.ability", |row, ()| row.impact_type = ImpactType::AbilityScore),
        ]
    }
    fn filters() -> Vec<Filter<Self>> {
        vec![
            by!(character_id),
            Filter { narrow: |query, _| query.applied_only = true, take: |row, other| row.applied = other.applied },
        ]
    }
    fn documents() -> Vec<Place<Self, Document>> {
        vec![("event_data", |row, data| row.event_data = data), ("data", |row, data| row.data = data)]
    }
    fn texts() -> Vec<Place<Self, String>> {
        vec![("event_type", |row, text| row.event_type = text)]
    }
    fn times() -> Vec<Place<Self, Timestamp>> {
        vec![("timestamp", |row, time| row.timestamp = time), ("applied_at", |row, time| row.applied_at = Some(time))]
    }
}

impl Sample for EventImpact {
    store!();
    verbs!(of every change);

    fn full() -> Self {
        Self {
            id: EventImpactId::new(),
            event_id: CampaignEventId::new(),
            character_id: CharacterId::new(),
            impact_type: ImpactType::HitPoints,
            impact_data: document("amount"),
            applied: true,
            applied_at: Some(at(11)),
            reversion_data: document("before"),
            is_reverted: false,
            reverted_at: Some(at(12)),
            notes: Some("Ouch.\n".to_owned()),
            data: document("impact"),
            meta: Meta::created(at(0)),
        }
    }
    fn changed(&self) -> Self {
        Self {
            id: self.id,
            event_id: CampaignEventId::new(),
            character_id: CharacterId::new(),
            impact_type: ImpactType::AbilityScore,
            impact_data: document("ability"),
            applied: false,
            applied_at: Some(at(-11)),
            reversion_data: Document::default(),
            is_reverted: true,
            reverted_at: Some(at(-12)),
            notes: Some(String::new()),
            data: document("another"),
            meta: self.meta,
        }
    }
    fn bare(&self) -> Self {
        Self {
            impact_data: Document::default(),
            applied: false,
            applied_at: None,
            reversion_data: Document::default(),
            is_reverted: false,
            reverted_at: None,
            notes: None,
            data: Document::default(),
            ..self.clone()
        }
    }
    fn faults() -> Vec<Place<Self, ()>> {
        vec![
            ("notes", |row, ()| row.notes = Some("\0".to_owned())),
            ("impact_data", |row, ()| row.impact_data = document("\0")),
            ("reversion_data", |row, ()| row.reversion_data = document("\0")),
        ]
    }
    fn filters() -> Vec<Filter<Self>> {
        vec![
            by!(character_id),
            by!(event_id),
            Filter { narrow: |query, _| query.applied_only = true, take: |row, other| row.applied = other.applied },
            Filter {
                narrow: |query, _| query.reverted_only = true,
                take: |row, other| row.is_reverted = other.is_reverted,
            },
        ]
    }
    fn documents() -> Vec<Place<Self, Document>> {
        vec![
            ("impact_data", |row, data| row.impact_data = data),
            ("reversion_data", |row, data| row.reversion_data = data),
            ("data", |row, data| row.data = data),
        ]
    }
    fn texts() -> Vec<Place<Self, String>> {
        vec![("notes", |row, text| row.notes = Some(text))]
    }
    fn times() -> Vec<Place<Self, Timestamp>> {
        vec![
            ("applied_at", |row, time| row.applied_at = Some(time)),
            ("reverted_at", |row, time| row.reverted_at = Some(time)),
        ]
    }
}
