//! The table of characters.

use crate::{
    derived::{NAME, NAME_FOLDED},
    table::table,
};
use character_domain::Character;

table!(Character: parent_id, theme, name, user_id, campaign_id, data, is_active; derived NAME; |query, filter| {
    filter.equals("user_id", query.user_id.as_ref())?;
    filter.equals("campaign_id", query.campaign_id.as_ref())?;
    filter.equals("parent_id", query.parent_id.as_ref())?;
    filter.equals("theme", query.theme.as_ref())?;
    filter.contains(NAME_FOLDED, query.name.as_ref());
    filter.only_if(query.active_only, "is_active");
    filter.only_if(!query.include_deleted, "deleted_at IS NULL");
});
