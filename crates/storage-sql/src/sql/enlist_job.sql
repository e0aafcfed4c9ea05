INSERT INTO retention_jobs (name, policy, removed) VALUES ($1, '', 0) ON CONFLICT DO NOTHING
