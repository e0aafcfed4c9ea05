-- Times, ids and documents as in the first migration; words such as `attunement` as JSON has them.
-- A list is read from an index in its order: one of all rows of an owner, one of the live ones, which are what is
-- asked for most, and one for each filter. There are no foreign keys: rows outlive what they refer to, as they do in
-- every other storage. `revision > 0` holds for every row: only a list that names no owner says so, and only such a list
-- may follow an index over the whole table. Without statistics SQLite takes a partial index for a narrow one, and the
-- last made of several: that of a journal entry is partial, too, and stands behind that of the live rows.

CREATE TABLE campaigns (
    id         BLOB    PRIMARY KEY NOT NULL,
    revision   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    name       TEXT    NOT NULL,
    theme      TEXT    NOT NULL,
    dm_user_id BLOB,
    dm_name    TEXT,
    data       TEXT    NOT NULL
) STRICT;
CREATE INDEX campaigns_by_time ON campaigns (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX campaigns_live_by_time ON campaigns (created_at DESC, id DESC)
    WHERE deleted_at IS NULL AND revision > 0;

CREATE TABLE inventory_items (
    id           BLOB    PRIMARY KEY NOT NULL,
    revision     INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    deleted_at   INTEGER,
    character_id BLOB    NOT NULL,
    root_id      BLOB,
    theme        TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    item_type    TEXT    NOT NULL,
    quantity     INTEGER NOT NULL,
    equipped     INTEGER NOT NULL,
    attunement   TEXT    NOT NULL,
    container    BLOB,
    notes        TEXT,
    data         TEXT    NOT NULL
) STRICT;
CREATE INDEX inventory_items_by_time ON inventory_items (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX inventory_items_by_character ON inventory_items (character_id, created_at DESC, id DESC);
CREATE INDEX inventory_items_live_by_character ON inventory_items (character_id, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX inventory_items_equipped_by_character ON inventory_items (character_id, created_at DESC, id DESC)
    WHERE equipped;
CREATE INDEX inventory_items_by_root ON inventory_items (root_id, created_at DESC, id DESC) WHERE root_id IS NOT NULL;
CREATE INDEX inventory_items_by_container ON inventory_items (container, created_at DESC, id DESC)
    WHERE container IS NOT NULL;

CREATE TABLE journal_entries (
    id              BLOB    PRIMARY KEY NOT NULL,
    revision        INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    deleted_at      INTEGER,
    character_id    BLOB    NOT NULL,
    entry_type      TEXT    NOT NULL,
    timestamp       INTEGER NOT NULL,
    title           TEXT    NOT NULL,
    content         TEXT    NOT NULL,
    tags            TEXT    NOT NULL,
    session_number  INTEGER,
    session_date    INTEGER,
    dm_name         TEXT,
    session_summary TEXT,
    is_active       INTEGER NOT NULL,
    data            TEXT    NOT NULL
) STRICT;
CREATE INDEX journal_entries_by_time ON journal_entries (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX journal_entries_by_character ON journal_entries (character_id, created_at DESC, id DESC);
CREATE INDEX journal_entries_live_by_character ON journal_entries (character_id, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX journal_entries_by_type ON journal_entries (character_id, entry_type, created_at DESC, id DESC);
CREATE INDEX journal_entries_by_session ON journal_entries (character_id, session_number, created_at DESC, id DESC)
    WHERE session_number IS NOT NULL;

CREATE TABLE experience_entries (
    id               BLOB    PRIMARY KEY NOT NULL,
    revision         INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    deleted_at       INTEGER,
    character_id     BLOB    NOT NULL,
    journal_entry_id BLOB    NOT NULL,
    amount           INTEGER NOT NULL,
    source           TEXT    NOT NULL,
    reason           TEXT    NOT NULL,
    timestamp        INTEGER NOT NULL,
    session_id       BLOB,
    data             TEXT    NOT NULL
) STRICT;
CREATE INDEX experience_entries_by_time ON experience_entries (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX experience_entries_by_character ON experience_entries (character_id, created_at DESC, id DESC);
CREATE INDEX experience_entries_live_by_character ON experience_entries (character_id, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX experience_entries_by_entry ON experience_entries (journal_entry_id, created_at DESC, id DESC)
    WHERE journal_entry_id IS NOT NULL;

CREATE TABLE quests (
    id               BLOB    PRIMARY KEY NOT NULL,
    revision         INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    deleted_at       INTEGER,
    character_id     BLOB    NOT NULL,
    journal_entry_id BLOB    NOT NULL,
    title            TEXT    NOT NULL,
    description      TEXT    NOT NULL,
    status           TEXT    NOT NULL,
    importance       TEXT    NOT NULL,
    assigned_by      TEXT,
    rewards          TEXT    NOT NULL,
    progress         TEXT    NOT NULL,
    data             TEXT    NOT NULL
) STRICT;
CREATE INDEX quests_by_time ON quests (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX quests_by_character ON quests (character_id, created_at DESC, id DESC);
CREATE INDEX quests_live_by_character ON quests (character_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX quests_by_status ON quests (character_id, status, created_at DESC, id DESC);
CREATE INDEX quests_by_importance ON quests (character_id, importance, created_at DESC, id DESC);
CREATE INDEX quests_by_entry ON quests (journal_entry_id, created_at DESC, id DESC)
    WHERE journal_entry_id IS NOT NULL;

CREATE TABLE npc_relationships (
    id                BLOB    PRIMARY KEY NOT NULL,
    revision          INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    deleted_at        INTEGER,
    character_id      BLOB    NOT NULL,
    journal_entry_id  BLOB    NOT NULL,
    npc_id            BLOB,
    npc_name          TEXT    NOT NULL,
    relationship_type TEXT    NOT NULL,
    standing          INTEGER NOT NULL,
    notes             TEXT,
    last_interaction  INTEGER,
    data              TEXT    NOT NULL
) STRICT;
CREATE INDEX npc_relationships_by_time ON npc_relationships (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX npc_relationships_by_character ON npc_relationships (character_id, created_at DESC, id DESC);
CREATE INDEX npc_relationships_live_by_character ON npc_relationships (character_id, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX npc_relationships_by_type ON npc_relationships (character_id, relationship_type, created_at DESC, id DESC);
CREATE INDEX npc_relationships_by_entry ON npc_relationships (journal_entry_id, created_at DESC, id DESC)
    WHERE journal_entry_id IS NOT NULL;

CREATE TABLE campaign_events (
    id               BLOB    PRIMARY KEY NOT NULL,
    revision         INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    deleted_at       INTEGER,
    character_id     BLOB    NOT NULL,
    journal_entry_id BLOB,
    event_type       TEXT    NOT NULL,
    event_data       TEXT    NOT NULL,
    impact_type      TEXT    NOT NULL,
    impact_magnitude INTEGER NOT NULL,
    timestamp        INTEGER NOT NULL,
    applied          INTEGER NOT NULL,
    applied_at       INTEGER,
    data             TEXT    NOT NULL
) STRICT;
CREATE INDEX campaign_events_by_time ON campaign_events (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX campaign_events_by_character ON campaign_events (character_id, created_at DESC, id DESC);
CREATE INDEX campaign_events_live_by_character ON campaign_events (character_id, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX campaign_events_applied_by_character ON campaign_events (character_id, created_at DESC, id DESC)
    WHERE applied;

CREATE TABLE event_impacts (
    id             BLOB    PRIMARY KEY NOT NULL,
    revision       INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    deleted_at     INTEGER,
    event_id       BLOB    NOT NULL,
    character_id   BLOB    NOT NULL,
    impact_type    TEXT    NOT NULL,
    impact_data    TEXT    NOT NULL,
    applied        INTEGER NOT NULL,
    applied_at     INTEGER,
    reversion_data TEXT    NOT NULL,
    is_reverted    INTEGER NOT NULL,
    reverted_at    INTEGER,
    notes          TEXT,
    data           TEXT    NOT NULL
) STRICT;
CREATE INDEX event_impacts_by_time ON event_impacts (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX event_impacts_by_character ON event_impacts (character_id, created_at DESC, id DESC);
CREATE INDEX event_impacts_live_by_character ON event_impacts (character_id, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX event_impacts_in_force_by_character ON event_impacts (character_id, created_at DESC, id DESC)
    WHERE applied AND NOT is_reverted;
CREATE INDEX event_impacts_reverted_by_character ON event_impacts (character_id, created_at DESC, id DESC)
    WHERE is_reverted;
CREATE INDEX event_impacts_by_event ON event_impacts (event_id, created_at DESC, id DESC);

CREATE TABLE character_progress (
    id                BLOB    PRIMARY KEY NOT NULL,
    revision          INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    deleted_at        INTEGER,
    character_id      BLOB    NOT NULL,
    experience_points INTEGER NOT NULL,
    current_level     INTEGER NOT NULL,
    previous_level    INTEGER NOT NULL,
    level_updated_at  INTEGER,
    milestones        TEXT    NOT NULL,
    achievements      TEXT    NOT NULL,
    data              TEXT    NOT NULL
) STRICT;
CREATE INDEX character_progress_by_time ON character_progress (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX character_progress_by_character ON character_progress (character_id, created_at DESC, id DESC);

CREATE TABLE character_versions (
    id            BLOB    PRIMARY KEY NOT NULL,
    revision      INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    deleted_at    INTEGER,
    character_id  BLOB    NOT NULL,
    parent_id     BLOB,
    restored_from BLOB,
    author        TEXT,
    reason        TEXT    NOT NULL,
    label         TEXT,
    state         TEXT    NOT NULL,
    changes       TEXT    NOT NULL,
    related       TEXT    NOT NULL
) STRICT;
CREATE INDEX character_versions_by_time ON character_versions (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX character_versions_by_character ON character_versions (character_id, created_at DESC, id DESC);
CREATE INDEX character_versions_by_parent ON character_versions (parent_id, created_at DESC, id DESC)
    WHERE parent_id IS NOT NULL;

-- The indexes of the first migration under the same names, fit for every list: also for one with deleted rows, and not
-- for one of an owner.
DROP INDEX characters_by_theme;
DROP INDEX characters_by_time;
CREATE INDEX characters_by_theme ON characters (theme, created_at DESC, id DESC);
CREATE INDEX characters_by_time ON characters (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX characters_live_by_user ON characters (user_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX characters_in_play_by_user ON characters (user_id, created_at DESC, id DESC) WHERE is_active;
CREATE INDEX characters_by_user_and_theme ON characters (user_id, theme, created_at DESC, id DESC);
CREATE INDEX characters_by_parent ON characters (parent_id, created_at DESC, id DESC) WHERE parent_id IS NOT NULL;
DROP INDEX characters_by_campaign;
CREATE INDEX characters_by_campaign ON characters (campaign_id, created_at DESC, id DESC) WHERE campaign_id IS NOT NULL;
