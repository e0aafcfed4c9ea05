SELECT committed_at FROM transactions
WHERE epoch = (SELECT number FROM storage_log)
ORDER BY tick, ordinal
LIMIT 1
