-- A character of another theme continues from such a version. $1 versions; $2 their character.
SELECT parent_id FROM character_versions
WHERE parent_id = ANY(CAST($1 AS uuid[])) AND character_id <> $2
