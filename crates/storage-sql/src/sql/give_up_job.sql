UPDATE retention_jobs SET holder = NULL, leased_until = NULL WHERE name = $1 AND holder = $2 RETURNING 1
