UPDATE consumers SET position = $2 WHERE name = $1
