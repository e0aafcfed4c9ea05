-- A character of another theme continues from such a version. $1 versions; $2 their character.
SELECT parent_id FROM character_versions
WHERE parent_id IN (SELECT unhex(value) FROM json_each($1)) AND character_id <> $2
