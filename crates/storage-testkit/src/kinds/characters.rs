//! Characters and campaigns.

use super::{Filter, Place, Sample, by, document, store, verbs};
use crate::sample::at;
use character_domain::{Campaign, CampaignId, Character, CharacterId, Document, Timestamp, UserId};
use character_storage_port::CharacterQuery;

impl Sample for Character {
    store!();
    verbs!(elsewhere);

    fn full() -> Self {
        Self {
            parent_id: Some(CharacterId::new()),
            theme: "steampunk".to_owned(),
            campaign_id: Some(CampaignId::new()),
            data: document("sheet"),
            ..Self::new(UserId::new(), "Torormir", at(0))
        }
    }
    fn changed(&self) -> Self {
        Self {
            id: self.id,
            parent_id: Some(CharacterId::new()),
            theme: "dark_fantasy".to_owned(),
            name: "Alustriel".to_owned(),
            user_id: UserId::new(),
            campaign_id: Some(CampaignId::new()),
            data: document("another"),
            is_active: false,
            meta: self.meta,
        }
    }
    fn bare(&self) -> Self {
        Self { id: self.id, meta: self.meta, ..Self::new(self.user_id, "x", at(0)) }
    }
    fn faults() -> Vec<Place<Self, ()>> {
        vec![
            ("name", |row, ()| row.name = "\u{3000}".to_owned()),
            ("name", |row, ()| row.name = "x".repeat(256)),
            ("name", |row, ()| row.name = "\u{200b}\u{2060}".to_owned()),
            ("theme", |row, ()| row.theme = String::new()),
            ("theme", |row, ()| row.theme = "\u{3164}".to_owned()),
            ("parent_id", |row, ()| row.parent_id = Some(row.id)),
        ]
    }
    fn every_live() -> Self::Query {
        CharacterQuery::live()
    }
    fn filters() -> Vec<Filter<Self>> {
        vec![
            by!(user_id),
            by!(campaign_id),
            by!(parent_id),
            by!(theme),
            Filter {
                narrow: |query, row| query.name = Some(row.name.to_uppercase()),
                take: |row, other| row.name = other.name.clone(),
            },
            Filter { narrow: |query, _| query.active_only = true, take: |row, other| row.is_active = other.is_active },
        ]
    }
    fn documents() -> Vec<Place<Self, Document>> {
        vec![("data", |row, data| row.data = data)]
    }
    fn texts() -> Vec<Place<Self, String>> {
        vec![("name", |row, text| row.name = text), ("theme", |row, text| row.theme = text)]
    }
    fn times() -> Vec<Place<Self, Timestamp>> {
        Vec::new()
    }
}

impl Sample for Campaign {
    store!();
    verbs!(elsewhere);

    fn full() -> Self {
        Self {
            theme: "steampunk".to_owned(),
            dm_user_id: Some(UserId::new()),
            dm_name: Some("Ada".to_owned()),
            data: document("campaign"),
            ..Self::new("The Sunless Keep", at(0))
        }
    }
    fn changed(&self) -> Self {
        Self {
            id: self.id,
            name: "The Keep".to_owned(),
            theme: "dark_fantasy".to_owned(),
            dm_user_id: Some(UserId::new()),
            dm_name: Some("Grace".to_owned()),
            data: document("another"),
            meta: self.meta,
        }
    }
    fn bare(&self) -> Self {
        Self { id: self.id, meta: self.meta, ..Self::new("x", at(0)) }
    }
    fn faults() -> Vec<Place<Self, ()>> {
        vec![
            ("name", |row, ()| row.name = String::new()),
            ("name", |row, ()| row.name = "\u{feff}".to_owned()),
            ("theme", |row, ()| row.theme = "x".repeat(65)),
            ("dm_name", |row, ()| row.dm_name = Some("\n".to_owned() + "x")),
        ]
    }
    fn filters() -> Vec<Filter<Self>> {
        vec![
            Filter {
                narrow: |query, row| query.dm_user_id = row.dm_user_id,
                take: |row, other| row.dm_user_id = other.dm_user_id,
            },
            by!(theme),
        ]
    }
    fn documents() -> Vec<Place<Self, Document>> {
        vec![("data", |row, data| row.data = data)]
    }
    fn texts() -> Vec<Place<Self, String>> {
        vec![
            ("name", |row, text| row.name = text),
            ("theme", |row, text| row.theme = text),
            ("dm_name", |row, text| row.dm_name = Some(text)),
        ]
    }
    fn times() -> Vec<Place<Self, Timestamp>> {
        Vec::new()
    }
}
