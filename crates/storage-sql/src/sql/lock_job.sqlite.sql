-- $1 name; $2 how long a complete pass lasts.
SELECT policy, place,
       COALESCE(leased_until > CAST(unixepoch('now', 'subsec') * 1000000 AS integer), false),
       COALESCE(ended_at > CAST(unixepoch('now', 'subsec') * 1000000 AS integer) - $2, false)
FROM retention_jobs
WHERE name = $1
