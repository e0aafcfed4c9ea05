//! The tables of the journal.

use crate::{derived::TAGS, table::table};
use character_domain::{ExperienceEntry, JournalEntry, NpcRelationship, Quest};

table!(
    JournalEntry: character_id, entry_type, timestamp, title, content, tags, session_number, session_date, dm_name,
        session_summary, is_active, data;
    derived TAGS;
    |query, filter| {
        filter.equals("character_id", query.character_id.as_ref())?;
        filter.equals("entry_type", query.entry_type.as_ref())?;
        filter.equals("session_number", query.session_number.as_ref())?;
        filter.holds_all("COALESCE(NULLIF(tags_normalized, ''), tags)", &query.tags.0)?;
        filter.only_if(!query.include_deleted, "deleted_at IS NULL");
    }
);

table!(
    ExperienceEntry: character_id, journal_entry_id, amount, source, reason, timestamp, session_id, data;
    |query, filter| {
        filter.equals("character_id", query.character_id.as_ref())?;
        filter.equals("journal_entry_id", query.journal_entry_id.as_ref())?;
        filter.only_if(!query.include_deleted, "deleted_at IS NULL");
    }
);

table!(
    Quest: character_id, journal_entry_id, title, description, status, importance, assigned_by, rewards, progress, data;
    |query, filter| {
        filter.equals("character_id", query.character_id.as_ref())?;
        filter.equals("journal_entry_id", query.journal_entry_id.as_ref())?;
        filter.equals("status", query.status.as_ref())?;
        filter.equals("importance", query.importance.as_ref())?;
        filter.only_if(!query.include_deleted, "deleted_at IS NULL");
    }
);

table!(
    NpcRelationship: character_id, journal_entry_id, npc_id, npc_name, relationship_type, standing, notes,
        last_interaction, data;
    |query, filter| {
        filter.equals("character_id", query.character_id.as_ref())?;
        filter.equals("journal_entry_id", query.journal_entry_id.as_ref())?;
        filter.equals("relationship_type", query.relationship_type.as_ref())?;
        filter.only_if(!query.include_deleted, "deleted_at IS NULL");
    }
);
