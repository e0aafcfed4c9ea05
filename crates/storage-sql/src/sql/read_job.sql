SELECT place IS NOT NULL, ended_at, removed FROM retention_jobs WHERE name = $1
