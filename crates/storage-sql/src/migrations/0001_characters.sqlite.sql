-- Times are microseconds since 1970-01-01 UTC. Ids are the 16 bytes of a UUID, so that they sort by their bytes.
-- Documents are text: what goes in comes out, to the letter.
CREATE TABLE characters (
    id          BLOB    PRIMARY KEY NOT NULL,
    revision    INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    deleted_at  INTEGER,
    parent_id   BLOB,
    theme       TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    user_id     BLOB    NOT NULL,
    campaign_id BLOB,
    data        TEXT    NOT NULL,
    is_active   INTEGER NOT NULL
) STRICT;
CREATE INDEX characters_by_time ON characters (created_at DESC, id DESC);
CREATE INDEX characters_by_user ON characters (user_id, created_at DESC, id DESC);
CREATE INDEX characters_by_campaign ON characters (campaign_id, created_at DESC, id DESC) WHERE campaign_id IS NOT NULL;
CREATE INDEX characters_by_theme ON characters (theme, created_at DESC, id DESC) WHERE deleted_at IS NULL;

CREATE TABLE transactions (
    id           BLOB    PRIMARY KEY NOT NULL,
    fingerprint  TEXT    NOT NULL,
    outcome      TEXT,
    committed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX transactions_by_time ON transactions (committed_at);

CREATE TABLE outbox (
    position     INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id     BLOB    NOT NULL,
    subject      BLOB    NOT NULL,
    event        TEXT    NOT NULL,
    leased_until INTEGER
) STRICT;
CREATE INDEX outbox_by_event ON outbox (event_id);
CREATE INDEX outbox_by_lease ON outbox (leased_until) WHERE leased_until IS NOT NULL;
