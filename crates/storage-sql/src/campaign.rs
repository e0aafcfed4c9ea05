//! The tables of campaigns, their events and what those did.

use crate::table::table;
use character_domain::{Campaign, CampaignEvent, EventImpact};

table!(Campaign: name, theme, dm_user_id, dm_name, data; |query, filter| {
    filter.equals("dm_user_id", query.dm_user_id.as_ref())?;
    filter.equals("theme", query.theme.as_ref())?;
    filter.only_if(!query.include_deleted, "deleted_at IS NULL");
});

table!(
    CampaignEvent: character_id, journal_entry_id, event_type, event_data, impact_type, impact_magnitude, timestamp,
        applied, applied_at, data;
    |query, filter| {
        filter.equals("character_id", query.character_id.as_ref())?;
        filter.only_if(query.applied_only, "applied");
        filter.only_if(!query.include_deleted, "deleted_at IS NULL");
    }
);

table!(
    EventImpact: event_id, character_id, impact_type, impact_data, applied, applied_at, reversion_data, is_reverted,
        reverted_at, notes, data;
    |query, filter| {
        filter.equals("character_id", query.character_id.as_ref())?;
        filter.equals("event_id", query.event_id.as_ref())?;
        filter.only_if(query.applied_only, "applied");
        filter.only_if(query.applied_only, "NOT is_reverted");
        filter.only_if(query.reverted_only, "is_reverted");
        filter.only_if(!query.include_deleted, "deleted_at IS NULL");
    }
);
