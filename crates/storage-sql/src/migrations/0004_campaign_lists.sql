-- Campaigns are listed by their game master and by their theme.
CREATE INDEX campaigns_by_game_master ON campaigns (dm_user_id, created_at DESC, id DESC)
    WHERE dm_user_id IS NOT NULL;
CREATE INDEX campaigns_by_theme ON campaigns (theme, created_at DESC, id DESC);
