SELECT committed_at FROM transactions WHERE tick > 0 ORDER BY tick LIMIT 1
