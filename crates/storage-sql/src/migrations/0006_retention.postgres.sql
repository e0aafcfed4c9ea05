-- One row for each job that removes what is no longer kept. A pass is active while `place` holds the last character that
-- it has done; the process in `holder` does it until `leased_until`.
CREATE TABLE retention_jobs (
    name         text   PRIMARY KEY,
    policy       text   NOT NULL,
    place        uuid,
    holder       uuid,
    leased_until bigint,
    ended_at     bigint,
    removed      bigint NOT NULL
);
