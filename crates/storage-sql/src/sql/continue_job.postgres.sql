-- $1 name; $2 holder; $3 place; $4 duration of the lease.
UPDATE retention_jobs
SET place = $3,
    leased_until = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) + CAST($4 AS bigint)
WHERE name = $1 AND holder = $2
RETURNING 1
