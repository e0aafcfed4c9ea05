-- The entries behind a place that the target holds: of one snapshot, since it is one statement.
-- $1 target, NULL for what is visible now; $2, $3 ticks that were open at the place, and the last entry of each that has been
-- told; $4, $5 the place above which nothing has been told; $6 limit; $7 bytes; $8, $9 tick and transaction of the commit that
-- must be there.
WITH log AS MATERIALIZED (
    SELECT epoch, number, identity, purged_tick, purged_ordinal,
           COALESCE(CAST(CAST($1 AS text) AS pg_snapshot), pg_current_snapshot()) AS target
    FROM storage_log
),
entries AS (
    (
        SELECT entry.id, entry.tick, entry.ordinal, entry.committed_at, entry.news, entry.events, entry.traceparent
        FROM unnest(CAST($2 AS bigint[]), CAST($3 AS bigint[])) AS open (tick, told)
        CROSS JOIN LATERAL (
            SELECT * FROM transactions
            WHERE epoch = (SELECT number FROM log)
              AND tick = CAST(CAST(open.tick AS text) AS xid8)
              AND ordinal > open.told
            ORDER BY ordinal
            LIMIT CAST($6 AS bigint) + 1
        ) AS entry
        WHERE pg_visible_in_snapshot(CAST(CAST(open.tick AS text) AS xid8), (SELECT target FROM log))
        LIMIT CAST($6 AS bigint) + 1
    )
    UNION ALL
    (
        SELECT id, tick, ordinal, committed_at, news, events, traceparent
        FROM transactions
        -- Compared as rows: a planner without statistics would take `epoch = n` for a few rows, and sort them.
        WHERE (epoch, tick, ordinal) > (
                  (SELECT number FROM log),
                  CAST(CAST(CAST($4 AS bigint) AS text) AS xid8),
                  CAST(CAST($5 AS bigint) AS integer)
              )
          AND (epoch, tick) < ((SELECT number FROM log), pg_snapshot_xmax((SELECT target FROM log)))
          AND pg_visible_in_snapshot(tick, (SELECT target FROM log))
        ORDER BY epoch, tick, ordinal
        LIMIT CAST($6 AS bigint) + 1
    )
),
sized AS (
    SELECT *,
           row_number() OVER () AS place,
           count(*) OVER () AS found,
           sum(octet_length(COALESCE(news, '')) + octet_length(COALESCE(events, '')))
               OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
    FROM entries
),
page AS (
    SELECT * FROM sized WHERE place <= CAST($6 AS bigint) AND COALESCE(bytes_before, 0) <= CAST($7 AS bigint)
)
SELECT log.epoch, CAST(log.target AS text), log.identity,
       (SELECT CAST(oid AS text) FROM pg_database WHERE datname = current_database())
           || ':' || CAST(CAST(to_regclass('transactions') AS oid) AS text),
       log.purged_tick, log.purged_ordinal,
       EXISTS (
           SELECT 1 FROM transactions
           WHERE id = CAST($9 AS uuid) AND epoch = log.number
             AND tick = CAST(CAST(CAST($8 AS bigint) AS text) AS xid8)
       ),
       page.found, page.id, CAST(CAST(page.tick AS text) AS bigint), page.ordinal, page.committed_at, page.news,
       page.events, page.traceparent
FROM log LEFT JOIN page ON true
