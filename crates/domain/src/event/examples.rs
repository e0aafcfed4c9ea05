//! Examples of the data of each event type, one for each of its forms.

use super::*;
use crate::{
    CampaignEventId, CampaignId, CharacterVersionId, Document, EventImpactId, ImpactType, InventoryItemId, UserId,
    inventory::Purse,
};
use serde_json::Map;

/// An id that is the same in each run.
fn id<T: From<Uuid>>(number: u8) -> T {
    T::from(Uuid::from_u128(0x0193_6d2a_8f00_7000_8000_0000_0000_0000 + u128::from(number)))
}

fn hero() -> CharacterId {
    id(1)
}

fn summary() -> CharacterSummary {
    CharacterSummary {
        character_id: hero(),
        user_id: id::<UserId>(2),
        campaign_id: Some(id::<CampaignId>(3)),
        name: "Torormir".to_owned(),
        theme: "traditional".to_owned(),
        is_active: true,
    }
}

fn row(kind: &'static str, change: RowOperation) -> RowChanged {
    RowChanged { character_id: hero(), kind: kind.into(), id: id(4), change }
}

fn coins(gold: i64) -> Purse {
    Purse([("gp".to_owned(), gold)].into())
}

fn membership() -> CampaignMembership {
    CampaignMembership { character_id: hero(), campaign_id: id(3) }
}

/// The effect as an act on the event reports it, and as the restore of a version does.
fn effects() -> [EffectChanged; 2] {
    let acted = EffectChanged {
        character_id: hero(),
        event_id: id::<CampaignEventId>(5),
        impact_type: ImpactType::HitPoints,
        impact_id: Some(id::<EventImpactId>(6)),
        impact_magnitude: Some(-7),
        restored: false,
    };
    [acted, EffectChanged { impact_id: None, impact_magnitude: None, restored: true, ..acted }]
}

fn existences() -> [CharacterExistence; 2] {
    let reference = CharacterReference { character_id: hero() };
    [CharacterExistence::Summary(summary()), CharacterExistence::Reference(reference)]
}

fn updates() -> Vec<CharacterUpdated> {
    let whole = CharacterUpdated { character: summary(), changed: None, restored_from: None };
    vec![
        CharacterUpdated { changed: Some(vec!["name".into(), "data".into()]), ..whole.clone() },
        whole.clone(),
        CharacterUpdated { restored_from: Some(id::<CharacterVersionId>(7)), ..whole },
    ]
}

fn inventory_changes() -> Vec<InventoryChanged> {
    let items = vec![id::<InventoryItemId>(8)];
    let other_character_id = id(9);
    vec![
        InventoryChanged::Items(ItemsChanged {
            character_id: hero(),
            kind: ItemKind::InventoryItem,
            ids: items.clone(),
            change: ItemOperation::Equipped,
        }),
        InventoryChanged::Coins(CoinsChanged {
            character_id: hero(),
            kind: CurrencyKind::Currency,
            change: coins(-15),
        }),
        InventoryChanged::ItemsTransferred(ItemsTransferred {
            character_id: hero(),
            change: TransferDirection::Given,
            other_character_id,
            kind: ItemKind::InventoryItem,
            ids: items,
        }),
        InventoryChanged::CoinsTransferred(CoinsTransferred {
            character_id: hero(),
            change: TransferDirection::Received,
            other_character_id,
            kind: CurrencyKind::Currency,
            coins: coins(15),
        }),
        InventoryChanged::Row(row("inventory_item", RowOperation::Create)),
    ]
}

fn progress_updates() -> Vec<ProgressUpdated> {
    let attained = |kind, title: &str| {
        ProgressUpdated::Attainment(AttainmentRecorded {
            character_id: hero(),
            kind,
            id: id(10),
            title: title.to_owned(),
        })
    };
    vec![
        attained(AttainmentKind::Milestone, "Crossed the Anauroch"),
        attained(AttainmentKind::Achievement, "Slayer of the wyvern"),
        ProgressUpdated::Experience(ExperienceChanged {
            character_id: hero(),
            kind: ExperienceKind::Experience,
            amount: -300,
            experience_points: 2_700,
            level: 4,
        }),
        ProgressUpdated::Row(row("character_progress", RowOperation::Create)),
    ]
}

