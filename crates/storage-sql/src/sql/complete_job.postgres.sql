UPDATE retention_jobs
SET place = NULL, holder = NULL, leased_until = NULL,
    ended_at = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)
WHERE name = $1 AND holder = $2
RETURNING 1
