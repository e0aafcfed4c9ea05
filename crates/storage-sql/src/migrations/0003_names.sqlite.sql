-- Columns that are computed from others, for comparisons: the folded name, and the normalized tags. A row that an earlier
-- release wrote holds an empty text in them until the next start fills it.
ALTER TABLE characters ADD COLUMN name_folded TEXT NOT NULL DEFAULT '';
CREATE INDEX characters_to_fill ON characters (id) WHERE name_folded = '';
ALTER TABLE inventory_items ADD COLUMN name_folded TEXT NOT NULL DEFAULT '';
CREATE INDEX inventory_items_to_fill ON inventory_items (id) WHERE name_folded = '';
ALTER TABLE journal_entries ADD COLUMN tags_normalized TEXT NOT NULL DEFAULT '';
CREATE INDEX journal_entries_to_fill ON journal_entries (id) WHERE tags_normalized = '';

-- Each serves both directions of its order.
CREATE INDEX characters_by_change ON characters (updated_at, id) WHERE revision > 0;
CREATE INDEX characters_by_name ON characters (name_folded, id) WHERE revision > 0;
CREATE INDEX characters_by_user_and_change ON characters (user_id, updated_at, id);
CREATE INDEX characters_by_user_and_name ON characters (user_id, name_folded, id);
CREATE INDEX characters_by_campaign_and_change ON characters (campaign_id, updated_at, id)
    WHERE campaign_id IS NOT NULL;
CREATE INDEX characters_by_campaign_and_name ON characters (campaign_id, name_folded, id)
    WHERE campaign_id IS NOT NULL;
CREATE INDEX characters_by_theme_and_change ON characters (theme, updated_at, id);
CREATE INDEX characters_by_theme_and_name ON characters (theme, name_folded, id);
CREATE INDEX inventory_items_by_change ON inventory_items (updated_at, id) WHERE revision > 0;
CREATE INDEX inventory_items_by_name ON inventory_items (name_folded, id) WHERE revision > 0;
CREATE INDEX inventory_items_by_character_and_change ON inventory_items (character_id, updated_at, id);
CREATE INDEX inventory_items_by_character_and_name ON inventory_items (character_id, name_folded, id);
