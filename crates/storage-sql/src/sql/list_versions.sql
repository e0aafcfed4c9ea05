SELECT id, created_at, deleted_at IS NOT NULL OR label IS NOT NULL, parent_id, restored_from
FROM character_versions
WHERE character_id = $1
ORDER BY created_at DESC, id DESC
