SELECT id, parent_id, revision, deleted_at IS NOT NULL OR label IS NOT NULL, related
FROM character_versions
WHERE id = ANY(CAST($1 AS uuid[]))
ORDER BY created_at DESC, id DESC
