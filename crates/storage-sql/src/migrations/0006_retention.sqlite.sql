-- One row for each job that removes what is no longer kept. A pass is active while `place` holds the last character that
-- it has done; the process in `holder` does it until `leased_until`.
CREATE TABLE retention_jobs (
    name         TEXT    PRIMARY KEY NOT NULL,
    policy       TEXT    NOT NULL,
    place        BLOB,
    holder       BLOB,
    leased_until INTEGER,
    ended_at     INTEGER,
    removed      INTEGER NOT NULL
) STRICT;
