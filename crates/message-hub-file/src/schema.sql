CREATE TABLE events (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    published_at INTEGER NOT NULL,
    type         TEXT NOT NULL,
    subject      TEXT,
    message_id   TEXT NOT NULL UNIQUE,
    bytes        INTEGER NOT NULL,
    event        BLOB NOT NULL
);
CREATE TABLE subscriptions (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    name   TEXT NOT NULL UNIQUE,
    filter TEXT NOT NULL
);
-- What a subscription has not settled.
CREATE TABLE pending (
    subscription INTEGER NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    sequence     INTEGER NOT NULL,
    PRIMARY KEY (subscription, sequence)
) WITHOUT ROWID;
CREATE TABLE rejected (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    subscription INTEGER NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    sequence     INTEGER NOT NULL,
    rejected_at  INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    event_id     TEXT NOT NULL,
    source       TEXT NOT NULL,
    type         TEXT NOT NULL
);
CREATE INDEX rejected_by_subscription ON rejected (subscription, id);
-- One row, which a probe writes to prove that the file takes writes.
CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL);
