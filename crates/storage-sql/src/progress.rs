//! The table of progress.

use crate::table::table;
use character_domain::CharacterProgress;

table!(
    CharacterProgress: character_id, experience_points, current_level, previous_level, level_updated_at, milestones,
        achievements, data;
    |query, filter| {
        filter.equals("character_id", query.character_id.as_ref())?;
        filter.only_if(!query.include_deleted, "deleted_at IS NULL");
    }
);
