-- $1 name; $2 policy; $3 place; $4 holder; $5 duration of the lease.
UPDATE retention_jobs
SET policy = $2, place = $3, holder = $4,
    leased_until = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) + CAST($5 AS bigint)
WHERE name = $1
