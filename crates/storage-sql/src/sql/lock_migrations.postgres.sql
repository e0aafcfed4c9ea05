SELECT CAST(pg_advisory_xact_lock(CAST($1 AS bigint)::int, 0) AS text)
