-- Times are microseconds since 1970-01-01 UTC. Documents are text: what goes in comes out, to the letter.
CREATE TABLE characters (
    id          uuid    PRIMARY KEY,
    revision    bigint  NOT NULL,
    created_at  bigint  NOT NULL,
    updated_at  bigint  NOT NULL,
    deleted_at  bigint,
    parent_id   uuid,
    theme       text    NOT NULL,
    name        text    NOT NULL,
    user_id     uuid    NOT NULL,
    campaign_id uuid,
    data        text    NOT NULL,
    is_active   boolean NOT NULL
);
CREATE INDEX characters_by_time ON characters (created_at DESC, id DESC);
CREATE INDEX characters_by_user ON characters (user_id, created_at DESC, id DESC);
CREATE INDEX characters_by_campaign ON characters (campaign_id, created_at DESC, id DESC) WHERE campaign_id IS NOT NULL;
CREATE INDEX characters_by_theme ON characters (theme, created_at DESC, id DESC) WHERE deleted_at IS NULL;

CREATE TABLE transactions (
    id           uuid   PRIMARY KEY,
    fingerprint  text   NOT NULL,
    outcome      text,
    committed_at bigint NOT NULL
);
CREATE INDEX transactions_by_time ON transactions (committed_at);

CREATE TABLE outbox (
    position     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id     uuid   NOT NULL,
    subject      uuid   NOT NULL,
    event        text   NOT NULL,
    leased_until bigint
);
CREATE INDEX outbox_by_event ON outbox (event_id);
CREATE INDEX outbox_by_lease ON outbox (leased_until) WHERE leased_until IS NOT NULL;
