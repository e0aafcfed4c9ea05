SELECT 1 FROM character_versions WHERE id = $1
