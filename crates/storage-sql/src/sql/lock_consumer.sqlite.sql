SELECT position, lease, holder, leased_until > CAST(unixepoch('now', 'subsec') * 1000000 AS integer)
FROM consumers
WHERE name = $1
