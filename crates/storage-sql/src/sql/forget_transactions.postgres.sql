-- Rows of earlier epochs, 0 among them, remember transactions alone. $1 age; $2 limit.
DELETE FROM transactions
WHERE id IN (
    SELECT id FROM transactions
    WHERE epoch < (SELECT number FROM storage_log)
      AND committed_at < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) - CAST($1 AS bigint)
    LIMIT $2
)
RETURNING 1
