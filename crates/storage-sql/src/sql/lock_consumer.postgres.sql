SELECT position, lease, holder, leased_until > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)
FROM consumers
WHERE name = $1
FOR UPDATE
