DELETE FROM character_versions WHERE id IN (SELECT unhex(value) FROM json_each($1))
