-- $1 name; $2 position; $3 lease; $4 holder; $5 duration of the lease.
UPDATE consumers
SET position = $2, lease = $3, holder = $4,
    leased_until = CAST(unixepoch('now', 'subsec') * 1000000 AS integer) + $5
WHERE name = $1