impl EventType {
    /// Examples of the data of this type, one for each of its forms; the most usual one is the first.
    #[must_use]
    pub fn examples(self) -> Vec<EventData> {
        match self {
            Self::CharacterCreated => vec![EventData::CharacterCreated(summary())],
            Self::CharacterUpdated => updates().into_iter().map(EventData::CharacterUpdated).collect(),
            Self::CharacterDeleted => existences().map(EventData::CharacterDeleted).into(),
            Self::CharacterRestored => existences().map(EventData::CharacterRestored).into(),
            Self::CharacterLeveledUp => vec![EventData::CharacterLeveledUp(LeveledUp {
                character_id: hero(),
                level_before: 3,
                level: 5,
                proficiency_bonus: 3,
                ability_score_improvements: vec![4],
            })],
            Self::CharacterExperienceGained => vec![EventData::CharacterExperienceGained(ExperienceGained {
                character_id: hero(),
                amount: 4_600,
                experience_points: 6_600,
                level: 5,
            })],
            Self::CharacterProgressUpdated => {
                progress_updates().into_iter().map(EventData::CharacterProgressUpdated).collect()
            }
            Self::CharacterInventoryChanged => {
                inventory_changes().into_iter().map(EventData::CharacterInventoryChanged).collect()
            }
            Self::CharacterJournalUpdated => {
                vec![EventData::CharacterJournalUpdated(row("journal_entry", RowOperation::Replace))]
            }
            Self::CharacterCampaignEventChanged => {
                vec![EventData::CharacterCampaignEventChanged(row("campaign_event", RowOperation::Delete))]
            }
            Self::CharacterVersionRecorded => {
                vec![EventData::CharacterVersionRecorded(row("character_version", RowOperation::Restore))]
            }
            Self::CharacterCampaignJoined => vec![EventData::CharacterCampaignJoined(membership())],
            Self::CharacterCampaignLeft => vec![EventData::CharacterCampaignLeft(membership())],
            Self::CharacterEventApplied => effects().map(EventData::CharacterEventApplied).into(),
            Self::CharacterEventReverted => effects().map(EventData::CharacterEventReverted).into(),
            Self::CharacterThemeChanged => vec![EventData::CharacterThemeChanged(ThemeChanged {
                character_id: hero(),
                new_character_id: id(11),
                old_theme: "traditional".to_owned(),
                new_theme: "steampunk".to_owned(),
                chapter_id: None,
                items: 12,
            })],
        }
    }
}

impl ReceivedType {
    /// Examples of the data of this type, one for each of its forms; the most usual one is the first.
    #[must_use]
    pub fn examples(self) -> Vec<ReceivedData> {
        let campaign_id = id(3);
        match self {
            Self::CampaignRenamed => vec![ReceivedData::CampaignRenamed(CampaignRenamed {
                campaign_id,
                name: "Lost Mine of Phandelver".to_owned(),
            })],
            Self::CampaignGameMasterChanged => {
                let removed = CampaignGameMasterChanged { campaign_id, dm_user_id: None, dm_name: None };
                let changed = CampaignGameMasterChanged {
                    dm_user_id: Some(id(2)),
                    dm_name: Some("Grace".to_owned()),
                    ..removed.clone()
                };
                [changed, removed].map(ReceivedData::CampaignGameMasterChanged).into()
            }
            Self::CampaignEvent => {
                let everyone = CampaignEventReported {
                    campaign_id,
                    character_ids: None,
                    event_type: "combat".to_owned(),
                    event_data: Document::from(Map::from_iter([("damage_type".to_owned(), "fire".into())])),
                    impact_type: ImpactType::HitPoints,
                    impact_magnitude: -7,
                    timestamp: None,
                };
                let one = CampaignEventReported { character_ids: Some(vec![hero()]), ..everyone.clone() };
                vec![ReceivedData::CampaignEvent(everyone), ReceivedData::CampaignEvent(one)]
            }
        }
    }
}
