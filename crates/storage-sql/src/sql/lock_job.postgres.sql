-- $1 name; $2 how long a complete pass lasts.
SELECT policy, place,
       COALESCE(leased_until > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint), false),
       COALESCE(
           ended_at > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) - CAST($2 AS bigint), false
       )
FROM retention_jobs
WHERE name = $1
FOR UPDATE
