-- $1 age from which an entry is old; $2 age from which it is too old; $3 limit.
SELECT id, CAST(CAST(tick AS text) AS bigint), ordinal,
       committed_at < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) - CAST($1 AS bigint),
       committed_at < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) - CAST($2 AS bigint)
FROM transactions
WHERE epoch = (SELECT number FROM storage_log)
ORDER BY tick, ordinal
LIMIT $3
