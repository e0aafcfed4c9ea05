UPDATE retention_jobs SET removed = removed + CAST($2 AS bigint) WHERE name = $1
