-- The row that remembers a transaction becomes its entry of the log. The release before this one writes entries too: the
-- defaults give them their place, and `news` is unknown. Epoch 0 has the rows from before, which are no entries.
ALTER TABLE transactions
    ADD COLUMN epoch       integer NOT NULL DEFAULT 0,
    ADD COLUMN tick        xid8,
    ADD COLUMN ordinal     integer NOT NULL DEFAULT 0,
    ADD COLUMN news        text,
    ADD COLUMN events      text,
    ADD COLUMN traceparent text;
ALTER TABLE transactions
    ALTER COLUMN epoch SET DEFAULT 1,
    ALTER COLUMN tick SET DEFAULT pg_current_xact_id();
CREATE INDEX transactions_by_tick ON transactions (epoch, tick, ordinal);

-- One row. Everything up to `purged_tick` and `purged_ordinal` is no longer kept.
CREATE TABLE storage_log (
    id             integer PRIMARY KEY CHECK (id = 1),
    epoch          uuid    NOT NULL,
    number         integer NOT NULL,
    identity       text    NOT NULL,
    purged_tick    bigint  NOT NULL,
    purged_ordinal integer NOT NULL
);
INSERT INTO storage_log VALUES (1, gen_random_uuid(), 1, '', 0, 0);

CREATE TABLE consumers (
    name         text   PRIMARY KEY,
    position     text   NOT NULL,
    lease        uuid,
    holder       uuid,
    leased_until bigint
);

CREATE TABLE parked_events (
    consumer  text    NOT NULL,
    event_id  uuid    NOT NULL,
    event     text    NOT NULL,
    reason    text    NOT NULL,
    parked_at bigint  NOT NULL,
    replay    boolean NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
