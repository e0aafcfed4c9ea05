//! The table of characters.

use crate::{
    table::{Filter, Table},
    value::{Column, ColumnType, Row, Unreadable, Value},
};
use character_domain::{CampaignId, Character, CharacterId, Meta, UserId, json};
use character_storage_port::CharacterQuery;
use uuid::Uuid;

impl Table for Character {
    const COLUMNS: &'static [Column] = &[
        Column::new("parent_id", ColumnType::Uuid),
        Column::new("theme", ColumnType::Text),
        Column::new("name", ColumnType::Text),
        Column::new("user_id", ColumnType::Uuid),
        Column::new("campaign_id", ColumnType::Uuid),
        Column::new("data", ColumnType::Text),
        Column::new("is_active", ColumnType::Bool),
    ];

    fn values(&self) -> Result<Vec<Value>, Unreadable> {
        Ok(vec![
            Value::or_null(self.parent_id.map(|id| id.0.into())),
            Value::Text(self.theme.clone()),
            Value::Text(self.name.clone()),
            self.user_id.0.into(),
            Value::or_null(self.campaign_id.map(|id| id.0.into())),
            Value::Text(serde_json::to_string(&self.data).map_err(|error| Unreadable(error.to_string()))?),
            Value::Bool(self.is_active),
        ])
    }

    fn read(id: Uuid, meta: Meta, row: &mut Row) -> Result<Self, Unreadable> {
        Ok(Self {
            id: CharacterId(id),
            parent_id: row.read::<Option<Uuid>>()?.map(CharacterId),
            theme: row.read()?,
            name: row.read()?,
            user_id: UserId(row.read()?),
            campaign_id: row.read::<Option<Uuid>>()?.map(CampaignId),
            data: json::parse(row.read::<String>()?.as_bytes())
                .map_err(|error| Unreadable(format!("the column data: {error}")))?,
            is_active: row.read()?,
            meta,
        })
    }

    fn narrow(query: &CharacterQuery, filter: &mut Filter) {
        if let Some(id) = query.user_id {
            filter.equals("user_id", id.0.into());
        }
        if let Some(id) = query.campaign_id {
            filter.equals("campaign_id", id.0.into());
        }
        if let Some(theme) = &query.theme {
            filter.equals("theme", Value::Text(theme.clone()));
        }
        if query.active_only {
            filter.holds("is_active");
        }
        if !query.include_deleted {
            filter.holds("deleted_at IS NULL");
        }
    }
}
