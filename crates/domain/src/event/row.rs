//! Data of events about one row that belongs to a character.

use crate::CharacterId;
use serde::Serialize;
use std::borrow::Cow;
use uuid::Uuid;

/// How a row changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RowOperation {
    /// A new row was stored.
    Create,
    /// A live row has another state.
    Replace,
    /// A live row was soft-deleted.
    Delete,
    /// A soft-deleted row was restored.
    Restore,
}

/// One row of a character changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RowChanged {
    /// The character that the row belongs to.
    pub character_id: CharacterId,
    /// The kind of row, such as `journal_entry`, `quest` or `campaign_event`.
    pub kind: Cow<'static, str>,
    /// The id of the row.
    pub id: Uuid,
    /// How the row changed.
    pub change: RowOperation,
}
