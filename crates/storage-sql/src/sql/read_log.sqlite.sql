-- The entries behind a tick and below the target: of one snapshot, since it is one statement.
-- $1 tick; $2 limit; $3 bytes; $4, $5 tick and transaction of the commit that must be there; $6 target, NULL for what is visible
-- now.
WITH log AS (
    SELECT epoch, purged_tick,
           MAX(COALESCE((SELECT MAX(tick) FROM transactions), 0), purged_tick) + 1 AS xmax
    FROM storage_log
),
entries AS (
    SELECT id, tick, committed_at, news, events, traceparent
    FROM transactions
    WHERE tick > $1 AND tick < COALESCE($6, 9223372036854775807)
    ORDER BY tick
    LIMIT $2 + 1
),
sized AS (
    SELECT *,
           row_number() OVER (ORDER BY tick) AS place,
           count(*) OVER () AS found,
           sum(octet_length(COALESCE(news, '')) + octet_length(COALESCE(events, '')))
               OVER (ORDER BY tick ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
    FROM entries
),
page AS (
    SELECT * FROM sized WHERE place <= $2 AND COALESCE(bytes_before, 0) <= $3
)
SELECT log.epoch, log.xmax || ':' || log.xmax || ':', '', '', log.purged_tick, 0,
       EXISTS (SELECT 1 FROM transactions WHERE id = $5 AND tick = $4),
       page.found, page.id, page.tick, 0, page.committed_at, page.news, page.events, page.traceparent
FROM log LEFT JOIN page ON 1
ORDER BY page.tick
