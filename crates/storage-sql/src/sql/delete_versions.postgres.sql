DELETE FROM character_versions WHERE id = ANY(CAST($1 AS uuid[]))
