SELECT count(*) FROM (SELECT 1 FROM transactions WHERE tick > 0 LIMIT $1) AS counted
