//! The table of versions.

use crate::table::table;
use character_domain::CharacterVersion;

table!(
    CharacterVersion: character_id, parent_id, restored_from, author, reason, label, state, changes, related;
    |query, filter| {
        filter.equals("character_id", query.character_id.as_ref())?;
        filter.equals("parent_id", query.parent_id.as_ref())?;
        filter.only_if(!query.include_deleted, "deleted_at IS NULL");
    }
);
