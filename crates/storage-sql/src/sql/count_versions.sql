SELECT character_id, count(*) FROM character_versions
WHERE character_id > $1
GROUP BY character_id
ORDER BY character_id
LIMIT $2
