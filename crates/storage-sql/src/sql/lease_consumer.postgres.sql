-- $1 name; $2 position; $3 lease; $4 holder; $5 duration of the lease.
UPDATE consumers
SET position = $2, lease = $3, holder = $4,
    leased_until = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) + CAST($5 AS bigint)
WHERE name = $1
