SELECT count(*)
FROM (SELECT 1 FROM transactions WHERE epoch = (SELECT number FROM storage_log) LIMIT $1) AS counted
