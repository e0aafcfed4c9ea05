UPDATE consumers SET position = $3 WHERE name = $1 AND lease = $2 RETURNING 1
