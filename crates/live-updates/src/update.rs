//! One update, as a commit of the log implies it.

use character_domain::{CampaignId, CharacterId, Revision, Timestamp};
use character_storage_port::{DomainEvent, EntityKind, LoggedCommit, RowChange, Scope};
use serde::Serialize;
use std::borrow::Cow;
use uuid::Uuid;

/// The type of an update of a character that no domain event reports, such as an import.
pub const CHARACTER_CHANGED: &str = "character.changed";
/// The type of an update of a campaign itself.
pub const CAMPAIGN_CHANGED: &str = "campaign.changed";

/// Something changed: which character or campaign, and what. It holds no contents; read the row to get them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveUpdate {
    /// Identifies the update. An update that is delivered twice has the same id.
    pub id: Uuid,
    /// The type of the domain event, such as `character.updated`; or [`CHARACTER_CHANGED`] or [`CAMPAIGN_CHANGED`].
    #[serde(rename = "type")]
    pub update_type: Cow<'static, str>,
    /// When it was committed, UTC.
    pub time: Timestamp,
    /// The character; `None` for an update of a campaign itself.
    pub character: Option<CharacterId>,
    /// The campaigns of the character before and after the change, or the campaign itself. The campaign of the character when the
    /// update was read, when the commit did not write its row.
    pub campaigns: Vec<CampaignId>,
    /// The revision of the character or the campaign after the change. `None` when the commit did not write its row.
    pub revision: Option<Revision>,
    /// The names of the fields of the character or the campaign that the commit changed. Empty when it changed none of them,
    /// such as a creation, a deletion or a change of other rows, and when a release that does not record them made the commit.
    pub changed: Vec<String>,
}

impl LiveUpdate {
    /// The character, when the commit did not write its row.
    pub(crate) fn of_character_alone(&self) -> Option<CharacterId> {
        self.character.filter(|_| self.revision.is_none())
    }
}

/// The updates that a commit implies. `None`: the log does not know which rows it wrote, so anything may have changed.
pub(crate) fn updates(commit: &LoggedCommit) -> Option<Vec<LiveUpdate>> {
    let rows = commit.rows.as_deref()?;
    let mut updates: Vec<_> = commit.events.iter().map(|event| of_event(commit, rows, event)).collect();
    for row in rows {
        match row.kind {
            EntityKind::Character if commit.events.iter().all(|event| Uuid::from(event.subject) != row.id) => {
                updates.push(LiveUpdate { character: Some(row.id.into()), ..of_row(commit, row, CHARACTER_CHANGED) });
            }
            EntityKind::Campaign => {
                updates.push(LiveUpdate { campaigns: vec![row.id.into()], ..of_row(commit, row, CAMPAIGN_CHANGED) });
            }
            _ => {}
        }
    }
    Some(updates)
}

fn of_event(commit: &LoggedCommit, rows: &[RowChange], event: &DomainEvent) -> LiveUpdate {
    let id = Uuid::from(event.subject);
    let row = rows.iter().find(|row| row.kind == EntityKind::Character && row.id == id);
    let named = event.data.get("changed").and_then(|changed| changed.as_array());
    let named: Vec<_> = named.into_iter().flatten().filter_map(|field| field.as_str().map(str::to_owned)).collect();
    // The event of a replacement names no fields, and neither does a row that an older release wrote.
    let changed = if named.is_empty() { row.map(changed_fields).unwrap_or_default() } else { named };
    LiveUpdate {
        id: event.id.0,
        update_type: event.event_type.clone(),
        time: commit.committed_at,
        character: Some(event.subject),
        campaigns: row.map(campaigns).unwrap_or_default(),
        revision: row.map(|row| row.revision),
        changed,
    }
}

fn of_row(commit: &LoggedCommit, row: &RowChange, update_type: &'static str) -> LiveUpdate {
    LiveUpdate {
        id: Uuid::new_v5(&commit.transaction.0, row.id.as_bytes()),
        update_type: update_type.into(),
        time: commit.committed_at,
        character: None,
        campaigns: campaigns(row),
        revision: Some(row.revision),
        changed: changed_fields(row),
    }
}

fn changed_fields(row: &RowChange) -> Vec<String> {
    row.changed.iter().map(|field| field.to_string()).collect()
}

/// The campaigns that the row belongs to, before and after.
fn campaigns(row: &RowChange) -> Vec<CampaignId> {
    let of_campaign = |scope| match scope {
        Scope::Owner("campaign_id", id) => Some(CampaignId::from(id)),
        _ => None,
    };
    row.owners().filter_map(of_campaign).collect()
}
