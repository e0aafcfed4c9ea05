-- The state of the log and its last entry, of one snapshot.
WITH last AS (
    SELECT id, tick, committed_at FROM transactions WHERE tick IS NOT NULL ORDER BY tick DESC LIMIT 1
),
log AS (
    SELECT epoch, purged_tick, MAX(COALESCE((SELECT tick FROM last), 0), purged_tick) + 1 AS xmax FROM storage_log
)
SELECT log.epoch, log.xmax || ':' || log.xmax || ':', '', '', log.purged_tick, 0, 1,
       0, last.id, last.tick, 0, last.committed_at, NULL, NULL, NULL
FROM log LEFT JOIN last ON 1
