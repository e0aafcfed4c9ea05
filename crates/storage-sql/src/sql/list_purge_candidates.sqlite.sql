-- $1 age from which an entry is old; $2 age from which it is too old; $3 limit.
SELECT id, tick, 0,
       committed_at < CAST(unixepoch('now', 'subsec') * 1000000 AS integer) - $1,
       committed_at < CAST(unixepoch('now', 'subsec') * 1000000 AS integer) - $2
FROM transactions
WHERE tick > 0
ORDER BY tick
LIMIT $3
