-- Each schema has a channel of its own.
SELECT 'character_log_' || CAST(CAST(to_regclass('transactions') AS oid) AS text)
