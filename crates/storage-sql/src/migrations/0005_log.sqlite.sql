-- The row that remembers a transaction becomes its entry of the log. Rows from before have no tick and are no entries.
ALTER TABLE transactions ADD COLUMN tick INTEGER;
ALTER TABLE transactions ADD COLUMN news TEXT;
ALTER TABLE transactions ADD COLUMN events TEXT;
ALTER TABLE transactions ADD COLUMN traceparent TEXT;
CREATE UNIQUE INDEX transactions_by_tick ON transactions (tick);

-- One row. Everything up to `purged_tick` is no longer kept.
CREATE TABLE storage_log (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    epoch          BLOB    NOT NULL,
    purged_tick    INTEGER NOT NULL
) STRICT;
INSERT INTO storage_log VALUES (1, randomblob(16), 0);

-- Entries of the release before this one get their place, too; what they changed is unknown.
CREATE TRIGGER transactions_tick AFTER INSERT ON transactions WHEN NEW.tick IS NULL BEGIN
    UPDATE transactions
    SET tick = (SELECT MAX(COALESCE((SELECT MAX(tick) FROM transactions), 0), purged_tick) + 1 FROM storage_log)
    WHERE id = NEW.id;
END;

CREATE TABLE consumers (
    name         TEXT    PRIMARY KEY NOT NULL,
    position     TEXT    NOT NULL,
    lease        BLOB,
    holder       BLOB,
    leased_until INTEGER
) STRICT;

CREATE TABLE parked_events (
    consumer  TEXT    NOT NULL,
    event_id  BLOB    NOT NULL,
    event     TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    parked_at INTEGER NOT NULL,
    replay    INTEGER NOT NULL,
    PRIMARY KEY (consumer, event_id)
) STRICT;
