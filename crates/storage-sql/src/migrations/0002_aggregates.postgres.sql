-- Times, ids and documents as in the first migration; words such as `attunement` as JSON has them.
-- A list is read from an index in its order: one of all rows of an owner, one of the live ones, which are what is
-- asked for most, and one for each filter. There are no foreign keys: rows outlive what they refer to, as they do in
-- every other storage. `revision > 0` holds for every row: only a list that names no owner says so, and only such a list
-- may follow an index over the whole table.

CREATE TABLE campaigns (
    id         uuid   PRIMARY KEY,
    revision   bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint,
    name       text   NOT NULL,
    theme      text   NOT NULL,
    dm_user_id uuid,
    dm_name    text,
    data       text   NOT NULL
);
CREATE INDEX campaigns_by_time ON campaigns (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX campaigns_live_by_time ON campaigns (created_at DESC, id DESC)
    WHERE deleted_at IS NULL AND revision > 0;

CREATE TABLE inventory_items (
    id           uuid    PRIMARY KEY,
    revision     bigint  NOT NULL,
    created_at   bigint  NOT NULL,
    updated_at   bigint  NOT NULL,
    deleted_at   bigint,
    character_id uuid    NOT NULL,
    root_id      uuid,
    theme        text    NOT NULL,
    name         text    NOT NULL,
    item_type    text    NOT NULL,
    quantity     bigint  NOT NULL,
    equipped     boolean NOT NULL,
    attunement   text    NOT NULL,
    container    uuid,
    notes        text,
    data         text    NOT NULL
);
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
    id              uuid    PRIMARY KEY,
    revision        bigint  NOT NULL,
    created_at      bigint  NOT NULL,
    updated_at      bigint  NOT NULL,
    deleted_at      bigint,
    character_id    uuid    NOT NULL,
    entry_type      text    NOT NULL,
    timestamp       bigint  NOT NULL,
    title           text    NOT NULL,
    content         text    NOT NULL,
    tags            text    NOT NULL,
    session_number  bigint,
    session_date    bigint,
    dm_name         text,
    session_summary text,
    is_active       boolean NOT NULL,
    data            text    NOT NULL
);
CREATE INDEX journal_entries_by_time ON journal_entries (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX journal_entries_by_character ON journal_entries (character_id, created_at DESC, id DESC);
CREATE INDEX journal_entries_live_by_character ON journal_entries (character_id, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX journal_entries_by_type ON journal_entries (character_id, entry_type, created_at DESC, id DESC);
CREATE INDEX journal_entries_by_session ON journal_entries (character_id, session_number, created_at DESC, id DESC)
    WHERE session_number IS NOT NULL;

CREATE TABLE experience_entries (
    id               uuid   PRIMARY KEY,
    revision         bigint NOT NULL,
    created_at       bigint NOT NULL,
    updated_at       bigint NOT NULL,
    deleted_at       bigint,
    character_id     uuid   NOT NULL,
    journal_entry_id uuid   NOT NULL,
    amount           bigint NOT NULL,
    source           text   NOT NULL,
    reason           text   NOT NULL,
    timestamp        bigint NOT NULL,
    session_id       uuid,
    data             text   NOT NULL
);
CREATE INDEX experience_entries_by_time ON experience_entries (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX experience_entries_by_character ON experience_entries (character_id, created_at DESC, id DESC);
CREATE INDEX experience_entries_live_by_character ON experience_entries (character_id, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX experience_entries_by_entry ON experience_entries (journal_entry_id, created_at DESC, id DESC);

CREATE TABLE quests (
    id               uuid   PRIMARY KEY,
    revision         bigint NOT NULL,
    created_at       bigint NOT NULL,
    updated_at       bigint NOT NULL,
    deleted_at       bigint,
    character_id     uuid   NOT NULL,
    journal_entry_id uuid   NOT NULL,
    title            text   NOT NULL,
    description      text   NOT NULL,
    status           text   NOT NULL,
    importance       text   NOT NULL,
    assigned_by      text,
    rewards          text   NOT NULL,
    progress         text   NOT NULL,
    data             text   NOT NULL
);
CREATE INDEX quests_by_time ON quests (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX quests_by_character ON quests (character_id, created_at DESC, id DESC);
CREATE INDEX quests_live_by_character ON quests (character_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX quests_by_status ON quests (character_id, status, created_at DESC, id DESC);
CREATE INDEX quests_by_importance ON quests (character_id, importance, created_at DESC, id DESC);
CREATE INDEX quests_by_entry ON quests (journal_entry_id, created_at DESC, id DESC);

CREATE TABLE npc_relationships (
    id                uuid   PRIMARY KEY,
    revision          bigint NOT NULL,
    created_at        bigint NOT NULL,
    updated_at        bigint NOT NULL,
    deleted_at        bigint,
    character_id      uuid   NOT NULL,
    journal_entry_id  uuid   NOT NULL,
    npc_id            uuid,
    npc_name          text   NOT NULL,
    relationship_type text   NOT NULL,
    standing          bigint NOT NULL,
    notes             text,
    last_interaction  bigint,
    data              text   NOT NULL
);
CREATE INDEX npc_relationships_by_time ON npc_relationships (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX npc_relationships_by_character ON npc_relationships (character_id, created_at DESC, id DESC);
CREATE INDEX npc_relationships_live_by_character ON npc_relationships (character_id, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX npc_relationships_by_type ON npc_relationships (character_id, relationship_type, created_at DESC, id DESC);
CREATE INDEX npc_relationships_by_entry ON npc_relationships (journal_entry_id, created_at DESC, id DESC);

CREATE TABLE campaign_events (
    id               uuid    PRIMARY KEY,
    revision         bigint  NOT NULL,
    created_at       bigint  NOT NULL,
    updated_at       bigint  NOT NULL,
    deleted_at       bigint,
    character_id     uuid    NOT NULL,
    journal_entry_id uuid,
    event_type       text    NOT NULL,
    event_data       text    NOT NULL,
    impact_type      text    NOT NULL,
    impact_magnitude bigint  NOT NULL,
    timestamp        bigint  NOT NULL,
    applied          boolean NOT NULL,
    applied_at       bigint,
    data             text    NOT NULL
);
CREATE INDEX campaign_events_by_time ON campaign_events (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX campaign_events_by_character ON campaign_events (character_id, created_at DESC, id DESC);
CREATE INDEX campaign_events_live_by_character ON campaign_events (character_id, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX campaign_events_applied_by_character ON campaign_events (character_id, created_at DESC, id DESC)
    WHERE applied;

CREATE TABLE event_impacts (
    id             uuid    PRIMARY KEY,
    revision       bigint  NOT NULL,
    created_at     bigint  NOT NULL,
    updated_at     bigint  NOT NULL,
    deleted_at     bigint,
    event_id       uuid    NOT NULL,
    character_id   uuid    NOT NULL,
    impact_type    text    NOT NULL,
    impact_data    text    NOT NULL,
    applied        boolean NOT NULL,
    applied_at     bigint,
    reversion_data text    NOT NULL,
    is_reverted    boolean NOT NULL,
    reverted_at    bigint,
    notes          text,
    data           text    NOT NULL
);
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
    id                uuid   PRIMARY KEY,
    revision          bigint NOT NULL,
    created_at        bigint NOT NULL,
    updated_at        bigint NOT NULL,
    deleted_at        bigint,
    character_id      uuid   NOT NULL,
    experience_points bigint NOT NULL,
    current_level     bigint NOT NULL,
    previous_level    bigint NOT NULL,
    level_updated_at  bigint,
    milestones        text   NOT NULL,
    achievements      text   NOT NULL,
    data              text   NOT NULL
);
CREATE INDEX character_progress_by_time ON character_progress (created_at DESC, id DESC) WHERE revision > 0;
CREATE INDEX character_progress_by_character ON character_progress (character_id, created_at DESC, id DESC);

CREATE TABLE character_versions (
    id            uuid   PRIMARY KEY,
    revision      bigint NOT NULL,
    created_at    bigint NOT NULL,
    updated_at    bigint NOT NULL,
    deleted_at    bigint,
    character_id  uuid   NOT NULL,
    parent_id     uuid,
    restored_from uuid,
    author        text,
    reason        text   NOT NULL,
    label         text,
    state         text   NOT NULL,
    changes       text   NOT NULL,
    related       text   NOT NULL
);
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
