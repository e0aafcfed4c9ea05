UPDATE character_versions
SET revision = $2, updated_at = $3, parent_id = $4, changes = $5, related = $6
WHERE id = $1
