-- The state of the log and its last entry, of one snapshot.
WITH log AS MATERIALIZED (
    SELECT epoch, number, identity, purged_tick, purged_ordinal, pg_current_snapshot() AS target FROM storage_log
)
SELECT log.epoch, CAST(log.target AS text), log.identity,
       (SELECT CAST(oid AS text) FROM pg_database WHERE datname = current_database())
           || ':' || CAST(CAST(to_regclass('transactions') AS oid) AS text),
       log.purged_tick, log.purged_ordinal, true,
       CAST(0 AS bigint), last.id, CAST(CAST(last.tick AS text) AS bigint), last.ordinal, last.committed_at,
       NULL, NULL, NULL
FROM log
LEFT JOIN LATERAL (
    SELECT id, tick, ordinal, committed_at FROM transactions
    WHERE epoch = log.number
    ORDER BY tick DESC, ordinal DESC
    LIMIT 1
) AS last ON true
