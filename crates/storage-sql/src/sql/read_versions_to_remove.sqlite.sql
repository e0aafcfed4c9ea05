SELECT id, parent_id, revision, deleted_at IS NOT NULL OR label IS NOT NULL, related
FROM character_versions
WHERE id IN (SELECT unhex(value) FROM json_each($1))
ORDER BY created_at DESC, id DESC
