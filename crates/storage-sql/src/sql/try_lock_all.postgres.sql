-- Answers for each, in this order, whether it was free.
SELECT CASE WHEN shared
           THEN pg_try_advisory_xact_lock_shared(space::int, lock::int)
           ELSE pg_try_advisory_xact_lock(space::int, lock::int)
       END
FROM UNNEST(CAST($1 AS bigint[]), CAST($2 AS bigint[]), CAST($3 AS boolean[])) AS lock (space, lock, shared)
