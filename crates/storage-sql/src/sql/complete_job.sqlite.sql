UPDATE retention_jobs
SET place = NULL, holder = NULL, leased_until = NULL,
    ended_at = CAST(unixepoch('now', 'subsec') * 1000000 AS integer)
WHERE name = $1 AND holder = $2
RETURNING 1
