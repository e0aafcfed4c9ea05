SELECT CASE WHEN shared
           THEN CAST(pg_advisory_xact_lock_shared(space::int, lock::int) AS text)
           ELSE CAST(pg_advisory_xact_lock(space::int, lock::int) AS text)
       END
FROM UNNEST(CAST($1 AS bigint[]), CAST($2 AS bigint[]), CAST($3 AS boolean[])) AS lock (space, lock, shared)
