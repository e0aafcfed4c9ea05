-- Rows from before the log remember transactions alone. $1 age; $2 limit.
DELETE FROM transactions
WHERE id IN (
    SELECT id FROM transactions
    WHERE tick IS NULL AND committed_at < CAST(unixepoch('now', 'subsec') * 1000000 AS integer) - $1
    LIMIT $2
)
RETURNING 1
